/* tests/data/test_loader.c - batches of drawn data on one rank: order, threads, merging, broken pictures,
 * bounds. */
#include "config.h"
#include "base/cache.h"
#include "data/loader.h"
#include "data/made.h"
#include "data/state.h"
#include "dist/dist.h"
#include "tap.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 40, GOOD = 36, MICROS = 18 }; /* B 2, one rank */

static struct {
    int count;
    char last[1024];
} noted;

static void note(const char *text, void *context)
{
    (void)context;
    noted.count++;
    snprintf(noted.last, sizeof noted.last, "%s", text);
}

static struct rt_data *open_data(struct made *made, struct rt_dist *dist)
{
    const struct rt_notes notes = { .note = note };
    struct rt_error err = { 0 };
    struct rt_data *data = NULL;
    if (rt_data_open(&data, &made->opt, dist, &notes, &err) != RT_OK) {
        ok(0, "data open: %s", err.text);
        exit(1);
    }
    return data;
}

static struct rt_loader *open_loader(struct rt_data *data, const struct rt_loader_options *opt)
{
    struct rt_error err = { 0 };
    struct rt_loader *loader = NULL;
    struct rt_loader_options o = *opt;
    o.size = o.size == 0 ? 1 : o.size;
    if (rt_loader_open(&loader, data, &o, &err) != RT_OK) {
        ok(0, "loader open: %s", err.text);
        exit(1);
    }
    return loader;
}

static uint64_t fnv(uint64_t h, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    return h;
}

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
    struct rt_data *data = open_data(made, dist);
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
        data = open_data(made, dist);
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

static void bounds(struct made *made, struct rt_data *data)
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
    (void)made;
}

static void cache_without_room(struct rt_data *data)
{
    struct rt_pictures *pictures;
    struct rt_error err;
    const uint8_t *rgb;
    size_t peak;
    int64_t decoded;
    const size_t first = rt_store_picture_bytes(&data->store.picture[0]);
    int got = 0;
    if (rt_pictures_open(&pictures, &data->store, &data->rules, 0, &err) != RT_OK)
        return;
    for (int i = 0; i < 3; i++) {
        got += rt_pictures_take(pictures, 0, &rgb, NULL, &err) == RT_OK;
        got += rt_pictures_take(pictures, 0, &rgb, NULL, &err) == RT_OK;
        rt_pictures_put(pictures, 0);
        rt_pictures_put(pictures, 0);
    }
    rt_pictures_tell(pictures, &peak, &decoded);
    ok(got == 6 && decoded == 3 && peak == first,
       "keeping nothing: used twice each, decoded %lld times, at most %zu bytes", (long long)decoded, peak);
    rt_pictures_close(pictures);
    ok(rt_pictures_open(&pictures, &data->store, &data->rules, first, &err) == RT_OK, "room for one picture");
    for (int i = 0; i < 4; i++)
        if (rt_pictures_take(pictures, i % 2, &rgb, NULL, &err) == RT_OK)
            rt_pictures_put(pictures, i % 2);
    rt_pictures_tell(pictures, &peak, &decoded);
    ok(decoded == 4 && peak <= first + rt_store_picture_bytes(&data->store.picture[1]),
       "two pictures in turn: %lld decoded, "
       "%zu bytes",
       (long long)decoded, peak);
    rt_pictures_close(pictures);
    ok(rt_pictures_room(1) <= (size_t)1 << 30 && rt_pictures_room(1) > 0 &&
           rt_pictures_room(1000000) < rt_pictures_room(1),
       "room by default: %zu bytes", rt_pictures_room(1));
}

/* Turns over all bits of a file's second half; its mtime is set back, as a copy of a data set would do. */
static void rewrite(const char *path)
{
    struct stat was;
    unsigned char half[1 << 14];
    const int fd = open(path, O_RDWR);
    if (fd < 0 || fstat(fd, &was) != 0)
        return;
    const off_t from = was.st_size / 2;
    usleep(50000); /* several ticks of the file system's clock */
    const ssize_t n = pread(fd, half, sizeof half, from);
    for (ssize_t i = 0; i < n; i++)
        half[i] ^= 255;
    const struct timespec times[2] = { was.st_atim, was.st_mtim };
    ok(n > 0 && pwrite(fd, half, (size_t)n, from) == n && futimens(fd, times) == 0, "%s is rewritten", path);
    close(fd);
}

