#!/usr/bin/env python3
"""Train two small tokenizers on text.txt and record what the tokenizers package does with them.

usage: make_tokenizer.py            (in this folder; writes plain.json, flags.json, cases.jsonl, codes.txt)
plain.json has the Qwen2 family's normalizer, pre-tokenizer and kind of added tokens, ids in order of the merges.
flags.json has what the family allows besides: ids in any order, with gaps, merges as pairs, ignore_merges, no decoder,
added tokens with every flag. cases.jsonl: texts and their ids, {"file","text" or "unit" and "times","ids" or "count" and
"crc","split"}, split being the ids when special tokens in the text are not recognised, where they differ. codes.txt: for
each 4096 code points a CRC-32 of the ids of each alone and of each between two letters.
"""
import copy
import json
import random
import struct
import unicodedata
import zlib
import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
           "<|image_pad|>", "<|video_pad|>"]
FLAGGED = {  # single_word, lstrip, rstrip, normalized, special
    "<S>": (0, 0, 0, 0, 1), "<W>": (1, 0, 0, 0, 1), "<LR>": (0, 1, 1, 0, 0), "<L>": (0, 1, 0, 0, 1), "<R>": (0, 0, 1, 0, 1),
    "<S>!": (0, 0, 0, 0, 0), "e\u0301t": (0, 0, 0, 1, 0), "\u00e9": (0, 0, 0, 0, 0), "road": (1, 0, 0, 1, 0),
    "\u8f66": (0, 0, 0, 0, 0), "\u7684": (1, 1, 0, 1, 1), "aa": (0, 0, 0, 0, 1), "aaa": (0, 0, 0, 0, 0),
    " <Z>": (0, 0, 0, 0, 0), "\u212b": (0, 0, 0, 1, 1), "ing": (1, 0, 1, 1, 0)}
R = random.Random(2024)
lines = open("text.txt", encoding="utf-8").read()


def level():
    return pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)


