/* foreign.c - a checkpoint that LLaMA-Factory (the Trainer of transformers) left: all of its files, read once
 * before any of them counts. */
#include "config.h"
#include "checkpoint/foreign.h"
#include "base/file.h"
#include "checkpoint/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rt_foreign {
    struct rt_peft_in *adapter;
    struct rt_torch *optimizer;
    int64_t *param; /* [2 * modules] */
    char *state;
    struct rt_foreign_facts facts;
};

bool rt_checkpoint_foreign(const char *folder)
{
    return !rt_manifest_there(folder) &&
           (rt_file_there(folder, "optimizer.pt") || rt_file_there(folder, "training_args.bin"));
}

static rt_status open_file(struct rt_torch **file, const char *folder, const char *name, struct rt_error *err)
{
    char *path;
    RT_TRY(rt_file_path(&path, err, "%s/%s", folder, name));
    const rt_status st = rt_torch_open(file, path, err);
    free(path);
    return st;
}

static rt_status read_scheduler(struct rt_foreign *f, const char *folder, struct rt_error *err)
{
    struct rt_torch *file;
    RT_TRY(open_file(&file, folder, "scheduler.pt", err));
    const rt_status st = rt_foreign_scheduler(&f->facts, rt_torch_pickle(file), rt_torch_path(file), err);
    rt_torch_close(file);
    return st;
}

static rt_status read_generators(const char *folder, const char *name, struct rt_error *err)
{
    struct rt_torch *file;
    RT_TRY(open_file(&file, folder, name, err));
    const rt_status st = rt_foreign_generators(rt_torch_pickle(file), rt_torch_path(file), err);
    rt_torch_close(file);
    return st;
}

/* One file of a run on one rank, else a file a rank: those that there are on this file system. */
static rt_status count_ranks(struct rt_foreign *f, const char *folder, struct rt_error *err)
{
    char name[40] = "rng_state_0.pth";
    if (!rt_file_there(folder, name)) {
        f->facts.ranks = 1;
        return read_generators(folder, "rng_state.pth", err);
    }
    while (rt_file_there(folder, name)) {
        RT_TRY(read_generators(folder, name, err));
        snprintf(name, sizeof name, "rng_state_%d.pth", ++f->facts.ranks);
    }
    return RT_OK;
}

/* Every number of the optimizer's state is there and whole, and A's and B's are where they should be. */
static rt_status check_param(struct rt_foreign *f, int64_t place, struct rt_error *err)
{
    const char *path = rt_torch_path(f->optimizer);
    struct rt_foreign_param param;
    float step;
    RT_TRY(rt_foreign_param(&param, f->param[place], rt_torch_pickle(f->optimizer), path, err));
    if (param.count.key != NULL) {
        RT_TRY(rt_torch_read(f->optimizer, &param.count, &step, err));
        param.step = step;
    }
    if (param.step != (double)f->facts.step)
        return rt_fail(err, RT_ERR_FILE,
                       "%.500s: parameter %lld has made %g steps where trainer_state.json says %lld", path,
                       (long long)f->param[place], param.step, (long long)f->facts.step);
    if (param.exp_avg.shape[place % 2] != rt_peft_get(f->adapter)->r)
        return rt_fail(
            err, RT_ERR_FILE, "%.500s: parameter %lld is [%lld, %lld], which is no lora_%c of rank %lld", path,
            (long long)f->param[place], (long long)param.exp_avg.shape[0], (long long)param.exp_avg.shape[1],
            place % 2 == 0 ? 'A' : 'B', (long long)rt_peft_get(f->adapter)->r);
    RT_TRY(rt_torch_read(f->optimizer, &param.exp_avg, NULL, err));
    return rt_torch_read(f->optimizer, &param.exp_avg_sq, NULL, err);
}

static rt_status read_optimizer(struct rt_foreign *f, const char *folder, struct rt_error *err)
{
    const int64_t modules = rt_peft_get(f->adapter)->modules;
    RT_TRY(open_file(&f->optimizer, folder, "optimizer.pt", err));
    f->param = calloc((size_t)(2 * modules + 1), sizeof *f->param);
    if (f->param == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%.500s: no memory for its parameters", rt_torch_path(f->optimizer));
    RT_TRY(rt_foreign_optimizer(&f->facts, f->param, modules, rt_torch_pickle(f->optimizer),
                                rt_torch_path(f->optimizer), err));
    for (int64_t place = 0; place < 2 * modules; place++)
        RT_TRY(check_param(f, place, err));
    f->facts.tensors = 8 * modules; /* A and B, and of each step and two moments */
    return RT_OK;
}

static rt_status read_all(struct rt_foreign *f, const char *folder, struct rt_error *err)
{
    RT_TRY(rt_foreign_state(&f->facts, &f->state, folder, err));
    f->facts.state = f->state;
    RT_TRY(rt_peft_open(&f->adapter, folder, err));
    RT_TRY(read_optimizer(f, folder, err));
    RT_TRY(read_scheduler(f, folder, err));
    RT_TRY(count_ranks(f, folder, err));
    const int64_t named = rt_entry_step_of(folder);
    if (named >= 0 && named != f->facts.step)
        return rt_fail(err, RT_ERR_FILE, "it holds step %lld; the folder was renamed",
                       (long long)f->facts.step);
    return RT_OK;
}

rt_status rt_foreign_open(struct rt_foreign **foreign, const char *folder, struct rt_error *err)
{
    struct rt_error why = { .text = "" };
    struct rt_foreign *f = calloc(1, sizeof *f);
    if (f == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory to read it", folder);
    const rt_status st = read_all(f, folder, &why);
    if (st == RT_OK) {
        *foreign = f;
        return RT_OK;
    }
    rt_foreign_close(f);
    return rt_fail(err, st,
                   "%s: LLaMA-Factory or transformers made it, and it cannot be gone on from: %s; "
                   "adapter_name_or_path with this folder goes on from its adapter, with a new optimizer",
                   folder, why.text);
}

void rt_foreign_close(struct rt_foreign *f)
{
    if (f == NULL)
        return;
    rt_peft_close(f->adapter);
    rt_torch_close(f->optimizer);
    free(f->param);
    free(f->state);
    free(f);
}

const struct rt_foreign_facts *rt_foreign_facts(const struct rt_foreign *f)
{
    return &f->facts;
}

const struct rt_peft *rt_foreign_adapter(const struct rt_foreign *f)
{
    return rt_peft_get(f->adapter);
}

rt_status rt_foreign_moments(struct rt_foreign *f, int64_t place, int64_t rows, int64_t cols, float *m,
                             float *v, struct rt_error *err)
{
    const char *path = rt_torch_path(f->optimizer);
    struct rt_foreign_param param;
    RT_TRY(rt_foreign_param(&param, f->param[place], rt_torch_pickle(f->optimizer), path, err));
    const int64_t *shape = param.exp_avg.shape;
    if (shape[0] != rows || shape[1] != cols)
        return rt_fail(
            err, RT_ERR_FILE,
            "%.500s: parameter %lld is [%lld, %lld] and the model's is [%lld, %lld]: the optimizer is of "
            "another model, or of other modules",
            path, (long long)f->param[place], (long long)shape[0], (long long)shape[1], (long long)rows,
            (long long)cols);
    RT_TRY(rt_torch_read(f->optimizer, &param.exp_avg, m, err));
    return rt_torch_read(f->optimizer, &param.exp_avg_sq, v, err);
}
