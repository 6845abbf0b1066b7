#!/bin/sh
# What needs several GPUs of one machine, in one call: sums between them, a recorded case, speed and start on 1 to all of them,
# ranks that are lost, checkpoints. TAP lines, then a table.
# usage: multigpu.sh [FOLDER]     FOLDER: where ranktune is (default b; test_gpu_sums.mpi beside it or under tests/dist)
# CASE=DIR       a recorded case: job.yaml, model, data, expect/trainer_log.jsonl made on one rank; else left out
# TOKENIZER=DIR  holds a tokenizer.json for the 7B model; else what needs the 7B is left out
# DATA=DIR DATASET=NAME   its pictures and questions; else data/drive, whose pictures are small
# PEER=COMMAND   prints another program's tokens/s on $1 GPUs for the same job, in its last line; else left out
# MODEL=DIR      a 7B folder that is there already; else one is made in /dev/shm and removed
RT_SRCDIR=$(cd "$(dirname "$0")/.." && pwd)
RT_BUILDDIR=$(cd "${1:-b}" && pwd) || exit 1
gpus=$(nvidia-smi -L 2> /dev/null | grep -c '^GPU')
if [ "$gpus" -lt 2 ]; then
    echo "1..0 # SKIP $gpus GPUs; at least 2 are needed"
    exit 0
fi
. "$RT_SRCDIR/tests/jobs/lib.sh"
table=$tmp/table
sums=$RT_BUILDDIR/tests/dist/test_gpu_sums.mpi
[ -x "$sums" ] || sums=$RT_BUILDDIR/test_gpu_sums.mpi
nvidia-smi --query-gpu=index,name,pci.bus_id,driver_version --format=csv,noheader | sed 's/^/# /'
nvidia-smi topo -m 2> /dev/null | sed 's/^/# /'
counts=
for count in 1 2 4 8; do
    [ "$count" -gt "$gpus" ] || counts="$counts $count"
