/* store.c - encoded rows: packed where they were scanned, joined over ranks, pictures numbered. */
#include "config.h"
#include "data/store.h"

#include "data/rows.h"
#include "dist/dist.h"

#include <stdlib.h>
#include <string.h>

/* How a row travels; bad: length is -1, reason_bytes counts the reason with its NUL. */
struct row_record {
    int32_t entries, length, learned, pictures;
    int64_t reason_bytes, cut;
};

struct picture_record {
    int32_t width, height, tokens, path_bytes; /* with its NUL */
};

rt_status rt_store_add(struct rt_store_part *part, const struct rt_sample *sample, int32_t image_id,
                       struct rt_error *err)
{
    int64_t length = 0, images = 0;
    for (int32_t i = 0; i < sample->count; i++)
        images += sample->ids[i] == image_id;
    for (int32_t i = 0; i < sample->pictures; i++)
        length += sample->picture[i].tokens;
    if (images != sample->pictures || length + sample->count - images != sample->length || sample->count < 1)
        return rt_fail(err, RT_ERR_INTERNAL,
                       "a row of %d entries with %lld image tokens says %d pictures, %d tokens", sample->count,
                       (long long)images, sample->pictures, sample->length);
    const struct row_record row = { sample->count, sample->length, sample->learned, sample->pictures, 0,
                                    sample->cut };
    rt_bytes_add(&part->rows, &row, sizeof row);
    rt_bytes_add(&part->ids, sample->ids, (size_t)sample->count * sizeof *sample->ids);
    rt_bytes_add(&part->learn, sample->learn, (size_t)sample->count);
    for (int32_t i = 0; i < sample->pictures; i++) {
        const struct rt_sample_picture *p = &sample->picture[i];
        const size_t bytes = strlen(p->path) + 1;
        const struct picture_record picture = { p->width, p->height, p->tokens, (int32_t)bytes };
        rt_bytes_add(&part->pictures, &picture, sizeof picture);
        rt_bytes_add(&part->paths, p->path, bytes);
    }
    return RT_OK;
}

void rt_store_add_bad(struct rt_store_part *part, const char *reason)
{
    const struct row_record row = { 0, -1, 0, 0, (int64_t)strlen(reason) + 1, 0 };
    rt_bytes_add(&part->rows, &row, sizeof row);
    rt_bytes_add(&part->reasons, reason, (size_t)row.reason_bytes);
}

static void list(struct rt_store_part *part, struct rt_bytes *all[6])
{
    struct rt_bytes *six[] = { &part->rows,     &part->ids,   &part->learn,
                               &part->pictures, &part->paths, &part->reasons };
    memcpy(all, six, sizeof six);
}

rt_status rt_store_part_append(struct rt_store_part *part, struct rt_store_part *more, struct rt_error *err)
{
    struct rt_bytes *to[6], *from[6];
    int failed = 0;
    list(part, to);
    list(more, from);
    for (int i = 0; i < 6; i++) {
        rt_bytes_add(to[i], from[i]->data, from[i]->count);
        failed |= to[i]->failed | from[i]->failed;
        rt_bytes_free(from[i]);
    }
    return failed ? rt_fail(err, RT_ERR_MEMORY, "no memory for the encoded rows; write a smaller max_samples")
                  : RT_OK;
}

void rt_store_part_free(struct rt_store_part *part)
{
    struct rt_bytes *all[6];
    list(part, all);
    for (int i = 0; i < 6; i++)
        rt_bytes_free(all[i]);
}

