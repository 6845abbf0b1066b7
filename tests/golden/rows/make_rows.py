#!/usr/bin/env python3
"""Make the data sets of tests/data/test_rows.c, run LLaMA-Factory's converter, template and processor on every row under
several options, and write what came out.

usage: HF_HUB_OFFLINE=1 make_rows.py TOKENIZER_DIR
TOKENIZER_DIR holds tokenizer.json and tokenizer_config.json (here: the first 100 merges of Qwen2.5's). Writes into the
folder of this script: data/ (sets and pictures), tokenizer.json, expect.json. Made with llamafactory 0.9.5,
transformers 5.6.0, Pillow 11.3, datasets 4.0.0.

A row is bad when the reference drops it or ends with an exception, and also when what it made could not be trained on:
image tokens without pictures or pictures without tokens (the model ends with an exception), or no learned token.
"""
import json, os, shutil, struct, sys, tempfile

IGNORE = -100


def tool(name, **more):
    return {"name": name, "description": f"Does {name}", "parameters": {"type": "object", "properties": {"x": {"type": "number"}}}, **more}


TOOLS = json.dumps([tool("add"), {"type": "function", "function": tool("看", note="a/b <c> \"d\"")}], ensure_ascii=False)


def turns(*texts, roles=("human", "gpt")):
    return [{"from": roles[i % 2], "value": t} for i, t in enumerate(texts)]


def chat(*pairs):
    return [{"role": r, "content": t} for r, t in pairs]


IMG = ["images/a.png", "images/b.png", "images/c.png"]
LONG = "The quick brown fox jumps over the lazy dog and runs through the whole field. "

SETS = {}
SETS["alpaca"] = (
    {"file_name": "alpaca.json", "columns": {"prompt": "instruction", "query": "input", "response": "output",
     "history": "history", "system": "system", "images": "images", "tools": "tools"}},
    [
        {"instruction": "What is this?", "output": "A test."},
        {"instruction": "Add these.", "input": "1 and 2", "output": "3"},
        {"instruction": "", "input": "only the query", "output": "yes"},
        {"instruction": "", "input": "", "output": "from nothing"},
        {"instruction": None, "input": None, "output": "from null"},
        {"instruction": "empty answer", "output": ""},
        {"instruction": "no answer"},
        {"instruction": "null answer", "output": None},
        {"instruction": "more", "output": "third", "history": [["one?", "first"], ["two?", "second"]]},
        {"instruction": "more", "output": "x", "history": []},
        {"instruction": "<image> seen before", "output": "third", "history": [["<image>one?", "first"]], "images": IMG[:2]},
        {"instruction": "sys", "output": "ok", "system": "Be terse."},
        {"instruction": "sys", "output": "ok", "system": ""},
        {"instruction": "sys", "output": "ok", "system": "turn {{content}} and {{idx}}, <image> stays"},
        {"instruction": "idx {{idx}} and {{idx}} {{content}}", "output": "{{idx}} {{content}}", "history": [["{{idx}}", "a"]]},
        {"instruction": "<image>What?", "output": "A picture.", "images": IMG[:1]},
        {"instruction": "<image><image>", "output": "in the answer <image> too", "images": IMG},
        {"instruction": "<image>", "output": "too few", "images": []},
        {"instruction": "none", "output": "too many", "images": IMG[:1]},
        {"instruction": "<image>", "output": "missing", "images": ["images/none.png"]},
        {"instruction": "<video>", "output": "no video"},
        {"instruction": "<audio>", "output": "no audio"},
        {"instruction": "<|image_pad|>", "output": "typed"},
        {"instruction": "<|video_pad|>", "output": "typed"},
        {"instruction": "<|im_end|> <|vision_start|>", "output": "typed too <|im_start|>"},
        {"instruction": "tools", "output": "used", "tools": TOOLS},
        {"instruction": "tools", "output": "none", "tools": "[]"},
        {"instruction": "tools", "output": "none", "tools": ""},
        {"instruction": "tools", "output": "bad", "tools": "[{]"},
        {"instruction": "tools", "output": "bad", "tools": "{\"a\": 1}"},
        {"instruction": "tools", "output": "bad", "tools": "5"},
        {"instruction": "é ü 中文 😀 \u0000 \t\r\n\n  x  ", "output": "  \n spaces \n "},
        {"instruction": LONG * 2, "output": LONG * 3},
        {"instruction": LONG, "output": LONG * 3, "history": [[LONG, LONG], ["short", LONG * 2]]},
        {"instruction": LONG + "<image>", "output": LONG, "history": [["<image>" + LONG, LONG * 2]], "images": IMG[1:]},
    ])
