# case.sh - a recorded case in fp32 and bf16, the same bits twice and through a kill; sourced by tests/gpu.sh.
# case_run NAME WORD ...: into $tmp/NAME
case_run() {
    case_name=$1
    shift
    (cd "$CASE" && on 1 train job.yaml use_cpu=false device=cuda report_to=none output_dir="$tmp/$case_name" "$@"
        exit $rc)
    rc=$?
}
if [ -z "${CASE:-}" ]; then
    skip "a recorded case" "CASE is not set"
else
    case_run fp32
    apart=$(worst_of loss "$CASE/expect/trainer_log.jsonl" fp32/trainer_log.jsonl)
    check "fp32: losses of the case apart by $apart <= 3e-4" below "$apart" 3e-4
    note "recorded case, fp32: losses apart by $apart"
    case_run bf16a bf16=true
    case_run bf16b bf16=true
    check "bf16: the same bits twice" cmp bf16a/adapter_model.safetensors bf16b/adapter_model.safetensors
    apart=$(worst_of loss "$CASE/expect/trainer_log.jsonl" bf16a/trainer_log.jsonl)
    check "bf16: losses of the case apart by $apart <= ${BF16_BOUND:-9.9e-3}" below "$apart" "${BF16_BOUND:-9.9e-3}"
    note "recorded case, bf16: losses apart by $apart"
    model small25
    job job.yaml small25
    sed -i '/^max_steps\|^save_steps\|^logging_steps/d' job.yaml
    printf '%s\n' "device: cuda" "bf16: true" "logging_steps: 10" "save_steps: 100" "max_steps: 300" >> job.yaml
    on 1 train job.yaml output_dir=whole
    check "a whole run: exit $rc" rc_is 0
    begin 1 train job.yaml output_dir=resumed
    find_ranks
    until_said 'checkpoint-100 written'
    kill -9 $members 2> /dev/null
    end_of
    on 1 train job.yaml output_dir=resumed
    check "killed and gone on with: from a checkpoint" said "going on from resumed/checkpoint-"
    check "killed and gone on with: the same bits" cmp whole/adapter_model.safetensors resumed/adapter_model.safetensors
fi
