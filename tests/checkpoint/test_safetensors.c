/* test_safetensors.c - safetensors files round, against the stock writer's bytes, and where there is no room.
 */
#include "config.h"
#include "checkpoint/common.h"
#include "base/bf16.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

static char *folder;

/* The tensors of tests/golden/checkpoint/make.py come out in the stock writer's very bytes. */
static void test_stock(void)
{
    float base[24];
    rt_bf16 bf16[7];
    static const uint16_t f16[6] = { 0xbc00, 0xbb00, 0xba00, 0xb900, 0xb800, 0xb600 }; /* of base */
    const float half = 0.5f;
    for (int i = 0; i < 24; i++)
        base[i] = (float)i / 8 - 1;
    for (int i = 0; i < 7; i++)
        bf16[i] = rt_bf16_of_f32(base[i]);
    const struct rt_out_tensor out[] = {
        { "z.weight", RT_FILE_F32, 2, { 4, 6 }, base },
        { "b.bf16", RT_FILE_BF16, 1, { 7 }, bf16 },
        { "a.f16", RT_FILE_F16, 1, { 5 }, f16 },
        { "c.f16", RT_FILE_F16, 1, { 1 }, f16 + 5 },
        { "a.scalar", RT_FILE_F32, 0, { 0 }, &half },
        { "quote \" back \\ tab \t bell \a del \x7f", RT_FILE_F32, 1, { 1 }, base },
        { "\u00e9\u6f22\U0001f600", RT_FILE_F32, 1, { 2 }, base },
        { "empty", RT_FILE_F32, 2, { 0, 3 }, base },
        { "dims8", RT_FILE_F32, 8, { 1, 2, 1, 1, 2, 1, 1, 1 }, base },
    };
    char *path = text("%s/stock.safetensors", folder), *want = golden("stock.safetensors");
    const int64_t count = sizeof out / sizeof *out;
    ok(rt_safetensors_write(path, out, count, &err) == RT_OK, "write %d tensors", (int)count);
    ok(same_files(path, want), "bytes equal the stock writer's");
    struct rt_safetensors *st;
    if (ok(rt_safetensors_open(&st, folder, "stock", &err) == RT_OK, "open what was written: %s", err.text)) {
        ok(rt_safetensors_count(st) == count, "%d tensors read", (int)rt_safetensors_count(st));
        rt_safetensors_close(st);
    }
    const struct rt_out_tensor twice[] = { out[0], out[0] };
    ok(rt_safetensors_write(path, twice, 2, &err) == RT_ERR_INTERNAL, "one name twice is refused: %s",
       err.text);
    free(path);
    free(want);
}

/* Random tensors, in file order, read in odd pieces. */
static void test_round(void)
{
    enum { COUNT = 40 };
    uint64_t seed = 1;
    struct rt_out_tensor out[COUNT];
    char *path = text("%s/round.safetensors", folder);
    for (int i = 0; i < COUNT; i++) {
        out[i] = (struct rt_out_tensor){ .name = text("layer.%d.w", i),
                                         .dtype = (enum rt_file_dtype)(draw(&seed) % 3),
                                         .dims = 2,
                                         .shape = { i == 0 ? 0 : 1 + (int64_t)(draw(&seed) % 40),
                                                    1 + (int64_t)(draw(&seed) % 700) } };
        const size_t n = (size_t)(out[i].shape[0] * out[i].shape[1]) * (out[i].dtype == RT_FILE_F32 ? 4 : 2);
        unsigned char *data = malloc(n + 1);
        for (size_t k = 0; k < n; k++)
            data[k] = (unsigned char)draw(&seed);
        out[i].data = data;
    }
    ok(rt_safetensors_write(path, out, COUNT, &err) == RT_OK, "write %d random tensors", COUNT);
    struct rt_safetensors *st;
    int equal = 0, ordered = 1;
    uint64_t before = 0;
    if (rt_safetensors_open(&st, folder, "round", &err) != RT_OK)
        give_up(err.text);
    for (int64_t i = 0; i < rt_safetensors_count(st); i++) {
        const struct rt_st_tensor *t = rt_safetensors_tensor(st, i);
        const struct rt_out_tensor *o = &out[atoi(t->name + 6)];
        unsigned char *got = malloc(t->bytes + 1);
        ordered &= t->offset >= before && t->listed;
        before = t->offset;
        for (size_t at = 0; at < t->bytes;) {
            const size_t n = t->bytes - at < 777 ? t->bytes - at : 777;
            if (rt_safetensors_read(st, t, at, n, got + at, &err) != RT_OK)
                give_up(err.text);
            at += n;
        }
        equal += t->dtype == o->dtype && t->dims == 2 && t->shape[0] == o->shape[0] &&
                 t->shape[1] == o->shape[1] && t->elements == o->shape[0] * o->shape[1] &&
                 memcmp(got, o->data, t->bytes) == 0;
        free(got);
    }
    ok(equal == COUNT, "%d of %d tensors come back as they were", equal, COUNT);
    ok(ordered, "tensors come in file order");
    const struct rt_st_tensor *t = rt_safetensors_tensor(st, 0);
    char byte;
    ok(rt_safetensors_read(st, t, t->bytes, 1, &byte, &err) == RT_ERR_INTERNAL,
       "a byte beyond a tensor is refused");
    ok(truncate(path, (off_t)before) == 0, "the file is cut while it is open");
    t = rt_safetensors_tensor(st, rt_safetensors_count(st) - 1);
    char *none = malloc(t->bytes);
    const rt_status status = rt_safetensors_read(st, t, 0, t->bytes, none, &err);
    free(none);
    ok(status == RT_ERR_FILE, "and the read says so: %s", err.text);
    rt_safetensors_close(st);
    for (int i = 0; i < COUNT; i++) {
        free((char *)out[i].name);
        free((void *)out[i].data);
    }
    free(path);
}

