# ops.sh - every operation's test, on the GPU beside the CPU; sourced by tests/gpu.sh.
for ops_name in adamw attention cast dropout embed exec gelu gemm l2norm layernorm patchify rmsnorm rope rows swiglu xent; do
    ops_test=$(find_program test_$ops_name.t)
    if [ -z "$ops_test" ]; then
        skip "operation $ops_name" "test_$ops_name.t is not there"
        continue
    fi
    limit=300
    run "$ops_test"
    cp "$tmp/log" "$out/$ops_name.log"
    ops_good=$(grep -cE '^ok .*cuda (fp32|bf16)' "$tmp/log")
    ops_bad=$(grep -c '^not ok ' "$tmp/log")
    check "operation $ops_name: exit $rc, $ops_good checks on CUDA, $ops_bad failed" \
        sh -c "grep '^not ok' '$tmp/log' | head -5; [ $rc -eq 0 ] && [ $ops_good -gt 0 ] && ! grep -q '# SKIP cuda' '$tmp/log'"
    ops_all=$((${ops_all:-0} + ops_good))
done
note "operations: ${ops_all:-0} checks on CUDA"
