/* test_modules.c - what LoRA lands on, for the settings of LLaMA-Factory 0.9.5 (find_all_linear_modules,
 * patch_target_modules). */
#include "config.h"
#include "model/modules.h"
#include "tap.h"

#include <string.h>

static void check(const struct rt_modules *list, const char *what, struct rt_model_options opt, int64_t want,
                  const char *first, const char *last)
{
    bool hit[256];
    int64_t hits = 0;
    struct rt_error err = { 0 };
    const rt_status st = rt_modules_target(list, &opt, hit, &hits, &err);
    const char *at[2] = { "", "" };
    for (int64_t i = 0; i < list->count && st == RT_OK; i++) {
        if (hit[i] && at[0][0] == '\0')
            at[0] = list->module[i].name;
        if (hit[i])
            at[1] = list->module[i].name;
    }
    ok(st == RT_OK && hits == want && strcmp(at[0], first) == 0 && strcmp(at[1], last) == 0,
       "%s: %lld modules from %s to %s%s", what, (long long)hits, at[0], at[1], err.text);
}

static void check_refused(const struct rt_modules *list, const char *what, struct rt_model_options opt,
                          const char *word)
{
    bool hit[256];
    int64_t hits = 0;
    struct rt_error err = { 0 };
    const rt_status st = rt_modules_target(list, &opt, hit, &hits, &err);
    ok(st == RT_ERR_JOB && strstr(err.text, word) != NULL, "%s is refused: %s", what, err.text);
}

int main(void)
{
    struct rt_model_config c = { .family = RT_QWEN2_5_VL,
                                 .vocab = 320,
                                 .hidden = 64,
                                 .intermediate = 160,
                                 .layers = 3,
                                 .heads = 4,
                                 .kv_heads = 2,
                                 .head_dim = 16 };
    c.vision.depth = 4;
    c.vision.width = 48;
    c.vision.mlp = 100;
    c.vision.merge = 2;
    c.vision.out = 64;
    struct rt_modules list;
    struct rt_error err;
    if (rt_modules_list(&list, &c, &err) != RT_OK)
        return 1;
    const char *all[] = { "all" }, *qv[] = { "q_proj", "v_proj" }, *merger[] = { "mlp.0", "mlp.2", "q_proj" };
    const char *container[] = { "self_attn" }, *slip[] = { "q_porj" };
    struct rt_model_options opt = {
        .lora_target = all, .lora_targets = 1, .freeze_vision_tower = true, .freeze_multi_modal_projector = true
    };
    check(&list, "defaults", opt, 21, "model.language_model.layers.0.self_attn.q_proj",
          "model.language_model.layers.2.mlp.down_proj");
    opt.freeze_multi_modal_projector = false;
    check(&list, "projector unfrozen changes nothing", opt, 21,
          "model.language_model.layers.0.self_attn.q_proj", "model.language_model.layers.2.mlp.down_proj");
    opt.freeze_vision_tower = false;
    check(&list, "tower unfrozen", opt, 41, "model.visual.blocks.0.attn.qkv",
          "model.language_model.layers.2.mlp.down_proj");
    opt.freeze_language_model = true;
    check(&list, "tower alone", opt, 20, "model.visual.blocks.0.attn.qkv",
          "model.visual.blocks.3.mlp.down_proj");
    opt.freeze_vision_tower = true;
    check_refused(&list, "nothing left", opt, "leaves no layer");
    opt.freeze_language_model = false;
    opt.lora_target = qv;
    opt.lora_targets = 2;
    check(&list, "q_proj,v_proj", opt, 6, "model.language_model.layers.0.self_attn.q_proj",
          "model.language_model.layers.2.self_attn.v_proj");
    opt.lora_target = merger;
    opt.lora_targets = 3;
    check(&list, "mlp.0,mlp.2,q_proj", opt, 5, "model.visual.merger.mlp.0",
          "model.language_model.layers.2.self_attn.q_proj");
    opt.freeze_multi_modal_projector = true;
    check(&list, "mlp.0,mlp.2,q_proj with the projector frozen", opt, 3,
          "model.language_model.layers.0.self_attn.q_proj", "model.language_model.layers.2.self_attn.q_proj");
    opt.lora_target = container;
    opt.lora_targets = 1;
    check_refused(&list, "a container", opt, "is not a linear layer");
    opt.lora_target = slip;
    check_refused(&list, "a slip of the pen", opt, "q_porj");
    rt_modules_free(&list);
    return tap_done();
}
