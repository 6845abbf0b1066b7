#!/usr/bin/env python3
"""What Python's json makes of texts: lines [text, json.dumps(json.loads(text), ensure_ascii=False) or null if it refuses].

usage: make_json.py > json.jsonl        (CPython 3.11)
"""
import json, random

TEXTS = [
    "null", "true", "false", " 1 ", "\t[\n]\r", "{}", '""', '"a"', "-0", "-0.0", "0", "00", "01", "-", "-a", "+1", ".5", "1.", "1.e5", "1e", "1e+",
    "1E5", "1e-5", "1e16", "1e15", "123456789012345678901234567890", "-9223372036854775809", "1e400", "-1e400", "NaN", "Infinity", "-Infinity",
    "-NaN", "nan", "nul", "truex", "[1,2,]", "[,1]", "[1 2]", "[1", "[", "]", "{", '{"a"}', '{"a":}', '{"a":1,}', "{a:1}", '{"a" : 1 , "b":[ ]}',
    '{"a":1,"b":2,"a":3}', '{"a":1,"a":2,"a":{"a":1,"a":2}}', '{"b":0,"a":1,"b":[1],"c":2,"a":{}}', '{"":1,"":2}', '"\\u00e9\\ud83d\\ude00\\u0000\\u001f\\u007f\\u0080"',
    '"\\ud83dx"', '"\\ude00"', '"\\ud83d"', '"\\ud83d\\u0041"', '"\\u12g4"', '"\\u12"', '"\\x41"', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\', '"\\"', '"a', '"\n"', '"\t"',
    '"\x01"', '"é中😀"', '"\\u0001\\u0010"', '1 2', '[] []', '', ' ', '\ufeff1', '"\u2028"', '{"a":1 "b":2}', '{1:2}', '[1:2]', '{"a",1}', "'a'", "[null,true,false]",
    "0.1", "1e-7", "0.0001", "0.00001", "123456789012345678.0", "9999999999999998.0", "5e-324", "2.2250738585072014e-308", "1.7976931348623157e308", "100.0", "1.10",
    "[" * 60 + "]" * 60, "9" * 4300, "9" * 4301, "-" + "9" * 4300, '{"k": "' + "x" * 3000 + '\\n"}',
]


def dump(text):
    try:
        value = json.dumps(json.loads(text), ensure_ascii=False)
        value.encode()  # half a surrogate pair is no text that could be tokenised
        return value
    except (ValueError, RecursionError):
        return None


def main():
    random.seed(1)
    texts = TEXTS + [repr(random.choice((1, -1)) * random.random() * 10.0 ** random.randint(-25, 25)) for _ in range(100)]
    texts += [repr(random.randint(1, 10 ** 6) / 10 ** random.randint(0, 9)) for _ in range(60)]
    texts += ["[" + ", ".join(repr(2.0 ** k) for k in range(low, low + 33)) + "]" for low in range(-1056, 1000, 33)]
    for text in texts:
        print(json.dumps([text, dump(text)]))


if __name__ == "__main__":
    main()
