/* image.c - one picture from its file to the bytes that the model sees; contract in image.h. */
#include "config.h"
#include "data/image.h"
#include "data/decode.h"
#include "data/image_size.h"

#include <stdlib.h>

/* LLaMA-Factory's resizes, in place. */
static rt_status prepare(struct rt_pixels *px, const struct rt_image_sizes *sizes, struct rt_error *err)
{
    for (int i = 0; i < sizes->owns; i++)
        RT_TRY(rt_pixels_resize(px, sizes->own[i].width, sizes->own[i].height, err));
    RT_TRY(rt_pixels_to_rgb(px, err));
    for (int i = 0; i < sizes->rgbs; i++)
        RT_TRY(rt_pixels_resize(px, sizes->rgb[i].width, sizes->rgb[i].height, err));
    return RT_OK;
}

/* The processor's resize into memory of its own; px->data itself when the size is right already. */
static rt_status finish(uint8_t **rgb, struct rt_pixels *px, struct rt_size model, enum rt_resize kind,
                        struct rt_error *err)
{
    if (px->width == model.width && px->height == model.height) {
        *rgb = px->data;
        px->data = NULL;
        return RT_OK;
    }
    uint8_t *made = malloc((size_t)model.width * (size_t)model.height * 3);
    if (made == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for a picture of %d x %d pixels", model.width,
                       model.height);
    const rt_status st =
        rt_resize_bicubic(made, model.width, model.height, px->data, px->width, px->height, 3, kind, err);
    if (st != RT_OK) {
        free(made);
        return st;
    }
    *rgb = made;
    return RT_OK;
}

rt_status rt_image_load(const struct rt_image_rules *rules, const char *path, int32_t expect_width,
                        int32_t expect_height, uint8_t **rgb, struct rt_error *err)
{
    struct rt_source src;
    struct rt_pixels px = { 0 };
    struct rt_image_sizes sizes;
    const struct rt_picture_format *format;
    int32_t width, height;
    RT_TRY(rt_picture_open(&src, &format, path, 1, &width, &height, err));
    rt_status st = rt_image_sizes(&sizes, rules, width, height, err);
    if (st != RT_OK)
        rt_fail_in(err, "%s: ", path);
    else if (sizes.model.width != expect_width || sizes.model.height != expect_height)
        st = rt_fail(err, RT_ERR_DATA,
                     "%s: is now %d x %d pixels (%d x %d in the model, not %d x %d); the file changed "
                     "while the job ran",
                     path, width, height, sizes.model.width, sizes.model.height, expect_width, expect_height);
    if (st == RT_OK)
        st = format->decode(&src, &px, err);
    if (st == RT_OK && (px.width != width || px.height != height))
        st = rt_picture_broken(&src, format->name, "its header and its data differ in size", err);
    rt_source_close(&src);
    if (st == RT_OK)
        st = prepare(&px, &sizes, err);
    if (st == RT_OK)
        st = finish(rgb, &px, sizes.model, rules->torch_resize ? RT_RESIZE_TORCH : RT_RESIZE_PILLOW, err);
    rt_pixels_free(&px);
    return st;
}
