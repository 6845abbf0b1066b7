# lib.sh - what the whole-run tests share: a folder of their own, small models and jobs, runs with a time limit, numbers
# read back from what a run left, and TAP lines. Sourced by tests/jobs/*.sh.
set -u
program=${RT_BUILDDIR:-b}/ranktune
data=$(cd "${RT_SRCDIR:-.}" && pwd)/data
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1
here=$PWD
case $program in /*) ;; *) program=$here/$program ;; esac
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1

# The launcher, and its options but for the number of ranks: RT_MPIRUN=mpiexec has these tests under MPICH, with a program built
# for it and both in PATH and LD_LIBRARY_PATH. What Hydra, its mpiexec, does otherwise (version 4.0.2) is known here and to
# `hydra`: a rank that is killed is 9, not 137, and the others are killed with it, without a second for a last word.
mpirun=${RT_MPIRUN:-mpirun --oversubscribe --bind-to none} killed_rc=137
hydra() {
    [ $killed_rc -eq 9 ]
}
case $($mpirun --version 2> /dev/null) in *HYDRA*) killed_rc=9 ;; esac

n=0 failed=0 rc=0
# check TEXT COMMAND ...: one TAP line, ok if the command succeeds. What the last run said follows a failure.
check() {
    n=$((n + 1)) check_text=$1
    shift
    if "$@" > "$tmp/check.out" 2>&1; then
        echo "ok $n - $check_text"
    else
        echo "not ok $n - $check_text"
        sed 's/^/# /' "$tmp/check.out" | head -20
        [ ! -e "$tmp/log" ] || tail -n 12 "$tmp/log" | sed 's/^/#   /'
        failed=1
    fi
}
skip() {
    n=$((n + 1))
    echo "ok $n - $1 # SKIP $2"
}
finish() {
    echo "1..$n"
    exit $failed
}

# run COMMAND ...: with a time limit ($limit seconds, or 60); both streams to $tmp/log, the exit code to $rc (124: it hung).
run() {
    timeout -k 5 "${limit:-60}" "$@" > "$tmp/log" 2>&1 < /dev/null
    rc=$?
}
# on RANKS ARGUMENT ...: the program on so many ranks; 1 is the program alone, without a launcher.
on() {
    on_ranks=$1
    shift
    if [ "$on_ranks" -eq 1 ]; then
        run "$program" "$@"
    else
        run $mpirun -np "$on_ranks" "$program" "$@"
    fi
}
# begin RANKS ARGUMENT ...: in the background; $pid is the launcher's or the program's. With $launched not empty one rank has a
# launcher too.
begin() {
    begin_ranks=$1
    shift
    : > "$tmp/log" # what the last run said is not this one's
    if [ "$begin_ranks" -eq 1 ] && [ -z "${launched:-}" ]; then
        timeout -k 5 "${limit:-60}" "$program" "$@" > "$tmp/log" 2>&1 < /dev/null &
    else
        timeout -k 5 "${limit:-60}" $mpirun -np "$begin_ranks" "$program" "$@" > "$tmp/log" 2>&1 < /dev/null &
    fi
    job=$! members=
}
# children PID: in the order in which they were started, where the kernel says so; else from every process's /proc/PID/stat, which
# takes a while on a busy machine, as ps need not be there.
children() {
    if [ -e "/proc/$$/task/$$/children" ]; then
        cat "/proc/${1:-gone}"/task/*/children 2> /dev/null | tr ' ' '\n' | grep .
        return
    fi
    for children_stat in /proc/[0-9]*/stat; do
        read -r children_line 2> /dev/null < "$children_stat" || continue
        case ${children_line##*) } in ?" ${1:-gone} "*) echo "${children_line%% *}" ;; esac
    done
}
# until_there PATTERN: some file of that name appears, or the run ends.
until_there() {
    until [ -e "$(echo $1)" ]; do # matches, once it is there
        kill -0 $job 2> /dev/null || return 1
    done
}
# until_said TEXT
until_said() {
    until grep -qF -- "$1" "$tmp/log"; do
        kill -0 $job 2> /dev/null || return 1
        sleep 0.02
    done
}
# find_ranks: the processes of the run begun, in $members, once it has said its first word.
find_ranks() {
    until_said INFO
    members=$(children $(children $job))              # timeout, then mpirun
    ! hydra || members=$(children $members)           # and what it starts on each host
    [ "$begin_ranks" -gt 1 ] || members=$(children $job)
    members=$(echo $members) # in one line, in the order of ranks
}
# end_of: waits for the run begun; its code in $rc.
end_of() {
    wait $job
    rc=$?
}
# rc_is CODE: of the last run.
rc_is() {
    echo "exit $rc, wanted $1"
    [ "$rc" -eq "$1" ]
}
said() {
    grep -qF -- "$1" "$tmp/log"
}
# errors: the lines in which a job says why it ended, of rank 0 in the end or of any rank at once.
errors() {
    grep -E '^(ranktune: |\[rank [0-9]+ [^]]*\] )' "$tmp/log" | grep -v '^[^]]*\] warning: '
}
# one_error TEXT ...: exactly one such line, and with each of the texts in it.
one_error() {
    errors > "$tmp/errors"
    cat "$tmp/errors"
    [ "$(wc -l < "$tmp/errors")" -eq 1 ] || { echo "wanted one line"; return 1; }
    for one_error_text in "$@"; do
        grep -qF -- "$one_error_text" "$tmp/errors" || { echo "wanted: $one_error_text"; return 1; }
    done
}
# faulty: whether trouble can be made for whole runs (tests/jobs/fault.c); then `export LD_PRELOAD=$fault FAULT=...` asks
# for it.
fault=${RT_BUILDDIR:-b}/tests/jobs/fault.so
case $fault in /*) ;; *) fault=$here/$fault ;; esac
faulty() {
    [ -e "$fault" ] && LD_PRELOAD=$fault "$program" --version > /dev/null 2>&1
}
# copy FROM ... TO: of what is shipped, to be changed; in a source tree that may not be written a copy could not be either.
copy() {
    cp -r --no-preserve=mode "$@"
}
# model PRESET ...: folders of that name beside the jobs.
model() {
    for model_preset in "$@"; do
        "$program" init "$model_preset" "$model_preset" --corpus "$data/drive/train.json" --dtype fp32 > /dev/null || exit 1
    done
}
# job FILE MODEL: a small job; jobs vary it by key=value words.
job() {
    cat > "$1" << EOF
model_name_or_path: $2
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 4
dataset: drive_train
eval_dataset: drive_eval
dataset_dir: $data
template: qwen2_vl
cutoff_len: 512
image_max_pixels: 12544
output_dir: out
logging_steps: 1
save_steps: 1000
report_to: none
per_device_train_batch_size: 2
per_device_eval_batch_size: 2
gradient_accumulation_steps: 2
learning_rate: 1.0e-2
max_steps: 6
EOF
}

# numbers FILE KEY: every value of a key in a JSON file, one a line.
numbers() {
    sed -n 's/.*"'"$2"'": *\([-+0-9.eE]*\).*/\1/p' "$1"
}
# worst A B: the largest difference between two columns of numbers, "nan" if they are not equally many or none.
worst() {
    paste "$1" "$2" | awk 'NF != 2 { bad = 1 } { d = $1 - $2; if (d < 0) d = -d; if (d > m) m = d }
        END { if (bad || NR == 0) print "nan"; else printf "%.3g\n", m }'
}
# worst_relative A B: likewise, each divided by the number of A.
worst_relative() {
    paste "$1" "$2" | awk 'NF != 2 { bad = 1 } { d = ($1 - $2) / ($1 == 0 ? 1 : $1); if (d < 0) d = -d; if (d > m) m = d }
        END { if (bad || NR == 0) print "nan"; else printf "%.3g\n", m }'
}
# worst_of KEY FILE_A FILE_B
worst_of() {
    numbers "$2" "$1" > "$tmp/a.col"
    numbers "$3" "$1" > "$tmp/b.col"
    worst "$tmp/a.col" "$tmp/b.col"
}
# below X BOUND: a number, and not above the bound.
below() {
    awk -v x="$1" -v y="$2" 'BEGIN { exit !(x ~ /^[-+0-9.]/ && x + 0 <= y + 0) }'
}
# floats FILE.safetensors: its data as numbers, one a line. All tensors of an adapter are f32.
floats() {
    floats_header=$(od -An -v -t u8 -N 8 "$1" | tr -d ' ')
    od -An -v -t f4 -w4 -j $((8 + floats_header)) "$1"
}
# norm_apart A B: |a - b| / |a| of two adapters with the same header.
norm_apart() {
    floats "$1" > "$tmp/a.col"
    floats "$2" > "$tmp/b.col"
    paste "$tmp/a.col" "$tmp/b.col" | awk 'NF != 2 { bad = 1 } { d += ($1 - $2) ^ 2; s += $1 ^ 2 }
        END { if (bad || s == 0) print "nan"; else printf "%.3g\n", sqrt(d / s) }'
}
# log_bits FILE: trainer_log.jsonl without the times, which no two runs share.
log_bits() {
    sed 's/, "elapsed_time": "[^"]*", "remaining_time": "[^"]*"//' "$1"
}
same_logs() {
    log_bits "$1" > "$tmp/a.log"
    log_bits "$2" > "$tmp/b.log"
    diff "$tmp/a.log" "$tmp/b.log"
}
# same_run DIR DIR: two runs ended with the same bits and lines.
same_run() {
    cmp "$1/adapter_model.safetensors" "$2/adapter_model.safetensors" && same_logs "$1/trainer_log.jsonl" "$2/trainer_log.jsonl"
}
lines() {
    wc -l < "$1" | tr -d ' '
}
