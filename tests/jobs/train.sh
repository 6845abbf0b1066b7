#!/bin/sh
# Whole runs from the command line: any number of ranks gives the same losses, every form of a job the same bits, and a
# run leaves the files it should.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
model small25 small25tied
job job.yaml small25

# A micro-batch is computed alike on any rank; only the sum of gradients over ranks takes another order. Each sum rounds by
# 2^-24, six terms a step, six steps: 2e-6 of a gradient and so of an update, of which a loss near 7 moves by less than its
# own 7 x 2e-6. AdamW's division can enlarge this where a gradient is next to nothing, in parameters that weigh little:
# ten times as much for the adapter. What is promised to users is 2e-4.
loss_bound=1.5e-5
adapter_bound=2e-5

# ---- the same global batch on 1, 2, 3 and 5 ranks ----
on 1 train job.yaml output_dir=w1 gradient_accumulation_steps=6 plot_loss=true report_to=tensorboard save_steps=4 \
    eval_strategy=steps eval_steps=3
check "1 rank: exit $rc" rc_is 0
for ranks in 2 3; do
    on $ranks train job.yaml output_dir=w$ranks gradient_accumulation_steps=$((6 / ranks)) save_steps=4 \
        eval_strategy=steps eval_steps=3
    check "$ranks ranks: exit $rc" rc_is 0
    d=$(worst_of loss w1/trainer_log.jsonl w$ranks/trainer_log.jsonl)
    check "$ranks ranks: losses differ from 1 rank's by $d <= $loss_bound" below "$d" $loss_bound
    d=$(norm_apart w1/adapter_model.safetensors w$ranks/adapter_model.safetensors)
    check "$ranks ranks: the adapter differs from 1 rank's by $d <= $adapter_bound of its norm" below "$d" $adapter_bound
    d=$(worst_of lr w1/trainer_log.jsonl w$ranks/trainer_log.jsonl)
    check "$ranks ranks: the learning rates are the same" [ "$d" = 0 ]
done
# 16 rows in batches of 2: 8 batches are whole on 1 and 2 ranks, 3 ranks count one row twice more.
d=$(worst_of eval_loss w1/trainer_log.jsonl w2/trainer_log.jsonl)
check "2 ranks: eval_loss differs from 1 rank's by $d <= $loss_bound" below "$d" $loss_bound
on 1 train job.yaml output_dir=b1 per_device_train_batch_size=1 gradient_accumulation_steps=5
on 5 train job.yaml output_dir=b5 per_device_train_batch_size=1 gradient_accumulation_steps=1
check "5 ranks: exit $rc" rc_is 0
d=$(worst_of loss b1/trainer_log.jsonl b5/trainer_log.jsonl)
check "5 ranks: losses differ from 1 rank's by $d <= $loss_bound" below "$d" $loss_bound

# ---- what a run leaves ----
for f in adapter_model.safetensors adapter_config.json trainer_log.jsonl trainer_state.json all_results.json \
    train_results.json eval_results.json training_loss.png training_eval_loss.png checkpoint-4/adapter_model.safetensors \
    checkpoint-4/adapter_config.json checkpoint-4/state.h5 checkpoint-4/MANIFEST.json checkpoint-4/trainer_state.json \
    checkpoint-6/state.h5 README.md tokenizer.json tokenizer_config.json chat_template.jinja processor_config.json \
    checkpoint-4/README.md checkpoint-4/tokenizer.json checkpoint-4/tokenizer_config.json checkpoint-4/chat_template.jinja \
    checkpoint-4/processor_config.json; do
    check "a run leaves $f" [ -s w1/$f ]
done
check "a run leaves an event file" sh -c 'ls w1/runs/*/events.out.tfevents.*'
check "no event file where report_to is none" [ ! -e w2/runs ]
check "nothing unfinished is left" sh -c '! find w1 w2 w3 -name "*.tmp*" -o -name ".tmp*" -o -name ".old*" -o -name ".trash*" | grep .'
check "the last checkpoint holds the run's adapter" cmp w1/adapter_model.safetensors w1/checkpoint-6/adapter_model.safetensors
check "no bad row, no list" [ ! -e w1/bad_rows.jsonl ]
check "training_loss.png is a picture" sh -c 'head -c 8 w1/training_loss.png | od -An -t x1 | grep -q "89 50 4e 47 0d 0a 1a 0a"'
check "tokenizer.json is the model's" cmp small25/tokenizer.json w1/tokenizer.json
for line in 'library_name: peft' 'license: other' 'base_model: small25' 'pipeline_tag: text-generation' '# w1'; do
    check "README.md has the line: $line" grep -qxF "$line" w1/README.md
