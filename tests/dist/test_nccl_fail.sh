#!/bin/sh
# What goes wrong with NCCL ends the whole job, with its code, within a bound, and with a line that says who and what.
set -u
program=${RT_BUILDDIR:-.}/tests/dist/test_nccl.mpi
host=$(hostname)
n=0
failed=0
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
export FAKE_NCCL_TAG=$$
if [ ! -x "$program" ]; then
    echo "1..0 # SKIP this build has no NCCL"
    exit 0
fi
# try WHAT TROUBLE RANKS HOW CODE SECONDS TEXT ...: ends with the code, in time, and says every text
try() {
    what=$1 code=$5 limit=$6
    begun=$(date +%s)
    FAKE_NCCL=$2 timeout -k 5 60 mpirun --oversubscribe --bind-to none -np "$3" "$program" "$4" > "$tmp" 2>&1
    rc=$?
    took=$(($(date +%s) - begun))
    shift 6
    n=$((n + 1)) bad=
    for text; do
        grep -qF -- "$text" "$tmp" || bad="$bad, without \"$text\""
    done
    [ "$rc" -eq "$code" ] || bad="$bad, wanted exit $code"
    [ "$took" -le "$limit" ] || bad="$bad, wanted $limit s at most"
    if [ -z "$bad" ]; then
        echo "ok $n - $what: exit $rc after $took s"
    else
        echo "not ok $n - $what: exit $rc after $took s$bad"
        sed 's/^/# /' "$tmp"
        failed=1
    fi
}
# The limit on waiting is 1 s; 2 s for others to speak first; the rest bears a slow machine.
try "a rank stopped by a signal" none 3 stop 76 8 "sum of gradients over ranks: not done within 1 s (ddp_timeout)" \
    "rank 1 (process" "stopped by a signal) does not answer: for" "s in the backward pass of step 2"
try "a sum that never ends" hang=1,2 2 go 76 8 "$host] sum of gradients over ranks: not done within 1 s (ddp_timeout)"
try "a network that fails" fail=1,2 3 go 76 8 "[rank 1 $host] sum of gradients over ranks: NCCL 2." \
    "fake system error (the reason); NCCL_DEBUG=WARN shows more"
try "a communicator that does not end" stuck 2 stop 76 16 "stopped by a signal)"
try "one rank that cannot start NCCL" init=1,0 3 go 69 12 "[rank 1 $host] starting NCCL: NCCL 2." "fake error (the reason)"
try "no rank that can start NCCL" init=all 3 go 69 12 "together: starting NCCL: NCCL 2."
echo "1..$n"
rm -f "/dev/shm/fake-nccl-$$-"*
exit $failed
