# speed.sh - the 7B job: tokens/s beside LLaMA-Factory, the first step, memory, and where a step's time goes; sourced by
# tests/gpu.sh.
. "$RT_SRCDIR/tests/gpu/seven.sh"
# speed_memory: MiB in use on the GPU, ten times a second, until killed; it is otherwise empty.
speed_memory() {
    exec nvidia-smi -i "${CUDA_VISIBLE_DEVICES:-0}" --query-gpu=memory.used --format=csv,noheader,nounits -lms 100 > "$tmp/memory"
}
# speed_peak WORD ...: a run with its peak beside its plan
speed_peak() {
    speed_memory &
    watching=$!
    on 1 train seven.yaml output_dir=/dev/shm/gpu-out.$$ max_steps=4 "$@"
    kill $watching
    wait $watching 2> /dev/null
    peak=$(sort -n "$tmp/memory" | tail -1)
    planned=$(sed -n 's/.*together *\([0-9.]*\).*/\1/p' "$tmp/log" | head -1)
}
if [ -z "$seven_model" ]; then
    skip "the 7B's speed" "neither TOKENIZER nor MODEL is set"
else
    speed_peak
    check "7B: exit $rc" rc_is 0
    note "7B: peak $peak MiB on the card, $planned MiB planned"
    speed_peak gradient_checkpointing=true
    check "7B, asked to recompute: $peak MiB on the card <= 28 GiB" below "$peak" 28672
    note "7B, asked to recompute: peak $peak MiB on the card, $planned MiB planned, $(seven_speed) tokens/s"
    kernel_times=$(find_program kernel_times.so)
    if [ -n "$kernel_times" ]; then
        CUDA_INJECTION64_PATH=$kernel_times on 1 train seven.yaml output_dir=/dev/shm/gpu-out.$$
        grep -A 60 'ms/step' "$tmp/log" > "$out/kernels"
        head -24 "$out/kernels" >> "$table"
        grep 'nothing ran' "$out/kernels" >> "$table"
    else
        skip "the table of kernels" "kernel_times.so is not there"
    fi
    limit=560
    if "$python" -c 'import llamafactory' 2> /dev/null; then
        run "$python" "$RT_SRCDIR/tests/bench/compare_gpu.py" seven.yaml "$program" \
            "${PEER_RUN:-lf:LLaMA-Factory, batch 8 x 2, Liger, no checkpointing:per_device_train_batch_size=8,gradient_accumulation_steps=2,enable_liger_kernel=true,disable_gradient_checkpointing=true}" \
            "rt:ranktune"
        check "7B beside LLaMA-Factory: exit $rc" rc_is 0
    else
        skip "LLaMA-Factory" "$python has no llamafactory"
        on 1 train seven.yaml output_dir=/dev/shm/gpu-out.$$
        note "7B: $(seven_speed) tokens/s"
    fi
    grep '^|' "$tmp/log" >> "$table"
    rm -rf "/dev/shm/gpu-out.$$"
fi
