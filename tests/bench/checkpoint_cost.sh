#!/usr/bin/env bash
# What checkpoints cost a run on CPUs: the same job without any, with one at the end, which is waited for whole, and with one each
# SAVE_STEPS steps, in turn.
# usage: checkpoint_cost.sh [FOLDER]    (FOLDER on the disk to be measured; ranktune from b/, or RT_BUILDDIR; RT_RANK,
#        RT_STEPS, SAVE_STEPS, RT_RUNS and RT_RANKS for another adapter, length, interval, number of runs and of ranks)
# Prints for each run the seconds of training and those that the ranks stood still for what is saved, and at the end what one
# checkpoint in the midst of a run costs, but for the processor time of the thread that writes it.
set -euo pipefail
case ${1-} in -*) sed -n '3,4s/^# //p' "$0" >&2; exit 2 ;; esac
here=$(dirname "$(realpath "$0")")
ranktune=$(realpath "${RT_BUILDDIR:-$here/../../b}")/ranktune
[ -x "$ranktune" ] || { echo "$ranktune: not there; build first, or set RT_BUILDDIR" >&2; exit 2; }
data=$here/../../data
out=$(mktemp -d -p "${1:-${TMPDIR:-/tmp}}")
trap 'rm -rf "$out"' EXIT
cd "$out"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
"$ranktune" init small25 model --corpus "$data/drive/train.json" --dtype fp32 > /dev/null
cat > job.yaml << END
model_name_or_path: model
stage: sft
do_train: true
finetuning_type: lora
lora_rank: ${RT_RANK:-1024}
dataset: drive_train
dataset_dir: $data
template: qwen2_vl
image_max_pixels: 12544
per_device_train_batch_size: 1
gradient_accumulation_steps: 1
max_steps: ${RT_STEPS:-40}
logging_steps: 1
save_total_limit: 2
disable_gradient_checkpointing: true
use_cpu: true
monitor: false
END
job=(train job.yaml)
run=("$ranktune")
[ "${RT_RANKS:-1}" = 1 ] || run=(mpirun --oversubscribe --bind-to none -np "$RT_RANKS" "$ranktune")
number() { # KEY DIR: the first of that name in what the run left
    cat "$2/run_summary.json" "$2/train_results.json" | sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p" | head -n 1
}
steps=${RT_STEPS:-40} every=${SAVE_STEPS:-10}
echo "load before: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) cores,$(sed -n 's/^model name.*://p' /proc/cpuinfo | head -1)"
for ((round = 1; round <= ${RT_RUNS:-3}; round++)); do
    still=()
    for way in save_strategy=no save_steps="$steps" save_steps="$every"; do
        dir=$way-$round
        "${run[@]}" "${job[@]}" output_dir="$dir" "$way" > "$dir.log" 2>&1 || { tail -n 20 "$dir.log" >&2; exit 1; }
        still+=("$(number checkpoint "$dir")")
        echo "$way: training $(number train_runtime "$dir") s, stood still ${still[-1]} s"
    done
    between=$(((steps - 1) / every)) # checkpoints before the last one
    echo "${still[*]}" | awk -v n=$between '{ printf "a checkpoint in the midst: %.3f s; the last one: %.3f s\n", ($3 - $2) / n, $2 - $1 }'
done
echo "each of $(($(du -sb "save_steps=$every-1/checkpoint-$steps" | cut -f 1) / 1000000)) MB"
echo "load after: $(cut -d' ' -f1-3 /proc/loadavg)"
