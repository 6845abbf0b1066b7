#!/bin/sh
# A wall clock that leaps by an hour at every look changes nothing but the stamps of lines: no digit of the training, no
# duration below 0, no wait that ends too early or never.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
if ! faulty; then
    skip "a clock that leaps" "tests/jobs/fault.so is not there or cannot be preloaded"
    finish
fi
model small25
job job.yaml small25
for ranks in 1 2; do
    set -- train job.yaml save_steps=3 max_steps=4 report_to=tensorboard eval_strategy=steps eval_steps=2
    on $ranks "$@" output_dir=calm$ranks
    check "$ranks ranks, a clock that goes on: exit $rc" rc_is 0
    FAULT=clock LD_PRELOAD="$fault" on $ranks "$@" output_dir=leaps$ranks
    check "$ranks ranks, a clock that leaps: exit $rc" rc_is 0
    check "$ranks ranks: the same adapter" cmp calm$ranks/adapter_model.safetensors leaps$ranks/adapter_model.safetensors
    check "$ranks ranks: the same log" same_logs calm$ranks/trainer_log.jsonl leaps$ranks/trainer_log.jsonl
    sed -n 's/.*"elapsed_time": "\([0-9:]*\)".*/\1/p' leaps$ranks/trainer_log.jsonl > elapsed
    check "$ranks ranks: times elapsed that a clock without leaps shows" sh -c 'test -s elapsed && ! grep -v "^0:0[0-2]:" elapsed'
    numbers leaps$ranks/train_results.json train_runtime > runtime
    check "$ranks ranks: a runtime of $(cat runtime) s <= 120" below "$(cat runtime)" 120
    check "$ranks ranks: and not below 0" below 0 "$(cat runtime)"
done
finish
