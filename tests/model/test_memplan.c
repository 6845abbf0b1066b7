/* test_memplan.c - the memory plan of the 7B by arithmetic alone: what fits where, and what is said where
 * nothing does. */
#include "config.h"
#include "model/adapter.h"
#include "model/layout.h"
#include "tap.h"

#include <string.h>

static const char config_7b[] =
    "{\"architectures\": [\"Qwen2_5_VLForConditionalGeneration\"], \"model_type\": \"qwen2_5_vl\", "
    "\"vocab_size\": 152064,"
    " \"hidden_size\": 3584, \"intermediate_size\": 18944, \"num_hidden_layers\": 28, \"num_attention_heads\": "
    "28,"
    " \"num_key_value_heads\": 4, \"rms_norm_eps\": 1e-6, \"rope_theta\": 1e6, \"hidden_act\": \"silu\","
    " \"rope_scaling\": {\"type\": \"mrope\", \"mrope_section\": [16, 24, 24]}, \"torch_dtype\": \"bfloat16\","
    " \"max_position_embeddings\": 128000, \"tie_word_embeddings\": false, \"image_token_id\": 151655,"
    " \"use_sliding_window\": false, \"vision_config\": {\"depth\": 32, \"hidden_size\": 1280, "
    "\"out_hidden_size\": 3584,"
    " \"intermediate_size\": 3420, \"num_heads\": 16, \"in_channels\": 3, \"patch_size\": 14, "
    "\"spatial_merge_size\": 2,"
    " \"temporal_patch_size\": 2, \"window_size\": 112, \"fullatt_block_indexes\": [7, 15, 23, 31], "
    "\"hidden_act\": \"silu\","
    " \"model_type\": \"qwen2_5_vl\"}}";

/* As a GPU would see it: nothing is computed. */
struct plan_test {
    struct rt_error err;
    struct rt_exec *cpu, gpu;
    struct rt_model m;
    struct rt_model_options opt;
    int64_t *adapter_of;
};

static void must(rt_status st, const struct rt_error *err)
{
    if (st == RT_OK)
        return;
    printf("Bail out! %s\n", err->text);
    exit(1);
}

static void open_7b(struct plan_test *t, bool tower_learns)
{
    static const char *all[] = { "all" };
    struct rt_model *m = &t->m;
    memset(t, 0, sizeof *t);
    t->opt = (struct rt_model_options){ .lora_rank = 8,
                                        .lora_alpha = 16,
                                        .lora_target = all,
                                        .lora_targets = 1,
                                        .freeze_vision_tower = !tower_learns,
                                        .freeze_multi_modal_projector = true };
    must(rt_exec_open(&t->cpu, RT_DEVICE_CPU, RT_BF16, 0, 1, &t->err), &t->err);
    t->gpu = *t->cpu;
    t->gpu.device = RT_DEVICE_CUDA;
    m->ex = &t->gpu;
    must(rt_model_config_read(&m->config, config_7b, strlen(config_7b), "config.json", &t->err), &t->err);
    must(rt_modules_list(&m->modules, &m->config, &t->err), &t->err);
    m->text.block = calloc((size_t)m->config.layers, sizeof *m->text.block);
    m->vision.block = calloc((size_t)m->config.vision.depth, sizeof *m->vision.block);
    must(rt_kept_init(&m->text_acts.kept, m->config.layers, &t->err), &t->err);
    must(rt_kept_init(&m->vision_acts.kept, m->config.vision.depth, &t->err), &t->err);
    t->adapter_of = calloc((size_t)m->modules.count, sizeof *t->adapter_of);
    must(rt_adapter_choose(m, &t->opt, NULL, t->adapter_of, &t->err), &t->err);
    must(rt_layout_weights(m, t->adapter_of, NULL, &t->err), &t->err);
}

static void close_7b(struct plan_test *t)
{
    for (int64_t i = 0; i < t->m.adapter.modules; i++)
        free(t->m.adapter.module[i].name);
    free(t->m.adapter.module);
    free(t->m.weight);
    free(t->m.text.block);
    free(t->m.vision.block);
    rt_kept_free(&t->m.text_acts.kept);
    rt_kept_free(&t->m.vision_acts.kept);
    rt_modules_free(&t->m.modules);
    rt_model_config_free(&t->m.config);
    free(t->adapter_of);
    rt_exec_close(t->cpu);
}