/* Every 16-bit pattern, at every length of tail, from an odd address. */
static void test_to_f32(void)
{
    enum { N = 65536 };
    static char raw[2 * N + 1];
    static float got[N];
    int wrong[2] = { 0, 0 };
    for (int i = 0; i < N; i++) {
        const uint16_t h = (uint16_t)i;
        memcpy(raw + 1 + 2 * i, &h, 2);
    }
    for (int kind = 0; kind < 2; kind++) {
        rt_file_to_f32(got, raw + 1, kind == 0 ? RT_FILE_BF16 : RT_FILE_F16, N);
        for (int i = 0; i < N; i++) {
            const float want =
                kind == 0 ? rt_f32_of_bf16((rt_bf16){ (uint16_t)i }) : rt_f32_of_f16((uint16_t)i);
            wrong[kind] += memcmp(&want, &got[i], sizeof want) != 0;
        }
    }
    ok(wrong[0] == 0, "bf16 to float: %d of %d patterns differ", wrong[0], N);
    ok(wrong[1] == 0, "f16 to float: %d of %d patterns differ", wrong[1], N);
    int bad = 0;
    for (int n = 0; n < 100; n++) {
        got[n] = 7.0f;
        rt_file_to_f32(got, raw + 1 + 2 * 15000, RT_FILE_F16, n);
        for (int i = 0; i < n; i++)
            bad += got[i] != rt_f32_of_f16((uint16_t)(15000 + i));
        bad += got[n] != 7.0f;
    }
    ok(bad == 0, "lengths 0 to 99: %d wrong", bad);
    const float same[3] = { 1.5f, -0.0f, 3e-40f };
    rt_file_to_f32(got, same, RT_FILE_F32, 3);
    ok(memcmp(got, same, sizeof same) == 0, "float to float is a copy");
    rt_file_to_f32(got, same, RT_FILE_OTHER, 1);
    ok(isnan(got[0]), "another type gives no number");
}

/* Places that cannot be written to, and a write that stops half way. */
static void test_no_room(void)
{
    static const float data[1 << 16];
    const struct rt_out_tensor out = { "a", RT_FILE_F32, 1, { 1 << 16 }, data };
    char *under_file = text("%s/stock.safetensors/x", folder), *path = text("%s/full.safetensors", folder);
    ok(rt_safetensors_write(under_file, &out, 1, &err) == RT_ERR_OUTPUT, "under a file: %s", err.text);
    ok(rt_safetensors_write("/proc/x.safetensors", &out, 1, &err) == RT_ERR_OUTPUT, "in /proc: %s", err.text);
    ok(rt_safetensors_write("no/such/folder/x", &out, 1, &err) == RT_ERR_OUTPUT, "in no folder: %s", err.text);
    struct rlimit was, small;
    getrlimit(RLIMIT_FSIZE, &was);
    small = (struct rlimit){ 100000, was.rlim_max };
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    const rt_status status = rt_safetensors_write(path, &out, 1, &err);
    setrlimit(RLIMIT_FSIZE, &was);
    ok(status == RT_ERR_IO, "a write that stops after 100000 bytes: %s", err.text);
    char *aside = text("%s/.tmp-full.safetensors-%ld", folder, (long)getpid());
    ok(!there(path) && !there(aside), "leaves no file, neither under its name nor beside it");
    ok(rt_file_room(folder, (uint64_t)1 << 60, &err) == RT_ERR_IO, "no room for an exbibyte: %s", err.text);
    free(aside);
    free(under_file);
    free(path);
}

int main(void)
{
    folder = folder_make("safetensors");
    test_stock();
    test_round();
    test_to_f32();
    test_no_room();
    folder_end(folder);
    return tap_done();
}