/* Files that change while their pictures are held: same size, same mtime. */
static void changed(const struct made *made, struct rt_data *data)
{
    struct rt_pictures *pictures;
    struct rt_error err;
    const uint8_t *rgb = NULL;
    struct rt_file_id file = { 0 };
    int64_t decoded;
    size_t peak;
    const char *path = data->store.paths + data->store.picture[0].path;
    if (rt_pictures_open(&pictures, &data->store, &data->rules, 1 << 24, &err) != RT_OK)
        return;
    const size_t bytes = rt_store_picture_bytes(&data->store.picture[0]);
    uint64_t hash[5] = { 0 };
    for (int i = 0; i < 5; i++) {
        if (rt_pictures_take(pictures, 0, &rgb, NULL, &err) != RT_OK)
            break;
        if (i == 2 ||
            i == 4) /* while it is used: the next who takes it after it was put back sees the change */
            rewrite(path);
        hash[i] = fnv(1, rgb, bytes);
        rt_pictures_put(pictures, 0);
    }
    rt_pictures_tell(pictures, &peak, &decoded);
    ok(hash[0] == hash[1] && hash[1] == hash[2] && hash[3] != hash[2] && hash[4] == hash[3] && decoded == 2,
       "a changed file is decoded again: %lld times in all", (long long)decoded);
    ok(rt_pictures_take(pictures, 0, &rgb, &file, &err) == RT_OK && file.size == 0 &&
           fnv(1, rgb, bytes) == hash[0],
       "changed back just now: nobody can be sure of the file");
    rt_pictures_put(pictures, 0);
    sleep(3);
    const struct rt_file_id now = rt_file_id_of(path);
    ok(rt_pictures_take(pictures, 0, &rgb, NULL, &err) == RT_OK, "3 s later");
    rt_pictures_put(pictures, 0);
    ok(rt_pictures_take(pictures, 0, &rgb, &file, &err) == RT_OK && rt_file_id_same(&file, &now),
       "3 s later: sure");
    rt_pictures_put(pictures, 0);
    rt_pictures_tell(pictures, &peak, &decoded);
    ok(decoded == 4, "decoded again for that alone: %lld times in all", (long long)decoded);
    ok(unlink(path) == 0 && rt_pictures_take(pictures, 0, &rgb, NULL, &err) == RT_ERR_DATA,
       "a file that is gone: %s", err.text);
    rt_pictures_close(pictures);
    for (int i = 0; i < MADE_PICTURES; i++)
        made_draw(made, i);
}

/* What the features of picture i hold in this test: 8 bytes a token. */
static void fill_features(uint64_t *features, const struct rt_data *data, int32_t i)
{
    for (int32_t k = 0; k < data->store.picture[i].tokens; k++)
        features[k] = (uint64_t)i << 32 | (uint32_t)k;
}

/* Pictures of an epoch that come with their features; one that comes with neither, or with others, ends the
 * count. */
static int count_features(struct rt_data *data, struct rt_cache *cache)
{
    struct rt_loader *loader = open_loader(
        data,
        &(struct rt_loader_options){ .split = RT_TRAIN, .features = cache, .feature_bytes = sizeof(uint64_t) });
    uint64_t want[1000];
    int count = 0;
    for (int i = 0; i < MICROS; i++) {
        const struct rt_batch *b = NULL;
        if (rt_batch_next(loader, &b, NULL, NULL) != RT_OK)
            count = -1000;
        for (int64_t k = 0; b != NULL && k < b->pictures; k++) {
            const struct rt_picture *p = &b->picture[k];
            fill_features(want, data, p->number);
            if ((p->features == NULL) == (p->rgb[0] == NULL) ||
                (p->features != NULL &&
                 memcmp(p->features, want, (size_t)data->store.picture[p->number].tokens * sizeof *want) != 0))
                count = -1000;
            count += p->features != NULL;
        }
    }
    rt_loader_close(loader);
    return count;
}

