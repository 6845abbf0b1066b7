#!/bin/sh
# Going on from checkpoints that LLaMA-Factory wrote (tests/golden/resume, with the script that recorded them): the same losses,
# norms, rates and adapter as LLaMA-Factory itself had when it went on there, and logs without gap or repeat.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
root=${data%/data}
golden=$root/tests/golden/resume

# As in golden.sh, where the bounds are derived; the runs are shorter, so that both programs' roundings part less. Adapters:
# AdamW moves a parameter by up to a learning rate a step (1e-2, of numbers of some 1e-1) and divides by its gradient's size;
# a difference of 1e-6 in the gradient is one of 1e-7 there. Measured: losses 1e-6, norms 4e-7, adapters 2e-7. With moments
# of zero, or of another module of the same shape, losses differ by 1e-2 or more and adapters by 4e-2 or more.
loss_bound=2e-4
norm_bound=1e-3
rate_bound=1e-14
adapter_bound=1e-4

setting() { # setting JOB KEY: from the comments at its head
    sed -n "s/^# $2: //p" "$1"
}
same_column() { # same_column NAME OUT KEY BOUND worst|worst_relative: of the logs after the checkpoint
    numbers "$golden/$1.json" "$3" > want.col
    numbers "$2/trainer_state.json" "$3" | tail -n "$(lines want.col)" > got.col
    d=$($5 want.col got.col)
    check "$2: $3 of $(lines want.col) logs differ by $d <= $4" below "$d" "$4"
}
same_end() { # same_end NAME OUT
    same_column "$1" "$2" loss $loss_bound worst
    same_column "$1" "$2" grad_norm $norm_bound worst_relative
    same_column "$1" "$2" learning_rate $rate_bound worst_relative
    d=$(norm_apart "$golden/$1/adapter_model.safetensors" "$2/adapter_model.safetensors")
    check "$2: the adapter at the end differs by $d <= $adapter_bound of its norm" below "$d" $adapter_bound
}
# What trainer_log.jsonl tells of losses, a line each: step and what; and log_history the same.
log_told() {
    sed -n 's/.*"current_steps": \([0-9]*\),.*"\(loss\|eval_loss\)": \([-0-9.e]*\).*/\1 \2 \3/p' "$1"
}
history_told() {
    tr -d '\n' < "$1" | sed 's/},/}\n/g' | sed -n 's/.*"\(loss\|eval_loss\)": \([-0-9.e]*\).*"step": \([0-9]*\).*/\3 \1 \2/p'
}
whole_log() { # whole_log OUT
    log_told "$1/trainer_log.jsonl" > log.told
    history_told "$1/trainer_state.json" > history.told
    [ -s log.told ] && diff log.told history.told && [ "$(sort log.told | uniq -d | wc -l)" -eq 0 ]
}
# What the checkpoint's log had of its steps stands there as it was.
kept_lines() { # kept_lines NAME STEP OUT
    awk -v step="$2" -F '[:,]' '$2 + 0 <= step' "$golden/$1/trainer_log.jsonl" > kept.lines
    head -n "$(lines kept.lines)" "$3/trainer_log.jsonl" | cmp - kept.lines
}
go_on() { # go_on NAME RANKS ARGUMENT ...
    go_on_name=$1 go_on_ranks=$2
    shift 2
    on "$go_on_ranks" train "$golden/$go_on_name.yaml" dataset_dir="$root/tests/golden/jobs/data" media_dir="$root" "$@"
}
theirs() { # theirs NAME OUT: a folder as LLaMA-Factory left it
    rm -rf "$2"
    mkdir "$2"
    cp -r "$golden/$1/checkpoint-"* "$golden/$1/trainer_log.jsonl" "$2/"
    chmod -R u+w "$2"
}

