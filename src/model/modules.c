/* modules.c - the module tree by name, and what LoRA lands on. */
#include "config.h"
#include "model/modules.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct builder {
    struct rt_modules *list;
    int64_t room;
    bool failed;
};

__attribute__((format(printf, 5, 6))) static void add(struct builder *b, bool linear, int64_t in, int64_t out,
                                                      const char *fmt, ...)
{
    struct rt_modules *l = b->list;
    if (l->count == b->room) {
        const int64_t room = b->room == 0 ? 256 : 2 * b->room;
        struct rt_module *grown = realloc(l->module, (size_t)room * sizeof *grown);
        if (grown == NULL) {
            b->failed = true;
            return;
        }
        l->module = grown;
        b->room = room;
    }
    char name[128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    l->module[l->count] = (struct rt_module){ strdup(name), linear, in, out };
    if (l->module[l->count].name == NULL)
        b->failed = true;
    else
        l->count++;
}

static void other(struct builder *b, const char *name)
{
    add(b, false, 0, 0, "%s", name);
}

static void vision_block(struct builder *b, const struct rt_model_config *c, long long i)
{
    static const char root[] = "model.visual.blocks";
    const int64_t e = c->vision.width, f = c->vision.mlp;
    add(b, false, 0, 0, "%s.%lld", root, i);
    add(b, false, 0, 0, "%s.%lld.norm1", root, i);
    add(b, false, 0, 0, "%s.%lld.norm2", root, i);
    add(b, false, 0, 0, "%s.%lld.attn", root, i);
    add(b, true, e, 3 * e, "%s.%lld.attn.qkv", root, i);
    add(b, true, e, e, "%s.%lld.attn.proj", root, i);
    add(b, false, 0, 0, "%s.%lld.mlp", root, i);
    if (c->family == RT_QWEN2_VL) {
        add(b, true, e, f, "%s.%lld.mlp.fc1", root, i);
        add(b, false, 0, 0, "%s.%lld.mlp.act", root, i);
        add(b, true, f, e, "%s.%lld.mlp.fc2", root, i);
        return;
    }
    add(b, true, e, f, "%s.%lld.mlp.gate_proj", root, i);
    add(b, true, e, f, "%s.%lld.mlp.up_proj", root, i);
    add(b, true, f, e, "%s.%lld.mlp.down_proj", root, i);
    add(b, false, 0, 0, "%s.%lld.mlp.act_fn", root, i);
}

static void text_layer(struct builder *b, const struct rt_model_config *c, long long i)
{
    static const char root[] = "model.language_model.layers";
    const int64_t d = c->hidden, q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim,
                  m = c->intermediate;
    add(b, false, 0, 0, "%s.%lld", root, i);
    add(b, false, 0, 0, "%s.%lld.self_attn", root, i);
    add(b, true, d, q, "%s.%lld.self_attn.q_proj", root, i);
    add(b, true, d, kv, "%s.%lld.self_attn.k_proj", root, i);
    add(b, true, d, kv, "%s.%lld.self_attn.v_proj", root, i);
    add(b, true, q, d, "%s.%lld.self_attn.o_proj", root, i);
    add(b, false, 0, 0, "%s.%lld.mlp", root, i);
    add(b, true, d, m, "%s.%lld.mlp.gate_proj", root, i);
    add(b, true, d, m, "%s.%lld.mlp.up_proj", root, i);
    add(b, true, m, d, "%s.%lld.mlp.down_proj", root, i);
    add(b, false, 0, 0, "%s.%lld.mlp.act_fn", root, i);
    add(b, false, 0, 0, "%s.%lld.input_layernorm", root, i);
    add(b, false, 0, 0, "%s.%lld.post_attention_layernorm", root, i);
}

rt_status rt_modules_list(struct rt_modules *list, const struct rt_model_config *c, struct rt_error *err)
{
    *list = (struct rt_modules){ 0 };
    struct builder b = { list, 0, false };
    const int64_t group = c->vision.width * c->vision.merge * c->vision.merge;
    other(&b, "model");
    other(&b, "model.visual");
    other(&b, "model.visual.patch_embed");
    other(&b, "model.visual.patch_embed.proj");
    other(&b, "model.visual.rotary_pos_emb");
    other(&b, "model.visual.blocks");
    for (int64_t i = 0; i < c->vision.depth; i++)
        vision_block(&b, c, (long long)i);
    other(&b, "model.visual.merger");
    other(&b, "model.visual.merger.ln_q");
    other(&b, "model.visual.merger.mlp");
    add(&b, true, group, group, "model.visual.merger.mlp.0");
    other(&b, "model.visual.merger.mlp.1");
    add(&b, true, group, c->vision.out, "model.visual.merger.mlp.2");
    other(&b, "model.language_model");
    other(&b, "model.language_model.embed_tokens");
    other(&b, "model.language_model.layers");
    for (int64_t i = 0; i < c->layers; i++)
        text_layer(&b, c, (long long)i);
    other(&b, "model.language_model.norm");
    other(&b, "model.language_model.rotary_emb");
    add(&b, true, c->hidden, c->vocab, "lm_head");
    if (b.failed) {
        rt_modules_free(list);
        return rt_fail(err, RT_ERR_MEMORY, "out of memory listing the model's modules");
    }
    return RT_OK;
}

void rt_modules_free(struct rt_modules *list)
{
    for (int64_t i = 0; i < list->count; i++)
        free(list->module[i].name);
    free(list->module);
    *list = (struct rt_modules){ 0 };
}

static const char *last_component(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot == NULL ? name : dot + 1;
}

static bool in_tower(const char *name)
{
    return strstr(name, "visual.patch_embed") != NULL || strstr(name, "visual.blocks") != NULL;
}

/* With "all", the targets are the last components of these linears' names. */
static bool is_usual(const struct rt_module *m, const struct rt_model_options *opt)
{
    return m->linear && strstr(m->name, "lm_head") == NULL && strstr(m->name, "visual.merger") == NULL &&
           !(opt->freeze_vision_tower && in_tower(m->name));
}

static bool is_forbidden(const char *name, const struct rt_model_options *opt)
{
    return strstr(name, "patch_embed") != NULL || (opt->freeze_vision_tower && in_tower(name)) ||
           (opt->freeze_multi_modal_projector && strstr(name, "visual.merger") != NULL) ||
           (opt->freeze_language_model &&
            (strstr(name, "language_model") != NULL || strstr(name, "lm_head") != NULL));
}

static bool is_all(const struct rt_model_options *opt)
{
    return opt->lora_targets == 1 && strcmp(opt->lora_target[0], "all") == 0;
}

static bool names_any(const char *name, const char *const *target, int64_t targets)
{
    for (int64_t t = 0; t < targets; t++)
        if (strstr(name, target[t]) != NULL)
            return true;
    return false;
}

/* "all" stands for the last components of the usual linears' names, each once: q_proj, k_proj, ..., some ten.
 */
static int64_t usual_targets(const struct rt_modules *list, const struct rt_model_options *opt,
                             const char **target, int64_t room)
{
    int64_t targets = 0;
    for (int64_t i = 0; i < list->count; i++) {
        if (!is_usual(&list->module[i], opt))
            continue;
        const char *last = last_component(list->module[i].name);
        int64_t t = 0;
        while (t < targets && strcmp(target[t], last) != 0)
            t++;
        if (t == targets && targets < room)
            target[targets++] = last;
    }
    return targets;
}

/* Each name in the job has to be part of some module's name: else it is a slip of the pen. */
static rt_status check_names(const struct rt_modules *list, const struct rt_model_options *opt,
                             struct rt_error *err)
{
    for (int64_t t = 0; t < opt->lora_targets && !is_all(opt); t++) {
        bool found = false;
        for (int64_t i = 0; i < list->count && !found; i++)
            found = strstr(list->module[i].name, opt->lora_target[t]) != NULL;
        if (!found || opt->lora_target[t][0] == '\0')
            return rt_fail(err, RT_ERR_JOB,
                           "lora_target: no module of this model is called \"%s\"; write all, or names such "
                           "as q_proj,v_proj",
                           opt->lora_target[t]);
    }
    return RT_OK;
}

rt_status rt_modules_target(const struct rt_modules *list, const struct rt_model_options *opt, bool *hit,
                            int64_t *hits, struct rt_error *err)
{
    enum { USUAL = 16 }; /* both families together have nine */
    const char *usual[USUAL];
    const bool all = is_all(opt);
    const int64_t targets = all ? usual_targets(list, opt, usual, USUAL) : opt->lora_targets;
    *hits = 0;
    RT_TRY(check_names(list, opt, err));
    for (int64_t i = 0; i < list->count; i++) {
        const struct rt_module *m = &list->module[i];
        hit[i] = !is_forbidden(m->name, opt) && names_any(m->name, all ? usual : opt->lora_target, targets);
        if (hit[i] && !m->linear)
            return rt_fail(err, RT_ERR_JOB,
                           "lora_target: %s is not a linear layer, so LoRA cannot sit on it; name linear "
                           "layers, such as q_proj or mlp.0",
                           m->name);
        *hits += hit[i];
    }
    if (*hits == 0)
        return rt_fail(err, RT_ERR_JOB,
                       "lora_target with freeze_vision_tower, freeze_multi_modal_projector and "
                       "freeze_language_model as given leaves no layer to train");
    return RT_OK;
}
