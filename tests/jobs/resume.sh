#!/bin/sh
# A run that was killed or stopped goes on with the same command and ends with the same bits; damaged checkpoints are
# named and passed over; what cannot go on says why.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
model small25
job job.yaml small25
# Dropout and a window of 2 steps, so that generators and sums have to come back too; 24 rows are 3 steps an epoch.
sed -i '/^max_steps\|^save_steps\|^logging_steps\|^gradient_acc\|^image_max/d' job.yaml
cat >> job.yaml << EOF
image_max_pixels: 25088
max_samples: 24
lora_dropout: 0.1
gradient_accumulation_steps: 4
max_steps: 14
logging_steps: 2
save_steps: 3
eval_strategy: steps
eval_steps: 5
EOF

for size in 1 2; do
    g=$((4 / size)) whole=whole$size
    on $size train job.yaml output_dir=$whole gradient_accumulation_steps=$g
    check "$size ranks: a whole run: exit $rc" rc_is 0

    # ---- kill -9, again and again in the same folder ----
    killed=0
    for moment in 'INFO  rows' 'step 2/' 'checkpoint-3 written' 'tmp 6' 'step 8/' 'checkpoint-9 written' 'step 12/'; do
        begin $size train job.yaml output_dir=killed$size gradient_accumulation_steps=$g
        find_ranks
        case $moment in
        tmp*) until_there "killed$size/.tmp-checkpoint-6-*" ;;
        *) until_said "$moment" ;;
        esac
        kill -9 $members 2> /dev/null && killed=$((killed + 1))
        end_of
    done
    check "$size ranks: killed $killed times of 7" [ $killed -ge 5 ] # a moment can be over before the signal comes
    on $size train job.yaml output_dir=killed$size gradient_accumulation_steps=$g
    check "$size ranks: killed, the same command: exit $rc" rc_is 0
    check "$size ranks: it went on from a checkpoint" said "going on from killed$size/checkpoint-"
    check "$size ranks: killed and gone on: the same bits and lines" same_run $whole killed$size
    check "$size ranks: nothing unfinished is left" sh -c "! find killed$size -name '.[a-z]*' -o -name '*.tmp*' | grep ."
done

# ---- one rank of two is killed ----
for rank in 1 2; do
    begin 2 train job.yaml output_dir=one$rank gradient_accumulation_steps=2
    find_ranks
    until_said 'step 4/'
    kill -9 "$(echo $members | cut -d ' ' -f $rank)"
    end_of
    check "process $rank of 2 killed: the job ends: exit $rc" rc_is $killed_rc
    on 2 train job.yaml output_dir=one$rank gradient_accumulation_steps=2
    check "process $rank of 2 killed: goes on: exit $rc" rc_is 0
    check "process $rank of 2 killed: the same bits and lines" same_run whole2 one$rank
done

# ---- asked to stop ----
begin 2 train job.yaml output_dir=stopped gradient_accumulation_steps=2
find_ranks
launcher=$(children $job)
until_said 'step 4/'
kill -USR1 $launcher
end_of
check "SIGUSR1 to mpirun: exit $rc" rc_is 75
check "SIGUSR1: one line says so" one_error 'stopped after step' 'the same command goes on'
check "SIGUSR1: a checkpoint of that step" sh -c 'ls -d stopped/checkpoint-*; ls -d stopped/checkpoint-* | grep -qv "checkpoint-3$"'
check "SIGUSR1: no adapter under the final name yet" [ ! -e stopped/adapter_model.safetensors ]
on 2 train job.yaml output_dir=stopped gradient_accumulation_steps=2
check "SIGUSR1: goes on: exit $rc" rc_is 0
check "SIGUSR1: the same bits and lines" same_run whole2 stopped
begin 1 train job.yaml output_dir=stopped1
find_ranks
until_said 'step 4/'
kill -USR1 $members
end_of
check "SIGUSR1 to the program alone: exit $rc" rc_is 75
on 1 train job.yaml output_dir=hours max_hours=0.0168 max_steps=100000
check "max_hours: exit $rc, after a second of training and a minute ahead" rc_is 75
check "max_hours: says so" one_error 'max_hours is over: stopped after step' 'the same command goes on'

