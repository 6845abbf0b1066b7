/* test_peft.c - adapters round, their config against peft's bytes, and what a config may not ask for. */
#include "config.h"
#include "checkpoint/common.h"
#include "checkpoint/text.h"

static char *folder;

/* Floats as Python prints them; the texts are Python's. */
static void test_doubles(void)
{
    static const struct {
        double value;
        const char *want;
    } list[] = {
        { 0.0, "0.0" },
        { -0.0, "-0.0" },
        { 1.0, "1.0" },
        { 0.05, "0.05" },
        { 0.1, "0.1" },
        { 0.1 + 0.2, "0.30000000000000004" },
        { 1e-4, "0.0001" },
        { 1e-5, "1e-05" },
        { 1.5e-7, "1.5e-07" },
        { 123456.789, "123456.789" },
        { 100.0, "100.0" },
        { 9999999999999998.0, "9999999999999998.0" },
        { 1e16, "1e+16" },
        { 12345678901234567.0, "1.2345678901234568e+16" },
        { 1e22, "1e+22" },
        { 5e-324, "5e-324" },
        { 1.7976931348623157e308, "1.7976931348623157e+308" },
        { 2.0 / 3, "0.6666666666666666" },
        { -12.5, "-12.5" },
        { 1e308 * 10, "Infinity" },
    };
    int right = 0;
    const int count = sizeof list / sizeof *list;
    for (int i = 0; i < count; i++) {
        char *got = NULL;
        size_t n;
        FILE *out = open_memstream(&got, &n);
        rt_text_double(out, list[i].value);
        fclose(out);
        if (strcmp(got, list[i].want) == 0)
            right++;
        else
            diag("%s, and Python prints %s", got, list[i].want);
        free(got);
    }
    ok(right == count, "%d of %d floats as Python prints them", right, count);
}

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

#define GOOD_KEYS "\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"target_modules\":[\"q\",\"attn.proj\"]"

static void put_config(const char *json)
{
    char *path = text("%s/adapter_config.json", folder);
    put_file(path, json, strlen(json));
    free(path);
}

struct tensor {
    const char *name;
    enum rt_file_dtype dtype;
    int64_t rows, cols;
};

static void put_tensors(const struct tensor *t, int count)
{
    static const float zeros[64];
    static const uint16_t ones[64] = { 0x3c00, 0x3c00 }; /* f16: 1, 1, 0 ...; bf16: 2^-7 */
    struct rt_out_tensor out[8];
    for (int i = 0; i < count; i++)
        out[i] = (struct rt_out_tensor){ t[i].name,
                                         t[i].dtype,
                                         2,
                                         { t[i].rows, t[i].cols },
                                         t[i].dtype == RT_FILE_F32 ? (const void *)zeros : ones };
    char *path = text("%s/adapter_model.safetensors", folder);
    if (rt_safetensors_write(path, out, count, &err) != RT_OK)
        give_up(err.text);
    free(path);
}

