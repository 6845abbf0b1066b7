/* pictures.c - a row's pictures: as many as placeholders, where their files are, their sizes; contract in
 * row.h. */
#include "config.h"
#include "data/files.h"
#include "data/row.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static long long count_word(const struct rt_row *row, struct rt_str word)
{
    size_t n = 0;
    for (int64_t i = 0; i < row->turns; i++)
        n += rt_str_count(row->turn[i].text, word);
    return (long long)n;
}

rt_status rt_row_check_media(const struct rt_rows *rows, const struct rt_row *row, struct rt_error *err)
{
    const long long images = count_word(row, rows->image_word);
    const long long videos = count_word(row, rows->video_word), audios = count_word(row, rows->audio_word);
    if (images != (long long)row->pictures)
        return rt_fail(err, RT_ERR_DATA, "the turns have %lld %s but the row has %lld pictures", images,
                       rows->image_word.p, (long long)row->pictures);
    if (videos != 0)
        return rt_fail(err, RT_ERR_DATA, "the turns have %lld %s but the row has no videos", videos,
                       rows->video_word.p);
    if (audios != 0)
        return rt_fail(err, RT_ERR_DATA, "the turns have %lld %s but the row has no audios", audios,
                       rows->audio_word.p);
    return RT_OK;
}

/* In media_dir if it is a file there, else the name as it is, relative to where the program runs. */
static char *find(const struct rt_rows *rows, const char *name, bool *in_media_dir)
{
    struct stat info;
    char *path = rt_data_join(rows->media_dir, name);
    *in_media_dir = path != NULL && stat(path, &info) == 0 && S_ISREG(info.st_mode);
    if (path == NULL || *in_media_dir)
        return path;
    free(path);
    return strdup(name);
}

static rt_status measure(const struct rt_image_rules *rules, struct rt_sample_picture *p, struct rt_error *err)
{
    const int32_t side = rules->patch * rules->merge;
    int32_t width, height;
    RT_TRY(rt_image_header(p->path, &width, &height, err));
    RT_TRY(rt_image_model_size(rules, width, height, &p->width, &p->height, err));
    p->tokens = (p->width / side) * (p->height / side);
    return RT_OK;
}

rt_status rt_row_find_pictures(const struct rt_rows *rows, const struct rt_row *row,
                               const struct rt_image_rules *rules, struct rt_sample *sample,
                               struct rt_error *err)
{
    struct rt_pool pool = { 0 };
    rt_status st = RT_OK;
    if (row->pictures > INT32_MAX)
        return rt_fail(err, RT_ERR_DATA, "%lld pictures", (long long)row->pictures);
    sample->picture = calloc((size_t)row->pictures + 1, sizeof *sample->picture);
    if (sample->picture == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for %lld pictures", (long long)row->pictures);
    for (int64_t i = 0; i < row->pictures && st == RT_OK; i++) {
        struct rt_sample_picture *p = &sample->picture[i];
        struct rt_buf name = { .pool = &pool };
        struct rt_str ended;
        struct rt_error why = { .text = "" };
        bool in_media_dir = false;
        rt_buf_str(&name, row->picture[i]);
        RT_TRY_TO(st, rt_buf_end(&name, &ended, err), free_pool);
        p->path = find(rows, ended.p, &in_media_dir);
        if (p->path == NULL) {
            st = rt_fail(err, RT_ERR_MEMORY, "no memory for a path");
            break;
        }
        sample->pictures++;
        st = measure(rules, p, &why);
        if (st == RT_ERR_FILE || st == RT_ERR_DATA)
            st = rt_fail(err, RT_ERR_DATA, "picture %lld: %.1500s%s%.400s", (long long)i + 1, why.text,
                         in_media_dir ? "" : "; there is none of that name in media_dir ",
                         in_media_dir ? "" : rows->media_dir);
        else if (st != RT_OK)
            rt_fail(err, st, "%s", why.text);
    }
free_pool:
    rt_pool_free(&pool);
    return st;
}
