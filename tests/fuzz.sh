#!/usr/bin/env bash
# Fuzz the parsers with libFuzzer under the address and undefined-behaviour sanitizers: every target of tests/fuzz in turn,
# from its corpus and the golden files of its kind. Needs clang. What is found stands in OUT/found/; put it into
# tests/fuzz/corpus/NAME once it is mended.
# usage: [SECONDS_EACH=600] [RT_FUZZ_BUILD=build-fuzz] tests/fuzz.sh [NAME ...]        last line: executions and findings
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
src=$PWD
build=${RT_FUZZ_BUILD:-build-fuzz}
seconds=${SECONDS_EACH:-600}
targets=("$@")
if [ $# -eq 0 ]; then
    for file in tests/fuzz/fuzz_*.c; do
        name=${file##*/fuzz_}
        targets+=("${name%.c}")
    done
fi
command -v clang > /dev/null || { echo "no clang here: apt-get install clang libclang-rt-dev"; exit 77; }

[ -e configure ] || autoreconf -i || exit 1
mkdir -p "$build/found" "$build/corpus"
out=$(realpath "$build")
compiler=clang
! command -v ccache > /dev/null || compiler="ccache clang"
cd "$out" || exit 1
[ -e Makefile ] || "$src/configure" -q --without-cuda --enable-fuzz CC="$compiler" CFLAGS="-O1 -g" > configure.log 2>&1 ||
    { tail -5 configure.log; exit 1; }
# shellcheck disable=SC2046  # several words
make -s -j"$(nproc)" $(printf 'tests/fuzz/fuzz_%s.t ' "${targets[@]}") > make.log 2>&1 || { tail -20 make.log; exit 1; }

# Files go through a folder in memory; it is removed however this ends.
TMPDIR=$(mktemp -d "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)/ranktune-fuzz-XXXXXX")
export TMPDIR RT_SRCDIR="$src" ASAN_OPTIONS=allocator_may_return_null=1 \
    LSAN_OPTIONS=suppressions="$src/tests/lsan.supp":print_suppressions=0
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 1' HUP INT TERM

more() { # golden files that are inputs of a target as they stand
    local ext
    case $1 in
    jpeg) ext=jpg ;;
    tiff) ext=tif ;;
    png | webp | bmp | gif) ext=$1 ;;
    *) return ;;
    esac
    mkdir -p "$out/more/$1"
    cp "$src"/tests/golden/image/*."$ext" "$out/more/$1/"
    echo "$out/more/$1"
}

# libhdf5 leaks its own memory where it refuses a file.
leaks() {
    case $1 in state) echo 0 ;; *) echo 1 ;; esac
}

total=0 bad=0
TIMEFORMAT='%U + %S'
for name in "${targets[@]}"; do
    mkdir -p "corpus/$name"
    # shellcheck disable=SC2046  # one word or none
    { time ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=$(leaks "$name") "tests/fuzz/fuzz_$name.t" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=1500 -max_len=32768 \
        -dict="$src/tests/fuzz/json.dict" -artifact_prefix="found/$name-" -print_final_stats=1 -detect_leaks="$(leaks "$name")" -close_fd_mask=3 \
        "corpus/$name" "$src/tests/fuzz/corpus/$name" $(more "$name") > "found/$name.log" 2>&1; } 2> "found/$name.time"
    rc=$?
    done_n=$(sed -n 's/^stat::number_of_executed_units: *//p' "found/$name.log" | tail -1)
    covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "found/$name.log" | tail -1)
    total=$((total + ${done_n:-0}))
    [ $rc -eq 0 ] || bad=$((bad + 1))
    echo "$name: ${done_n:-0} executions, ${covered:-0} edges, $(cat "found/$name.time") s of a core, exit $rc$([ $rc -eq 0 ] || echo ", see $out/found/$name.log")"
done
echo "fuzz: ${#targets[@]} targets, $total executions, $bad with findings"
[ $bad -eq 0 ]
