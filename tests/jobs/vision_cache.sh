#!/bin/sh
# Picture features kept for later epochs: the same losses and adapter to the bit wherever they are kept, on any number of
# ranks, through a resume, with too little room, on a full disk, and pictures that change while the job runs.
# A folder in memory is no disk to the program: where temporary files are, the build's folder is taken.
case $(stat -f -c %T "${TMPDIR:-/tmp}") in
tmpfs | ramfs)
    TMPDIR=$(cd "${RT_BUILDDIR:-b}" && pwd)
    export TMPDIR
    ;;
esac
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
model small25
job job.yaml small25
# 24 rows in batches of 2 x 2: 6 steps an epoch on one rank, 3 on two. A picture of at most 16 tokens is 4 KiB of features.
mkdir mine
copy "$data/drive" mine/drive
copy "$data/dataset_info.json" mine
sed -i '/^max_steps\|^dataset_dir/d' job.yaml
cat >> job.yaml << EOF
dataset_dir: $tmp/mine
max_samples: 24
num_train_epochs: 3
eval_strategy: epoch
lora_dropout: 0.1
EOF
sleep 3 # features of files younger than 2 s are not kept: one more change could go unseen

# counts FIELD: pictures of each epoch of the last run: 1 with kept features, 2 through the tower.
counts() {
    sed -n 's/.*vision_cache: epoch [0-9.]*: \([0-9]*\) pictures with kept features, \([0-9]*\) through.*/\1 \2/p' log |
        cut -d ' ' -f "$1" | tr '\n' ' '
}
kept() {
    counts 1 | cut -d ' ' -f "$1"
}
tower() {
    counts 2 | cut -d ' ' -f "$1"
}
silent() {
    ! grep -E '] (INFO|WARN)  vision_cache' "$tmp/log" # the job that the log begins with stands further right
}
is_empty() {
    ls -A "$1"
    [ -z "$(ls -A "$1")" ]
}
# ---- the same bits ----
for ranks in 1 2; do
    on $ranks train job.yaml output_dir=off$ranks vision_cache=off
    check "$ranks ranks, off: exit $rc" rc_is 0
    check "$ranks ranks, off: nothing is said of it" silent
    for where in ram disk auto; do
        on $ranks train job.yaml output_dir=$where$ranks vision_cache=$where
        check "$ranks ranks, $where: exit $rc" rc_is 0
        check "$ranks ranks, $where: the same losses, evaluations and adapter to the bit" same_run off$ranks $where$ranks
        check "$ranks ranks, $where: the tower runs in the first epoch: $(counts 2)" [ "$(tower 1)" -gt 0 ]
        check "$ranks ranks, $where: and not again" [ "$(tower 2) $(tower 3)" = "0 0" ]
    done
    check "$ranks ranks, auto: in memory where it fits" said 'vision_cache: ram: the features of'
done
on 2 train job.yaml output_dir=bf16off vision_cache=off bf16=true
on 2 train job.yaml output_dir=bf16ram vision_cache=ram bf16=true
check "2 ranks, bf16, ram: the same bits" same_run bf16off bf16ram
on 1 train job.yaml output_dir=kinoff vision_cache=off model_name_or_path=small25 per_device_train_batch_size=1
on 1 train job.yaml output_dir=kinram vision_cache=ram model_name_or_path=small25 per_device_train_batch_size=1
check "batch 1: the same bits" same_run kinoff kinram

# ---- where ----
mkdir node
on 2 train job.yaml output_dir=named vision_cache=disk vision_cache_dir=node
check "a folder of its own: exit $rc" rc_is 0
check "a folder of its own: is named" said 'vision_cache: disk in node: '
check "a folder of its own: nothing is left" is_empty node
run env TMPDIR="$tmp/node" "$program" train job.yaml output_dir=tmpdir vision_cache=disk
check "TMPDIR is taken" said "vision_cache: disk in $tmp/node: "
run env SLURM_TMPDIR="$tmp/node" TMPDIR=/tmp "$program" train job.yaml output_dir=slurm vision_cache=disk
check "SLURM_TMPDIR goes first" said "vision_cache: disk in $tmp/node: "
on 2 train job.yaml output_dir=nowhere vision_cache=disk vision_cache_dir=nowhere/at/all
check "a folder that is not there: exit $rc" rc_is 73
check "a folder that is not there: what to write" one_error vision_cache_dir nowhere/at/all 'vision_cache: ram'
run env SLURM_TMPDIR=/nowhere/at/all "$program" train job.yaml output_dir=lost vision_cache=disk
check "a SLURM_TMPDIR that is not there: exit $rc" rc_is 0
check "a SLURM_TMPDIR that is not there: a warning" said 'keep nothing: /nowhere/at/all: '
check "a SLURM_TMPDIR that is not there: the same bits" same_run off1 lost

