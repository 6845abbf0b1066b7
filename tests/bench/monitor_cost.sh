#!/usr/bin/env bash
# What watching a host, and agreeing at each step whether to stop, cost a job on CPUs: the same job with monitor=false and with a
# look each 5 s, 1 s and 0.1 s, on 1 and 2 ranks, in rounds that take turns with the order.
# usage: monitor_cost.sh [STEPS [ROUNDS]]     (300 and 5; ranktune from b/, or RT_BUILDDIR; RT_PRESET for another model to make)
# Prints medians over the rounds: ms of a step, and CPU of all ranks a step, which bears other work on the machine better, both
# also in ratio to those of the same round without the monitor; CPU of the monitor's thread a look and of the wall time; and
# what the agreement took of a step.
set -euo pipefail
case ${1:-} in -*) sed -n '2,7s/^# //p' "$0" >&2; exit 2 ;; esac
steps=${1:-300} rounds=${2:-5} preset=${RT_PRESET:-small25}
here=$(dirname "$(realpath "$0")") data=$(realpath "$(dirname "$0")/../../data")
ranktune=$(realpath "${RT_BUILDDIR:-$here/../../b}")/ranktune
[ -x "$ranktune" ] || { echo "$ranktune: not there; build first, or set RT_BUILDDIR" >&2; exit 2; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1

TIMEFORMAT='%U %S'
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cd "$out"
"$ranktune" init "$preset" model --corpus "$data/drive/train.json" --dtype fp32 > /dev/null
cat > job.yaml << EOF
model_name_or_path: model
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 4
dataset: drive_train
dataset_dir: $data
template: qwen2_vl
cutoff_len: 512
image_max_pixels: 12544
logging_steps: 10
save_strategy: "no"
report_to: tensorboard
per_device_train_batch_size: 2
gradient_accumulation_steps: 2
learning_rate: 1.0e-3
max_steps: $steps
EOF

# once RANKS NAME KEY=VALUE ...: a line of $out/results: ranks, name, round, ms a step, CPU s of the monitor, looks, wall s, ms a step
# of the agreement, CPU ms a step. Wall seconds are those of the training alone (train_runtime), CPU seconds those of the whole job.
once() {
    local ranks=$1 name=$2
    shift 2
    launch=(mpirun --bind-to core -np "$ranks") # the monitor's thread has to share the core of its rank
    rm -rf run
    { time "${launch[@]}" "$ranktune" train job.yaml output_dir=run "$@" > log 2>&1 < /dev/null; } 2> cpu || { tail -20 log >&2; exit 1; }
    awk -v cpu_s="$(awk '{ print $1 + $2 }' cpu)" -v ranks="$ranks" -v name="$name" -v round="$round" -v steps="$steps" -F'[:,]' '
        /"train_runtime"/ { s = $2 } /"monitor_cpu_seconds"/ { cpu = $2 + 0 } /"monitor_samples"/ { n = $2 + 0 }
        /"wall_seconds"/ { wall = $2 } /"stop_agreement_seconds"/ { agree = $2 }
        END { print ranks, name, round, 1e3 * s / steps, cpu, n, wall, 1e3 * agree / steps, 1e3 * cpu_s / steps }' \
        run/train_results.json run/run_summary.json >> results
}
each() {
    case $2 in
    off) once "$1" off monitor=false ;;
    *) once "$1" "$2" monitor_seconds="$2" prom_file="$out/%h.prom" ;;
    esac
}
echo "load before: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc --all) cores,$(sed -n 's/^model name.*://p' /proc/cpuinfo | head -1)"
order=(off 5 1 0.1)
for ((round = 1; round <= rounds; round++)); do
    for ranks in 1 2; do
        for name in "${order[@]}"; do
            each $ranks "$name"
        done
    done
    order=("${order[@]:1}" "${order[0]}") # whoever came first comes last
done
echo "load after: $(cut -d' ' -f1-3 /proc/loadavg)"

awk '
    function median(list,    part, n, i, j, t) {
        n = split(list, part, " ")
        for (i = 2; i <= n; i++)
            for (j = i; j > 1 && part[j] + 0 < part[j - 1] + 0; j--) { t = part[j]; part[j] = part[j - 1]; part[j - 1] = t }
        return n % 2 ? part[(n + 1) / 2] : (part[n / 2] + part[n / 2 + 1]) / 2
    }
    function range(list,    part, n, i, lo, hi) {
        n = split(list, part, " ")
        lo = hi = part[1] + 0
        for (i = 2; i <= n; i++) { if (part[i] + 0 < lo) lo = part[i] + 0; if (part[i] + 0 > hi) hi = part[i] + 0 }
        return sprintf("%.3f to %.3f", lo, hi)
    }
    $2 == "off" { off[$1, $3] = $4; off_cpu[$1, $3] = $9 }
    { line[NR] = $0; key = $1 " " $2; if (!(key in ms)) order[++keys] = key; ms[key] = ms[key] " " $4; agree[key] = agree[key] " " $8; used[key] = used[key] " " $9
      share[key] = share[key] " " (100 * $8 / $4)
      if ($6 > 0) { look[key] = look[key] " " (1e3 * $5 / $6); cpu[key] = cpu[key] " " (100 * $5 / $7) } }
    END {
        for (i = 1; i <= NR; i++) { split(line[i], f, " "); key = f[1] " " f[2]; ratio[key] = ratio[key] " " (f[4] / off[f[1], f[3]])
            cpu_ratio[key] = cpu_ratio[key] " " (f[9] / off_cpu[f[1], f[3]]) }
        print "| ranks | look each, s | ms a step | of that without, median (range) | CPU ms a step | of that without, median (range) | monitor: CPU ms a look | % of a core | agreement, ms a step | of a step, % |"
        print "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
        for (i = 1; i <= keys; i++) {
            key = order[i]; split(key, f, " ")
            printf "| %s | %s | %.2f | %.3f (%s) | %.2f | %.3f (%s) | %s | %s | %.4f | %.3f |\n", f[1], f[2], median(ms[key]), median(ratio[key]), range(ratio[key]),
                median(used[key]), median(cpu_ratio[key]), range(cpu_ratio[key]),
                key in look ? sprintf("%.3f", median(look[key])) : "", key in cpu ? sprintf("%.3f", median(cpu[key])) : "", median(agree[key]), median(share[key])
        }
    }' results
