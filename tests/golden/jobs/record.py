#!/usr/bin/env python3
"""What LLaMA-Factory logs on small jobs, for tests/jobs/golden.sh.

usage, at the root of the source tree: record.py RANKTUNE [CASE ...], by a Python that has llamafactory 0.9.5
RANKTUNE, the program, makes the models (`ranktune init`: the same numbers on every machine). Writes here: data/*.json
(drawn from a fixed seed; with CASEs named only their results are written), CASE.yaml, the job, and CASE.json: losses,
gradient norms, learning rates and evaluations as LLaMA-Factory logged them on CPUs, in fp32 and for some cases in bf16.
Where torchaudio cannot be imported put an empty module of that name on PYTHONPATH.
"""
import json
import os
import random
import subprocess
import sys
import tempfile
from importlib.metadata import version

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BASE = {
    "stage": "sft", "do_train": True, "finetuning_type": "lora", "lora_rank": 8, "template": "qwen2_vl", "cutoff_len": 1024,
    "preprocessing_num_workers": 1, "overwrite_output_dir": True, "logging_steps": 1, "save_steps": 1000,
    "report_to": "none", "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "learning_rate": 1.0e-2,
    "num_train_epochs": 1.0, "image_max_pixels": 12544,
}
# name: (model, seed of the model, ranks, recorded in bf16 too, keys)
CASES = {
    "all-eval": ("small25", 1, 2, True, {
        "dataset": "drive", "eval_dataset": "drive_eval", "eval_strategy": "steps", "eval_steps": 4, "lora_dropout": 0.0,
        "lr_scheduler_type": "cosine", "warmup_ratio": 0.1, "num_train_epochs": 1.5, "per_device_eval_batch_size": 3,
        "gradient_accumulation_steps": 1, "compute_accuracy": True}),
    "qwen2vl-odd": ("small2", 2, 1, True, {
        "dataset": "odd", "use_rslora": True, "lora_rank": 5, "lora_alpha": 7, "per_device_train_batch_size": 3,
        "lr_scheduler_type": "polynomial", "lr_scheduler_kwargs": {"power": 2.0, "lr_end": 1.0e-4}, "warmup_steps": 2,
        "weight_decay": 0.1, "adam_beta2": 0.95, "max_grad_norm": 0.3, "num_train_epochs": 1.7, "seed": 7}),
    "vision": ("small25", 3, 2, True, {
        "dataset": "odd", "freeze_vision_tower": False, "lr_scheduler_type": "constant_with_warmup", "warmup_steps": 1,
        "gradient_accumulation_steps": 1, "image_max_pixels": 9000}),
    "turns": ("small25tied", 4, 1, False, {
        "dataset": "turns", "mask_history": True, "lr_scheduler_type": "linear", "warmup_steps": 0.2, "lora_target": "q_proj,v_proj",
        "gradient_accumulation_steps": 3, "num_train_epochs": 2.0, "adam_epsilon": 1.0e-6, "data_seed": 5}),
    "mixed": ("small25", 1, 3, False, {
        "dataset": "instructions,turns", "max_samples": 14, "val_size": 0.2, "eval_strategy": "epoch", "num_train_epochs": 2.0,
        "train_sampling_strategy": "group_by_length", "lr_scheduler_type": "inverse_sqrt", "warmup_steps": 2,
        "per_device_eval_batch_size": 2, "gradient_accumulation_steps": 1}),
    "cut": ("small2", 2, 2, False, {
        "dataset": "texts", "cutoff_len": 60, "train_on_prompt": True, "lr_scheduler_type": "warmup_stable_decay",
        "warmup_ratio": 0.2, "loraplus_lr_ratio": 4.0, "num_train_epochs": 2.0, "dataloader_drop_last": True,
        "gradient_accumulation_steps": 1, "logging_steps": 2}),
    "pillow": ("small25tied", 4, 1, False, {
        "dataset": "odd", "use_fast_tokenizer": False, "image_max_pixels": 20000, "image_min_pixels": 4000,
        "disable_shuffling": True, "default_system": "", "lora_target": "up_proj, o_proj", "max_steps": 6,
        "lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr_rate": 0.1}, "max_grad_norm": 0.0}),
}
ODD = """555.bmp abgr32.bmp animated.gif animated.webp bw.bmp clear-colour.png clear-index.png cmyk.jpg grey.jpg greyalpha16.png
grey4-interlaced.png half-chroma.jpg index.gif index4.bmp long.jpg lossless-alpha.webp lossy.webp mode-1.png mode-I16.png
mode-LA.png mode-P.png mode-RGBA.png one.jpg progressive.jpg rgb16.png rotated.jpg runs8.bmp tall.png ycck.jpg""".split()
WORDS = """自车 前方 有 一辆 白色 货车 正在 左转 应 减速 让行 红灯 行人 the car ahead brakes while a cyclist crosses; keep
distance 40 km/h. What is seen? naïve ½ 🚦 <|im_end|> e\u0301 ＡＢ  don't \n\n {{content}}""".split(" ")
ROLES = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant", "system_tag": "system"}


def words(r, most):
    return r.choice(("", " ")).join(r.choice(WORDS) for _ in range(r.randint(1, most)))


def talk(r, pictures, turns, most):
    """Messages with pictures at any place of the user's turns."""
    messages, images = [], []
    for _ in range(r.randint(1, turns)):
        said = words(r, most)
        for picture in r.sample(pictures, min(len(pictures), r.choice((0, 1, 1, 2)))):
            at = r.choice((0, 0, len(said)))
            said = said[:at] + "<image>" + said[at:]
            images.append(picture)
        messages += [{"role": "user", "content": said}, {"role": "assistant", "content": words(r, most)}]
    return messages, images


