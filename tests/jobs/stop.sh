#!/bin/sh
# A run that is told to stop, in any phase and by any way, ends in time with 75 and goes on without a trace; two runs do not
# write into one folder; a full disk does not end a run.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
limit=${limit:-300} # of one run, on a machine with much else to do
model small25
job job.yaml small25
sed -i '/^max_steps\|^save_steps\|^logging_steps\|^gradient_acc\|^image_max/d' job.yaml
cat >> job.yaml << EOF
image_max_pixels: 12544
max_samples: 24
lora_dropout: 0.1
gradient_accumulation_steps: 2
max_steps: 6
logging_steps: 1
save_steps: 4
eval_strategy: steps
eval_steps: 2
EOF
same_run() { # DIR, of the whole run and this one
    cmp "$1/adapter_model.safetensors" "$2/adapter_model.safetensors" && same_logs "$1/trainer_log.jsonl" "$2/trainer_log.jsonl" &&
        state_bits "$1" > a.state && state_bits "$2" > b.state && cmp a.state b.state
}
# state_bits DIR: trainer_state.json without times.
state_bits() {
    grep -v 'runtime\|per_second' "$1/trainer_state.json"
}
# stopped DIR: the last run ended as one that was told to stop does.
stopped() {
    rc_is 75 && said 'the same command' && [ ! -e "$1/.lock" ] && [ ! -e "$1/STOP" ] && ! ls -d "$1"/.tmp* 2> /dev/null
}
on 2 train job.yaml output_dir=whole
check "a whole run: exit $rc" rc_is 0

# ---- each signal, to one rank, to all, to mpirun ----
# Open MPI's mpirun does not hand on TERM and INT as they are: it ends its ranks within 2 s, which is no time to count on.
# Hydra's hands them on, once, and kills nobody; USR2 ends itself.
words='USR1:one USR2:one TERM:one INT:one XCPU:one USR1:all XCPU:all USR1:mpirun'
if hydra; then words="$words TERM:mpirun INT:mpirun"; else words="$words USR2:mpirun"; fi
for word in $words; do
    signal=${word%:*} dir=$(echo "$word" | tr : -)
    begin 2 train job.yaml output_dir=$dir
    find_ranks
    launcher=$(children $job)
    until_said 'step 2/'
    case $word in
    *:one) kill -$signal ${members##* } ;;
    *:all) kill -$signal $members ;;
    *) kill -$signal $launcher ;;
    esac
    end_of
    check "SIG$signal to ${word#*:}: exit $rc" stopped $dir
    on 2 train job.yaml output_dir=$dir
    check "SIG$signal to ${word#*:}: goes on: the same bits and lines" same_run whole $dir