SETS["sharegpt"] = (
    {"file_name": "sharegpt.jsonl", "formatting": "sharegpt",
     "columns": {"messages": "conversations", "system": "system", "tools": "tools", "images": "images"}},
    [
        {"conversations": turns("q", "a")},
        {"conversations": turns("q", "a", "q2", "a2", "q3", "a3")},
        {"conversations": turns("q", "a", "q2")},
        {"conversations": []},
        {"conversations": turns("a", "q", roles=("gpt", "human"))},
        {"conversations": [{"from": "system", "value": "S from messages"}] + turns("q", "a"), "system": "S column"},
        {"conversations": turns("q", "a"), "system": "S column"},
        {"conversations": [{"from": "system", "value": "alone"}]},
        {"conversations": turns("q", "a") + [{"from": "system", "value": "late"}, {"from": "gpt", "value": "a"}]},
        {"conversations": turns("q", None)},
        {"conversations": turns("q", "a") + [{"from": "user", "value": "x"}, {"from": "gpt", "value": "a"}]},
        {"conversations": [{"from": "human", "value": "sum?"}, {"from": "function_call", "value": json.dumps({"name": "add", "arguments": {"a": 1, "b": 2.50, "c": [True, None, "ü\n"]}})},
                           {"from": "observation", "value": "{\"sum\": 3}"}, {"from": "gpt", "value": "It is 3."}], "tools": TOOLS},
        {"conversations": [{"from": "human", "value": "two"}, {"from": "function_call", "value": "[{\"name\": \"a\", \"arguments\": \"{\\\"x\\\": 1}\"}, {\"arguments\": 12345678901234567890123, \"name\": null}]"},
                           {"from": "observation", "value": "r"}, {"from": "gpt", "value": "done"}], "tools": TOOLS},
        {"conversations": [{"from": "human", "value": "floats"}, {"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": [1e5, 1E-7, -0, -0.0, 0.1, 1e400, 123456789012345678.0, 1e16, 9999999999999998.0, 0.0001, 0.00001, NaN, 5e-324, 1.7976931348623157e308]}"},
                           {"from": "observation", "value": "r"}, {"from": "gpt", "value": "done"}]},
        {"conversations": [{"from": "human", "value": "keys"}, {"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {\"b\": 1, \"a\": 2, \"b\": 3, \"\\u00e9\\u0007\\/\": \"\\ud83d\\ude00\\u007f\"}}"},
                           {"from": "observation", "value": "r"}, {"from": "gpt", "value": "done"}]},
        {"conversations": [{"from": "human", "value": "think"}, {"from": "function_call", "value": "<think>\nhm {}\n</think>\n\n{\"name\": \"f\", \"arguments\": {}}"},
                           {"from": "observation", "value": "r"}, {"from": "gpt", "value": "done"}]},
        {"conversations": [{"from": "human", "value": "tagged"}, {"from": "function_call", "value": "I call <tool_call>\n{\"name\": \"f\", \"arguments\": {}}</tool_call> now"},
                           {"from": "observation", "value": "r"}, {"from": "gpt", "value": "done"}]},
        {"conversations": [{"from": "human", "value": "no json"}, {"from": "function_call", "value": "f(x)"},
                           {"from": "observation", "value": "r"}, {"from": "gpt", "value": "done"}]},
        {"conversations": [{"from": "human", "value": "no args"}, {"from": "function_call", "value": "{\"name\": \"f\"}"}]},
        {"conversations": [{"from": "human", "value": "no calls"}, {"from": "function_call", "value": "[]"}]},
        {"conversations": [{"from": "human", "value": "half"}, {"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": \"\\ud83d\"}"}]},
        {"conversations": turns("<image>q", "a", "<image> and <image>", "a"), "images": IMG},
        {"conversations": turns("q", "a <image>", "q", "a"), "images": [IMG[2]]},
        {"conversations": turns("q<image>", "a"), "images": IMG[1:2], "system": "with <image> in it"},
        {"conversations": turns("q" + LONG, "a" + LONG, "<image>q2", "a2", "q3", LONG), "images": IMG[:1]},
        {"conversations": turns("<image><image>" + LONG, LONG, LONG, LONG), "images": [IMG[0], IMG[0]]},
        {"conversations": turns(LONG * 3, "short")},
        {"conversations": turns("short", LONG * 3)},
        {"conversations": turns(LONG, LONG, LONG, LONG, LONG, LONG)},
        {"conversations": [{"from": "observation", "value": "tool speaks <image>"}, {"from": "gpt", "value": "ok"}], "images": IMG[:1]},
    ])
