"""Table of what compare_llamafactory.sh measured: compare_runs.py FOLDER RUNS."""
import importlib.metadata
import json
import os
import statistics
import sys

folder, runs = sys.argv[1], int(sys.argv[2])


def read(name):
    return [json.loads(line) for line in open(os.path.join(folder, name, "trainer_log.jsonl"))]


def wall(name):
    start, end = map(float, open(os.path.join(folder, name + ".wall")).read().split())
    return end - start


def train(name):
    return json.load(open(os.path.join(folder, name, "train_results.json")))["train_runtime"]


def row(what, lf, rt):
    cells = " | ".join(f"{min(t):.2f} / {statistics.median(t):.2f} / {max(t):.2f}" for t in (lf, rt))
    ratios = sorted(a / b for a, b in zip(lf, rt))  # of the two runs of a round: they met the same load
    print(f"| {what} | {cells} | {ratios[0]:.1f} / {statistics.median(ratios):.1f} / {ratios[-1]:.1f} |")


names = {p: [f"{p}-{i + 1}" for i in range(runs)] for p in ("lf", "rt")}
print(", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("llamafactory", "transformers", "peft", "torch")))
print("| seconds, min / median / max | LLaMA-Factory | ranktune | ratio of a round |")
print("| --- | --- | --- | --- |")
row("training phase", [train(n) for n in names["lf"]], [train(n) for n in names["rt"]])
row("whole process", [wall(n) for n in names["lf"]], [wall(n) for n in names["rt"]])

losses = {n: [e["loss"] for e in read(n) if "loss" in e] for p in names for n in names[p]}
first = losses[names["lf"][0]]
if any(len(loss) != len(first) for loss in losses.values()) or not first:
    sys.exit("the runs logged different numbers of losses")
apart = max(abs(a - b) for n in names["rt"] for a, b in zip(losses[n], first))
print(f"{len(first)} losses, {first[0]:.4f} to {first[-1]:.4f}, at most {apart:.1e} apart")
sys.exit(apart > 2e-4)  # else the two did not do the same work