def train():
    t = Tokenizer(models.BPE())
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PATTERN), "isolated"), level()])
    t.decoder = decoders.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    t.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    t.train_from_iterator([lines], trainers.BpeTrainer(vocab_size=800, show_progress=False,
                                                       initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.add_special_tokens([AddedToken(x, normalized=False, special=True) for x in SPECIAL])
    t.add_tokens([AddedToken(x, normalized=False, special=False) for x in ("<tool_call>", "</tool_call>")])
    return json.loads(t.to_str())


def with_flags(plain):
    t = copy.deepcopy(plain)
    m = t["model"]
    keys = list(m["vocab"])
    # The package numbers new tokens on from the vocabulary's size or the largest added id: keep those ids free, and
    # below them what is added and in the vocabulary too.
    free = range(len(keys), len(keys) + 50)
    ids = [i for i in range(7, 4 * len(keys), 3) if i not in free][:len(keys)]
    R.shuffle(ids)
    m["vocab"] = dict(zip(keys, ids))
    small = sorted(m["vocab"], key=m["vocab"].get)
    for k, other in zip([k for k in FLAGGED if k in m["vocab"]], small):
        m["vocab"][k], m["vocab"][other] = m["vocab"][other], m["vocab"][k]
    pairs = [x.split(" ") if isinstance(x, str) else x for x in m["merges"]]
    late = pairs[100:160]
    R.shuffle(late)
    m["merges"] = pairs + late  # listed twice: the second rank counts
    m["ignore_merges"] = True
    t["model"] = {k: m[k] for k in ["merges", *[k for k in m if k != "merges"]]}
    t["decoder"] = t["post_processor"] = None
    t["truncation"] = {"direction": "Right", "max_length": 100000, "strategy": "LongestFirst", "stride": 0}
    t["added_tokens"], new = [], len(keys)
    for content, (word, left, right, normalized, special) in FLAGGED.items():
        t["added_tokens"].append({"id": m["vocab"].get(content, new), "content": content, "single_word": bool(word),
                                  "lstrip": bool(left), "rstrip": bool(right), "normalized": bool(normalized),
                                  "special": bool(special)})
        new += content not in m["vocab"]
    return t


def code():
    a, b = R.choice([(0x20, 0x7E), (0xC0, 0x24F), (0x300, 0x36F), (0x370, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F),
                     (0xF00, 0xFFF), (0x1100, 0x11FF), (0xAC00, 0xD7A3), (0x3040, 0x30FF), (0x4E00, 0x9FFF),
                     (0xF900, 0xFAFF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x218F), (0x1F300, 0x1FAFF),
                     (0x20000, 0x2A6DF), (0x2F800, 0x2FA1D), (0x11000, 0x11FFF), (0xE0000, 0xE01EF), (0x10FFF0, 0x10FFFF),
                     (0, 0x1F), (0x80, 0xA0), (0x1D400, 0x1D7FF)])
    return chr(R.randint(a, b))


marks = [chr(c) for c in range(0x110000) if unicodedata.combining(chr(c))]
composed = [chr(c) for c in range(0x110000)
            if unicodedata.decomposition(chr(c)) and not unicodedata.decomposition(chr(c)).startswith("<")]
words = lines.split(" ")


def piece(added):
    k = R.random()
    if k < 0.30:
        return R.choice(words)
    if k < 0.38:
        return "".join(code() for _ in range(R.randint(1, 6)))
    if k < 0.48:
        return "".join(R.choice([" ", " ", "\t", "\n", "\r", "\r\n", "\u00a0", "\u3000", "\u2028", "\x0b", "\x85", "\u200b"])
                       for _ in range(R.randint(1, 5)))
    if k < 0.55:
        return R.choice(["'s", "'S", "'t", "'re", "'RE", "'Ve", "'m", "'LL", "'d", "'\u017f", "'x", "'", "\u2019s", "''s"])
    if k < 0.65:
        return R.choice("aeiouAEIOUncs\uac00\u1100") + "".join(R.choice(marks) for _ in range(R.randint(1, 4)))
    if k < 0.70:
        return unicodedata.normalize("NFD", R.choice(composed)) + "".join(R.choice(marks) for _ in range(R.randint(0, 3)))
    if k < 0.75:
        return "".join(R.choice("0123456789\u0663\u096b\uff12") for _ in range(R.randint(1, 6)))
    if k < 0.90:
        return R.choice(added)[:R.choice([None, None, None, -1, 4])]
    if k < 0.95:
        return "".join(R.choice("!?.,;:()[]{}<>|#$%^&*-_=+/\\\"`~@") for _ in range(R.randint(1, 6)))
    return R.choice(["\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0001f1e8\U0001f1f3", "\U0001f44d\U0001f3fd", "\u2764\ufe0f",
                     "\u212b\u2126\u212a", "\ufb01", "\u0344", "\u0f73", "\u0fb2\u0f71\u0f80", "\U00011935\U00011930", "\u2adc",
                     "\ufb1d", "\U000105d2\u0307", "\u1100\u1161\u11a8", "\uac00\u11a8"])


def text(added):
    return "".join(piece(added) + (" " if R.random() < 0.4 else "") for _ in range(R.randint(0, 9)))


def ids_of(t, s, split=False):
    t.encode_special_tokens = split
    return t.encode(s, add_special_tokens=False).ids


def crc(ids, start=0):
    return zlib.crc32(struct.pack(f"<{len(ids)}i", *ids), start)


plain = train()
flags = with_flags(plain)
cases = []
for name, t, count in (("plain.json", plain, 500), ("flags.json", flags, 500)):
    with open(name, "w", encoding="utf-8") as f:
        json.dump(t, f, ensure_ascii=name == "flags.json", indent=None if name == "flags.json" else 1)
    tok = Tokenizer.from_file(name)
    tok.no_truncation()
    added = [a["content"] for a in t["added_tokens"]]
    for _ in range(count):
        s = text(added)
        try:
            case = {"file": name, "text": s, "ids": ids_of(tok, s)}
            split = ids_of(tok, s, True)
        except BaseException:  # the package panics where one token's white space overlaps the next token
            continue
        if split != case["ids"]:
            case["split"] = split
        cases.append(case)
    for unit, times in (("a", 10000), (" ", 10000), ("ab", 7000), ("\u7684\u8f66", 5000), ("\n", 3000), ("e\u0301\u0323", 4000),
                        ("\u0301\u0323\u0345\u0334", 2000), ("road", 6000), ("1", 2000), ("!?", 3000), ("the road ", 2000)):
        ids = ids_of(tok, unit * times)
        cases.append({"file": name, "unit": unit, "times": times, "count": len(ids), "crc": crc(ids)})
with open("cases.jsonl", "w", encoding="utf-8") as f:
    f.write(json.dumps({"tokenizers": tokenizers.__version__, "unicodedata": unicodedata.unidata_version}) + "\n")
    for case in cases:
        f.write(json.dumps(case, ensure_ascii=True, separators=(",", ":")) + "\n")
with open("codes.txt", "w", encoding="utf-8") as f:
    f.write(f"# plain.json, tokenizers {tokenizers.__version__}: first code point, CRC-32 alone, CRC-32 between a and b\n")
    tok = Tokenizer.from_file("plain.json")
    for first in range(0, 0x110000, 4096):
        block = [c for c in range(first, first + 4096) if not 0xD800 <= c < 0xE000]
        sums = []
        for form in ("{}", "a{}b"):
            value = 0
            for e in tok.encode_batch([form.format(chr(c)) for c in block]):
                value = crc(e.ids, value)
            sums.append(value)
        f.write(f"{first:x} {sums[0]:08x} {sums[1]:08x}\n")
