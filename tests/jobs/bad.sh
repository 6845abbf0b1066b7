#!/bin/sh
# Bad input of every kind: one clear line, the exit code of ranktune.1 alone and under mpirun, no hang, nothing left under a
# final name, and every bad row listed.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
model small25 small2
job job.yaml small25
root=${data%/data}
copy "$data/drive" drive
cat > dataset_info.json << 'EOF'
{"x": {"file_name": "x.json", "formatting": "sharegpt", "columns": {"messages": "messages", "images": "images"},
  "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}},
 "gone": {"file_name": "gone.json"}, "bent": {"file_name": "x.json", "formatting": "bent"}, "cut": {"file_name": "cut.json"},
 "empty": {"file_name": "empty.json"}, "hub": {"hf_hub_url": "a/b"}, "nameless": {}}
EOF
sed -i "s|^dataset_dir.*|dataset_dir: .|; /^eval_dataset/d; s/^dataset:.*/dataset: x/" job.yaml

# row TEXT PICTURES: a row of the data set; good N: one with the N-th of the drawn pictures.
row() {
    printf '{"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "a car"}], "images": [%s]}' "$1" "$2"
}
good() {
    row '<image>what is it?' "\"drive/pictures/0$1.jpg\""
}
# rows FILE ROW ...: twelve good rows, then these.
rows() {
    rows_file=$1
    shift
    {
        echo '['
        for rows_i in 01 02 03 04 05 06 07 08 09 10 11; do good $rows_i; echo ','; done
        good 12
        for rows_row in "$@"; do printf ',\n%s' "$rows_row"; done
        printf '\n]\n'
    } > "$rows_file"
}
rows x.json
head -c 700 x.json > cut.json
echo '[]' > empty.json

# bad NAME CODE "TEXT|TEXT" JOB ARGUMENT ...: alone and on 2 ranks, ten of them at a time; settle looks at what came out.
pending=
bad() {
    bad_name=$1
    printf '%s\n%s\n' "$2" "$3" > "bad.$1"
    shift 3
    bad_job=$1
    shift
    for bad_size in 1 2; do
        (
            out=out.$bad_name.$bad_size
            case $bad_job in
            -*) set -- train "$bad_job" "$@" --output_dir "$out" ;;
            *) set -- train "$bad_job" output_dir="$out" "$@" ;;
            esac
            if [ $bad_size -eq 1 ]; then
                timeout -k 5 "${limit:-60}" "$program" "$@"
            else
                timeout -k 5 "${limit:-60}" $mpirun -np 2 "$program" "$@"
            fi > "log.$bad_name.$bad_size" 2>&1 < /dev/null
            echo $? > "rc.$bad_name.$bad_size"
        ) &
    done
    pending="$pending $bad_name"
    [ "$(echo "$pending" | wc -w)" -lt 10 ] || settle
}
settle() {
    wait
    for name in $pending; do
        code=$(sed -n 1p "bad.$name") texts=$(sed -n 2p "bad.$name")
        check "$name: exit $(cat "rc.$name.1") alone, $(cat "rc.$name.2") on 2 ranks" \
            [ "$(cat "rc.$name.1") $(cat "rc.$name.2")" = "$code $code" ]
        for size in 1 2; do
            cp "log.$name.$size" "$tmp/log"
            check "$name: $size ranks: $(errors | tail -n 1 | cut -c 1-150)" one_line_of "$texts"
            check "$name: $size ranks: no result is left" nothing_in "out.$name.$size"
        done
    done
    pending=
}
one_line_of() { # "TEXT|TEXT"
    one_line_ifs=$IFS
    IFS='|'
    set -- $1
    IFS=$one_line_ifs
    one_error "$@"
}
nothing_in() { # logs, the list of rows, the job, how it ended and where the ranks were are no results
    [ -d "$1" ] || return 0
    ! find "$1" -type f ! -name trainer_log.jsonl ! -name bad_rows.jsonl ! -name resolved_job.yaml ! -name run_summary.json \
        ! -path "*/hb/[0-9]*" | grep .
}

