#!/bin/sh
# The other commands as a user types them: init, tokenize, info and preview, what they print, and what they say of bad input.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
corpus=$data/drive/train.json

# bad NAME CODE TEXT ARGUMENT ...: the program alone ends with this code and one line that has each text of TEXT (set off by |).
bad() {
    bad_name=$1 bad_code=$2 bad_texts=$3
    shift 3
    run "$program" "$@"
    check "$bad_name: exit $rc" rc_is "$bad_code"
    IFS='|'
    # shellcheck disable=SC2086
    set -- $bad_texts
    unset IFS
    check "$bad_name: one line that says why" one_error "$@"
}
# good TEXT ARGUMENT ...: exit 0 and the text.
good() {
    good_text=$1
    shift
    run "$program" "$@"
    check "$1: exit $rc" rc_is 0
    check "$1 says: $good_text" said "$good_text"
}

# ---- init ----
good "a random small25 model (fp32)" init small25 m --corpus "$corpus" --dtype fp32
for file in config.json generation_config.json preprocessor_config.json tokenizer.json tokenizer_config.json chat_template.json \
    model.safetensors.index.json model-00001-of-00001.safetensors; do
    check "init writes $file" [ -s m/$file ]
done
good "a random small25 model (fp32)" init small25 again --corpus "$corpus" --dtype fp32
check "init twice: the same files" diff -r m again
mkdir empty
good "empty: a random small25 model" init small25 empty/ --corpus "$corpus" --dtype fp32 --seed 1
check "another seed: other weights, the same tokenizer" sh -c '! cmp -s m/model-00001-of-00001.safetensors \
    empty/model-00001-of-00001.safetensors && cmp m/tokenizer.json empty/tokenizer.json'
# Their digest: numbers and tokenizer are the same on every machine (recorded on x86-64 with gcc).
digest() { cat "$@" | cksum | cut -d' ' -f1; }
check "weights as on every machine: $(digest m/model-00001-of-00001.safetensors)" \
    [ "$(digest m/model-00001-of-00001.safetensors)" = 1287524358 ]
check "tokenizer as on every machine: $(digest m/tokenizer.json)" [ "$(digest m/tokenizer.json)" = 502344435 ]
good "a random small2 model (bf16)" init small2 shards --tokenizer m --shard-mb 1
good "a random small25tied model (bf16)" init small25tied few --corpus "$corpus" --corpus "$data/drive/eval.json" --merges 10
check "--merges 10: fewer tokens" [ "$(wc -c < few/tokenizer.json)" -lt "$(wc -c < m/tokenizer.json)" ]
check "--tokenizer: the given one" cmp m/tokenizer.json shards/tokenizer.json
good "init PRESET DIR" init --help

cp m/config.json kept.json
bad "init without words" 64 "init PRESET DIR|presets: small25, small25tied" init
bad "init of an unknown preset" 64 'no preset "13b"|qwen2-vl-2b' init 13b x --corpus "$corpus"
bad "init with a third word" 64 "init PRESET DIR" init small25 x y --corpus "$corpus"
bad "init without a tokenizer" 64 "--tokenizer|--corpus" init small25 x
bad "init with two tokenizers" 64 "--tokenizer|--corpus" init small25 x --tokenizer m --corpus "$corpus"
bad "init --dtype fp8" 64 '--dtype: "fp8"|fp32 or bf16' init small25 x --corpus "$corpus" --dtype fp8
bad "init --seed one" 64 '--seed: "one"|whole number' init small25 x --corpus "$corpus" --seed one
bad "init --seed without a number" 64 "init PRESET DIR" init small25 x --corpus "$corpus" --seed
bad "init --shard-mb 0" 64 '--shard-mb: "0"|at least 1' init small25 x --corpus "$corpus" --shard-mb 0
bad "init with far too many merges" 64 "100000 merges" init small25 x --corpus "$corpus" --merges 200000
bad "init from no corpus" 66 "nowhere.txt: No such file" init small25 x --corpus nowhere.txt
bad "init from no tokenizer" 66 "nowhere/tokenizer.json: cannot open: No such file" init small25 x --tokenizer nowhere
: > nothing.txt
bad "init from an empty corpus" 65 "empty" init small25 x --corpus nothing.txt
printf 'a\377b' > latin.txt
bad "init from a corpus that is not UTF-8" 65 "not UTF-8" init small25 x --corpus latin.txt
mkdir other && echo '{"added_tokens": []}' > other/tokenizer.json
bad "init with another family's tokenizer" 66 "tokenizer.json|<|image_pad" init small25 x --tokenizer other
bad "init in a folder that is not there" 73 "no/such/folder" init small25 no/such/folder --corpus "$corpus"
bad "init over a model" 73 "m: is there already" init small25 m --corpus "$corpus"
bad "init over a file" 73 "kept.json" init small25 kept.json --corpus "$corpus"
check "a refused init changes nothing" cmp m/config.json kept.json
check "a refused init leaves nothing" sh -c '! ls -d x* *.tmp* 2> /dev/null | grep .'