done
check "README.md tells the losses" sh -c '
    printf "%s\n%s\n" "- training: $(sed -n "s/.*\"train_loss\": \([0-9.]*\).*/\1/p" w1/train_results.json)" \
        "- evaluation: $(sed -n "s/.*\"eval_loss\": \([0-9.]*\).*/\1/p" w1/eval_results.json)" |
    while read -r dash name value; do grep -qxF -- "$dash $name $(printf %.4f "$value")" w1/README.md || exit 1; done'
for pair in '"r": 4' '"lora_alpha": 8' '"peft_type": "LORA"' '"base_model_name_or_path": "small25"' '"use_rslora": false' \
    '"task_type": "CAUSAL_LM"' '"lora_dropout": 0.0'; do
    check "adapter_config.json has $pair" grep -qF "$pair" w1/adapter_config.json
done
check "trainer_log.jsonl: 6 losses, 2 evaluations, the end" [ "$(lines w1/trainer_log.jsonl)" -eq 9 ]
check "evaluated after steps 3 and 6" [ "$(grep eval_loss w1/trainer_log.jsonl | numbers /dev/stdin current_steps | tr '\n' ' ')" = "3 6 " ]
check "trainer_state.json: step 6, 6 losses" [ "$(numbers w1/trainer_state.json global_step) $(numbers w1/trainer_state.json loss | wc -l)" = "6 6" ]
check "train_loss is the mean of the losses" sh -c '
    t=$(sed -n "s/.*\"train_loss\": \([0-9.]*\).*/\1/p" w1/train_results.json)
    sed -n "s/.*\"loss\": \([0-9.]*\).*/\1/p" w1/trainer_log.jsonl |
        awk -v t="$t" "{ s += \$1 } END { d = s / NR - t; exit !(d < 1e-6 && d > -1e-6) }"' # f32 in the log
check "the loss falls" sh -c '
    sed -n "s/.*\"loss\": \([0-9.]*\).*/\1/p" w1/trainer_log.jsonl | awk "NR == 1 { a = \$1 } { b = \$1 } END { exit !(b < a - 0.5) }"'

# ---- epochs, schedules of saving and evaluating ----
on 2 train job.yaml output_dir=epochs max_steps=-1 num_train_epochs=2 per_device_train_batch_size=4 \
    gradient_accumulation_steps=4 eval_strategy=epoch save_strategy=epoch logging_steps=2
check "2 epochs: exit $rc" rc_is 0
# 72 rows: 9 batches a rank and epoch, of which the last step of an epoch takes one: 3 steps an epoch.
check "72 rows, 2 x 4 x 4: 3 steps an epoch" [ "$(numbers epochs/trainer_state.json global_step)" = 6 ]
check "evaluated once an epoch" [ "$(grep eval_loss epochs/trainer_log.jsonl | numbers /dev/stdin epoch | tr '\n' ' ')" = "1.0 2.0 " ]
check "saved once an epoch" [ "$(ls -d epochs/checkpoint-* | tr '\n' ' ')" = "epochs/checkpoint-3 epochs/checkpoint-6 " ]
check "logged every 2 steps" [ "$(grep '"loss"' epochs/trainer_log.jsonl | numbers /dev/stdin current_steps | tr '\n' ' ')" = "2 4 6 " ]
on 3 train job.yaml output_dir=odd max_steps=-1 num_train_epochs=1 per_device_train_batch_size=7 gradient_accumulation_steps=2
# 11 batches over 3 ranks: 4 rounds, 2 steps.
check "3 ranks x 7 rows, the last round filled up: exit $rc, 2 steps" [ "$rc $(numbers odd/trainer_state.json global_step)" = "0 2" ]

