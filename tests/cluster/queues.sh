#!/bin/sh
# OpenPBS, LSF (with mpirun, with jsrun) and Flux, which no Debian package brings: jobs/pbs.sh, lsf.sh, lsf-jsrun.sh and flux.sh
# submitted to stand-ins of their commands (standins.sh) with the numbers of nodes and ranks edited as a user would. Each is
# stopped at a limit in its system's way, runs again by its system's rule, and ends with the bits of a run left alone.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
jobs=$(cd "$data/.." && pwd)/jobs
mkdir bin site
for name in qsub qalter qstat bsub jsrun flux queue; do
    ln -s "$data/../tests/cluster/standins.sh" bin/$name
done
PATH=$tmp/bin:$PATH
export RANKTUNE="$program" OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
model small25
job job.yaml small25
sed -i 's/^max_steps:.*/max_steps: 300/' job.yaml # long enough to be stopped in, on a machine that others load too

# edited SCRIPT SED_SCRIPT LINES: site/SCRIPT, in which so many lines were there to be edited
edited() {
    sed "$2" "$jobs/$1" > "site/$1"
    chmod +x "site/$1"
    check "$1: $(diff "$jobs/$1" "site/$1" | grep -c '^[<>]') lines differ" [ "$(diff "$jobs/$1" "site/$1" | grep -c '^<')" -eq "$3" ]
}
# fresh NAME: a system of its own, without jobs
fresh() {
    export QUEUE="$tmp/queue.$1"
}
# serve: the system runs what it has, in the background.
serve() {
    timeout -k 5 "${limit:-300}" queue serve > log 2>&1 &
    served=$!
}
# at_step STEP DIR: the run there is so far.
at_step() {
    at_step_tries=0
    until grep -qs '"current_steps": '"$1"',' "$2/trainer_log.jsonl"; do
        { kill -0 $served && [ $at_step_tries -lt 1200 ]; } 2> /dev/null || return 1
        sleep 0.05
        at_step_tries=$((at_step_tries + 1))
    done
}
end_of_queue() {
    wait $served
    rc=$?
    cat "$QUEUE"/*/out.* > log 2> /dev/null
}
# codes JOB CODE ...: of its runs, one after another.
codes() {
    codes_job=$1
    shift
    codes_all=$(tr '\n' ' ' < "$QUEUE/$codes_job/codes")
    echo "exits of job $codes_job: $codes_all"
    [ "$codes_all" = "$* " ]
}
# good_checkpoint DIR LAST: there is one, it is whole, and it is not that of the last step.
good_checkpoint() {
    good_name=$(cat "$1/latest")
    echo "$good_name"
    [ "$good_name" != "checkpoint-$2" ] && "$program" info "$1/$good_name"
}
same_run() {
    cmp straight/adapter_model.safetensors "$1/adapter_model.safetensors" && same_logs straight/trainer_log.jsonl "$1/trainer_log.jsonl"
}
recorded() { # DIR SYSTEM ID
    grep "INFO  $2 job $3\$" log && grep "\"batch_job\": \"$2 $3\"" "$1/run_summary.json"
}
ranks_were() { # N, by the banners of all runs
    grep -h ' ranks\? x ' log > banners
    cat banners
    [ -s banners ] && ! grep -v "$1 ranks x" banners
}
on 2 train job.yaml output_dir=straight
check "a run left alone: exit $rc" rc_is 0

# ---- OpenPBS: no warning, our own limit; a chain goes on ----
fresh pbs
edited pbs.sh 's/select=2:ncpus=16:ngpus=2:mpiprocs=2/select=1:ncpus=1:mpiprocs=2/' 1
export MAX_HOURS=auto
run "$jobs/restart_chain.sh" 2 site/pbs.sh job.yaml output_dir=pbs
check "PBS: a chain of 2 is submitted: exit $rc" rc_is 0
check "PBS: the second waits for the first" grep -x 1.server "$QUEUE/2/after"
qalter -l walltime=00:01:00 1.server # the minute that the program keeps for its end
serve
end_of_queue
check "PBS: stopped ahead of its wall time, as qstat says it" grep 'as qstat says' "$QUEUE/1/out.0"
check "PBS: exits with 75" codes 1 75
check "PBS: the next in the chain ends it" codes 2 0
check "PBS: it had gone on from a checkpoint" grep 'going on from' "$QUEUE/2/out.0"
check "PBS: 2 ranks, as the directives ask" ranks_were 2
check "PBS: the same bits and lines" same_run pbs
check "PBS: the log and the summary name the job" recorded pbs pbs 2.server
unset MAX_HOURS
JOB="job.yaml output_dir=three max_steps=1" qsub -l select=3:ncpus=1 -v JOB,RANKTUNE,MAX_HOURS=1 "$jobs/pbs.sh" > id
serve
end_of_queue
check "PBS: 3 hosts of 1 rank each, by its list of hosts" grep -h '3 ranks x' "$QUEUE/3/out.0"
check "PBS: they end" codes 3 0

# ---- LSF: USR1 to every process at -wt; -Q says after which codes it runs again ----
lsf() { # SCRIPT DIR: job 1 of a system, warned
    JOB="job.yaml output_dir=$2" bsub < "site/$1" > id
    serve
    at_step 3 "$2"
    queue near 1
}
fresh lsf
edited lsf.sh 's/^#BSUB -n 4/#BSUB -n 2/; /^#BSUB -gpu/d' 2
lsf lsf.sh lsf
end_of_queue
check "LSF: USR1, then again by -Q: 75, then 0" codes 1 75 0
check "LSF: 2 ranks, as the directives ask" ranks_were 2
check "LSF: the same bits and lines" same_run lsf
check "LSF: the log and the summary name the job" recorded lsf lsf 1
JOB="job.yaml output_dir=bad max_steps=none" bsub < site/lsf.sh > id
serve
end_of_queue
check "LSF: a wrong job file does not run again" codes 2 64
fresh jsrun
edited lsf-jsrun.sh 's/^#BSUB -nnodes 2/#BSUB -nnodes 1/' 1
export HOSTS=1
lsf lsf-jsrun.sh jsrun
end_of_queue
check "LSF with jsrun: USR1, then again by -Q: 75, then 0" codes 1 75 0
check "LSF with jsrun: 2 ranks in one resource set" ranks_were 2
check "LSF with jsrun: the same bits and lines" same_run jsrun
unset HOSTS
fresh chain
sed -i '/^#BSUB -Q/d' site/lsf.sh # a site where nothing runs again
run "$jobs/restart_chain.sh" 2 site/lsf.sh job.yaml output_dir=chain
serve
at_step 3 chain
queue near 1
end_of_queue
check "LSF without -Q: exits with 75" codes 1 75
check "LSF without -Q: the next in the chain ends it" codes 2 0
check "LSF without -Q: the same bits and lines" same_run chain

# ---- Flux: USR1 to script and ranks; the same command again ----
fresh flux
edited flux.sh 's/^#flux: -N 2/#flux: -N 1/; s/^#flux: -n 4/#flux: -n 2/' 2
export NODES=1 RANKS=2
flux batch site/flux.sh job.yaml output_dir=flux > id
serve
at_step 3 flux
queue near 1
end_of_queue
check "Flux: exits with 75" codes 1 75
check "Flux: a good checkpoint" good_checkpoint flux 300
flux batch site/flux.sh job.yaml output_dir=flux > id
serve
end_of_queue
check "Flux: the same command again ends it" codes 2 0
check "Flux: 2 ranks" ranks_were 2
check "Flux: the log and the summary name the job" recorded flux flux f2s
check "Flux: the same bits and lines" same_run flux
run "$jobs/restart_chain.sh" 2 site/flux.sh job.yaml output_dir=flux
serve
end_of_queue
check "Flux: a chain of a complete run: both end at once" codes 4 0
check "Flux: says that it is complete" grep 'already finished' "$QUEUE/4/out.0"
unset NODES RANKS
flux batch site/flux.sh job.yaml output_dir=more > id # the allocation edited, not the ranks
serve
end_of_queue
check "Flux: more ranks than the job has room for: refused" grep 'unsatisfiable' "$QUEUE/5/out.0"
finish
