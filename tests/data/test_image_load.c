/* tests/data/test_image_load.c - pictures of every format and mode through rt_image_header and rt_image_load,
 * against what the reference makes of them (tests/golden/image/load.txt). Exact: the bytes' digest. */
#include "config.h"
#include "data/image.h"
#include "tap.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

struct row {
    char name[64], kind[8], start[13];
    int64_t most, least;
    int width, height, model_width, model_height;
    uint64_t digest;
};

static bool parse(struct row *r, const char *line)
{
    return sscanf(line, "%63s %7s %" SCNd64 " %" SCNd64 " %d %d %d %d %" SCNx64 " %12s", r->name, r->kind,
                  &r->most, &r->least, &r->width, &r->height, &r->model_width, &r->model_height, &r->digest,
                  r->start) == 10;
}

static bool can_read(const char *name)
{
#ifdef HAVE_TIFF
    (void)name;
    return true;
#else
    return strstr(name, ".tif") == NULL;
#endif
}

static void check_row(const struct row *r, const char *dir)
{
    static const char json[] = "{\"min_pixels\": 3136, \"max_pixels\": 12845056}";
    char path[4200];
    struct rt_image_rules rules;
    struct rt_error err = { 0 };
    int32_t w = 0, h = 0, mw = 0, mh = 0;
    uint8_t *rgb = NULL;
    uint64_t digest = 0;
    snprintf(path, sizeof path, "%s/%s", dir, r->name);
    rt_status st =
        rt_image_rules_read(&rules, json, strlen(json), strcmp(r->kind, "torch") == 0, r->most, r->least, &err);
    if (st == RT_OK)
        st = rt_image_header(path, &w, &h, &err);
    if (st == RT_OK)
        st = rt_image_model_size(&rules, w, h, &mw, &mh, &err);
    if (st == RT_OK)
        st = rt_image_load(&rules, path, r->model_width, r->model_height, &rgb, &err);
    if (st == RT_OK)
        digest = XXH3_64bits(rgb, (size_t)mw * (size_t)mh * 3);
    const bool sizes = w == r->width && h == r->height && mw == r->model_width && mh == r->model_height;
    ok(st == RT_OK && sizes && digest == r->digest,
       "%s %s %" PRId64 " %" PRId64 ": %d x %d is %d x %d, digest %016" PRIx64 " is %016" PRIx64 " (%s...) %s",
       r->name, r->kind, r->most, r->least, mw, mh, r->model_width, r->model_height, digest, r->digest,
       r->start, st == RT_OK ? "" : err.text);
    free(rgb);
}

int main(void)
{
    char dir[4096], path[4200], line[512];
    snprintf(dir, sizeof dir, "%s/tests/golden/image", getenv("RT_SRCDIR"));
    snprintf(path, sizeof path, "%s/load.txt", dir);
    FILE *f = fopen(path, "r");
    if (!ok(f != NULL, "%s opens", path))
        return tap_done();
    while (fgets(line, sizeof line, f) != NULL) {
        struct row r;
        if (!parse(&r, line))
            ok(0, "a line of load.txt is not understood: %s", line);
        else if (can_read(r.name))
            check_row(&r, dir);
        else
            skip("%s: built without libtiff", r.name);
    }
    fclose(f);
    return tap_done();
}
