/* tests/data/test_data.c - drawn data on several ranks: one store everywhere, each rank its share of the order.
 */
#include "config.h"
#include "data/loader.h"
#include "data/made.h"
#include "data/state.h"
#include "dist/dist.h"
#include "tap.h"

#include <string.h>
#include <unistd.h>

enum { ROWS = 40, GOOD = 36, EPOCHS = 2 };

static struct {
    int64_t last, calls;
} told;

static void progress(const char *what, int64_t done, int64_t total, void *context)
{
    (void)context, (void)what;
    told.last = done == total ? done : told.last;
    told.calls++;
}

static uint64_t fnv(uint64_t h, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    return h;
}

/* Everything the store holds. */
static uint64_t digest(const struct rt_store *s)
{
    const size_t n = (size_t)s->rows, e = (size_t)s->entry_at[n], p = (size_t)s->picture_at[n];
    uint64_t h = fnv(0xcbf29ce484222325u, s->raw, n * 8);
    h = fnv(fnv(fnv(h, s->entry_at, (n + 1) * 8), s->ids, e * 4), s->learn, e);
    h = fnv(fnv(fnv(h, s->length, n * 4), s->learned, n * 4), s->picture_at, (n + 1) * 8);
    h = fnv(h, s->picture_of, p * 4);
    for (int32_t i = 0; i < s->pictures; i++) {
        h = fnv(h, s->paths + s->picture[i].path, strlen(s->paths + s->picture[i].path));
        h = fnv(h, &s->picture[i].width, 12);
    }
    for (int64_t i = 0; i < s->bads; i++)
        h = fnv(fnv(h, &s->bad[i].raw, 8), s->reasons + s->bad[i].reason,
                strlen(s->reasons + s->bad[i].reason));
    return h;
}

/* Rank 0's answer to whether all ranks say the same. */
static bool all_same(struct rt_dist *dist, uint64_t mine)
{
    void *all;
    size_t bytes;
    bool same = true;
    if (rt_dist_allgather(dist, &mine, sizeof mine, &all, &bytes, NULL, NULL) != RT_OK)
        return false;
    for (size_t i = 0; i < bytes / 8; i++)
        same &= ((uint64_t *)all)[i] == mine;
    free(all);
    return same;
}

/* This rank's rows of two epochs, in its order, as all ranks get them. */
static int64_t *walk(struct rt_data *data, struct rt_dist *dist, size_t *bytes)
{
    struct rt_error err = { 0 };
    const int64_t micros = EPOCHS * rt_data_micros_per_epoch(data, RT_TRAIN);
    const struct rt_loader_options opt = { .split = RT_TRAIN,
                                           .rank = rt_dist_rank(dist),
                                           .size = rt_dist_size(dist) };
    int64_t mine[2 * EPOCHS * GOOD], n = 0;
    struct rt_loader *loader;
    rt_status st = rt_loader_open(&loader, data, &opt, &err);
    for (int64_t i = 0; i < micros && st == RT_OK; i++) {
        const struct rt_batch *b;
        st = rt_batch_next(loader, &b, NULL, &err);
        for (int64_t k = 0; st == RT_OK && k < b->samples; k++)
            mine[n++] = rt_loader_pass(loader)->row[k];
    }
    if (st == RT_OK)
        rt_loader_close(loader);
    else
        rt_dist_abort(dist, st, err.text);
    void *all;
    st = rt_dist_allgather(dist, mine, (size_t)n * sizeof *mine, &all, bytes, NULL, &err);
    if (st != RT_OK)
        rt_dist_abort(dist, st, err.text);
    return all;
}

/* Put the ranks' batches back in order: an epoch's permutation, and its start again for the last round. */
static void order(struct rt_data *data, struct rt_dist *dist)
{
    const int64_t size = rt_dist_size(dist), micros = rt_data_micros_per_epoch(data, RT_TRAIN),
                  per_rank = EPOCHS * micros * 2;
    size_t bytes;
    int64_t *all = walk(data, dist, &bytes), wrong = 0, twice = 0;
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        int64_t line[2 * GOOD], count[GOOD] = { 0 };
        for (int64_t micro = 0; micro < micros; micro++)
            for (int64_t rank = 0; rank < size; rank++)
                for (int64_t k = 0; k < 2; k++)
                    line[(micro * size + rank) * 2 + k] =
                        all[rank * per_rank + (epoch * micros + micro) * 2 + k];
        for (int64_t i = 0; i < micros * size * 2; i++) {
            count[line[i]]++;
            wrong += i >= GOOD && line[i] != line[i - GOOD];
        }
        for (int64_t i = 0; i < GOOD; i++) {
            wrong += count[i] < 1;
            twice += count[i] == 2;
        }
    }
    if (rt_dist_rank(dist) == 0)
        ok(bytes == (size_t)(size * per_rank) * 8 && wrong == 0 && twice == EPOCHS * (micros * size * 2 - GOOD),
           "every row once an epoch, %lld again from the epoch's start", (long long)twice);
    free(all);
}

