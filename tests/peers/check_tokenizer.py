"""Ids by `tokenizers` against `ranktune tokenize` on random strings: check_tokenizer.py RANKTUNE MODEL [MODEL ...]."""
import json
import random
import subprocess
import sys

from tokenizers import Tokenizer

from tap import done, ok

COUNT = 400
RANGES = [(0x20, 0x7E), (0x20, 0x7E), (0x00, 0x1F), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x52F), (0x590, 0x6FF),
          (0x900, 0x97F), (0x1100, 0x11FF), (0x2000, 0x206F), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3),
          (0x1F300, 0x1FAFF), (0xE000, 0xF8FF)]
WORDS = ["<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|vision_start|>", "I'm", "they'LL", "  ", "\n\n", "\r\n", " \n",
         "123456", "e\u0301", "前方", "信号灯为红灯。", "the traffic light", "\u200d", "\u00a0", "<tool_call>"]


def text(rng):
    parts = []
    for _ in range(rng.randrange(1, 12)):
        kind = rng.random()
        if kind < 0.35:
            parts.append(rng.choice(WORDS))
        else:
            low, high = rng.choice(RANGES)
            parts.append("".join(chr(rng.randint(low, high)) for _ in range(rng.randrange(1, 9))))
    return "".join(parts)


rng = random.Random(7)
texts = [text(rng) for _ in range(COUNT)]
program, models = sys.argv[1], sys.argv[2:]
for model in models:
    made = subprocess.run([program, "tokenize", "--model", model], input="".join(json.dumps(t) + "\n" for t in texts),
                          capture_output=True, text=True, check=True).stdout.splitlines()
    tok = Tokenizer.from_file(f"{model}/tokenizer.json")
    wrong = [t for t, line in zip(texts, made) if json.loads(line) != tok.encode(t, add_special_tokens=False).ids]
    ok(len(made) == COUNT and not wrong, f"{model.rsplit('/', 1)[-1]}: the same ids of {COUNT} random strings by tokenizers"
       + (f"; not of {json.dumps(wrong[0])}" if wrong else ""))
done()
