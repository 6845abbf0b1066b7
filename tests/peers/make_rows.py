"""A data set of few rows for peers.sh, two a micro-batch: one and two pictures, several turns, no picture, odd sizes.

usage: make_rows.py DRIVE_FOLDER OUT_FOLDER      (data/drive of the source tree)
"""
import json
import os
import sys

from PIL import Image

drive, out = sys.argv[1:]
given = json.load(open(os.path.join(drive, "train.json")))
text = [[m["content"].replace("<image>", "") for m in row["messages"]] for row in given]


def row(turns, *pictures):
    messages = []
    for question, answer in turns:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": messages, "images": list(pictures)}


os.makedirs(out, exist_ok=True)
for i in range(6):
    Image.open(os.path.join(drive, "pictures", f"{i:03}.jpg")).save(os.path.join(out, f"{i}.png"))
Image.open(os.path.join(out, "4.png")).crop((0, 0, 333, 211)).save(os.path.join(out, "odd.png"))
Image.open(os.path.join(out, "5.png")).resize((41, 229)).save(os.path.join(out, "tall.png"))
rows = [
    row([("<image>" + text[0][0], text[0][1])], "0.png"),
    row([("<image><image>" + text[1][0], text[1][1])], "1.png", "odd.png"),
    row([(text[2][0], text[2][1]), ("<image>" + text[3][0], text[3][1])], "3.png"),
    row([(text[4][0], text[4][1])]),
    row([("A <image> B <image>?", text[5][1]), (text[6][0], "No. " * 40), ("<image>" + text[7][0], text[7][1])],
        "tall.png", "2.png", "odd.png"),
    row([("<image>" + text[8][0], text[8][1])], "5.png"),
]
json.dump(rows, open(os.path.join(out, "rows.json"), "w"), ensure_ascii=False, indent=1)
info = {"rows": {"file_name": "rows.json", "formatting": "sharegpt",
                 "columns": {"messages": "messages", "images": "images"},
                 "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}}}
json.dump(info, open(os.path.join(out, "dataset_info.json"), "w"), indent=1)