done
most=${counts##* }
note() { # a line of the table
    printf '%s\n' "$*" >> "$table"
}
since() { # seconds since a date +%s.%N
    echo "$1 $(date +%s.%N)" | awk '{ printf "%.1f", $2 - $1 }'
}
ratio() {
    awk -v a="$1" -v b="$2" 'BEGIN { if (a > 0 && b > 0) printf "%.3f", a / b; else print "nan" }'
}

# ---- sums ----
for count in $counts; do
    [ "$count" -gt 1 ] || continue
    run mpirun --bind-to none -np "$count" "$sums"
    check "$count GPUs: sums and broadcasts by NCCL" sh -c "[ $rc -eq 0 ] && ! grep -E '^not ok|SKIP' '$tmp/log'"
    note "$count GPUs: $(sed -n "s/^ok [0-9]* - a step's gradients, //p" "$tmp/log"), NCCL $(sed -n 's/^ok [0-9]* - NCCL \([^ ]*\) starts.*, \(.*\)/\1 starts in \2/p' "$tmp/log")"
done
if "$program" --help | grep -q 'ranktune check'; then
    model small25
    job check.yaml small25
    on "$most" check check.yaml device=cuda
    check "ranktune check on $most GPUs: exit $rc" rc_is 0
    grep -iE 'nvlink|pcie|GB/s' "$tmp/log" | head -12 >> "$table"
else
    skip "ranktune check" "this build has no such command"
fi

# ---- a recorded case, with the global batch kept ----
# case_on COUNT NAME WORD ...
case_on() {
    case_count=$1 case_name=$2
    shift 2
    (cd "$CASE" && on "$case_count" train job.yaml use_cpu=false device=cuda report_to=none save_steps=100000 \
        gradient_accumulation_steps=$((case_batches / case_count)) output_dir="$tmp/$case_name" "$@"
        exit $rc)
    rc=$?
}
if [ -n "${CASE:-}" ]; then
    case_batches=$(sed -n 's/^gradient_accumulation_steps: *//p' "$CASE/job.yaml")
    for count in $counts; do
        [ $((case_batches % count)) -eq 0 ] || continue
        case_on "$count" "case$count"
        apart=$(worst_of loss "$CASE/expect/trainer_log.jsonl" "case$count/trainer_log.jsonl")
        check "$count GPUs, fp32: losses of the case apart by $apart <= 2e-4" below "$apart" 2e-4
        for again in a b; do
            case_on "$count" "bf16$again" bf16=true
        done
        check "$count GPUs, bf16: the same bits twice" cmp bf16a/adapter_model.safetensors bf16b/adapter_model.safetensors
        note "$count GPUs, fp32: losses of the case apart by $apart"
    done
else
    skip "a recorded case" "CASE is not set"
fi

# ---- ranks that are lost ----
[ -d small25 ] || model small25
job job.yaml small25
sed -i '/^max_steps\|^save_steps\|^logging_steps/d' job.yaml
cat >> job.yaml << END
device: cuda
logging_steps: 10
save_steps: 100
END
for rank in 0 $((most - 1)); do
    for signal in KILL STOP; do
        begin "$most" train job.yaml max_steps=1000000 save_steps=1000000 ddp_timeout=5 output_dir="lost$rank$signal"
        find_ranks
        until_said 'step 20/'
        process=$(echo $members | cut -d ' ' -f $((rank + 1)))
        begun=$(date +%s.%N)
        kill -$signal "$process"
        end_of
        took=$(since "$begun")
        wanted=76 bound=20
        [ $signal = STOP ] || wanted=137 bound=5
        check "$most GPUs, rank $rank gets SIG$signal: exit $rc" rc_is $wanted
        check "$most GPUs, rank $rank gets SIG$signal: all gone after $took s <= $bound" below "$took" $bound
        gone=0
        for member in $members; do
            grep -q '^State:[^Z]*$' "/proc/$member/status" 2> /dev/null && gone=1 # one that nobody waits for is a Z
        done
        check "$most GPUs, rank $rank gets SIG$signal: no process is left" [ $gone -eq 0 ]
        if [ $signal = STOP ]; then
            check "$most GPUs, rank $rank stopped: it is named" grep -qE "rank $rank on .* \(process $process, (GPU-[-0-9a-f]+, )?stopped by a signal\) does not answer" "$tmp/log"
        else
            check "$most GPUs, rank $rank killed: it is named" grep -qE "process rank $rank .* signal 9|rank $rank \(PID $process\)" "$tmp/log"
        fi
        note "$most GPUs, rank $rank gets SIG$signal: exit $rc after $took s"
    done
done

# ---- checkpoints: killed and gone on with, on as many GPUs and on half ----
on "$most" train job.yaml max_steps=300 output_dir=whole
check "$most GPUs: a whole run: exit $rc" rc_is 0
for other in $most $((most / 2)); do
    begin "$most" train job.yaml max_steps=300 output_dir="resumed$other"
    find_ranks
    until_said 'checkpoint-100 written'
    kill -9 $members 2> /dev/null
    end_of
    on "$other" train job.yaml max_steps=300 output_dir="resumed$other" gradient_accumulation_steps=$((2 * most / other))
    check "killed on $most, gone on with on $other: exit $rc" rc_is 0
    check "killed on $most, gone on with on $other: from a checkpoint" said "going on from resumed$other/checkpoint-"
    apart=$(worst_of loss whole/trainer_log.jsonl "resumed$other/trainer_log.jsonl")
    if [ "$other" -eq "$most" ]; then
        check "killed on $most, gone on with: the same bits" cmp whole/adapter_model.safetensors "resumed$other/adapter_model.safetensors"
    else
        check "killed on $most, gone on with on $other: losses apart by $apart <= 1e-2" below "$apart" 1e-2
    fi
    note "killed on $most GPUs, gone on with on $other: losses apart by $apart"
done

# ---- the 7B: speed, and time to the first step ----
seven() { # COUNT: one run under mpirun; tokens/s of its last 4 steps in $speed, seconds to the first step in $first
    begun=$(date +%s.%N)
    launched=yes
    begin "$1" train seven.yaml vision_cache=off output_dir="seven$1"
    until_said 'step 1/'
    first=$(since "$begun")
    end_of
    launched=
    speed=$(seven_speed)
    set_up=$(sed -n 's/.*\(set up in .*\)/\1/p' "$tmp/log")
}
. "$RT_SRCDIR/tests/gpu/seven.sh"
if [ -n "$seven_model" ]; then
    for count in $counts; do
        seven "$count"
        check "7B on $count GPUs: exit $rc" rc_is 0
        [ "$count" -gt 1 ] || one=$speed first_one=$first
        share=$(ratio "$speed" "$(awk -v a="$one" -v n="$count" 'BEGIN { print a * n }')")
        longer=$(ratio "$first" "$first_one")
        peer=
        [ -z "${PEER:-}" ] || peer="; the peer: $(sh -c "$PEER" peer "$count" 2> /dev/null | tail -1)"
        note "7B on $count GPUs: $speed tokens/s, $share of $count times one's; first step after $first s, $longer times one's ($set_up)$peer"
        [ "$count" -lt 8 ] || check "7B on 8 GPUs: $share >= 0.97 of 8 times one's" below 0.97 "$share"
        [ "$count" -ne "$most" ] || check "7B: first step on $count GPUs after $longer <= 1.2 times one's time" below "$longer" 1.2
    done
else
    skip "the 7B" "neither TOKENIZER nor MODEL is set"
fi
cat "$table"
finish
