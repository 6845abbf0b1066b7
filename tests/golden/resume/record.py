#!/usr/bin/env python3
"""Checkpoints of LLaMA-Factory and how it goes on from them itself, for tests/jobs/foreign.sh.

usage, at the root of the source tree: record.py RANKTUNE [CASE ...], by a Python that has llamafactory 0.9.5
RANKTUNE, the program, makes the models. Writes here CASE.yaml, the job; CASE/checkpoint-N, what is read of the checkpoint that
a first run wrote in its middle; CASE/moments.txt, shape and norms of both moments of each parameter of its optimizer;
CASE/trainer_log.jsonl, as the first run would have left it had it been killed two steps later;
CASE.json, what LLaMA-Factory logged when it went on from there, on CPUs in fp32; and CASE/adapter_model.safetensors, what it
ended with. Where torchaudio cannot be imported put an empty module of that name on PYTHONPATH.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BASE = {
    "stage": "sft", "do_train": True, "finetuning_type": "lora", "lora_rank": 2, "template": "qwen2_vl", "cutoff_len": 1024,
    "preprocessing_num_workers": 1, "logging_steps": 1, "report_to": "none", "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 2, "learning_rate": 1.0e-2, "num_train_epochs": 2.0, "image_max_pixels": 12544,
}
# name: (model, seed of the model, ranks, step of the checkpoint, keys)
CASES = {
    # in the middle of the second epoch, decay, evaluations of which the best is wanted
    "plain": ("small25", 1, 1, 8, {
        "dataset": "drive", "eval_dataset": "drive_eval", "eval_strategy": "steps", "eval_steps": 4, "lora_target": "q_proj,v_proj",
        "lr_scheduler_type": "cosine", "warmup_ratio": 0.1, "weight_decay": 0.1, "load_best_model_at_end": True}),
    # both towers, LoRA+, two ranks, a step since the last log
    "loraplus": ("small25", 3, 2, 5, {
        "dataset": "odd", "freeze_vision_tower": False, "lora_rank": 1, "lora_target": "qkv,k_proj", "loraplus_lr_ratio": 4.0, "logging_steps": 2,
        "gradient_accumulation_steps": 1, "num_train_epochs": 1.7, "weight_decay": 0.01, "lr_scheduler_type": "linear",
        "include_num_input_tokens_seen": True}),
    # at the end of an epoch
    "epoch": ("small2", 2, 1, 7, {
        "dataset": "texts", "lora_target": "gate_proj", "per_device_train_batch_size": 3, "gradient_accumulation_steps": 1,
        "lr_scheduler_type": "constant_with_warmup", "warmup_steps": 3, "adam_beta2": 0.95, "use_rslora": True}),
}


def reference(job, ranks, output_dir):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(dict(job, dataset_dir=HERE + "/../jobs/data", media_dir=ROOT, output_dir=output_dir, use_cpu=True,
                       overwrite_cache=True), file)
        file.flush()
        launch = ["-m", "torch.distributed.run", f"--nproc_per_node={ranks}"] if ranks > 1 else []
        env = dict(os.environ, HF_HUB_OFFLINE="1", DISABLE_VERSION_CHECK="1", CUDA_VISIBLE_DEVICES="", OMP_NUM_THREADS="1",
                   HF_DATASETS_CACHE=output_dir + ".cache")
        subprocess.run([sys.executable, *launch, os.path.abspath(__file__), "run-here", file.name], env=env, check=True)


def keep(first, folder, step):
    """Of the first run's output_dir: the checkpoint, and the log to two steps behind it."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(f"{folder}/checkpoint-{step}")
    for name in os.listdir(f"{first}/checkpoint-{step}"):
        if name.startswith(("adapter_", "optimizer", "scheduler", "rng_state", "trainer_state")):
            shutil.copy(f"{first}/checkpoint-{step}/{name}", f"{folder}/checkpoint-{step}/{name}")
    state = torch.load(f"{first}/checkpoint-{step}/optimizer.pt", weights_only=True)["state"]
    with open(f"{folder}/moments.txt", "w") as out:
        for param in state.values():
            norms = [param[name].double().norm().item() for name in ("exp_avg", "exp_avg_sq")]
            out.write("{} {} {!r} {!r}\n".format(*param["exp_avg"].shape, *norms))
    with open(f"{folder}/trainer_log.jsonl", "w") as out:
        out.writelines(line for line in open(f"{first}/trainer_log.jsonl") if json.loads(line)["current_steps"] <= step + 2)


def record(name, program):
    preset, seed, ranks, step, keys = CASES[name]
    model = f"{preset}-{seed}"
    case = dict(BASE, save_steps=step, **{k: v for k, v in keys.items() if k not in BASE})
    case.update({k: v for k, v in keys.items() if k in BASE})
    with open(f"{HERE}/{name}.yaml", "w") as out:
        out.write(f"# ranktune init {preset} {model} --seed {seed} --dtype fp32 --corpus data/drive/train.json\n"
                  f"# ranks: {ranks}\n# step: {step}\nmodel_name_or_path: {model}\n")
        for key, value in case.items():
            out.write(f"{key}: {json.dumps(value)}\n")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "init", preset, f"{folder}/{model}", "--seed", str(seed), "--dtype", "fp32", "--corpus",
                        f"{ROOT}/data/drive/train.json"], check=True)
        os.chdir(folder)
        job = dict(case, model_name_or_path=model)
        reference(job, ranks, "first")
        keep("first", f"{HERE}/{name}", step)
        os.makedirs("out")
        shutil.move(f"first/checkpoint-{step}", f"out/checkpoint-{step}")
        reference(job, ranks, "out")
        shutil.copy("out/adapter_model.safetensors", f"{HERE}/{name}/")
        history = json.load(open("out/trainer_state.json"))["log_history"]
        whole = json.load(open("first/trainer_state.json"))["log_history"]
    kept = ("step", "epoch", "loss", "grad_norm", "learning_rate", "eval_loss")
    rows = [{k: row[k] for k in kept if k in row} for row in history if ("loss" in row or "eval_loss" in row) and row["step"] > step]
    straight = {row["step"]: row["loss"] for row in whole if "loss" in row}
    apart = max(abs(row["loss"] - straight[row["step"]]) for row in rows[1:] if "loss" in row)
    packages = ("llamafactory", "transformers", "peft", "accelerate", "torch")
    with open(f"{HERE}/{name}.json", "w") as out:
        out.write("[\n" + json.dumps({p: version(p) for p in packages}))
        for row in rows:
            out.write(",\n" + json.dumps(row))
        out.write("\n]\n")
    print(f"{name}: {len(rows)} lines; from a run that was not stopped its losses differ by {apart:.1e}")


if sys.argv[1] == "run-here":
    from llamafactory.train.tuner import run_exp
    load = torch.load  # several ranks on CPUs read their state for "cpu:0", which torch does not know as a place
    torch.load = lambda *args, **keys: load(*args, **dict(keys, map_location="cpu"))
    run_exp(json.load(open(sys.argv[2])))
else:
    for case in sys.argv[2:] or CASES:
        record(case, os.path.abspath(sys.argv[1]))
