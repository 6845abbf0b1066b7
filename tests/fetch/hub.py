#!/usr/bin/env python3
"""A hub on loopback that misbehaves as told: tests/fetch/download.sh runs it.

usage: hub.py FOLDER [CERTIFICATE KEY]

Writes FOLDER/port.hub, port.cdn and (with a certificate) port.tls, and a line for every request to FOLDER/requests:
  hub|cdn|tls METHOD PATH auth=yes|no range=... if-range=... via=proxy|direct
The owner of a repository says how it behaves: good/x, cut/x, norange/x, ... as the table at the end of this file has it.
Every repository holds the same files, FILES below, or those of the folders HUB_MODEL and HUB_DATASET. Ends by itself after
ten minutes.
"""
import hashlib
import http.server
import json
import os
import random
import socket
import ssl
import sys
import threading
import time
import urllib.parse

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MB = 1 << 20


def content(seed, size):
    return random.Random(seed).randbytes(size)


FILES = {
    "config.json": b'{"model_type": "qwen2_5_vl"}\n',
    "empty.txt": b"",
    "sub/dir/a b#c%?\u00e9.txt": b"a name to escape\n",
    "tokenizer.json": content(1, 40000),
    "model-00001-of-00002.safetensors": content(2, 3 * MB + 17),
    "model-00002-of-00002.safetensors": content(3, MB),
}
DATASET = {"data/train.json": b"[]\n", "README.md": b"a data set\n"}


def folder_files(top):
    found = {}
    for where, _, names in os.walk(top):
        for name in names:
            path = os.path.join(where, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, top)] = file.read()
    return found


if os.environ.get("HUB_MODEL"):
    FILES = folder_files(os.environ["HUB_MODEL"])
if os.environ.get("HUB_DATASET"):
    DATASET = folder_files(os.environ["HUB_DATASET"])
LFS = {name for name in FILES if name.endswith(".safetensors")}

folder = sys.argv[1]
lock = threading.Lock()
seen = {}  # how often something was asked for


def count(key):
    with lock:
        seen[key] = seen.get(key, 0) + 1
        return seen[key]


def note(line):
    with lock, open(os.path.join(folder, "requests"), "a") as out:
        out.write(line + "\n")