# ---- the job file and the command line ----
edit() { # FILE SED: a job of its own
    sed "$2" job.yaml > "$1"
}
edit kind.yaml 's/^lora_rank.*/lora_rank: sixteen/'
bad kind 78 'kind.yaml:5: lora_rank: "sixteen"|write lora_rank: 8' kind.yaml
edit unknown.yaml 's/^lora_rank/lora_rnak/'
bad unknown 78 'unknown.yaml:5: lora_rnak|lora_rank' unknown.yaml
edit twice.yaml '$alora_rank: 4'
bad twice 78 'twice.yaml:|lora_rank' twice.yaml
printf 'a: [1\n' > syntax.yaml
bad yaml 78 'syntax.yaml:2: not YAML' syntax.yaml
printf '{"a": 1,}' > syntax.json
bad json 78 'syntax.json:1: not JSON' syntax.json
bad nofile 66 'nofile.yaml: cannot be opened' nofile.yaml
bad override 64 'lora_rank=x|write lora_rank=8' job.yaml lora_rank=x
bad flag 64 '--lora_rank: "x"|write --lora_rank 8' --lora_rank x
bad refused 64 'quantization_bit=4|remove this key' job.yaml quantization_bit=4
bad choice 64 'lr_scheduler_type=fast|write lr_scheduler_type=cosine' job.yaml lr_scheduler_type=fast
bad template 78 'template: "llama3"|write template: qwen2_vl' job.yaml template=llama3
bad target 78 'lora_target: no module of this model is called "nosuch"|write all' job.yaml lora_target=nosuch
bad nothing 78 'job.yaml: neither do_train nor do_eval|write do_train: true' job.yaml do_train=false
bad device 69 'device: cuda|write device: cpu' job.yaml device=cuda

# ---- data sets ----
bad dataset 78 'dataset_info.json|no data set "nosuch"|x, gone' job.yaml dataset=nosuch
bad dataset_dir 66 'nowhere/dataset_info.json' job.yaml dataset_dir=nowhere
bad datafile 66 'gone.json: No such file|file_name' job.yaml dataset=gone
bad layout 78 'dataset_info.json: bent: formatting|write alpaca, sharegpt or openai' job.yaml dataset=bent
bad cutfile 66 'cut.json:|does not end' job.yaml dataset=cut
bad emptyfile 66 'empty.json: there is no row' job.yaml dataset=empty
bad hub 78 'dataset_info.json: hub: hf_hub_url|ranktune download a/b --repo-type dataset|file_name' job.yaml dataset=hub
bad nameless 78 'dataset_info.json: nameless: file_name' job.yaml dataset=nameless
bad allcut 65 '12 of 12 rows|max_bad_rows|out.allcut|row 1 (line 2): cutoff_len: 30' job.yaml cutoff_len=30

