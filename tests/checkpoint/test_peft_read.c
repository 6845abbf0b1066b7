/* test_peft_read.c - adapters that others wrote: old names and half precision; what a config may not ask. */
#include "config.h"
#include "checkpoint/common.h"

static char *folder;

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
    folder = folder_make("peft-read");
    test_spellings();
    test_refused();
    folder_end(folder);
    return tap_done();
}