static void padded(struct rt_data *data, struct rt_dist *dist)
{
    struct rt_error err = { 0 };
    const int64_t micros = rt_data_micros_per_epoch(data, RT_TRAIN);
    const struct rt_loader_options opt = { .split = RT_TRAIN,
                                           .rank = rt_dist_rank(dist),
                                           .size = rt_dist_size(dist) };
    struct rt_loader *loader;
    const int ranks = rt_dist_size(dist), rank = rt_dist_rank(dist);
    int64_t *told = calloc((size_t)ranks, sizeof *told), real = 0;
    double sum = 0;
    rt_status st = rt_loader_open(&loader, data, &opt, &err);
    for (int64_t i = 0; i < micros && st == RT_OK; i++) {
        const struct rt_batch *b;
        st = rt_batch_next(loader, &b, NULL, &err);
        const struct rt_pass *pass = rt_loader_pass(loader);
        sum += (double)(b->samples * rt_data_padded_width(data, pass->row, pass->rows));
    }
    rt_loader_close(loader);
    st = st == RT_OK ? rt_data_fed_tokens(data, 0, 0, micros, told, &real, &err) : st;
    uint32_t wrong = st != RT_OK || (double)told[rank] != sum;
    rt_dist_or(dist, &wrong, &err);
    if (rank == 0)
        ok(wrong == 0 && real > 0, "each rank's padded tokens: %lld on rank 0, added up: %.0f",
           (long long)told[0], sum);
    free(told);
}

static int lines_of(const struct made *made)
{
    char path[400], line[2048];
    int lines = 0;
    snprintf(path, sizeof path, "%s/bad_rows.jsonl", made->out);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        lines++;
    if (file != NULL)
        fclose(file);
    return lines;
}

int main(int argc, char **argv)
{
    struct rt_error err = { 0 };
    struct rt_dist *dist;
    struct made made, mine;
    if (rt_dist_open(&dist, &argc, &argv, &err) != RT_OK) {
        ok(0, "MPI: %s", err.text);
        return tap_done();
    }
    const int rank = rt_dist_rank(dist);
    static const char *train[] = { "train" }, *eval[] = { "eval" };
    if (rank == 0)
        made_open(&made, ROWS);
    rt_dist_bcast(dist, made.folder, sizeof made.folder, 0, &err);
    made_options(&mine, made.folder);
    mine.opt.dataset = train;
    mine.opt.eval_dataset = eval;
    mine.opt.eval_datasets = 1;
    const struct rt_notes notes = { .progress = progress };
    struct rt_data *data = NULL;
    const rt_status st = rt_data_open(&data, &mine.opt, dist, &notes, &err);
    if (st != RT_OK)
        rt_dist_abort(dist, st, err.text);
    const uint64_t h = digest(&data->store);
    const bool same = all_same(dist, h);
    /* the whole as one rank with one thread gives it: rows in the order of the files */
    bool sorted = true;
    for (int64_t i = 1; i < data->store.rows; i++)
        sorted &= data->store.raw[i] > data->store.raw[i - 1];
    if (rank == 0) {
        ok(same && sorted, "the same store on every rank, rows in the order of the files: %016llx",
           (unsigned long long)h);
        ok(rt_data_rows(data, RT_TRAIN) == GOOD && rt_data_rows(data, RT_EVAL) == MADE_EVAL &&
               rt_data_bad_rows(data) == 4,
           "36 rows to train on, 7 to evaluate, 4 bad");
        ok(lines_of(&made) == 4, "rank 0 lists the 4 bad ones");
        const int64_t share = (ROWS + MADE_EVAL) / rt_dist_size(dist);
        ok(told.calls > 0 && told.last == share, "progress of rank 0's share: %lld of %lld rows",
           (long long)told.last, (long long)share);
    } else if (told.calls != 0) {
        rt_dist_abort(dist, RT_ERR_INTERNAL, "progress on another rank than 0");
    }
    order(data, dist);
    padded(data, dist);
    rt_data_close(data);

    mine.opt.max_bad_rows = 3;
    const rt_status bad = rt_data_open(&data, &mine.opt, dist, &notes, &err);
    const bool alike = all_same(dist, (uint64_t)bad);
    if (rank == 0)
        ok(bad == RT_ERR_DATA && alike, "too many bad rows end every rank: %.60s...", err.text);
    if (rank == 0)
        made_close(&made);
    rt_dist_close(dist);
    return rank == 0 ? tap_done() : 0;
}