# ---- already finished ----
cp whole2/adapter_model.safetensors whole2/trainer_log.jsonl .
on 2 train job.yaml output_dir=whole2 gradient_accumulation_steps=2
check "a finished run: exit $rc" rc_is 0
check "a finished run: says so" said 'already finished'
check "a finished run: the adapter stays" cmp adapter_model.safetensors whole2/adapter_model.safetensors
check "a finished run: the log stays" same_logs trainer_log.jsonl whole2/trainer_log.jsonl
# Killed between the last checkpoint and the end: the rest is still written.
cp -r whole2 almost
(cd almost && rm -r adapter_model.safetensors adapter_config.json train_results.json all_results.json trainer_state.json eval_results.json)
sed -i '$d' almost/trainer_log.jsonl
on 2 train job.yaml output_dir=almost gradient_accumulation_steps=2
check "killed before the final files: exit $rc, the same bits and lines" same_run whole2 almost
check "killed before the final files: they are there" ls almost/adapter_config.json almost/train_results.json almost/all_results.json almost/trainer_state.json almost/eval_results.json

# ---- damaged checkpoints ----
# A run stopped after checkpoints 3, 6 and 9.
begin 1 train job.yaml output_dir=nine
find_ranks
until_said 'checkpoint-9 written'
kill -9 $members
end_of
flip() { # FILE AT: one byte
    flip_byte=$(od -An -t u1 -j "$2" -N 1 "$1" | tr -d ' ')
    printf "\\$(printf %o $((flip_byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2> /dev/null
}
for fault in flipped truncated unnamed adapter; do
    rm -rf bad
    cp -r nine bad
    case $fault in
    flipped) flip bad/checkpoint-9/state.h5 20000 ;;
    truncated) truncate -s 50000 bad/checkpoint-9/state.h5 ;;
    unnamed) rm bad/checkpoint-9/MANIFEST.json ;;
    adapter) flip bad/checkpoint-9/adapter_model.safetensors 9000 ;;
    esac
    case $fault in
    flipped | truncated) what=checkpoint-9/state.h5 ;;
    unnamed) what=bad/checkpoint-9 ;;
    adapter) what=checkpoint-9/adapter_model.safetensors ;;
    esac
    on 1 train job.yaml output_dir=bad
    check "newest checkpoint $fault: exit $rc" rc_is 0
    check "newest checkpoint $fault: $what is named" said $what
    check "newest checkpoint $fault: goes on from the one before" said 'going on from bad/checkpoint-6'
    check "newest checkpoint $fault: the same bits and lines" same_run whole1 bad
done
rm -rf bad
cp -r nine bad
for step in 3 6 9; do flip bad/checkpoint-$step/state.h5 20000; done
on 2 train job.yaml output_dir=bad gradient_accumulation_steps=2
check "all checkpoints damaged: exit $rc" rc_is 66
check "all checkpoints damaged: one line says what to write" one_error 'bad' 'checkpoint' 'overwrite_output_dir: true'
on 1 train job.yaml output_dir=bad resume_from_checkpoint=true
check "all checkpoints damaged, resume_from_checkpoint: true: exit $rc" rc_is 66
on 1 train job.yaml output_dir=bad overwrite_output_dir=true
check "all checkpoints damaged, overwrite_output_dir: true: exit $rc, from the start" same_run whole1 bad

# ---- what cannot go on ----
for change in seed=7:seed per_device_train_batch_size=1:per_device_train_batch_size lora_rank=2:lora_rank \
    max_samples=20:rows lora_target=q_proj:LoRA cutoff_len=300:cutoff_len lora_alpha=3:lora_alpha bf16=true:bf16 \
    gradient_accumulation_steps=3:gradient_accumulation_steps use_rslora=true:use_rslora data_seed=3:data_seed \
    lora_dropout=0.2:lora_dropout dataset=drive_eval,drive_train:dataset; do
    rm -rf other
    cp -r nine other
    on 1 train job.yaml output_dir=other "${change%:*}"
    check "${change%:*} on a checkpoint without it: exit $rc" rc_is 78
    check "${change%:*}: named" one_error "${change#*:}" 'resume_from_checkpoint: false'
    check "${change%:*}: nothing is changed" cmp nine/trainer_log.jsonl other/trainer_log.jsonl
