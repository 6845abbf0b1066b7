"""An adapter of two hosts, as tests/cluster/walk.sh leaves it: PEFT loads it onto the downloaded model, with every weight.

usage: check_walk.py MODEL ADAPTER
"""
import os
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText

from tap import done, ok

model_folder, adapter_folder = sys.argv[1:]
ids = torch.tensor([[1, 2, 3, 4, 5]])
base = AutoModelForImageTextToText.from_pretrained(model_folder, dtype=torch.float32).eval()
with torch.no_grad():
    before = base(input_ids=ids).logits
    model = PeftModel.from_pretrained(base, adapter_folder).eval()
    after = model(input_ids=ids).logits
saved = load_file(os.path.join(adapter_folder, "adapter_model.safetensors"))
loaded = {name.replace(".default.", "."): value for name, value in model.state_dict().items() if "lora_" in name}
ok(set(saved) == set(loaded), f"walk: PEFT has the adapter's {len(saved)} tensors and no others")
ok(all(torch.equal(saved[name], loaded[name]) for name in saved if name in loaded), "walk: with the values of the file")
apart = (after - before).abs().max().item()
ok(apart > 1e-3, f"walk: the adapter changes the logits by up to {apart:.3g} > 1e-3")
done()
