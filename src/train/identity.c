/* identity.c - what must be the same for a run to go on as if it had not stopped. */
#include "config.h"
#include "train/run.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GLOBAL "ranks times gradient_accumulation_steps"

/* In the order in which differences are told. Steps, schedules and intervals may change: a run can be made
 * longer. */
static json_t *identity(const struct rt_run *run)
{
    const struct rt_job *job = run->job;
    const struct rt_adapter *ad = run->adapter;
    char rows[32];
    snprintf(rows, sizeof rows, "%016llx", (unsigned long long)rt_data_fingerprint(run->data, RT_TRAIN));
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:f, s:f, s:b, s:I, s:b}", "seed",
                     (json_int_t)job->train.seed, "data_seed", (json_int_t)job->data.data_seed,
                     "per_device_train_batch_size", (json_int_t)job->data.per_device_train_batch_size, GLOBAL,
                     (json_int_t)(job->train.gradient_accumulation_steps * rt_dist_size(run->dist)),
                     "cutoff_len", (json_int_t)job->data.cutoff_len, "rows of dataset",
                     (json_int_t)rt_data_rows(run->data, RT_TRAIN), "digest of dataset", rows,
                     "steps of an epoch", (json_int_t)run->steps_per_epoch, "lora_rank", (json_int_t)ad->r,
                     "lora_alpha", ad->alpha, "lora_dropout", ad->dropout, "use_rslora", ad->rslora,
                     "LoRA parameters (lora_target)", (json_int_t)ad->count, "bf16", run->ex->act == RT_BF16);
}

/* The global batch is another: which numbers make it the checkpoint's, here and on other ranks. */
static rt_status fail_global(const struct rt_run *run, const char *path, long long was)
{
    const long long ranks = rt_dist_size(run->dist), is = run->job->train.gradient_accumulation_steps;
    char counts[256] = "";
    size_t used = 0;
    for (long long n = 1; n <= was && used < sizeof counts - 24; n++)
        if (was % n == 0)
            used += (size_t)snprintf(counts + used, sizeof counts - used, "%s%lld", n > 1 ? ", " : "", n);
    if (was > 0 && was % ranks == 0)
        return rt_fail(run->err, RT_ERR_JOB,
                       "%s cannot go on: " GLOBAL " was %lld there and is %lld x %lld = %lld now; write "
                       "gradient_accumulation_steps: %lld for %lld ranks, or resume_from_checkpoint: false",
                       path, was, ranks, is, ranks * is, was / ranks, ranks);
    return rt_fail(run->err, RT_ERR_JOB,
                   "%s cannot go on: " GLOBAL
                   " was %lld there, which %lld ranks cannot make, and is %lld x %lld = %lld "
                   "now; start 1 of %s ranks with gradient_accumulation_steps: %lld divided by it, or write "
                   "resume_from_checkpoint: false",
                   path, was, ranks, ranks, is, ranks * is, counts, was);
}

char *rt_identity_text(const struct rt_run *run)
{
    json_t *who = identity(run);
    char *text = who == NULL ? NULL : json_dumps(who, JSON_COMPACT);
    json_decref(who);
    return text;
}

/* Each value of the checkpoint's identity against ours: the first that differs is named. */
rt_status rt_identity_compare(const struct rt_run *run, const char *path, const char *text)
{
    json_t *theirs = json_loads(text, 0, NULL), *ours = identity(run);
    rt_status st = theirs == NULL || ours == NULL
                       ? rt_fail(run->err, RT_ERR_FILE, "%s: dataset /identity is not readable", path)
                       : RT_OK;
    const char *key;
    json_t *value;
    json_object_foreach (ours, key, value) {
        json_t *other = json_object_get(theirs, key);
        if (st != RT_OK || json_equal(value, other) || (other == NULL && strcmp(key, "steps of an epoch") == 0))
            continue; /* checkpoints of earlier versions do not say how many steps an epoch has */
        if (strcmp(key, GLOBAL) == 0 && json_is_integer(other)) {
            st = fail_global(run, path, (long long)json_integer_value(other));
            continue;
        }
        char *is = json_dumps(value, JSON_ENCODE_ANY), *was = json_dumps(other, JSON_ENCODE_ANY);
        st = rt_fail(run->err, RT_ERR_JOB,
                     "%s cannot go on: %s was %s there and is %s now; make it the same, or write "
                     "resume_from_checkpoint: false",
                     path, key, was == NULL ? "absent" : was, is == NULL ? "absent" : is);
        free(is);
        free(was);
    }
    json_decref(theirs);
    json_decref(ours);
    return st;
}
