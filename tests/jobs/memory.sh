#!/bin/sh
# Whole runs and the memory plan: what is computed twice changes no bit, and what does not fit is told before it is begun.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
model small25 small2
job job.yaml small25

# ---- recomputation: one micro-batch a pass in all of them, for how many are merged decides the order of sums ----
same_as_plan() {
    cmp plan/adapter_model.safetensors $1/adapter_model.safetensors && same_logs plan/trainer_log.jsonl $1/trainer_log.jsonl
}
for kind in "small25 lora_dropout=0.2" "small2 bf16=true freeze_vision_tower=false"; do
    # shellcheck disable=SC2086 # words of the job
    set -- job.yaml model_name_or_path=$kind gradient_accumulation_steps=1 overwrite_output_dir=true
    on 1 train "$@" output_dir=plan
    check "$kind: exit $rc" rc_is 0
    check "it says that nothing is computed twice" said "activations fit: nothing is computed twice"
    on 1 train "$@" output_dir=never disable_gradient_checkpointing=true
    check "asked not to recompute: exit $rc" rc_is 0
    check "it says so" said "disable_gradient_checkpointing: true: nothing is computed twice"
    check "the same bits" same_as_plan never
    on 1 train "$@" output_dir=always gradient_checkpointing=true
    check "asked to recompute: exit $rc" rc_is 0
    check "it says so" said "gradient_checkpointing: true: every layer runs again in the backward"
    check "the same bits" same_as_plan always
done
on 2 train job.yaml output_dir=two disable_gradient_checkpointing=false
check "2 ranks, the reference's key: exit $rc" rc_is 0
check "it says so" said "disable_gradient_checkpointing: false: every layer runs again in the backward"
check "passes are then of one micro-batch" sh -c "grep -q 'passes of up to \([0-9]*\) tokens .* has up to \1 tokens, a step 2' '$tmp/log'"

# ---- evaluation in batches that are larger than those of training ----
on 1 train job.yaml output_dir=eval per_device_eval_batch_size=16 eval_strategy=steps eval_steps=2 per_device_train_batch_size=1
check "evaluation in larger batches: exit $rc" rc_is 0
on 1 train job.yaml output_dir=eval1 per_device_eval_batch_size=16 eval_strategy=steps eval_steps=6 per_device_train_batch_size=1
check "evaluating more often changes no bit" cmp eval/adapter_model.safetensors eval1/adapter_model.safetensors

# ---- going on with passes of another size ----
on 1 train job.yaml output_dir=go max_steps=2
on 1 train job.yaml output_dir=go max_steps=3
check "going on: exit $rc" rc_is 0
check "nothing is said where passes are the same" sh -c "! grep -q 'memory plan made' '$tmp/log'"
on 1 train job.yaml output_dir=go max_steps=4 gradient_checkpointing=true
check "going on with recomputation: exit $rc" rc_is 0
check "it says that passes are others now" said "the memory plan made passes of up to 4096 tokens there"

# ---- what does not fit ----
# On several ranks a batch larger than the data set takes rows again: 65536 of them, all kept, are 157 GB a rank.
if awk '/^MemTotal:/ { exit !($2 < 400e6) }' /proc/meminfo; then
    on 3 train job.yaml output_dir=huge per_device_train_batch_size=65536 freeze_vision_tower=false \
        disable_gradient_checkpointing=true
    check "a batch of 65536: exit $rc" rc_is 71
    check "all ranks agree on one message" one_error "out of memory before the first step" "bytes asked" "bytes free" \
        "cutoff_len, image_max_pixels or per_device_train_batch_size, or remove disable_gradient_checkpointing: true"
else
    skip "a batch of 65536" "this machine has memory for it"
fi
finish
