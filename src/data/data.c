/* data.c - opening: tokenizer, picture rules, data sets, the shared scan, the splits. */
#include "config.h"
#include "data/data.h"

#include "data/json.h"
#include "data/shared_scan.h"
#include "data/state.h"
#include "data/threads.h"
#include "dist/dist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const templates[] = { "qwen2_vl" };

static rt_status check_options(const struct rt_data_options *opt, struct rt_error *err)
{
    bool known = false;
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++)
        known |= opt->template_name != NULL && strcmp(opt->template_name, templates[i]) == 0;
    if (!known)
        return rt_fail(err, RT_ERR_JOB, "template: \"%.60s\" is not supported; write template: qwen2_vl",
                       opt->template_name == NULL ? "" : opt->template_name);
    if (opt->datasets == 0 && opt->eval_datasets == 0)
        return rt_fail(err, RT_ERR_JOB,
                       "dataset: no data set is named; write dataset: and a name in dataset_info.json");
    if (opt->per_device_train_batch_size < 1 || opt->per_device_eval_batch_size < 1 ||
        opt->gradient_accumulation_steps < 1)
        return rt_fail(err, RT_ERR_JOB,
                       "per_device_train_batch_size, per_device_eval_batch_size, "
                       "gradient_accumulation_steps: write whole numbers from 1 on");
    if (opt->eval_datasets > 0 && opt->val_size > 1e-6)
        return rt_fail(err, RT_ERR_JOB, "val_size: cannot go with eval_dataset; remove one of them");
    return RT_OK;
}

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

static rt_status open_model_files(struct rt_data *data, struct rt_dist *dist, struct rt_error *err)
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

static rt_status scan(struct rt_data *data, struct rt_dist *dist, struct rt_error *err)
{
    const struct rt_data_options *opt = &data->opt;
    if (opt->datasets > 0)
        RT_TRY(rt_rows_open(&data->rows[RT_TRAIN], opt, opt->dataset, opt->datasets, dist, err));
    if (opt->eval_datasets > 0)
        RT_TRY(rt_rows_open_after(&data->rows[RT_EVAL], data->rows[RT_TRAIN], opt, opt->eval_dataset,
                                  opt->eval_datasets, dist, err));
    for (int i = 0; i < 2; i++)
        data->raw_rows += data->rows[i] == NULL ? 0 : rt_rows_count(data->rows[i]);
    const int64_t threads = opt->preprocessing_num_workers;
    const struct rt_shared_scan_options how = {
        { data->rows[0], data->rows[1] },
        &data->encoder,
        &data->notes,
        threads > 0 ? threads : rt_threads_cores(data->local_size),
    };
    RT_TRY(rt_shared_scan(&data->store, &how, dist, err));
    data->bad_rows = data->store.bads;
    const rt_status st = data->rank == 0 ? rt_data_list_bad(data, err) : RT_OK;
    RT_TRY(rt_dist_agree(dist, st, err));
    return rt_data_check_bad(data, err);
}

