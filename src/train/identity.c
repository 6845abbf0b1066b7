/* identity.c - what must be the same for a run to go on as if it had not stopped. */
#include "config.h"
#include "train/run.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* In the order in which differences are told. Steps, schedules and intervals may change: a run can be made
 * longer. */
static json_t *identity(const struct rt_run *run)
{
    const struct rt_job *job = run->job;
    const struct rt_adapter *ad = run->adapter;
    char rows[32];
    snprintf(rows, sizeof rows, "%016llx", (unsigned long long)rt_data_fingerprint(run->data, RT_TRAIN));
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:f, s:f, s:b, s:I, s:b}", "seed",
                     (json_int_t)job->train.seed, "data_seed", (json_int_t)job->data.data_seed,
                     "per_device_train_batch_size", (json_int_t)job->data.per_device_train_batch_size,
                     "ranks times gradient_accumulation_steps",
                     (json_int_t)(job->train.gradient_accumulation_steps * rt_dist_size(run->dist)),
                     "cutoff_len", (json_int_t)job->data.cutoff_len, "rows of dataset",
                     (json_int_t)rt_data_rows(run->data, RT_TRAIN), "digest of dataset", rows, "lora_rank",
                     (json_int_t)ad->r, "lora_alpha", ad->alpha, "lora_dropout", ad->dropout, "use_rslora",
                     ad->rslora, "LoRA parameters (lora_target)", (json_int_t)ad->count, "bf16",
                     run->ex->act == RT_BF16);
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
        if (st != RT_OK || json_equal(value, other))
            continue;
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
