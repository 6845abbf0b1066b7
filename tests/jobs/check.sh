#!/bin/sh
# ranktune check: a good job on 1, 2 and 3 ranks, and what it says of each thing that can be wrong: one line with what to do,
# and the exit code that the run itself would end with.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"

model small25
job job.yaml small25
echo 'device: cpu' >> job.yaml

# line VERDICT WHAT TEXT: the last run has a line of this kind with this text.
line() {
    grep -E "^$1 +$2 +" "$tmp/log" | grep -F -- "$3"
}
# cured WHAT TEXT: the line below such a finding says so.
cured() {
    grep -A1 -E "^(warning|FAIL) +$1 +" "$tmp/log" | grep -E '^ +-> ' | grep -F -- "$2"
}
# Rates that differ between ranks are no fault where other programs run beside these.
no_failure() {
    ! grep -E '^FAIL|^warning' "$tmp/log" | grep -v ", below 0.7 of the ranks' median"
}
# as_run: the run of the same words ends with the code that check ended with.
as_run() { # RANKS WORD ...
    as_run_code=$rc as_run_ranks=$1
    shift
    on "$as_run_ranks" train "$@"
    check "the run itself: exit $rc" rc_is "$as_run_code"
}

# ---- a good job ----
for ranks in 1 2 3; do
    on $ranks check job.yaml
    check "$ranks ranks, a good job: exit $rc" rc_is 0
    check "$ranks ranks, a good job: nothing is wrong" no_failure
    check "$ranks ranks: hosts" line OK hosts "$ranks rank"
    for part in versions memory settings output device cores rows tokens cutoff pictures steps model plan compute disk time; do
        check "$ranks ranks: a line on $part" line OK $part ""
    done
    check "$ranks ranks: rows" line OK rows "88 rows: 72 for training, 16 for evaluation, 0 bad"
    check "$ranks ranks: steps" line OK steps "$ranks ranks x batch 2 x accumulation 2"
    check "$ranks ranks: pictures" line OK pictures "44 different ones"
    check "$ranks ranks: each file's size" line OK model "every size as its header says"
    [ $ranks -eq 1 ] || check "$ranks ranks: sums between them" line OK sums "MPI, the job's gradients"
    [ $ranks -eq 1 ] || check "$ranks ranks: exchanges between neighbours" line OK pairs "$((ranks - 1)) pair"
    check "$ranks ranks: one line a finding, whatever the number of ranks" [ "$(grep -c '^OK  *device' "$tmp/log")" -eq 1 ]
    check "$ranks ranks: no trace is left" [ ! -e out ]
done
check "what the plan is in check is what it is in the run" sh -c "
    '$program' check job.yaml | sed -n 's/^OK *plan .*passes of up to \([0-9]*\) tokens.*/\1/p' > plan.check
    '$program' train job.yaml output_dir=planned 2>&1 | sed -n 's/.*passes of up to \([0-9]*\) tokens and.*/\1/p' > plan.train
    [ -s plan.check ] && diff plan.check plan.train"

# ---- as JSON ----
on 2 check job.yaml --json
check "--json: exit $rc" rc_is 0
check "--json: one object" sh -c "head -1 '$tmp/log' | grep -qx '{' && tail -1 '$tmp/log' | grep -qx '}'"
check "--json: its counts" sh -c "grep -q '\"failures\": 0' '$tmp/log' && grep -q '\"exit_code\": 0' '$tmp/log'"
on 1 check job.yaml --json dataset=nowhere
check "--json of a failure: exit $rc" rc_is 78
check "--json of a failure: its code" grep -q '"exit_code": 78' "$tmp/log"

# ---- a plan for a GPU that is not here ----
on 1 check job.yaml device=cuda bf16=true --gpu-gib 80
check "--gpu-gib 80: exit $rc" rc_is 0
check "--gpu-gib 80: planned" line OK plan "predicted for each GPU"
on 1 check job.yaml device=cuda bf16=true --gpu-gib=1.0175
check "a GPU that is too small: exit $rc" rc_is 71
check "a GPU that is too small: the keys that help" cured plan "lower cutoff_len, image_max_pixels or per_device_train_batch_size"
on 1 check job.yaml --gpu-gib many
check "--gpu-gib many: exit $rc" rc_is 64
on 1 check
check "check without a job: exit $rc" rc_is 64
on 2 check job.yaml no_such_key=1
check "a job with an unknown key: exit $rc" rc_is 64
on 2 check nowhere.yaml
check "a job that is not there: exit $rc" rc_is 66

