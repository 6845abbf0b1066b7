#!/bin/sh
# Every rank makes the same collective calls, whatever its data are: random data sets of text, pictures and both, odd tails,
# rows that are left out, pictures that break when they are decoded. CASES=1000 for the long form; SEED repeats one.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
if ! faulty; then
    skip "calls alike on all ranks" "tests/jobs/fault.so is not there or cannot be preloaded"
    finish
fi
model small25
job job.yaml small25
copy "$data/drive" drive
# Its header is whole, so the scan takes it; what is missing shows when it is decoded.
head -c 1500 drive/pictures/000.jpg > drive/pictures/broken.jpg
cat > dataset_info.json << 'EOT'
{"x": {"file_name": "x.json", "formatting": "sharegpt", "columns": {"messages": "messages", "images": "images"},
  "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}}}
EOT
sed -i "s|^dataset_dir.*|dataset_dir: .|; /^eval_dataset/d; s/^dataset:.*/dataset: x/" job.yaml
seed=${SEED:-$(date +%s)}
echo "# SEED=$seed"
drawn() {
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    drawn=$((seed / 65536 % $1))
}
row() {
    printf '{"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "a car"}], "images": [%s]}' "$1" "$2"
}
# A row of the kind: 0 text, 1 picture, 2 two pictures, 3 no such file (left out by the scan), 4 breaks when it is decoded.
drawn_row() {
    drawn 60
    picture=drive/pictures/0$(printf %02d "$drawn").jpg
    case $1 in
    0) row "how many cars are there, and of which colour, on the way number $drawn?" '' ;;
    1) row '<image>what is it?' "\"$picture\"" ;;
    2) row '<image><image>and these?' "\"$picture\", \"drive/pictures/007.jpg\"" ;;
    3) row '<image>gone' '"drive/pictures/gone.jpg"' ;;
    4) row '<image>broken' '"drive/pictures/broken.jpg"' ;;
    esac
}
drawn_data() {
    drawn 6
    case $drawn in
    0) mix="0" ;;
    1) mix="1" ;;
    2) mix="0 1" ;;
    3) mix="0 0 0 2" ;;
    4) mix="0 1 1 3" ;;
    5) mix="0 1 2 3 4 1 0 1" ;;
    esac
    # shellcheck disable=SC2086 # words
    set -- $mix
    drawn 30
    rows=$((drawn + 4))
    echo '['
    drawn_row "$1"
    rows_done=1
    while [ $rows_done -lt $rows ]; do
        printf ',\n'
        drawn $#
        eval "drawn_row \${$((drawn + 1))}"
        rows_done=$((rows_done + 1))
    done
    printf '\n]\n'
}

cases=${CASES:-20} i=0 apart=0 calls=0
while [ $i -lt "$cases" ]; do
    i=$((i + 1))
    drawn_data > x.json
    drawn 3
    ranks=$((drawn + 2))
    set -- train job.yaml output_dir=out.$i max_bad_rows=100
    drawn 3; set -- "$@" per_device_train_batch_size=$((drawn + 1))
    drawn 3; set -- "$@" gradient_accumulation_steps=$((drawn + 1))
    drawn 4; set -- "$@" max_steps=$((drawn + 2))
    drawn 2; [ "$drawn" -eq 0 ] || set -- "$@" val_size=0.2 eval_strategy=steps eval_steps=2
    drawn 3; [ "$drawn" -ne 0 ] || set -- "$@" freeze_vision_tower=false
    drawn 3; [ "$drawn" -ne 0 ] || set -- "$@" group_by_length=true
    drawn 3; [ "$drawn" -ne 0 ] || set -- "$@" save_steps=1
    rm -f calls.*
    FAULT=calls:$tmp/calls LD_PRELOAD="$fault" on $ranks "$@"
    # Where nothing is left to train on, all end alike with a code that says so.
    ends=good
    case $rc in 0 | 65 | 78) ;; *) ends=bad ;; esac
    for r in $(seq 1 $((ranks - 1))); do
        cmp -s calls.0 calls.$r || ends=bad
    done
    [ -s calls.0 ] || ends=bad
    calls=$((calls + $(lines calls.0)))
    if [ $ends = bad ]; then
        apart=$((apart + 1))
        echo "# case $i: $ranks ranks, $*: exit $rc"
        diff calls.0 calls.1 | head -5 | sed 's/^/#   /'
        tail -n 5 log | sed 's/^/#   /'
    fi
    rm -rf out.$i
done
check "$apart of $cases random data sets on 2 to 4 ranks make calls that differ ($calls calls on rank 0)" [ $apart -eq 0 ]
check "calls were counted" [ $calls -gt $((cases * 20)) ]
finish
