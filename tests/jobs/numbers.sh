#!/bin/sh
# Numbers that cannot be right in whole runs: what is not finite is left out, listed and ends the run when it stays, with the
# last good checkpoint; a rank whose adapter has a wrong bit is named before that gets into a checkpoint.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
model small25
job job.yaml small25

# A rate at which the second step's parameters overflow.
for ranks in 1 2; do
    on $ranks train job.yaml learning_rate=1e30 max_steps=30 save_steps=1 max_bad_steps=3 output_dir=nan$ranks
    check "$ranks ranks, not finite: exit $rc" rc_is 79
    check "$ranks ranks: it says so" one_error "not finite in 4 steps in a row, the last step 5"
    check "$ranks ranks: the samples of the first bad step are listed" [ "$(cat nan$ranks/diag/*.jsonl | wc -l)" -eq $((4 * ranks)) ]
    check "$ranks ranks: with the rows that they are" grep -q '"rank": 0, "sample": [0-9]*, "where": ".*train.json row [0-9]' nan$ranks/diag/bad-step-2.jsonl
    run "$program" info nan$ranks/checkpoint-1
    check "$ranks ranks: the checkpoint before it is good" rc_is 0
    check "$ranks ranks: what was left out changed nothing" cmp nan$ranks/checkpoint-1/adapter_model.safetensors nan$ranks/checkpoint-4/adapter_model.safetensors
    # What was counted goes on after a resume: 3 in a row are behind it.
    on $ranks train job.yaml learning_rate=1e30 max_steps=30 save_steps=1 max_bad_steps=3 output_dir=nan$ranks
    check "$ranks ranks: going on ends at once: exit $rc" rc_is 79
    check "$ranks ranks: as before" one_error "not finite in 4 steps in a row, the last step 5"
done

if faulty; then
    FAULT=flip-bit:3 FAULT_RANK=1 LD_PRELOAD="$fault" on 3 train job.yaml save_steps=2 max_steps=8 output_dir=bit
    check "a bit of rank 1 of 3 is wrong: exit $rc" rc_is 80
    check "it is named" one_error "after step 4 the adapter of rank 1 differs" "1 on $(hostname)"
    check "no checkpoint has it" [ "$(echo bit/checkpoint-*)" = bit/checkpoint-2 ]
    FAULT=flip-bit:3 FAULT_RANK=0 LD_PRELOAD="$fault" on 3 train job.yaml save_steps=2 max_steps=8 output_dir=bit0
    check "rank 0 likewise: exit $rc" rc_is 80
    check "it is named" one_error "after step 4 the adapter of rank 0 differs"
else
    skip "a bit that is wrong" "tests/jobs/fault.so is not there or cannot be preloaded"
fi
finish
