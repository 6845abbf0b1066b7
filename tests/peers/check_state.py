"""h5py and safetensors on what a run and `ranktune init` wrote: check_state.py OUTPUT_DIR MODEL [MODEL ...]."""
import glob
import json
import os
import sys

import h5py
import numpy as np
from safetensors import safe_open

from tap import done, ok


def state(folder):
    with h5py.File(os.path.join(folder, "state.h5"), "r") as f:
        sets = {}
        f.visititems(lambda name, at: sets.update({name: at}) if isinstance(at, h5py.Dataset) else None)
        held = {name: at[()] for name, at in sets.items()}  # reading checks the checksums
        bare = [name for name, at in sets.items() if at.size > 0 and not at.fletcher32]
        ok({"lora/p", "lora/m", "lora/v", "run"} <= set(held) and not bare,
           f"h5py reads {len(held)} data sets of {os.path.basename(folder)}, {len(bare)} without fletcher32")
    p, m, v = (held["lora/" + n] for n in "pmv")
    ok(p.dtype == m.dtype == v.dtype == np.float32 and p.shape == m.shape == v.shape and np.isfinite(p).all()
       and (v >= 0).all() and np.abs(m).max() > 0, f"{p.size} f32 parameters with both moments")
    with safe_open(os.path.join(folder, "adapter_model.safetensors"), "np") as f:
        ok(f.metadata() == {"format": "pt"} and sum(f.get_tensor(k).size for k in f.keys()) == p.size,
           "safetensors reads as many from the adapter beside it")


def model(folder):
    index = json.load(open(os.path.join(folder, "model.safetensors.index.json")))
    found = {}
    for path in sorted(glob.glob(os.path.join(folder, "*.safetensors"))):
        with safe_open(path, "np") as f:
            found.update({k: (os.path.basename(path), f.get_tensor(k).nbytes) for k in f.keys()})
    ok({k: v[0] for k, v in found.items()} == index["weight_map"]
       and sum(v[1] for v in found.values()) == index["metadata"]["total_size"],
       f"{os.path.basename(folder)}: safetensors finds {len(found)} tensors where the index says")


for checkpoint in sorted(glob.glob(os.path.join(sys.argv[1], "checkpoint-*"))):
    state(checkpoint)
for folder in sys.argv[2:]:
    model(folder)
done()
