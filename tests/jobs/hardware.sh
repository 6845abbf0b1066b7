#!/bin/sh
# GPUs that fail in the midst of a run, played by a stand-in for NVML beside ranks on CPUs: the job ends with 80 and names rank,
# host, GPU and fault, at a step's end or, where none comes, in bounded time; verdicts say what the GPUs say.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
nvml=$(dirname "$program")/tests/monitor/fake
if [ ! -e "$nvml/libnvidia-ml.so.1" ]; then
    skip "GPUs that fail" "tests/monitor/fake/libnvidia-ml.so.1 is not built"
    finish
fi
model small25
job job.yaml small25
sed -i '/^max_steps/d' job.yaml
export LD_LIBRARY_PATH="$nvml:${LD_LIBRARY_PATH:-}" FAKE_NVML=gpus=2 FAKE_NVML_FILE="$tmp/cards"
export RANKTUNE_TEST_GPUS=0000:1b:00.0,0000:1c:00.0
host=$(hostname)
# summary FOLDER TEXT
summary() {
    grep -F -- "$2" "$1/run_summary.json"
}
# break WORDS: the cards are so from now on.
break_cards() {
    echo "$1" > cards.new
    mv cards.new cards
}
# fails WHAT RANKS WORDS TEXT ...: in the midst of a run
fails() {
    fails_what=$1 fails_ranks=$2 fails_words=$3
    shift 3
    rm -rf cards out.f
    begin "$fails_ranks" train job.yaml output_dir=out.f max_steps=1000000 save_steps=20
    until_said 'checkpoint-20 written'
    begun=$(date +%s)
    break_cards "$fails_words"
    end_of
    took=$(($(date +%s) - begun))
    check "$fails_what: exit $rc" rc_is 80
    check "$fails_what: one line: $(errors | cut -c 1-170)" one_error "$@" "start again without the host $host"
    check "$fails_what: the summary has the code" summary out.f '"exit_code": 80'
    check "$fails_what: and the reason" summary out.f "$1"
}

# Events are asked for each second, memory errors each fifth; a step takes some 10 ms. The rest of the bounds, 30 s, is for a
# slow machine.
fails "an Xid error of rank 1" 2 gpus=2,xid=1:79 "rank 1 on $host: GPU GPU-fake-1 (PCI 0000:1c:00.0) has failed: Xid 79: the GPU has fallen off the bus"
check "an Xid error: over after $took s <= 31" below $took 31
check "an Xid error: at a step's end" grep -qE '^ranktune: after step [0-9]+: ' log
last=$(ls -d out.f/checkpoint-* | sed 's/.*-//' | sort -n | tail -n 1)
rm -f cards
on 2 train job.yaml output_dir=out.f max_steps=$((last + 2)) save_steps=20
check "the job goes on elsewhere: exit $rc" rc_is 0
check "from a checkpoint of before" said "going on from out.f/checkpoint-$last, after step $last"
fails "memory errors of rank 0" 2 gpus=2,uecc=0 "rank 0 on $host: GPU GPU-fake-0 (PCI 0000:1b:00.0) has failed: 1 uncorrectable memory error since"
check "memory errors: over after $took s <= 35" below $took 35
fails "a GPU that is lost" 2 gpus=2,lost=1 "rank 1 on $host: GPU GPU-fake-1 (PCI 0000:1c:00.0) has failed: the driver has lost the GPU"
rm -rf cards out.f
begin 2 train job.yaml output_dir=out.f max_steps=6 eval_strategy=steps eval_steps=6 per_device_eval_batch_size=1 image_max_pixels=200704
find_ranks
until_said 'step 6/'
kill -STOP ${members%% *} # in the evaluation: rank 1 waits, and meanwhile its card is looked at
break_cards gpus=2,xid=1:79
sleep 3
kill -CONT ${members%% *}
end_of
check "a GPU that fails in the last step: exit $rc" rc_is 80
check "a GPU that fails in the last step: one line" one_error "ranktune: after step 6: rank 1 on $host" "has failed: Xid 79"
fails "a rank alone" 1 gpus=2,xid=0:95 "rank 0 on $host: GPU GPU-fake-0 (PCI 0000:1b:00.0) has failed: Xid 95: an uncorrectable memory error"

