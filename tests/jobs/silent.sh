#!/bin/sh
# A rank that falls silent: the others name it, with its process and what it was doing, and the job ends in time.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
model small25
job job.yaml small25
sed -i '/^max_steps/d' job.yaml

# The limit is 3 s. A stopped rank costs those, and up to 2 s until the one that has something to say has said it; ranks are
# ended by the launcher at once. The rest of the bound is for a slow machine.
for rank in 0 2; do
    begin 3 train job.yaml max_steps=100000 ddp_timeout=3 output_dir=silent$rank
    find_ranks
    until_said 'step 4/'
    process=$(echo $members | cut -d ' ' -f $((rank + 1)))
    begun=$(date +%s)
    kill -STOP "$process"
    end_of
    took=$(($(date +%s) - begun))
    # Hydra ends with the code that it hears of first: the verdict's, or 9 of the stopped rank that it kills for it.
    check "rank $rank of 3 stopped: exit $rc" sh -c "[ $rc -eq 76 ] || { [ $rc -eq 9 ] && [ $killed_rc -eq 9 ]; }"
    check "rank $rank of 3 stopped: the summary has the job's code" grep -F '"exit_code": 76' silent$rank/run_summary.json
    check "rank $rank of 3 stopped: over after $took s <= 12" below "$took" 12
    errors | grep -c ": not done within .* s (ddp_timeout): rank [0-9] on .* (process" > named
    check "rank $rank of 3 stopped: one rank says who it was" [ "$(cat named)" -eq 1 ]
    check "rank $rank of 3 stopped: it is named" said "rank $rank on $(hostname) (process $process, stopped by a signal) does not answer: for "
    check "rank $rank of 3 stopped: and where it was" grep -qE " s in (waiting for data|handing over a batch|the (forward|backward) pass|the sum of gradients|the update)( of step [0-9]+)?(, inside collective #[0-9]+)?(, sample [0-9]+ \(.*\))?$" "$tmp/log"
done

# A rank that is killed, as by a kernel short of memory: mpirun ends the others with its own code, after 1 s that are made 5 here
# for a slow machine, and one of them leaves the job's.
for rank in 0 2; do
    export OMPI_MCA_odls_base_sigkill_timeout=5
    begin 3 train job.yaml max_steps=100000 output_dir=killed$rank
    find_ranks
    until_said 'step 4/'
    process=$(echo $members | cut -d ' ' -f $((rank + 1)))
    kill -9 "$process"
    end_of
    unset OMPI_MCA_odls_base_sigkill_timeout
    check "rank $rank of 3 killed: exit $rc" rc_is $killed_rc
    if hydra; then # it has killed the others at once
        check "rank $rank of 3 killed: the summary says no end" grep -F '"state": "running"' killed$rank/run_summary.json
        check "rank $rank of 3 killed: Hydra says which process" grep -E "(PID|PROCESS ID):? $process RUNNING AT" "$tmp/log"
        continue
    fi
    check "rank $rank of 3 killed: the summary has the job's code" grep -F '"exit_code": 76' killed$rank/run_summary.json
    check "rank $rank of 3 killed: and says who" grep -F ": rank $rank on $(hostname) (process $process) died without a word" killed$rank/run_summary.json
    check "rank $rank of 3 killed: and so does one line" one_error "rank $rank on $(hostname) (process $process) died without a word"
done

# A batch system may suspend all ranks of a job and wake them later: nobody hung then.
begin 3 train job.yaml max_steps=30 ddp_timeout=3 output_dir=asleep
find_ranks
until_said 'step 4/'
# shellcheck disable=SC2086 # processes
kill -STOP $members && sleep 8 && kill -CONT $members
end_of
check "all ranks stopped for 8 s and woken: exit $rc" rc_is 0
finish
