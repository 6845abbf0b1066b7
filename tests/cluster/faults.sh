#!/bin/sh
# Whole runs on bad disks and folders: one that is full or read-only, checkpoints cut at 100 places, two files swapped, a
# file of another run, and a clock that jumps. What was saved is never lost, and a bad file is named.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
model small25
job job.yaml small25
sed -i '/^max_steps\|^save_steps\|^image_max\|^per_device_train/d' job.yaml
cat >> job.yaml << EOF
image_max_pixels: 3136
per_device_train_batch_size: 1
max_steps: 9
save_steps: 3
EOF
same_run() { # DIR
    cmp whole/adapter_model.safetensors "$1/adapter_model.safetensors" && same_logs whole/trainer_log.jsonl "$1/trainer_log.jsonl"
}
on 1 train job.yaml output_dir=whole
check "an undisturbed run: exit $rc" rc_is 0
# Stopped after checkpoint 6.
cp -r whole six
rm -r six/checkpoint-9 six/adapter_model.safetensors six/adapter_config.json six/train*_results.json six/all_results.json

# ---- a checkpoint cut short at 100 places: verified by what a resume asks first ----
missed=0 places=0
for file in state.h5 adapter_model.safetensors MANIFEST.json trainer_state.json; do
    cp six/checkpoint-6/$file kept
    size=$(wc -c < kept)
    for part in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24; do
        head -c $((size * part / 25)) kept > six/checkpoint-6/$file
        places=$((places + 1))
        run "$program" info six/checkpoint-6
        ! grep -q 'manifest and digests hold' log || { missed=$((missed + 1)); echo "# $file cut at $((size * part / 25)) was not noticed"; }
    done
    cp kept six/checkpoint-6/$file
done
check "cut at $places places: $missed not noticed" [ $missed -eq 0 ]
run "$program" info six/checkpoint-6
check "put back: it is good again" said 'manifest and digests hold'
# damaged NAME TEXT: the six of now goes on from checkpoint-3, names the file, and ends as it should
damaged() {
    on 1 train job.yaml output_dir=bad
    check "$1: exit $rc" rc_is 0
    check "$1: named" said "$2"
    check "$1: it goes on from the one before" said 'going on from bad/checkpoint-3'
    check "$1: the same bits and lines" same_run bad
    rm -rf bad
}
cp -r six bad
head -c 1000 six/checkpoint-6/state.h5 > bad/checkpoint-6/state.h5
damaged "state.h5 cut" checkpoint-6/state.h5
cp -r six bad
mv bad/checkpoint-6/state.h5 kept
mv bad/checkpoint-6/adapter_model.safetensors bad/checkpoint-6/state.h5
mv kept bad/checkpoint-6/adapter_model.safetensors
damaged "two files swapped" bad/checkpoint-6/
cp -r six bad
on 1 train job.yaml output_dir=other seed=7
cp other/checkpoint-6/state.h5 bad/checkpoint-6/state.h5
damaged "a file of another run" checkpoint-6/state.h5
cp -r six bad
rm -r bad/checkpoint-6
cp -r other/checkpoint-9 bad/checkpoint-6
damaged "another run's checkpoint of another step" bad/checkpoint-6
cp -r six bad
: > bad/checkpoint-6/adapter_model.safetensors
damaged "an empty file" checkpoint-6/adapter_model.safetensors

# ---- a clock that jumps ----
if command -v unshare > /dev/null && unshare -T true 2> /dev/null; then
    # The monotonic clock of a new time namespace begins elsewhere; wall time is the same for all, so the run's files are
    # dated anew instead: no mtime decides which checkpoint is the newest.
    cp -r six bad
    touch -d '2030-01-01' bad/checkpoint-3 bad/checkpoint-3/*
    touch -d '1999-01-01' bad/checkpoint-6 bad/checkpoint-6/*
    limit=60 run unshare -T --monotonic 864000 "$program" train job.yaml output_dir=bad
    check "files dated 2030 and 1999, a monotonic clock 10 days on: exit $rc" rc_is 0
    check "dates: the newest by step is taken" said 'going on from bad/checkpoint-6'
    check "dates: the same bits and lines" same_run bad
    check "dates: no time below 0" sh -c "! grep -E '\"(elapsed|remaining)_time\": \"-|_runtime\": -' bad/trainer_log.jsonl bad/*_results.json"
    rm -rf bad
else
    skip "a clock that jumps" "no time namespaces, or not root"
fi

# ---- folders that cannot be written ----
as_root=0
[ "$(id -u)" -ne 0 ] || as_root=1
if [ $as_root -eq 1 ] && unshare -m true 2> /dev/null; then
    # in_mount SIZE COMMAND ...: with disk/ a disk of its own; its files are copied to left/ after
    in_mount() {
        in_mount_size=$1
        shift
        mkdir -p disk
        rm -rf left
        # shellcheck disable=SC2016  # for the inner shell
        run unshare -m sh -c 'mount -t tmpfs -o size="$0" disk disk && [ ! -d start ] || cp -r start disk/out; "$@"
            rc=$?; cp -r disk left; exit $rc' "$in_mount_size" "$@"
    }
    in_mount 100m "$program" train job.yaml output_dir=disk/out
    check "a disk of 100 MB: exit $rc" rc_is 0
    # 64 MiB have to stay free beside a checkpoint: the next one finds no room.
    cp -r six start
    rm -r start/checkpoint-6
    in_mount 60m "$program" train job.yaml output_dir=disk/out
    check "a disk that fills up: exit $rc" [ "$rc" -eq 74 ]
    check "a disk that fills up: one line says where and why" one_error disk/out
    check "a disk that fills up: checkpoint-3 is whole" sh -c "'$program' info left/out/checkpoint-3 | grep 'digests hold'"
    check "a disk that fills up: nothing half stands under a final name" [ ! -e left/out/checkpoint-6 ]
    rm -r start
    cp -r left/out start
    in_mount 100m "$program" train job.yaml output_dir=disk/out
    check "then with room: exit $rc" rc_is 0
    check "then with room: it goes on" said 'going on from disk/out/checkpoint-3'
    check "then with room: the same bits and lines" same_run left/out
    rm -rf start left
    mkdir -p locked
    # shellcheck disable=SC2016  # for the inner shell
    run unshare -m sh -c 'mount -t tmpfs -o ro none locked && exec "$@"' sh "$program" train job.yaml output_dir=locked/out
    check "a read-only disk: exit $rc" rc_is 73
    check "a read-only disk: one line names it" one_error locked/out
    # An I/O error of the disk itself, while a run saves: a loop device whose file is cut under it.
    cp -r six start
    if command -v losetup > /dev/null && command -v mkfs.ext4 > /dev/null && losetup -f > /dev/null 2>&1; then
        dd if=/dev/zero of=image bs=1M count=16 2> /dev/null
        mkfs.ext4 -q -F image
        mkdir -p disk
        # shellcheck disable=SC2016  # for the inner shell
        run unshare -m sh -c 'mount -o loop,errors=remount-ro image disk && cp -r start disk/out && sync && truncate -s 4M image &&
            echo 3 > /proc/sys/vm/drop_caches; "$@"; rc=$?; umount -l disk; exit $rc' sh "$program" train job.yaml output_dir=disk/out
        check "a disk that fails: exit $rc" sh -c "[ $rc -eq 73 ] || [ $rc -eq 74 ] || [ $rc -eq 66 ]"
        check "a disk that fails: one line names it" one_error disk/out
    else
        skip "a disk that fails" "no loop device or mkfs.ext4 here"
    fi
else
    skip "disks of their own" "they need root and mount namespaces"
fi
finish
