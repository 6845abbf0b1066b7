/* data.c - opening: what the model's folder says, data sets, the shared scan, the splits. */
#include "config.h"
#include "data/data.h"

#include "data/shared_scan.h"
#include "data/state.h"
#include "data/threads.h"
#include "dist/dist.h"

#include <stdlib.h>
#include <string.h>

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
    RT_TRY_TO(st, rt_data_model_files(d, dist, err), err_close);
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
