#!/bin/sh
# A wall clock that leaps by an hour at every look changes nothing but the stamps of lines: no digit of the training, no
# duration below 0, no wait that ends too early or never. A log that is not a terminal hears of long phases every minute.
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

# Minutes that last a second: rows from a slow disk, weights from one, an evaluation.
cat > fast.c << EOF
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *t)
{
    int (*real)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const int rc = real(id, t);
    if (id == CLOCK_MONOTONIC) {
        const __int128 ns = ((__int128)t->tv_sec * 1000000000 + t->tv_nsec) * 60;
        t->tv_sec = (time_t)(ns / 1000000000);
        t->tv_nsec = (long)(ns % 1000000000);
    }
    return rc;
}
ssize_t pread(int fd, void *to, size_t n, off_t at)
{
    ssize_t (*real)(int, void *, size_t, off_t) = (ssize_t (*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread");
    if (n >= 1024)
        usleep(150000);
    return real(fd, to, n, at);
}
EOF
if ${CC:-cc} -shared -fPIC -o fast.so fast.c -ldl 2> /dev/null; then
    limit=300 LD_PRELOAD=$PWD/fast.so run "$program" train job.yaml output_dir=minutes max_steps=1 eval_dataset=drive_train \
        eval_strategy=steps per_device_eval_batch_size=1 vision_cache=off image_max_pixels=25088
    check "minutes that last a second: exit $rc" rc_is 0
    for phase in 'loading weights' evaluation; do
        lines=$(grep -cE "INFO  $phase: [0-9]+ of [0-9]+ \([0-9]+%\), [0-9.]+/s, [0-9:]+ left" log)
        check "minutes that last a second: $lines lines of $phase before its end" [ "$lines" -ge 1 ]
    done
    "$program" train job.yaml output_dir=short max_steps=1 eval_dataset=drive_train eval_strategy=steps > log 2>&1
    check "none where it is short" sh -c '! grep -E "INFO  (loading weights|evaluation): [0-9]+ of" log'
else
    skip "minutes that last a second" "no C compiler"
fi
finish
