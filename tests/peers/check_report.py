#!/usr/bin/env python3
"""Reads a run's output folder as its readers do: TensorBoard's loaders, Python's json, Pillow.

    RT_KEEP=1 ./tests/report/test_resume.t | grep kept      # makes two such folders
    python3 check_report.py OUTPUT_DIR ...                  # needs tensorboard and Pillow
Every event file must load whole, every tag hold each step once after the restarts in it are applied, and agree with
trainer_state.json; the log's lines and the result files must agree with it too. Prints TAP.
"""
import glob
import json
import os
import struct
import sys

from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader, LegacyEventFileLoader

count = failed = 0


def ok(good, text):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {text}")


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def tag_of(key):
    return "eval/" + key[5:] if key.startswith("eval_") else "train/" + key


def check_hosts(run):
    """The runs of the hosts, below that of the job: they load, and each tag goes on by whole seconds, or by steps."""
    folders = sorted(path for path in glob.glob(os.path.join(run, "*")) if os.path.isdir(path))
    for path in folders + sorted(glob.glob(os.path.join(run, "*", "steps"))):
        accumulator = EventAccumulator(path, size_guidance={"scalars": 0})
        accumulator.Reload()
        tags = accumulator.Tags()["scalars"]
        steps = {tag: [e.step for e in accumulator.Scalars(tag)] for tag in tags}
        group = "system_by_step/" if os.path.basename(path) == "steps" else "system/"
        ok(group + "memory_gib" in tags and all(tag.startswith(group) for tag in tags),
           f"host {os.path.basename(path)}: {len(tags)} tags")
        ok(all(a < b for s in steps.values() for a, b in zip(s, s[1:])), f"up to {max(map(len, steps.values()), default=0)} "
           "points of a tag, none at a second or step of another")
    summary = os.path.join(run, "..", "..", "run_summary.json")
    if os.path.exists(summary):
        ok(len(folders) == json.load(open(summary))["hosts"], f"{len(folders)} hosts as in run_summary.json")


def check(folder):
    state = json.load(open(os.path.join(folder, "trainer_state.json")))
    history = state["log_history"]
    ok(json.dumps(state, indent=2, sort_keys=True) + "\n" == open(os.path.join(folder, "trainer_state.json")).read(),
       "trainer_state.json is as Python would write it")
    lines = open(os.path.join(folder, "trainer_log.jsonl")).read().splitlines()
    ok(all(json.dumps(json.loads(line)) == line for line in lines), f"{len(lines)} lines as Python would write them")
    ok([json.loads(line).get("loss") for line in lines] == [entry.get("loss") for entry in history],
       "the same losses as log_history")
    results = os.path.join(folder, "all_results.json")
    if os.path.exists(results):
        text = open(results).read()
        ok(json.dumps(json.loads(text), indent=4, sort_keys=True) == text, "all_results.json as Python would write it")
    for path in glob.glob(os.path.join(folder, "*.png")):
        picture = Image.open(path)
        picture.load()
        ok(picture.size == (640, 480), f"{os.path.basename(path)} is {picture.size}")
    for run in sorted(glob.glob(os.path.join(folder, "runs", "*"))):
        check_hosts(run)
        for path in sorted(glob.glob(os.path.join(run, "*tfevents*"))):
            events = list(EventFileLoader(path).Load())
            plain = list(LegacyEventFileLoader(path).Load())
            ok(events and plain[0].file_version == "brain.Event:2", f"{os.path.basename(path)}: {len(events)} events")
        accumulator = EventAccumulator(run, size_guidance={"scalars": 0, "tensors": 0})
        accumulator.Reload()
        tags = accumulator.Tags()["scalars"]
        want = {}
        for entry in history:
            for key, value in entry.items():
                if key != "step":
                    want.setdefault(tag_of(key), {}).setdefault(entry["step"], f32(value))
        for tag in sorted(want):
            points = {e.step: e.value for e in accumulator.Scalars(tag)} if tag in tags else {}
            steps = [e.step for e in accumulator.Scalars(tag)] if tag in tags else []
            ok(len(steps) == len(points) and points == want[tag], f"{tag}: {len(steps)} points as in trainer_state.json")
        texts = [tag for tag in accumulator.Tags()["tensors"] if tag.endswith("/text_summary")]
        ok(all(accumulator.SummaryMetadata(tag).plugin_data.plugin_name == "text" for tag in texts), f"texts: {texts}")


for name in sys.argv[1:]:
    check(name)
print(f"1..{count}")
sys.exit(failed > 0 or count == 0)
