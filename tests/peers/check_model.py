"""Logits and LoRA gradients of transformers and peft against ours, on the rows of make_rows.py.

usage: check_model.py MODEL ADAPTER ROWS_FOLDER PREVIEW.jsonl LOGITS_FOLDER CHECKPOINT
ADAPTER: what `ranktune train` wrote. PREVIEW: `ranktune preview --json`, in the order of the rows. LOGITS_FOLDER: N.npy
of dump_logits with ADAPTER on MODEL. CHECKPOINT: after one step that began from ADAPTER, on the first micro-batch,
without clipping: AdamW's first moment is then (1 - beta1) times the gradient.
"""
import json
import os
import sys

import h5py
import numpy as np
import torch
from peft import PeftModel
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor

from tap import done, ok

# fp32 on both sides, sums of at most some 2e2 terms taken in other orders through 3 + 4 layers: 1e-5 of the logits' size
LOGITS_TOL = 1e-4
GRAD_TOL = 1e-4  # relative L2 of a tensor: the same roundings, forward and backward
BETA1 = 0.9

model_folder, adapter_folder, rows_folder, preview, logits_folder, checkpoint = sys.argv[1:]
name = os.path.basename(model_folder)
micros = [json.loads(line) for line in open(preview)]
rows = json.load(open(os.path.join(rows_folder, "rows.json")))
processor = AutoImageProcessor.from_pretrained(model_folder)
base = AutoModelForImageTextToText.from_pretrained(model_folder, dtype=torch.float32)
model = PeftModel.from_pretrained(base, adapter_folder, is_trainable=True).eval()
image_token = base.config.image_token_id


def samples():
    """Of each micro-batch its rows as (ids, labels, what the model takes)."""
    at = 0
    for micro in micros:
        ready = []
        pixels = np.zeros(2)
        for ids, labels in zip(micro["ids"], micro["labels"]):
            ids = torch.tensor([ids])
            inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids),
                      "mm_token_type_ids": (ids == image_token).int()}
            pictures = [Image.open(os.path.join(rows_folder, p)).convert("RGB") for p in rows[at]["images"]]
            at += 1
            if pictures:
                made = processor(images=pictures, return_tensors="pt")
                inputs |= {"pixel_values": made["pixel_values"], "image_grid_thw": made["image_grid_thw"]}
                p = made["pixel_values"].double()
                pixels += [p.sum().item(), p.square().sum().item()]
            ready.append((inputs, torch.tensor(labels)))
        yield micro, ready, pixels


def logits_of(net, ready):
    return torch.cat([net(**inputs).logits[0] for inputs, _ in ready])


def same_logits(net, what):
    for i, (_, ready, _) in enumerate(batches):
        want = torch.from_numpy(np.load(os.path.join(logits_folder, f"{i}.npy")))
        with torch.no_grad():
            got = logits_of(net, ready)
        if got.shape != want.shape:
            ok(False, f"{name} {what}, micro-batch {i}: {list(want.shape)} logits here, {list(got.shape)} there")
            continue
        apart, size = (got - want).abs().max().item(), want.abs().max().item()
        ok(apart <= LOGITS_TOL and size > 1, f"{name} {what}, micro-batch {i}: {len(want)} x {want.shape[1]} logits up to "
           f"{size:.1f}, apart {apart:.1e} <= {LOGITS_TOL:.0e}")


def same_gradients():
    micro, ready, _ = batches[0]
    logits = [net_logits[:-1] for net_logits in (model(**inputs).logits[0] for inputs, _ in ready)]
    targets = torch.cat([labels[1:] for _, labels in ready])
    torch.nn.functional.cross_entropy(torch.cat(logits), targets, ignore_index=-100).backward()
    want = {n.replace(".default.weight", ".weight"): p.grad for n, p in model.named_parameters() if ".lora_" in n}
    after = load_file(os.path.join(checkpoint, "adapter_model.safetensors"))
    with h5py.File(os.path.join(checkpoint, "state.h5"), "r") as f:
        p, m = f["/lora/p"][:], f["/lora/m"][:]
    ok(set(want) == set(after) and p.size == sum(g.numel() for g in want.values()),
       f"{name}: the state holds the {len(want)} tensors that peft trains")
    flat, taken, worst = p.tobytes(), np.zeros(p.size, int), (0.0, "")
    for n, g in want.items():  # whatever the order in the file: a tensor's place is where its bytes are
        at, count = flat.find(after[n].numpy().tobytes()), g.numel()
        if at < 0 or at % 4 != 0:
            ok(False, f"{name}: {n} is not in /lora/p")
            return
        at //= 4
        taken[at:at + count] += 1
        mine = torch.from_numpy(m[at:at + count] / (1 - BETA1)).double().reshape(g.shape)
        worst = max(worst, ((mine - g.double()).norm().item() / g.double().norm().item(), n))
    ok((taken == 1).all(), f"{name}: /lora/p is the adapter beside it, each tensor once")
    ok(worst[0] <= GRAD_TOL, f"{name}: gradients of {len(want)} tensors, the worst apart {worst[0]:.1e} <= {GRAD_TOL:.0e} "
       f"of its norm ({worst[1]})")


batches = list(samples())
for i, (micro, ready, pixels) in enumerate(batches):
    if pixels.any():  # a micro-batch without pictures has a made-up one in the reference's record
        apart = np.abs(pixels / micro["pixels"][:2] - 1).max()
        grid = sum((r["image_grid_thw"].tolist() for r, _ in ready if "image_grid_thw" in r), [])
        ok(apart <= 1e-6 and grid == micro["grid"], f"{name} micro-batch {i}: grids {grid}, pixels' sums apart {apart:.0e}")
config = model.peft_config["default"]
learned = [p for n, p in model.named_parameters() if ".lora_B." in n]
ok(all(p.abs().max() > 0 for p in learned) and config.r > 0, f"{name}: PEFT loads {len(learned)} trained modules")
same_logits(model, "with the adapter")
with torch.no_grad(), model.disable_adapter():
    moved = (logits_of(model, batches[0][1]) - torch.from_numpy(np.load(os.path.join(logits_folder, "0.npy")))).abs().max().item()
ok(moved > 1000 * LOGITS_TOL, f"{name}: the adapter moves the logits by {moved:.1f}")
same_gradients()


def same_processor():
    """The folder of the adapter is enough to make the model's inputs."""
    for folder in (adapter_folder, checkpoint):
        own = AutoProcessor.from_pretrained(folder)
        first = next(r for r in rows if r["images"])
        picture = Image.open(os.path.join(rows_folder, first["images"][0])).convert("RGB")
        talk = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "前方有几辆车?"}]}]
        made = own(text=[own.apply_chat_template(talk, add_generation_prompt=True)], images=[picture], return_tensors="pt")
        want = processor(images=[picture], return_tensors="pt")
        pads = (made["input_ids"] == image_token).sum().item()
        ok(torch.equal(made["pixel_values"], want["pixel_values"]) and pads == want["image_grid_thw"].prod().item() // 4,
           f"{name}: {os.path.basename(folder)} holds a processor that makes the same pixels, {pads} picture tokens")


same_processor()
same_logits(model.merge_and_unload(), "merged by PEFT")
done()