def write_data():
    r = random.Random(20)
    drive = [f"data/drive/pictures/{i:03}.jpg" for i in range(6)]
    odd = ["tests/golden/image/" + name for name in ODD]
    sets = {"odd": [], "turns": [], "texts": [], "instructions": []}
    for i in range(24):
        messages, images = talk(r, odd, 2, 8)
        sets["odd"].append({"messages": messages, "images": images})
    for i in range(20):
        messages, images = talk(r, drive if i % 3 else [], 4, 10)
        system = [{"role": "system", "content": words(r, 5)}] if i % 2 else []
        sets["turns"].append({"messages": system + messages, "images": images})
        messages, _ = talk(r, [], 3, 40)
        sets["texts"].append({"messages": messages, "images": []})
        messages, images = talk(r, drive if i % 2 else [], 3, 10)
        said = [m["content"] for m in messages]
        sets["instructions"].append({
            "instruction": said[-2], "input": words(r, 3) if i % 4 == 0 else "", "output": said[-1], "images": images,
            "history": [said[k:k + 2] for k in range(0, len(said) - 2, 2)], "system": words(r, 4) if i % 5 == 0 else ""})
    columns = {"messages": "messages", "images": "images"}
    info = {name: {"file_name": name + ".json", "formatting": "sharegpt", "columns": columns, "tags": ROLES} for name in sets}
    info["instructions"] = {"file_name": "instructions.json", "columns": {
        "prompt": "instruction", "query": "input", "response": "output", "history": "history", "system": "system",
        "images": "images"}}
    for name in ("drive", "drive_eval"):
        info[name] = {"file_name": name + ".json", "formatting": "sharegpt", "columns": columns, "tags": ROLES}
        rows = json.load(open(f"{ROOT}/data/drive/{'train' if name == 'drive' else 'eval'}.json"))[:24 if name == "drive" else 7]
        sets[name] = [dict(row, images=["data/" + p for p in row["images"]]) for row in rows]
    os.makedirs(HERE + "/data", exist_ok=True)
    for name, value in dict(sets, dataset_info=info).items():
        with open(f"{HERE}/data/{name}.json", "w") as out:
            json.dump(value, out, ensure_ascii=False, indent=1)
            out.write("\n")


def reference(job, ranks, output_dir, bf16=False):
    """log_history and results of a run of LLaMA-Factory."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(dict(job, dataset_dir=HERE + "/data", media_dir=ROOT, output_dir=output_dir, use_cpu=True, bf16=bf16,
                       overwrite_cache=True), file)
        file.flush()
        launch = ["-m", "torch.distributed.run", f"--nproc_per_node={ranks}"] if ranks > 1 else []
        env = dict(os.environ, HF_HUB_OFFLINE="1", DISABLE_VERSION_CHECK="1", CUDA_VISIBLE_DEVICES="", OMP_NUM_THREADS="1",
                   HF_DATASETS_CACHE=output_dir + ".cache")
        subprocess.run([sys.executable, *launch, os.path.abspath(__file__), "run-here", file.name], env=env, check=True)
    history = json.load(open(output_dir + "/trainer_state.json"))["log_history"]
    return history, json.load(open(output_dir + "/train_results.json"))


def record(name, program):
    preset, seed, ranks, bf16, keys = CASES[name]
    model = f"{preset}-{seed}"
    with open(f"{HERE}/{name}.yaml", "w") as out:
        out.write(f"# ranktune init {preset} {model} --seed {seed} --dtype fp32 --corpus data/drive/train.json\n"
                  f"# ranks: {ranks}\nmodel_name_or_path: {model}\n")
        for key, value in dict(BASE, **keys).items():
            out.write(f"{key}: {json.dumps(value)}\n")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "init", preset, f"{folder}/{model}", "--seed", str(seed), "--dtype", "fp32", "--corpus",
                        f"{ROOT}/data/drive/train.json"], check=True)
        job = dict(BASE, **keys, model_name_or_path=f"{folder}/{model}")
        history, results = reference(job, ranks, folder + "/out")
        in_bf16 = reference(job, ranks, folder + "/bf16", True)[0] if bf16 else []
    kept = ("step", "epoch", "loss", "grad_norm", "learning_rate", "eval_loss", "eval_accuracy")
    rows = [{k: row[k] for k in kept if k in row} for row in history if "loss" in row or "eval_loss" in row]
    rows += [{"train_loss": results["train_loss"], "total_flos": results["total_flos"]}]
    rows += [{"step": row["step"], "bf16_loss": row["loss"]} for row in in_bf16 if "loss" in row]
    packages = ("llamafactory", "transformers", "peft", "accelerate", "torch")
    with open(f"{HERE}/{name}.json", "w") as out:
        out.write("[\n" + json.dumps({p: version(p) for p in packages}))
        for row in rows:
            out.write(",\n" + json.dumps(row))
        out.write("\n]\n")
    print(f"{name}: {len(rows)} lines")


if sys.argv[1] == "run-here":
    from llamafactory.train.tuner import run_exp
    run_exp(json.load(open(sys.argv[2])))
else:
    if len(sys.argv) == 2:
        write_data()
    for case in sys.argv[2:] or CASES:
        record(case, os.path.abspath(sys.argv[1]))