def blob(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def entry(name, data, how):
    size = len(data)
    if how == "larger" and name in LFS:
        size += 1000
    if how == "smaller" and name in LFS:
        size -= 1000
    if how == "huge" and name in LFS:
        size = 10**15
    lfs = {"sha256": hashlib.sha256(data).hexdigest(), "oid": hashlib.sha256(data).hexdigest(), "size": size, "pointerSize": 134}
    if how == "baddigest" and name == "tokenizer.json":
        return {"rfilename": name, "path": name, "type": "file", "size": size, "blobId": "0" * 40, "oid": "0" * 40}
    item = {"rfilename": name, "path": name, "type": "file", "size": size, "blobId": blob(data), "oid": blob(data)}
    if name in LFS:
        item.update(lfs=lfs, blobId="1" * 40, oid="1" * 40)
    return item


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    who = "hub"

    def log_message(self, *args):
        pass

    def parse_path(self):
        path = self.path
        self.via = "direct"
        if path.startswith("http://"):
            self.via = "proxy"
            path = "/" + path.split("/", 3)[3]
        path, _, query = path.partition("?")
        self.query = urllib.parse.parse_qs(query)
        return [urllib.parse.unquote(part) for part in path.split("/")[1:]]

    def answer(self, status, body=b"", headers=(), length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def cut(self):
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(2)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        parts = self.parse_path()
        note(f"{self.who} {self.command} {'/'.join(parts)} auth={'yes' if self.headers.get('Authorization') else 'no'} "
             f"range={self.headers.get('Range', '-')} if-range={self.headers.get('If-Range', '-')} via={self.via}")
        try:
            if self.who == "cdn":
                return self.cdn(parts)
            if parts[0] == "api":
                return self.api(parts)
            return self.resolve(parts)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    # ---- lists ----
    def api(self, parts):
        dataset, owner = parts[1] == "datasets", parts[2]
        files = DATASET if dataset else FILES
        word, rev = parts[4], parts[5] if len(parts) > 5 else "main"
        if owner == "refused":
            code = {"gated": "GatedRepo", "none": "RepoNotFound", "revision": "RevisionNotFound"}.get(parts[3], "")
            status = {"gated": 403, "none": 404, "revision": 404, "private": 401, "teapot": 418}[parts[3]]
            return self.answer(status, b"{}", [("X-Error-Code", code), ("X-Error-Message", "said the hub\x1b[31m")])
        if owner == "html":
            return self.answer(200, b"<html>please log in</html>")
        if owner == "busylist" and count("busylist") < 3:
            return self.answer(429, b"slow down", [("Retry-After", "1")])
        if owner == "down":
            return self.answer(503, b"down")
        entries = [entry(name, data, owner) for name, data in files.items()]
        names = {"escape": "../outside.txt", "absolute": "/tmp/ranktune-outside.txt", "inside": "a/../../outside.txt",
                 "git": ".git/hooks/post-checkout", "records": ".cache/huggingface/download/x.metadata",
                 "twice": "config.json", "folder": "config.json/x"}
        if owner in names:
            entries.append(entry(names[owner], b"x", owner))
        if owner == "badsize":
            entries[0]["size"] = -5
        if owner in ("bare", "bareplain"):
            entries = [{"rfilename": e["rfilename"]} for e in entries]
        if word == "revision":
            if owner == "pages":
                entries = entries[:2] + [{"rfilename": f"n{i}"} for i in range(2)]
            return self.answer(200, json.dumps({"id": "/".join(parts[2:4]), "sha": COMMIT, "siblings": entries}).encode(),
                               [("Content-Type", "application/json")])
        if owner in ("bare", "bareplain"):
            return self.answer(404, b"{}")
        if owner == "pages":  # one entry a page, a folder among them
            entries.insert(1, {"type": "directory", "path": "sub", "oid": "2" * 40, "size": 0})
            at = int(self.query.get("cursor", ["0"])[0])
            link = f'<http://{self.headers["Host"]}/api/models/{owner}/{parts[3]}/tree/{rev}?recursive=true&cursor={at + 1}>; rel="next"'
            return self.answer(200, json.dumps(entries[at:at + 1]).encode(), [("Link", link)] if at + 1 < len(entries) else [])
        return self.answer(200, json.dumps(entries).encode())

    # ---- files ----
    def resolve(self, parts):
        dataset = parts[0] == "datasets"
        if dataset:
            parts = parts[1:]
        owner, name = parts[0], "/".join(parts[4:])
        data = (DATASET if dataset else FILES).get(name)
        if parts[2] != "resolve" or parts[3] != COMMIT or data is None or (owner == "missing" and name == "tokenizer.json"):
            return self.answer(404, b"Entry not found", [("X-Error-Code", "EntryNotFound")])
        if owner == "gatedfile" and name in LFS:
            return self.answer(403, b"", [("X-Error-Code", "GatedRepo"), ("X-Error-Message", "ask for access")])
        if owner == "busy" and count(("busy", name)) < 3:
            return self.answer(429, b"slow down", [("Retry-After", "1")])
        if owner == "loop":
            return self.answer(302, b"", [("Location", self.path)])
        if owner == "renamed":
            return self.answer(307, b"", [("Location", "/good/" + urllib.parse.quote("/".join(parts[1:])))])
        if owner == "downgrade":
            return self.answer(302, b"", [("Location", f"http://127.0.0.1:{ports['cdn']}/good/{name}")])
        if name in LFS and owner != "bareplain":
            where = f"http://127.0.0.1:{ports['cdn']}/{owner}/{urllib.parse.quote(name)}?Signature=x"
            return self.answer(302, b"to the other host", [
                ("Location", where), ("X-Linked-Size", str(len(data))),
                ("X-Linked-ETag", f'"{hashlib.sha256(data).hexdigest()}"'), ("ETag", '"of the redirect"')])
        tag = '"plain-%d"' % len(data) if owner == "bareplain" else f'W/"{blob(data)}"' if name == "config.json" else f'"{blob(data)}"'
        return self.body(owner, name, data, tag)

    def cdn(self, parts):
        owner, name = parts[0], "/".join(parts[1:])
        data = FILES[name]
        nth = count((owner, name))
        if self.headers.get("Authorization"):
            return self.answer(400, b"the token came here")
        if owner == "expired" and nth == 1:
            return self.answer(403, b"<Error>signature has ended</Error>")
        if owner == "flaky" and nth <= 2:
            return self.answer(500 if nth == 1 else 503, b"oops")
        if owner == "gone":
            return self.answer(404, b"no such key")
        if owner == "once" and nth == 1:  # damaged on the first try
            data = data[:1000] + b"\0\0\0\0" + data[1004:]
        if owner == "changing":
            return self.body(owner, name, data, f'"version-{nth}"')
        return self.body(owner, name, data, '"cdn-' + hashlib.md5(data).hexdigest() + '"')

    def body(self, owner, name, data, tag):
        wanted, total, status, headers = self.headers.get("Range"), len(data), 200, [("ETag", tag)]
        nth = count(("body", owner, name))
        first = 0
        if wanted and owner != "norange":
            first = int(wanted.split("=")[1].split("-")[0])
            ask = self.headers.get("If-Range")
            if ask is not None and ask != tag:
                first = 0
            elif first >= total:
                return self.answer(416, b"", [("Content-Range", f"bytes */{total}")])
            else:
                shift = 1000 if owner == "wrongrange" else 0
                status = 206
                said = total + 5 if owner == "wrongtotal" else total
                headers.append(("Content-Range", f"bytes {first + shift}-{total - 1}/{said}" if owner != "norangeheader" else "bytes what"))
        rest = data[first:]
        if self.command == "HEAD":
            return self.answer(status, b"", headers, len(rest))
        large = name in LFS
        if large and owner in ("cut", "changing"):  # a piece and then nothing
            piece = rest[:400000]
            self.answer(status, piece, headers, len(rest))
            return self.cut() if len(piece) < len(rest) else None
        if large and owner in ("norange", "wrongrange", "wrongtotal", "norangeheader", "stallonce", "slow") and nth == 1:
            self.answer(status, rest[:300000], headers, len(rest))
            if owner in ("stallonce", "slow"):
                self.wfile.flush()
                time.sleep(4)
            return self.cut()
        if large and owner == "tiny":  # says less than there is, each time
            return self.answer(status, rest[:1000], headers)
        if large and owner == "toolong":  # more than said in the list, without a length
            self.send_response(status)
            for header in headers + [("Connection", "close")]:
                self.send_header(*header)
            self.end_headers()
            self.wfile.write(rest + b"more" * 1000)
            return self.cut()
        if large and owner == "trickle":
            self.answer(status, b"", headers, len(rest))
            for at in range(0, len(rest), 20000):
                self.wfile.write(rest[at:at + 20000])
                self.wfile.flush()
                time.sleep(0.05)
            return None
        if large and owner == "dead":
            return self.cut()
        return self.answer(status, rest, headers)


def serve(who, context=None):
    handler = type(who, (Handler,), {"who": who})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *args: None  # connections that the other side ends are the rule here
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


ports = {"cdn": serve("cdn")}
ports["hub"] = serve("hub")
if len(sys.argv) > 2:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[2], sys.argv[3])
    ports["tls"] = serve("tls", tls)
for name, data in list(FILES.items()) + list(DATASET.items()):
    path = os.path.join(folder, "truth" if name in FILES else "truth.dataset", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(data)
for who, port in ports.items():
    with open(os.path.join(folder, "port." + who + ".new"), "w") as out:
        out.write(str(port))
    os.rename(os.path.join(folder, "port." + who + ".new"), os.path.join(folder, "port." + who))
open(os.path.join(folder, "ready"), "w").close()
time.sleep(600)
