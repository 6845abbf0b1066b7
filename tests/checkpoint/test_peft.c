/* test_peft.c - adapters round, and their config against peft's bytes. */
#include "config.h"
#include "checkpoint/common.h"

static char *folder;

/* An adapter of `count` modules in one block of numbers. */
struct sample {
    struct rt_peft peft;
    float *values;
};

static struct sample sample_make(const char **names, int64_t count, int64_t r, uint64_t seed)
{
    struct sample s = { .peft = {
                            .base_model = "base", .r = r, .alpha = 16, .modules = count, .module = names } };
    int64_t *in = malloc((size_t)count * sizeof *in), *out = malloc((size_t)count * sizeof *out);
    const float **a = malloc((size_t)count * sizeof *a), **b = malloc((size_t)count * sizeof *b);
    size_t n = 0;
    for (int64_t m = 0; m < count; m++) {
        in[m] = 3 + m % 5;
        out[m] = 2 + m % 7;
        n += (size_t)(r * (in[m] + out[m]));
    }
    float *to = s.values = malloc(n * sizeof *to);
    for (size_t i = 0; i < n; i++)
        to[i] = draw_float(&seed);
    for (int64_t m = 0; m < count; m++) {
        a[m] = to;
        b[m] = to + r * in[m];
        to += r * (in[m] + out[m]);
    }
    s.peft.in = in, s.peft.out = out, s.peft.a = a, s.peft.b = b;
    return s;
}

static void sample_free(struct sample *s)
{
    free((int64_t *)s->peft.in);
    free((int64_t *)s->peft.out);
    free(s->peft.a);
    free(s->peft.b);
    free(s->values);
}

static void test_config(void)
{
    static const struct {
        const char *name, *base;
        int64_t r;
        double alpha, dropout;
        bool rslora;
    } list[] = {
        { "plain", "models/Qwen2.5-VL-7B", 8, 16, 0.0, false },
        { "odd", "m\u00f6del/\"\\\t\x7f\u6f22\U0001f600", 3, 5, 0.1 + 0.2, true },
        { "small", NULL, 1, 1, 1e-5, false },
    };
    const char *names[] = { "q_proj" };
    char *path = text("%s/adapter_config.json", folder);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct sample s = sample_make(names, 1, list[i].r, 1);
        char *file = text("config.%s.json", list[i].name), *want = golden(file);
        s.peft.base_model = list[i].base;
        s.peft.alpha = list[i].alpha;
        s.peft.dropout = list[i].dropout;
        s.peft.rslora = list[i].rslora;
        ok(rt_peft_write(folder, &s.peft, &err) == RT_OK && same_files(path, want), "%s equals peft's bytes",
           file);
        struct rt_peft_in *in;
        if (ok(rt_peft_open(&in, folder, &err) == RT_OK, "and is read: %s", err.text)) {
            const struct rt_peft *p = rt_peft_get(in);
            ok(p->r == list[i].r && p->alpha == list[i].alpha && p->dropout == list[i].dropout &&
                   p->rslora == list[i].rslora && (p->base_model == NULL) == (list[i].base == NULL) &&
                   (p->base_model == NULL || strcmp(p->base_model, list[i].base) == 0),
               "with the same values: alpha %g dropout %g", p->alpha, p->dropout);
            rt_peft_close(in);
        }
        sample_free(&s);
        free(file);
        free(want);
    }
    struct sample s = sample_make(names, 1, 2, 1);
    s.peft.alpha = 12.5;
    s.peft.base_model = "bad \xff byte";
    size_t n;
    ok(rt_peft_write(folder, &s.peft, &err) == RT_OK, "a fractional alpha is written");
    char *got = get_file(path, &n);
    ok(strstr(got, "\"lora_alpha\": 12.5,") != NULL, "as 12.5");
    ok(strstr(got, "\"bad \\udcff byte\"") != NULL, "a byte that is not UTF-8 becomes what Python makes of it");
    s.peft.modules = 0;
    ok(rt_peft_write(folder, &s.peft, &err) == RT_ERR_INTERNAL, "no module: %s", err.text);
    free(got);
    free(path);
    sample_free(&s);
}

