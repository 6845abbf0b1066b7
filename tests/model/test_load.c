/*
 * test_load.c - weights from a model folder: every number in its place, whatever type the folder and the job
 * have, on 1, 2 and 3 ranks that read together, by MPI and by a stand-in for NCCL, and where only rank 0 finds
 * the folder; files that change or end too early.
 */
#include "config.h"
#include "base/bf16.h"
#include "checkpoint/checkpoint.h"
#include "model/load.h"
#include "model/state.h"
#include "tests/dist/fake_nccl.h"
#include "tests/model/model_test.h"
#include "tap.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

struct ranks {
    struct rt_dist *dist;
    int rank, size;
    char folder[256]; /* rank 0's */
};

static void check(const struct ranks *w, int passed, const char *what)
{
    if (w->rank == 0 || !passed)
        ok(passed, "%s%s", what, w->rank == 0 ? "" : " (a rank but 0)");
}

static const char *const dtype_names[] = { "fp32", "bf16", "fp16" };

/* The same tensors in one file of another type, which wins over the shards. */
static void rewrite(const char *folder, enum rt_file_dtype dtype)
{
    struct rt_safetensors *st = NULL;
    char path[300];
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    remove(path);
    if (rt_safetensors_open(&st, folder, "model", NULL) != RT_OK)
        return;
    const int64_t count = rt_safetensors_count(st);
    struct rt_out_tensor *out = calloc((size_t)count, sizeof *out);
    for (int64_t i = 0; i < count; i++) {
        const struct rt_st_tensor *t = rt_safetensors_tensor(st, i);
        float *x = malloc((size_t)t->elements * sizeof *x);
        uint16_t *half = malloc((size_t)t->elements * sizeof *half);
        rt_safetensors_read(st, t, 0, t->bytes, x, NULL); /* the folder is made in fp32 */
        for (int64_t k = 0; k < t->elements; k++)
            if (dtype == RT_FILE_F16) {
                half[k] = rt_f16_of_f32(x[k]);
            } else {
                const rt_bf16 b = rt_bf16_of_f32(x[k]);
                memcpy(&half[k], &b, sizeof b);
            }
        out[i] = (struct rt_out_tensor){ .name = t->name, .dtype = dtype, .dims = t->dims, .data = half };
        memcpy(out[i].shape, t->shape, sizeof t->shape);
        free(x);
    }
    rt_safetensors_write(path, out, count, NULL);
    for (int64_t i = 0; i < count; i++)
        free((void *)(uintptr_t)out[i].data);
    free(out);
    rt_safetensors_close(st);
}

static void new_name(char out[160], const char *name)
{
    const bool text = strncmp(name, "model.", 6) == 0, vision = strncmp(name, "visual.", 7) == 0;
    snprintf(out, 160, "%s%s", text ? "model.language_model." : vision ? "model." : "", text ? name + 6 : name);
}

static const struct rt_weight *find(const struct rt_model *m, const char *name)
{
    char wanted[160];
    new_name(wanted, name);
    for (int64_t i = 0; i < m->weights; i++)
        if (strcmp(m->weight[i].name, wanted) == 0)
            return &m->weight[i];
    return NULL;
}

static float element(const struct rt_weight *w, enum rt_dtype act, int64_t row, int64_t col)
{
    const int64_t at = row * w->ld + col;
    return w->f32 || act == RT_F32 ? ((const float *)w->dst)[at]
                                   : rt_f32_of_bf16(((const rt_bf16 *)w->dst)[at]);
}