# ---- whether ----
{ cat job.yaml; echo "vision_cache: off"; } > word.yaml
on 1 train word.yaml output_dir=word
check "off without quotes, which YAML reads as false: exit $rc" rc_is 0
check "off without quotes is off" silent
on 1 train job.yaml output_dir=word vision_cache=of
check "of: exit $rc" rc_is 64
check "of: what to write" one_error vision_cache auto ram disk off
on 1 train job.yaml output_dir=one num_train_epochs=1
check "auto, one epoch: off" said 'vision_cache: off: no epoch is to come'
on 1 train job.yaml output_dir=learns freeze_vision_tower=false num_train_epochs=2
check "auto, a tower that learns: off" said 'vision_cache: off: the vision tower learns'
on 1 train job.yaml output_dir=learns2 freeze_vision_tower=false num_train_epochs=2 vision_cache=ram
check "ram, a tower that learns: has no effect" said 'has no effect: the vision tower learns'
check "ram, a tower that learns: the same bits" same_run learns learns2
on 1 train job.yaml output_dir=little vision_cache_gib=0.00001
check "auto, too small a bound: off" said 'vision_cache: off: the features of'
check "auto, too small a bound: the same bits" same_run off1 little

# ---- too little room: 13 pictures of 34 ----
for ranks in 1 2; do
    for where in ram disk; do
        on $ranks train job.yaml output_dir=tight$where$ranks vision_cache=$where vision_cache_gib=0.00005
        check "$ranks ranks, $where, 52 KiB: exit $rc" rc_is 0
        check "$ranks ranks, $where, 52 KiB: the same bits" same_run off$ranks tight$where$ranks
        check "$ranks ranks, $where, 52 KiB: some are kept: $(counts 1)" [ "$(kept 3)" -gt 0 ]
        check "$ranks ranks, $where, 52 KiB: some are not: $(counts 2)" [ "$(tower 3)" -gt 0 ]
        check "$ranks ranks, $where, 52 KiB: is said" said 'all that vision_cache_gib allows'
    done
done

# ---- a full disk: a file system of 64 KiB, seen by the job alone ----
mkdir small
on_small() { # COMMAND ...: what it leaves there is listed
    run unshare -m sh -c 'mount -t tmpfs -o size=64k none small || exit 9; "$@"; code=$?; ls -A small > left; exit $code' sh "$@"
}
on_small true
if [ "$rc" -eq 0 ]; then
    for ranks in 1 2; do
        on_small $mpirun -np $ranks "$program" train job.yaml output_dir=full$ranks \
            vision_cache=disk vision_cache_dir=small vision_cache_gib=1
        check "$ranks ranks, a full disk: exit $rc" rc_is 0
        check "$ranks ranks, a full disk: one warning" [ "$(grep -c 'No space left on device' log)" -eq 1 ]
        check "$ranks ranks, a full disk: the same bits" same_run off$ranks full$ranks
        check "$ranks ranks, a full disk: what is kept stays in use: $(counts 1)" [ "$(kept 3)" -gt 0 ]
        check "$ranks ranks, a full disk: some are not kept: $(counts 2)" [ "$(tower 3)" -gt 0 ]
        check "$ranks ranks, a full disk: nothing is left" [ ! -s left ]
    done
else
    skip "a full disk" "no right to mount a small file system"
fi

# ---- resumed in the middle of an epoch ----
for ranks in 1 2; do
    on $ranks train job.yaml output_dir=saved$ranks vision_cache=off save_steps=$((8 / ranks))
    for where in ram disk; do
        rm -rf again
        cp -r saved$ranks again
        rm -r again/adapter_model.safetensors again/checkpoint-$((16 / ranks)) again/checkpoint-$((18 / ranks))
        on $ranks train job.yaml output_dir=again vision_cache=$where save_steps=$((8 / ranks))
        check "$ranks ranks, $where, resumed: exit $rc" rc_is 0
        check "$ranks ranks, $where, resumed after step $((8 / ranks))" said "going on from again/checkpoint-$((8 / ranks))"
        check "$ranks ranks, $where, resumed: the same bits" same_run off$ranks again
        check "$ranks ranks, $where, resumed: features are kept again: $(counts 1)" [ "$(kept 2)" -gt 0 ]
    done
done

# begin ARGUMENT ...: a long run in the background, of two minutes at most; until_said TEXT: or it ends.
begin() {
    : > log
    "$program" train job.yaml num_train_epochs=100000 eval_strategy=no max_hours=0.05 "$@" > log 2>&1 < /dev/null &
    job=$!
}
until_said() {
    until said "$1"; do
        kill -0 $job 2> /dev/null || return 1
        sleep 0.05
    done
}

# ---- killed: nothing is left ----
begin output_dir=killed vision_cache=disk vision_cache_dir=node
until_said 'vision_cache: epoch 2'
kill -9 $job
wait $job 2> /dev/null
check "killed: it had begun" said 'vision_cache: epoch 2'
check "killed: nothing is left" is_empty node

# ---- a picture that changes while the job runs: same path, same mtime, other bytes ----
begin output_dir=changed vision_cache=ram
until_said 'vision_cache: epoch 2'
cp -p mine/drive/pictures/001.jpg was.jpg
cp mine/drive/pictures/002.jpg mine/drive/pictures/001.jpg
touch -r was.jpg mine/drive/pictures/001.jpg
until_said 'the files of 1 pictures have changed'
until_said ' 1 through the vision tower'
kill -USR1 $job
wait $job
rc=$?
check "a picture that changes: exit $rc" rc_is 75
check "a picture that changes is told" said 'the files of 1 pictures have changed'
check "a picture that changes goes through the tower again" said ' 1 through the vision tower'
finish
