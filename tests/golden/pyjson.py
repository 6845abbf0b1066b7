#!/usr/bin/env python3
"""Writes pyjson.txt: what Python's json module (made with CPython 3.11) gives for numbers and for one document.

    python3 pyjson.py > pyjson.txt
Lines "n BITS REPR" are doubles by their bits; "d INDENT SORT UTF8 BYTES" is followed by that many bytes and a newline;
the first d line's bytes are the document as the test reads it.
"""
import json
import math
import random
import struct
import sys

random.seed(20261123)
numbers = [0.0, -0.0, 1.0, 0.1, 0.3, 1e15, 9999999999999998.0, 1e16, 1e17, 123456789012345678.0, 1e22, 1e23, 1e-4,
           9.999e-5, 1e-5, 1.5e-7, 5e-324, 1e-320, 2.2250738585072014e-308, 1.7976931348623157e308, 196065661440.0,
           8.44449234008789, 0.00034074173710931800, 4.796, 0.6, math.nan, math.inf, -math.inf]
numbers += [s * 2.0 ** e for s in (1, -1) for e in (-1017, -1007, -957, -921, -808, -44, 53, 63, 971)]
numbers += [math.nextafter(10.0 ** e, d) for e in (-5, -4, 0, 15, 16, 17) for d in (0, math.inf)]
numbers += [struct.unpack("<d", struct.pack("<Q", random.getrandbits(64) & ~(1 << 62) | (1 << 61)))[0]
            for _ in range(50)]
numbers += [struct.unpack("<d", struct.pack("<Q", random.getrandbits(64)))[0] for _ in range(40)]
numbers += [struct.unpack("<d", struct.pack("<Q", random.getrandbits(random.randrange(1, 52))))[0] for _ in range(20)]
numbers += [struct.unpack("<f", struct.pack("<f", random.gauss(0, 1) * 10 ** random.randrange(-6, 6)))[0]
            for _ in range(40)]
document = {
    "zero": 0, "int": -9223372036854775808, "float": 2.0, "nan": [math.nan, math.inf, -math.inf, "NaN"],
    "empty": [{}, [], ""], "Zed": True, "a": {"b": {"y": None, "x": False, "é": [1, [2, [3.5]]]}},
    "text": "quote \" slash / back \\ tab\t nl\n cr\r ff\f bs\b nul\0 one\x01 del\x7f nrtfb",
    "驾驶": "左转 é ÿ \u2028 \uffff 😀 \U0010ffff",
}
out = sys.stdout.buffer
for x in numbers:
    out.write(b"n %016x %s\n" % (struct.unpack("<Q", struct.pack("<d", x))[0], json.dumps(x).encode()))
for indent, sort, utf8 in ((0, 0, 0), (0, 0, 1), (0, 1, 0), (2, 1, 0), (4, 1, 1), (1, 0, 1)):
    text = json.dumps(document, indent=indent or None, sort_keys=bool(sort), ensure_ascii=not utf8).encode()
    out.write(b"d %d %d %d %d\n%s\n" % (indent, sort, utf8, len(text), text))