/* The good ones among raw rows [count], in their order, become a split. */
static rt_status keep_good(struct rt_data *data, enum rt_split split, const int64_t *raw, int64_t count,
                           const int64_t *good, struct rt_error *err)
{
    struct rt_data_split *s = &data->split[split];
    s->row = malloc((size_t)(count + 1) * sizeof *s->row);
    s->lengths = malloc((size_t)(count + 1) * sizeof *s->lengths);
    if (s->row == NULL || s->lengths == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for %lld rows", (long long)count);
    for (int64_t i = 0; i < count; i++)
        if (good[raw[i]] >= 0) {
            s->lengths[s->rows] = data->store.length[good[raw[i]]];
            s->row[s->rows++] = good[raw[i]];
        }
    if (count > 0 && s->rows == 0)
        return rt_fail(err, RT_ERR_DATA, "none of the %lld rows for %s can be used%s%s%s", (long long)count,
                       split == RT_TRAIN ? "training" : "evaluation",
                       data->opt.output_dir == NULL ? "" : "; see ",
                       data->opt.output_dir == NULL ? "" : data->opt.output_dir,
                       data->opt.output_dir == NULL ? "" : "/bad_rows.jsonl");
    return RT_OK;
}

/* The reference splits first and drops rows that it cannot use afterwards. */
static rt_status split(struct rt_data *data, struct rt_error *err)
{
    const int64_t all = data->raw_rows;
    int64_t trains = data->rows[RT_TRAIN] == NULL ? 0 : rt_rows_count(data->rows[RT_TRAIN]),
            evals = all - trains;
    int64_t *good = malloc((size_t)(all + 1) * sizeof *good),
            *raw = malloc((size_t)(2 * all + 1) * sizeof *raw);
    int64_t *train = raw, *eval = raw == NULL ? NULL : raw + all;
    rt_status st = good == NULL || raw == NULL
                       ? rt_fail(err, RT_ERR_MEMORY, "no memory for %lld rows", (long long)all)
                       : RT_OK;
    for (int64_t i = 0; st == RT_OK && i < all; i++) {
        good[i] = -1;
        *(i < trains ? &train[i] : &eval[i - trains]) = i;
    }
    for (int64_t i = 0; st == RT_OK && i < data->store.rows; i++)
        good[data->store.raw[i]] = i;
    if (st == RT_OK && data->opt.val_size > 1e-6 && trains > 0)
        st = rt_plan_split(trains, data->opt.val_size, (uint64_t)data->opt.seed, train, &trains, eval, &evals,
                           err);
    if (st == RT_OK)
        st = keep_good(data, RT_TRAIN, train, trains, good, err);
    if (st == RT_OK)
        st = keep_good(data, RT_EVAL, eval, evals, good, err);
    free(good);
    free(raw);
    return st;
}

static rt_status prepare(struct rt_data *data, struct rt_error *err)
{
    RT_TRY(split(data, err));
    RT_TRY(rt_data_measure(data, RT_TRAIN, err));
    RT_TRY(rt_data_measure(data, RT_EVAL, err));
    data->late = calloc((size_t)data->store.rows + 1, 1);
    if (data->late == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for %lld rows", (long long)data->store.rows);
    return rt_pictures_open(&data->pictures, &data->store, &data->rules, rt_pictures_room(data->local_size),
                            err);
}

rt_status rt_data_open(struct rt_data **data, const struct rt_data_options *opt, struct rt_dist *dist,
                       const struct rt_notes *notes, struct rt_error *err)
{
    struct rt_data *d = calloc(1, sizeof *d);
    rt_status st = d == NULL ? rt_fail(err, RT_ERR_MEMORY, "no memory for the data") : check_options(opt, err);
    RT_TRY_TO(st, rt_dist_agree(dist, st, err), err_close);
    d->opt = *opt;
    if (notes != NULL)
        d->notes = *notes;
    d->rank = rt_dist_rank(dist);
    d->size = rt_dist_size(dist);
    d->local_size = rt_dist_local_size(dist);
    RT_TRY_TO(st, open_model_files(d, dist, err), err_close);
    RT_TRY_TO(st, scan(d, dist, err), err_close);
    RT_TRY_TO(st, rt_dist_agree(dist, prepare(d, err), err), err_close);
    *data = d;
    return RT_OK;
err_close:
    rt_data_close(d);
    return st;
}

void rt_data_close(struct rt_data *data)
{
    if (data == NULL)
        return;
    rt_pictures_close(data->pictures);
    for (int i = 0; i < 2; i++) {
        free(data->split[i].row);
        free(data->split[i].lengths);
        rt_rows_close(data->rows[i]);
    }
    rt_plan_epoch_close(data->counted);
    free(data->late);
    rt_bytes_free(&data->news);
    rt_store_free(&data->store);
    rt_tokenizer_close(data->tok);
    free(data);
}

int64_t rt_data_rows(const struct rt_data *data, enum rt_split split)
{
    return data->split[split].rows;
}

int64_t rt_data_bad_rows(const struct rt_data *data)
{
    return data->bad_rows;
}

const float *rt_data_pixel_lut(const struct rt_data *data)
{
    return &data->rules.lut[0][0];
}