# ---- the model folder ----
variant() { # NAME FILE SED: a copy of the model, one file changed
    cp -r small25 "$1"
    [ $# -eq 1 ] || sed -i "$3" "$1/$2"
}
weights=model-00001-of-00001.safetensors
bad model 66 'there is no folder org/name|ranktune download org/name --local-dir org/name' job.yaml model_name_or_path=org/name
bad modelpath 66 'there is no folder ./no/model|was downloaded to' job.yaml model_name_or_path=./no/model
variant noconfig && rm noconfig/config.json
bad noconfig 66 'noconfig/config.json' job.yaml model_name_or_path=noconfig
variant notjson config.json '1s/.*/x/'
bad notjson 66 'notjson/config.json' job.yaml model_name_or_path=notjson
variant family config.json 's/qwen2_5_vl/llama/g'
bad family 66 'family/config.json: model_type is "llama"' job.yaml model_name_or_path=family
variant layers config.json 's/"num_hidden_layers": [0-9]*/"num_hidden_layers": 9/'
bad layers 66 'layers|is missing' job.yaml model_name_or_path=layers
variant short && truncate -s -100 short/$weights
bad shortweights 66 "short/$weights" job.yaml model_name_or_path=short
variant tiny && truncate -s 500 tiny/$weights
bad cutheader 66 "tiny/$weights" job.yaml model_name_or_path=tiny
variant lying && printf '\377\377\377\377\377\377\377\177' | dd of=lying/$weights conv=notrunc 2> /dev/null
bad lying 66 "lying/$weights: header of 9223372036854775807 bytes" job.yaml model_name_or_path=lying
variant overlap $weights 's/"data_offsets":\[0,196608\]/"data_offsets":[4,196612]/'
bad overlap 66 "overlap/$weights|lm_head.weight" job.yaml model_name_or_path=overlap
variant gap && rm gap/$weights
bad noshard 66 "gap/$weights" job.yaml model_name_or_path=gap
variant notokens && head -c 3000 small25/tokenizer.json > notokens/tokenizer.json
bad tokenizer 66 'notokens/tokenizer.json:' job.yaml model_name_or_path=notokens
# Tokenizer and model of different vocabularies: another set of merges, and a token beyond the embedding.
"$program" init small25 merges --corpus "$data/drive/train.json" --merges 300 --dtype fp32 > /dev/null
cp small25/tokenizer.json merges/
bad vocabulary 66 'merges/config.json|tokenizer.json' job.yaml model_name_or_path=merges
# The same, with the numbers in config.json made to fit: the tokenizer has ids that the embedding lacks.
cp -r merges beyond
for key in image_token_id video_token_id vision_start_token_id vision_end_token_id bos_token_id eos_token_id; do
    sed -i "s/\"$key\": [0-9]*/\"$key\": $(numbers small25/config.json $key | head -n 1)/" beyond/config.json
done
bad beyond 66 'beyond|vocab_size' job.yaml model_name_or_path=beyond

# ---- adapters ----
on 1 train job.yaml output_dir=adapter max_steps=1
on 1 train job.yaml output_dir=adapter2 max_steps=1 model_name_or_path=small2
bad adapter 66 'nosuch/adapter_config.json' job.yaml adapter_name_or_path=nosuch
cp -r adapter cutadapter && truncate -s -100 cutadapter/adapter_model.safetensors
bad cutadapter 66 'cutadapter/adapter_model.safetensors' job.yaml adapter_name_or_path=cutadapter
cp -r adapter rank && sed -i 's/"r": 4/"r": 5/' rank/adapter_config.json
bad adapterrank 66 'rank/adapter_model.safetensors|lora_A' job.yaml adapter_name_or_path=rank
cp -r adapter dora && sed -i 's/"use_dora": false/"use_dora": true/' dora/adapter_config.json
bad dora 66 'dora/adapter_config.json|use_dora' job.yaml adapter_name_or_path=dora

# ---- the output folder ----
touch afile
settle
for size in 1 2; do
    on $size train job.yaml output_dir=afile/below
    check "output_dir below a file: $size ranks: exit $rc" rc_is 73
    check "output_dir below a file: $size ranks: one line" one_error 'output_dir: afile/below' 'afile is a file'
done
on 2 train job.yaml output_dir=adapter resume_from_checkpoint= save_strategy=no max_steps=2
mkdir weights && cp adapter/adapter_model.safetensors weights/
on 2 train job.yaml output_dir=weights
check "another run's weights: exit $rc" rc_is 73
check "another run's weights: one line" one_error 'weights' 'overwrite_output_dir: true'
check "another run's weights stay" cmp adapter/adapter_model.safetensors weights/adapter_model.safetensors
if [ "$(id -u)" -eq 0 ]; then
    skip "output_dir that may not be written" "root may write anywhere"
else
    mkdir locked && chmod 555 locked
    on 2 train job.yaml output_dir=locked
    check "output_dir that may not be written: exit $rc" rc_is 73
fi

# A limit on the size of files: the first checkpoint does not fit.
whole_or_none() { # DIR: checkpoints there are whole, and no adapter stands in the folder itself
    [ ! -e "$1/adapter_model.safetensors" ] || return 1
    for whole_folder in "$1"/checkpoint-*; do
        [ ! -e "$whole_folder" ] || "$program" info "$whole_folder" || return 1
    done
}
# It has to leave MPI its own files, so a large rank makes state.h5 larger: 44 MB, with a limit of 20 or 40 (the shell's).
(ulimit -f 40000 && on 1 train job.yaml output_dir=limit save_steps=2 save_failure=fatal lora_rank=1024; echo "$rc" > limit.rc)
rc=$(cat limit.rc)
check "a limit on file size: exit $rc" rc_is 74
check "a limit on file size: one line" one_error 'limit/' 'File too large'
check "a limit on file size: nothing half written has a final name" whole_or_none limit
# A full disk: 64 MiB are to stay free beside a checkpoint, so no write is begun that could fail halfway.
mkdir disk
for kib in 64 320; do
    if mount -t tmpfs -o size=${kib}k none disk 2> /dev/null; then
        trap 'umount "$tmp/disk" 2> /dev/null; rm -rf "$tmp"' EXIT
        on 2 train job.yaml output_dir=disk/out save_steps=2
        check "a disk of $kib KiB: exit $rc" rc_is 74
        check "a disk of $kib KiB: one line" one_error 'disk/out: 0 MiB free and ' ' MiB needed; make room'
        check "a disk of $kib KiB: nothing half written has a final name" whole_or_none disk/out
        umount disk
    else
        skip "a disk of $kib KiB" "tmpfs cannot be mounted here"
    fi
done

# ---- rows: all kinds in one data set ----
printf '\211PNG\015\012\032\012\000\000\000\015IHDR\000\000\000\000\000\000\000\000\010\002\000\000\000\264\351\353E\000\000\000\010IDAT\170\234\003\000\000\000\000\001H\006\211\322\000\000\000\000IEND\256B\140\202' > zero.png
printf '\211PNG\015\012\032\012\000\000\000\015IHDR\000\001\206\240\000\001\206\240\010\002\000\000\000\047\060\234\237\000\000\000\010IDAT\170\234\003\000\000\000\000\001H\006\211\322\000\000\000\000IEND\256B\140\202' > huge.png
head -c 2000 drive/pictures/001.jpg > cut.jpg
: > empty.jpg
long=$(awk 'BEGIN { while (n++ < 600) printf "x y " }')
rows x.json "$(row 'no picture' '"drive/pictures/001.jpg"')" "$(row '<image><image>' '"drive/pictures/001.jpg"')" \
    "$(row '<image>' '"nosuch.jpg"')" "$(row '<image>' '"job.yaml"')" "$(row '<image>' '"cut.jpg"')" \
    "$(row '<image>' '"empty.jpg"')" "$(row '<image>' '"zero.png"')" "$(row '<image>' '"huge.png"')" \
    '{"messages": [{"role": "robot", "content": "x"}, {"role": "assistant", "content": "y"}]}' \
    '{"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": "y"}]}' \
    '{"messages": [{"role": "user", "content": "x"}]}' '{"messages": []}' '{"messages": 3}' '{"nothing": 3}' '3' \
    "$(row "$long<image>" '"drive/pictures/001.jpg"')" "$(row 'words alone' '')"
on 2 train job.yaml output_dir=rows max_bad_rows=16
check "16 bad rows of 29, max_bad_rows: 16: exit $rc" rc_is 0
check "16 bad rows: said, with where the list is" said '16 rows cannot be used and are left out; rows/bad_rows.jsonl'
check "16 bad rows: $(lines rows/bad_rows.jsonl) lines in bad_rows.jsonl" [ "$(lines rows/bad_rows.jsonl)" -eq 16 ]
i=12
for reason in '0 <image> but the row has 1' '2 <image> but the row has 1' 'nosuch.jpg' 'job.yaml' 'cut.jpg' 'empty.jpg' \
    'zero.png' 'huge.png' 'robot' 'write assistant here' 'even number' 'no messages' 'is a number' 'missing' \
    'the row is a number' 'cutoff_len: 512 cuts a picture off'; do
    i=$((i + 1))
    check "bad_rows.jsonl: row $i: $(grep "\"row\": $i," rows/bad_rows.jsonl | sed 's/.*"reason": //' | cut -c 1-100)" \
        sh -c "grep '\"file\": \"[^\"]*x.json\", \"row\": $i, \"line\": $((i + 1)), ' rows/bad_rows.jsonl | grep -F '$reason'"
