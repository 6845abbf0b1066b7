#!/bin/sh
# Headers: each compiles alone, and each #include of ours in one is there for something that it names.
set -eu
root=${RT_SRCDIR:-.}
build=${RT_BUILDDIR:-.}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
words() { # the names of ours in a file without comments and #include lines
    sed -e 's|/\*.*\*/||' -e '/\/\*/,/\*\//d' -e '/^#include/d' "$1" | grep -oE '\b(rt|RT)_[A-Za-z0-9_]+' | sort -u
}

n=0
failed=0
say() { # say WHAT NAMES: a check that passes where NAMES is empty
    n=$((n + 1))
    if [ -z "$2" ]; then echo "ok $n - $1"; else echo "not ok $n - $1:$2"; failed=1; fi
}

# How the build itself compiles a C file, without the file. What the make that runs this was told is not for that one, which
# would speak of folders and job servers.
flags=$(MAKEFLAGS='' make -s --no-print-directory -C "$build" print-cflags)
cd "$root"
for dir in src/base src/checkpoint src/report src/fetch src/dist kernels kernels/cpu src/data src/model src/job src/train src/tools tests; do
    alone= needed= depth=1 type=
    case $dir in
    tests) depth=9 ;;
    kernels/cpu) type='-DRT_ACT_F32 -Wno-unknown-pragmas' ;; # one source for each element type; simd pragmas
    esac
    for file in $(find "$dir" -maxdepth $depth -name '*.h' | sort); do
        printf '#include "config.h"\n#include "%s"\n#include "%s"\n' "$root/$file" "$root/$file" > "$scratch/alone.c"
        if ! (cd "$build" && eval "$flags" $type -fsyntax-only '"$scratch/alone.c"') > "$scratch/log" 2>&1 || [ -s "$scratch/log" ]; then
            alone="$alone $file"
            sed 's/^/# /' "$scratch/log"
        fi
        words "$file" > "$scratch/uses"
        for other in $(sed -n 's/^#include "\([a-z0-9_]*\/[a-z0-9_/]*\.h\)".*/\1/p' "$file"); do
            for path in "src/$other" "$other"; do
                [ -e "$path" ] || continue
                words "$path" | comm -12 - "$scratch/uses" | grep -q . || needed="$needed $file->$other"
            done
        done
    done
    say "$dir: headers compile alone" "$alone"
    # act.h and attention.h of kernels/cpu are there to gather what every operation's file wants
    [ "$dir" = kernels/cpu ] || say "$dir: headers include only what they name" "$needed"
done
echo "1..$n"
exit $failed
