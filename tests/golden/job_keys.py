# Records every key that LLaMA-Factory knows for `train`, with type, default and choices: tests/golden/job_keys.json.
# Made with llamafactory 0.9.5, transformers 5.6.0, Python 3.11; run: python job_keys.py job_keys.json
import dataclasses
import json
import sys

from llamafactory.hparams import (
    DataArguments,
    FinetuningArguments,
    GeneratingArguments,
    ModelArguments,
    TrainingArguments,
)
from transformers import HfArgumentParser

CLASSES = [ModelArguments, DataArguments, TrainingArguments, FinetuningArguments, GeneratingArguments]
actions = {a.dest: a for a in HfArgumentParser(CLASSES)._actions if not any(o.startswith("--no_") for o in a.option_strings)}


def default(f):
    if f.default is not dataclasses.MISSING:
        value = f.default
    elif f.default_factory is not dataclasses.MISSING:
        value = f.default_factory()
    else:
        value = None
    value = getattr(value, "value", value)
    return value if value != [] else None


keys = []
for c in CLASSES:
    for f in dataclasses.fields(c):
        if f.init:
            a = actions[f.name]
            kind = getattr(a.type, "__name__", "")
            kind = {"string_to_bool": "bool", "<lambda>": "choice"}.get(kind, kind)
            if kind not in ("bool", "choice", "int", "float", "str"):
                kind = "other"
            keys.append({"name": f.name, "type": kind, "default": default(f), "choices": list(a.choices or [])})
with open(sys.argv[1], "w") as out:
    out.write("[\n" + ",\n".join(json.dumps(k, ensure_ascii=False, default=str) for k in keys) + "\n]\n")