# ---- model files ----
"$program" init small25 shards --tokenizer small25 --dtype fp32 --shard-mb 1 > "$tmp/log" || exit 1
cp -r shards missing
rm missing/model-00002-of-0000?.safetensors
on 2 check job.yaml model_name_or_path=missing
check "a missing shard: exit $rc" rc_is 66
check "a missing shard: named" line FAIL model "missing/model-00002-of-"
check "a missing shard: what to do" cured model "ranktune download"
check "a missing shard: the data was looked at all the same" line OK rows "88 rows"
check "a missing shard: the disk too" line OK disk "free"
as_run 2 job.yaml model_name_or_path=missing output_dir=never
cp -r shards short
dd if=/dev/null of="$(echo short/model-00001-of-*)" bs=1 seek=100000 2> /dev/null
on 3 check job.yaml model_name_or_path=short
check "a truncated shard: exit $rc" rc_is 66
check "a truncated shard: named" line FAIL model "short/model-00001-of-"
check "a truncated shard: said once" [ "$(grep -c '^FAIL' "$tmp/log")" -eq 1 ]
as_run 3 job.yaml model_name_or_path=short output_dir=never
cp -r small25 mixed
sed -i 's/"intermediate_size": [0-9]*/"intermediate_size": 96/' mixed/config.json
on 1 check job.yaml model_name_or_path=mixed
check "a tensor of another shape: exit $rc" rc_is 66
check "a tensor of another shape: named" line FAIL model "of another shape"
on 2 check job.yaml model_name_or_path=nowhere
check "no model folder: exit $rc" rc_is 66

# ---- rows ----
mkdir rows && copy "$data/drive" "$data/dataset_info.json" rows/
picture=$(cd rows/drive && find . -name '*.jpg' -o -name '*.png' | sort | head -1)
rm "rows/drive/$picture"
on 2 check job.yaml dataset_dir=rows
check "a missing picture: exit $rc, borne by max_bad_rows" rc_is 0
check "a missing picture: a warning that names it" line warning rows "$(basename "$picture")"
check "a missing picture: file and row" line warning rows " row "
check "a missing picture: what to do" cured rows "repair or remove"
on 2 check job.yaml dataset_dir=rows max_bad_rows=0
check "a missing picture that is not borne: exit $rc" rc_is 65
check "a missing picture that is not borne: why" line FAIL rows "max_bad_rows: 0"
as_run 2 job.yaml dataset_dir=rows max_bad_rows=0 output_dir=never
copy "$data/drive/"*.json rows/drive/
copy "$data/drive/." rows/drive/
sed -i '0,/<image>/s/<image>/<image><image>/' rows/drive/train.json
on 3 check job.yaml dataset_dir=rows
check "a row with one <image> too many: exit $rc" rc_is 0
check "a row with one <image> too many: counted" line warning rows "1 row cannot be used"
check "a row with one <image> too many: why" line warning rows "<image>"
on 1 check job.yaml cutoff_len=75
check "rows that are cut: exit $rc" rc_is 0
check "rows that are cut: how much" line warning cutoff "cutoff_len: 75 shortens"
on 1 check job.yaml cutoff_len=16
check "a cutoff_len that leaves no row: exit $rc" rc_is 65
as_run 1 job.yaml cutoff_len=16 output_dir=never
on 1 check job.yaml dataset=nowhere
check "an unknown data set: exit $rc" rc_is 78

# ---- output_dir ----
: > file
on 2 check job.yaml output_dir=file/out
check "an output_dir under a file: exit $rc" rc_is 73
check "an output_dir under a file: what to do" cured output "choose another folder"
as_run 2 job.yaml output_dir=file/out
mkdir old && : > old/adapter_model.safetensors
on 1 check job.yaml output_dir=old
check "weights of another run: exit $rc" rc_is 73
mkdir closed && chmod 555 closed
if [ "$(id -u)" -ne 0 ]; then
    on 1 check job.yaml output_dir=closed/out
    check "an output_dir that cannot be written: exit $rc" rc_is 73
elif setpriv --reuid 65534 --regid 65534 --clear-groups true 2> /dev/null; then
    chmod 755 "$tmp"
    limit=60 run setpriv --reuid 65534 --regid 65534 --clear-groups "$program" check job.yaml output_dir="$tmp/closed/out"
    if grep -q 'Permission denied' "$tmp/log" && ! grep -q '^OK  *hosts' "$tmp/log"; then
        skip "an output_dir that cannot be written" "another user cannot start the program from here"
    else
        check "an output_dir that cannot be written: exit $rc" rc_is 73
        check "an output_dir that cannot be written: why" line FAIL output "Permission denied"
    fi
