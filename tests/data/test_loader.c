/* test_loader.c - batches of drawn data on one rank: contents, order, threads, merging, bounds, the end. */
#include "config.h"
#include "data/loader_test.h"

#include <string.h>
#include <unistd.h>

static uint64_t hash_batch(uint64_t h, const struct rt_batch *b)
{
    const size_t t = (size_t)b->tokens * 4, l = (size_t)b->learned * 4;
    h = fnv(fnv(fnv(h, b->ids, t), b->positions, 3 * t), b->image_rows, t);
    h = fnv(h, b->offsets, (size_t)(b->samples + 1) * 4);
    h = fnv(fnv(fnv(fnv(h, b->learned_at, l), b->targets, l), b->weights, l), b->micro_of, l);
    for (int64_t i = 0; i < b->pictures; i++)
        h = fnv(h, b->picture[i].rgb[0], (size_t)b->picture[i].width * (size_t)b->picture[i].height * 3);
    return h;
}

/* Hash of `passes` batches; *micros counts their micro-batches. */
static uint64_t run(struct rt_data *data, const struct rt_loader_options *opt, int64_t passes, int64_t *micros)
{
    struct rt_loader *loader = open_loader(data, opt);
    const struct rt_batch *b;
    struct rt_error err = { 0 };
    uint64_t h = 0xcbf29ce484222325u;
    *micros = 0;
    for (int64_t i = 0; i < passes; i++) {
        if (rt_batch_next(loader, &b, NULL, &err) != RT_OK || b == NULL) {
            diag("stopped at %lld: %s", (long long)i, err.text);
            break;
        }
        h = hash_batch(h, b);
        *micros += b->micros;
    }
    rt_loader_close(loader);
    return h;
}

/* Two epochs, row by row, against the plan, the text of the rows and the pictures decoded afresh. */
static void contents(const struct made *made, struct rt_data *data)
{
    struct rt_plan_options plan;
    rt_data_plan(data, RT_TRAIN, 1, &plan);
    struct rt_loader *loader = open_loader(data, &(struct rt_loader_options){ .split = RT_TRAIN });
    int wrong_rows = 0, wrong_text = 0, wrong_pictures = 0, seen = 0, wrong_weights = 0;
    for (int64_t epoch = 0; epoch < 2; epoch++) {
        struct rt_plan_epoch *order = NULL;
        rt_plan_epoch_open(&order, &plan, epoch, NULL);
        for (int64_t micro = 0; micro < MICROS; micro++) {
            const struct rt_batch *b = NULL;
            struct rt_error err = { 0 };
            int64_t rows[2], picture = 0;
            const int64_t n = rt_plan_micro(order, 0, micro, rows);
            if (rt_batch_next(loader, &b, NULL, &err) != RT_OK || b->samples != n) {
                ok(0, "micro-batch %lld: %s", (long long)micro, err.text);
                continue;
            }
            double weight = 0;
            for (int64_t i = 0; i < b->learned; i++)
                weight += b->weights[i];
            wrong_weights +=
                !(weight * 3 > 1 - 1e-5 && weight * 3 < 1 + 1e-5); /* 100 or fewer float shares of 1/3 */
            for (int64_t i = 0; i < n; i++, seen++) {
                const int64_t good = rows[i],
                              raw = good / 9 * 10 + good % 9 + (good % 9 >= 7); /* one in ten is bad */
                char *text, want[64];
                wrong_rows += data->store.raw[rt_loader_pass(loader)->row[i]] != raw;
                snprintf(want, sizeof want, "user\nrow %lld.", (long long)raw);
                if (rt_tokenizer_decode(data->tok, b->ids + b->offsets[i], b->offsets[i + 1] - b->offsets[i],
                                        false, &text, &err) != RT_OK) {
                    wrong_text++;
                    continue;
                }
                wrong_text += strstr(text, want) == NULL;
                free(text);
                for (int k = 0; k < made_pictures_of((int)raw); k++, picture++) {
                    char path[400];
                    uint8_t *rgb;
                    const struct rt_picture *p = &b->picture[picture];
                    made_picture_path(made, made_picture_of((int)raw, k), path, sizeof path);
                    if (rt_image_load(&data->rules, path, p->width, p->height, &rgb, &err) != RT_OK) {
                        wrong_pictures++;
                        continue;
                    }
                    wrong_pictures += memcmp(rgb, p->rgb[0], (size_t)p->width * (size_t)p->height * 3) != 0;
                    free(rgb);
                }
            }
            wrong_pictures += picture != b->pictures;
        }
        rt_plan_epoch_close(order);
    }
    rt_loader_close(loader);
    ok(seen == 2 * GOOD && wrong_rows == 0, "two epochs: %d rows, %d not where the plan says", seen,
       wrong_rows);
    ok(wrong_text == 0 && wrong_pictures == 0, "%d texts and %d pictures are not the rows' own", wrong_text,
       wrong_pictures);
    ok(wrong_weights == 0, "weights of a micro-batch sum to 1/3 in a step of 3: %d do not", wrong_weights);
}