/* Pictures whose features are kept come with them and without pixels, until their file is another. */
static void kept_features(const struct made *made, struct rt_data *data)
{
    const struct rt_cache_options opt = { .entries = data->store.pictures, .most_bytes = 1 << 20 };
    struct rt_cache *cache = NULL;
    struct rt_cache_news news;
    struct rt_error err;
    uint64_t features[1000];
    int64_t pictures = 0, tokens = 0;
    if (rt_cache_open(&cache, &opt, &err) != RT_OK) {
        ok(0, "cache: %s", err.text);
        return;
    }
    ok(count_features(data, cache) == 0, "nothing is kept: pixels");
    for (int32_t i = 0; i < data->store.pictures; i++) {
        const struct rt_file_id file = rt_file_id_of(data->store.paths + data->store.picture[i].path);
        fill_features(features, data, i);
        rt_cache_put(cache, i, &file, features, (size_t)data->store.picture[i].tokens * sizeof *features);
    }
    rt_data_pictures(data, &pictures, &tokens);
    rt_cache_tell(cache, &news);
    ok(news.entries == pictures && news.bytes == (size_t)tokens * sizeof *features,
       "%lld pictures of %lld tokens are kept", (long long)pictures, (long long)tokens);
    const int all = count_features(data, cache);
    ok(all > 0, "all %d come with features", all);
    rewrite(data->store.paths + data->store.picture[0].path);
    const int rest = count_features(data, cache);
    rt_cache_tell(cache, &news);
    ok(rest > 0 && rest < all && news.changed == 1, "one is rewritten: %d come with features", rest);
    rt_cache_close(cache);
    for (int i = 0; i < MADE_PICTURES; i++)
        made_draw(made, i);
}

/* A picture that was whole at the scan and is cut off afterwards. */
static void truncated(struct made *made, struct rt_dist *dist)
{
    struct rt_data *data = open_data(made, dist);
    char path[400];
    struct stat st;
    made_picture_path(made, 4, path, sizeof path);
    if (stat(path, &st) != 0 || truncate(path, st.st_size / 2) != 0) {
        ok(0, "cannot truncate %s", path);
        return;
    }
    noted.count = 0;
    int dropped = 0, wrong = 0, samples = 0;
    const int64_t before = rt_data_bad_rows(data);
    struct rt_loader *loader = open_loader(data, &(struct rt_loader_options){ .split = RT_TRAIN });
    struct rt_error err = { 0 };
    rt_status status = RT_OK;
    data->opt.max_bad_rows = 100;
    for (int i = 0; i < 2 * MICROS && status == RT_OK; i++) {
        const struct rt_batch *b = NULL;
        status = rt_batch_next(loader, &b, NULL, &err);
        if (status != RT_OK)
            break;
        const struct rt_pass *pass = rt_loader_pass(loader);
        for (int64_t k = 0; k < pass->rows; k++) {
            const int64_t raw = data->store.raw[pass->row[k]];
            bool has = false;
            for (int p = 0; p < made_pictures_of((int)raw); p++)
                has |= made_picture_of((int)raw, p) == 4;
            wrong += pass->dropped[k] != has;
            dropped += pass->dropped[k];
        }
        samples += (int)b->samples;
        wrong += b->micros != 1;
    }
    ok(status == RT_OK && dropped > 0 && wrong == 0 && samples + dropped == 2 * GOOD,
       "a picture cut off after the scan: %d rows left out in two epochs, %d wrong %s", dropped, wrong,
       err.text);
    ok(noted.count * 2 == dropped && rt_data_bad_rows(data) - before == noted.count,
       "each is noted and counted once: %s", noted.last);
    rt_loader_close(loader);
    rt_data_close(data);
    made_draw(made, 4);
    made->opt.max_bad_rows = 6; /* four are bad at the scan */
    data = open_data(made, dist);
    if (truncate(path, st.st_size / 2) != 0)
        ok(0, "cannot truncate %s", path);
    loader = open_loader(data, &(struct rt_loader_options){ .split = RT_TRAIN });
    for (int i = 0; i < 2 * MICROS && status == RT_OK; i++) {
        const struct rt_batch *b = NULL;
        status = rt_batch_next(loader, &b, NULL, &err);
        if (status == RT_OK && rt_data_late_news(data))
            status = rt_data_late_share(data, dist, &err);
    }
    ok(status == RT_ERR_DATA && rt_data_bad_rows(data) == 7 && strstr(err.text, "max_bad_rows: 6") != NULL,
       "one more than max_bad_rows: %s", err.text);
    rt_loader_close(loader);
    rt_data_close(data);
    made_draw(made, 4);
    made->opt.max_bad_rows = 0.2;
}