# ---- tokenize ----
# ids FORMAT: what `tokenize` makes of these strings, to $tmp/ids
ids() {
    # shellcheck disable=SC2059
    printf "$1" > strings
    timeout 20 "$program" tokenize --model m < strings > "$tmp/ids" 2> "$tmp/log"
    rc=$?
}
eot=$(sed -n 's/.*"bos_token_id": \([0-9]*\).*/\1/p' m/config.json)
ids '"a"\n""\n"<|endoftext|>a<|endoftext|>"\n'
check "tokenize: exit $rc" rc_is 0
check "tokenize: a line of ids for each string" [ "$(tr '\n' '/' < "$tmp/ids")" = "[64]/[]/[$eot, 64, $eot]/" ]
ids '"e\\u0301 \\ud83d\\ude97"'
cp "$tmp/ids" escaped
ids '"\303\251 \360\237\232\227"\n'
check "tokenize: escapes are read, letters composed, the last line needs no end" cmp "$tmp/ids" escaped
ids '"a"\nabc\n'
check "tokenize: a line that is no JSON: exit $rc" rc_is 65
check "tokenize: it is named" one_error "standard input:2:" "not a JSON string"
ids '"a"\n["a"]\n'
check "tokenize: a line that is no string: exit $rc" rc_is 65
printf '"a"\n' | timeout 20 "$program" tokenize --model m > /dev/full 2> "$tmp/log"
rc=$?
check "tokenize into a full disk: exit $rc" rc_is 74
bad "tokenize without a model" 64 "tokenize --model DIR" tokenize
bad "tokenize with a folder alone" 64 "tokenize --model DIR" tokenize m
bad "tokenize of nowhere" 66 "nowhere/tokenizer.json" tokenize --model nowhere
bad "tokenize with a tokenizer of nothing" 66 "other/tokenizer.json: model" tokenize --model other
good "JSON arrays of ids" tokenize --help

# ---- a job for the rest ----
job job.yaml m
on 1 train job.yaml max_steps=2 save_steps=1
check "train: exit $rc" rc_is 0

# ---- info ----
good "model.embed_tokens.weight" info m
check "info: parameters in all" grep -qE '^[0-9]+ tensors, [0-9]+ parameters, [0-9.]+ MB$' "$tmp/log"
good "rank 4, alpha 8" info out
good "base model m" info out
good "manifest and digests hold" info out/checkpoint-1
check "info: the state's data sets" said "/lora/p"
cp -r out/checkpoint-1 broken && printf x >> broken/state.h5
bad "info of a damaged checkpoint" 66 "broken/state.h5" info broken
cp -r m short && truncate -s -100 short/model-00001-of-00001.safetensors
bad "info of a truncated model" 66 "short/model-00001-of-00001.safetensors" info short
bad "info without a folder" 64 "info PATH" info
bad "info of two folders" 64 "info PATH" info m out
bad "info of nowhere" 66 "nowhere" info nowhere
bad "info of a folder of something else" 66 "neither a model folder, an adapter nor a checkpoint" info empty/..
timeout 20 "$program" info m > /dev/full 2> "$tmp/log"
rc=$?
check "info into a full disk: exit $rc" rc_is 74

# ---- preview ----
good "72 rows" preview job.yaml
check "preview: the histogram of both sets" sh -c 'grep -q "^== training: 72 rows" "$1" && grep -q "^== evaluation: 16 rows" "$1"' - "$tmp/log"
check "preview: turns, what is learned, sizes of pictures" sh -c '
    grep -q "^learn | " "$1" && grep -q "<|im_start|>user" "$1" && grep -qE "^picture 1: .*, 448 x 280 -> [0-9]+ x [0-9]+ pixels, [0-9]+ tokens" "$1"' - "$tmp/log"