/* tests/golden/checkpoint/targets.txt: what peft shortens lists of full names to. */
static void test_targets(void)
{
    enum { MAX = 400 };
    static const char *target[MAX], *other[MAX], *give[MAX];
    char *path = golden("targets.txt"), *label = NULL;
    size_t bytes;
    char *all = get_file(path, &bytes), *save = NULL;
    int64_t targets = 0, others = 0, gives = 0;
    for (char *line = strtok_r(all, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        char *word = strchr(line, ' ');
        if (word != NULL)
            *word++ = '\0';
        if (strcmp(line, "case") == 0) {
            label = word;
            targets = others = gives = 0;
        } else if (strcmp(line, "target") == 0) {
            target[targets++] = word;
        } else if (strcmp(line, "other") == 0) {
            other[others++] = word;
        } else if (strcmp(line, "give") == 0) {
            give[gives++] = word;
        } else {
            const struct rt_peft peft = {
                .modules = targets, .module = target, .other_count = others, .others = other
            };
            const char **got;
            int64_t count, same = 0;
            if (rt_peft_targets(&peft, &got, &count, &err) != RT_OK)
                give_up(err.text);
            for (int64_t i = 0; i < count && i < gives; i++)
                same += strcmp(got[i], give[i]) == 0;
            ok(count == gives && same == gives, "%s: %lld names, %lld of peft's %lld", label, (long long)count,
               (long long)same, (long long)gives);
            free(got);
        }
    }
    /* containers follow from the leaves below them */
    const char *few[MAX];
    int64_t leaves = 0, count;
    for (int64_t i = 0; i < others; i++) {
        bool inner = false;
        for (int64_t k = 0; k < others + targets && !inner; k++) {
            const char *longer = k < others ? other[k] : target[k - others];
            inner = strncmp(longer, other[i], strlen(other[i])) == 0 && longer[strlen(other[i])] == '.';
        }
        if (!inner)
            few[leaves++] = other[i];
    }
    const struct rt_peft peft = { .modules = targets, .module = target, .other_count = leaves, .others = few };
    const char **got;
    if (rt_peft_targets(&peft, &got, &count, &err) != RT_OK)
        give_up(err.text);
    int64_t same = 0;
    for (int64_t i = 0; i < count && i < gives; i++)
        same += strcmp(got[i], give[i]) == 0;
    ok(leaves < others && count == gives && same == gives, "the same with %lld of the %lld other modules named",
       (long long)leaves, (long long)others);
    free(got);
    free(all);
    free(path);
}

static void test_round(void)
{
    enum { COUNT = 28 };
    static const char *const part[7] = { "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                                         "self_attn.o_proj", "mlp.gate_proj",    "mlp.up_proj",
                                         "mlp.down_proj" };
    const char *names[COUNT];
    for (int i = 0; i < COUNT; i++)
        names[i] = text("model.language_model.layers.%d.%s", i / 7, part[i % 7]);
    struct sample s = sample_make(names, COUNT, 4, 9);
    ok(rt_peft_write(folder, &s.peft, &err) == RT_OK, "write %d modules", COUNT);
    struct rt_peft_in *in;
    if (rt_peft_open(&in, folder, &err) != RT_OK)
        give_up(err.text);
    const struct rt_peft *p = rt_peft_get(in);
    int same = 0;
    for (int64_t i = 0; i < p->modules; i++)
        for (int64_t m = 0; m < COUNT; m++)
            if (strcmp(p->module[i], names[m]) == 0)
                same += p->in[i] == s.peft.in[m] && p->out[i] == s.peft.out[m] &&
                        memcmp(p->a[i], s.peft.a[m], (size_t)(4 * p->in[i]) * sizeof(float)) == 0 &&
                        memcmp(p->b[i], s.peft.b[m], (size_t)(4 * p->out[i]) * sizeof(float)) == 0;
    ok(p->modules == COUNT && same == COUNT, "%d of %d modules come back bit for bit", same, COUNT);
    rt_peft_close(in);
    struct rt_safetensors *st;
    if (rt_safetensors_open(&st, folder, "adapter_model", &err) != RT_OK)
        give_up(err.text);
    ok(strcmp(rt_safetensors_tensor(st, 0)->name,
              "base_model.model.model.language_model.layers.0.mlp.down_proj.lora_A.weight") == 0 &&
           rt_safetensors_count(st) == 2 * COUNT,
       "names as peft gives them: %s", rt_safetensors_tensor(st, 0)->name);
    rt_safetensors_close(st);
    sample_free(&s);
    for (int i = 0; i < COUNT; i++)
        free((char *)names[i]);
}

int main(void)
{
    folder = folder_make("peft");
    test_config();
    test_targets();
    test_round(); /* last: its files stay for the peers' check */
    folder_end(folder);
    return tap_done();
}
