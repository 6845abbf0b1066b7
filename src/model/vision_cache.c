/*
 * vision_cache.c - the features of pictures on their way into the cache.
 *
 * A copy to the host is begun behind each picture's forward; nobody waits for it until the whole pass has been
 * asked for, so that a GPU has work while the host writes.
 */
#include "config.h"
#include "model/state.h"

#include <stdlib.h>

size_t rt_model_feature_bytes(const struct rt_model *m)
{
    return m->vision.learns ? 0 : (size_t)m->vision.fc2.out * m->ex->act_bytes;
}

void rt_model_pictures(const struct rt_model *m, int64_t *tower, int64_t *kept)
{
    *tower = m->vision.learns ? m->pictures : m->parts;
    *kept = m->pictures - *tower;
}

rt_status rt_model_keep_features(struct rt_model *m, struct rt_cache *cache)
{
    struct rt_vision_saved *k = &m->saved;
    const int64_t cells = m->config.vision.merge * m->config.vision.merge;
    rt_exec_unpin(m->ex, k->staging);
    free(k->waiting);
    *k = (struct rt_vision_saved){ 0 };
    if (cache == NULL || m->vision.learns || m->limits.patches == 0)
        return RT_OK;
    void *staging = NULL;
    RT_TRY(rt_exec_pin(m->ex, &staging, (size_t)(m->limits.patches / cells) * rt_model_feature_bytes(m)));
    k->staging = staging;
    k->waiting = calloc((size_t)m->limits.pictures + 1, sizeof *k->waiting);
    if (k->waiting == NULL)
        return rt_fail(m->ex->err, RT_ERR_MEMORY, "out of host memory for keeping picture features");
    k->cache = cache;
    return RT_OK;
}

rt_status rt_vision_save(struct rt_model *m, const struct rt_vision_part *part)
{
    struct rt_vision_saved *k = &m->saved;
    const int64_t cells = m->config.vision.merge * m->config.vision.merge;
    const size_t bytes = (size_t)(part->patches / cells) * rt_model_feature_bytes(m);
    if (k->cache == NULL || part->file.size == 0 || rt_cache_has(k->cache, part->number))
        return RT_OK;
    const rt_act *features = rt_at(m->ex, m->vision_acts.features, part->feature * m->vision.fc2.out);
    RT_TRY(rt_exec_get_begin(m->ex, k->staging + k->used_bytes, features, bytes));
    k->waiting[k->count++] = (struct rt_vision_waiting){ part->number, part->file, k->used_bytes, bytes };
    k->used_bytes += bytes;
    return RT_OK;
}

const void *rt_vision_saved_now(struct rt_model *m, const struct rt_picture *p)
{
    struct rt_vision_saved *k = &m->saved;
    const int64_t cells = m->config.vision.merge * m->config.vision.merge;
    const size_t bytes = (size_t)(p->grid_h * p->grid_w / cells) * rt_model_feature_bytes(m);
    if (k->cache == NULL || p->file.size == 0 || !rt_cache_has(k->cache, p->number))
        return NULL;
    return rt_cache_get(k->cache, p->number, &p->file, k->staging, bytes) ? k->staging : NULL;
}

rt_status rt_vision_saved_flush(struct rt_model *m)
{
    struct rt_vision_saved *k = &m->saved;
    if (k->count == 0)
        return RT_OK;
    RT_TRY(rt_exec_get_end(m->ex));
    for (int64_t i = 0; i < k->count; i++) {
        const struct rt_vision_waiting *w = &k->waiting[i];
        rt_cache_put(k->cache, w->number, &w->file, k->staging + w->at, w->bytes);
    }
    k->count = 0;
    k->used_bytes = 0;
    return RT_OK;
}
