#!/bin/sh
# A rank that aborts ends the whole job with its code and text, under mpirun and without a launcher.
set -u
mpirun=${RT_MPIRUN:-mpirun --oversubscribe}
program=${RT_BUILDDIR:-.}/tests/dist/test_dist.mpi
host=$(hostname)
n=0
failed=0
check() { # check WHAT RC WANTED_RC FILE WANTED_LINE
    n=$((n + 1))
    if [ "$2" -eq "$3" ] && grep -qxF "$5" "$4"; then
        echo "ok $n - $1: exit $2, \"$5\""
    else
        echo "not ok $n - $1: exit $2, wanted $3 and \"$5\""
        sed 's/^/# /' "$4"
        failed=1
    fi
}
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
for rank in 0 2; do
    timeout 60 $mpirun -np 3 "$program" $rank > "$tmp" 2>&1
    check "rank $rank of 3 aborts" $? 65 "$tmp" "[rank $rank $host] data.json: row 7: no picture"
done
timeout 60 "$program" 0 > "$tmp" 2>&1
check "a process without mpirun aborts" $? 65 "$tmp" "[rank 0 $host] data.json: row 7: no picture"
timeout 60 "$program" > "$tmp" 2>&1
check "a process without mpirun is one rank" $? 0 "$tmp" "ok 1 - MPI starts "
echo "1..$n"
exit $failed
