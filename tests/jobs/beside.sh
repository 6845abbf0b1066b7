#!/bin/sh
# Checkpoints are written while training goes on: a slow disk holds up no step but where there is no other way, and what is
# written is the run as it stood.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
if ! faulty; then
    skip "a slow disk" "tests/jobs/fault.so is not there or cannot be preloaded"
    finish
fi
limit=${limit:-300} # of one run, on a machine with much else to do
model small25
job job.yaml small25
sed -i '/^max_steps\|^save_steps\|^logging_steps\|^gradient_acc\|^image_max/d' job.yaml
cat >> job.yaml << EOF
image_max_pixels: 12544
max_samples: 24
lora_dropout: 0.1
gradient_accumulation_steps: 1
max_steps: 12
logging_steps: 1
save_steps: 5
EOF
# same_checkpoint DIR DIR STEP: what is learned and the logs; times differ.
same_checkpoint() {
    cmp "$1/checkpoint-$3/adapter_model.safetensors" "$2/checkpoint-$3/adapter_model.safetensors" &&
        numbers "$1/checkpoint-$3/trainer_state.json" loss > a.loss && numbers "$2/checkpoint-$3/trainer_state.json" loss > b.loss &&
        cmp a.loss b.loss
}
# in_order TEXT TEXT: the last run said the first one before the second.
in_order() {
    awk -v first="$1" -v second="$2" 'index($0, first) { f = NR } index($0, second) { if (f) ok = 1; exit } END { exit !ok }' log
}
# slow MS COMMAND ...: with a disk on which a checkpoint's state takes twice as long (it is brought to the disk by itself and
# with the folder), on rank 0, which writes.
slow() {
    slow_ms=$1
    shift
    FAULT=slow-sync:state.h5,$slow_ms FAULT_RANK=0 LD_PRELOAD=$fault "$@"
}
for ranks in 1 2; do
    on $ranks train job.yaml output_dir=whole$ranks
    check "$ranks ranks, a disk as it is: exit $rc" rc_is 0
    slow 1500 on $ranks train job.yaml output_dir=slow$ranks
    check "$ranks ranks, a slow disk: exit $rc" rc_is 0
    check "$ranks ranks, a slow disk: steps go on while a checkpoint is written" in_order 'step 6/' 'checkpoint-5 written'
    check "$ranks ranks, a slow disk: one at a time" in_order 'checkpoint-5 written' 'step 11/'
    check "$ranks ranks, a slow disk: the last one before the end" in_order 'checkpoint-12 written' 'trained in'
    check "$ranks ranks, a slow disk: the same bits and lines" same_run whole$ranks slow$ranks
    for step in 5 10 12; do
        check "$ranks ranks, a slow disk: checkpoint-$step is of its step" same_checkpoint whole$ranks slow$ranks $step
    done
    check "$ranks ranks, a slow disk: nothing unfinished is left" sh -c "! find slow$ranks -name '.[a-z]*' | grep ."
done

# ---- told to stop while one is written: that one and its own are finished ----
slow 3000 begin 2 train job.yaml output_dir=told max_steps=60 save_steps=5
find_ranks
until_said 'step 6/'
kill -USR1 ${members%% *}
end_of
last=$(sed 's/checkpoint-//' told/latest)
check "told to stop while one is written: exit $rc" rc_is 75
check "told to stop while one is written: both are there: 5 and $last" sh -c "[ $last -gt 5 ] && '$program' info told/checkpoint-5 && '$program' info told/checkpoint-$last"

# ---- killed while one is written: the one before counts ----
slow 60000 begin 2 train job.yaml output_dir=killed max_steps=60 save_steps=5
find_ranks
until_said 'step 7/'
kill -9 $members 2> /dev/null
end_of
check "killed while one is written: it has no name yet" sh -c '[ ! -e killed/checkpoint-5 ] && ls -d killed/.tmp-checkpoint-5-*'
on 2 train job.yaml output_dir=killed
check "killed while the first is written: from the start, the same bits and lines" same_run whole2 killed
check "killed while one is written: what it left is gone" sh -c "! find killed -name '.tmp*' | grep ."

# ---- a person asks for one: the file goes once it is there ----
slow 2000 begin 2 train job.yaml output_dir=asked max_steps=400 save_steps=0
find_ranks
until_said 'step 2/'
touch asked/CHECKPOINT
while [ -e asked/CHECKPOINT ] && kill -0 $job 2> /dev/null; do sleep 0.02; done
check "asked for one: when the file CHECKPOINT is gone it is there: $(cat asked/latest 2> /dev/null)" [ -e "asked/$(cat asked/latest)/MANIFEST.json" ]
kill -9 $members 2> /dev/null
end_of
finish