# as many micro-batches as are trained: 6 steps of 2
check "preview follows max_steps" [ "$(grep -c '^== epoch' "$tmp/log")" -eq 12 ]
check "preview leaves no files" [ ! -e preview.out ]
run "$program" preview job.yaml output_dir=preview.out --json
check "preview --json: exit $rc" rc_is 0
cp "$tmp/log" all.json
check "preview --json: a line a micro-batch" [ "$(lines all.json)" -eq 12 ]
for key in train ids labels width grid pixels position_ids_sum; do
    check "preview --json has $key" [ "$(grep -c "\"$key\": " all.json)" -eq 12 ]
done
check "preview leaves no files" [ ! -e preview.out ]
run "$program" preview job.yaml --json --micros 3
check "--micros 3: the first three" sh -c 'head -n 3 all.json | cmp - "$1"' - "$tmp/log"
# Two ranks share the batches of one in turn: rank 0 of 2 has the first, the third, ...
for rank in 0 1; do
    run "$program" preview job.yaml --json --ranks=2 --rank=$rank
    cp "$tmp/log" r$rank.json
done
check "--ranks 2: the two shares in turn are the batches of one rank" sh -c 'paste -d "\n" r0.json r1.json | head -n 12 | cmp - all.json'
on 2 preview job.yaml --json
check "preview on 2 ranks shows rank 0's share: exit $rc" cmp "$tmp/log" r0.json
on 2 preview job.yaml --json --rank 1
check "preview on 2 ranks --rank 1 shows the other" cmp "$tmp/log" r1.json
run "$program" preview job.yaml --json --micros 1 bf16=true
check "preview of a job in bf16: other pixels, else the same" sh -c 'head -n 1 all.json | sed "s/\"pixels\": [^]]*//" > a.line
    sed "s/\"pixels\": [^]]*//" "$1" | cmp - a.line && ! head -n 1 all.json | cmp -s - "$1"' - "$tmp/log"
run "$program" preview job.yaml --json gradient_accumulation_steps=1 num_train_epochs=0.5 max_steps=-1
check "preview of half an epoch: 18 of 36 micro-batches" [ "$(lines "$tmp/log")" -eq 18 ]
run sh -c '"$0" preview job.yaml --json max_steps=-1 | head -n 1 | wc -l' "$program"
check "preview | head: one line and no complaint" [ "$(cat "$tmp/log")" = 1 ]
good "show what the model will see" preview --help

bad "preview without a job" 64 "preview: give a job file" preview
bad "preview of nowhere" 66 "nowhere.yaml" preview nowhere.yaml
bad "preview --rank 2 of 2" 64 "--rank 2 is not below --ranks 2" preview job.yaml --ranks 2 --rank 2
bad "preview --ranks 0" 64 "--ranks needs a whole number of at least 1" preview job.yaml --ranks 0
bad "preview --ranks 99999999999" 64 "--ranks needs a whole number" preview job.yaml --ranks 99999999999
bad "preview --rank without a number" 64 "--rank needs a whole number" preview job.yaml --rank
bad "preview --micros=x" 64 "--micros needs a whole number" preview job.yaml --micros=x
bad "preview with an unknown key" 64 "lora_rnk|lora_rank" preview job.yaml lora_rnk=3
bad "preview with an unknown flag" 64 "--jsn" preview job.yaml --jsn
bad "preview of no data set" 78 'no data set "nope"' preview job.yaml dataset=nope
run sh -c '"$0" preview job.yaml > /dev/full' "$program"
check "preview into a full disk: exit $rc" rc_is 74

# ---- the program ----
good "ranktune preview" --help
# Each code of the man page's list is said there too.
man=$data/../src/ranktune.1
codes=$(sed -n '/^.SH EXIT STATUS/,/^.SH EXAMPLES/s/^.B \([0-9]*\)$/\1/p' "$man")
missing=
for code in $codes; do
    grep -qE "(^|[ :])$code [a-z]" "$tmp/log" || missing="$missing $code"
done
check "--help says the $(echo "$codes" | wc -l | tr -d ' ') exit codes of the man page${missing:+, but not$missing}" [ -z "$missing" -a "$(echo "$codes" | wc -l)" -ge 14 ]
good "ranktune" --version
bad "an unknown command" 64 'no command "trian"' trian job.yaml
run "$program"
check "no command: exit $rc, and the list of commands" sh -c '[ "$1" -eq 64 ] && grep -q "ranktune tokenize" "$2"' - $rc "$tmp/log"
finish
