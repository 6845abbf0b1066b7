/* init.c - a random model folder in the published layout: configuration files, and the weights that they ask
 * for. */
#include "config.h"
#include "model/init.h"
#include "model/state.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The list of tensors is what the model itself would load: laid out over a counting arena. */
static rt_status list_weights(const struct rt_model_config *c, struct rt_build *b, struct rt_error *err)
{
    struct rt_text text = { .block = calloc((size_t)c->layers, sizeof *text.block) };
    struct rt_vision vision = { .block = calloc((size_t)c->vision.depth, sizeof *vision.block) };
    rt_status st = RT_OK;
    if (text.block == NULL || vision.block == NULL) {
        st = rt_fail(err, RT_ERR_MEMORY, "out of memory listing the weights");
    } else {
        rt_vision_build(&vision, b, c);
        rt_text_build(&text, b, c);
        if (b->failed)
            st = rt_fail(err, RT_ERR_MEMORY, "out of memory listing the weights");
    }
    free(text.block);
    free(vision.block);
    return st;
}

static rt_status config_back(struct rt_model_config *config, const char *folder, struct rt_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/config.json", folder);
    json_t *root = json_load_file(path, 0, NULL);
    char *text = root == NULL ? NULL : json_dumps(root, 0);
    json_decref(root);
    if (text == NULL)
        return rt_fail(err, RT_ERR_IO, "%s: cannot read back", path);
    const rt_status st = rt_model_config_read(config, text, strlen(text), path, err);
    free(text);
    return st;
}

rt_status rt_model_init_folder(const char *preset, const char *folder, enum rt_dtype dtype, uint64_t seed,
                               size_t shard_bytes, struct rt_error *err)
{
    RT_TRY(rt_init_preset_check(preset, err));
    const struct rt_preset *p = rt_preset_find(preset);
    RT_TRY(rt_init_configs(p, dtype, folder, err));
    struct rt_model_config config;
    RT_TRY(config_back(&config, folder, err));
    struct rt_build b = { .act_bytes = 2 };
    rt_status st = list_weights(&config, &b, err);
    if (st == RT_OK)
        st = rt_init_weights(p, b.weight, b.weights, dtype, seed, shard_bytes, folder, err);
    free(b.weight);
    rt_model_config_free(&config);
    return st;
}