SETS["tags"] = (
    {"file_name": "tags.json", "formatting": "sharegpt", "columns": {"messages": "messages", "images": "images"},
     "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}},
    [
        {"messages": chat(("user", "<image>q"), ("assistant", "a")), "images": IMG[:1]},
        {"messages": chat(("system", "no tag for this"), ("user", "q"), ("assistant", "a"))},
        {"messages": chat(("user", "q"), ("assistant", "a")), "images": [], "system": "not a column"},
    ])
SETS["openai"] = (
    {"file_name": "openai.jsonl", "formatting": "openai", "columns": {"messages": "messages", "tools": "tools", "images": "images", "system": "system"},
     "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant",
              "observation_tag": "tool", "function_tag": "function", "system_tag": "system"}},
    [
        {"messages": chat(("user", "q"), ("assistant", "a"))},
        {"messages": chat(("system", "S"), ("user", "q"), ("assistant", "a"))},
        {"messages": chat(("system", "S detailed thinking on"), ("user", "q"), ("assistant", "a"))},
        {"messages": chat(("system", "S"), ("user", "q"), ("assistant", "a")), "tools": [tool("add")]},
        {"messages": chat(("user", "q"), ("assistant", "a")), "tools": []},
        {"messages": chat(("user", "q"), ("assistant", "a")), "tools": [tool("add")]},
        {"messages": chat(("user", "q"), ("assistant", "a")), "system": "column"},
        {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": None, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "add", "arguments": "{\"a\": 1}"}},
            {"id": "2", "type": "function", "function": {"name": "add", "arguments": "{}"}}]},
            {"role": "tool", "content": "1"}, {"role": "tool", "content": "2"}, {"role": "assistant", "content": "done"}],
         "tools": [tool("add")]},
        {"messages": chat(("user", "q"), ("tool", "r"), ("assistant", "a"))},
        {"messages": chat(("user", "q"), ("assistant", "a"), ("tool", "left over"))},
        {"messages": chat(("user", "q"), ("narrator", "a"))},
        {"messages": chat(("user", "q"), ("user", "q2"), ("assistant", "a"))},
        {"messages": chat(("user", "<image>q"), ("assistant", "a"), ("tool", "x<image>"), ("assistant", "b")), "images": IMG[:2]},
    ])
OPTIONS = [
    {},
    {"cutoff_len": 60}, {"cutoff_len": 100}, {"cutoff_len": 161},
    {"cutoff_len": 16}, {"cutoff_len": 1},
    {"mask_history": True}, {"mask_history": True, "cutoff_len": 100},
    {"train_on_prompt": True}, {"train_on_prompt": True, "cutoff_len": 120},
    {"default_system": ""}, {"default_system": "Speak up."},
    {"split_special_tokens": True},
]


def load_model(tokenizer_dir, split=False, **model_args):
    from transformers import AutoTokenizer, Qwen2VLImageProcessor, Qwen2VLVideoProcessor, Qwen2_5_VLProcessor
    tok = AutoTokenizer.from_pretrained(tokenizer_dir, use_fast=True, split_special_tokens=split, padding_side="right")
    proc = Qwen2_5_VLProcessor(Qwen2VLImageProcessor(min_pixels=3136, max_pixels=12845056), tok, Qwen2VLVideoProcessor())
    for key, value in {"image_max_pixels": 589824, "image_min_pixels": 1024, **model_args}.items():
        setattr(proc, key, value)
    return tok, proc


def processor_for(tok, proc, folder, options):
    """LLaMA-Factory's own objects for these options: data arguments, and the one that encodes."""
    from llamafactory.data.template import TEMPLATES, get_template_and_fix_tokenizer
    from llamafactory.data.processor import SupervisedDatasetProcessor
    from llamafactory.hparams import DataArguments
    keys = {k: v for k, v in options.items() if k != "split_special_tokens"}
    args = DataArguments(template="qwen2_vl", dataset="x", dataset_dir=folder, media_dir=folder, **keys)
    TEMPLATES["qwen2_vl"].default_system = "You are a helpful assistant."
    template = get_template_and_fix_tokenizer(tok, args)
    return args, SupervisedDatasetProcessor(template=template, tokenizer=tok, processor=proc, data_args=args)


def attributes(entry, name):
    from llamafactory.data.parser import DatasetAttr
    attr = DatasetAttr("file", dataset_name=name)
    attr.join(entry)
    return attr


