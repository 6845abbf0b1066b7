#!/usr/bin/env bash
# What other projects' packages make of our files and our numbers: transformers, peft, torch, safetensors, tokenizers,
# h5py and TensorBoard on a short run of each small model. Run after the build; makes a Python venv in the build folder.
# usage: tests/peers.sh        (RT_BUILDDIR: the build, b/; RT_PEERS_VENV: the venv, made if it is not there)
# TAP lines; last line "peers: N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/.."
src=$PWD
build=$(realpath "${RT_BUILDDIR:-b}")
venv=${RT_PEERS_VENV:-$build/peers-venv}
packages=(torch torchvision transformers==5.6.0 peft==0.18.1 safetensors tensorboard h5py tokenizers pillow xxhash)
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 HF_HUB_OFFLINE=1 CUDA_VISIBLE_DEVICES=
export RT_SRCDIR=$src RT_BUILDDIR=$build PYTHONDONTWRITEBYTECODE=1

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

skip() {
    echo "ok 1 # SKIP $1"
    echo "peers: 0 passed, 0 failed, 1 skipped"
    exit 0
}

# torch loads CUDA's libraries whether or not there is a GPU, so its wheel needs those of its dependencies: 3 GB of
# downloads, 5.7 GB on disk. The stamp is written last: a venv without it is made anew.
make_venv() {
    local stamp="$venv/peers-${packages[*]//[^a-z0-9.]/-}"
    stamp=${stamp// /_}
    [ ! -e "$stamp" ] || return 0
    rm -rf "$venv"
    python3 -m venv "$venv" > "$tmp/pip.log" 2>&1 &&
        "$venv/bin/pip" install -q --no-cache-dir --no-compile "${packages[@]}" >> "$tmp/pip.log" 2>&1 &&
        touch "$stamp" && return 0
    tail -3 "$tmp/pip.log" | sed 's/^/# /'
    rm -rf "$venv"
    return 1
}

n=0 passed=0 failed=0
count() { # a result line, numbered through
    n=$((n + 1))
    case $1 in
    ok*) passed=$((passed + 1)) ;;
    *) failed=$((failed + 1)) ;;
    esac
    echo "$1" | sed -E "s/^(ok|not ok) [0-9]*/\1 $n/"
}

# check NAME COMMAND...: counts the command's TAP lines; one that ends badly without a "not ok" is a failure of its own
check() {
    local name=$1 log=$tmp/$n.log before=$failed rc
    shift
    "$@" > "$log" 2>&1
    rc=$?
    while IFS= read -r line; do
        case $line in
        "ok "* | "not ok "*) count "$line" ;;
        esac
    done < "$log"
    [ $rc -eq 0 ] || [ $failed -gt $before ] || count "not ok 0 - $name: exit $rc"
    [ $failed -eq $before ] || grep -vE '^(ok|1\.\.)' "$log" | tail -15 | sed 's/^/# /'
}
step() { # step NAME COMMAND...: one check, that it succeeds
    local name=$1 log=$tmp/step.log
    shift
    if "$@" > "$log" 2>&1; then
        count "ok 0 - $name"
    else
        count "not ok 0 - $name"
        tail -5 "$log" | sed 's/^/# /'
        return 1
    fi
}

job() { # job MODEL: on the rows as they stand in the file, two a micro-batch
    cat << END
model_name_or_path: $tmp/$1
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 8
dataset: rows
dataset_dir: $tmp/rows
template: qwen2_vl
cutoff_len: 2048
disable_shuffling: true
output_dir: $tmp/$1.out
per_device_train_batch_size: 2
learning_rate: 1.0e-2
num_train_epochs: 3.0
logging_steps: 1
plot_loss: true
use_cpu: true
END
}

one_model() {
    local m=$1 adapter=$tmp/$1.out
    job "$m" > "$tmp/$m.yaml"
    step "$m: init" "$build/ranktune" init "$m" "$tmp/$m" --corpus data/drive/train.json --dtype fp32 --shard-mb 1 &&
        step "$m: train" "$build/ranktune" train "$tmp/$m.yaml" report_to=tensorboard save_steps=4 &&
        step "$m: one step from the adapter" "$build/ranktune" train "$tmp/$m.yaml" adapter_name_or_path="$adapter" \
            output_dir="$tmp/$m.step" max_steps=1 save_steps=1 max_grad_norm=0 gradient_accumulation_steps=1 &&
        step "$m: preview" sh -c '"$0" preview "$1" --json --micros 3 > "$2"' "$build/ranktune" "$tmp/$m.yaml" \
            "$tmp/$m.jsonl" &&
        mkdir "$tmp/$m.logits" &&
        step "$m: our forward" "$build/tests/peers/dump_logits" "$tmp/$m.logits" 3 "$tmp/$m.yaml" \
            adapter_name_or_path="$adapter" &&
        check "$m" "$venv/bin/python" tests/peers/check_model.py "$tmp/$m" "$adapter" "$tmp/rows" "$tmp/$m.jsonl" \
            "$tmp/$m.logits" "$tmp/$m.step/checkpoint-1"
}

keep_files() { # what the tests of src/checkpoint wrote, for check_checkpoint.py
    mkdir "$tmp/keep" && make -C "$build" -s tests/checkpoint/test_{safetensors,peft,state,folder}.t || return 1
    for t in safetensors peft state folder; do
        (cd "$build" && RT_KEEP=$tmp/keep "tests/checkpoint/test_$t.t") || return 1
    done
}

make_venv || skip "pip could not install ${packages[*]}: no comparison with other projects' packages"
make -C "$build" -s all > "$tmp/make.log" 2>&1 || { tail -5 "$tmp/make.log"; count "not ok 0 - make"; }
echo "# $("$venv/bin/pip" list 2> /dev/null | awk '/^(torch|transformers|peft|safetensors|tokenizers|tensorboard|h5py) / {
    printf "%s %s  ", $1, $2 }')"
step "rows" "$venv/bin/python" tests/peers/make_rows.py data/drive "$tmp/rows"
models=(small25 small25tied small2)
for m in "${models[@]}"; do
    one_model "$m"
done
check tokenizer "$venv/bin/python" tests/peers/check_tokenizer.py "$build/ranktune" "$tmp/small25"
check state "$venv/bin/python" tests/peers/check_state.py "$tmp/small25.out" "${models[@]/#/$tmp/}"
check report "$venv/bin/python" tests/peers/check_report.py "$tmp/small25.out"
step "files of the checkpoint tests" keep_files &&
    check checkpoint "$venv/bin/python" tests/peers/check_checkpoint.py "$tmp/keep"
check walk env RT_WALK_KEEP="$tmp/walk" sh tests/cluster/walk.sh
if [ -d "$tmp/walk" ]; then # not where it could not be walked
    check "walk: what TensorBoard reads" "$venv/bin/python" tests/peers/check_report.py "$tmp/walk/resumed"
    check "walk: what PEFT reads" "$venv/bin/python" tests/peers/check_walk.py "$tmp/walk/model" "$tmp/walk/resumed"
fi
echo "1..$n"
echo "peers: $passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
