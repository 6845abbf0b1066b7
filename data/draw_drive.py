#!/usr/bin/env python3
"""Draw the demonstration set: driving scenes as JPEG pictures, with Chinese questions and answers about them.

usage: draw_drive.py OUT_DIR      (needs Pillow; the files in drive/ were made by Pillow 11.3)
Writes OUT_DIR/pictures/*.jpg, OUT_DIR/train.json (72 rows) and OUT_DIR/eval.json (16 rows) in LLaMA-Factory's sharegpt
layout. Every answer can be read off the picture: cars, traffic light, weather, time of day, what to do.
"""
import json
import os
import random
import sys

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 448, 280
LIGHTS = {"红灯": (220, 40, 40), "黄灯": (230, 190, 40), "绿灯": (50, 190, 80)}
SKIES = {"晴天": (135, 190, 235), "阴天": (165, 170, 178), "黄昏": (225, 150, 105), "夜间": (28, 32, 58)}


def draw_road(draw, rng, horizon, vanish):
    draw.rectangle([0, horizon, WIDTH, HEIGHT], fill=(86, 120, 78))
    draw.polygon([(vanish - 12, horizon), (vanish + 12, horizon), (WIDTH + 60, HEIGHT), (-60, HEIGHT)], fill=(72, 74, 80))
    for lane in (-1, 0, 1):
        for k in range(8):
            near, far = (k / 8) ** 1.6, ((k + 0.5) / 8) ** 1.6
            x = lambda t: vanish + lane * t * WIDTH * 0.27
            y = lambda t: horizon + t * (HEIGHT - horizon)
            draw.line([x(near), y(near), x(far), y(far)], fill=(236, 232, 205), width=2)
    for side in (-1, 1):
        for k in range(3):
            x = vanish + side * (70 + 70 * k + rng.randint(-10, 10))
            draw.rectangle([x - 3, horizon - 18 - 14 * k, x + 3, horizon + 6], fill=(92, 66, 44))
            draw.ellipse([x - 12 - 4 * k, horizon - 44 - 20 * k, x + 12 + 4 * k, horizon - 14 - 14 * k], fill=(48, 104, 58))


def draw_car(draw, rng, horizon, vanish):
    t = rng.uniform(0.12, 0.8)
    x = vanish + rng.choice((-0.8, -0.4, 0.0, 0.4, 0.8)) * t * WIDTH * 0.42
    y, w = horizon + t * (HEIGHT - horizon), 14 + 66 * t
    body = tuple(rng.randint(30, 230) for _ in range(3))
    draw.rectangle([x - w / 2, y - w * 0.45, x + w / 2, y], fill=body)
    draw.rectangle([x - w * 0.34, y - w * 0.72, x + w * 0.34, y - w * 0.42], fill=tuple(c // 2 for c in body))
    for s in (-1, 1):
        draw.ellipse([x + s * w * 0.3 - w * 0.1, y - w * 0.1, x + s * w * 0.3 + w * 0.1, y + w * 0.1], fill=(18, 18, 20))
        draw.rectangle([x + s * w * 0.4 - 2, y - w * 0.36, x + s * w * 0.4 + 2, y - w * 0.28], fill=(240, 60, 50))


def draw_scene(rng):
    sky, light, cars = rng.choice(list(SKIES)), rng.choice(list(LIGHTS)), rng.randint(0, 4)
    horizon, vanish = rng.randint(110, 140), rng.randint(WIDTH // 2 - 50, WIDTH // 2 + 50)
    picture = Image.new("RGB", (WIDTH, HEIGHT), SKIES[sky])
    draw = ImageDraw.Draw(picture)
    draw_road(draw, rng, horizon, vanish)
    for _ in range(cars):
        draw_car(draw, rng, horizon, vanish)
    x = vanish + 95
    draw.rectangle([x - 2, 30, x + 2, horizon], fill=(60, 60, 64))
    draw.rectangle([x - 9, 18, x + 9, 66], fill=(30, 30, 32))
    for k, name in enumerate(LIGHTS):
        draw.ellipse([x - 6, 21 + 15 * k, x + 6, 33 + 15 * k], fill=LIGHTS[name] if name == light else (56, 56, 58))
    return picture, dict(sky=sky, light=light, cars=cars)


def advice(fact):
    if fact["light"] == "红灯":
        return "前方为红灯,自车应平稳减速,在停止线前停车等待。"
    if fact["light"] == "黄灯":
        return "前方为黄灯,自车应提前减速,准备在停止线前停车。"
    if fact["cars"] >= 3:
        return "前方为绿灯,但车辆较多,自车应与前车保持安全距离,跟随通过路口。"
    return "前方为绿灯,道路通畅,自车可以保持当前车道匀速通过路口。"


def turns(rng, fact):
    many = f"前方共有{fact['cars']}辆车。" if fact["cars"] else "前方没有其他车辆。"
    seen = f"这是{fact['sky']}时的道路,{many}交通信号灯为{fact['light']}。"
    talks = [
        [("请描述这张前视图像中的驾驶场景,并给出驾驶建议。", seen + advice(fact))],
        [("图中有几辆车?信号灯是什么颜色?", f"{many}信号灯为{fact['light']}。"), ("自车现在应该怎么做?", advice(fact))],
        [("自车接下来应如何行驶?请说明理由。", advice(fact) + f"理由:{seen}")],
        [("现在是什么天气或时段?", f"现在是{fact['sky']}。"), ("能见度如何?",
          "光线较暗,应打开车灯并降低车速。" if fact["sky"] in ("夜间", "黄昏") else "能见度良好,可以正常行驶。")],
    ]
    return rng.choice(talks)


def row(rng, number, fact):
    messages = []
    for k, (question, answer) in enumerate(turns(rng, fact)):
        messages.append({"role": "user", "content": ("<image>" if k == 0 else "") + question})
        messages.append({"role": "assistant", "content": answer})
    return {"messages": messages, "images": [f"drive/pictures/{number:03d}.jpg"]}


def main(out):
    os.makedirs(f"{out}/pictures", exist_ok=True)
    rng = random.Random(20)
    facts = []
    for number in range(44):
        picture, fact = draw_scene(rng)
        picture.save(f"{out}/pictures/{number:03d}.jpg", quality=85)
        facts.append(fact)
    train = [row(rng, k % 36, facts[k % 36]) for k in range(72)]
    held_back = [row(rng, 36 + k % 8, facts[36 + k % 8]) for k in range(16)]
    for name, rows in (("train", train), ("eval", held_back)):
        with open(f"{out}/{name}.json", "w", encoding="utf-8") as file:
            json.dump(rows, file, ensure_ascii=False, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