for job in "$golden"/*.yaml; do
    name=$(basename "$job" .yaml)
    set -- $(sed -n 's/^# ranktune init //p' "$job")
    [ -d "$2" ] || "$program" init "$1" "$2" --seed "$4" --dtype fp32 --corpus "$data/drive/train.json" > /dev/null || exit 1
    ranks=$(setting "$job" ranks) step=$(setting "$job" step)
    theirs "$name" "$name"
    go_on "$name" "$ranks" output_dir="$name"
    check "$name on $ranks ranks: exit $rc" rc_is 0
    check "$name: goes on after step $step" said "going on from $name/checkpoint-$step, which LLaMA-Factory wrote on $ranks rank"
    check "$name: nothing to warn of" sh -c "! grep WARN log"
    same_end "$name" "$name"
    numbers "$golden/$name.json" epoch > want.col
    grep 'loss"' "$name/trainer_log.jsonl" | numbers /dev/stdin epoch | tail -n "$(lines want.col)" > got.col
    check "$name: logged and evaluated at the same $(lines want.col) epochs" cmp want.col got.col
    check "$name: trainer_log.jsonl has each log of log_history once" whole_log "$name"
    check "$name: of the steps before the checkpoint as it was" kept_lines "$name" "$step" "$name"
    check "$name: LLaMA-Factory's checkpoint is as it was" diff -r "$golden/$name/checkpoint-$step" "$name/checkpoint-$step"
done
same_column plain plain eval_loss $loss_bound worst
# Every step is logged there, so train_loss is the mean of the logged losses, each of some 7 and rounded to a float.
numbers plain/trainer_log.jsonl loss | awk '{ s += $1 } END { printf "%.17g\n", s / NR }' > want.col
numbers plain/train_results.json train_loss > got.col
d=$(worst want.col got.col)
check "plain: train_loss $(cat got.col) is the mean over all steps, those before the checkpoint too: off by $d" below "$d" 2.4e-7
go_on plain 1 output_dir=plain
check "the same command again: exit $rc, already finished" said "already finished: plain holds all 12 steps"
check "the same command again: the log is as it was" whole_log plain

# ---- where from, where to ----
go_on plain 1 output_dir=elsewhere resume_from_checkpoint="$golden/plain/checkpoint-8/"
check "resume_from_checkpoint: PATH: exit $rc" rc_is 0
same_end plain elsewhere
check "resume_from_checkpoint: PATH: the log begins with the checkpoint's" whole_log elsewhere
check "resume_from_checkpoint: PATH: 8 steps of $(log_told elsewhere/trainer_log.jsonl | awk '$2 == "loss"' | wc -l)" \
    [ "$(log_told elsewhere/trainer_log.jsonl | awk '$2 == "loss"' | wc -l)" -eq 12 ]
mkdir another
echo '{"current_steps": 8, "total_steps": 12, "loss": 1.5, "lr": 0.1, "epoch": 1.0}' > another/trainer_log.jsonl
cp another/trainer_log.jsonl another.kept
go_on plain 1 output_dir=another resume_from_checkpoint="$golden/plain/checkpoint-8"
check "a log of another run: its lines stay" sh -c 'head -n 1 another/trainer_log.jsonl | cmp - another.kept'
check "a log of another run: said" said "another/trainer_log.jsonl is not the checkpoint's"
theirs plain two
go_on plain 2 output_dir=two gradient_accumulation_steps=1
check "a checkpoint of 1 rank on 2 with the same global batch: exit $rc" rc_is 0
same_end plain two

# ---- the best so far is the checkpoint's ----
theirs plain best
sed -i 's/"best_metric": .*,/"best_metric": 1.25,/' best/checkpoint-8/trainer_state.json
go_on plain 1 output_dir=best
check "load_best_model_at_end: exit $rc, back to step 8" said "taking the adapter of step 8"
check "load_best_model_at_end: its numbers" sh -c '[ "$1" = 0 ]' - \
    "$(norm_apart "$golden/plain/checkpoint-8/adapter_model.safetensors" best/adapter_model.safetensors)"

# ---- what is not the same ----
theirs plain other
model small25tied
for change in 'gradient_accumulation_steps=1:ranks times gradient_accumulation_steps' 'lora_rank=4:lora_rank was 2 there and is 4' \
    'lora_alpha=8:lora_alpha was 4 there and is 8' 'lora_dropout=0.1:lora_dropout was 0 there and is 0.1' \
    'lora_target=q_proj:lora_target hits was 6 there and is 3' 'lora_target=q_proj,k_proj:self_attn.k_proj' 'max_samples=20:rows of dataset' \
    'per_device_train_batch_size=1:per_device_train_batch_size was 2 there and is 1' \
    'model_name_or_path=small25tied:lora_target hits was 6 there and is 4'; do
    go_on plain 1 output_dir=other "${change%%:*}"
    check "${change%%:*}: exit $rc" rc_is 78
    check "${change%%:*}: named" one_error "${change#*:}" 'resume_from_checkpoint: false'
    check "${change%%:*}: nothing is changed" cmp "$golden/plain/trainer_log.jsonl" other/trainer_log.jsonl
done
go_on plain 1 output_dir=other learning_rate=1e-3 weight_decay=0 lr_scheduler_type=linear
check "other rates: exit $rc" rc_is 0
for text in "learning_rate was 0.01 there and is 0.001 from here on; LLaMA-Factory would go on with 0.01" "weight_decay was 0.1 there" \
    "the schedule was about to give 0.345492 times learning_rate there and gives 0.4 now"; do
    check "other rates: $text" said "$text"
done
theirs plain drops
sed -i 's/"lora_dropout": 0.0/"lora_dropout": 0.1/' drops/checkpoint-8/adapter_config.json
go_on plain 1 output_dir=drops lora_dropout=0.1
check "lora_dropout: exit $rc, said" said "lora_dropout: masks come from this program's own streams"

# ---- damaged, or not whole ----
for file in optimizer.pt scheduler.pt rng_state.pth trainer_state.json adapter_model.safetensors; do
    for how in cut gone; do
        theirs plain bad
        cp bad/checkpoint-8/scheduler.pt bad/checkpoint-8/training_args.bin # a name that tells whose folder it is
        [ $how = cut ] && head -c 700 "$golden/plain/checkpoint-8/$file" > bad/checkpoint-8/$file
        [ $how = cut ] || rm bad/checkpoint-8/$file
        go_on plain 1 output_dir=bad
        check "$file $how: exit $rc" rc_is 66
        check "$file $how: named, with what to write" sh -c "grep 'WARN.*bad/checkpoint-8: LLaMA-Factory.*${file%.*}' log | grep adapter_name_or_path"
        go_on plain 1 output_dir=bad resume_from_checkpoint=bad/checkpoint-8
        check "$file $how and asked for: exit $rc" rc_is 66
        check "$file $how and asked for: named" one_error "${file%.*}" bad/checkpoint-8
    done
done
go_on plain 1 output_dir=bad allow_restart=true max_steps=1
check "allow_restart: from the start: exit $rc" rc_is 0
theirs plain older
cp -r older/checkpoint-8 older/checkpoint-9
go_on plain 1 output_dir=older
check "a renamed copy is passed over: exit $rc" said "older/checkpoint-9: LLaMA-Factory or transformers made it"
check "and the one before is taken" said "going on from older/checkpoint-8"

# ---- info ----
run "$program" info "$golden/loraplus/checkpoint-5"
check "info: exit $rc, what it is" said "checkpoint of LLaMA-Factory in $golden/loraplus/checkpoint-5"
check "info: step, ranks" said "step 5, epoch 0.833333, written on 2 ranks"
check "info: tensors" said "56 tensors"
run "$program" info bad/checkpoint-8
check "info of a damaged one: exit $rc" rc_is 66
finish
