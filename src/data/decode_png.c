/* decode_png.c - PNG: sizes by walking its chunks, pixels by libpng; contract in decode.h.
 *
 * Pillow ignores the checksums of the picture's data and does not need IEND; it reads grey of 16 bits as I;16,
 * other 16-bit samples by their high byte, and grey with alpha of 16 bits as RGBA. */
#include "config.h"
#include "data/decode.h"
#include "data/image_size.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };

static bool is_png(const uint8_t *start, size_t bytes)
{
    return bytes >= sizeof signature && memcmp(start, signature, sizeof signature) == 0;
}

/* The picture's data must be there; what follows them may be missing. `at` is the first chunk behind IHDR. */
static rt_status check_chunks(struct rt_source *src, uint64_t at, struct rt_error *err)
{
    const uint8_t *tail = src->size >= 12 ? rt_source_at(src, src->size - 12, 8) : NULL;
    if (tail != NULL && memcmp(tail, "\0\0\0\0IEND", 8) == 0)
        return RT_OK;
    bool data = false;
    for (const uint8_t *chunk; (chunk = rt_source_at(src, at, 8)) != NULL;) {
        const bool is_data = memcmp(chunk + 4, "IDAT", 4) == 0;
        if (data && !is_data)
            return RT_OK;
        data = is_data;
        at += 8 + (uint64_t)rt_be32(chunk);
        if (at > src->size)
            return rt_picture_broken(src, "PNG", "the file ends in a chunk, so it is truncated", err);
        at += 4;
    }
    return data ? RT_OK : rt_picture_broken(src, "PNG", "it has no IDAT chunk, so the file is truncated", err);
}

static rt_status size_png(struct rt_source *src, int64_t *width, int64_t *height, struct rt_error *err)
{
    const uint8_t *header = rt_source_at(src, 8, 25);
    if (header == NULL || memcmp(header + 4, "IHDR", 4) != 0 || rt_be32(header) < 13)
        return rt_picture_broken(src, "PNG", "the file ends in its header", err);
    *width = rt_be32(header + 8);
    *height = rt_be32(header + 12);
    return check_chunks(src, 8 + 12 + (uint64_t)rt_be32(header), err);
}

struct job {
    png_structp png;
    png_infop info;
    const uint8_t *data;
    size_t left;
    png_bytep *rows;
    png_uint_32 height;
    bool interlaced;
    jmp_buf jump;
    char text[128];
};