/* Old names, ".default" in the name, half precision. */
static void test_spellings(void)
{
    static const struct tensor old[] = {
        { "base_model.model.model.layers.0.self_attn.q.lora_A.weight", RT_FILE_BF16, 2, 5 },
        { "base_model.model.model.layers.0.self_attn.q.lora_B.weight", RT_FILE_F16, 3, 2 },
        { "base_model.model.visual.blocks.0.attn.proj.lora_A.default.weight", RT_FILE_F32, 2, 4 },
        { "base_model.model.visual.blocks.0.attn.proj.lora_B.default.weight", RT_FILE_F32, 6, 2 },
    };
    put_config("{" GOOD_KEYS ",\"use_rslora\":true,\"future\":null,\"init_lora_weights\":\"gaussian\"}");
    put_tensors(old, 4);
    struct rt_peft_in *in;
    if (!ok(rt_peft_open(&in, folder, &err) == RT_OK, "an adapter in old names is read: %s", err.text))
        return;
    const struct rt_peft *p = rt_peft_get(in);
    ok(p->modules == 2 && strcmp(p->module[0], "model.language_model.layers.0.self_attn.q") == 0 &&
           strcmp(p->module[1], "model.visual.blocks.0.attn.proj") == 0,
       "under new names: %s, %s", p->module[0], p->module[1]);
    ok(p->a[0][0] == 0x1p-7f && p->a[0][2] == 0 && p->b[0][1] == 1.0f && p->in[0] == 5 && p->out[1] == 6,
       "as float: bf16 %g, f16 %g", (double)p->a[0][0], (double)p->b[0][1]);
    ok(p->rslora && p->alpha == 4 && p->r == 2 && p->dropout == 0, "rslora, alpha %g, r %d", p->alpha,
       (int)p->r);
    rt_peft_close(in);
    put_config("{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"target_modules\":"
               "[\"model.layers.0.self_attn.q\",\"model.visual.blocks.0.attn.proj\"]}");
    in = NULL;
    ok(rt_peft_open(&in, folder, &err) == RT_OK, "target_modules in full names, old and new: %s", err.text);
    rt_peft_close(in);
    in = NULL;
    put_config("{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"target_modules\":\".*proj\"}");
    ok(rt_peft_open(&in, folder, &err) == RT_OK, "target_modules as a pattern: %s", err.text);
    rt_peft_close(in);
}