static void order_and_threads(struct made *made, struct rt_dist *dist)
{
    struct rt_data *data = open_data(made, dist, NULL);
    struct rt_loader_options opt = { .split = RT_TRAIN };
    int64_t micros, merged_micros;
    const struct rt_loader_options second = { .split = RT_TRAIN, .epoch = 1, .micro = 4 };
    const uint64_t two = run(data, &opt, 2 * MICROS, &micros), late = run(data, &second, MICROS, &micros);
    const struct rt_loader_options over = { .split = RT_TRAIN, .micro = MICROS + 4 };
    ok(run(data, &over, MICROS, &micros) == late, "micro-batch %d of epoch 0 is 4 of epoch 1", MICROS + 4);
    struct rt_loader *loader = open_loader(data, &opt);
    uint64_t h = 0xcbf29ce484222325u;
    for (int i = 0; i < 2 * MICROS + 4; i++) {
        const struct rt_batch *b = NULL;
        struct rt_error err;
        if (rt_batch_next(loader, &b, NULL, &err) == RT_OK && i >= MICROS + 4)
            h = hash_batch(h, b);
    }
    rt_loader_close(loader);
    ok(h == late, "a start in the middle of epoch 1 gives what running there gives");
    size_t peak;
    int64_t decoded;
    rt_pictures_tell(data->pictures, &peak, &decoded);
    ok(decoded == MADE_PICTURES, "%d pictures over many epochs: %lld decoded", MADE_PICTURES,
       (long long)decoded);
    opt.merge_tokens = 1 << 20;
    run(data, &opt, 2 * MICROS / 3, &merged_micros);
    ok(merged_micros == 2 * MICROS, "merged without bound: a pass a step, %lld micro-batches",
       (long long)merged_micros);
    rt_data_close(data);
    static const int64_t workers[] = { 0, 1, 4 };
    for (int i = 0; i < 3; i++) {
        made->opt.dataloader_num_workers = made->opt.preprocessing_num_workers = workers[i];
        data = open_data(made, dist, NULL);
        opt.merge_tokens = 0;
        ok(run(data, &opt, 2 * MICROS, &micros) == two, "the same bits with dataloader_num_workers: %lld",
           (long long)workers[i]);
        rt_data_close(data);
    }
    made->opt.dataloader_num_workers = made->opt.preprocessing_num_workers = 2;
}

/* Merged passes hold what single ones hold, in the same order, and stop at the bound and at the step. */
static void merging(struct rt_data *data)
{
    struct rt_loader *one = open_loader(data, &(struct rt_loader_options){ .split = RT_TRAIN });
    const int64_t bound = 520;
    struct rt_loader *many =
        open_loader(data, &(struct rt_loader_options){ .split = RT_TRAIN, .merge_tokens = bound });
    int wrong = 0, larger = 0, crossing = 0, merged = 0;
    for (int64_t micro = 0; micro < MICROS;) {
        const struct rt_batch *b = NULL, *s = NULL;
        struct rt_error err = { 0 };
        if (rt_batch_next(many, &b, NULL, &err) != RT_OK) {
            ok(0, "merged: %s", err.text);
            break;
        }
        larger += b->micros > 1 && b->tokens > bound;
        crossing += micro / 3 != (micro + b->micros - 1) / 3;
        merged += b->micros > 1;
        int64_t token = 0, learned = 0, rows = 0;
        for (int64_t m = 0; m < b->micros; m++, micro++) {
            if (rt_batch_next(one, &s, NULL, &err) != RT_OK)
                break;
            wrong += memcmp(b->ids + token, s->ids, (size_t)s->tokens * 4) != 0;
            wrong += memcmp(b->weights + learned, s->weights, (size_t)s->learned * 4) != 0;
            for (int64_t i = 0; i < s->learned; i++) {
                wrong +=
                    b->micro_of[learned + i] != m || b->learned_at[learned + i] != token + s->learned_at[i];
                wrong += b->targets[learned + i] != b->ids[b->learned_at[learned + i] + 1];
            }
            for (int64_t i = 0; i < s->tokens; i++)
                if (s->image_rows[i] >= 0)
                    wrong += b->image_rows[token + i] != rows + s->image_rows[i];
            token += s->tokens;
            learned += s->learned;
            rows += s->patches / 4;
        }
        wrong += token != b->tokens || learned != b->learned;
    }
    ok(merged > 0 && wrong == 0, "%d merged passes, %d differences from single ones", merged, wrong);
    ok(larger == 0 && crossing == 0, "none over %lld tokens, none over the end of a step", (long long)bound);
    rt_loader_close(many);
    rt_loader_close(one);
}