def encode_row(converter, encoder, row, tok, proc):
    """(ids, labels, pictures) or the reason as a text."""
    from llamafactory.data.mm_plugin import Image
    try:
        made = converter(row)
        out = encoder.preprocess_dataset({k: [v] for k, v in made.items()})
        if not out:
            return "dropped"
        ids, labels = out["input_ids"][0], out["labels"][0]
        images = out["images"][0] or []
        grid = encoder.template.mm_plugin._get_mm_inputs(images, [], [], proc)["image_grid_thw"].tolist() if images else []
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    image, video = (tok.convert_tokens_to_ids(t) for t in ("<|image_pad|>", "<|video_pad|>"))
    if ids.count(image) != sum(t * h * w // 4 for t, h, w in grid) or video in ids:
        return "tokens and pictures do not match"
    if all(x == IGNORE for x in labels[1:]):
        return "nothing to learn"
    return ids, labels, [[14 * w, 14 * h] for t, h, w in grid]


def encode_set(entry, rows, folder, options, tok, proc):
    from llamafactory.data.converter import get_dataset_converter
    args, encoder = processor_for(tok, proc, folder, options)
    converter = get_dataset_converter(entry.get("formatting", "alpaca"), attributes(entry, "x"), args)
    keys = {k for row in rows for k in row} | {c for c in entry.get("columns", {}).values()}
    if "columns" not in entry:
        keys |= {"instruction", "input", "output"} if entry.get("formatting", "alpaca") == "alpaca" else {"conversations"}
    return [encode_row(converter, encoder, {**{k: None for k in keys}, **row}, tok, proc) for row in rows]


def through_loader(entry, rows, folder, options, tok, proc):
    """The same through get_dataset, so through the JSON reader and Arrow: ids and labels of rows that are all good."""
    import llamafactory.data.loader as loader
    from llamafactory.hparams import ModelArguments
    from transformers import Seq2SeqTrainingArguments
    with tempfile.TemporaryDirectory() as tmp:
        json.dump({"x": {**entry, "file_name": "x.jsonl"}}, open(f"{tmp}/dataset_info.json", "w"))
        with open(f"{tmp}/x.jsonl", "w") as f:
            for row in rows:
                f.write(json.dumps(row) + "\n")
        args, encoder = processor_for(tok, proc, tmp, options)
        args.media_dir, args.dataset, args.overwrite_cache = folder, ["x"], True
        train = Seq2SeqTrainingArguments(output_dir=tmp + "/out", use_cpu=True, report_to="none")
        hush, sys.stdout = sys.stdout, open(os.devnull, "w")
        try:
            set_ = loader.get_dataset(encoder.template, ModelArguments(model_name_or_path=tmp, cache_dir=tmp + "/cache"), args, train, "sft", tok, proc)
        finally:
            sys.stdout = hush
        return [(r["input_ids"], r["labels"]) for r in set_["train_dataset"]]


def digest(ids, labels):
    """FNV-1a over the ids and then the labels, four bytes each, little end first."""
    h = 0xcbf29ce484222325
    for b in struct.pack(f"<{2 * len(ids)}i", *ids, *labels):
        h = (h ^ b) * 0x100000001b3 & 0xffffffffffffffff
    return f"{h:016x}"


def write_sets(folder):
    from PIL import Image
    os.makedirs(f"{folder}/images", exist_ok=True)
    for name, size in (("a", (100, 60)), ("b", (40, 90)), ("c", (28, 28))):
        Image.new("RGB", size, (200, 40, 10)).save(f"{folder}/images/{name}.png", optimize=True)
    json.dump({name: entry for name, (entry, _) in SETS.items()}, open(f"{folder}/dataset_info.json", "w"), indent=1)
    for name, (entry, rows) in SETS.items():
        with open(f"{folder}/{entry['file_name']}", "w") as f:
            if entry["file_name"].endswith(".json"):
                json.dump(rows, f, ensure_ascii=False, indent=1)
            else:
                f.writelines(json.dumps(row) + "\n" for row in rows)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    folder = f"{here}/data"
    write_sets(folder)
    shutil.copyfile(f"{sys.argv[1]}/tokenizer.json", f"{here}/tokenizer.json")
    expect, os.environ["DISABLE_VERSION_CHECK"] = [], "1"
    for options in OPTIONS:
        tok, proc = load_model(sys.argv[1], options.get("split_special_tokens", False))
        for name, (entry, rows) in SETS.items():
            made = encode_set(entry, rows, folder, options, tok, proc)
            if not options and name != "openai":  # Arrow gives an openai row's tools the keys of all other rows
                good = [i for i, m in enumerate(made) if not isinstance(m, str)]
                assert through_loader(entry, [rows[i] for i in good], folder, options, tok, proc) == [made[i][:2] for i in good]
            expect.append({"set": name, "options": options, "rows": [
                {"bad": m[:160]} if isinstance(m, str) else
                {"length": len(m[0]), "learned": sum(x != IGNORE for x in m[1][1:]), "pictures": m[2], "digest": digest(m[0], m[1])}
                for m in made]})
    with open(f"{here}/expect.json", "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(e) for e in expect) + "\n]\n")
    print(sum(len(e["rows"]) for e in expect), "rows,", sum("bad" in r for e in expect for r in e["rows"]), "bad")


if __name__ == "__main__":
    main()
