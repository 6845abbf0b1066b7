#!/usr/bin/env bash
# Memory hygiene: the suite under the address and undefined-behaviour sanitizers, as gcc builds it and as clang does, then whole
# runs under valgrind. Installs what is missing. Last line: N passed, N failed, N skipped.
# usage: [RT_SANITIZE_BUILD=build-sanitize] [TESTS='...'] [limit=300] tests/sanitize.sh [gcc] [clang] [valgrind]      default: all three
# TESTS: what of make check runs under the sanitizers. The default leaves out what is about launchers, batch systems and hosts,
# what holds the program to a clock, which a sanitizer makes 2 to 5 times slower, and what makes trouble through a library that
# is loaded before all others, for there a sanitizer's own has to be.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
src=$PWD
build=${RT_SANITIZE_BUILD:-build-sanitize}
tests=${TESTS:-'$(check_PROGRAMS)'$(printf ' tests/jobs/%s.sh' train resume bad golden check memory numbers tools vision_cache)}
parts=${*:-gcc clang valgrind}
passed=0 failed=0 skipped=0
jobs/setup.sh --packages && tests/install.sh clang libclang-rt-dev valgrind libc6-dbg
mkdir -p "$build" && build=$(realpath "$build") || exit 1
[ -e configure ] || autoreconf -i || exit 1

# The tests' files go to memory: checkpoints are forced to disk there by the thousand.
TMPDIR=$(mktemp -d "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)/ranktune-sanitize-XXXXXX")
export TMPDIR limit=${limit:-300} # seconds of a run: tests/jobs/lib.sh, tests/mpirun.sh
# The sanitizers of gcc 12 and clang 14 take a dynamic TLS block that lies 16 bytes into a page for one of glibc 2.19, and scan for
# leaks where the two words before it say, which are the allocator's: signal 11. Told not to, they scan it as ld.so's memory.
export ASAN_OPTIONS=intercept_tls_get_addr=0:${ASAN_OPTIONS:-}
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 1' HUP INT TERM

skip() { # PART REASON
    echo "$1: SKIP $2"
    skipped=$((skipped + 1))
}
# make_in FOLDER COMPILER CONFIGURE_ARGUMENT ...: a build there; make's targets and variables in $target
make_in() {
    local folder=$build/$1 compiler=$2
    shift 2
    ! command -v ccache > /dev/null || compiler="ccache $compiler"
    mkdir -p "$folder" && cd "$folder" || return 1
    [ -e Makefile ] || "$src/configure" -q --without-cuda CC="$compiler" "$@" > configure.log 2>&1 || { tail -5 configure.log; return 1; }
    make -s -j"$(nproc)" "${target[@]}" > make.log 2>&1 || { tail -20 make.log; return 1; }
    ! grep 'warning:' make.log
}
count() { # WORD|...: results of that kind
    find tests -name '*.trs' -exec cat {} + | grep -cE "^:test-result: ($1)"
}
suite() { # COMPILER
    command -v "$1" > /dev/null || { skip "$1" "it is not there"; return; }
    target=(check TESTS=)
    if make_in "$1" "$1" --enable-sanitize; then
        find tests -name '*.trs' -delete
        make -s -k -j"$(nproc)" check TESTS="$tests" > check.log 2>&1
        find tests -name '*.trs' -exec grep -HE '^:test-result: (FAIL|ERROR|XPASS)' {} +
        [ "$(count PASS)" -gt 0 ] || failed=$((failed + 1))
        passed=$((passed + $(count PASS)))
        failed=$((failed + $(count 'FAIL|ERROR|XPASS')))
        skipped=$((skipped + $(count SKIP)))
    else
        echo "$1: the build fails or warns"
        failed=$((failed + 1))
    fi
    cd "$src" || exit 1
}

# Every run is clean: no read or write out of place, nothing decided by what was never set, no memory lost.
valgrind_runs() (
    export RT_SRCDIR=$src RT_BUILDDIR=$build/valgrind
    . "$src/tests/jobs/lib.sh"
    model small25
    job job.yaml small25
    sed -i '/^max_steps\|^save_steps\|^image_max/d' job.yaml
    cat >> job.yaml << EOF
image_max_pixels: 3136
max_samples: 8
save_steps: 1
eval_strategy: steps
eval_steps: 2
plot_loss: true
EOF
    cat > memcheck << EOF
#!/bin/sh
exec valgrind -q --leak-check=full --num-callers=40 --error-exitcode=99 --suppressions="$src/tests/valgrind.supp" \\
    --log-file="$tmp/found.%p" "$program" "\$@"
EOF
    chmod +x memcheck
    program=$tmp/memcheck
    none_found() {
        head -60 found
        [ "$rc" = 0 ] && [ ! -s found ]
    }
    clean() { # RANKS ARGUMENT ...
        rm -f found.*
        on "$@"
        find . -name 'found.*' -size +0 -exec cat {} + > found
        check "valgrind on $1: ranktune ${*:2}: exit $rc, $(lines found) lines of findings" none_found
    }
    clean 1 train job.yaml output_dir=one max_steps=2 report_to=tensorboard
    clean 1 train job.yaml output_dir=one max_steps=3 report_to=tensorboard
    check "it went on from a checkpoint" said 'going on from one/checkpoint-2'
    clean 2 train job.yaml output_dir=two max_steps=2 bf16=true freeze_vision_tower=false lora_dropout=0.1
    clean 2 train job.yaml output_dir=two max_steps=3 bf16=true freeze_vision_tower=false lora_dropout=0.1
    check "it went on from a checkpoint" said 'going on from two/checkpoint-2'
    clean 1 preview job.yaml
    clean 1 preview job.yaml --json
    clean 1 info one/checkpoint-3
    clean 1 init small2 another --tokenizer small25
    finish
)
whole() { # valgrind's part
    command -v valgrind > /dev/null || { skip valgrind "it is not there"; return; }
    target=(ranktune)
    if make_in valgrind gcc CFLAGS='-O1 -g'; then
        valgrind_runs > valgrind.log 2>&1
        grep -A 40 '^not ok' valgrind.log
        passed=$((passed + $(grep -c '^ok' valgrind.log)))
        failed=$((failed + $(grep -c '^not ok' valgrind.log)))
        grep -q '^1\.\.' valgrind.log || failed=$((failed + 1))
    else
        echo "valgrind: the build fails or warns"
        failed=$((failed + 1))
    fi
    cd "$src" || exit 1
}

for part in $parts; do
    begun=$(date +%s) before=($passed $failed $skipped)
    case $part in
    gcc | clang) suite "$part" ;;
    valgrind) whole ;;
    *) echo "$part: none of gcc, clang, valgrind" && failed=$((failed + 1)) ;;
    esac
    echo "# $part: $((passed - before[0])) passed, $((failed - before[1])) failed, $((skipped - before[2])) skipped in" \
        "$(($(date +%s) - begun)) s"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