/* Numbers that are not what the file says, or tensors that are nowhere. */
static int64_t wrong_numbers(const struct rt_model *m, enum rt_dtype act, const char *folder)
{
    struct rt_safetensors *st = NULL;
    int64_t wrong = 0;
    if (rt_safetensors_open(&st, folder, "model", NULL) != RT_OK)
        return -1;
    for (int64_t i = 0; i < rt_safetensors_count(st); i++) {
        const struct rt_st_tensor *t = rt_safetensors_tensor(st, i);
        const struct rt_weight *w = find(m, t->name);
        void *raw = malloc(t->bytes);
        float *x = malloc((size_t)t->elements * sizeof *x);
        wrong += w == NULL || rt_safetensors_read(st, t, 0, t->bytes, raw, NULL) != RT_OK;
        rt_file_to_f32(x, raw, t->dtype, t->elements);
        for (int64_t k = 0; k < t->elements && w != NULL; k++) {
            const float want = w->f32 || act == RT_F32 ? x[k] : rt_f32_of_bf16(rt_bf16_of_f32(x[k]));
            wrong += element(w, act, k / w->cols, k % w->cols) != want;
        }
        free(x);
        free(raw);
    }
    rt_safetensors_close(st);
    return wrong;
}

static rt_status open_model(const struct ranks *w, struct rt_model **model, struct rt_exec **ex,
                            const char *path, enum rt_dtype act, struct rt_error *err)
{
    static float lut[3 * 256];
    const struct rt_model_limits pass = { .tokens = 16,
                                          .samples = 1,
                                          .max_length = 16,
                                          .patches = 16,
                                          .pictures = 1,
                                          .learned = 16,
                                          .max_picture_patches = 16 };
    const struct rt_model_needs needs = { .train = pass, .eval = pass, .micros = 1 };
    struct rt_model_options opt = test_model_options();
    opt.model_name_or_path = path;
    RT_TRY(rt_exec_open(ex, RT_DEVICE_CPU, act, 0, 1, err));
    return rt_model_open(model, *ex, &opt, &needs, lut, w->dist, NULL, err);
}

static void try_load(const struct ranks *w, enum rt_file_dtype file, enum rt_dtype act, const char *path,
                     const char *where)
{
    struct rt_error err = { .text = "" };
    struct rt_model *model = NULL;
    struct rt_exec *ex = NULL;
    char name[160];
    const rt_status st = open_model(w, &model, &ex, path, act, &err);
    const int64_t wrong = st == RT_OK ? wrong_numbers(model, act, w->folder) : -1;
    snprintf(name, sizeof name, "%s folder, %s job%s: %lld numbers wrong", dtype_names[file],
             act == RT_F32 ? "fp32" : "bf16", where, (long long)wrong);
    check(w, st == RT_OK && wrong == 0, name);
    if (st != RT_OK)
        printf("# %s\n", err.text);
    rt_model_close(model);
    rt_exec_close(ex);
}

/* ---- NCCL's way, on CPUs: the stand-in's stream is the lane, for which the exec waits ---- */

static rt_status lane_after(void *stream)
{
    (void)stream; /* the CPU's operations are done when they return */
    return RT_OK;
}

static rt_status lane_done(void *stream, bool *done)
{
    const struct fake_stream *s = stream;
    *done = s->done == s->asked;
    return RT_OK;
}

static rt_status lane_before(void *stream)
{
    for (bool done = false; !done; usleep(20))
        lane_done(stream, &done);
    return RT_OK;
}

static rt_status lane_copy(void *stream, void *dst, const void *src, size_t bytes)
{
    (void)stream;
    memcpy(dst, src, bytes);
    return RT_OK;
}

static void test_nccl(const struct ranks *w)
{
    struct fake_stream stream = { 0 };
    const struct rt_dist_lane lane = { &stream,   &stream,   lane_after, lane_before,
                                       lane_done, lane_copy, lane_copy };
    const char *how = "";
    struct rt_error err = { .text = "" };
    const rt_status st = rt_dist_open_device(w->dist, &lane, &how, &err);
    check(w, st == RT_OK, "sums of device memory are started");
    try_load(w, RT_FILE_F16, RT_F32, w->folder, rt_dist_has_nccl(w->dist) ? ", by NCCL" : "");
    try_load(w, RT_FILE_F16, RT_BF16, w->folder, rt_dist_has_nccl(w->dist) ? ", by NCCL" : "");
    check(w, w->size == 1 || !rt_dist_has_nccl(w->dist) || stream.asked > 100, "NCCL has spread the pieces");
    rt_dist_close_device(w->dist);
}

