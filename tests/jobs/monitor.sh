#!/bin/sh
# What a run says of hosts and of itself: the hosts' TensorBoard runs, the file for Prometheus, run_summary.json however it
# ends, log files, and what watching costs.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
model small25
job job.yaml small25
host=$(hostname)

# field FILE KEY: a value of a summary, without quotes.
field() {
    sed -n 's/^ *"'"$2"'": "\{0,1\}\(.*[^",]\)"\{0,1\},\{0,1\}$/\1/p' "$1/run_summary.json"
}
# field_is FOLDER KEY VALUE
field_is() {
    field_value=$(field "$1" "$2")
    echo "$2 is $field_value, wanted $3"
    [ "$field_value" = "$3" ]
}
# field_has FOLDER KEY TEXT
field_has() {
    field "$1" "$2"
    field "$1" "$2" | grep -qF -- "$3"
}
field_like() {
    field "$1" "$2"
    field "$1" "$2" | grep -q -- "$3"
}
# no_words PATTERN FILE: no line has it
no_words() {
    ! grep -n "$1" "$2"
}

# ---- a run to its end ----
unset SLURM_JOB_ID PBS_JOBID LSB_JOBID FLUX_JOB_ID JOB_ID
on 2 train job.yaml output_dir=a report_to=tensorboard max_steps=12 save_steps=6 monitor_seconds=0.2 log_dir=logs \
    prom_file="$tmp/%h.prom"
