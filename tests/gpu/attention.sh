# attention.sh - attention's speed beside cuDNN's on the same card and shapes; sourced by tests/gpu.sh.
attention_bench=$(find_program bench_attention)
if [ -z "$attention_bench" ]; then
    skip "attention's speed" "bench_attention is not there"
else
    run "$attention_bench"
    check "attention is timed: exit $rc" rc_is 0
    cat "$tmp/log" >> "$table"
    if "$python" -c 'import torch' 2> /dev/null; then
        run "$python" "$RT_SRCDIR/tests/gpu/attention_cudnn.py"
        check "cuDNN's attention is timed: exit $rc" rc_is 0
        cat "$tmp/log" >> "$table"
    else
        skip "cuDNN's attention" "no torch"
    fi
fi
