#!/bin/sh
# Ranks that hang in every way there is, at random moments: the verdict names that rank and no other, with where it was, and
# the job ends in time. TRIALS=200 for the long form; SEED repeats one.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
if ! faulty; then
    skip "ranks that hang" "tests/jobs/fault.so is not there or cannot be preloaded"
    finish
fi
model small25
job job.yaml small25
sed -i '/^max_steps/d' job.yaml
ranks=3 timeout_s=3 seed=${SEED:-$(date +%s)}
echo "# SEED=$seed"
# drawn N: the next of a row of numbers below N, the same for the same seed.
drawn() {
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    drawn=$((seed / 65536 % $1))
}

# A picture is opened once for each of the 88 rows when they are scanned, 29 or 30 on a rank, and again when it is decoded: ten
# different ones at least in the 24 rows of a rank and epoch. A row of the scan may take 300 s, so no trial hangs there.
trial() {
    drawn $ranks
    rank=$drawn
    drawn 5
    kind=$drawn
    drawn 20
    moment=$drawn
    rm -f trigger
    phase="(waiting for data|handing over a batch|the (forward|backward) pass|the sum of gradients|the update)"
    export FAULT_RANK=$rank
    case $kind in
    0) how="stopped" FAULT=none ;;
    1) how="loop in decode" phase="waiting for data" FAULT=spin-open:pictures/,$((31 + moment % 10)) ;;
    2) how="read that blocks in decode" phase="waiting for data" FAULT=block-open:pictures/,$((31 + moment % 10)) ;;
    3) how="loop in a product" phase="(the (forward|backward) pass)" FAULT=spin-gemm:$tmp/trigger ;;
    4) how="call of MPI that blocks" FAULT=block-mpi:$tmp/trigger ;;
    esac
    export FAULT
    (
        export LD_PRELOAD="$fault"
        begin $ranks train job.yaml max_steps=100000 ddp_timeout=$timeout_s vision_cache=off output_dir=out.$1
        echo $job > job.pid
        wait $job
        echo $? > rc
    ) &
    trial_job=$!
    until [ -s job.pid ]; do sleep 0.02; done
    job=$(cat job.pid) begin_ranks=$ranks
    find_ranks
    until_said 'step 1/'
    sleep "0.$(printf %02d $moment)"
    begun=$(date +%s)
    process=$(echo $members | cut -d ' ' -f $((rank + 1)))
    if [ $kind -eq 0 ]; then kill -STOP "$process"; fi
    : > trigger
    wait $trial_job
    took=$(($(date +%s) - begun))
    rc=$(cat rc)
    rm -f job.pid rc
    errors > verdicts
    cat verdicts
    echo "trial $1: rank $rank, $how: exit $rc after $took s"
    # Hydra ends with the code that it hears of first, which may be 9 of the rank that hangs and that it has to kill.
    { [ "$rc" -eq 76 ] || { hydra && [ "$rc" -eq 9 ]; }; } && grep -qF '"exit_code": 76' out.$1/run_summary.json && [ "$took" -le $((timeout_s + 15)) ] &&
        [ "$(wc -l < verdicts)" -eq 1 ] && [ "$(grep -o 'rank [0-9]* on [^ ]* (process' verdicts | wc -l)" -eq 1 ] &&
        grep -qE "rank $rank on $(hostname) \(process $process(, stopped by a signal)?\) does not answer: for [0-9]+ s in $phase of step [0-9]+(, inside collective #[0-9]+)?, sample [0-9]+ \(.* row [0-9]+" verdicts &&
        [ "$(ls out.$1/diag/rank-*.jsonl | wc -l)" -eq $ranks ] && [ -s out.$1/hb/verdict ]
}

trials=${TRIALS:-20} wrong=0 i=0
while [ $i -lt "$trials" ]; do
    i=$((i + 1))
    if ! trial $i > trial.out 2>&1; then
        wrong=$((wrong + 1))
        sed 's/^/# /' trial.out
        tail -n 20 log | sed 's/^/#   /'
    fi
    tail -n 1 trial.out | sed 's/^/# /'
    rm -rf out.$i
done
check "$wrong wrong names, exits or times in $trials trials on $ranks ranks" [ $wrong -eq 0 ]
finish
