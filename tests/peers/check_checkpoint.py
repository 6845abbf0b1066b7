"""Opens what the checkpoint tests wrote with the programs that other people will open it with.

Needs torch, safetensors, peft 0.18.1 and h5py:
    mkdir keep
    for t in safetensors peft state folder; do RT_SRCDIR=.. RT_KEEP=keep tests/checkpoint/test_$t.t; done
    python ../tests/peers/check_checkpoint.py keep
Prints TAP.
"""
import json
import os
import sys

import h5py
import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import safe_open
from safetensors.torch import load_file, save_file

keep = sys.argv[1]
run = failed = 0


def ok(passed, text):
    global run, failed
    run += 1
    failed += not passed
    print(f"{'ok' if passed else 'not ok'} {run} - {text}")


def safetensors_out():
    path = os.path.join(keep, "safetensors", "stock.safetensors")
    base = torch.arange(24, dtype=torch.float32) / 8 - 1
    with safe_open(path, "pt") as f:
        ok(f.metadata() == {"format": "pt"}, "safetensors reads the metadata")
    got = load_file(path)
    ok(torch.equal(got["z.weight"], base.reshape(4, 6)), "and an f32 matrix")
    ok(torch.equal(got["b.bf16"], base[:7].to(torch.bfloat16)), "and a bf16 vector")
    ok(torch.equal(got["a.f16"], base[:5].to(torch.float16)), "and an f16 vector")
    ok(got["a.scalar"].shape == () and got["a.scalar"] == 0.5, "and a scalar")
    again = os.path.join(keep, "again.safetensors")
    save_file(got, again, metadata={"format": "pt"})
    ok(open(path, "rb").read() == open(again, "rb").read(), "and writes the same bytes again")
    os.remove(again)


def model_of(names, shapes):
    """Modules under their dotted names; a Linear where shapes has one."""
    root = torch.nn.Module()
    for name in names:
        at = root
        *path, last = name.split(".")
        for part in path:
            if part not in at._modules:
                at.add_module(part, torch.nn.Module())
            at = at._modules[part]
        at.add_module(last, torch.nn.Linear(*shapes[name], bias=False))
    root.prepare_inputs_for_generation = None
    return root


def peft():
    folder = os.path.join(keep, "peft")
    text = open(os.path.join(folder, "adapter_config.json")).read()
    config = json.loads(text)
    ok(json.dumps(config, indent=2, sort_keys=True) == text, "adapter_config.json is what json.dumps makes of it")
    known = set(LoraConfig().to_dict()) - {"runtime_config"}
    ok(set(config) == known, f"it has peft's fields: {sorted(set(config) ^ known)}")
    tensors = load_file(os.path.join(folder, "adapter_model.safetensors"))
    names = sorted({k.removeprefix("base_model.model.").rsplit(".lora_", 1)[0] for k in tensors})
    shapes = {n: (tensors[f"base_model.model.{n}.lora_A.weight"].shape[1], tensors[f"base_model.model.{n}.lora_B.weight"].shape[0])
              for n in names}
    made = get_peft_model(model_of(names, shapes), LoraConfig(r=config["r"], target_modules=names))
    ok(sorted(made.peft_config["default"].target_modules) == config["target_modules"], "target_modules are peft's own")
    loaded = PeftModel.from_pretrained(model_of(names, shapes), folder)
    state = loaded.state_dict()
    same = sum(torch.equal(state[k.replace(".weight", ".default.weight")], v) for k, v in tensors.items())
    ok(same == len(tensors) > 0, f"PeftModel.from_pretrained loads {same} of {len(tensors)} tensors")
    scale = {m.scaling["default"] for m in loaded.modules() if hasattr(m, "scaling")}
    ok(scale == {config["lora_alpha"] / config["r"]}, f"with the scale {scale}")


def draws(seed, count):
    """splitmix64, as tests/checkpoint/common.h has it."""
    mask = 2**64 - 1
    for _ in range(count):
        seed = z = (seed + 0x9E3779B97F4A7C15) & mask
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
        yield z ^ z >> 31


def state():
    with h5py.File(os.path.join(keep, "state", "state.h5"), "r") as f:
        p = f["/lora/p"]
        want = np.array([(z >> 40) * 2.0**-23 - 1.0 for z in draws(3, p.size)], np.float32)
        ok(p.dtype == "<f4" and p.fletcher32 and np.array_equal(p[:], want), "h5py reads the floats, with checksums")
        order = f["/run/order"]
        ok(order.dtype == "<i8" and order.fletcher32 and order.shape == (65536,), "and whole numbers")
        ok(f["/run/loss"].dtype == "<f8" and f["/run/text"].dtype == "u1" and f["/run/none"].shape == (0,), "and the rest")


def manifest():
    folder = os.path.join(keep, "folder", "limit3", "checkpoint-5")
    text = open(os.path.join(folder, "MANIFEST.json"), "rb").read()
    got = json.loads(text)
    ok(got["step"] == 5 and got["world_size"] == 2 and got["run"] == {"config": "abc", "lr": 0.1}, "MANIFEST.json is JSON")
    sizes = all(os.path.getsize(os.path.join(folder, n)) == f["size"] for n, f in got["files"].items())
    ok(sizes and set(got["files"]) == set(os.listdir(folder)) - {"MANIFEST.json"}, "it gives each file's size")
    try:
        import xxhash
    except ImportError:
        print(f"ok {run + 1} # SKIP no xxhash module")
        globals()["run"] += 1
        return
    digests = all(xxhash.xxh3_128_hexdigest(open(os.path.join(folder, n), "rb").read()) == f["xxh3_128"]
                  for n, f in got["files"].items())
    ok(digests, "and each file's digest")
    body = text.split(b'",\n', 1)[1]
    ok(xxhash.xxh3_128_hexdigest(body) == got["digest"], "and its own")


safetensors_out()
peft()
state()
manifest()
print(f"1..{run}")
sys.exit(failed > 0)
