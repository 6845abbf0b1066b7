"""cuDNN's attention through torch at the shapes of tests/bench/bench_attention.c: median TFLOP/s of forward and backward."""
import statistics

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

SHAPES = [("decoder 2 x 1024", 2, 1024, 28, 4, 128, True), ("decoder 2 x 2048", 2, 2048, 28, 4, 128, True),
          ("decoder 1 x 8192", 1, 8192, 28, 4, 128, True), ("decoder 16 x 887", 16, 887, 28, 4, 128, True),
          ("tower, full, 4 x 3080", 4, 3080, 16, 16, 80, False), ("tower, windows, 192 x 64", 192, 64, 16, 16, 80, False)]


def microseconds(call, repeats=20, rounds=5):
    call()
    took = []
    for _ in range(rounds):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(repeats):
            call()
        end.record()
        end.synchronize()
        took.append(begin.elapsed_time(end) * 1e3 / repeats)
    return statistics.median(took)


print(f"{'cuDNN ' + str(torch.backends.cudnn.version()):26} {'fwd us':>12} {'TFLOP/s':>12} {'bwd us':>12} {'TFLOP/s':>12}")
for what, batch, length, heads, kv, d, causal in SHAPES:
    q, k, v = (torch.randn(batch, h, length, d, device="cuda", dtype=torch.bfloat16, requires_grad=True) for h in (heads, kv, kv))
    with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
        def forward():
            return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=heads != kv)

        try:
            o = forward()
            d_o = torch.randn_like(o)
            f = microseconds(forward)
            g = microseconds(lambda: torch.autograd.grad(o, (q, k, v), d_o, retain_graph=True))
        except RuntimeError as e:
            print(f"{what:26} {str(e).splitlines()[0]}")
            continue
    product = 2e-6 * batch * length * length * heads * d / (2 if causal else 1)
    print(f"{what:26} {f:12.1f} {2 * product / f:12.1f} {g:12.1f} {5 * product / g:12.1f}", flush=True)
