#!/bin/bash
# LSF whose ranks jsrun starts. One rank a GPU; edit the lines below and those of jsrun for your machine.
# usage: JOB="job.yaml key=value" bsub < jobs/lsf-jsrun.sh
#BSUB -J ranktune
#BSUB -nnodes 2
#BSUB -W 12:00
#BSUB -wt 5
#BSUB -wa USR1
#BSUB -Q "75 76 80"
#BSUB -r
#BSUB -o ranktune.%J.log
set -um
# shellcheck disable=SC2086  # JOB may hold key=value words behind the file
[ $# -ge 1 ] || set -- ${JOB:?write JOB=job.yaml bsub < jobs/lsf-jsrun.sh}

# One resource set a host with all of its GPUs: ranks in sets of their own would be cut off from each other's. A warning may
# come from LSF and from here: a second one changes nothing. max_hours, below -W by some steps and a checkpoint, is for where
# jsrun does not hand it on to other hosts.
jsrun -n "${HOSTS:-2}" -r 1 -a "${RANKS_PER_HOST:-2}" -g "${RANKS_PER_HOST:-2}" -c "${CORES_PER_HOST:-16}" -b none \
    "${RANKTUNE:-ranktune}" train "$@" max_hours="${MAX_HOURS:-11.8}" < /dev/null &
run=$!
trap 'kill -USR1 "$run" 2> /dev/null' USR1 USR2 TERM
while kill -0 "$run" 2> /dev/null; do wait "$run"; done
wait "$run"
