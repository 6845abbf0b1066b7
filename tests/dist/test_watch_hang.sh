#!/bin/sh
# A main thread that hangs where nothing reaches it: its watchdog says so and ends the process, also where the files hang.
set -u
mpirun=${RT_MPIRUN:-mpirun --oversubscribe}
program=${RT_BUILDDIR:-.}/tests/dist/test_watch.mpi
host=$(hostname)
n=0 failed=0
# MPICH's mpiexec ends with the code that it hears of first: 76, or 9 of a rank that it kills for that.
other=76
case $($mpirun --version 2> /dev/null) in *HYDRA*) other=9 ;; esac
check() { # check WHAT RC LINE FOLDER: exit 76, that line on stderr once and in hb/verdict
    n=$((n + 1))
    if { [ "$2" -eq 76 ] || [ "$2" -eq $other ]; } && [ "$(grep -cE "^\\[rank [0-9] $host\\] $3\$" "$tmp/log")" -eq 1 ] && grep -qE "^$3\$" "$tmp/$4/hb/verdict"; then
        echo "ok $n - $1: exit $2, $(grep -E "^\\[rank [0-9] $host\\] " "$tmp/log")"
    else
        echo "not ok $n - $1: exit $2, wanted 76 and \"$3\""
        sed 's/^/# /' "$tmp/log"
        failed=1
    fi
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
why="nothing moved for [0-9]* s: rank 0 on $host \\(process [0-9]+\\) does not answer: for [0-9]+ s in the forward pass of step 5, sample 6 \\(a.json row 7\\)"
for ranks in 1 3; do
    for how in sleep spin; do
        mkdir "$tmp/$how$ranks"
        timeout 60 $mpirun -np $ranks "$program" $how "$tmp/$how$ranks" > "$tmp/log" 2>&1
        check "rank 0 of $ranks, $how" $? "$why" $how$ranks
    done
done
mkdir "$tmp/alone"
timeout 60 "$program" sleep "$tmp/alone" > "$tmp/log" 2>&1
check "a process without mpirun" $? "$why" alone
# A file that cannot be written, as on a hung mount: a pipe that nobody reads from.
mkdir -p "$tmp/pipe/diag"
mkfifo "$tmp/pipe/diag/rank-0.jsonl"
timeout 60 "$program" sleep "$tmp/pipe" > "$tmp/log" 2>&1
check "and with a folder that hangs" $? "$why" pipe
mkdir "$tmp/wait"
timeout 60 $mpirun -np 3 "$program" wait "$tmp/wait" > "$tmp/log" 2>&1
check "all wait" $? "sum over ranks: not done within [0-9]+ s \\(ddp_timeout\\): all 3 ranks that are known wait inside collective #[0-9]+ \\(sum over ranks\\): the network or a GPU hangs" wait
echo "1..$n"
exit $failed
