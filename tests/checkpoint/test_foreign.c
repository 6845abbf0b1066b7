/* test_foreign.c - checkpoints that LLaMA-Factory wrote (tests/golden/resume): what is read of them, and what
 * is refused and how. */
#include "config.h"
#include "checkpoint/common.h"
#include "checkpoint/foreign.h"

#include <math.h>

static char *work; /* a folder of ours */

static char *recorded(const char *name)
{
    const char *root = getenv("RT_SRCDIR");
    return text("%s/tests/golden/resume/%s", root != NULL ? root : ".", name);
}

static double norm(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

/* Norms of both moments by parameter, as torch read them, against ours at the place where the parameter
 * belongs. */
static void compare_moments(struct rt_foreign *f, const char *name, int64_t modules, bool loraplus)
{
    char *path = recorded(name);
    FILE *in = fopen(path, "r");
    double worst = 0, m_want, v_want;
    int64_t rows, cols, params = 0;
    long long r, c;
    while (in != NULL && fscanf(in, "%lld %lld %lf %lf", &r, &c, &m_want, &v_want) == 4) {
        const int64_t n = params++;
        const int64_t place = !loraplus ? n : n < modules ? 2 * n : 2 * (n - modules) + 1;
        rows = r;
        cols = c;
        float *m = calloc((size_t)(rows * cols), sizeof *m), *v = calloc((size_t)(rows * cols), sizeof *v);
        if (m == NULL || v == NULL)
            give_up("memory");
        if (rt_foreign_moments(f, place, rows, cols, m, v, &err) != RT_OK)
            worst = INFINITY;
        worst = fmax(worst, fabs(norm(m, rows * cols) / m_want - 1));
        worst = fmax(worst, fabs(norm(v, rows * cols) / v_want - 1));
        free(m);
        free(v);
    }
    if (in != NULL)
        fclose(in);
    /* sums of a few hundred squares in double, in another order: 1e-13 would do */
    ok(params == 2 * modules && worst < 1e-12, "%s: moments of %d parameters: norms off by %.1e < 1e-12", name,
       (int)params, worst);
    free(path);
}

static void test_read(void)
{
    static const struct {
        const char *folder, *moments;
        int step, ranks, modules, batch;
        double epoch, rate_a, rate_b, next, decay, beta2;
        bool loraplus;
    } cases[] = {
        { "plain/checkpoint-8", "plain/moments.txt", 8, 1, 6, 2, 8 / 6.0, 0.01, 0.01, 0.003454915028125263, 0.1,
          0.999, false },
        { "loraplus/checkpoint-5", "loraplus/moments.txt", 5, 2, 7, 2, 5 / 6.0, 0.01, 0.04,
          0.005454545454545454, 0.01, 0.999, true },
        { "epoch/checkpoint-7", "epoch/moments.txt", 7, 1, 3, 3, 1, 0.01, 0.01, 0.01, 0, 0.95, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rt_foreign *f;
        char *folder = recorded(cases[i].folder);
        err.text[0] = '\0';
        ok(rt_checkpoint_foreign(folder) && rt_checkpoint_verify(folder, &err) == RT_OK, "%s is one",
           cases[i].folder);
        if (ok(rt_foreign_open(&f, folder, &err) == RT_OK, "%s is read: %s", cases[i].folder, err.text)) {
            const struct rt_foreign_facts *is = rt_foreign_facts(f);
            ok(is->step == cases[i].step && is->ranks == cases[i].ranks &&
                   is->train_batch_size == cases[i].batch && is->loraplus == cases[i].loraplus &&
                   rt_foreign_adapter(f)->modules == cases[i].modules && is->tensors == 8 * cases[i].modules,
               "step %d of %d ranks, batch %d, %d modules, %d tensors", (int)is->step, is->ranks,
               (int)is->train_batch_size, (int)rt_foreign_adapter(f)->modules, (int)is->tensors);
            ok(fabs(is->epoch - cases[i].epoch) < 1e-15 && is->learning_rate[0] == cases[i].rate_a &&
                   is->learning_rate[1] == cases[i].rate_b && fabs(is->next_rate / cases[i].next - 1) < 1e-14,
               "epoch %g, rates %g and %g, next %g", is->epoch, is->learning_rate[0], is->learning_rate[1],
               is->next_rate);
            ok(is->weight_decay == cases[i].decay && is->adam_beta1 == 0.9 &&
                   is->adam_beta2 == cases[i].beta2 && is->adam_epsilon == 1e-8,
               "decay %g, beta %g %g, epsilon %g", is->weight_decay, is->adam_beta1, is->adam_beta2,
               is->adam_epsilon);
            compare_moments(f, cases[i].moments, cases[i].modules, cases[i].loraplus);
            float m[4], v[4];
            ok(rt_foreign_moments(f, 0, 2, 2, m, v, &err) == RT_ERR_FILE && strstr(err.text, "another model"),
               "another shape is refused: %s", err.text);
            rt_foreign_close(f);
        }
        free(folder);
    }
}

/* plain/checkpoint-8 again, as work/NAME. */
static char *copy(const char *name)
{
    static const char *const files[] = { "adapter_config.json", "adapter_model.safetensors",
                                         "optimizer.pt",        "scheduler.pt",
                                         "rng_state.pth",       "trainer_state.json" };
    char *to = text("%s/%s", work, name);
    if (rt_file_remove(to, &err) != RT_OK || rt_file_make_folder(to, &err) != RT_OK)
        give_up(err.text);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t bytes;
        char *folder = recorded("plain/checkpoint-8"), *from = text("%s/%s", folder, files[i]),
             *path = text("%s/%s", to, files[i]), *data = get_file(from, &bytes);
        put_file(path, data, bytes);
        free(data);
        free(path);
        free(from);
        free(folder);
    }
    return to;
}

static void refused(const char *folder, const char *file, const char *want)
{
    struct rt_foreign *f;
    err.text[0] = '\0';
    ok(rt_foreign_open(&f, folder, &err) == RT_ERR_FILE && strstr(err.text, file) != NULL &&
           strstr(err.text, want) != NULL && strstr(err.text, "adapter_name_or_path") != NULL,
       "%s, %s: %s", file, want, err.text);
}

/* FILE of a copy replaced by data, or removed where that is NULL. */
static void with_file(const char *file, const void *data, size_t bytes, const char *want)
{
    char *folder = copy("checkpoint-8"), *path = text("%s/%s", folder, file);
    if (data == NULL)
        (void)unlink(path);
    else
        put_file(path, data, bytes);
    refused(folder, file, want);
    free(path);
    free(folder);
}

static void with_recorded(const char *file, const char *from, const char *want)
{
    size_t bytes;
    char *path = recorded(from), *data = get_file(path, &bytes);
    with_file(file, data, bytes, want);
    free(data);
    free(path);
}

static void test_refused(void)
{
    static const char *const needed[] = { "adapter_config.json", "adapter_model.safetensors",
                                          "optimizer.pt",        "scheduler.pt",
                                          "rng_state.pth",       "trainer_state.json" };
    static const char state[] = "{\"global_step\": 9, \"epoch\": 1.5, \"log_history\": []}";
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        with_file(needed[i], NULL, 0, needed[i][0] == 'a' ? "adapter" : "cannot open");
    with_file("optimizer.pt", "PK", 2, "no whole zip archive");
    with_file("rng_state.pth", "", 0, "no whole zip archive");
    with_recorded("scheduler.pt", "plain/checkpoint-8/rng_state.pth", "last_epoch or base_lrs is missing");
    with_recorded("scheduler.pt", "loraplus/checkpoint-5/scheduler.pt", "its schedule is at step 5");
    with_recorded("rng_state.pth", "plain/checkpoint-8/scheduler.pt", "python or numpy is missing");
    with_recorded("optimizer.pt", "plain/checkpoint-8/scheduler.pt", "state or param_groups is missing");
    with_recorded("optimizer.pt", "loraplus/checkpoint-5/optimizer.pt", "in groups of 7, 7, 0, 0");
    with_file("trainer_state.json", state, sizeof state - 1, "cannot be gone on from");
    with_file("trainer_state.json", "{", 1, "trainer_state.json:1");
    with_file("trainer_state.json", "{}", 2, "global_step");
    char *folder = copy("checkpoint-9");
    refused(folder, "checkpoint-9", "it holds step 8; the folder was renamed");
    free(folder);
    folder = copy("elsewhere");
    err.text[0] = '\0';
    ok(rt_checkpoint_verify(folder, &err) == RT_OK, "under another name it is good: %s", err.text);
    free(folder);
}

/* Every moment of a checkpoint, for memcmp. NULL: it is refused. */
static float *all_moments(const char *folder, size_t *bytes)
{
    enum { MOST = 2048 }; /* plain has 1344 parameters */
    struct rt_foreign *f;
    if (rt_foreign_open(&f, folder, &err) != RT_OK)
        return NULL;
    float *all = calloc(2 * MOST, sizeof *all);
    int64_t used = 0;
    for (int64_t i = 0; all != NULL && i < rt_foreign_adapter(f)->modules; i++) {
        const int64_t out = i % 2 == 0 ? 64 : 32; /* q_proj and v_proj of each layer */
        if (rt_foreign_moments(f, 2 * i, 2, 64, all + used, all + used + 128, &err) != RT_OK ||
            rt_foreign_moments(f, 2 * i + 1, out, 2, all + used + 256, all + used + 256 + 2 * out, &err) !=
                RT_OK)
            give_up(err.text);
        used += 256 + 4 * out;
    }
    rt_foreign_close(f);
    *bytes = 2 * MOST * sizeof *all;
    return all;
}

/* A bit flipped anywhere in optimizer.pt is noticed, or lies where nothing is read. */
static void test_flips(void)
{
    size_t bytes, size;
    int flips = 0, noticed = 0, same = 0;
    char *folder = copy("checkpoint-8"), *path = text("%s/optimizer.pt", folder), *data = get_file(path, &size);
    float *whole = all_moments(folder, &bytes);
    if (whole == NULL)
        give_up(err.text);
    for (size_t at = 0; at < size; at += 37, flips++) {
        data[at] = (char)(data[at] ^ 1 << at % 8);
        put_file(path, data, size);
        data[at] = (char)(data[at] ^ 1 << at % 8);
        float *now = all_moments(folder, &bytes);
        noticed += now == NULL;
        same += now != NULL && memcmp(now, whole, bytes) == 0;
        free(now);
    }
    ok(noticed + same == flips && noticed > flips / 4,
       "a bit flipped in optimizer.pt: of %d times noticed %d > a quarter, without effect %d, and no other",
       flips, noticed, same);
    free(whole);
    free(data);
    free(path);
    free(folder);
}

#define PICKLE(data, want)                                                                                     \
    {                                                                                                          \
        data, sizeof data - 1, want                                                                            \
    }
static const struct {
    const char *data;
    size_t bytes;
    const char *want; /* NULL: it is good */
} pickles[] = {
    PICKLE("\x80\x02N.", NULL),
    PICKLE("\x80\x02]q\1(K\1M\2\1J\xfe\xff\xff\xff"
           "\x8a\1\x80G\x3f\xf0\0\0\0\0\0\0e.",
           NULL),
    PICKLE("\x80\x02]q\1h\1a.", NULL), /* a list that holds itself */
    PICKLE("", "byte 0: the file is cut short here"),
    PICKLE("\x80\x04N.", "byte 0: is a pickle of another protocol than 2"),
    PICKLE("\x80\x02"
           "cos\nsystem\nX\7\0\0\0rm -rf /\x85R.",
           "byte 2: names os.system"),
    PICKLE("\x80\x02"
           "c__builtin__\neval\n.",
           "names __builtin__.eval"),
    PICKLE("\x80\x02"
           "ctorch FloatStorage\n\n.",
           "names torch FloatStorage."),
    PICKLE("\x80\x02"
           "ccollections\nOrderedDict\n",
           "cut short"),
    PICKLE("\x80\x02"
           "ccollections\nOrderedDict\nK\1\x85R.",
           "in a way that torch.save does not"),
    PICKLE("\x80\x02"
           "ctorch\nFloatStorage\n)R.",
           "in a way that torch.save does not"),
    PICKLE("\x80\x02K\1)R.", "calls what is no name"),
    PICKLE("\x80\x02)\x81.", "byte 3: code 0x81, which torch.save does not write"),
    PICKLE("\x80\x02\x85.", "takes a value where there is none"),
    PICKLE("\x80\x02K\1K\2(\x86.", "takes a value where there is none"), /* a tuple across a mark */
    PICKLE("\x80\x02K\1(a.", "takes a value where there is none"),
    PICKLE("\x80\x02](.", "ends with more or less than one value"),
    PICKLE("\x80\x02K\1e.", "there is no mark"),
    PICKLE("\x80\x02K\1(K\2e.", "appends to what is no list"),
    PICKLE("\x80\x02](K\2u.", "sets an item of what is no dict"),
    PICKLE("\x80\x02}(K\2u.", "a key of a dict has no value"),
    PICKLE("\x80\x02h\1.", "asks for a value that was not kept"),
    PICKLE("\x80\x02K\1r\xff\xff\xff\x7f.", "keeps more values than the file can have"),
    PICKLE("\x80\x02X\xff\xff\xff\xffx.", "cut short"),
    PICKLE("\x80\x02\x8a\x09"
           "123456789.",
           "more than 64 bits"),
    PICKLE("\x80\x02)K\1b.", "sets the state of what has none"),
    PICKLE("\x80\x02(K\1K\2K\3K\4K\5tQ.", "no reference to numbers"),
    PICKLE("\x80\x02NN.", "ends with more or less than one value"),
    PICKLE("\x80\x02N.N", "something stands behind its end"),
};

static void test_pickles(void)
{
    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
        struct rt_pickle *p = NULL;
        err.text[0] = '\0';
        const rt_status st = rt_pickle_read(&p, "x.pt", pickles[i].data, pickles[i].bytes, &err);
        if (pickles[i].want == NULL)
            ok(st == RT_OK, "pickle %zu is read%s", i, err.text);
        else
            ok(st == RT_ERR_FILE && strstr(err.text, pickles[i].want) != NULL, "pickle %zu: %s", i, err.text);
        rt_pickle_free(p);
    }
    struct rt_pickle *p = NULL;
    if (!ok(rt_pickle_read(&p, "x.pt", pickles[1].data, pickles[1].bytes, &err) == RT_OK, "numbers"))
        return;
    const struct rt_pickle_value *list = rt_pickle_root(p);
    int64_t n[4] = { 0 };
    double x = 0;
    bool good = rt_pickle_count(list) == 5 && rt_pickle_at(p, list, 5) == NULL;
    for (int i = 0; i < 4; i++)
        good &= rt_pickle_int(rt_pickle_at(p, list, i), &n[i]);
    good &= rt_pickle_real(rt_pickle_at(p, list, 4), &x);
    ok(good && n[0] == 1 && n[1] == 258 && n[2] == -2 && n[3] == -128 && x == 1,
       "of every size and sign: %d, %d, %d, %d, %g", (int)n[0], (int)n[1], (int)n[2], (int)n[3], x);
    rt_pickle_free(p);
}

int main(void)
{
    work = folder_make("foreign");
    test_read();
    test_refused();
    test_flips();
    test_pickles();
    folder_end(work);
    return tap_done();
}
