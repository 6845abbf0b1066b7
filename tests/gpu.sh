#!/bin/sh
# Runs the tests of the operations on a GPU machine: every test_*.t of a folder, each again under compute-sanitizer's
# memcheck where that is present. Needs no source tree and no compiler; prints one line a test last.
# usage: gpu.sh [FOLDER [OUT_FOLDER]]     FOLDER: the programs (default: beside this file); OUT_FOLDER: full logs
# RT_GPU_SANITIZE=no leaves memcheck out; RT_GPU_LIMIT is the limit in seconds for one program (default 300).
# Fails where a check fails, a program ends badly, memcheck finds something, or no check ran on CUDA at all.
set -u
folder=${1:-$(dirname "$0")}
out=${2:-$(mktemp -d)}
limit=${RT_GPU_LIMIT:-300}
mkdir -p "$out"
sanitizer=
if [ "${RT_GPU_SANITIZE:-yes}" != no ]; then
    for s in compute-sanitizer /usr/local/cuda/bin/compute-sanitizer; do
        [ -n "$sanitizer" ] || sanitizer=$(command -v "$s" || true)
    done
fi
count() { # PATTERN FILE
    grep -cE "$1" "$2" || true
}
failed=0
: > "$out/table"
for program in "$folder"/test_*.t; do
    [ -x "$program" ] || continue
    name=$(basename "$program" .t)
    log=$out/$name.log
    begun=$(date +%s)
    timeout "$limit" "$program" > "$log" 2>&1
    rc=$?
    took=$(($(date +%s) - begun))
    good=$(count '^ok .*' "$log")
    bad=$(count '^not ok ' "$log")
    cuda=$(count '^ok [0-9]+ - .*cuda (fp32|bf16)' "$log")
    missing=$(count '^ok [0-9]+ # SKIP cuda' "$log")
    memory=-
    if [ -n "$sanitizer" ]; then
        if timeout "$limit" "$sanitizer" --tool memcheck --error-exitcode 99 --log-file "$out/$name.memcheck" \
            "$program" > "$out/$name.memcheck.out" 2>&1; then
            memory=clean
        else
            mrc=$?
            memory=failed
            [ $mrc -ne 99 ] || memory=errors
            [ $mrc -ne 124 ] || memory=slow
        fi
    fi
    verdict=ok
    [ "$rc" -eq 0 ] && [ "$bad" -eq 0 ] && [ "$missing" -eq 0 ] || verdict=FAILED
    case $memory in errors | failed) verdict=FAILED ;; esac
    [ $verdict = ok ] || failed=$((failed + 1))
    printf '%-18s %-7s %6s %6s %6s %6s %4s %5ss  %s\n' "$name" $verdict "$good" "$bad" "$cuda" "$missing" "$rc" "$took" \
        $memory >> "$out/table"
done
grep -hE '^(not ok|Bail out)' "$out"/test_*.log | head -40
grep -hE '=========' "$out"/*.memcheck 2> /dev/null | grep -vE 'COMPUTE-SANITIZER|ERROR SUMMARY: 0' | head -20
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2> /dev/null
printf '%-18s %-7s %6s %6s %6s %6s %4s %6s  %s\n' test verdict ok "not ok" cuda skips exit time memcheck
cat "$out/table"
if [ ! -s "$out/table" ]; then
    echo "no test_*.t in $folder" >&2
    exit 1
fi
[ "$failed" -eq 0 ]