/* Loaders are ended at every moment of their work; what is left behind the sanitizers tell. */
static void closing(struct rt_data *data)
{
    int taken = 0;
    for (int i = 0; i < 30; i++) {
        struct rt_loader *loader =
            open_loader(data, &(struct rt_loader_options){ .split = RT_TRAIN, .merge_tokens = 300 });
        const struct rt_batch *b;
        usleep((useconds_t)(i * 37));
        for (int k = 0; k < i % 4; k++)
            taken += rt_batch_next(loader, &b, NULL, NULL) == RT_OK;
        rt_loader_close(loader);
    }
    rt_loader_close(NULL);
    ok(taken == 14 * 3 + 1, "30 loaders closed while they worked, after %d batches", taken);
}

static void bounds(struct rt_data *data)
{
    struct rt_data_limits most;
    rt_data_limits(data, RT_TRAIN, &most);
    const int64_t passes = 4, bytes = 3 * most.picture_bytes;
    struct rt_loader *loader = open_loader(
        data, &(struct rt_loader_options){ .split = RT_TRAIN, .ahead = passes, .ahead_bytes = bytes });
    const struct rt_batch *b;
    int over = 0;
    int64_t tokens = 0, patches = 0, pictures = 0, learned = 0;
    for (int i = 0; i < 3 * MICROS; i++) {
        usleep(2000); /* the threads get as far ahead as they may */
        if (rt_batch_next(loader, &b, NULL, NULL) != RT_OK)
            break;
        over += b->tokens > most.tokens || b->patches > most.patches || b->pictures > most.pictures ||
                b->learned > most.learned || b->samples > most.samples || b->max_length > most.max_length;
        tokens = b->tokens > tokens ? b->tokens : tokens;
        patches = b->patches > patches ? b->patches : patches;
        pictures = b->pictures > pictures ? b->pictures : pictures;
        learned = b->learned > learned ? b->learned : learned;
    }
    const size_t peak = rt_loader_peak_bytes(loader);
    ok(peak <= (size_t)bytes && peak > 0, "pictures held ahead: %zu of at most %lld bytes", peak,
       (long long)bytes);
    ok(over == 0, "no batch over the limits: %lld of %lld tokens, %lld of %lld patches", (long long)tokens,
       (long long)most.tokens, (long long)patches, (long long)most.patches);
    rt_loader_close(loader);

    loader = open_loader(data, &(struct rt_loader_options){ .split = RT_TRAIN, .ahead_bytes = 1 });
    int got = 0;
    for (int i = 0; i < MICROS; i++)
        got += rt_batch_next(loader, &b, NULL, NULL) == RT_OK;
    const size_t two = 2 * (size_t)most.picture_bytes;
    ok(got == MICROS && rt_loader_peak_bytes(loader) <= two,
       "a bound of 1 byte: the caller's pass and one more, %zu bytes", rt_loader_peak_bytes(loader));
    rt_loader_close(loader);
}

static void evaluation(struct made *made, struct rt_dist *dist)
{
    static const char *eval[] = { "eval" };
    made->opt.eval_dataset = eval;
    made->opt.eval_datasets = 1;
    struct rt_data *data = open_data(made, dist, NULL);
    ok(rt_data_rows(data, RT_EVAL) == MADE_EVAL && rt_data_micros_per_epoch(data, RT_EVAL) == 3,
       "7 rows in batches of 3");
    for (int pass = 0; pass < 2; pass++) {
        struct rt_loader *loader =
            open_loader(data, &(struct rt_loader_options){ .split = RT_EVAL, .merge_tokens = pass * 100000 });
        const struct rt_batch *b = NULL;
        int64_t row = 0, micros = 0, wrong = 0;
        double weight = 0;
        while (rt_batch_next(loader, &b, NULL, NULL) == RT_OK && b != NULL) {
            for (int64_t i = 0; i < rt_loader_pass(loader)->rows; i++)
                wrong += data->store.raw[rt_loader_pass(loader)->row[i]] != ROWS + row++;
            for (int64_t i = 0; i < b->learned; i++)
                weight += b->weights[i];
            micros += b->micros;
        }
        ok(b == NULL && row == MADE_EVAL && micros == 3 && wrong == 0 && weight > 3 - 1e-5 && weight < 3 + 1e-5,
           "%s: in order, then the end; weights of 3 micro-batches sum to %.7f", pass ? "merged" : "one by one",
           weight);
        ok(rt_batch_next(loader, &b, NULL, NULL) == RT_OK && b == NULL, "and stays at its end");
        rt_loader_close(loader);
    }
    rt_data_close(data);
    made->opt.eval_datasets = 0;
}

int main(int argc, char **argv)
{
    struct made made;
    struct rt_dist *dist = open_all(argc, argv, &made);
    struct rt_data *data = open_data(&made, dist, NULL);
    contents(&made, data);
    merging(data);
    closing(data);
    bounds(data);
    rt_data_close(data);
    order_and_threads(&made, dist);
    evaluation(&made, dist);
    made_close(&made);
    rt_dist_close(dist);
    return tap_done();
}
