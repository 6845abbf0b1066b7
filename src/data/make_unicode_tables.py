#!/usr/bin/env python3
"""Turn the ranges of unicode_ranges.txt into unicode_tables.c: two levels, one byte of class bits a code point.

usage: make_unicode_tables.py < unicode_ranges.txt > unicode_tables.c
"""
import sys

BLOCK = 64
bits = [0] * 0x110000
names, bit = [], 0
for line in sys.stdin:
    words = line.split()
    if not words or words[0] == "#":
        continue
    if len(words) > 2 and words[2].startswith("range"):
        bit = 1 << len(names)
        names.append(words[0])
        continue
    for word in words:
        first, last = (word.split("-") * 2)[:2]
        for c in range(int(first, 16), int(last, 16) + 1):
            bits[c] |= bit
assert names == ["LETTER", "NUMBER", "SPACE", "WORD", "COMBINING", "DECOMPOSES", "UNSTABLE"], names

blocks, index = {}, []
for at in range(0, len(bits), BLOCK):
    index.append(blocks.setdefault(tuple(bits[at:at + BLOCK]), len(blocks)))


def rows(values, per_line):
    for at in range(0, len(values), per_line):
        print("    " + ",".join(str(v) for v in values[at:at + per_line]) + ",")


print("/* unicode_tables.c - classes of code points; written by make_unicode_tables.py from unicode_ranges.txt. */")
print('#include "config.h"\n#include "data/unicode.h"\n')
print("/* clang-format off: rows of plain numbers */")
print(f"const uint16_t rt_unicode_block[{len(index)}] = {{")
rows(index, 26)
print(f"}};\n\nconst uint8_t rt_unicode_class[{len(blocks)}][{BLOCK}] = {{")
for block in blocks:
    if len(set(block)) == 1 and block[0] == 0:
        print("    { 0 },")
    else:
        print("    { " + ",".join(map(str, block[:22])) + ",")
        print("      " + ",".join(map(str, block[22:43])) + ",")
        print("      " + ",".join(map(str, block[43:])) + " },")
print("};")