done
begin 2 train job.yaml output_dir=twice
find_ranks
until_said 'step 2/'
kill -INT $members && kill -TERM $members
end_of
check "INT and TERM: the step under way is given up: exit $rc" stopped twice
on 2 train job.yaml output_dir=twice
check "INT and TERM: goes on: the same bits and lines" same_run whole twice
begin 1 train job.yaml output_dir=thrice max_steps=100000
find_ranks
until_said 'step 2/'
kill -STOP $members # they then come together; two of one kind that wait are one
until ! cat /proc/$members/task/*/stat | grep -v ') [Tt] '; do sleep 0.02; done > /dev/null 2>&1
for signal in INT TERM INT; do kill -$signal $members; done
kill -CONT $members
end_of
check "INT and TERM at once: exit $rc" rc_is 75
begin 1 train job.yaml output_dir=cont max_steps=4
find_ranks
until_said 'step 1/'
kill -CONT $members
kill -PIPE $members
end_of
check "SIGCONT and SIGPIPE mean nothing: exit $rc" rc_is 0

# ---- stopped after each step, resumed with the same command ----
for size in 1 2; do
    g=$((4 / size)) whole=each-whole$size dir=each$size stops=0 good=0
    on $size train job.yaml output_dir=$whole gradient_accumulation_steps=$g
    for step in 1 2 3 4 5; do
        begin $size train job.yaml output_dir=$dir gradient_accumulation_steps=$g
        find_ranks
        until_said "step $step/"
        kill -USR1 ${members%% *} 2> /dev/null
        end_of
        [ $rc -ne 75 ] || stops=$((stops + 1))
        [ $rc -ne 75 ] && [ $rc -ne 0 ] || good=$((good + 1))
    done
    check "$size ranks: $stops of 5 times stopped, each with 75 or, at the end, 0" [ $good -eq 5 -a $stops -ge 2 ]
    on $size train job.yaml output_dir=$dir gradient_accumulation_steps=$g
    check "$size ranks: stopped again and again: exit $rc, the same bits and lines" same_run $whole $dir
done

# ---- other codes, other words ----
on 2 train job.yaml output_dir=sge --exit-requeue 99 --max-hours 1e-7 # 0.36 ms: less than a run needs to begin
check "exit_requeue: 99: exit $rc" rc_is 99
check "max_hours that is over before it began: says so" said 'max_hours is over: stopped before anything was done'
# Less than the minute that is kept for an end: known after step 1, and to all ranks after step 2.
on 2 train job.yaml output_dir=minute --max-hours 0.016
check "max_hours within a minute: exit $rc" rc_is 75
check "max_hours within a minute: stopped within two steps" grep 'max_hours is over: stopped after step [12] of 6' log
export SLURM_JOB_END_TIME=$(($(date +%s) + 66))
on 1 train job.yaml output_dir=auto --max-hours auto max_steps=100000
unset SLURM_JOB_END_TIME
check "max_hours: auto: exit $rc a minute ahead" rc_is 75
check "max_hours: auto: says where from" said 'as SLURM_JOB_END_TIME says'
on 1 train job.yaml output_dir=auto max_hours=soon
check "max_hours: soon: exit $rc" rc_is 64
check "max_hours: soon: says what to write" one_error 'max_hours' '"soon"' 'auto'

# ---- files ----
mkdir file
touch file/STOP
on 2 train job.yaml output_dir=file
check "STOP that waits for the run: exit $rc, and it is removed" stopped file
on 2 train job.yaml output_dir=file
check "STOP: the same command then trains: exit $rc" same_run whole file
begin 2 train job.yaml output_dir=files max_steps=100000 eval_strategy=no save_strategy=no
find_ranks
until_said 'step 2/'
touch files/CHECKPOINT
until_said 'written'
check "CHECKPOINT: one is written" ls -d files/checkpoint-*
touch files/STOP
end_of
check "STOP: exit $rc" stopped files
check "CHECKPOINT is removed" [ ! -e files/CHECKPOINT ]

# ---- long phases: many rows, a slow disk, a long evaluation ----
mkdir many
awk 'BEGIN { printf "["; for (i = 0; i < 400000; i++) printf "%s{\"messages\": [{\"role\": \"user\", \"content\": \"What is %d and %d?\"}, {\"role\": \"assistant\", \"content\": \"It is one more than %d.\"}]}", i ? ",\n" : "", i, i * 7, i - 1; print "]" }' > many/rows.json
cat > many/dataset_info.json << EOF
{"rows": {"file_name": "rows.json", "formatting": "sharegpt", "columns": {"messages": "messages"},
  "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}}}
EOF
seconds() { date +%s; }
# in_phase TEXT RANKS ...: the signal to the first or last rank, a second after the run is there.
in_phase() {
    in_phase_text=$1 in_phase_to=$2
    shift 2
    begin "$@"
    until_there "$(echo "$*" | sed 's/.*output_dir=\([^ ]*\).*/\1/')/.lock"
    find_ranks
    sleep 1
    case $in_phase_to in first) kill -USR1 ${members%% *} ;; last) kill -USR1 ${members##* } ;; esac
    from=$(seconds)
    end_of
    took=$(($(seconds) - from))
    check "$begin_ranks ranks, signal to the $in_phase_to while $in_phase_text: exit $rc after $took s" [ $rc -eq 75 -a $took -le 60 ] # seconds, but on a machine with much else to do
    check "$begin_ranks ranks, signal to the $in_phase_to while $in_phase_text: says so" said 'stopped before anything was done; the same command starts it again'
    check "$begin_ranks ranks, signal to the $in_phase_to while $in_phase_text: the phase was not finished" [ "$(grep -c 'INFO  set up in' log)" = 0 ]
}
for size in 1 2; do
    for to in first last; do
        in_phase 'rows are read' $to $size train job.yaml output_dir=scan$size$to dataset_dir=many dataset=rows eval_strategy=no eval_dataset=null max_samples=400000
    done
