#!/bin/sh
# The program's n-th allocation fails, and all after it, or that one alone: exit 71 or, where it can do without, 0; never a
# crash or a hang, nor an adapter that is torn. RUNS=1000 for the long form, SEED repeats one.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
if ! faulty; then
    skip "allocations that fail" "tests/jobs/fault.so is not there or cannot be preloaded"
    finish
fi
model small25
job job.yaml small25
seed=${SEED:-$(date +%s)}
echo "# SEED=$seed"
set -- train job.yaml max_steps=2 save_steps=1
FAULT=malloc-count:$tmp/count LD_PRELOAD="$fault" on 1 "$@" output_dir=counted
check "a run of two steps: exit $rc" rc_is 0
all=$(cat count)
check "it allocates $all times" [ "$all" -gt 100 ]
on 2 "$@" output_dir=two
check "and on two ranks: exit $rc" rc_is 0

runs=${RUNS:-24} i=0 bad=0 recovered=0
while [ $i -lt "$runs" ]; do
    i=$((i + 1))
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    at=$(((seed / 16 * 977 + i) % all + 1)) kind=malloc ranks=1 good=counted
    [ $((i % 3)) -ne 0 ] || kind=malloc-once
    if [ $((i % 4)) -eq 0 ]; then ranks=2 good=two; fi
    limit=30 FAULT=$kind:$at FAULT_RANK=$((i % ranks)) LD_PRELOAD="$fault" on $ranks "$@" output_dir=out
    case $rc in
    71) ;;
    0)
        recovered=$((recovered + 1))
        cmp -s out/adapter_model.safetensors $good/adapter_model.safetensors || rc=torn
        ;;
    *) rc="exit $rc" ;;
    esac
    case $rc in
    71 | 0) ;;
    *)
        bad=$((bad + 1))
        echo "# FAULT=$kind:$at on $ranks ranks: $rc"
        tail -n 4 log | sed 's/^/#   /'
        ;;
    esac
    # What is there under its final name is whole.
    for folder in out/checkpoint-*; do
        [ ! -d "$folder" ] || run "$program" info "$folder"
        [ ! -d "$folder" ] || [ "$rc" -eq 0 ] || { bad=$((bad + 1)); echo "# FAULT=$kind:$at: $folder cannot be read"; }
    done
    rm -rf out
done
check "$runs allocations that fail: $bad bad ends, $recovered runs that did without" [ $bad -eq 0 ]
finish