done
bad fifteen 65 '16 of 29 rows|max_bad_rows: 15|bad_rows.jsonl|x.json row 13 (line 14)' job.yaml max_bad_rows=15
bad share 65 '16 of 29 rows|max_bad_rows: 0.1 bears 2|x.json row 13 (line 14)' job.yaml
settle
check "the rows that were too many are listed" [ "$(lines out.share.2/bad_rows.jsonl)" -eq 16 ]

# ---- pictures whose damage shows only when they are decoded ----
golden=$root/tests/golden/image
copy "$golden/mode-RGB.png" late.png
printf 'broken' | dd of=late.png bs=1 seek=$(($(wc -c < late.png) / 2)) conv=notrunc 2> /dev/null
rows x.json "$(row '<image>what?' '"late.png"')" "$(row '<image>and?' '"late.png"')" "$(good 13)" "$(good 14)"
for size in 1 2; do
    on $size train job.yaml output_dir=late$size max_steps=16 max_bad_rows=2 gradient_accumulation_steps=$((2 / size))
    check "2 rows with a broken PNG of 16: $size ranks: exit $rc" rc_is 0
    check "2 rows with a broken PNG: $size ranks: each is told once" [ "$(grep -c 'late.png' log)" -eq 2 ]
    check "2 rows with a broken PNG: $size ranks: listed" \
        sh -c "grep '\"row\": 13, .*late.png' late$size/bad_rows.jsonl && grep '\"row\": 14, .*late.png' late$size/bad_rows.jsonl"
done
d=$(worst_of loss late1/trainer_log.jsonl late2/trainer_log.jsonl)
check "a broken PNG: losses on 2 ranks differ from 1 rank's by $d <= 2e-4" below "$d" 2e-4
bad late 65 ' of 16 rows cannot be used|max_bad_rows: 0|late.png' job.yaml max_bad_rows=0
settle
# What Pillow fills with grey is trained on, as in the reference.
{ head -c 3000 drive/pictures/001.jpg; printf '\377\331'; } > end.jpg
rows x.json "$(row '<image>what?' '"end.jpg"')"
on 2 train job.yaml output_dir=grey max_bad_rows=0
check "a JPEG cut off with an end of its own is grey there: exit $rc" rc_is 0
finish
