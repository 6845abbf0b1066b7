#!/bin/sh
# All that one GPU can show, in one call: operations, sanitizers, a recorded case, resuming, the 7B against transformers and
# LLaMA-Factory, attention against cuDNN, start and memory. TAP lines, then a table. Needs no source tree built and no compiler.
# usage: gpu.sh [FOLDER [OUT_FOLDER]]   FOLDER: ranktune, test_*.t, bench_attention, dump_logits, kernel_times.so (default b, with
#                                       the folders of a build; else all beside each other); OUT_FOLDER: full logs
# PARTS="ops sanitize case attention speed kept lora full"   what to run; default all for which there is what they need
# TOOLS="memcheck racecheck initcheck synccheck"   of compute-sanitizer
# SANITIZE_NAMES="attention gemm ..."   of which operations; default: all
# SANITIZE_GPUS="0 1 ..."    over which they are spread; default: all that there are
# CASE=DIR       a recorded case: job.yaml, model, data, expect/trainer_log.jsonl in fp32
# BF16_BOUND=X   what the case's losses in bf16 may be apart from those: 1.5 times what LLaMA-Factory's are on such a GPU
# MODEL=DIR or TOKENIZER=DIR   a 7B folder, or what it needs to be made in /dev/shm
# DATA=DIR DATASET=NAME        pictures and questions of the 7B job, with NAME.json; else data/drive, whose pictures are small
# PYTHON=COMMAND               a python with torch, transformers, peft and llamafactory, for what is compared with them
RT_SRCDIR=$(cd "$(dirname "$0")/.." && pwd)
RT_BUILDDIR=$(cd "${1:-b}" && pwd) || exit 1
out=${2:-}
if ! nvidia-smi -L 2> /dev/null | grep -q '^GPU'; then
    echo "1..0 # SKIP no GPU"
    exit 0
fi
[ -z "$out" ] || { mkdir -p "$out" && out=$(cd "$out" && pwd); }
. "$RT_SRCDIR/tests/jobs/lib.sh"
out=${out:-$tmp}
table=$tmp/table
python=${PYTHON:-python3}
: > "$table"
note() { # a line of the table
    printf '%s\n' "$*" >> "$table"
}
since() { # seconds since a date +%s.%N
    echo "$1 $(date +%s.%N)" | awk '{ printf "%.1f", $2 - $1 }'
}
find_program() { # NAME: in the folder itself or where a build has it
    for find_at in "$RT_BUILDDIR/$1" "$RT_BUILDDIR"/tests/*/"$1"; do
        [ ! -e "$find_at" ] || { echo "$find_at"; return; }
    done
}
nvidia-smi --query-gpu=index,name,driver_version,memory.total --format=csv,noheader | sed 's/^/# /'
for part in ${PARTS:-ops sanitize case attention speed kept lora full}; do
    begun_part=$(date +%s)
    . "$RT_SRCDIR/tests/gpu/$part.sh"
    echo "# $part: $(($(date +%s) - begun_part)) s"
done
cat "$table"
finish