# ---- the forms of a job ----
on 1 train job.yaml output_dir=yaml lora_alpha=16 seed=7
cat > job.json << EOF
{"model_name_or_path": "small25", "stage": "sft", "do_train": true, "finetuning_type": "lora", "lora_rank": 4,
 "lora_alpha": 16, "seed": 7, "dataset": "drive_train", "eval_dataset": "drive_eval", "dataset_dir": "$data",
 "template": "qwen2_vl", "cutoff_len": 512, "image_max_pixels": 12544, "output_dir": "json", "logging_steps": 1,
 "save_steps": 1000, "report_to": "none", "per_device_train_batch_size": 2, "per_device_eval_batch_size": 2,
 "gradient_accumulation_steps": 2, "learning_rate": 1e-2, "max_steps": 6}
EOF
on 1 train job.json
check "a JSON job: exit $rc" rc_is 0
check "a JSON job: the same bits" cmp yaml/adapter_model.safetensors json/adapter_model.safetensors
on 1 train --model_name_or_path small25 --stage sft --do_train --finetuning_type lora --lora_rank 4 --lora-alpha 16 \
    --seed=7 --dataset drive_train --eval_dataset drive_eval --dataset_dir "$data" --template qwen2_vl --cutoff_len 512 \
    --image_max_pixels 12544 --output_dir flags --logging_steps 1 --save_steps 1000 --report_to none \
    --per_device_train_batch_size 2 --per_device_eval_batch_size 2 --gradient_accumulation_steps 2 \
    --learning_rate 1e-2 --max_steps 6
check "flags: exit $rc" rc_is 0
check "flags: the same bits" cmp yaml/adapter_model.safetensors flags/adapter_model.safetensors
check "flags: the same log" same_logs yaml/trainer_log.jsonl flags/trainer_log.jsonl
on 1 train job.yaml output_dir=seed8 lora_alpha=16 seed=8
check "another seed: other bits" sh -c '! cmp -s yaml/adapter_model.safetensors seed8/adapter_model.safetensors'
check "eval_dataset without eval_strategy or do_eval evaluates nothing" [ ! -e yaml/eval_results.json ]

# ---- the same bits twice, workers, dropout ----
on 2 train job.yaml output_dir=again1 dataloader_num_workers=1
on 2 train job.yaml output_dir=again2 dataloader_num_workers=3 preprocessing_num_workers=2
check "2 ranks twice, with 1 worker and 3: the same bits" cmp again1/adapter_model.safetensors again2/adapter_model.safetensors
on 2 train job.yaml output_dir=drop1 lora_dropout=0.3
check "lora_dropout: exit $rc" rc_is 0
on 2 train job.yaml output_dir=drop2 lora_dropout=0.3
check "lora_dropout twice: the same bits" cmp drop1/adapter_model.safetensors drop2/adapter_model.safetensors
check "lora_dropout: other bits than without" sh -c '! cmp -s drop1/adapter_model.safetensors again1/adapter_model.safetensors'

# ---- bf16 ----
# A logit rounded to 8 bits is off by up to 2^-9 of itself, and rounding in the layers adds as much again a few times over;
# a mean over hundreds of tokens keeps little of it. 2^-7 of the first loss, 7, is generous and far below what training
# changes.
on 2 train job.yaml output_dir=bf16 bf16=true
check "bf16: exit $rc" rc_is 0
d=$(worst_of loss again1/trainer_log.jsonl bf16/trainer_log.jsonl)
check "bf16: losses differ from fp32's by $d <= 0.055" below "$d" 0.055
check "bf16: other bits than fp32" sh -c '! cmp -s bf16/adapter_model.safetensors again1/adapter_model.safetensors'

# ---- going on from an adapter ----
on 1 train job.yaml output_dir=first eval_strategy=steps eval_steps=6
on 1 train job.yaml output_dir=next adapter_name_or_path=first eval_strategy=steps eval_steps=6 eval_on_start=true max_steps=3
check "adapter_name_or_path: exit $rc" rc_is 0
e=$(numbers first/trainer_log.jsonl eval_loss | tail -n 1) f=$(numbers next/trainer_log.jsonl eval_loss | head -n 1)
check "adapter_name_or_path: starts where the adapter stopped: eval_loss $f" [ "$e" = "$f" ]
on 1 train job.yaml output_dir=asked adapter_name_or_path=first do_train=false do_eval=true
check "do_eval alone: exit $rc, eval_loss of the adapter" [ "$rc $(numbers asked/eval_results.json eval_loss)" = "0 $e" ]
check "do_eval alone leaves no adapter" [ ! -e asked/adapter_model.safetensors ]
on 1 train job.yaml output_dir=new adapter_name_or_path=first create_new_adapter=true lora_rank=2 eval_strategy=steps \
    eval_steps=6 eval_on_start=true max_steps=3
