# kept.sh - the 7B job with kept picture features: tokens/s after the first epoch, the same adapter; sourced by tests/gpu.sh.
. "$RT_SRCDIR/tests/gpu/seven.sh"
if [ -z "$seven_model" ]; then
    skip "kept features" "neither TOKENIZER nor MODEL is set"
else
    for kept in off ram; do
        on 1 train seven.yaml output_dir="kept-$kept" vision_cache=$kept max_samples=64 max_steps=12
        check "7B, vision_cache: $kept: exit $rc" rc_is 0
        note "7B, vision_cache: $kept: $(seven_speed) tokens/s in the third epoch"
    done
    check "7B, vision_cache: the same bits" cmp kept-off/adapter_model.safetensors kept-ram/adapter_model.safetensors
fi
