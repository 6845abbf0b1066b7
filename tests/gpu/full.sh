# full.sh - the 7B's logits and LoRA gradients on one sample against transformers', both against fp32; sourced by tests/gpu.sh.
. "$RT_SRCDIR/tests/gpu/seven.sh"
dump_logits=$(find_program dump_logits)
if [ -z "$seven_model" ] || [ -z "$dump_logits" ] || ! "$python" -c 'import transformers, peft' 2> /dev/null; then
    skip "the 7B against transformers" "needs a 7B, dump_logits, and a python with transformers and peft"
else
    sed -e '/^max_steps/d' -e 's/^per_device_train_batch_size.*/per_device_train_batch_size: 1/' \
        -e 's/^gradient_accumulation_steps.*/gradient_accumulation_steps: 1/' seven.yaml > full.yaml
    echo "disable_shuffling: true" >> full.yaml
    on 1 train seven.yaml output_dir=full max_steps=2 learning_rate=1.0e-3
    check "an adapter to start from: exit $rc" rc_is 0
    "$program" preview full.yaml --json --micros 1 > preview.jsonl 2> "$tmp/log"
    mkdir -p dump
    run "$dump_logits" dump 1 full.yaml adapter_name_or_path=full output_dir=full2
    check "our logits and gradients: exit $rc" rc_is 0
    limit=300
    run "$python" "$RT_SRCDIR/tests/peers/check_full.py" "$seven_model" full "${DATA:-$data}" "${DATASET:-drive_train}.json" \
        preview.jsonl dump
    full_rc=$rc
    check "the 7B against transformers" sh -c "[ $full_rc -eq 0 ] && ! grep '^not ok' '$tmp/log'"
    sed -n 's/^ok [0-9]* - /7B against transformers: /p' "$tmp/log" >> "$table"
fi
