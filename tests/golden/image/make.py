"""Pictures of every format and what the reference makes of them; resizes of drawn bytes.

Writes beside itself: the picture files, load.txt (one line a picture and setting: file, torch or pillow, image_max_pixels,
image_min_pixels, width, height, model width, model height, XXH3-64 of the RGB bytes, the first six of them) and
resize.txt (kind, width, height, channels, new width, new height, XXH3-64, first six bytes; the source is draw()) and
lut.txt (kind, XXH3-64 of the 3 x 256 normalised float32 values, the first six bytes).

Made with LLaMA-Factory 0.9.5, transformers 5.6.0, torch 2.15.0, torchvision 0.29.2, Pillow 11.3.0 (libjpeg-turbo 3.1.1,
libwebp 1.5.0, libtiff 4.7.0), numpy 2.4.6, on a CPU.
"""
import io
import os
import struct
import warnings
import zlib

import numpy as np
import torch
import xxhash
from llamafactory.data.mm_plugin import Qwen2VLPlugin
from PIL import Image
from torchvision.transforms.v2 import functional as tvf
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor

HERE = os.path.dirname(os.path.abspath(__file__))
MIN_PIXELS, MAX_PIXELS = 3136, 12845056
warnings.simplefilter("ignore")
torch.set_num_threads(1)


def draw(count, seed):
    out, x = bytearray(), seed
    for _ in range(count):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        out.append(x >> 24)
    return bytes(out)


def wave(w, h, channels, seed):
    """Smooth with a little noise, so that files stay small and filters have something to do."""
    y, x = np.mgrid[0:h, 0:w]
    noise = np.frombuffer(draw(w * h * channels, seed), np.uint8).reshape(h, w, channels) / 16.0
    a = np.stack([127 + 100 * np.sin(x / (4 + 3 * k) + k) * np.cos(y / (6 + k)) for k in range(channels)], -1)
    return np.clip(a + noise, 0, 255).astype(np.uint8)


def picture(mode, w, h, seed):
    a = wave(w, h, 4, seed)
    rgb = Image.fromarray(np.ascontiguousarray(a[..., :3]))
    if mode == "RGB":
        return rgb
    if mode == "1":
        return Image.fromarray(a[..., 0]).convert("1")
    if mode == "L":
        return Image.fromarray(a[..., 0])
    if mode == "LA":
        return Image.merge("LA", [Image.fromarray(np.ascontiguousarray(a[..., i])) for i in (0, 3)])
    if mode == "P":
        return rgb.quantize(40)
    if mode in ("RGBA", "CMYK"):
        return Image.frombytes(mode, (w, h), a.tobytes())
    wide = a[..., 0].astype(np.uint32) * 2 + a[..., 1] // 16
    if mode in ("I;16", "I;16B"):
        return Image.frombytes(mode, (w, h), wide.astype("<u2" if mode == "I;16" else ">u2").tobytes())
    if mode == "I":
        return Image.fromarray(wide.astype(np.int32) - 150)
    return Image.fromarray(wide.astype(np.float32) - 99.5)


