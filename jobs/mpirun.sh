#!/bin/bash
# Hosts that you can ssh to, no batch system. Starts the job again when a rank or a host was lost; Ctrl-C stops it with a
# checkpoint, and the same line goes on.
# usage: jobs/mpirun.sh HOSTS JOB.yaml [key=value ...]     HOSTS: a:2,b:2 (two ranks on each, one a GPU)
set -um
[ $# -ge 2 ] || { echo "usage: $0 a:2,b:2 JOB.yaml [key=value ...]" >&2; exit 64; }
hosts=$1
shift
ranks=0
for host in ${hosts//,/ }; do
    count=${host##*:}
    [ "$count" != "$host" ] || count=1
    ranks=$((ranks + count))
done
# Open MPI hears of a host that vanished by keep-alives, which it sends only after 5 minutes if not told otherwise; it then
# ends the job with 205.
export OMPI_MCA_oob_tcp_keepalive_time=10 OMPI_MCA_oob_tcp_keepalive_intvl=5 OMPI_MCA_oob_tcp_keepalive_probes=3
where=(-hosts "$hosts") killed=9 # MPICH
if mpirun --version 2> /dev/null | grep -qE 'Open MPI|OpenRTE'; then
    where=(-host "$hosts" --bind-to none) killed=137 # not one core a rank: decoding threads want more
fi
again=${RESTARTS:-10}
stopped=0
trap 'stopped=1; kill -USR1 "$run" 2> /dev/null' INT TERM USR1
while :; do
    mpirun -np "$ranks" "${where[@]}" "${RANKTUNE:-ranktune}" train "$@" < /dev/null &
    run=$!
    while kill -0 "$run" 2> /dev/null; do wait "$run"; done
    wait "$run"
    rc=$?
    # 76, 205: a rank or a host was lost; 137, or MPICH's 9: a rank was killed. max_hours (75) and Ctrl-C are stops that were meant.
    if { [ $rc -ne 76 ] && [ $rc -ne $killed ] && [ $rc -ne 205 ]; } || [ $stopped -eq 1 ] || [ "$again" -le 0 ]; then
        exit $rc
    fi
    again=$((again - 1))
    echo "exit $rc: starting again from the last checkpoint ($again more times)"
    sleep "${RESTART_WAIT:-10}"
done