static void on_error(png_structp png, png_const_charp text)
{
    struct job *job = png_get_error_ptr(png);
    snprintf(job->text, sizeof job->text, "%s", text);
    longjmp(job->jump, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void on_read(png_structp png, png_bytep out, size_t bytes)
{
    struct job *job = png_get_io_ptr(png);
    if (bytes > job->left)
        png_error(png, "the file is truncated");
    memcpy(out, job->data, bytes);
    job->data += bytes;
    job->left -= bytes;
}

/* Are all rows done? Then libpng only looked for the end of the data, and errors there are of no account. */
static bool rows_done(const struct job *job)
{
    if (job->rows == NULL)
        return false;
    if (job->interlaced)
        return png_get_current_pass_number(job->png) >= 7;
    return png_get_current_row_number(job->png) >= job->height;
}

/* Chunks that do not change the pixels are not parsed at all. */
static void skip_chunks(png_structp png)
{
    static const char names[] =
        "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0tEXt\0"
        "tIME\0tRNS\0zTXt";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, (png_const_bytep)names, sizeof names / 5);
}

/* The transformations that give the bytes of Pillow's mode. */
static enum rt_pixel_mode choose_mode(png_structp png, png_infop info)
{
    const int depth = png_get_bit_depth(png, info);
    if (depth < 8)
        png_set_packing(png);
    switch (png_get_color_type(png, info)) {
    case PNG_COLOR_TYPE_GRAY:
        if (depth == 16) {
            png_set_swap(png);
            return RT_PIXELS_I16;
        }
        if (depth < 8)
            png_set_expand_gray_1_2_4_to_8(png);
        return depth == 1 ? RT_PIXELS_1 : RT_PIXELS_L;
    case PNG_COLOR_TYPE_PALETTE: return RT_PIXELS_P;
    case PNG_COLOR_TYPE_GRAY_ALPHA:
        if (depth == 8)
            return RT_PIXELS_LA;
        png_set_strip_16(png);
        png_set_gray_to_rgb(png);
        return RT_PIXELS_RGBA;
    case PNG_COLOR_TYPE_RGB: png_set_strip_16(png); return RT_PIXELS_RGB;
    default: png_set_strip_16(png); return RT_PIXELS_RGBA;
    }
}

static void read_palette(struct job *job, struct rt_pixels *px)
{
    png_colorp colour;
    int count = 0;
    if (png_get_PLTE(job->png, job->info, &colour, &count) == 0)
        return;
    for (int i = 0; i < count && i < 256; i++) {
        px->palette[i][0] = colour[i].red;
        px->palette[i][1] = colour[i].green;
        px->palette[i][2] = colour[i].blue;
    }
}

/* Errors of libpng's jump to job->jump. */
static rt_status read_picture(struct job *job, struct rt_source *src, struct rt_pixels *px,
                              struct rt_error *err)
{
    png_set_read_fn(job->png, job, on_read);
    png_set_benign_errors(job->png, 1);
    png_set_crc_action(job->png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
    png_set_option(job->png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
    skip_chunks(job->png);
    png_read_info(job->png, job->info);
    const png_uint_32 width = png_get_image_width(job->png, job->info);
    const png_uint_32 height = png_get_image_height(job->png, job->info);
    if (!rt_image_size_ok(width, height))
        return rt_picture_broken(src, "PNG", "its size is out of range", err);
    const enum rt_pixel_mode mode = choose_mode(job->png, job->info);
    job->interlaced = png_set_interlace_handling(job->png) > 1;
    job->height = height;
    png_read_update_info(job->png, job->info);
    RT_TRY(rt_pixels_alloc(px, mode, (int32_t)width, (int32_t)height, err));
    const size_t row = (size_t)width * (size_t)rt_pixels_bytes(mode);
    if (png_get_rowbytes(job->png, job->info) != row)
        return rt_picture_broken(src, "PNG", "its rows have an odd length", err);
    job->rows = malloc((size_t)height * sizeof *job->rows);
    if (job->rows == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory for %u rows", src->path, (unsigned)height);
    if (mode == RT_PIXELS_P)
        read_palette(job, px);
    for (png_uint_32 y = 0; y < height; y++)
        job->rows[y] = px->data + (size_t)y * row;
    png_read_image(job->png, job->rows);
    return RT_OK;
}

/* The place that libpng's errors jump back to. */
static rt_status read_guarded(struct job *job, struct rt_source *src, struct rt_pixels *px,
                              struct rt_error *err)
{
    if (setjmp(job->jump))
        return rows_done(job) ? RT_OK : rt_picture_broken(src, "PNG", job->text, err);
    job->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, job, on_error, on_warning);
    job->info = job->png != NULL ? png_create_info_struct(job->png) : NULL;
    if (job->info == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory for libpng", src->path);
    return read_picture(job, src, px, err);
}

static rt_status decode_png(struct rt_source *src, struct rt_pixels *px, struct rt_error *err)
{
    struct job job = { .data = src->data, .left = (size_t)src->size };
    const rt_status st = read_guarded(&job, src, px, err);
    png_destroy_read_struct(&job.png, &job.info, NULL);
    free(job.rows);
    if (st != RT_OK)
        rt_pixels_free(px);
    return st;
}

const struct rt_picture_format rt_format_png = { "PNG", is_png, size_png, decode_png };