def png(w, h, depth, color, interlaced, seed, palette=b"", trns=b""):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    raw, at = b"", 0
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    for sx, sy, dx, dy in passes if interlaced else [(0, 0, 1, 1)]:
        ww, hh = (w - sx + dx - 1) // dx, (h - sy + dy - 1) // dy
        for _ in range(hh if ww > 0 else 0):
            raw += bytes([at % 5]) + draw((ww * depth * channels + 7) // 8, seed + at)
            at += 1

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, color, 0, 0, interlaced))
    out += chunk(b"PLTE", palette) if palette else b""
    out += chunk(b"tRNS", trns) if trns else b""
    return out + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def bmp(w, h, bits, seed, palette=b"", compression=0, masks=(), top_down=False, data=None):
    if data is None:
        data = draw((w * bits + 31) // 32 * 4 * h, seed)
    size = 40 + (16 if masks else 0)
    header = struct.pack("<IiiHHIIiiII", size, w, -h if top_down else h, 1, bits, compression, len(data), 0, 0,
                         len(palette) // 4, 0) + b"".join(struct.pack("<I", m) for m in masks)
    offset = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + header + palette + data


def tiff(w, h, bits, samples, photometric, seed, extra=None, big=False):
    e, data = ">" if big else "<", draw((w * bits * samples + 7) // 8 * h, seed)
    tags = [(256, 4, [w]), (257, 4, [h]), (258, 3, [bits] * samples), (259, 3, [1]), (262, 3, [photometric]),
            (273, 4, [8]), (277, 3, [samples]), (278, 4, [h]), (279, 4, [len(data)])]
    tags += [(338, 3, extra)] if extra else []
    tags += [(320, 3, [v * 257 for v in draw(3 << bits, seed + 1)])] if photometric == 3 else []
    tags.sort()
    at = 8 + len(data) + len(data) % 2
    rest, entries, base = b"", b"", at + 2 + 12 * len(tags) + 4
    for tag, kind, values in tags:
        raw = b"".join(struct.pack(e + ("H" if kind == 3 else "I"), v) for v in values)
        entries += struct.pack(e + "HHI", tag, kind, len(values))
        entries += raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack(e + "I", base + len(rest))
        rest += raw if len(raw) > 4 else b""
    start = (b"MM\0*" if big else b"II*\0") + struct.pack(e + "I", at)
    return start + data + b"\0" * (len(data) % 2) + struct.pack(e + "H", len(tags)) + entries + bytes(4) + rest


def files():
    def saved(mode, w, h, seed, kind, **options):
        out = io.BytesIO()
        picture(mode, w, h, seed).save(out, kind, **options)
        return out.getvalue()

    exif = Image.Exif()
    exif[274] = 6
    cmyk = bytearray(saved("CMYK", 40, 31, 5, "JPEG"))
    yield "cmyk.jpg", bytes(cmyk)
    cmyk[cmyk.find(b"Adobe") + 11] = 2
    yield "ycck.jpg", bytes(cmyk)
    yield "baseline.jpg", saved("RGB", 90, 67, 1, "JPEG", quality=80)
    yield "progressive.jpg", saved("RGB", 61, 83, 2, "JPEG", quality=70, progressive=True)
    yield "full-chroma.jpg", saved("RGB", 45, 45, 3, "JPEG", quality=85, subsampling=0)
    yield "half-chroma.jpg", saved("RGB", 47, 38, 4, "JPEG", quality=85, subsampling=1)
    yield "restarts.jpg", saved("RGB", 50, 50, 14, "JPEG", quality=60, restart_marker_blocks=2)
    yield "grey.jpg", saved("L", 50, 40, 6, "JPEG")
    yield "rotated.jpg", saved("RGB", 48, 33, 7, "JPEG", exif=exif)
    yield "trailing.jpg", saved("RGB", 33, 30, 8, "JPEG") + bytes(300)
    yield "one.jpg", saved("RGB", 1, 1, 9, "JPEG")
    yield "long.jpg", saved("RGB", 900, 3, 10, "JPEG", quality=50)
    yield "tall.png", saved("RGB", 2, 700, 11, "PNG")
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        yield "mode-%s.png" % mode.replace(";", ""), saved(mode, 37, 29, 20, "PNG")
    yield "clear-index.png", saved("P", 37, 29, 21, "PNG", transparency=3)
    yield "clear-indices.png", saved("P", 37, 29, 21, "PNG", transparency=bytes(range(0, 200, 10)))
    yield "clear-colour.png", png(20, 15, 8, 2, 0, 22, trns=b"\0\1\0\2\0\3")
    yield "grey2.png", png(31, 17, 2, 0, 0, 23)
    yield "grey4-interlaced.png", png(31, 17, 4, 0, 1, 24)
    yield "index2-interlaced.png", png(21, 17, 2, 3, 1, 25, palette=draw(12, 3))
    yield "index8-short.png", png(12, 11, 8, 3, 0, 26, palette=draw(90, 4))
    yield "rgb16.png", png(15, 13, 16, 2, 0, 27)
    yield "greyalpha16.png", png(15, 13, 16, 4, 1, 28)
    yield "rgba16.png", png(13, 13, 16, 6, 0, 29)
    yield "lossy.webp", saved("RGB", 60, 45, 30, "WEBP", quality=70)
    yield "lossy-alpha.webp", saved("RGBA", 44, 44, 31, "WEBP", quality=60)
    yield "lossless.webp", saved("RGB", 30, 31, 32, "WEBP", lossless=True)
    yield "lossless-alpha.webp", saved("RGBA", 24, 31, 33, "WEBP", lossless=True)
    yield "animated.webp", saved("RGBA", 30, 30, 34, "WEBP", save_all=True, quality=50,
                                 append_images=[picture("RGBA", 30, 30, 35)])
    ramp = b"".join(bytes([i, i, i, 0]) for i in range(256))
    colours = b"".join(draw(3, 50 + i) + b"\0" for i in range(256))
    yield "bw.bmp", bmp(37, 9, 1, 40, palette=b"\0\0\0\0\xff\xff\xff\0")
    yield "index1.bmp", bmp(37, 9, 1, 41, palette=colours[:8])
    yield "index4.bmp", bmp(37, 9, 4, 42, palette=colours[:64], top_down=True)
    yield "index8.bmp", bmp(19, 21, 8, 43, palette=colours)
    yield "grey8.bmp", bmp(19, 21, 8, 44, palette=ramp)
    yield "555.bmp", bmp(19, 11, 16, 45)
    yield "565.bmp", bmp(19, 11, 16, 46, compression=3, masks=(0xF800, 0x7E0, 0x1F, 0))
    yield "rgb24.bmp", bmp(19, 11, 24, 47, top_down=True)
    yield "bgrx32.bmp", bmp(11, 11, 32, 48)
    yield "rgba32.bmp", bmp(11, 11, 32, 49, compression=3, masks=(0xFF, 0xFF00, 0xFF0000, 0xFF000000))
    yield "abgr32.bmp", bmp(11, 11, 32, 49, compression=3, masks=(0xFF000000, 0xFF0000, 0xFF00, 0xFF))
    runs = b"\x05\x11\x00\x04\x01\x02\x03\x04\x00\x00\x00\x03\x07\x08\x09\x00\x0a\x22\x00\x00\x03\x44\x00\x02\x00\x00\x02\x01\x02\x55"
    yield "runs8.bmp", bmp(9, 5, 8, 0, palette=colours, compression=1, data=runs + b"\0\0\x09\x66\0\0\x09\x77\0\1")
    yield "runs4.bmp", bmp(9, 3, 4, 0, palette=colours[:64], compression=2,
                           data=b"\x09\x5a\0\0\0\x06\x12\x34\x56\0\x03\x78\0\0\x04\xbc\0\0\0\1")
    yield "index.gif", saved("P", 40, 30, 60, "GIF")
    yield "grey.gif", saved("L", 40, 30, 61, "GIF")
    yield "plain-rows.gif", saved("P", 33, 30, 62, "GIF", interlace=0, transparency=2)
    first = bytearray(saved("P", 24, 20, 63, "GIF", transparency=5))
    at = first.index(b",", 13 + (3 << (first[10] & 7) + 1))
    first[at + 1:at + 5] = struct.pack("<HH", 6, 3)
    yield "beyond-canvas.gif", bytes(first)
    yield "animated.gif", saved("P", 26, 20, 64, "GIF", save_all=True, append_images=[picture("P", 26, 20, 65)])
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I;16B", "I", "F"):
        yield "mode-%s.tif" % mode.replace(";", ""), saved(mode, 21, 17, 70, "TIFF", compression="tiff_adobe_deflate")
    yield "lzw.tif", saved("RGB", 30, 29, 71, "TIFF", compression="tiff_lzw")
    yield "fax.tif", saved("1", 50, 29, 72, "TIFF", compression="group4")
    yield "jpeg.tif", saved("RGB", 30, 29, 73, "TIFF", compression="jpeg")
    yield "upright6.tif", saved("RGB", 40, 25, 74, "TIFF", compression="tiff_lzw", tiffinfo={274: 6})
    yield "mirrored5.tif", saved("L", 40, 25, 75, "TIFF", compression="tiff_lzw", tiffinfo={274: 5})
    yield "white4.tif", tiff(21, 9, 4, 1, 0, 76)
    yield "index2.tif", tiff(21, 9, 2, 1, 3, 77, big=True)
    yield "premultiplied.tif", tiff(13, 9, 8, 4, 2, 78, extra=[1])
    yield "padded.tif", tiff(13, 9, 8, 4, 2, 79, extra=[0], big=True)
    yield "rgba16.tif", tiff(9, 9, 16, 4, 2, 80, extra=[2], big=True)
    yield "cmyk16.tif", tiff(9, 9, 16, 4, 5, 81)


def load(path, kind, most, least):
    image = Qwen2VLPlugin(image_token="<i>", video_token="<v>", audio_token=None)._regularize_images(
        [path], image_max_pixels=most, image_min_pixels=least)["images"]
    processor = (Qwen2VLImageProcessor if kind == "torch" else Qwen2VLImageProcessorPil)(
        min_pixels=MIN_PIXELS, max_pixels=MAX_PIXELS)
    out = processor(image, return_tensors="np", do_rescale=False, do_normalize=False)
    _, gh, gw = (int(v) for v in out["image_grid_thw"][0])
    patches = np.asarray(out["pixel_values"]).reshape(gh // 2, gw // 2, 2, 2, 3, 2, 14, 14)[:, :, :, :, :, 0]
    return patches.transpose(0, 2, 5, 1, 3, 6, 4).reshape(gh * 14, gw * 14, 3).astype(np.uint8)


def values(kind):
    """What each byte becomes in each channel: pictures of one colour through the processor."""
    processor = (Qwen2VLImageProcessor if kind == "torch" else Qwen2VLImageProcessorPil)()
    out = np.zeros((3, 256), np.float32)
    for v in range(256):
        pixels = processor(Image.new("RGB", (56, 56), (v, v, v)), return_tensors="np")["pixel_values"]
        out[:, v] = np.asarray(pixels)[0].reshape(3, -1)[:, 0]
    return out


def resize(kind, src, w, h, channels, nw, nh):
    a = np.frombuffer(src, np.uint8).reshape(h, w, channels)
    if kind == "pillow":
        mode = {1: "L", 3: "RGB", 4: "CMYK"}[channels]
        return Image.frombytes(mode, (w, h), src).resize((nw, nh)).tobytes()
    t = torch.from_numpy(a.copy()).permute(2, 0, 1)
    out = tvf.resize(t, [nh, nw], interpolation=tvf.InterpolationMode.BICUBIC, antialias=True)
    return out.permute(1, 2, 0).contiguous().numpy().tobytes()


def line(out, *words):
    digest = xxhash.xxh3_64_intdigest(out)
    return " ".join(str(w) for w in words) + " %016x %s\n" % (digest, out[:6].hex())


def main():
    with open(os.path.join(HERE, "load.txt"), "w") as text:
        for name, data in files():
            path = os.path.join(HERE, name)
            with open(path, "wb") as f:
                f.write(data)
            with Image.open(path) as opened:
                size = opened.size
            for kind, most, least in (("torch", 589824, 1024), ("pillow", 589824, 1024), ("torch", 700, 100),
                                      ("pillow", 20000, 9000)):
                out = load(path, kind, most, least)
                text.write(line(out.tobytes(), name, kind, most, least, *size, out.shape[1], out.shape[0]))
    sizes = [(7, 5, 3, 4), (1, 1, 5, 3), (3, 2, 200, 100), (64, 48, 28, 28), (100, 37, 101, 36), (31, 200, 31, 56),
             (200, 31, 56, 31), (257, 255, 84, 112), (640, 3, 9, 28), (5, 700, 28, 28), (33, 65, 616, 588)]
    with open(os.path.join(HERE, "resize.txt"), "w") as text:
        for kind in ("pillow", "torch"):
            for w, h, nw, nh in sizes:
                for channels in (1, 3, 4):
                    src = draw(w * h * channels, w * 1000 + h)
                    text.write(line(resize(kind, src, w, h, channels, nw, nh), kind, w, h, channels, nw, nh))
    with open(os.path.join(HERE, "lut.txt"), "w") as text:
        for kind in ("pillow", "torch"):
            text.write(line(values(kind).tobytes(), kind))


main()
