/* image_size.c - the arithmetic of a picture's sizes: LLaMA-Factory's limits and the processor's smart_resize;
 * contracts in image_size.h and image.h. Source: Qwen2VLPlugin._preprocess_image, transformers' smart_resize.
 */
#include "config.h"
#include "data/image_size.h"

#include <math.h>

bool rt_image_size_ok(int64_t width, int64_t height)
{
    return width >= 1 && height >= 1 && width <= 65500 && height <= 65500 && width * height <= (int64_t)1 << 28;
}

/* What may come out of a resize: a long picture is made 180 times as long as high, so a side may pass 65,500.
 */
static rt_status check_new(const struct rt_size *from, double width, double height, struct rt_error *err)
{
    if (width >= 1 && height >= 1 && width < 1 << 28 && height < 1 << 28 && width * height <= 1 << 28)
        return RT_OK;
    return rt_fail(
        err, RT_ERR_DATA,
        "a picture of %d x %d pixels would become %.0f x %.0f; change image_max_pixels or image_min_pixels, "
        "or leave it out",
        from->width, from->height, width, height);
}

/* Both sides times sqrt(area / pixels), truncated. */
static rt_status scale_to(struct rt_size *now, int64_t area, struct rt_error *err)
{
    const double factor = sqrt((double)area / (double)((int64_t)now->width * now->height));
    const double width = trunc(now->width * factor), height = trunc(now->height * factor);
    RT_TRY(check_new(now, width, height, err));
    *now = (struct rt_size){ (int32_t)width, (int32_t)height };
    return RT_OK;
}

/* smart_resize: multiples of `factor` nearest to the sides (half to even) within the processor's areas. */
static rt_status model_size(struct rt_size *now, const struct rt_image_rules *rules, struct rt_error *err)
{
    const double w = now->width, h = now->height, factor = (double)rules->patch * rules->merge;
    const double most = (double)rules->max_pixels, least = (double)rules->min_pixels;
    if (fmax(w, h) / fmin(w, h) > 200)
        return rt_fail(err, RT_ERR_DATA,
                       "a picture of %.0f x %.0f pixels is over 200 times as long as wide; leave it out "
                       "or cut it",
                       w, h);
    double width = nearbyint(w / factor) * factor, height = nearbyint(h / factor) * factor;
    if (width * height > most) {
        const double beta = sqrt(h * w / most);
        height = fmax(factor, floor(h / beta / factor) * factor);
        width = fmax(factor, floor(w / beta / factor) * factor);
    } else if (width * height < least) {
        const double beta = sqrt(least / (h * w));
        height = ceil(h * beta / factor) * factor;
        width = ceil(w * beta / factor) * factor;
    }
    RT_TRY(check_new(now, width, height, err));
    *now = (struct rt_size){ (int32_t)width, (int32_t)height };
    return RT_OK;
}

rt_status rt_image_sizes(struct rt_image_sizes *sizes, const struct rt_image_rules *rules, int32_t width,
                         int32_t height, struct rt_error *err)
{
    struct rt_size now = { width, height };
    *sizes = (struct rt_image_sizes){ 0 };
    if (width < 1 || height < 1)
        return rt_fail(err, RT_ERR_DATA, "a picture of %d x %d pixels has none", width, height);
    if ((int64_t)now.width * now.height > rules->image_max_pixels) {
        RT_TRY(scale_to(&now, rules->image_max_pixels, err));
        sizes->own[sizes->owns++] = now;
    }
    if ((int64_t)now.width * now.height < rules->image_min_pixels) {
        RT_TRY(scale_to(&now, rules->image_min_pixels, err));
        sizes->own[sizes->owns++] = now;
    }
    if (now.width < 28 || now.height < 28) {
        now = (struct rt_size){ now.width < 28 ? 28 : now.width, now.height < 28 ? 28 : now.height };
        sizes->rgb[sizes->rgbs++] = now;
    }
    if ((double)now.width / now.height > 200) {
        RT_TRY(check_new(&now, now.height * 180.0, now.height, err));
        now.width = now.height * 180;
        sizes->rgb[sizes->rgbs++] = now;
    }
    if ((double)now.height / now.width > 200) {
        RT_TRY(check_new(&now, now.width, now.width * 180.0, err));
        now.height = now.width * 180;
        sizes->rgb[sizes->rgbs++] = now;
    }
    RT_TRY(model_size(&now, rules, err));
    sizes->model = now;
    return RT_OK;
}

rt_status rt_image_model_size(const struct rt_image_rules *rules, int32_t width, int32_t height,
                              int32_t *model_width, int32_t *model_height, struct rt_error *err)
{
    struct rt_image_sizes sizes;
    RT_TRY(rt_image_sizes(&sizes, rules, width, height, err));
    *model_width = sizes.model.width;
    *model_height = sizes.model.height;
    return RT_OK;
}