check "create_new_adapter: exit $rc" rc_is 0
f=$(numbers new/trainer_log.jsonl eval_loss | head -n 1)
# W + s B A is rounded once to f32, else the sums are the same ones in another order: a few 2^-24 of the loss, 5.
d=$(awk -v a="$e" -v b="$f" 'BEGIN { d = a - b; print d < 0 ? -d : d }')
check "create_new_adapter: starts from the merged weights: eval_loss differs by $d <= 1e-5" below "$d" 1e-5
check "create_new_adapter: the new one has its own rank" grep -qF '"r": 2,' new/adapter_config.json
on 1 train job.yaml output_dir=cont adapter_name_or_path=first lora_rank=2 max_steps=1
check "without it the adapter's own rank holds" grep -qF '"r": 4,' cont/adapter_config.json

# ---- tied embeddings, rank-stabilised, the vision tower ----
on 2 train job.yaml output_dir=tied model_name_or_path=small25tied use_rslora=true freeze_vision_tower=false lora_target=all
check "tied embeddings, rslora, tower unfrozen: exit $rc" rc_is 0
check "the adapter has the tower's modules" grep -q 'visual.blocks.0.attn.qkv.lora_A.weight' tied/adapter_model.safetensors
check "adapter_config.json has rslora" grep -qF '"use_rslora": true' tied/adapter_config.json

# ---- a launcher that does not hand the environment on alike ----
run $mpirun -np 1 env NCCL_DEBUG=WARN UCX_TLS=tcp "$program" train job.yaml output_dir=env max_steps=1 : \
    -np 1 env NCCL_DEBUG=INFO CUDA_VISIBLE_DEVICES=7 "$program" train job.yaml output_dir=env max_steps=1
check "settings that differ: exit $rc" rc_is 0
check "settings that differ: both values" said 'WARN  environment: NCCL_DEBUG is "WARN" on rank 0 and "INFO" on rank 1; give all ranks the same'
check "settings that differ: one that is missing" said 'WARN  environment: UCX_TLS is "tcp" on rank 0 and not set on rank 1;'
check "settings that differ: no other" [ "$(grep -c 'WARN  environment' log)" -eq 2 ]
on 3 train job.yaml output_dir=env max_steps=1 overwrite_output_dir=true
check "settings that are alike: nothing is said, exit $rc" sh -c '! grep "WARN  environment" log'

# ---- a rank bound to one core of several, as mpirun does by default where there are 2 ranks at most ----
cores=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
core=${cores%%[-,]*}
if command -v taskset > /dev/null && [ "$core" != "$cores" ]; then
    run taskset -c "$core" "$program" train job.yaml output_dir=narrow max_steps=1
    check "bound to one core: exit $rc" rc_is 0
    check "bound to one core: what to write" said 'may use 1 of the host'
    on 1 train job.yaml output_dir=narrow max_steps=1 overwrite_output_dir=true
    check "not bound: nothing is said" sh -c '! grep "bind wider" log'
else
    skip "a rank bound to one core" "one core, or no taskset"
fi

# ---- hosts with folders of their own: pieces of two models would make a third ----
"$program" init small25 other --corpus "$data/drive/train.json" --dtype fp32 --seed 9 > /dev/null
if unshare -u -m true 2> /dev/null; then # a second host on this one
    second() { # COMMAND of the second before it starts
        run $mpirun -np 2 "$program" train job.yaml output_dir=hosts max_steps=1 : \
            -np 1 unshare -u -m sh -c "hostname elsewhere; $1; exec '$program' train job.yaml output_dir=hosts max_steps=1"
    }
    second "mount --bind other small25"
    check "a host with another model of the same sizes: exit $rc" rc_is 66
    check "a host with another model of the same sizes: named" one_error 'rank 2 on elsewhere: small25/' 'not the same'
    second true
    check "a host with the same model: exit $rc" rc_is 0
    on 3 train job.yaml output_dir=hosts1 max_steps=1
    second "mount -t tmpfs none small25"
    check "a host without the model: the others read it: exit $rc" rc_is 0
    check "a host without the model: the same adapter" cmp hosts1/adapter_model.safetensors hosts/adapter_model.safetensors
else
    skip "hosts with folders of their own" "no namespaces can be made here"
fi
finish
