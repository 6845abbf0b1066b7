#!/bin/bash
# Grid Engine. One rank a GPU; the parallel environment and the GPUs' name are your site's: edit the lines below.
# usage: qsub jobs/sge.sh JOB.yaml [key=value ...]
#$ -N ranktune
#$ -S /bin/bash
#$ -cwd
#$ -V
#$ -pe mpi 4
#$ -l h_rt=12:00:00
#$ -notify
#$ -r y
#$ -j y
set -um
[ $# -ge 1 ] || { echo "usage: qsub $0 JOB.yaml [key=value ...]" >&2; exit 64; }

# -notify sends USR1 before a stop and USR2 before a kill, a queue's notify time ahead; at h_rt it may not: so max_hours,
# below h_rt by some steps and a checkpoint. mpirun finds the hosts by PE_HOSTFILE, and gets either warning as USR1.
# Open MPI hears of a host that vanished by keep-alives, which it sends only after 5 minutes if not told otherwise; it then
# ends the job with 205.
export OMPI_MCA_oob_tcp_keepalive_time=10 OMPI_MCA_oob_tcp_keepalive_intvl=5 OMPI_MCA_oob_tcp_keepalive_probes=3
mpirun --bind-to none -np "${NSLOTS:-1}" "${RANKTUNE:-ranktune}" train "$@" max_hours="${MAX_HOURS:-11.8}" < /dev/null &
run=$!
trap 'kill -USR1 "$run" 2> /dev/null' USR1 USR2 TERM
while kill -0 "$run" 2> /dev/null; do wait "$run"; done
wait "$run"
rc=$?

# 75: stopped with a checkpoint; 76 or 205: a rank or a node was lost; 80: bad hardware. 99 makes Grid Engine run it again.
case $rc in
75 | 76 | 80 | 205) exit 99 ;;
esac
exit "$rc"