/* Samples of so many tokens: up to 770 of them from a picture of 1928 x 1208 at the default image_max_pixels,
 * 117 learned. */
static struct rt_model_limits samples(int64_t count, int64_t tokens)
{
    const int64_t pictures = tokens / 887 * count;
    return (struct rt_model_limits){ .tokens = count * tokens,
                                     .samples = count,
                                     .max_length = tokens,
                                     .patches = 4 * 770 * pictures,
                                     .pictures = pictures,
                                     .learned = 117 * pictures,
                                     .max_picture_patches = 4 * 770 };
}

static rt_status plan(struct plan_test *t, struct rt_model_needs needs, enum rt_recompute wish, double free_gb,
                      double all_gb)
{
    const struct rt_room room = { (size_t)(free_gb * 1e9), (size_t)(all_gb * 1e9) };
    t->opt.recompute = wish;
    t->err.text[0] = '\0';
    return rt_memplan_make(&t->m, &needs, &t->opt, room, &t->err);
}

static void show(const struct plan_test *t)
{
    char *text = rt_memplan_text(&t->m), *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        diag("%s", line);
    free(text);
}

/* The job of one GPU that people run: batches of 2, accumulated 8 times. */
static void check_job(struct plan_test *t)
{
    const struct rt_model_needs job = { .train = samples(2, 887), .micros = 8 };
    const struct rt_memplan *p = &t->m.plan;
    rt_status st = plan(t, job, RT_RECOMPUTE_ALWAYS, 137, 137);
    ok(st == RT_OK && t->m.train.tokens == 1774 && p->again == rt_memplan_steps(&t->m) &&
           p->total <= (size_t)28 << 30,
       "asked to recompute, the job takes %.2f GiB <= 28", (double)p->total / 0x1p30);
    show(t);
    st = plan(t, job, RT_RECOMPUTE_BY_PLAN, 137, 137);
    ok(st == RT_OK && t->m.train.tokens == 8 * 1774 && p->again == 0,
       "on a GPU of 141 GB all of a step is one pass of %lld tokens and all is kept: %.2f GiB",
       (long long)t->m.train.tokens, (double)p->total / 0x1p30);
    show(t);
    static const double gb[] = { 137, 100, 78, 46, 38, 31, 23.5, 20 };
    for (size_t i = 0; i < sizeof gb / sizeof *gb; i++) {
        st = plan(t, job, RT_RECOMPUTE_BY_PLAN, gb[i], gb[i]);
        ok(st == RT_OK && (double)p->total <= gb[i] * 1e9,
           "%.1f GB: passes of %lld tokens, %lld of %lld steps of recomputation, "
           "%.1f GB taken",
           gb[i], (long long)t->m.train.tokens, (long long)p->again, (long long)rt_memplan_steps(&t->m),
           (double)p->total / 1e9);
    }
    ok(p->again > 0, "20 GB are too few to keep all");
}

/* Sequences as long as the default cutoff_len. */
static void check_80_gb(struct plan_test *t)
{
    struct rt_model_needs needs = { .train = samples(2, 2048), .micros = 1 };
    const struct rt_memplan *p = &t->m.plan;
    needs.train.learned = needs.train.tokens; /* the worst of data */
    const rt_status st = plan(t, needs, RT_RECOMPUTE_NEVER, 78, 78);
    ok(st == RT_OK && p->again == 0 && t->m.train.tokens == 4096,
       "2 x 2048 tokens need %.2f GB without recomputation, of 80", (double)p->total / 1e9);
    show(t);
    static const int64_t tokens[] = { 1774, 4096, 8192, 14200 };
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        double taken[2];
        for (int wish = 0; wish < 2; wish++) {
            needs = (struct rt_model_needs){ .train = samples(tokens[i] / 887, 887), .micros = 1 };
            needs.train.tokens = tokens[i];
            ok(plan(t, needs, wish ? RT_RECOMPUTE_ALWAYS : RT_RECOMPUTE_NEVER, 137, 137) == RT_OK,
               "a pass of %lld tokens %s", (long long)tokens[i],
               wish ? "with recomputation" : "without recomputation");
            taken[wish] = (double)p->total / 0x1p30;
        }
        diag("passes of %lld tokens: %.2f GiB, with every layer run again %.2f GiB", (long long)tokens[i],
             taken[0], taken[1]);
    }
}

