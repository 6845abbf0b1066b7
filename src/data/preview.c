/* preview.c - what the model will see, micro-batch by micro-batch in the order of training. */
#include "config.h"
#include "data/preview.h"

#include "data/loader.h"

#include <string.h>

/* Micro-batches of the run on one rank: training ends with a whole optimizer step. */
static int64_t micros_of(const struct rt_data *data, const struct rt_preview_options *opt)
{
    struct rt_plan_options plan;
    rt_data_plan(data, RT_TRAIN, opt->size, &plan);
    const int64_t per_epoch = rt_plan_micros(&plan), steps = rt_plan_steps(&plan);
    const int64_t rest = opt->steps % steps * plan.accumulation;
    const int64_t micros = opt->steps / steps * per_epoch + (rest < per_epoch ? rest : per_epoch);
    return opt->micros > 0 && opt->micros < micros ? opt->micros : micros;
}

/* emit takes one line at a time. */
static void emit_lines(struct rt_bytes *text, void (*emit)(const char *line, void *context), void *context)
{
    for (char *line = text->data, *end; line != NULL && *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        if (end == NULL)
            end = line + strlen(line) - 1; /* the last one, without a newline */
        else
            *end = '\0';
        emit(line, context);
    }
}

static rt_status show(struct rt_data *data, struct rt_loader *loader, const struct rt_preview_options *opt,
                      void (*emit)(const char *line, void *context), void *context, struct rt_error *err)
{
    const struct rt_batch *batch;
    RT_TRY(rt_batch_next(loader, &batch, NULL, err));
    struct rt_bytes text = { 0 };
    rt_status st = opt->json ? rt_preview_json(&text, data, rt_loader_pass(loader), opt->bf16, err)
                             : rt_preview_text(&text, data, rt_loader_pass(loader), err);
    rt_bytes_add(&text, "", 1);
    if (st == RT_OK && text.failed)
        st = rt_fail(err, RT_ERR_MEMORY, "preview: no memory");
    if (st == RT_OK)
        emit_lines(&text, emit, context);
    rt_bytes_free(&text);
    return st;
}

rt_status rt_data_preview(struct rt_data *data, const struct rt_preview_options *opt,
                          void (*emit)(const char *line, void *context), void *context, struct rt_error *err)
{
    if (opt->size < 1 || opt->rank < 0 || opt->rank >= opt->size || opt->steps < 0)
        return rt_fail(err, RT_ERR_USAGE,
                       "preview: rank %d of %d ranks, %lld steps: write --ranks W --rank R with R from 0 "
                       "to W - 1",
                       opt->rank, opt->size, (long long)opt->steps);
    if (data->split[RT_TRAIN].rows > 0) {
        const struct rt_loader_options how = { .split = RT_TRAIN, .rank = opt->rank, .size = opt->size };
        struct rt_loader *loader;
        RT_TRY(rt_loader_open(&loader, data, &how, err));
        rt_status st = RT_OK;
        const int64_t micros = micros_of(data, opt);
        for (int64_t micro = 0; micro < micros && st == RT_OK; micro++)
            st = show(data, loader, opt, emit, context, err);
        rt_loader_close(loader);
        RT_TRY(st);
    }
    if (opt->json)
        return RT_OK;
    struct rt_bytes text = { 0 };
    rt_preview_lengths(&text, data, RT_TRAIN);
    rt_preview_lengths(&text, data, RT_EVAL);
    rt_bytes_add(&text, "", 1);
    if (!text.failed)
        emit_lines(&text, emit, context);
    const bool failed = text.failed;
    rt_bytes_free(&text);
    return failed ? rt_fail(err, RT_ERR_MEMORY, "preview: no memory") : RT_OK;
}
