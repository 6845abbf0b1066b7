/* rows.c - every row and every picture's header by the run's own scan; what the run then has before it. */
#include "config.h"
#include "check/state.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- folders ---- */

/* On every host, as pictures are read by the rank that needs them. */
static void look_at_folder(struct rt_check *c, const char *key, const char *path)
{
    struct stat info;
    if (path != NULL && (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)))
        rt_find_rank(
            c->findings, RT_WARNING, "files",
            "%s: there is no folder %s\nput it where every host sees it, under the same name, or these ranks "
            "find no picture in it",
            key, path);
}

/* ---- bad rows ---- */

enum { MOST_KINDS = 8, NAMED = 3 };

/* A reason without what differs from row to row: numbers, and words with a path or a file's name. */
static void kind_of(const char *reason, char *kind, size_t bytes)
{
    size_t used = 0;
    for (const char *at = reason; *at != '\0' && used + 2 < bytes;) {
        const size_t word = strcspn(at, " ");
        const bool path = memchr(at, '/', word) != NULL || memchr(at, '.', word) != NULL;
        if (path)
            kind[used++] = '*';
        for (size_t i = 0; i < word && !path && used + 2 < bytes; i++)
            if (!isdigit((unsigned char)at[i]))
                kind[used++] = at[i];
            else if (used == 0 || kind[used - 1] != 'N')
                kind[used++] = 'N';
        at += word;
        if (*at == ' ' && used + 2 < bytes) {
            kind[used++] = ' ';
            at++;
        }
    }
    kind[used] = '\0';
}

struct kind {
    char name[400];
    int64_t rows;
    char first[900]; /* the first few, with file and row */
};

static void note_row(struct kind *k, const char *where, const char *reason)
{
    const size_t used = strlen(k->first);
    if (k->rows++ < NAMED)
        snprintf(k->first + used, sizeof k->first - used, "%s%.150s: %.120s", used > 0 ? "; " : "", where,
                 reason);
}

/* One line a kind of fault. */
static void tell_bad_rows(struct rt_check *c, const struct rt_data_review *v, int code)
{
    struct kind *kinds = calloc(MOST_KINDS, sizeof *kinds);
    int64_t other = 0;
    int count = 0;
    for (int64_t i = 0; kinds != NULL && i < v->bad_rows; i++) {
        char where[600], name[400];
        const char *reason = rt_data_bad_row(c->data, i, where, sizeof where);
        int k = 0;
        kind_of(reason, name, sizeof name);
        while (k < count && strcmp(kinds[k].name, name) != 0)
            k++;
        if (k == MOST_KINDS) {
            other++;
            continue;
        }
        if (k == count)
            snprintf(kinds[count++].name, sizeof kinds->name, "%s", name);
        note_row(&kinds[k], where, reason);
    }
    for (int k = 0; k < count; k++)
        rt_find_job(c->findings, code, "rows", "%lld row%s cannot be used: %s%s\nrepair or remove %s",
                    (long long)kinds[k].rows, kinds[k].rows == 1 ? "" : "s", kinds[k].first,
                    kinds[k].rows > NAMED ? "; ..." : "",
                    code == RT_WARNING ? "them, or leave it: max_bad_rows bears so many" : "them");
    if (other > 0)
        rt_find_job(c->findings, code, "rows", "%lld more cannot be used for other reasons", (long long)other);
    free(kinds);
}

/* ---- good rows ---- */

static void tell_lengths(struct rt_check *c, const struct rt_data_lengths *l, const char *split)
{
    char bars[400] = "";
    size_t used = 0;
    if (l->rows == 0)
        return;
    for (int i = 0; i < RT_DATA_BARS && l->low + i * l->bar_width <= l->high; i++)
        used += (size_t)snprintf(bars + used, sizeof bars - used, "%s%lld+: %lld", i > 0 ? ", " : "",
                                 (long long)(l->low + i * l->bar_width), (long long)l->bar[i]);
    rt_find_job(
        c->findings, RT_OK, "tokens",
        "%s: %lld rows of %lld to %lld tokens, mean %.1f, median %lld, 95%% up to %lld; rows by length: %s",
        split, (long long)l->rows, (long long)l->low, (long long)l->high, l->mean, (long long)l->middle,
        (long long)l->most, bars);
}

static void tell_rows(struct rt_check *c, const struct rt_data_review *v)
{
    const double tokens = v->lengths[RT_TRAIN].mean * (double)v->lengths[RT_TRAIN].rows +
                          v->lengths[RT_EVAL].mean * (double)v->lengths[RT_EVAL].rows;
    rt_find_job(c->findings, RT_OK, "rows", "%lld rows: %lld for training, %lld for evaluation, %lld bad",
                (long long)v->raw_rows, (long long)v->lengths[RT_TRAIN].rows,
                (long long)v->lengths[RT_EVAL].rows, (long long)v->bad_rows);
    tell_lengths(c, &v->lengths[RT_TRAIN], "training");
    tell_lengths(c, &v->lengths[RT_EVAL], "evaluation");
    if (v->cut_rows > 0)
        rt_find_job(
            c->findings, RT_WARNING, "cutoff",
            "cutoff_len: %lld shortens %lld rows and takes %lld tokens off them (%.1f%% of all)\nwrite a "
            "larger cutoff_len, or a smaller image_max_pixels, if their ends matter",
            (long long)c->job->data.cutoff_len, (long long)v->cut_rows, (long long)v->cut_tokens,
            100 * (double)v->cut_tokens / (tokens + (double)v->cut_tokens));
    else
        rt_find_job(c->findings, RT_OK, "cutoff", "cutoff_len: %lld shortens no row",
                    (long long)c->job->data.cutoff_len);
    if (v->pictures > 0)
        rt_find_job(
            c->findings, RT_OK, "pictures",
            "%lld different ones, every header read; in the model %lld x %lld to %lld x %lld pixels, %.1f "
            "tokens on average",
            (long long)v->pictures, (long long)v->picture_low[0], (long long)v->picture_low[1],
            (long long)v->picture_high[0], (long long)v->picture_high[1],
            (double)v->picture_tokens / (double)v->pictures);
}