else
    skip "an output_dir that cannot be written" "root may write everywhere, and setpriv is not here"
fi
mkdir full
if mount -t tmpfs -o size=4m none full 2> /dev/null; then
    trap 'umount "$tmp/full" 2> /dev/null; rm -rf "$tmp"' EXIT
    on 2 check job.yaml output_dir=full/out
    check "a disk that is too small: exit $rc" rc_is 74
    check "a disk that is too small: figures" line FAIL disk "the first checkpoint"
    check "a disk that is too small: what to do" cured disk "free some space"
    dd if=/dev/zero of=full/fill bs=1k 2> /dev/null
    on 1 check job.yaml output_dir=full
    check "a full disk: exit $rc" rc_is 74
    umount full
    mount -t tmpfs -o size=200m,nr_inodes=20 none full
    on 1 check job.yaml output_dir=full
    check "few files: exit $rc" rc_is 0
    check "few files: a warning" line warning disk "more files can be made"
    umount full
else
    skip "a full disk" "nothing can be mounted here"
fi

# ---- ranks that differ ----
two() { # WORD of the first rank, WORD of the second
    run $mpirun -np 1 env $1 "$program" check job.yaml : -np 1 env $2 "$program" check job.yaml
}
two NCCL_DEBUG=WARN NCCL_DEBUG=INFO
check "settings that differ: exit $rc" rc_is 0
check "settings that differ: which, and where" line warning settings 'NCCL_DEBUG differs: "WARN" on rank 0'
check "settings that differ: the other" line warning settings '"INFO" on rank 1'
check "settings that differ: what to do" cured settings "mpirun -x NCCL_DEBUG"
two UCX_TLS=tcp ""
check "a setting that one rank lacks: exit $rc" rc_is 0
check "a setting that one rank lacks" line warning settings 'UCX_TLS differs: "tcp" on rank 0'
check "a setting that one rank lacks: not set" line warning settings 'not set on rank 1'
if unshare -u -m true 2> /dev/null; then # a second host on this one: another name, and a folder that it does not see
    two_hosts() { # COMMAND of the second before it starts
        run $mpirun -np 2 "$program" check job.yaml : \
            -np 1 unshare -u -m sh -c "hostname elsewhere; $1; exec '$program' check job.yaml"
    }
    two_hosts true
    check "two hosts: exit $rc" rc_is 0
    check "two hosts: both named, and that one has fewer ranks" line warning hosts "3 ranks on 2 hosts: $(uname -n) (2), elsewhere (1)"
    check "two hosts: what to do" cured hosts "equally many on each"
    two_hosts "mount -t tmpfs none small25"
    check "a host without the model's files: exit $rc, as the others read them" rc_is 0
    check "a host without the model's files: rank and host" line warning model "rank 2 on elsewhere"
    check "a host without the model's files: the others have them" line OK model "ranks 0, 1 on"
    "$program" init small25 other --corpus "$data/drive/train.json" --dtype fp32 --seed 9 > /dev/null
    two_hosts "mount --bind other small25"
    check "a host with another model of the same sizes: exit $rc" rc_is 66
    check "a host with another model of the same sizes: rank and host" line FAIL model "rank 2 on elsewhere"
    check "a host with another model of the same sizes: what to do" cured model "copy the folder there again"
    two_hosts "export OMP_NUM_THREADS=3"
    check "a host with another setting: named" line warning settings '"3" on rank 2 on elsewhere'
else
    skip "two hosts" "no namespaces can be made here"
fi
export NCCL_DEBUG=WARN
on 2 check job.yaml
check "settings that are alike: told" line OK settings "NCCL_DEBUG=WARN"
unset NCCL_DEBUG

# ---- devices ----
sed -i '/^device/d' job.yaml
if ! ls /dev/nvidia0 > /dev/null 2>&1; then
    on 2 check job.yaml
    check "no GPU, device: auto: exit $rc" rc_is 0
    check "no GPU, device: auto: a warning" line warning device "no GPU is seen"
    on 2 check job.yaml device=cuda
    check "no GPU, device: cuda: exit $rc" rc_is 69
    check "no GPU, device: cuda: the rest was looked at" line OK model "every size as its header says"
    as_run 2 job.yaml device=cuda output_dir=never
fi
finish
