#!/bin/sh
# kill -9 of one rank or of all, at random moments of a run that saves every few steps: nothing saved is ever lost, the same
# command goes on, and each run ends with the bits and log lines of one that nobody disturbed.
# usage: [KILLS=20] [SEED=1] tests/soak.sh      KILLS=300 is the long form; the same seed draws the same victims and delays
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
kills=${KILLS:-20} seed=${SEED:-1} limit=120
model small25
job job.yaml small25
sed -i '/^max_steps\|^save_steps\|^logging_steps\|^gradient_acc\|^image_max\|^per_device_train/d' job.yaml
cat >> job.yaml << EOF
image_max_pixels: 3136
per_device_train_batch_size: 1
lora_dropout: 0.1
gradient_accumulation_steps: 1
max_steps: 45
logging_steps: 2
save_steps: 3
save_total_limit: 3
EOF
now_ms() {
    date +%s%3N
}

begun=$(now_ms)
on 2 train job.yaml output_dir=whole
whole_ms=$(($(now_ms) - begun))
check "an undisturbed run: exit $rc in $whole_ms ms" rc_is 0

# One line a kill: who (1, 2: a rank; 0: all), when (in 1000ths of a run), and whether to wait for a checkpoint that is being
# written (then it is the time since its folder appeared, in 1/20 ms).
awk -v seed="$seed" -v n=$((kills * 4)) 'BEGIN {
    srand(seed)
    for (i = 0; i < n; i++)
        print int(rand() * 3), int(rand() * 800), int(rand() * 4) == 0
}' > draws

# watch: a job that is still there 20 s after the kill is looked at, as it may never end by itself.
watch() {
    (
        sleep 20
        echo "# $dir: 20 s after the kill of ${1:-all}:"
        for watch_process in $job $(children "$job") $launcher $members; do
            [ ! -e "/proc/$watch_process" ] ||
                echo "#   $watch_process $(tr '\0' ' ' < "/proc/$watch_process/cmdline" | cut -c 1-60) $(grep -s State "/proc/$watch_process/status")"
        done
        tail -n 5 log | sed 's/^/#   /'
    ) &
    watcher=$!
}

# written: the newest checkpoint that this run says it wrote, in all its attempts. came: where an attempt went on from.
killed=0 writing=0 loading=0 runs=1 written=0 lost=0 unequal=0 odd=0 dir=run1 kept=0
: > verdicts
look_back() { # what the attempt that just ended says
    came=$(sed -n 's/.*going on from .*checkpoint-\([0-9]*\).*/\1/p' log | tail -n 1)
    if [ -n "$came" ] && [ "$came" -lt "$written" ]; then
        lost=$((lost + 1))
        echo "# $dir: checkpoint-$written was written, but it went on from checkpoint-$came"
    fi
    if [ -z "$came" ] && [ "$written" -gt 0 ] && grep -q 'step [0-9]*/' log; then
        lost=$((lost + 1))
        echo "# $dir: checkpoint-$written was written, but it began anew"
    fi
    look_written=$(sed -n 's/.*checkpoint-\([0-9]*\) written.*/\1/p' log | tail -n 1)
    [ -z "$look_written" ] || [ "$look_written" -le "$written" ] || written=$look_written
}
# A good checkpoint stands in the folder, of the step it last spoke of or a later one.
look_inside() {
    [ "$written" -gt 0 ] || return 0
    look_good=0
    for look_dir in "$dir"/checkpoint-*; do
        "$program" info "$look_dir" 2>&1 | grep -q 'manifest and digests hold' || continue
        [ "${look_dir##*-}" -lt "$written" ] || look_good=1
    done
    [ $look_good -eq 1 ] && kept=$((kept + 1)) && return
    lost=$((lost + 1))
    echo "# $dir: no good checkpoint of step $written or later"
}
finished() { # the run came to its end
    if ! cmp -s whole/adapter_model.safetensors "$dir/adapter_model.safetensors" ||
        ! same_logs whole/trainer_log.jsonl "$dir/trainer_log.jsonl" > /dev/null; then
        unequal=$((unequal + 1))
        echo "# $dir: not the undisturbed run's bits"
    fi
    rm -rf "$dir"
    runs=$((runs + 1)) written=0 dir=run$((runs + 1))
}
while read -r victim when in_writing && [ $killed -lt "$kills" ]; do
    begin 2 train job.yaml output_dir=$dir
    launcher=$(children $job)
    tries=0
    until [ "$(children "$launcher" | wc -l)" -ge 2 ] || [ $tries -gt 300 ]; do
        sleep 0.01
        launcher=$(children $job) tries=$((tries + 1))
    done
    members=$(children "$launcher")
    if [ "$in_writing" -eq 1 ] && until_there "$dir/.tmp-checkpoint-*"; then
        sleep "$(awk -v t="$when" 'BEGIN { print t / 20000 }')"
        writing=$((writing + 1))
    elif [ "$in_writing" -eq 0 ]; then
        sleep "$(awk -v t="$when" -v ms=$whole_ms 'BEGIN { print t * ms / 1e6 }')"
    fi
    grep -q 'step [0-9]*/' log || loading=$((loading + 1))
    begun=$(now_ms)
    # shellcheck disable=SC2086  # several numbers
    if [ "$victim" -eq 0 ]; then kill -9 $members 2> /dev/null; else kill -9 "$(echo $members | cut -d ' ' -f "$victim")" 2> /dev/null; fi
    hit=$?
    watch "$victim"
    end_of
    kill -9 $watcher 2> /dev/null && wait $watcher 2> /dev/null # TERM is lost where it comes before a subshell has begun
    took=$(($(now_ms) - begun))
    look_back
    case $hit$rc in
    *0) finished ;;
    0137 | 076)
        killed=$((killed + 1))
        echo $took >> verdicts
        look_inside
        ;;
    *)
        odd=$((odd + 1))
        echo "# $dir: exit $rc, kill says $hit"
        tail -n 3 log | sed 's/^/#   /'
        ;;
    esac
done < draws
on 2 train job.yaml output_dir=$dir
look_back
check "after the last kill, the same command: exit $rc" rc_is 0
finished
median=$(sort -n verdicts | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] + 0 }')
longest=$(sort -n verdicts | tail -n 1)
check "$killed kills (seed $seed; $loading before the first step, $writing while a checkpoint was written), $((runs - 1)) runs to their end" [ $killed -eq "$kills" ]
check "$lost times something saved was lost; $kept times a good checkpoint stood there" [ $lost -eq 0 ]
check "$unequal runs of $((runs - 1)) ended with other bits" [ $unequal -eq 0 ]
check "$odd attempts ended with another code than 137 or 76" [ $odd -eq 0 ]
# The launcher alone takes 1.3 s; the rest is for a loaded machine.
check "from the kill to the end of the job: median $median ms <= 10000, longest $longest" below "$median" 10000
finish