done
on 1 train job.yaml output_dir=other resume_from_checkpoint=false seed=7 max_steps=2
check "resume_from_checkpoint: false begins anew: exit $rc" rc_is 0
check "resume_from_checkpoint: false: does not go on" sh -c '! grep "going on" log'

# ---- where from ----
on 1 train job.yaml output_dir=elsewhere resume_from_checkpoint=nine/checkpoint-6
check "resume_from_checkpoint: PATH: exit $rc" rc_is 0
check "resume_from_checkpoint: PATH: goes on from it" said 'going on from nine/checkpoint-6'
check "resume_from_checkpoint: PATH: the same bits" cmp whole1/adapter_model.safetensors elsewhere/adapter_model.safetensors
on 1 train job.yaml output_dir=empty resume_from_checkpoint=true
check "resume_from_checkpoint: true without one: exit $rc" rc_is 66
check "resume_from_checkpoint: true without one: says so" one_error resume_from_checkpoint empty
on 1 train job.yaml output_dir=empty resume_from_checkpoint=nine/checkpoint-7
check "resume_from_checkpoint: a path that is not there: exit $rc" rc_is 66
check "resume_from_checkpoint: a path that is not there: named" one_error nine/checkpoint-7
# A checkpoint as LLaMA-Factory writes it: an adapter, and the rest in torch's own format, here damaged (whole ones: foreign.sh).
mkdir -p theirs/checkpoint-9
cp nine/checkpoint-9/adapter_* nine/checkpoint-9/trainer_state.json theirs/checkpoint-9
for name in optimizer.pt scheduler.pt rng_state.pth training_args.bin; do echo PK > theirs/checkpoint-9/$name; done
cp -r theirs/checkpoint-9 theirs.kept
for wish in "" resume_from_checkpoint=true resume_from_checkpoint=theirs/checkpoint-9; do
    on 1 train job.yaml output_dir=theirs $wish
    check "a checkpoint of LLaMA-Factory, ${wish:-found}: exit $rc" rc_is 66
    check "a checkpoint of LLaMA-Factory, ${wish:-found}: what it is, and what to write" sh -c \
        'grep "theirs/checkpoint-9: LLaMA-Factory or transformers made it" log | grep -F "adapter_name_or_path with this folder"'
done
check "a checkpoint of LLaMA-Factory: it is as it was" diff -r theirs.kept theirs/checkpoint-9
on 1 train job.yaml output_dir=ours adapter_name_or_path=theirs/checkpoint-9
check "a checkpoint of LLaMA-Factory, as that says: exit $rc" rc_is 0
first=$(numbers nine/trainer_log.jsonl loss | head -n 1)
check "its weights are the start: a first loss of $(numbers ours/trainer_log.jsonl loss | head -n 1) < $first" \
    below "$(numbers ours/trainer_log.jsonl loss | head -n 1)" "$(awk -v x="$first" 'BEGIN { print 0.9 * x }')"
rm -rf other
cp -r nine other
on 2 train job.yaml output_dir=other gradient_accumulation_steps=2 lora_dropout=0.1
check "a checkpoint of 1 rank goes on on 2: exit $rc" rc_is 0
on 1 train job.yaml output_dir=anew overwrite_output_dir=true
on 1 train job.yaml output_dir=anew overwrite_output_dir=true
check "overwrite_output_dir: true begins anew: exit $rc" same_run whole1 anew

# ---- save_total_limit ----
on 1 train job.yaml output_dir=few save_total_limit=2
check "save_total_limit: 2 leaves $(ls -d few/checkpoint-* | tr '\n' ' ')" [ "$(ls -d few/checkpoint-* | tr '\n' ' ')" = "few/checkpoint-12 few/checkpoint-14 " ]
on 1 train job.yaml output_dir=light save_only_model=true
check "save_only_model: exit $rc, no state" [ "$rc$(ls light/checkpoint-*/state.h5 2> /dev/null)" = 0 ]
finish