/* Number the different pictures: an open-addressing table over (path, width, height). */
static rt_status number_pictures(struct rt_store *store, const struct picture_record *record, int64_t records,
                                 struct rt_error *err)
{
    size_t room = 16;
    while (room < (size_t)records * 2)
        room *= 2;
    int32_t *table = malloc(room * sizeof *table);
    store->picture = malloc((size_t)(records > 0 ? records : 1) * sizeof *store->picture);
    store->picture_of = malloc((size_t)(records > 0 ? records : 1) * sizeof *store->picture_of);
    if (table == NULL || store->picture == NULL || store->picture_of == NULL || records > INT32_MAX) {
        free(table);
        return rt_fail(err, RT_ERR_MEMORY, "no memory to number %lld pictures", (long long)records);
    }
    for (size_t i = 0; i < room; i++)
        table[i] = -1;
    size_t path = 0;
    for (int64_t i = 0; i < records; i++) {
        const struct picture_record *r = &record[i];
        uint64_t hash = 0xcbf29ce484222325u ^ ((uint64_t)r->width << 32 | (uint32_t)r->height);
        for (const char *c = store->paths + path; *c != '\0'; c++)
            hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
        size_t slot = (size_t)(hash ^ hash >> 32) & (room - 1);
        for (; table[slot] >= 0; slot = (slot + 1) & (room - 1)) {
            const struct rt_store_picture *p = &store->picture[table[slot]];
            if (p->width == r->width && p->height == r->height &&
                strcmp(store->paths + p->path, store->paths + path) == 0)
                break;
        }
        if (table[slot] < 0) {
            table[slot] = store->pictures;
            store->picture[store->pictures++] =
                (struct rt_store_picture){ path, r->width, r->height, r->tokens };
        }
        store->picture_of[i] = table[slot];
        path += (size_t)r->path_bytes;
    }
    free(table);
    return RT_OK;
}

/* Offsets of good rows and the list of bad ones, from the records. */
static rt_status place_rows(struct rt_store *store, const struct row_record *record, int64_t records,
                            struct rt_error *err)
{
    for (int64_t i = 0; i < records; i++) {
        store->rows += record[i].length >= 0;
        store->bads += record[i].length < 0;
    }
    const size_t n = (size_t)store->rows + 1;
    store->raw = malloc(n * sizeof *store->raw);
    store->entry_at = malloc(n * sizeof *store->entry_at);
    store->picture_at = malloc(n * sizeof *store->picture_at);
    store->length = malloc(n * sizeof *store->length);
    store->learned = malloc(n * sizeof *store->learned);
    store->bad = malloc(((size_t)store->bads + 1) * sizeof *store->bad);
    if (store->raw == NULL || store->entry_at == NULL || store->picture_at == NULL || store->length == NULL ||
        store->learned == NULL || store->bad == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for %lld rows", (long long)records);
    int64_t row = 0, bad = 0, entry = 0, picture = 0, reason = 0;
    for (int64_t i = 0; i < records; i++) {
        if (record[i].length < 0) {
            store->bad[bad++] = (struct rt_store_bad){ i, (size_t)reason };
            reason += record[i].reason_bytes;
            continue;
        }
        store->raw[row] = i;
        store->cut_rows += record[i].cut > 0;
        store->cut_tokens += record[i].cut;
        store->entry_at[row] = entry;
        store->picture_at[row] = picture;
        store->length[row] = record[i].length;
        store->learned[row++] = record[i].learned;
        entry += record[i].entries;
        picture += record[i].pictures;
    }
    store->entry_at[row] = entry;
    store->picture_at[row] = picture;
    return RT_OK;
}

rt_status rt_store_join(struct rt_store *store, struct rt_store_part *part, struct rt_dist *dist,
                        struct rt_error *err)
{
    struct rt_bytes *mine[6];
    void *all[6] = { NULL };
    size_t bytes[6] = { 0 };
    rt_status st = RT_OK;
    list(part, mine);
    for (int i = 0; i < 6 && st == RT_OK; i++) {
        st = rt_dist_allgather(dist, mine[i]->data, mine[i]->count, &all[i], &bytes[i], NULL, err);
        rt_bytes_free(mine[i]);
    }
    *store = (struct rt_store){ .ids = all[1], .learn = all[2], .paths = all[4], .reasons = all[5] };
    if (st == RT_OK)
        st = place_rows(store, all[0], (int64_t)(bytes[0] / sizeof(struct row_record)), err);
    if (st == RT_OK)
        st = number_pictures(store, all[3], (int64_t)(bytes[3] / sizeof(struct picture_record)), err);
    free(all[0]);
    free(all[3]);
    rt_store_part_free(part);
    if (st != RT_OK)
        rt_store_free(store);
    return st;
}

void rt_store_free(struct rt_store *store)
{
    void *const all[] = { store->raw,     store->entry_at, store->ids,        store->learn,
                          store->length,  store->learned,  store->picture_at, store->picture_of,
                          store->picture, store->paths,    store->bad,        store->reasons };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    *store = (struct rt_store){ 0 };
}
