# Records how OmegaConf reads YAML scalars, as LLaMA-Factory reads job files: tests/golden/job_scalars.json.
# Made with omegaconf 2.4.0, PyYAML 6.0.3 (libyaml 0.2.5), Python 3.11; run: python job_scalars.py job_scalars.json
import io
import json
import sys

from omegaconf import OmegaConf

TEXTS = """1 0 -0 +1 -1 007 010 012 08 0o17 0x10 0XFF 0xfF -0x10 0b101 -0b11 0b2 1_000 1__0 0_ 0_7 _1 1_ 1:30 1:30:15
-1:30 1:60 1:30.5 0:30 190:20:30 12e03 1e3 1E3 1e-4 1e+4 1.0e-5 1.e5 .5 .5e3 .5e+3 1. 1.0 -1.5 +1.5 1_000.5 1_0e2
1__0e2 1._5 .5_0 ._5 1e 1e- e5 1e5.5 5e5 1.5e3 -.5 +.5 . .. - + .inf -.inf +.inf .Inf .INF .iNF inf Infinity .nan .NaN
.NAN nan NaN true True TRUE tRUE false False FALSE yes Yes YES yEs no No NO on On ON off Off OFF y Y n N t f null Null
NULL nULL none None ~ ~~ 2025-01-01 2025-01-01T10:00:00Z 12:34:56 1,000 1.2.3 0.1.0 v1 100% 10k 1e400 -1e400
0.1 3.0 1.0e-4 5e-05 180000000 9223372036854775807 -9223372036854775808 ${x} ${oc.env:HOME} ??? = /a/b ./a ../a ~/x
qwen2_vl Qwen/Qwen2.5-VL-7B-Instruct a,b all q_proj,v_proj 0x 0b 0. 00 0.0 -0.0 00.5 09.5 0e0 1e0 08e1 1:2:3.5 0x1_0
1e-07 1E-7 1e+ 4.2e 1_000_000 0777 0_0 -010 +0x1f 1:5 1:05 01:30 00:30 1:30_0""".split()
QUOTED = ['"16"', "'1e-4'", '"true"', "'no'", '""', "''", '"null"', '"a b"', "'it''s'", '"tab\\tnew\\nline"', '"\\u4e2d"',
          '!!str 16', '!!int "16"', '!!float 1', '!!str true', '! 16', '!!float "1e-4"', '!!bool "yes"', '!!null ""',
          "a b c", "中文", "a:b", "1 2"]


def case(text):
    try:
        value = OmegaConf.to_container(OmegaConf.load(io.StringIO("k: " + text + "\n")))["k"]
    except Exception as e:  # noqa: BLE001
        return {"text": text, "type": "error", "value": type(e).__name__}
    kind = {type(None): "null", bool: "bool", int: "int", float: "float", str: "str"}[type(value)]
    return {"text": text, "type": kind, "value": "" if value is None else value if kind == "str" else repr(value)}


with open(sys.argv[1], "w") as out:
    out.write("[\n" + ",\n".join(json.dumps(case(t), ensure_ascii=False) for t in TEXTS + QUOTED + [""]) + "\n]\n")