static void test_refused(void)
{
    static const struct tensor good[] = { { "base_model.model.m.q.lora_A.weight", RT_FILE_F32, 2, 5 },
                                          { "base_model.model.m.q.lora_B.weight", RT_FILE_F32, 3, 2 } };
    static const struct {
        const char *json, *want;
    } configs[] = {
        { "{" GOOD_KEYS, "adapter_config.json:1" },
        { "[]", "object" },
        { "{}", "peft_type" },
        { "{\"peft_type\":\"IA3\",\"r\":2,\"lora_alpha\":4,\"target_modules\":[\"q\"]}", "IA3" },
        { "{\"peft_type\":\"LORA\",\"lora_alpha\":4,\"target_modules\":[\"q\"]}", ": r:" },
        { "{\"peft_type\":\"LORA\",\"r\":0,\"lora_alpha\":4,\"target_modules\":[\"q\"]}", ": r:" },
        { "{\"peft_type\":\"LORA\",\"r\":\"2\",\"lora_alpha\":4,\"target_modules\":[\"q\"]}", ": r:" },
        { "{\"peft_type\":\"LORA\",\"r\":3,\"lora_alpha\":4,\"target_modules\":[\"q\"]}", "r is 3" },
        { "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":null,\"target_modules\":[\"q\"]}", "lora_alpha" },
        { "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4}", "target_modules" },
        { "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"target_modules\":[]}", "target_modules" },
        { "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"target_modules\":[1]}", "target_modules" },
        { "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"target_modules\":[\"k\",\"mq\"]}",
          "module m.q: target_modules" },
        { "{" GOOD_KEYS ",\"r\":2}", "duplicate" },
        { "{" GOOD_KEYS ",\"use_dora\":true}", "use_dora" },
        { "{" GOOD_KEYS ",\"use_rslora\":1}", "use_rslora" },
        { "{" GOOD_KEYS ",\"lora_dropout\":1}", "lora_dropout" },
        { "{" GOOD_KEYS ",\"bias\":\"all\"}", "bias" },
        { "{" GOOD_KEYS ",\"lora_bias\":true}", "lora_bias" },
        { "{" GOOD_KEYS ",\"modules_to_save\":[\"lm_head\"]}", "modules_to_save: [\"lm_head\"]" },
        { "{" GOOD_KEYS ",\"rank_pattern\":{\"q\":4}}", "rank_pattern" },
        { "{" GOOD_KEYS ",\"alpha_pattern\":{\"q\":4}}", "alpha_pattern" },
        { "{" GOOD_KEYS ",\"fan_in_fan_out\":true}", "fan_in_fan_out" },
        { "{" GOOD_KEYS ",\"layer_replication\":[[0,1]]}", "layer_replication" },
        { "{" GOOD_KEYS ",\"use_qalora\":true}", "use_qalora" },
        { "{" GOOD_KEYS ",\"trainable_token_indices\":[1]}", "trainable_token_indices" },
        { "{" GOOD_KEYS ",\"target_parameters\":[\"x\"]}", "target_parameters" },
        { "{" GOOD_KEYS ",\"alora_invocation_tokens\":[1]}", "alora_invocation_tokens" },
        { "{" GOOD_KEYS ",\"arrow_config\":{\"top_k\":3}}", "arrow_config" },
        { "{" GOOD_KEYS ",\"init_lora_weights\":\"pissa\"}", "init_lora_weights" },
        { "{" GOOD_KEYS ",\"a_key_of_tomorrow\":5}", "a_key_of_tomorrow" },
    };
    struct rt_peft_in *in = NULL;
    put_tensors(good, 2);
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        put_config(configs[i].json);
        ok(rt_peft_open(&in, folder, &err) == RT_ERR_FILE && strstr(err.text, configs[i].want) != NULL,
           "config %zu: wants \"%s\": %s", i, configs[i].want, err.text);
    }
    static const struct {
        struct tensor t[3];
        int count;
        const char *want;
    } files[] = {
        { { { "base_model.model.m.q.lora_A.weight", RT_FILE_F32, 2, 5 } }, 1, "no lora_B" },
        { { { "base_model.model.m.q.lora_B.weight", RT_FILE_F32, 5, 2 } }, 1, "no lora_A" },
        { { { "base_model.model.m.q.lora_A.weight", RT_FILE_F32, 2, 5 },
            { "base_model.model.m.q.lora_A.default.weight", RT_FILE_F32, 2, 5 } },
          2,
          "lora_A twice" },
        { { { "base_model.model.m.q.lora_A.weight", RT_FILE_F32, 4, 5 },
            { "base_model.model.m.q.lora_B.weight", RT_FILE_F32, 3, 2 } },
          2,
          "r is 2" },
        { { { "base_model.model.m.q.lora_A.weight", RT_FILE_F32, 2, 5 },
            { "base_model.model.m.q.lora_B.weight", RT_FILE_F32, 2, 3 } },
          2,
          "r is 2" },
        { { { "base_model.model.m.q.lora_A.weight", RT_FILE_F32, 2, 0 },
            { "base_model.model.m.q.lora_B.weight", RT_FILE_F32, 3, 2 } },
          2,
          "not a matrix" },
        { { { "model.m.q.lora_A.weight", RT_FILE_F32, 2, 5 } }, 1, "only base_model.model" },
        { { { "base_model.model.m.q.lora_magnitude_vector", RT_FILE_F32, 2, 5 } }, 1, "lora_magnitude_vector" },
        { { { "base_model.model.lm_head.weight", RT_FILE_F32, 2, 5 } }, 1, "lm_head" },
        { { { "base_model.model.m.q.lora_embedding_A", RT_FILE_F32, 2, 5 } }, 1, "lora_embedding_A" },
        { { { "base_model.model..lora_A.weight", RT_FILE_F32, 2, 5 } }, 0, "holds no tensor" },
    };
    put_config("{" GOOD_KEYS "}");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        put_tensors(files[i].t, files[i].count);
        ok(rt_peft_open(&in, folder, &err) == RT_ERR_FILE && strstr(err.text, files[i].want) != NULL,
           "tensors %zu: wants \"%s\": %s", i, files[i].want, err.text);
    }
    char *path = text("%s/adapter_model.safetensors", folder);
    unlink(path);
    ok(rt_peft_open(&in, folder, &err) == RT_ERR_FILE, "no tensors at all: %s", err.text);
    free(path);
    ok(rt_peft_open(&in, "no/such/folder", &err) == RT_ERR_FILE, "no folder: %s", err.text);
}

int main(void)
{
    folder = folder_make("peft");
    test_doubles();
    test_config();
    test_targets();
    test_spellings();
    test_refused();
    test_round(); /* last: its files stay for the peers' check */
    folder_end(folder);
    return tap_done();
}