/* ---- the scan ---- */

static void no_progress(const char *what, int64_t done, int64_t total, void *context)
{
    (void)what, (void)done, (void)total, (void)context;
}

static void note(const char *text, void *context)
{
    const struct rt_check *c = context;
    rt_find_job(c->findings, RT_WARNING, "files", "%.1200s", text);
}

/* Bad rows are borne, so that all of them can be told; where none is left, the run's own words. */
static rt_status open_data(struct rt_check *c, struct rt_error *why)
{
    const struct rt_notes notes = { no_progress, note, c };
    struct rt_data_options opt = c->job->data;
    opt.output_dir = NULL; /* a check leaves no list of bad rows */
    opt.max_bad_rows = INFINITY;
    const rt_status st = rt_data_open(&c->data, &opt, c->dist, &notes, why);
    if (st != RT_ERR_DATA)
        return st;
    opt.max_bad_rows = c->job->data.max_bad_rows;
    return rt_data_open(&c->data, &opt, c->dist, &notes, why);
}

static rt_status tell_data(struct rt_check *c)
{
    struct rt_data_review v;
    struct rt_error why = { .text = "" };
    rt_status st = rt_data_review(c->data, &v, c->err);
    RT_TRY(rt_dist_agree(c->dist, st, c->err));
    c->tokens = v.lengths[RT_TRAIN].mean * (double)v.lengths[RT_TRAIN].rows;
    st = rt_data_bears(c->data, c->job->data.max_bad_rows, &why);
    tell_bad_rows(c, &v, st == RT_OK ? RT_WARNING : (int)st);
    if (st != RT_OK)
        rt_find_job(
            c->findings, (int)st, "rows",
            "%lld of %lld rows cannot be used and max_bad_rows: %g does not bear so many\nrepair them, or "
            "write a larger max_bad_rows (a count, or a share below 1)",
            (long long)v.bad_rows, (long long)v.raw_rows, c->job->data.max_bad_rows);
    tell_rows(c, &v);
    return RT_OK;
}

static void tell_steps(struct rt_check *c)
{
    const struct rt_train_options *opt = &c->job->train;
    const long long rows = (long long)rt_data_rows(c->data, RT_TRAIN);
    if (!opt->do_train)
        return;
    c->counts = rt_train_count(opt, c->data, c->size);
    if (rt_data_micros_per_epoch(c->data, RT_TRAIN) == 0)
        rt_find_job(c->findings, RT_ERR_JOB, "steps",
                    "%lld rows are fewer than one batch and dataloader_drop_last is true\nlower "
                    "per_device_train_batch_size",
                    rows);
    else
        rt_find_job(c->findings, RT_OK, "steps",
                    "%d ranks x batch %lld x accumulation %lld: %lld steps an epoch, %lld in all", c->size,
                    (long long)c->job->data.per_device_train_batch_size,
                    (long long)opt->gradient_accumulation_steps,
                    (long long)rt_data_steps_per_epoch(c->data, c->size), (long long)c->counts.steps);
}

rt_status rt_check_data(struct rt_check *c)
{
    struct rt_error why = { .text = "" };
    if (c->size > 1) {
        look_at_folder(c, "media_dir", c->job->data.media_dir);
        RT_TRY(rt_findings_share(c->findings, c->err));
    }
    why.status = open_data(c, &why);
    if (why.status == RT_ERR_COMM)
        return rt_fail(c->err, RT_ERR_COMM, "%s", why.text);
    if (why.status != RT_OK) { /* alike on all ranks */
        rt_find_error(c->findings, "data", &why, true);
        return rt_findings_share(c->findings, c->err);
    }
    RT_TRY(tell_data(c));
    tell_steps(c);
    return rt_findings_share(c->findings, c->err);
}

/* Forward, and the gradient with respect to the input: two products with every weight, 4 flops a parameter and
 * token. Attention, the vision tower, loading and saving come on top: so this is a bound from below. */
rt_status rt_check_time(struct rt_check *c)
{
    const double steps = (double)c->counts.steps;
    char text[RT_WORDS];
    if (c->data == NULL || c->model == NULL || c->product_rate <= 0 || steps <= 0)
        return RT_OK;
    const double epochs = steps / (double)rt_data_steps_per_epoch(c->data, c->size);
    const double flop = 4.0 * (double)c->sizes.layer_params * c->tokens * epochs;
    rt_find_job(c->findings, RT_OK, "time",
                "at least %s for %.4g tokens: the layers' matrix products alone, at the rate above",
                rt_words_seconds(text, flop / (c->product_rate * c->size)), c->tokens * epochs);
    return rt_findings_share(c->findings, c->err);
}
