#!/usr/bin/env python3
"""Ask the tokenizers package which code points are in which class, and print unicode_ranges.txt.

usage: measure_unicode_ranges.py > unicode_ranges.txt; then make_unicode_tables.py
Takes a minute. The package mixes versions of Unicode (letters of 16.0, normalization of 9.0), so what it does is
measured rather than taken from a standard: patterns by its regex engine, words by a single_word token, combining
classes and compositions by its NFC. unicodedata only says which compositions to try.
"""
import sys
import unicodedata
import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

everything = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
nfc = normalizers.NFC().normalize_str


def matching(pattern):
    split = pre_tokenizers.Split(Regex(pattern), "removed")
    return {c for c in everything if not split.pre_tokenize_str(chr(c))}


def words():
    t = Tokenizer(models.BPE({"?": 0}, [], unk_token="?"))
    t.add_tokens([AddedToken("<W>", single_word=True, normalized=False)])
    found, step = set(), 4096
    for at in range(0, len(everything), step):
        part = everything[at:at + step]
        for c, e in zip(part, t.encode_batch([chr(c) + "<W>" for c in part])):
            if 1 not in e.ids:
                found.add(c)
    return found


def combining():
    """Combining class not 0: it trades places with U+0334 (class 1) or U+0345 (class 240), or it is one of those two."""
    low, high = "\u0334", "\u0345"
    return {c for c in everything
            if unicodedata.combining(chr(c)) and (nfc(chr(c) + low) == low + chr(c) or nfc(high + chr(c)) == chr(c) + high
                                                  or chr(c) in (low, high))}


def decomposition(c):
    d = unicodedata.decomposition(chr(c))
    return None if not d or d.startswith("<") else "".join(chr(int(x, 16)) for x in d.split())


def decomposing():
    """Canonical decomposition: the code point changes, or its decomposition is put together again."""
    return {c for c in everything if decomposition(c) and (nfc(chr(c)) != chr(c) or nfc(decomposition(c)) == chr(c))}


def ranges(codes):
    out = []
    for c in sorted(codes):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


decomposes = decomposing()
ccc = combining()
second = {ord(decomposition(c)[1]) for c in decomposes if len(decomposition(c)) == 2 and nfc(decomposition(c)) == chr(c)}
second |= set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))  # Hangul vowels and tails
print(f"# Classes of code points as tokenizers {tokenizers.__version__} has them, hexadecimal and inclusive; written by")
print(f"# measure_unicode_ranges.py with unicodedata {unicodedata.unidata_version}. Read by make_unicode_tables.py.")
for name, what, codes in (
        ("LETTER", r"matched by \p{L}", matching(r"\p{L}")), ("NUMBER", r"matched by \p{N}", matching(r"\p{N}")),
        ("SPACE", r"matched by \s", matching(r"\s")), ("WORD", "joined to a single_word token", words()),
        ("COMBINING", "canonical combining class is not 0", ccc),
        ("DECOMPOSES", "has a canonical decomposition; Hangul syllables apart", decomposes),
        ("UNSTABLE", "NFC may change it or join it to what stands before",
         ccc | second | {c for c in everything if nfc(chr(c)) != chr(c)})):
    r = ranges(codes)
    print(f"\n{name} {len(r)} ranges, {len(codes)} code points: {what}")
    line = ""
    for a, b in r:
        word = f"{a:X}" if a == b else f"{a:X}-{b:X}"
        if len(line) + len(word) > 110:
            print(line)
            line = ""
        line += (" " if line else "") + word
    print(line)
