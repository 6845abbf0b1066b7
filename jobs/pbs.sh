#!/bin/bash
# OpenPBS. One rank a GPU; edit the lines below for your machine.
# usage: JOB="job.yaml key=value" qsub -v JOB jobs/pbs.sh     (MAX_HOURS and RANKTUNE go by -v too; or several in a row: jobs/restart_chain.sh)
#PBS -N ranktune
#PBS -l select=2:ncpus=16:ngpus=2:mpiprocs=2
#PBS -l walltime=12:00:00
#PBS -r y
#PBS -j oe
#PBS -k oed
set -um
cd "${PBS_O_WORKDIR:-.}" || exit 73
# shellcheck disable=SC2086  # JOB may hold key=value words behind the file
[ $# -ge 1 ] || set -- ${JOB:?write JOB=job.yaml qsub -v JOB jobs/pbs.sh}

# PBS warns only with the signal that is followed by the kill, too late for a checkpoint: max_hours stops in time. Keep it
# below walltime by some steps and a checkpoint; MAX_HOURS=auto asks qstat where that can be run on the hosts of jobs.
# The hosts are in PBS_NODEFILE, as often as each has ranks. An MPI that was not built for PBS must be told.
where=()
[ -z "${PBS_NODEFILE-}" ] || where=(-hostfile "$PBS_NODEFILE" -np "$(grep -c . "$PBS_NODEFILE")")
# Open MPI hears of a host that vanished by keep-alives, which it sends only after 5 minutes if not told otherwise; it then
# ends the job with 205.
export OMPI_MCA_oob_tcp_keepalive_time=10 OMPI_MCA_oob_tcp_keepalive_intvl=5 OMPI_MCA_oob_tcp_keepalive_probes=3
mpirun --bind-to none "${where[@]}" "${RANKTUNE:-ranktune}" train "$@" max_hours="${MAX_HOURS:-11.8}" < /dev/null &
run=$!
trap 'kill -USR1 "$run" 2> /dev/null' USR1 TERM
while kill -0 "$run" 2> /dev/null; do wait "$run"; done
wait "$run"
# 75, 76, 80 and 205 mean: the same command goes on from the last checkpoint. A user cannot make PBS do that, a chain can.