done
rm -rf many
long='eval_dataset=drive_train max_samples=100000 per_device_eval_batch_size=1 eval_steps=1 vision_cache=off'
begin 2 train job.yaml output_dir=eval $long
find_ranks
until_said 'step 1/'
sleep 0.3
kill -USR1 ${members##* }
end_of
check "an evaluation under way: exit $rc" stopped eval
on 2 train job.yaml output_dir=eval $long
on 2 train job.yaml output_dir=eval-whole $long
check "an evaluation under way: goes on with it: the same bits and lines" same_run eval-whole eval
cat > slow.c << EOF
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/types.h>
#include <unistd.h>
/* A disk that takes 0.3 s for each piece of weights. */
ssize_t pread(int fd, void *to, size_t n, off_t at)
{
    ssize_t (*real)(int, void *, size_t, off_t) = (ssize_t (*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread");
    if (n >= 16384)
        usleep(300000);
    return real(fd, to, n, at);
}
EOF
if ${CC:-cc} -shared -fPIC -o slow.so slow.c -ldl 2> /dev/null; then
    export LD_PRELOAD=$PWD/slow.so
    for to in first last; do
        in_phase 'weights are loaded' $to 2 train job.yaml output_dir=load$to
    done
    begin 1 train job.yaml output_dir=thrice-load
    until_there thrice-load/.lock
    find_ranks
    sleep 0.5
    for i in 1 2 3; do # the disk is slow enough that the run is still there
        kill -INT $members
        sleep 0.02
    done
    end_of
    check "three times SIGINT: at once: exit $rc" rc_is 130
    unset LD_PRELOAD
else
    skip "weights on a slow disk" "no C compiler"
fi

# ---- while a checkpoint is written, on a slow disk: it is finished ----
cat > slow.c << EOF
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
/* A disk that takes 0.3 s for each file to be safe. */
int fsync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    usleep(300000);
    return real(fd);
}
EOF
if ${CC:-cc} -shared -fPIC -o slow.so slow.c -ldl 2> /dev/null; then
    on 2 train job.yaml output_dir=slow-whole max_steps=12 save_steps=2
    for signals in USR1 'INT TERM'; do
        dir=$(echo "slow-$signals" | tr ' ' -)
        LD_PRELOAD=$PWD/slow.so begin 2 train job.yaml output_dir=$dir max_steps=12 save_steps=2
        find_ranks
        until_there "$dir/.tmp-checkpoint-2*"
        at=$(sed -n 's/.*step \([0-9]*\)\/12 .*/\1/p' log | tail -n 1)
        for signal in $signals; do kill -$signal ${members%% *}; done
        check "SIG$signals while a checkpoint is written: it was not there yet" [ ! -e $dir/checkpoint-2 ]
        end_of
        check "SIG$signals while a checkpoint is written: exit $rc" stopped $dir
        check "SIG$signals while a checkpoint is written: it is finished" "$program" info $dir/checkpoint-2
        # Told in the step under way, or just after it, all ranks know at the end of the next.
        check "SIG$signals while a checkpoint is written, after step $at: stopped within three steps" \
            grep "stopped after step [$at$((at + 1))$((at + 2))$((at + 3))] of 12" log
        on 2 train job.yaml output_dir=$dir max_steps=12 save_steps=2
        check "SIG$signals while a checkpoint is written: goes on: the same bits and lines" same_run slow-whole $dir
    done
else
    skip "a checkpoint on a slow disk" "no C compiler"
fi

# ---- one writer ----
begin 1 train job.yaml output_dir=held max_steps=100000 eval_strategy=no
find_ranks
until_said 'step 1/'
timeout 60 "$program" train job.yaml output_dir=held > second.log 2>&1
second=$?
check "a second writer: exit $second" [ $second -eq 73 ]
check "a second writer: is told who holds it" grep "held/.lock: process $members on .* writes here" second.log
kill -9 $members
end_of
check "killed: its lock stands" ls held/.lock
on 1 train job.yaml output_dir=held max_steps=1 resume_from_checkpoint=false
check "a dead holder: exit $rc" rc_is 0
check "the lock goes with the run" [ ! -e held/.lock ]

# ---- another number of ranks ----
sed '/^gradient_acc/d; s/^lora_dropout.*/lora_dropout: 0/' job.yaml > ranks.yaml
on 1 train ranks.yaml output_dir=ranks1 gradient_accumulation_steps=4
begin 4 train ranks.yaml output_dir=ranks gradient_accumulation_steps=1
find_ranks
until_said 'step 2/'
kill -USR1 ${members%% *}
end_of
check "4 ranks stopped: exit $rc" stopped ranks
on 3 train ranks.yaml output_dir=ranks gradient_accumulation_steps=1
check "4 ranks, then 3: exit $rc" rc_is 78
check "4 ranks, then 3: says which would do" one_error 'which 3 ranks cannot make' '1 of 1, 2, 4 ranks'
on 2 train ranks.yaml output_dir=ranks gradient_accumulation_steps=1
check "4 ranks, then 2, without more accumulation: exit $rc" rc_is 78
check "4 ranks, then 2: says what to write" one_error 'gradient_accumulation_steps: 2 for 2 ranks'
begin 2 train ranks.yaml output_dir=ranks gradient_accumulation_steps=2
find_ranks
until_said 'step 4/'
kill -USR1 ${members%% *}
end_of
on 1 train ranks.yaml output_dir=ranks gradient_accumulation_steps=4
check "4 ranks, then 2, then 1: exit $rc" rc_is 0
# The same samples in the same order, added up in another one: 1e-3 is what is promised, fp32 gives far less.
numbers ranks1/trainer_log.jsonl loss > one.col
numbers ranks/trainer_log.jsonl loss > many.col
apart=$(worst_relative one.col many.col)
check "4 ranks, then 2, then 1: losses relative to 1 rank's: $apart <= 1e-4" below $apart 1e-4

# ---- what cannot be written ----
if mkdir full && mount -t tmpfs -o size=120m tmpfs full 2> /dev/null; then
    trap 'umount "$tmp/full" 2> /dev/null; rm -rf "$tmp"' EXIT
    dd if=/dev/zero of=full/filler bs=1M count=80 2> /dev/null # less than 64 MiB stay
    on 1 train job.yaml output_dir=full/out save_steps=2
    check "no room for checkpoints: training goes on, and the end says so: exit $rc" rc_is 74
    check "no room for checkpoints: says what is missing" said 'MiB needed'
    check "no room for checkpoints: all steps are done" said 'step 6/6'
    rm -rf full/out
    on 1 train job.yaml output_dir=full/out save_steps=2 save_failure=fatal
    check "save_failure: fatal: exit $rc" rc_is 74
    # It is written beside the step after it, and all ranks learn of its failure at that step's end or the next one's.
    check "save_failure: fatal: two steps more at most, and no other checkpoint" sh -c '! grep -q "step 5/" log && ! grep -q "checkpoint-4" log'
    rm full/filler
    on 1 train job.yaml output_dir=full/out save_steps=2
    check "room again: the same command: exit $rc" rc_is 0
else
    skip "no room for checkpoints" "no tmpfs can be mounted here"
fi
finish
