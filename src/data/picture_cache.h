/*
 * picture_cache.h - decoded pictures, shared by the loaders of a rank: each is decoded once while there is room
 * to keep it and its file stays as it is.
 *
 * Thread-safe. What a picture holds never depends on who decoded it or when, so neither do batches.
 */
#ifndef RT_DATA_PICTURE_CACHE_H
#define RT_DATA_PICTURE_CACHE_H

#include "base/file_id.h"
#include "base/status.h"
#include "data/image.h"
#include "data/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_pictures;

/* keep_bytes: pictures that nobody uses are kept while all that are held stay under it. store and rules outlive
 * it. Fails: RT_ERR_MEMORY. */
rt_status rt_pictures_open(struct rt_pictures **pictures, const struct rt_store *store,
                           const struct rt_image_rules *rules, size_t keep_bytes, struct rt_error *err);
/* Nobody may use a picture any more. */
void rt_pictures_close(struct rt_pictures *pictures);
/* Picture `number` of the store as bytes [height, width, 3], until it is put back. Decodes it, or waits for the
 * thread that does; one that is held is decoded again if its file has changed, but not while others use it.
 * *file (may be NULL): the file that these bytes surely come from, or one that is not known where it was
 * changed too recently to tell. Fails: RT_ERR_DATA with the reason when it is broken, the same each time;
 * RT_ERR_MEMORY. */
rt_status rt_pictures_take(struct rt_pictures *pictures, int32_t number, const uint8_t **rgb,
                           struct rt_file_id *file, struct rt_error *err);
void rt_pictures_put(struct rt_pictures *pictures, int32_t number);
/* Did decoding find it broken? why [bytes] then holds the reason. */
bool rt_pictures_broken(struct rt_pictures *pictures, int32_t number, char *why, size_t bytes);

/* Most bytes ever held, and how often a picture was decoded. */
void rt_pictures_tell(struct rt_pictures *pictures, size_t *peak_bytes, int64_t *decoded);
/* What a rank may keep by default: 1 GiB, or its share of an eighth of the memory that is available on this
 * host. */
size_t rt_pictures_room(int local_ranks);

#endif
