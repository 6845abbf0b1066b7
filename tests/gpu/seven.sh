# seven.sh - the 7B job that several parts run; sourced by them. $seven_model is its folder, or empty where none can be made.
seven_model=${seven_model:-${MODEL:-}}
if [ -z "$seven_model" ] && [ -n "${TOKENIZER:-}" ]; then
    seven_model=/dev/shm/gpu-7b.$$
    trap 'rm -rf "$tmp" "$seven_model"' EXIT
    run "$program" init 7b "$seven_model" --tokenizer "$TOKENIZER"
    check "a 7B model is made: exit $rc" rc_is 0
fi
limit=170
cat > seven.yaml << END
model_name_or_path: $seven_model
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 8
lora_alpha: 16
dataset: ${DATASET:-drive_train}
dataset_dir: ${DATA:-$data}
media_dir: ${DATA:-$data}
template: qwen2_vl
cutoff_len: 2048
preprocessing_num_workers: 8
dataloader_num_workers: 8
overwrite_output_dir: true
logging_steps: 1
save_strategy: "no"
report_to: none
bf16: true
per_device_train_batch_size: 2
gradient_accumulation_steps: 8
learning_rate: 1.0e-4
max_steps: 8
lr_scheduler_type: cosine
END
# Mean tokens/s of the last 4 steps of the last run, and their seconds a step.
seven_speed() {
    sed -n 's/.*step [0-9]*\/.* \([0-9]*\) tokens\/s.*/\1/p' "$tmp/log" | tail -4 | awk '{ s += $1 } END { print NR == 4 ? s / 4 : 0 }'
}