# ---- what is no fault ----
break_cards gpus=2,uecc=1,allhot # from the start, so that both ranks see it before the first step ends
begin 2 train job.yaml output_dir=out.n max_steps=600
until_said 'step 3/'
break_cards gpus=2,uecc=1,xid=1:31,allhot
end_of
check "errors from before the run, a program's mistake and heat: exit $rc" rc_is 0
check "of the mistake there is a warning, with who saw it" grep -qE "^\[[^]]*\] WARN +\[rank 1 $host\] the GPU's driver reports Xid 31: a kernel read" log
check "of the heat one of both ranks" grep -qE "^\[[^]]*\] WARN +2 ranks \(0 $host, 1 $host\): the GPU's clocks are held down: hot \(hardware\)$" log
check "and each once" [ "$(grep -c "the GPU's " log)" -eq 2 ]
rm -f cards
begin 2 train job.yaml output_dir=out.h max_steps=220 # the ranks compare their pace after 100 and 200
until_said 'step 3/'
break_cards gpus=2,hang=1
end_of
check "a driver that does not answer any more: exit $rc" rc_is 0
break_cards gpus=2,plain
on 2 train job.yaml output_dir=out.p max_steps=60
check "cards that know nothing: exit $rc" rc_is 0
rm -f cards
RANKTUNE_TEST_GPUS=0000:7f:00.0 on 2 train job.yaml output_dir=out.u max_steps=6
check "a card that NVML does not know: exit $rc" rc_is 0

# ---- no step ends any more ----
if ! faulty; then
    skip "a fault while a rank hangs" "tests/jobs/fault.so is not there or cannot be preloaded"
    finish
fi
# hangs FAULT RANK ARGUMENT ...: the ranks hang once `trigger` is there
hangs() {
    export FAULT=$1 FAULT_RANK=$2
    shift 2
    [ -n "$FAULT_RANK" ] || unset FAULT_RANK
    rm -f trigger cards
    export LD_PRELOAD="$fault"
    begin 2 train job.yaml max_steps=1000000 "$@"
    unset LD_PRELOAD
    until_said 'step 3/'
}
# A GPU that is lost is given 10 s, then the main thread 2 s, the files 2 x 2 s; and up to 2 s until looked.
hangs "block-mpi:$tmp/trigger" 1 output_dir=out.b ddp_timeout=300
: > trigger
break_cards gpus=2,lost=1
begun=$(date +%s)
end_of
took=$(($(date +%s) - begun))
check "a GPU is lost and its rank hangs: exit $rc" rc_is 80
check "it is over after $took s <= 35" below $took 35
check "the summary has the code" summary out.b '"exit_code": 80'
check "and the reason" summary out.b '"reason": "rank 1 on '"$host: GPU GPU-fake-1 (PCI 0000:1c:00.0) has failed: the driver has lost the GPU"
check "and its rank says so" one_error "[rank 1 $host] GPU GPU-fake-1 (PCI 0000:1c:00.0) has failed: the driver has lost the GPU" "no step ended within 10 s"

# Both hang inside the same call, in MPI itself: nobody is to blame, so the cards are looked at.
hangs "block-test:$tmp/trigger" "" output_dir=out.c ddp_timeout=4
break_cards gpus=2,hot=1,xid=0:13
tries=0
until grep -qs 'Xid 13' out.c/hb/0 || [ $tries -ge 150 ]; do
    sleep 0.2
    tries=$((tries + 1))
done
: > trigger
end_of
check "all wait inside MPI: exit $rc" rc_is 76
check "all wait inside MPI: the summary has the code" summary out.c '"exit_code": 76'
check "all wait inside MPI: the reason" summary out.c "all 2 ranks that are known wait inside collective #"
check "all wait inside MPI: and how to go on" summary out.c '"continue": "'"$mpirun"' -np 2 '
check "all wait inside MPI: what rank 0's GPU says" one_error "all 2 ranks that are known wait inside collective #" "; GPU of rank 0 on $host: Xid 13: a kernel did something that is not allowed, SM 1980 of 1980 MHz, 61 C, clocks limited by: power cap" \
    "; GPU of rank 1 on $host: no Xid, SM 990 of 1980 MHz, 61 C, clocks limited by: hot (hardware)"
finish
