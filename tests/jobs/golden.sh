#!/bin/sh
# Whole runs against what LLaMA-Factory logged on the same jobs (tests/golden/jobs, with the script that recorded it): every
# loss, gradient norm, learning rate and evaluation.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
root=${data%/data}
golden=$root/tests/golden/jobs

# What is promised to users. Both programs sum the same f32 numbers in other orders: sums of some 1e3 terms, a dozen layers,
# 2^-24 each, come to 1e-6 of a loss of 7. AdamW divides by the gradient's own size, so a gradient that is all rounding moves
# a parameter as far as any other, and norms of later steps part sooner. Measured over the kernels that OpenBLAS has for four
# generations of x86: losses 1.5e-6, norms 1.1e-5.
loss_bound=2e-4
norm_bound=1e-3
# One and the same formula in double, whose cosine another libm may round otherwise.
rate_bound=1e-14
# train_loss is the mean of the losses; total_flos is a whole number below 2^53 or an f32 sum of such: the same.

same_column() { # same_column NAME KEY BOUND worst|worst_relative: of all logs
    numbers "$golden/$1.json" "$2" > want.col
    numbers "$1/trainer_state.json" "$2" > got.col
    d=$($4 want.col got.col)
    check "$1: $2 of $(lines want.col) logs differ by $d <= $3" below "$d" "$3"
}
total() { # total NAME KEY BOUND: of the whole run
    numbers "$golden/$1.json" "$2" > want.col
    numbers "$1/train_results.json" "$2" > got.col
    d=$(worst_relative want.col got.col)
    check "$1: $2 $(cat got.col) differs by $d <= $3" below "$d" "$3"
}

for job in "$golden"/*.yaml; do
    name=$(basename "$job" .yaml)
    # its first lines: the command that makes the model, and the ranks
    set -- $(sed -n 's/^# ranktune init //p' "$job")
    preset=$1 model=$2 seed=$4
    ranks=$(sed -n 's/^# ranks: //p' "$job")
    [ -d "$model" ] || "$program" init "$preset" "$model" --seed "$seed" --dtype fp32 \
        --corpus "$data/drive/train.json" > /dev/null || exit 1
    on "$ranks" train "$job" output_dir="$name" dataset_dir="$golden/data" media_dir="$root"
    check "$name on $ranks ranks: exit $rc" rc_is 0
    same_column "$name" loss $loss_bound worst
    same_column "$name" grad_norm $norm_bound worst_relative
    same_column "$name" learning_rate $rate_bound worst_relative
    numbers "$golden/$name.json" epoch > want.col
    grep 'loss"' "$name/trainer_log.jsonl" | numbers /dev/stdin epoch > got.col
    check "$name: logged and evaluated at the same $(lines want.col) epochs" cmp want.col got.col
    if grep -q eval_loss "$golden/$name.json"; then
        same_column "$name" eval_loss $loss_bound worst
    fi
    if grep -q eval_accuracy "$golden/$name.json"; then
        # the share of tokens that the largest logit hits: two logits next to each other may change places
        same_column "$name" eval_accuracy 0.005 worst
    fi
    total "$name" train_loss $loss_bound
    total "$name" total_flos 0
    grep -q bf16_loss "$golden/$name.json" || continue

    # bf16: the reference's own distance from its fp32 losses, twice.
    on "$ranks" train "$job" output_dir="$name.bf16" dataset_dir="$golden/data" media_dir="$root" bf16=true
    check "$name in bf16: exit $rc" rc_is 0
    numbers "$golden/$name.json" loss > want.col
    numbers "$golden/$name.json" bf16_loss > theirs.col
    numbers "$name.bf16/trainer_state.json" loss > got.col
    theirs=$(worst want.col theirs.col) ours=$(worst want.col got.col)
    bound=$(awk -v x="$theirs" 'BEGIN { print 2 * x }')
    check "$name in bf16: losses differ from fp32's by $ours <= $bound, twice the reference's own" below "$ours" "$bound"
done
finish
