#!/bin/bash
# Where a job may not be run again by itself: COUNT jobs, each waiting for the end of the one before. All have the same
# command, go on from the last checkpoint, and end at once when the run is complete.
# usage: jobs/restart_chain.sh COUNT SCRIPT JOB.yaml [key=value ...]
#        SCRIPT: jobs/slurm.sbatch, jobs/slurm-srun.sbatch, jobs/pbs.sh, jobs/lsf.sh, jobs/lsf-jsrun.sh or jobs/flux.sh
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: $0 COUNT SCRIPT JOB.yaml [key=value ...]" >&2; exit 64; }
count=$1 script=$2
shift 2

# The number of the job that was just submitted; $1: the one it waits for, or nothing.
submit() {
    local after=$1
    shift
    case $script in
    *.sbatch) sbatch --parsable ${after:+--dependency=afterany:$after} "$script" "$@" | cut -d ';' -f 1 ;;
    *pbs.sh) JOB="$*" qsub ${after:+-W depend=afterany:$after} -v "JOB${MAX_HOURS:+,MAX_HOURS}${RANKTUNE:+,RANKTUNE}" "$script" ;;
    *lsf.sh | *lsf-jsrun.sh) JOB="$*" bsub ${after:+-w "ended($after)"} < "$script" | sed -n 's/^Job <\([0-9]*\)>.*/\1/p' ;;
    *flux.sh) flux batch ${after:+--dependency=afterany:$after} "$script" "$@" ;;
    *) echo "$0: $script: no script of jobs/ that can wait for another" >&2; return 64 ;;
    esac
}

job=
for ((i = 1; i <= count; i++)); do
    job=$(submit "$job" "$@")
    [ -n "$job" ] || { echo "$0: $script was not taken" >&2; exit 1; }
    echo "$i of $count: job $job"
done
