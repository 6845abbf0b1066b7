/* info.c - ranktune info: what a checkpoint, an adapter or a model folder holds. */
#include "config.h"
#include "checkpoint/checkpoint.h"
#include "tools/tools.h"

#include <stdio.h>
#include <sys/stat.h>

static int exists(const char *folder, const char *file)
{
    char path[4096];
    struct stat s;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    return stat(path, &s) == 0;
}

static void print_line(const char *line, void *context)
{
    (void)context;
    printf("  %s\n", line);
}

static const char *dtype_name(enum rt_file_dtype dtype)
{
    static const char *const names[] = { "F32", "BF16", "F16", "other" };
    return names[dtype];
}

static rt_status show_model(const char *folder, struct rt_error *err)
{
    struct rt_safetensors *st = NULL;
    RT_TRY(rt_safetensors_open(&st, folder, "model", err));
    int64_t elements = 0, bytes = 0;
    printf("model weights in %s\n", folder);
    for (int64_t i = 0; i < rt_safetensors_count(st); i++) {
        const struct rt_st_tensor *t = rt_safetensors_tensor(st, i);
        printf("  %-70s %-5s [", t->name, dtype_name(t->dtype));
        for (int d = 0; d < t->dims; d++)
            printf("%s%lld", d == 0 ? "" : ", ", (long long)t->shape[d]);
        puts("]");
        elements += t->elements;
        bytes += (int64_t)t->bytes;
    }
    printf("%lld tensors, %lld parameters, %.1f MB\n", (long long)rt_safetensors_count(st), (long long)elements,
           (double)bytes / 1e6);
    rt_safetensors_close(st);
    return RT_OK;
}

static rt_status show_adapter(const char *folder, struct rt_error *err)
{
    struct rt_peft_in *in = NULL;
    RT_TRY(rt_peft_open(&in, folder, err));
    const struct rt_peft *p = rt_peft_get(in);
    int64_t count = 0;
    for (int64_t i = 0; i < p->modules; i++)
        count += p->r * (p->in[i] + p->out[i]);
    printf("LoRA adapter in %s\n  base model %s\n  rank %lld, alpha %g, dropout %g%s\n", folder, p->base_model,
           (long long)p->r, p->alpha, p->dropout, p->rslora ? ", rank-stabilised" : "");
    for (int64_t i = 0; i < p->modules; i++)
        printf("  %-70s %lld -> %lld\n", p->module[i], (long long)p->in[i], (long long)p->out[i]);
    printf("%lld modules, %lld parameters\n", (long long)p->modules, (long long)count);
    rt_peft_close(in);
    return RT_OK;
}

static rt_status show_state(const char *folder, struct rt_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/state.h5", folder);
    RT_TRY(rt_checkpoint_verify(folder, err));
    printf("checkpoint %s: manifest and digests hold\nstate to resume from in %s\n", folder, path);
    return rt_state_list(path, print_line, NULL, err);
}

static rt_status show_foreign(const char *folder, struct rt_error *err)
{
    struct rt_foreign *f = NULL;
    RT_TRY(rt_foreign_open(&f, folder, err));
    const struct rt_foreign_facts *facts = rt_foreign_facts(f);
    printf("checkpoint of LLaMA-Factory in %s: all its files can be gone on from\n"
           "  step %lld, epoch %.6g, written on %d %s with batches of %lld\n"
           "  AdamW: learning rate %.6g%s, weight decay %g, beta %g and %g, epsilon %g\n"
           "%lld tensors: LoRA's A and B, and of each its step and two moments\n",
           folder, (long long)facts->step, facts->epoch, facts->ranks, facts->ranks == 1 ? "rank" : "ranks",
           (long long)facts->train_batch_size, facts->learning_rate[0], facts->loraplus ? " (LoRA+)" : "",
           facts->weight_decay, facts->adam_beta1, facts->adam_beta2, facts->adam_epsilon,
           (long long)facts->tensors);
    rt_foreign_close(f);
    return RT_OK;
}

rt_status rt_tool_info(int argc, char **argv, struct rt_error *err)
{
    if (argc != 1)
        return rt_fail(err, RT_ERR_USAGE, "info: write ranktune info PATH, a folder");
    const char *folder = argv[0];
    int found = 0;
    if (exists(folder, "model.safetensors") || exists(folder, "model.safetensors.index.json")) {
        RT_TRY(show_model(folder, err));
        found = 1;
    }
    if (exists(folder, "adapter_config.json")) {
        RT_TRY(show_adapter(folder, err));
        found = 1;
    }
    if (exists(folder, "state.h5")) {
        RT_TRY(show_state(folder, err));
        found = 1;
    }
    if (rt_checkpoint_foreign(folder)) {
        RT_TRY(show_foreign(folder, err));
        found = 1;
    }
    return found ? RT_OK
                 : rt_fail(err, RT_ERR_FILE, "%s: neither a model folder, an adapter nor a checkpoint", folder);
}