check "exit $rc" rc_is 0
runs=$(ls -d a/runs/*)
check "one run of the job, and one of the host below it" [ -d "$runs/$host" ]
check "one event file each" [ "$(ls "$runs"/*tfevents* "$runs/$host"/*tfevents* | wc -l)" -eq 2 ]
for tag in system/cpu_percent system/memory_gib system/memory_ranks_gib system/read_mb_s system/cpu_percent/min system/rank1_cpu/max \
    system/memory_ranks_pss_gib system/memory_total_gib; do
    check "the host's run has $tag" grep -qa "$tag" "$runs/$host"/*tfevents*
done
check "each once, as the run took no minute" [ "$(grep -ao 'system/memory_gib/max' "$runs/$host"/*tfevents* | wc -l)" -eq 1 ]
for tag in system_by_step/cpu_percent system_by_step/memory_gib/max; do
    check "its run by step has $tag" grep -qa "$tag" "$runs/$host/steps"/*tfevents*
done
for tag in perf/tokens_per_second perf/step_seconds perf/tflops_per_rank train/loss; do
    check "the job's run has $tag" grep -qa "$tag" "$runs"/*tfevents*
done
check "which has none of the host's" no_words system/ "$runs"/*tfevents*
check "gauges for Prometheus, as its format wants them" \
    awk '/^#/ { bad = bad || !/^# (HELP|TYPE) ranktune_[a-z0-9_]+ ./; next }
         { bad = bad || !/^ranktune_[a-z0-9_]+[{]host="[^"]*"(,rank="[0-9]+")?[}] -?[0-9.e+-]+$/; n++ } END { print n; exit bad || n < 12 }' "$host.prom"
check "with the last step" grep -qF "ranktune_step{host=\"$host\"} 12" "$host.prom"
check "and nothing left beside it" [ "$(ls "$host".prom* | wc -l)" -eq 1 ]
for pair in state:complete exit_code:0 "reason:training complete" step:12 total_steps:12 first_step:0 samples:96 ranks:2 hosts:1 \
    gpus:0 bad_rows:0 skipped_steps:0 continue:null; do
    check "the summary's ${pair%%:*}: ${pair#*:}" field_is a "${pair%%:*}" "${pair#*:}"
done
check "its tokens are those of the log" [ "$(field a tokens)" = "$(field a tokens_seen)" ]
check "the summary: no batch system" field_is a batch_job null
check "its checkpoints" [ "$(sed -n '/"checkpoints"/,/]/p' a/run_summary.json | tr -dc '0-9,')" = 6,12, ]
sum=$(sed -n '/"phase_seconds"/,/}/p' a/run_summary.json | awk -F': ' 'NR > 1 { s += $2 } END { print s }')
# Phases lie end to end; what comes before and after them, MPI's start and closing, is outside the wall time or short.
check "the summary has the monitor's looks and the time of agreeing on stops" \
    awk -v n="$(field a monitor_samples)" -v s="$(field a stop_agreement_seconds)" 'BEGIN { exit !(n >= 2 && s > 0) }'
check "seconds of all phases, $sum, are the wall time, $(field a wall_seconds)" \
    awk -v a="$sum" -v b="$(field a wall_seconds)" 'BEGIN { exit !(a >= 0.9 * b - 0.1 && a <= 1.1 * b + 1) }'
check "the same in words on the console" said "run complete, exit code 0: training complete"
check "the start: which build" said "ranktune $("$program" --version | cut -d' ' -f2) ("
check "which MPI, and how many ranks" said "2 ranks on 1 host, on CPUs"
check "which job" said "    learning_rate: 0.01"
check "a log file of rank 0, as the console" grep -q "step 12/12" logs/rank-0.log
check "one of rank 1" grep -q "2 ranks on 1 host" logs/rank-1.log
check "no carriage return and no colour where there is no terminal" no_words "$(printf '[\r\033]')" log
check "the resolved job runs" [ "$(sed -n 's/^max_steps: //p' a/resolved_job.yaml)" = 12 ]

# ---- what watching costs: a look each 0.2 s here, 25 times as often as each 5 s; by default 0.1 % of a core is the bound ----
cost=$(field a monitor_cpu_seconds)
# The first look opens files and begins event files; 10 ms are left for it.
check "the monitor computed $cost s in $(field a wall_seconds) s, no more than 25 x 0.1 % of a core" \
    awk -v c="$cost" -v w="$(field a wall_seconds)" 'BEGIN { exit !(c > 0 && c <= 0.010 + 0.025 * w) }'
on 1 train job.yaml output_dir=off monitor=false max_steps=2 report_to=tensorboard
check "without a monitor: exit $rc" rc_is 0
check "there is no run of the host" [ ! -e "$(ls -d off/runs/*)/$host" ]
check "nor a cost" field_is off monitor_cpu_seconds null
on 1 train job.yaml output_dir=here prom_file="$tmp/nowhere/x.prom" max_steps=3 monitor_seconds=0.1
check "a file for Prometheus that cannot be written ends no run: exit $rc" rc_is 0

# ---- stopped, and gone on with ----
begin 2 train job.yaml output_dir=b report_to=tensorboard max_steps=100000 monitor_seconds=0.2
find_ranks
until_said "step 3/"
check "while it runs the summary says so" field_is b state running
kill -USR1 $(echo $members | cut -d' ' -f1)
end_of
check "a stop: exit $rc" rc_is 75
check "its state" field_is b state stopped
check "its code" field_is b exit_code 75
check "the line to go on" field_has b continue "train job.yaml output_dir=b"
check "with the launcher's own" field_has b continue "$mpirun -np 2"
at=$(field b step)
again=$(field b continue)
limit=60
run sh -c "cd '$(field b directory)' && ${again%max_steps=100000*} max_steps=$((at + 3)) report_to=tensorboard monitor_seconds=0.2"
check "going on: exit $rc" rc_is 0
check "from step $at" field_is b first_step "$at"
check "the same run, with a second file of job and host" [ "$(ls b/runs/*/*tfevents* b/runs/*/"$host"/*tfevents* | wc -l)" -eq 4 ]

# ---- failures: before the first step, of a rank alone, and anew over an old run ----
on 2 train job.yaml output_dir=c model_name_or_path="$tmp/none"
check "no model: exit $rc" rc_is 66
check "the summary has the code" field_is c exit_code 66
check "and names it" field_has c reason "$tmp/none"
begin 2 train job.yaml output_dir=d max_steps=100000 ddp_timeout=2
find_ranks
until_said "step 3/"
first=$(for m in $members; do tr '\0' '\n' < "/proc/$m/environ" | grep -q '^OMPI_COMM_WORLD_RANK=0$' && echo "$m"; done)
kill -STOP "${first:-$(echo $members | cut -d' ' -f1)}"
end_of
check "rank 0 hangs: exit $rc" rc_is 76
check "another wrote the summary" field_is d exit_code 76
check "which says who did not answer" field_like d reason "rank 0 on [^ ]* (process [0-9]*, stopped by a signal) does not answer"
check "and how to go on" field_has d continue "train job.yaml output_dir=d"
begin 2 train job.yaml output_dir=f max_steps=100000 ddp_timeout=2 report_to=tensorboard monitor_seconds=0.2
find_ranks
until_said "step 3/"
other=$(for m in $members; do tr '\0' '\n' < "/proc/$m/environ" | grep -q '^OMPI_COMM_WORLD_RANK=1$' && echo "$m"; done)
kill -STOP "${other:-$(echo $members | cut -d' ' -f2)}"
end_of
check "rank 1 hangs: exit $rc" rc_is 76
check "rank 0, which watches, has written what it saw in the last minute" grep -qa "system/memory_gib/max" f/runs/*/"$host"/*tfevents*
on 1 train job.yaml output_dir=e overwrite_output_dir=true max_steps=4 max_hours=0.00001
check "a job that begins anew: exit $rc" rc_is 75
check "is told to go on" field_has e continue "overwrite_output_dir=true max_steps=4 max_hours=0.00001 resume_from_checkpoint=true"

# ---- cards, played by a stand-in for NVML, whose driver hangs in the midst of a run ----
nvml=$(dirname "$program")/tests/monitor/fake
if [ -e "$nvml/libnvidia-ml.so.1" ]; then
    export LD_LIBRARY_PATH="$nvml:${LD_LIBRARY_PATH:-}" FAKE_NVML=gpus=2 FAKE_NVML_FILE="$tmp/cards"
    export RANKTUNE_TEST_GPUS=0000:1b:00.0,0000:1c:00.0
    begin 2 train job.yaml output_dir=g report_to=tensorboard max_steps=200 monitor_seconds=0.1 prom_file="$tmp/cards.prom"
    until_said "step 3/"
    echo gpus=2,hang=1 > cards.new
    mv cards.new cards
    end_of
    check "a driver that hangs stops no step: exit $rc" rc_is 0
    check "all of them are done" field_is g step 200
    check "the monitor had seen both cards before" grep -qF "ranktune_gpu_power_w{host=\"$host\",gpu=\"1\"} 612.5" cards.prom
    check "and hung, as the last it told was step $(sed -n 's/^ranktune_step{.* //p' cards.prom)" \
        awk '/^ranktune_step[{]/ { n = $2 } END { exit !(n < 200) }' cards.prom
else
    skip "a driver that hangs" "tests/monitor/fake/libnvidia-ml.so.1 is not built"
fi
finish
