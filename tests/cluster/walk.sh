#!/bin/sh
# The whole walk: model and data from a hub that cuts every connection, the job on two hosts from its file and from flags,
# killed in the middle and gone on with, and what it leaves.
# RT_WALK_KEEP=DIR: the run's folder and its model stay there, for tests/peers.sh.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
. "$data/../tests/cluster/net.sh"
hub_py=$(cd "$data/.." && pwd)/tests/fetch/hub.py
why=$(net_missing)
[ -n "$why" ] || command -v python3 > /dev/null || why="there is no python3 for the hub"
if [ -z "$why" ]; then
    HF_ENDPOINT=http://127.0.0.1:9 run "$program" download a/b --local-dir x --retries 0
    ! grep -q 'built without libcurl' log || why="built without libcurl"
fi
if [ -n "$why" ]; then
    echo "1..0 # SKIP $why"
    exit 0
fi
unset HF_TOKEN HF_TOKEN_PATH HF_HUB_OFFLINE http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
export HOME="$tmp" HF_HUB_DOWNLOAD_TIMEOUT=5
trap 'net_down; kill "$hub" 2> /dev/null; rm -rf "$tmp"' EXIT

# ---- fetched ----
model small25
mkdir hub
HUB_MODEL="$tmp/small25" HUB_DATASET="$data" timeout 300 python3 "$hub_py" hub &
hub=$!
tries=0
while [ ! -e hub/ready ] && [ $tries -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
HF_ENDPOINT=http://127.0.0.1:$(cat hub/port.hub)
export HF_ENDPOINT
run "$program" download cut/model --local-dir got/model
check "the model, over connections that are cut: exit $rc" rc_is 0
check "the model: the hub's files" diff -r -x .cache small25 got/model
run "$program" download slow/data --repo-type dataset --local-dir got/data
check "the data set: exit $rc" rc_is 0
check "the data set: the hub's files" diff -r -x .cache "$data" got/data

# ---- trained, on two hosts ----
job job.yaml got/model
sed -i '/^dataset_dir\|^report_to\|^save_steps\|^max_steps/d' job.yaml
cat >> job.yaml << EOF
dataset_dir: got/data
report_to: tensorboard
plot_loss: true
save_steps: 4
max_steps: 40
EOF
net_up node-a node-b
check "two hosts" [ "$(inside node-b hostname)" = node-b ]
limit=120
over node-a:1,node-b:1 2 train job.yaml output_dir=file
end_of
check "the job from its file: exit $rc" rc_is 0
# The same as flags, as one would write them for the reference's train.py.
sed -n 's/^\([a-z_]*\): \(.*\)$/--\1 \2/p' job.yaml | grep -v '^--output_dir' | tr '\n' ' ' > flags
# shellcheck disable=SC2046  # a word a flag
over node-a:1,node-b:1 2 train $(cat flags) --output_dir flags_out
end_of
check "the job from flags: exit $rc" rc_is 0
check "from flags: the same adapter to the bit" cmp file/adapter_model.safetensors flags_out/adapter_model.safetensors
check "from flags: the same log" same_logs file/trainer_log.jsonl flags_out/trainer_log.jsonl

# ---- killed and gone on with ----
over node-a:1,node-b:1 2 train job.yaml output_dir=resumed
until_said 'checkpoint-4 written'
killed=$(running node-b)
until_said 'checkpoint-8 written'
# shellcheck disable=SC2086  # one number
inside node-b kill -9 $killed
end_of
check "a rank killed on node-b: exit $rc" [ "$rc" -ne 0 ]
newest=$(find resumed -maxdepth 1 -name 'checkpoint-*' | sort -V | tail -n 1) # 8, or a later one that came before the signal
check "it was killed in the middle, after $newest" [ "${newest##*-}" -lt 40 ]
over node-a:1,node-b:1 2 train job.yaml output_dir=resumed
end_of
check "the same command: exit $rc" rc_is 0
check "it went on from the newest checkpoint, $newest" said "going on from $newest"
check "the same adapter to the bit" cmp file/adapter_model.safetensors resumed/adapter_model.safetensors
check "the same log" same_logs file/trainer_log.jsonl resumed/trainer_log.jsonl

# ---- what it leaves ----
for file in adapter_config.json trainer_state.json all_results.json train_results.json training_loss.png; do
    check "$file" [ -s resumed/$file ]
done
first=$(numbers resumed/trainer_log.jsonl loss | head -n 1) last=$(numbers resumed/trainer_log.jsonl loss | tail -n 1)
check "the loss went from $first to $last" sh -c "awk 'BEGIN { exit !($last < $first) }'"
cat > look.py << 'EOF'
import struct, sys, zlib

data = open(sys.argv[1], "rb").read()
assert data[:8] == b"\x89PNG\r\n\x1a\n", "no PNG"
at, packed, header = 8, b"", None
while at < len(data):
    size, kind = struct.unpack(">I4s", data[at:at + 8])
    body = data[at + 8:at + 8 + size]
    assert zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0], "a chunk is damaged"
    header = struct.unpack(">IIBB", body[:10]) if kind == b"IHDR" else header
    packed += body if kind == b"IDAT" else b""
    at += 12 + size
width, height, depth, colour = header
rows = zlib.decompress(packed)
line = (width * depth * {0: 1, 2: 3, 3: 1, 6: 4}[colour] + 7) // 8 + 1
assert len(rows) == line * height, "rows are missing"
drawn = sum(1 for y in range(height) if len(set(rows[y * line + 1:(y + 1) * line])) > 1)
print(width, "x", height, "pixels;", drawn, "rows with something drawn")
sys.exit(not (width >= 320 and height >= 240 and drawn > height // 4))
EOF
check "training_loss.png: $(python3 look.py resumed/training_loss.png)" python3 look.py resumed/training_loss.png
events=$(find resumed/runs -mindepth 2 -maxdepth 2 -name '*tfevents*' | wc -l)
check "TensorBoard's files of the job: $events, one an attempt" [ "$events" -eq 2 ]
events=$(find resumed/runs -mindepth 3 -maxdepth 3 -name '*tfevents*' | wc -l)
check "TensorBoard's files of the hosts: $events, one a host and attempt" [ "$events" -eq 4 ]
for name in resumed/runs/*/*/steps; do find "$name" -name '*tfevents*' | grep -q . && echo "$name"; done > by_step
check "TensorBoard's files of the hosts, by the job's steps: $(lines by_step), one a host at least" [ "$(lines by_step)" -eq 2 ]
if [ -n "${RT_WALK_KEEP-}" ]; then
    mkdir -p "$RT_WALK_KEEP" && cp -r resumed got/model "$RT_WALK_KEEP"
fi
finish