static void evaluation(struct made *made, struct rt_dist *dist)
{
    static const char *eval[] = { "eval" };
    made->opt.eval_dataset = eval;
    made->opt.eval_datasets = 1;
    struct rt_data *data = open_data(made, dist);
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
    made->opt.val_size = 0.25;
    data = open_data(made, dist);
    int64_t train[ROWS], eval_rows[ROWS], trains, evals, kept = 0, wrong = 0;
    rt_plan_split(ROWS, 0.25, 42, train, &trains, eval_rows, &evals, NULL);
    for (int64_t i = 0; i < evals; i++)
        if (made_good((int)eval_rows[i]))
            wrong += data->store.raw[data->split[RT_EVAL].row[kept++]] != eval_rows[i];
    ok(kept == rt_data_rows(data, RT_EVAL) && wrong == 0 && kept + rt_data_rows(data, RT_TRAIN) == GOOD,
       "val_size 0.25 of 40 rows: %lld drawn before the bad ones go, %lld left", (long long)evals,
       (long long)kept);
    rt_data_close(data);
    made->opt.val_size = 0;
}

static void sizes(struct rt_data *data)
{
    ok(rt_data_rows(data, RT_TRAIN) == GOOD && rt_data_bad_rows(data) == 4, "36 good rows, 4 bad ones");
    ok(rt_data_micros_per_epoch(data, RT_TRAIN) == MICROS && rt_data_steps_per_epoch(data, 1) == 6,
       "18 micro-batches, 6 steps");
    ok(rt_data_pixel_lut(data)[255] > 1.9f && rt_data_pixel_lut(data)[256] < -1.7f,
       "the table of pixel values");
    int64_t all = 0, parts = 0, want = 0, real = 0, real_parts = 0, want_real = 0;
    struct rt_error err;
    rt_status st = rt_data_fed_tokens(data, 1, 0, MICROS, &all, &real, &err);
    st = st == RT_OK ? rt_data_fed_tokens(data, 1, 0, 5, &parts, &real_parts, &err) : st;
    st = st == RT_OK ? rt_data_fed_tokens(data, 1, 5, MICROS, &parts, &real_parts, &err) : st;
    struct rt_loader *loader = open_loader(data, &(struct rt_loader_options){ .split = RT_TRAIN, .epoch = 1 });
    for (int i = 0; i < MICROS; i++) {
        const struct rt_batch *b = NULL;
        if (rt_batch_next(loader, &b, NULL, &err) != RT_OK)
            break;
        int64_t width = b->max_length;
        if (b->pictures == 0 && b->offsets[1] + 6 > width) /* the white picture: two marks and 2 x 2 tokens */
            width = b->offsets[1] + 6;
        want += b->samples * ((width + 7) / 8 * 8);
        want_real += b->tokens;
    }
    rt_loader_close(loader);
    ok(st == RT_OK && all == want && parts == all, "padded tokens of an epoch: %lld, wanted %lld",
       (long long)all, (long long)want);
    ok(real == want_real && real_parts == real, "without padding: %lld, wanted %lld", (long long)real,
       (long long)want_real);
}

