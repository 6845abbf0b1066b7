/*
 * dump_logits.c - what a job's model makes of its first training micro-batches, for comparisons with torch's.
 *
 * FOLDER/N.npy: the logits of micro-batch N in f32. FOLDER/gradients: the gradients of the first one's loss in
 * the form of an adapter, lora_A.weight being the gradient of A. Device and element type are the job's.
 */
#include "config.h"
#include "data/data.h"
#include "dist/dist.h"
#include "job/job.h"
#include "kernels/exec.h"
#include "model/model.h"
#include "tools/open_job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct dump {
    struct rt_dist *dist;
    struct rt_error *err;
    const char *folder;
    int64_t micros;
    struct rt_job *job;
    struct rt_data *data;
    struct rt_exec *ex;
    struct rt_model *model;
    struct rt_loader *loader;
};

/* NumPy's format 1.0: the header's text ends in a newline at a multiple of 64 bytes. */
static rt_status write_npy(const char *path, const float *x, int64_t rows, int64_t cols, struct rt_error *err)
{
    enum { HEADER = 128, BEFORE = 10 };
    char header[HEADER];
    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", BEFORE); /* 0x76 = HEADER - BEFORE */
    const int n = snprintf(header + BEFORE, HEADER - BEFORE,
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %lld), }", (long long)rows,
                           (long long)cols);
    header[BEFORE + n] = ' ';
    header[HEADER - 1] = '\n';
    FILE *f = fopen(path, "wb");
    if (f == NULL)
        return rt_fail(err, RT_ERR_IO, "%s: %s", path, strerror(errno));
    const size_t count = (size_t)(rows * cols);
    const size_t put = fwrite(header, 1, HEADER, f) == HEADER ? fwrite(x, sizeof *x, count, f) : 0;
    if (fclose(f) != 0 || put != count)
        return rt_fail(err, RT_ERR_IO, "%s: %s", path, strerror(errno));
    return RT_OK;
}

static void ignore_progress(const char *what, int64_t done, int64_t total, void *context)
{
    (void)what, (void)done, (void)total, (void)context;
}

static void show_note(const char *text, void *context)
{
    (void)context;
    fprintf(stderr, "dump_logits: %s\n", text);
}

static rt_status open_all(struct dump *d, int argc, char **argv)
{
    RT_TRY(rt_open_job(&d->job, argc, argv, d->dist, d->err));
    struct rt_data_options opt = d->job->data;
    opt.output_dir = NULL; /* leaves no files */
    const struct rt_notes data_notes = { ignore_progress, show_note, NULL };
    RT_TRY(rt_data_open(&d->data, &opt, d->dist, &data_notes, d->err));
    struct rt_data_limits t;
    rt_data_limits(d->data, RT_TRAIN, &t);
    const struct rt_model_limits limits = {
        .tokens = t.tokens,
        .samples = t.samples,
        .max_length = t.max_length,
        .patches = t.patches,
        .pictures = t.pictures,
        .learned = t.learned,
        .max_picture_patches = t.max_picture_patches,
    };
    const struct rt_model_needs needs = { .train = limits, .eval = limits, .micros = 1 };
    const enum rt_dtype act = d->job->train.bf16 || d->job->train.pure_bf16 ? RT_BF16 : RT_F32;
    RT_TRY(rt_exec_open(&d->ex, d->job->train.device, act, 0, 2, d->err));
    const struct rt_notes model_notes = { ignore_progress, show_note, NULL };
    RT_TRY(rt_model_open(&d->model, d->ex, &d->job->model, &needs, rt_data_pixel_lut(d->data), d->dist,
                         &model_notes, d->err));
    const struct rt_loader_options where = { .split = RT_TRAIN, .rank = 0, .size = 1 };
    return rt_loader_open(&d->loader, d->data, &where, d->err);
}

/* The adapter is written with its gradients in the place of its parameters. */
static rt_status write_gradients(struct dump *d, const struct rt_batch *batch)
{
    struct rt_adapter *ad = rt_model_adapter(d->model);
    char path[4096];
    snprintf(path, sizeof path, "%s/gradients", d->folder);
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return rt_fail(d->err, RT_ERR_IO, "%s: %s", path, strerror(errno));
    RT_TRY(rt_model_grads_zero(d->model));
    RT_TRY(rt_model_put(d->model, batch));
    RT_TRY(rt_model_fwd(d->model, batch, true, 0));
    RT_TRY(rt_model_bwd(d->model, NULL, NULL));
    float *const p = ad->p;
    ad->p = ad->g;
    const rt_status st = rt_model_save_adapter(d->model, path, d->err);
    ad->p = p;
    return st;
}

static rt_status dump_one(struct dump *d, int64_t micro)
{
    const struct rt_batch *batch = NULL;
    RT_TRY(rt_batch_next(d->loader, &batch, NULL, d->err));
    if (micro == 0)
        RT_TRY(write_gradients(d, batch));
    const int64_t vocab = rt_model_vocab(d->model);
    float *logits = malloc((size_t)(batch->tokens * vocab) * sizeof *logits);
    if (logits == NULL)
        return rt_fail(d->err, RT_ERR_MEMORY, "no memory for %lld x %lld logits", (long long)batch->tokens,
                       (long long)vocab);
    char path[4096];
    snprintf(path, sizeof path, "%s/%lld.npy", d->folder, (long long)micro);
    rt_status st = rt_model_logits(d->model, batch, logits);
    if (st == RT_OK)
        st = write_npy(path, logits, batch->tokens, vocab, d->err);
    free(logits);
    return st;
}

static rt_status dump(struct dump *d, int argc, char **argv)
{
    RT_TRY(open_all(d, argc, argv));
    for (int64_t micro = 0; micro < d->micros; micro++)
        RT_TRY(dump_one(d, micro));
    return RT_OK;
}

int main(int argc, char **argv)
{
    struct rt_error err = { 0 };
    struct dump d = { .err = &err,
                      .folder = argc > 3 ? argv[1] : NULL,
                      .micros = argc > 3 ? atoll(argv[2]) : 0 };
    if (d.micros < 1) {
        fprintf(stderr, "usage: dump_logits FOLDER MICROS JOB.yaml [key=value ...]\n");
        return rt_exit_code(RT_ERR_USAGE);
    }
    rt_status st = rt_dist_open(&d.dist, &argc, &argv, &err);
    if (st == RT_OK)
        st = dump(&d, argc - 3, argv + 3);
    if (st != RT_OK)
        fprintf(stderr, "dump_logits: %s\n", err.text);
    rt_loader_close(d.loader);
    rt_model_close(d.model);
    rt_exec_close(d.ex);
    rt_data_close(d.data);
    rt_job_close(d.job);
    rt_dist_close(d.dist);
    return rt_exit_code(st);
}
