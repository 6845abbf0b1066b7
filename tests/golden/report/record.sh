#!/bin/sh
# Made the files beside it with LLaMA-Factory 0.9.5, transformers 5.6.0, peft 0.18.1, torch 2.15 on a CPU.
#   record.sh MODEL DATASET_DIR DATASET     any small Qwen2.5-VL model and some 24 rows will do: only form is compared
# plain.*: as is. tokens.*: token counts, evaluation while and after training. alone.*: evaluation without training.
set -eu
job() {
    llamafactory-cli train --model_name_or_path "$model" --dataset_dir "$folder" --dataset "$data" --media_dir "$folder" \
        --stage sft --finetuning_type lora --lora_rank 8 --template qwen2_vl --cutoff_len 1024 \
        --image_max_pixels 50176 --overwrite_output_dir true --use_cpu true --learning_rate 0.02 \
        --lr_scheduler_type cosine --save_steps 100 --per_device_train_batch_size 2 \
        --gradient_accumulation_steps 4 "$@"
}
model=$1 folder=$2 data=$3
counted='--val_size 0.2 --compute_accuracy true --do_eval true --include_num_input_tokens_seen true'
job --do_train true --num_train_epochs 4 --logging_steps 1 --report_to none --output_dir plain
job --do_train true --num_train_epochs 2 --logging_steps 2 --eval_strategy steps --eval_steps 2 $counted \
    --include_effective_tokens_per_second true --report_to tensorboard --output_dir tokens
job --adapter_name_or_path tokens --eval_strategy steps --eval_steps 2 --logging_steps 2 $counted --output_dir alone
for run in plain tokens alone; do
    for file in trainer_log.jsonl trainer_state.json train_results.json eval_results.json all_results.json; do
        if [ -e $run/$file ]; then cp $run/$file $run.$file; fi
    done
done
cp tokens/checkpoint-6/trainer_state.json tokens.checkpoint.json
