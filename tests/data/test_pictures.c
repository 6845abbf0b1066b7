/* test_pictures.c - pictures between their files and a batch: how long they are kept, and files that change or
 * break. */
#include "config.h"
#include "base/cache.h"
#include "data/loader_test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    const struct rt_notes notes = { .note = note };
    struct rt_data *data = open_data(made, dist, &notes);
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
}

/* The same with one bad row more than the job bears. */
static void one_too_many(struct made *made, struct rt_dist *dist)
{
    char path[400];
    struct stat st;
    struct rt_error err = { 0 };
    rt_status status = RT_OK;
    made->opt.max_bad_rows = 6; /* four are bad at the scan */
    struct rt_data *data = open_data(made, dist, NULL);
    made_picture_path(made, 4, path, sizeof path);
    if (stat(path, &st) != 0 || truncate(path, st.st_size / 2) != 0)
        ok(0, "cannot truncate %s", path);
    struct rt_loader *loader = open_loader(data, &(struct rt_loader_options){ .split = RT_TRAIN });
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

int main(int argc, char **argv)
{
    struct made made;
    struct rt_dist *dist = open_all(argc, argv, &made);
    struct rt_data *data = open_data(&made, dist, NULL);
    cache_without_room(data);
    changed(&made, data);
    kept_features(&made, data);
    rt_data_close(data);
    truncated(&made, dist);
    one_too_many(&made, dist);
    made_close(&made);
    rt_dist_close(dist);
    return tap_done();
}
