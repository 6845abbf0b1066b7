#!/bin/sh
# Run one .mpi test under 1, 2 and 3 ranks, each with a time limit ($limit seconds, or 120); rank 0 prints the TAP lines.
# usage: [RT_MPIRUN=mpiexec] mpirun.sh PROGRAM [ARG ...]     RT_MPIRUN: another launcher, with options
set -u
mpirun=${RT_MPIRUN:-mpirun --oversubscribe}
n=0
failed=0
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
for ranks in 1 2 3; do
    timeout "${limit:-120}" $mpirun -np $ranks "$@" > "$tmp" 2>&1
    rc=$?
    while IFS= read -r line; do
        case $line in
        "ok "* | "not ok "*)
            n=$((n + 1))
            printf '%s\n' "$line" | sed "s/^\(not ok\|ok\) [0-9]*/\1 $n/; s/\$/ [$ranks ranks]/"
            ;;
        1..*) ;;
        *) printf '# %s\n' "$line" ;;
        esac
    done < "$tmp"
    n=$((n + 1))
    if [ $rc -eq 0 ]; then echo "ok $n - $ranks ranks exit 0"; else echo "not ok $n - $ranks ranks exit $rc"; failed=1; fi
done
echo "1..$n"
exit $failed
