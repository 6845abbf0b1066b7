"""LLaMA-Factory and ranktune side by side on one GPU and one job file: seconds a step and tokens a second.

usage: compare_gpu.py JOB.yaml RANKTUNE [lf:LABEL[:key=value,...] | rt:LABEL[:key=value,...]] ...
Runs what is listed, in that order, each in a process of its own; without a list LLaMA-Factory and ranktune as the job says.
The python that runs this has llamafactory. Steps from the third on count; tokens are those of the job's rows without
padding, as LLaMA-Factory counts them (include_num_input_tokens_seen: non_padding), the same for both.
"""
import json
import os
import re
import subprocess
import sys
import time

import yaml

FIRST = 2  # steps that warm up


def train_peer(job, values):
    """In a child: LLaMA-Factory's own trainer, with a clock at each step's end. Prints one line of JSON."""
    import torch
    from llamafactory.train.tuner import run_exp
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        def __init__(self):
            self.at, self.tokens = [], []

        def on_step_end(self, args, state, control, **kwargs):
            torch.cuda.synchronize()
            self.at.append(time.time())
            self.tokens.append(int(state.num_input_tokens_seen))

    clock, sys.argv = Clock(), sys.argv[:1]
    run_exp(yaml.safe_load(open(job)) | {"include_num_input_tokens_seen": "non_padding"} | values, callbacks=[clock])
    print("CLOCK " + json.dumps({"at": clock.at, "tokens": clock.tokens,
                                 "gib": torch.cuda.max_memory_allocated() / 2**30}), flush=True)


def run_peer(job, values):
    out = subprocess.run([sys.executable, __file__, "--peer", job, json.dumps(values)], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True).stdout
    found = re.search(r"^CLOCK (.*)$", out, re.M)
    if found is None:
        raise SystemExit(out[-2000:] + "\nLLaMA-Factory failed")
    return json.loads(found[1])


def run_ours(job, values, ranktune):
    command = [ranktune, "train", job, "logging_steps=1"] + [f"{k}={v}" for k, v in values.items()]
    at, text = [], ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
        for line in child.stdout:
            text += line
            if re.search(r"step \d+/\d+  loss", line):
                at.append(time.time())
    memory = re.search(r"together +([\d.]+)", text)
    if child.returncode != 0 or memory is None:
        raise SystemExit(text[-2000:] + "\nranktune failed")
    return {"at": at, "tokens": None, "gib": float(memory[1]) / 1024}


def options(text):
    return {k: yaml.safe_load(v) for k, v in (pair.split("=", 1) for pair in text.split(",") if pair)}


def main():
    job, ranktune, runs = sys.argv[1], sys.argv[2], sys.argv[3:] or ["lf:LLaMA-Factory", "rt:ranktune"]
    tokens = None
    print(f"| {'run':44} | s/step | tokens/s | start to first step, s | GiB |\n|---|---|---|---|---|")
    for run in runs:
        kind, label, values = (run.split(":", 2) + [""])[:3]
        start = time.time()
        r = run_peer(job, options(values)) if kind == "lf" else run_ours(job, options(values), ranktune)
        at, steps = r["at"], len(r["at"]) - FIRST
        if steps < 1:
            raise SystemExit(f"{label}: {len(at)} steps; at least {FIRST + 1} are needed")
        if r["tokens"]:
            tokens = (r["tokens"][-1] - r["tokens"][FIRST - 1]) / steps
        step = (at[-1] - at[FIRST - 1]) / steps
        rate = f"{tokens / step:.0f}" if tokens else "?"
        print(f"| {label:44} | {step:.3f} | {rate} | {at[0] - start:.1f} | {r['gib']:.1f} |", flush=True)


if len(sys.argv) > 3 and sys.argv[1] == "--peer":
    train_peer(sys.argv[2], json.loads(sys.argv[3]))
elif len(sys.argv) < 3:
    raise SystemExit(__doc__)
else:
    main()
