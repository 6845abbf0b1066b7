/* foreign_others.c - schedule, generators and the Trainer's own state, in a checkpoint of LLaMA-Factory. */
#include "config.h"
#include "base/file.h"
#include "base/pyjson.h"
#include "checkpoint/foreign.h"

#include <math.h>
#include <stdlib.h>

enum { STATE_MAX = 256 << 20 }; /* trainer_state.json: a quarter of a KiB a log */
#define STEP_MAX ((int64_t)1 << 53)

/* Source: torch.optim.lr_scheduler.LambdaLR.state_dict. */
rt_status rt_foreign_scheduler(struct rt_foreign_facts *facts, const struct rt_pickle *p, const char *file,
                               struct rt_error *err)
{
    const struct rt_pickle_value *root = rt_pickle_root(p), *base = rt_pickle_key(p, root, "base_lrs");
    int64_t step;
    if (!rt_pickle_int(rt_pickle_key(p, root, "last_epoch"), &step) ||
        !rt_pickle_real(rt_pickle_at(p, base, 0), &facts->learning_rate[0]) ||
        !rt_pickle_real(rt_pickle_at(p, base, facts->loraplus ? 1 : 0), &facts->learning_rate[1]))
        return rt_fail(err, RT_ERR_FILE,
                       "%.500s: is not the state of a schedule that depends on the step alone: last_epoch or "
                       "base_lrs is missing",
                       file);
    if (step != facts->step)
        return rt_fail(err, RT_ERR_FILE,
                       "%.500s: its schedule is at step %lld (last_epoch) and trainer_state.json at %lld "
                       "(global_step); a run whose schedule stood still, as with fp16, or of which a part had "
                       "none, is not gone on with",
                       file, (long long)step, (long long)facts->step);
    if (!rt_pickle_real(rt_pickle_at(p, rt_pickle_key(p, root, "_last_lr"), 0), &facts->next_rate))
        facts->next_rate = NAN;
    return RT_OK;
}

/* Source: transformers 5.6.0 trainer.py:_save_rng_state. */
rt_status rt_foreign_generators(const struct rt_pickle *p, const char *file, struct rt_error *err)
{
    struct rt_torch_tensor cpu;
    const struct rt_pickle_value *root = rt_pickle_root(p);
    if (!rt_pickle_is(rt_pickle_key(p, root, "python"), RT_PICKLE_TUPLE) ||
        rt_pickle_count(rt_pickle_key(p, root, "numpy")) == 0)
        return rt_fail(err, RT_ERR_FILE, "%.500s: is no state of generators: python or numpy is missing", file);
    RT_TRY(rt_torch_tensor(&cpu, p, rt_pickle_key(p, root, "cpu"), file, "the generator cpu", err));
    return cpu.type == RT_PICKLE_U8 && cpu.elements > 0
               ? RT_OK
               : rt_fail(err, RT_ERR_FILE, "%.500s: the generator cpu is not made of bytes", file);
}

static rt_status read_state(struct rt_foreign_facts *facts, const json_t *o, const char *path,
                            struct rt_error *err)
{
    const json_t *step = json_object_get(o, "global_step"), *batch = json_object_get(o, "train_batch_size");
    if (!json_is_integer(step) || json_integer_value(step) < 1 || json_integer_value(step) > STEP_MAX)
        return rt_fail(err, RT_ERR_FILE, "%.500s: global_step is no whole number from 1 up", path);
    if (!rt_pyjson_get(json_object_get(o, "epoch"), &facts->epoch) || !(facts->epoch > 0))
        return rt_fail(err, RT_ERR_FILE, "%.500s: epoch is no number above 0", path);
    if (!json_is_array(json_object_get(o, "log_history")))
        return rt_fail(err, RT_ERR_FILE, "%.500s: log_history is no list", path);
    facts->step = json_integer_value(step);
    facts->train_batch_size = json_integer_value(batch);
    return RT_OK;
}

rt_status rt_foreign_state(struct rt_foreign_facts *facts, char **text, const char *folder,
                           struct rt_error *err)
{
    json_t *o = NULL;
    char *path;
    size_t bytes;
    RT_TRY(rt_file_path(&path, err, "%s/trainer_state.json", folder));
    rt_status st = rt_file_load(path, STATE_MAX, text, &bytes, err);
    if (st == RT_OK)
        st = rt_pyjson_parse(&o, *text, bytes, path, err);
    if (st == RT_OK)
        st = read_state(facts, o, path, err);
    json_decref(o);
    free(path);
    return st;
}