static void check_choice(struct plan_test *t)
{
    struct rt_model_needs job = { .train = samples(2, 887), .micros = 8 };
    const struct rt_memplan *p = &t->m.plan;
    plan(t, job, RT_RECOMPUTE_BY_PLAN, 137, 137);
    const int64_t tokens = t->m.train.tokens;
    rt_status st = plan(t, job, RT_RECOMPUTE_BY_PLAN, 60, 137);
    ok(st == RT_OK && t->m.train.tokens == tokens && p->again > 0 && (double)p->total <= 60e9,
       "where others hold memory passes stay of %lld tokens, and %lld steps of recomputation make up for it",
       (long long)t->m.train.tokens, (long long)p->again);
    st = plan(t, job, RT_RECOMPUTE_BY_PLAN, 22, 137);
    ok(st == RT_OK && t->m.train.tokens < tokens && (double)p->total <= 22e9,
       "unless that is not enough: passes of %lld", (long long)t->m.train.tokens);
    char *text = rt_memplan_text(&t->m);
    ok(strstr(text, "others hold memory") != NULL, "which is said");
    free(text);

    size_t before = SIZE_MAX;
    bool falls = true;
    for (int64_t again = 0; again <= rt_memplan_steps(&t->m); again++) {
        rt_memplan_keep(&t->m, again);
        const size_t bytes = rt_layout_acts(&t->m, NULL, 0, true);
        falls = falls && bytes <= before;
        before = bytes;
    }
    ok(falls, "more recomputation never takes more memory, in %lld steps", (long long)rt_memplan_steps(&t->m));

    st = plan(t, job, RT_RECOMPUTE_NEVER, 24, 24);
    ok(st == RT_ERR_MEMORY &&
           strstr(t->err.text, "cutoff_len, image_max_pixels or per_device_train_batch_size") != NULL &&
           strstr(t->err.text, "24000000000 bytes free") != NULL &&
           strstr(t->err.text, "remove disable_gradient_checkpointing: true") != NULL,
       "%s", t->err.text);
    st = plan(t, job, RT_RECOMPUTE_BY_PLAN, 17, 17);
    ok(st == RT_ERR_MEMORY && strstr(t->err.text, "though every layer runs again") != NULL, "%s", t->err.text);
    st = plan(t, job, RT_RECOMPUTE_BY_PLAN, 12, 137);
    ok(st == RT_ERR_MEMORY && strstr(t->err.text, "no batch is small enough") != NULL, "%s", t->err.text);

    plan(t, job, RT_RECOMPUTE_ALWAYS, 137, 137);
    const size_t alone = p->total;
    job.eval = samples(8, 2048);
    st = plan(t, job, RT_RECOMPUTE_ALWAYS, 137, 137);
    ok(st == RT_OK && p->beyond > 0 && p->total < alone + ((size_t)10 << 30),
       "an evaluation of 16384 tokens lies over a training pass of 1774: %.2f GiB more",
       (double)(p->total - alone) / 0x1p30);
    st = plan(t, job, RT_RECOMPUTE_ALWAYS, 20, 137);
    ok(st == RT_ERR_MEMORY && strstr(t->err.text, "per_device_eval_batch_size") != NULL, "%s", t->err.text);
    job.train = (struct rt_model_limits){ 0 };
    st = plan(t, job, RT_RECOMPUTE_BY_PLAN, 137, 137);
    ok(st == RT_OK && p->kept == 0, "an evaluation alone keeps nothing: %.2f GiB", (double)p->total / 0x1p30);
}

int main(void)
{
    struct plan_test t;
    open_7b(&t, false);
    check_job(&t);
    check_80_gb(&t);
    check_choice(&t);
    close_7b(&t);
    open_7b(&t, true);
    const struct rt_model_needs job = { .train = samples(2, 887), .micros = 8 };
    rt_status st = plan(&t, job, RT_RECOMPUTE_BY_PLAN, 137, 137);
    ok(st == RT_OK && (double)t.m.plan.total <= 137e9,
       "a tower that learns: passes of %lld tokens, %lld of %lld steps of recomputation",
       (long long)t.m.train.tokens, (long long)t.m.plan.again, (long long)rt_memplan_steps(&t.m));
    show(&t);
    st = plan(&t, job, RT_RECOMPUTE_ALWAYS, 137, 137);
    ok(st == RT_OK && rt_memplan_steps(&t.m) == 2 * (28 + 32), "and all of it run again: %.2f GiB",
       (double)t.m.plan.total / 0x1p30);
    close_7b(&t);
    return tap_done();
}
