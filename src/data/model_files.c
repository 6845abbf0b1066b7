/* model_files.c - what the data need of the model's folder: tokenizer and picture rules, and that they are of
 * one model. */
#include "config.h"
#include "data/json.h"
#include "data/state.h"
#include "dist/dist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Collective. A small file of the model's folder. */
static rt_status read_model_file(const struct rt_data *data, const char *name, struct rt_dist *dist,
                                 char **text, size_t *bytes, struct rt_error *err)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", data->opt.model_name_or_path, name) >= sizeof path)
        return rt_fail(err, RT_ERR_JOB, "model_name_or_path: %.200s...: the name is too long", path);
    return rt_dist_read_file(dist, path, text, bytes, err);
}

/* "org/name", as a hub names its repositories. */
static bool is_hub_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t first = strspn(name, allowed),
                 second = name[first] == '/' ? strspn(name + first + 1, allowed) : 0;
    return first > 0 && second > 0 && name[first + 1 + second] == '\0' && name[0] != '.' &&
           name[first + 1] != '.';
}

/* Collective. Job files of the reference often name a repository of a hub here: fetched into a folder of that
 * name, it is found without a change to the job. */
static rt_status check_folder(const struct rt_data *data, struct rt_dist *dist, struct rt_error *err)
{
    const char *folder = data->opt.model_name_or_path;
    struct stat info;
    rt_status st = RT_OK;
    const bool missing = data->rank == 0 && (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode));
    if (missing && is_hub_name(folder))
        st =
            rt_fail(err, RT_ERR_FILE,
                    "model_name_or_path: there is no folder %s; if it is a model on a hub, fetch it once, from "
                    "here: ranktune download %s --local-dir %s",
                    folder, folder, folder);
    else if (missing)
        st = rt_fail(err, RT_ERR_FILE,
                     "model_name_or_path: there is no folder %s; write the folder that the model was "
                     "downloaded to",
                     folder);
    return rt_dist_agree(dist, st, err);
}

static rt_status open_tokenizer(struct rt_data *data, struct rt_dist *dist, struct rt_error *err)
{
    char *text;
    size_t bytes;
    RT_TRY(read_model_file(data, "tokenizer.json", dist, &text, &bytes, err));
    rt_status st = rt_tokenizer_open(&data->tok, text, bytes, err);
    free(text);
    if (st != RT_OK)
        rt_fail_in(err, "%s/", data->opt.model_name_or_path);
    struct rt_encoder *e = &data->encoder;
    *e = (struct rt_encoder){ .opt = &data->opt, .tok = data->tok, .rules = &data->rules };
    if (st == RT_OK) {
        e->image_id = rt_tokenizer_id(data->tok, "<|image_pad|>");
        e->vision_start_id = rt_tokenizer_id(data->tok, "<|vision_start|>");
        e->vision_end_id = rt_tokenizer_id(data->tok, "<|vision_end|>");
        e->pad_id = rt_tokenizer_id(data->tok, "<|endoftext|>");
        if (e->image_id < 0 || e->vision_start_id < 0 || e->vision_end_id < 0)
            st = rt_fail(err, RT_ERR_FILE,
                         "%s/tokenizer.json: has no <|image_pad|>, <|vision_start|> or <|vision_end|>; "
                         "use the folder of a Qwen2-VL or Qwen2.5-VL model",
                         data->opt.model_name_or_path);
    }
    return rt_dist_agree(dist, st, err);
}

/* As transformers looks: processor_config.json if it holds the picture processor, else
 * preprocessor_config.json. */
static rt_status open_rules(struct rt_data *data, struct rt_dist *dist, struct rt_error *err)
{
    const struct rt_data_options *opt = &data->opt;
    char *text = NULL;
    size_t bytes = 0;
    if (read_model_file(data, "processor_config.json", dist, &text, &bytes, NULL) != RT_OK ||
        strstr(text, "\"image_processor\"") == NULL) {
        free(text);
        RT_TRY(read_model_file(data, "preprocessor_config.json", dist, &text, &bytes, err));
    }
    const rt_status st = rt_image_rules_read(&data->rules, text, bytes, opt->use_fast_tokenizer,
                                             opt->image_max_pixels, opt->image_min_pixels, err);
    free(text);
    return rt_dist_agree(dist, st, err);
}

/* A whole number of config.json that has to be what another file says. */
static rt_status same_number(const struct rt_json *object, struct rt_str key, int32_t usual, int32_t want,
                             const char *what, struct rt_error *err)
{
    const struct rt_json *value = rt_json_get(object, key);
    long long number = usual;
    if (value != NULL && value->type == RT_JSON_NUMBER)
        number = strtoll(value->text.p, NULL, 10);
    if (number == want)
        return RT_OK;
    return rt_fail(err, RT_ERR_FILE,
                   "config.json: %.*s: %lld is not the %d that %s says; the folder mixes files of two "
                   "models",
                   (int)key.n, key.p, number, want, what);
}

static rt_status check_config(const struct rt_data *data, const char *text, size_t bytes, struct rt_error *err)
{
    struct rt_pool pool = { 0 };
    struct rt_json *config;
    rt_status st = rt_json_parse(&pool, (struct rt_str){ text, bytes }, false, &config, err);
    if (st == RT_ERR_DATA) {
        const struct rt_error why = err != NULL ? *err : (struct rt_error){ 0 };
        st = rt_fail(err, RT_ERR_FILE, "config.json: %.1500s", why.text);
    }
    if (st == RT_OK)
        st = same_number(config, RT_STR("image_token_id"), 151655, data->encoder.image_id,
                         "<|image_pad|> in tokenizer.json", err);
    if (st == RT_OK) {
        const struct rt_json *vision = rt_json_get(config, RT_STR("vision_config"));
        st = same_number(vision, RT_STR("patch_size"), 14, data->rules.patch, "preprocessor_config.json", err);
        if (st == RT_OK)
            st = same_number(vision, RT_STR("spatial_merge_size"), 2, data->rules.merge,
                             "preprocessor_config.json", err);
    }
    rt_pool_free(&pool);
    return st == RT_OK ? st : rt_fail_in(err, "%s/", data->opt.model_name_or_path);
}

rt_status rt_data_model_files(struct rt_data *data, struct rt_dist *dist, struct rt_error *err)
{
    char *text;
    size_t bytes;
    RT_TRY(check_folder(data, dist, err));
    RT_TRY(open_tokenizer(data, dist, err));
    RT_TRY(open_rules(data, dist, err));
    RT_TRY(read_model_file(data, "config.json", dist, &text, &bytes, err));
    const rt_status st = check_config(data, text, bytes, err);
    free(text);
    return rt_dist_agree(dist, st, err);
}
