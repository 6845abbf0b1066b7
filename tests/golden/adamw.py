"""adamw.h - AdamW steps as torch's fused CPU kernel makes them, with clip_grad_norm_ in front.

Made with torch 2.15.0 (CPU, AVX2 or AVX512) and numpy: python3 adamw.py > adamw.h
"""
import numpy as np
import torch

N, STEPS = 48, 5


def row(x):
    return "{ " + ", ".join(float(v).hex() + "f" for v in x) + " }"


print("/* adamw.h - AdamW steps of torch's fused CPU kernel; made by adamw.py with torch %s. */" % torch.__version__)
print("#ifndef RT_TESTS_GOLDEN_ADAMW_H\n#define RT_TESTS_GOLDEN_ADAMW_H\n")
print("enum { GOLDEN_N = %d, GOLDEN_STEPS = %d };" % (N, STEPS))
print("struct golden_adamw {\n    double lr, decay, max_norm;\n    float norm[GOLDEN_STEPS], p0[GOLDEN_N],"
      " g[GOLDEN_STEPS][GOLDEN_N], p[GOLDEN_N], m[GOLDEN_N], v[GOLDEN_N];\n};")
print("static const struct golden_adamw golden_adamw[] = {")
rng = np.random.default_rng(0)
for lr, decay, max_norm in ((1e-4, 0.0, 1.0), (3e-3, 0.01, 0.0), (1e-2, 0.1, 1.0)):
    p0 = rng.standard_normal(N).astype(np.float32)
    # the second gradient is short enough to stay as it is
    gs = [(rng.standard_normal(N) * 10.0 ** rng.integers(-4, 1, N) * (0.01 if s == 1 else 1)).astype(np.float32)
          for s in range(STEPS)]
    p = torch.nn.Parameter(torch.from_numpy(p0.copy()))
    opt = torch.optim.AdamW([p], lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=decay, fused=True)
    norms = []
    for g in gs:
        p.grad = torch.from_numpy(g.copy())
        norms.append(torch.nn.utils.clip_grad_norm_([p], max_norm if max_norm > 0 else float("inf")).item())
        opt.step()
    s = opt.state[p]
    print("{ %r, %r, %r,\n  %s,\n  %s,\n  {" % (lr, decay, max_norm, row(norms), row(p0)))
    print(",\n".join("    " + row(g) for g in gs))
    print("  },\n  %s,\n  %s,\n  %s }," % (row(p.detach()), row(s["exp_avg"]), row(s["exp_avg_sq"])))
print("};\n\n#endif")