/* A shard that grew or shrank between the reading of its header and that of its numbers. */
static void test_changed(const struct ranks *w)
{
    float numbers[100] = { 1 };
    char path[300];
    snprintf(path, sizeof path, "%s/changed", w->folder);
    for (int c = 0; c < 2; c++) {
        FILE *f = fopen(path, "wb");
        fwrite(numbers, 1, sizeof numbers, f);
        fclose(f);
        const char *paths[] = { path };
        const uint64_t size = c == 0 ? sizeof numbers + 1 : sizeof numbers;
        const struct rt_files files = { 1, paths, &size };
        const struct rt_piece piece = {
            .file = 0, .offset = 8, .elements = 100, .from = RT_FILE_F32, .to = RT_F32
        };
        struct rt_error err = { .text = "" };
        struct rt_exec *ex = NULL;
        struct rt_read_ahead *ahead = NULL;
        void *bytes = NULL;
        rt_status st = rt_exec_open(&ex, RT_DEVICE_CPU, RT_F32, 0, 1, &err);
        const struct rt_read_ahead_options opt = { .ex = ex,
                                                   .files = &files,
                                                   .piece = &piece,
                                                   .pieces = 1,
                                                   .convert = true,
                                                   .slot_bytes = 400,
                                                   .threads = 3,
                                                   .slots = 1 };
        if (st == RT_OK)
            st = rt_read_ahead_open(&ahead, &opt, &err);
        while (st == RT_OK && bytes == NULL)
            st = rt_read_ahead_next(ahead, 0.05, &bytes, &err);
        ok(st == RT_ERR_FILE && strstr(err.text, "changed: ") != NULL &&
               strstr(err.text, c == 0 ? "its size is 400 here" : "ends at byte") != NULL,
           "%s: %s", c == 0 ? "a file of another size" : "a file that ends early", err.text);
        rt_read_ahead_close(ahead);
        rt_exec_close(ex);
    }
}

int main(int argc, char **argv)
{
    fake_nccl_use("../dist/fake", argv);
    struct ranks w = { .rank = 0 };
    struct rt_error err;
    if (rt_dist_open(&w.dist, &argc, &argv, &err) != RT_OK) {
        printf("Bail out! %s\n", err.text);
        return 1;
    }
    w.rank = rt_dist_rank(w.dist);
    w.size = rt_dist_size(w.dist);
    if (w.rank == 0)
        test_model_folder(w.folder, "small25", RT_F32);
    rt_dist_bcast(w.dist, w.folder, sizeof w.folder, 0, NULL);
    for (int file = RT_FILE_F32; file <= RT_FILE_F16; file++) {
        if (w.rank == 0 && file != RT_FILE_F32) /* at first the shards */
            rewrite(w.folder, (enum rt_file_dtype)file);
        rt_dist_barrier(w.dist, NULL);
        try_load(&w, (enum rt_file_dtype)file, RT_F32, w.folder, "");
        try_load(&w, (enum rt_file_dtype)file, RT_BF16, w.folder, "");
        rt_dist_barrier(w.dist, NULL);
    }
    test_nccl(&w);
    if (chdir(w.rank == 0 ? w.folder : "/") == 0)
        try_load(&w, RT_FILE_F16, RT_BF16, ".", ", seen by rank 0 alone");
    if (w.rank == 0)
        test_changed(&w);
    rt_dist_barrier(w.dist, NULL);
    if (w.rank == 0)
        test_model_remove(w.folder);
    rt_dist_close(w.dist);
    return w.rank == 0 ? tap_done() : tap.failed != 0;
}
