#!/bin/bash
# LSF. One rank a GPU; edit the lines below for your machine.
# usage: JOB="job.yaml key=value" bsub < jobs/lsf.sh
#BSUB -J ranktune
#BSUB -n 4
#BSUB -R "span[ptile=2]"
#BSUB -gpu "num=2"
#BSUB -W 12:00
#BSUB -wt 5
#BSUB -wa USR1
#BSUB -Q "75 76 80 205"
#BSUB -r
#BSUB -o ranktune.%J.log
set -um
# shellcheck disable=SC2086  # JOB may hold key=value words behind the file
[ $# -ge 1 ] || set -- ${JOB:?write JOB=job.yaml bsub < jobs/lsf.sh}

# -wa and -wt send USR1 five minutes before the limit to the processes of the job; mpirun, in a group of its own, gets it from
# here too: a second one changes nothing. -Q runs the job again on these exit codes: 75 stopped with a checkpoint, 76 or 205 a
# rank or a node was lost, 80 bad hardware. With jsrun: jobs/lsf-jsrun.sh.
# The hosts are in LSB_DJOB_HOSTFILE, as often as each has ranks. An MPI that was not built for LSF must be told, and starts
# what runs on the others by LSF's blaunch.
where=()
[ -z "${LSB_DJOB_HOSTFILE-}" ] || where=(-hostfile "$LSB_DJOB_HOSTFILE" -np "$(grep -c . "$LSB_DJOB_HOSTFILE")")
! command -v blaunch > /dev/null || export OMPI_MCA_plm_rsh_agent="${OMPI_MCA_plm_rsh_agent-blaunch}"
# Open MPI hears of a host that vanished by keep-alives, which it sends only after 5 minutes if not told otherwise; it then
# ends the job with 205.
export OMPI_MCA_oob_tcp_keepalive_time=10 OMPI_MCA_oob_tcp_keepalive_intvl=5 OMPI_MCA_oob_tcp_keepalive_probes=3
mpirun --bind-to none "${where[@]}" "${RANKTUNE:-ranktune}" train "$@" < /dev/null &
run=$!
trap 'kill -USR1 "$run" 2> /dev/null' USR1 USR2 TERM
while kill -0 "$run" 2> /dev/null; do wait "$run"; done
wait "$run"
