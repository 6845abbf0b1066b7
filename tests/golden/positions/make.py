#!/usr/bin/env python3
"""Position ids of samples with text and stills as transformers makes them. usage: make.py > positions.txt

A line: the sample ("t3" three text tokens, "p4x6" a picture of 4 x 6 patches, height first), then ":" and the time, the
height and the width of each token, each list set off by "|".
"""
import random
from types import SimpleNamespace
import torch, transformers
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel

config = SimpleNamespace(vision_config=SimpleNamespace(spatial_merge_size=2, tokens_per_second=2))
model = SimpleNamespace(config=config, get_vision_position_ids=lambda *a, **k:
                        Qwen2_5_VLModel.get_vision_position_ids(None, *a, **k))
r = random.Random(1)
print("# transformers", transformers.__version__, "torch", torch.__version__)
for case in range(60):
    parts = [("t", r.randint(1, 5))]
    for _ in range(r.randint(0, 3)):
        parts += [("p", 2 * r.randint(1, 4), 2 * r.randint(1, 4)), ("t", r.randint(1, 5))]
    kinds = [k for p in parts for k in ([0] * p[1] if p[0] == "t" else [1] * (p[1] * p[2] // 4))]
    grids = torch.tensor([[1, p[1], p[2]] for p in parts if p[0] == "p"]) if len(parts) > 1 else None
    pad = r.randint(0, 3)
    mask = torch.tensor([[1] * len(kinds) + [0] * pad])
    got, _ = Qwen2_5_VLModel.get_rope_index(model, torch.zeros_like(mask), torch.tensor([kinds + [0] * pad]), grids,
                                            attention_mask=mask)
    assert not got[:, 0, len(kinds):].any()  # padding stays at 0
    print(" ".join(f"t{p[1]}" if p[0] == "t" else f"p{p[1]}x{p[2]}" for p in parts), ":",
          " | ".join(" ".join(map(str, axis)) for axis in got[:, 0, :len(kinds)].tolist()))