static void refuse(struct made *made, struct rt_dist *dist, rt_status code, const char *word)
{
    struct rt_data *data = NULL;
    struct rt_error err = { 0 };
    const rt_status st = rt_data_open(&data, &made->opt, dist, NULL, &err);
    ok(st == code && data == NULL && strstr(err.text, word) != NULL, "refused: %s", err.text);
    rt_data_close(data);
}

static void refusals(struct made *made, struct rt_dist *dist)
{
    static const char *broken[] = { "broken" }, *train[] = { "train" };
    const struct rt_data_options kept = made->opt;
    made->opt.template_name = "llama3";
    refuse(made, dist, RT_ERR_JOB, "template: \"llama3\"");
    made->opt.template_name = "qwen2_vl";
    made->opt.max_bad_rows = 3;
    refuse(made, dist, RT_ERR_DATA, "4 of 40 rows");
    char path[400], line[1024] = "", wanted[700];
    snprintf(path, sizeof path, "%s/bad_rows.jsonl", made->out);
    FILE *file = fopen(path, "r");
    int lines = 0;
    for (char text[1024]; file != NULL && fgets(text, sizeof text, file) != NULL; lines++)
        if (lines == 1)
            memcpy(line, text, sizeof line);
    if (file != NULL)
        fclose(file);
    snprintf(wanted, sizeof wanted, "{\"file\": \"%s/train.json\", \"row\": 18, \"line\": 19, \"reason\": \"",
             made->data);
    ok(lines == 4 && strncmp(line, wanted, strlen(wanted)) == 0, "the second of %d in bad_rows.jsonl: %.*s",
       lines, (int)strcspn(line, "\n"), line);
    made->opt.max_bad_rows = 1e9;
    made->opt.dataset = broken;
    refuse(made, dist, RT_ERR_DATA, "none of the 1 rows for training");
    made->opt.dataset = train;
    made->opt.datasets = 0;
    refuse(made, dist, RT_ERR_JOB, "dataset:");
    made->opt.datasets = 1;
    made->opt.max_bad_rows = 0.2;
    made->opt.val_size = 40;
    refuse(made, dist, RT_ERR_JOB, "val_size:");
    made->opt.val_size = 0;
    made->opt.model_name_or_path = made->data;
    refuse(made, dist, RT_ERR_FILE, "tokenizer.json");
    made->opt = kept;
    made->opt.dataloader_drop_last = true;
    made->opt.per_device_train_batch_size = 100;
    struct rt_data *data = open_data(made, dist);
    struct rt_loader *loader = NULL;
    struct rt_error err = { 0 };
    ok(rt_loader_open(&loader, data, &(struct rt_loader_options){ .size = 1 }, &err) == RT_ERR_DATA &&
           loader == NULL,
       "a batch that never fills: %s", err.text);
    ok(rt_loader_open(&loader, data, &(struct rt_loader_options){ .size = 2, .rank = 2 }, &err) ==
           RT_ERR_INTERNAL,
       "rank 2 of 2: %s", err.text);
    rt_data_close(data);
    made->opt = kept;
}

int main(int argc, char **argv)
{
    struct rt_error err = { 0 };
    struct rt_dist *dist;
    struct made made;
    if (rt_dist_open(&dist, &argc, &argv, &err) != RT_OK) {
        ok(0, "MPI: %s", err.text);
        return tap_done();
    }
    made_open(&made, ROWS);
    struct rt_data *data = open_data(&made, dist);
    sizes(data);
    contents(&made, data);
    merging(data);
    closing(data);
    bounds(&made, data);
    cache_without_room(data);
    changed(&made, data);
    kept_features(&made, data);
    rt_data_close(data);
    order_and_threads(&made, dist);
    truncated(&made, dist);
    evaluation(&made, dist);
    refusals(&made, dist);
    made_close(&made);
    rt_dist_close(dist);
    return tap_done();
}
