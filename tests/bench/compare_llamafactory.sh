#!/usr/bin/env bash
# LLaMA-Factory and ranktune side by side on one job file, on CPUs: three runs each, in turn, on the machine as it is.
# usage: compare_llamafactory.sh JOB.yaml PYTHON_VENV [ranks]     (the venv has llamafactory; ranktune from b/, or
#        RT_BUILDDIR; RT_RUNS for another number of runs)
# Prints the seconds of the training phase (train_runtime) and of the whole process, and how far the losses are apart.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '3,4s/^# //p' "$0" >&2; exit 2; }
job=$(realpath "$1") venv=$(realpath -s "$2") ranks=${3:-1} runs=${RT_RUNS:-3}
ranktune=$(realpath "${RT_BUILDDIR:-$(dirname "$0")/../../b}")/ranktune
[ -x "$ranktune" ] || { echo "$ranktune: not there; build first, or set RT_BUILDDIR" >&2; exit 2; }
[ -x "$venv/bin/llamafactory-cli" ] || { echo "$venv/bin/llamafactory-cli: not there; install llamafactory" >&2; exit 2; }

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
here=$(dirname "$(realpath "$0")")
cd "$(dirname "$job")" # the paths in a job file are relative to where it is started
export HF_HUB_OFFLINE=1 DISABLE_VERSION_CHECK=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
lf=("$venv/bin/llamafactory-cli" train) rt=("$ranktune" train)
if [ "$ranks" -gt 1 ]; then
    export FORCE_TORCHRUN=1 NPROC_PER_NODE=$ranks
    rt=(mpirun --oversubscribe --bind-to none -np "$ranks" "${rt[@]}")
fi

# measure NAME RUN COMMAND...: whole-process seconds into $out/NAME-RUN.wall, what it printed beside it
measure() {
    local name=$1-$2 start=$EPOCHREALTIME
    shift 2
    PATH=$venv/bin:$PATH "$@" "$job" use_cpu=true output_dir="$out/$name" overwrite_output_dir=true \
        > "$out/$name.log" 2>&1 || { tail -20 "$out/$name.log" >&2; echo "$1 failed" >&2; exit 1; }
    echo "$start $EPOCHREALTIME" > "$out/$name.wall"
}
echo "load before: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) cores,$(sed -n 's/^model name.*://p' /proc/cpuinfo | head -1)"
for ((run = 1; run <= runs; run++)); do
    measure lf $run "${lf[@]}"
    measure rt $run "${rt[@]}"
done
echo "load after: $(cut -d' ' -f1-3 /proc/loadavg)"
"$venv/bin/python" "$here/compare_runs.py" "$out" "$runs"
