"""Files of the stock writers that tests/checkpoint compares with, byte for byte.

Made with safetensors 0.8.0, torch 2.15.0 (CPU), peft 0.18.1 and Python 3.11:
    python make.py OUT_DIR
"""
import os
import sys

import torch
from peft import LoraConfig
from peft.tuners.tuners_utils import _find_minimal_target_modules
from safetensors.torch import save_file

out = sys.argv[1]

# 1. One tensor of each type we write, names that need escapes, a scalar, an empty one, 8 dimensions.
base = torch.arange(24, dtype=torch.float32) / 8 - 1  # exact in bf16 and f16
save_file(
    {
        "z.weight": base.reshape(4, 6).clone(),
        "b.bf16": base[:7].to(torch.bfloat16),
        "a.f16": base[:5].to(torch.float16),
        "c.f16": base[5:6].to(torch.float16),
        "a.scalar": torch.tensor(0.5),
        'quote " back \\ tab \t bell \x07 del \x7f': base[:1].clone(),
        "\u00e9\u6f22\U0001f600": base[:2].clone(),
        "empty": torch.zeros(0, 3),
        "dims8": base[:4].reshape(1, 2, 1, 1, 2, 1, 1, 1).clone(),
    },
    os.path.join(out, "stock.safetensors"),
    metadata={"format": "pt"},
)


def layers(vision_mlp):
    """Module names of a small model: text linears, vision linears, the rest."""
    text, vision, rest = [], [], []
    for i in range(3):
        p = f"model.language_model.layers.{i}"
        text += [f"{p}.self_attn.{n}_proj" for n in "qkvo"]
        text += [f"{p}.mlp.{n}_proj" for n in ("gate", "up", "down")]
        rest += [p, f"{p}.self_attn", f"{p}.mlp", f"{p}.mlp.act_fn", f"{p}.input_layernorm", f"{p}.post_attention_layernorm"]
    for i in range(2):
        p = f"model.visual.blocks.{i}"
        vision += [f"{p}.attn.qkv", f"{p}.attn.proj"] + [f"{p}.mlp.{n}" for n in vision_mlp]
        rest += [p, f"{p}.norm1", f"{p}.norm2", f"{p}.attn", f"{p}.mlp", f"{p}.mlp.act_fn"]
    rest += ["", "model", "model.visual", "model.visual.patch_embed", "model.visual.patch_embed.proj", "model.visual.blocks",
             "model.visual.rotary_pos_emb", "model.visual.merger", "model.visual.merger.ln_q", "model.visual.merger.mlp",
             "model.visual.merger.mlp.0", "model.visual.merger.mlp.1", "model.visual.merger.mlp.2", "model.language_model",
             "model.language_model.embed_tokens", "model.language_model.layers", "model.language_model.norm",
             "model.language_model.rotary_emb", "lm_head"]
    return text, vision, rest


# 2. target_modules: what peft shortens a list of full names to. One case a paragraph: "case", targets, "others", names of
# all other modules, "give", the result, sorted.
def shorten(targets, others):
    """The lines around that call in BaseTuner.inject_adapter."""
    if len(targets) >= 20:
        ends = tuple("." + t for t in targets)
        left = [n for n in others if n not in targets and not n.endswith(ends)]
        short = _find_minimal_target_modules(targets, left)
        if len(short) < len(targets):
            return sorted(short)
    return sorted(targets)


gated, plain = ("gate_proj", "up_proj", "down_proj"), ("fc1", "fc2")
with open(os.path.join(out, "targets.txt"), "w") as f:
    for name, mlp, pick in [
        ("text linears of a Qwen2.5-VL", gated, lambda t, v: t),
        ("text linears of a Qwen2-VL", plain, lambda t, v: t),
        ("text and vision linears", gated, lambda t, v: t + v),
        ("fewer than 20", plain, lambda t, v: [m for m in t if "q_proj" in m or "v_proj" in m]),
        ("two layers of three", plain, lambda t, v: [m for m in t if ".layers.1." not in m] + v),
        ("merger and text", gated, lambda t, v: t + ["model.visual.merger.mlp.0", "model.visual.merger.mlp.2"]),
        ("lm_head and text", plain, lambda t, v: ["lm_head"] + t),
    ]:
        text, vision, rest = layers(mlp)
        targets = pick(text, vision)
        others = [n for n in text + vision + rest if n not in targets]
        f.write(f"case {name}\n")
        f.writelines(f"target {n}\n" for n in targets)
        f.writelines(f"other {n}\n" for n in others if n)
        f.writelines(f"give {n}\n" for n in shorten(targets, others))
        f.write("end\n")

# 3. adapter_config.json. The list of target modules is a set in peft, so it is given with one entry here.
for name, kind in [
    ("plain", dict(r=8, lora_alpha=16, lora_dropout=0.0, use_rslora=False, base_model_name_or_path="models/Qwen2.5-VL-7B")),
    ("odd", dict(r=3, lora_alpha=5, lora_dropout=0.1 + 0.2, use_rslora=True,
                 base_model_name_or_path='m\u00f6del/"\\\t\x7f\u6f22\U0001f600')),
    ("small", dict(r=1, lora_alpha=1, lora_dropout=1e-5, use_rslora=False, base_model_name_or_path=None)),
]:
    config = LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj"], **kind)
    config.inference_mode = True
    folder = os.path.join(out, name)
    config.save_pretrained(folder)
    os.rename(os.path.join(folder, "adapter_config.json"), os.path.join(out, f"config.{name}.json"))
    os.rmdir(folder)
