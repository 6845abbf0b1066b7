"""A full-size model on a GPU in bf16: our logits and LoRA gradients and transformers' own, both against fp32.

usage: check_full.py MODEL ADAPTER DATA_FOLDER DATASET.json PREVIEW.jsonl DUMP_FOLDER
DUMP_FOLDER: what dump_logits wrote for the first micro-batch of a job with disable_shuffling, bf16, one row a micro-batch
and no accumulation; PREVIEW: `ranktune preview --json --micros 1` of it. fp32 is the same weights widened, without tf32.
transformers runs as people train with it: frozen weights in bf16, LoRA in fp32, under autocast.
"""
import json
import os
import sys

import numpy as np
import torch
from peft import PeftModel
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoImageProcessor, AutoModelForImageTextToText

from tap import done, ok

RATIO = 1.5  # of transformers' own error in bf16
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False

MAX_PIXELS = 768 * 768  # image_max_pixels, the job's default: larger pictures are made smaller before the processor


def fitted(picture):
    w, h = picture.size
    f = (MAX_PIXELS / (w * h)) ** 0.5
    return picture.resize((int(w * f), int(h * f))) if f < 1 else picture


model_folder, adapter, data, dataset, preview, dump = sys.argv[1:]
micro = json.loads(open(preview).readline())
row = json.load(open(os.path.join(data, dataset)))[0]
pictures = [fitted(Image.open(os.path.join(data, p)).convert("RGB")) for p in row["images"]]
made = AutoImageProcessor.from_pretrained(model_folder, use_fast=False)(images=pictures, return_tensors="pt")
ids, labels = (torch.tensor(micro[k]).cuda() for k in ("ids", "labels"))


def run(dtype):
    """Logits [tokens, vocab] and gradients by tensor name, on the CPU in f32."""
    base = AutoModelForImageTextToText.from_pretrained(model_folder, dtype=dtype).cuda()
    model = PeftModel.from_pretrained(base, adapter, is_trainable=True).eval()
    for p in model.parameters():
        if p.requires_grad:
            p.data = p.data.float()
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": made["pixel_values"].cuda(),
              "image_grid_thw": made["image_grid_thw"].cuda(),
              "mm_token_type_ids": (ids == base.config.image_token_id).int()}
    with torch.autocast("cuda", torch.bfloat16, enabled=dtype == torch.bfloat16):
        logits = model(**inputs).logits[0]
    torch.nn.functional.cross_entropy(logits[:-1].float(), labels[0, 1:], ignore_index=-100).backward()
    grads = {n.replace(".default.weight", ".weight"): p.grad.float().cpu() for n, p in model.named_parameters()
             if p.grad is not None}
    logits = logits.detach().float().cpu()
    del model, base
    torch.cuda.empty_cache()
    return logits, grads


def apart(x, want):
    return ((x.double() - want.double()).norm() / want.double().norm()).item()


want, want_grads = run(torch.float32)
theirs, their_grads = run(torch.bfloat16)
ours = torch.from_numpy(np.load(os.path.join(dump, "0.npy")))
our_grads = load_file(os.path.join(dump, "gradients", "adapter_model.safetensors"))
ok(ours.shape == want.shape, f"{len(ours)} x {ours.shape[1]} logits")
a, b = apart(ours, want), apart(theirs, want)
ok(a <= RATIO * b, f"logits: {a:.3e} of their norm from fp32, transformers' own bf16 {b:.3e}, ratio {a / b:.2f} <= {RATIO}")
ok(set(our_grads) == set(want_grads), f"gradients of the same {len(want_grads)} tensors")
names = sorted(want_grads)
whole = [torch.cat([g[n].flatten() for n in names]) for g in (our_grads, their_grads, want_grads)]
a, b = apart(whole[0], whole[2]), apart(whole[1], whole[2])
ok(a <= RATIO * b, f"gradients: {a:.3e} of their norm from fp32, transformers' own bf16 {b:.3e}, ratio {a / b:.2f} <= {RATIO}")
ratios = sorted((apart(our_grads[n], want_grads[n]) / apart(their_grads[n], want_grads[n]), n) for n in names)
middle, worst = ratios[len(ratios) // 2], ratios[-1]
ok(middle[0] <= RATIO, f"tensor by tensor: ratio of errors {middle[0]:.2f} in the middle, {worst[0]:.2f} at most ({worst[1]})")
done()
