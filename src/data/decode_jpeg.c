/* decode_jpeg.c - JPEG: sizes by walking its markers, pixels by libjpeg-turbo; contract in decode.h.
 *
 * Pillow feeds libjpeg until it suspends at the end of the file: then missing scan lines are an error and a
 * missing EOI alone is not. Damage that libjpeg only warns of is borne. The same here. */
#include "config.h"
#include "data/decode.h"
#include "data/image_size.h"

#include <stdio.h> /* before jpeglib.h, which needs FILE */
#include <jpeglib.h>
#include <jerror.h>
#include <setjmp.h>
#include <string.h>

enum { MAX_SCANS = 500 }; /* a few kilobytes can ask for thousands of passes over a large picture */

static bool is_jpeg(const uint8_t *start, size_t bytes)
{
    return bytes >= 3 && start[0] == 0xff && start[1] == 0xd8 && start[2] == 0xff;
}

static rt_status decode_jpeg(struct rt_source *src, struct rt_pixels *px, struct rt_error *err);

/* ---- header ---- */

/* The next marker at or after *at, which moves behind it; -1 at the end of the file. */
static int next_marker(struct rt_source *src, uint64_t *at)
{
    size_t bytes;
    for (const uint8_t *run; (run = rt_source_run(src, *at, &bytes)) != NULL && bytes >= 2;) {
        const uint8_t *ff = memchr(run, 0xff, bytes - 1);
        if (ff == NULL) {
            *at += bytes - 1;
            continue;
        }
        *at += (uint64_t)(ff - run) + 1;
        if (ff[1] == 0 || ff[1] == 0xff)
            continue; /* stuffed or fill */
        *at += 1;
        return ff[1];
    }
    return -1;
}

static bool has_length(int marker)
{
    return marker != 0x01 && !(marker >= 0xd0 && marker <= 0xd9);
}

static bool is_frame(int marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/* Is there an EOI? Nearly always in the last two bytes; else the scans are walked. `at` is behind the first
 * SOS. */
static bool has_end(struct rt_source *src, uint64_t at)
{
    const uint8_t *tail = rt_source_at(src, src->size - 2, 2);
    if (tail != NULL && tail[0] == 0xff && tail[1] == 0xd9)
        return true;
    for (int marker; (marker = next_marker(src, &at)) >= 0;) {
        if (marker == 0xd9)
            return true;
        const uint8_t *length = has_length(marker) ? rt_source_at(src, at, 2) : NULL;
        at += length != NULL ? rt_be16(length) : 0;
    }
    return false;
}

/* A file without an end marker is decoded to see whether anything is missing; there are few. */
static rt_status check_whole(struct rt_source *src, struct rt_error *err)
{
    struct rt_source whole;
    struct rt_pixels px = { 0 };
    RT_TRY(rt_source_open(&whole, src->path, 1, err));
    const rt_status st = decode_jpeg(&whole, &px, err);
    rt_pixels_free(&px);
    rt_source_close(&whole);
    return st;
}

static rt_status frame_size(struct rt_source *src, uint64_t at, int64_t *width, int64_t *height,
                            struct rt_error *err)
{
    const uint8_t *frame = rt_source_at(src, at + 2, 6);
    if (frame == NULL)
        return rt_picture_broken(src, "JPEG", "the file ends in its header", err);
    if (frame[0] != 8)
        return rt_fail(err, RT_ERR_FILE, "%s: is a JPEG of %d bits a sample; write it with 8", src->path,
                       frame[0]);
    if (frame[5] != 1 && frame[5] != 3 && frame[5] != 4)
        return rt_fail(err, RT_ERR_FILE, "%s: is a JPEG of %d components; write it with 1, 3 or 4", src->path,
                       frame[5]);
    *height = rt_be16(frame + 1);
    *width = rt_be16(frame + 3);
    return RT_OK;
}

static rt_status size_jpeg(struct rt_source *src, int64_t *width, int64_t *height, struct rt_error *err)
{
    uint64_t at = 2;
    bool framed = false;
    for (int marker; (marker = next_marker(src, &at)) >= 0;) {
        if (!has_length(marker))
            continue;
        if (is_frame(marker)) {
            RT_TRY(frame_size(src, at, width, height, err));
            framed = true;
        }
        const uint8_t *length = rt_source_at(src, at, 2);
        if (length == NULL)
            break;
        at += rt_be16(length) < 2 ? 2 : rt_be16(length);
        if (marker != 0xda)
            continue;
        if (!framed)
            return rt_picture_broken(src, "JPEG", "it has no frame header", err);
        return src->data != NULL || has_end(src, at) ? RT_OK : check_whole(src, err);
    }
    return rt_picture_broken(src, "JPEG", "the file ends in its header", err);
}

/* ---- pixels ---- */

struct job {
    struct jpeg_decompress_struct c;
    struct jpeg_error_mgr error;
    struct jpeg_source_mgr input;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    char text[JMSG_LENGTH_MAX];
};

static void on_error(j_common_ptr c)
{
    struct job *job = c->client_data;
    c->err->format_message(c, job->text);
    longjmp(job->jump, 1);
}

static void on_message(j_common_ptr c)
{
    (void)c;
}

static void on_progress(j_common_ptr c)
{
    struct job *job = c->client_data;
    if (job->c.input_scan_number <= MAX_SCANS)
        return;
    snprintf(job->text, sizeof job->text, "it has more than %d scans", MAX_SCANS);
    longjmp(job->jump, 1);
}

static void input_start(j_decompress_ptr c)
{
    (void)c;
}

static boolean input_more(j_decompress_ptr c)
{
    (void)c;
    return FALSE; /* suspends: there is no more */
}

static void input_skip(j_decompress_ptr c, long bytes)
{
    const size_t n = bytes < 0 ? 0 : (size_t)bytes;
    const size_t skipped = n < c->src->bytes_in_buffer ? n : c->src->bytes_in_buffer;
    c->src->next_input_byte += skipped;
    c->src->bytes_in_buffer -= skipped;
}

/* jpeg_create_decompress keeps c.err and c.client_data, and clears the rest of c. */
static void job_setup(struct job *job, const struct rt_source *src)
{
    memset(job, 0, sizeof *job);
    job->c.err = jpeg_std_error(&job->error);
    job->c.client_data = job;
    job->error.error_exit = on_error;
    job->error.output_message = on_message;
    job->input.init_source = job->input.term_source = input_start;
    job->input.fill_input_buffer = input_more;
    job->input.skip_input_data = input_skip;
    job->input.resync_to_restart = jpeg_resync_to_restart;
    job->input.next_input_byte = src->data;
    job->input.bytes_in_buffer = (size_t)src->size;
    job->progress.progress_monitor = on_progress;
}

/* Sets the output colours as Pillow asks for them: grey, RGB, or CMYK. */
static enum rt_pixel_mode choose_mode(struct jpeg_decompress_struct *c)
{
    if (c->num_components == 1) {
        c->out_color_space = JCS_GRAYSCALE;
        return RT_PIXELS_L;
    }
    c->out_color_space = c->num_components == 3 ? JCS_RGB : JCS_CMYK;
    return c->num_components == 3 ? RT_PIXELS_RGB : RT_PIXELS_CMYK;
}

/* Pillow takes every CMYK file to be inverted, as Adobe writes them. */
static void invert(struct rt_pixels *px)
{
    const size_t bytes = (size_t)px->width * (size_t)px->height * 4;
    for (size_t i = 0; i < bytes; i++)
        px->data[i] = (uint8_t)~px->data[i];
}

/* False when the data end too early. */
static bool read_rows(struct job *job, struct rt_pixels *px)
{
    struct jpeg_decompress_struct *c = &job->c;
    const size_t row = (size_t)px->width * (size_t)rt_pixels_bytes(px->mode);
    if (!jpeg_start_decompress(c))
        return false;
    while (c->output_scanline < c->output_height) {
        JSAMPROW line = px->data + (size_t)c->output_scanline * row;
        if (jpeg_read_scanlines(c, &line, 1) != 1)
            return false;
    }
    return true;
}

/* The place that libjpeg's errors jump back to. */
static rt_status read_guarded(struct job *job, struct rt_source *src, struct rt_pixels *px,
                              struct rt_error *err)
{
    if (setjmp(job->jump))
        return rt_picture_broken(src, "JPEG", job->text, err);
    jpeg_create_decompress(&job->c);
    job->c.src = &job->input;
    job->c.progress = &job->progress;
    int got;
    do
        got = jpeg_read_header(&job->c, FALSE);
    while (got == JPEG_HEADER_TABLES_ONLY);
    if (got != JPEG_HEADER_OK || !rt_image_size_ok(job->c.image_width, job->c.image_height))
        return rt_picture_broken(src, "JPEG", "the file ends in its header", err);
    const enum rt_pixel_mode mode = choose_mode(&job->c);
    RT_TRY(rt_pixels_alloc(px, mode, (int32_t)job->c.image_width, (int32_t)job->c.image_height, err));
    return read_rows(job, px) ? RT_OK : rt_picture_broken(src, "JPEG", "the file is truncated", err);
}

static rt_status decode_jpeg(struct rt_source *src, struct rt_pixels *px, struct rt_error *err)
{
    struct job job;
    job_setup(&job, src);
    const rt_status st = read_guarded(&job, src, px, err);
    jpeg_destroy_decompress(&job.c);
    if (st != RT_OK)
        rt_pixels_free(px);
    else if (px->mode == RT_PIXELS_CMYK)
        invert(px);
    return st;
}

const struct rt_picture_format rt_format_jpeg = { "JPEG", is_jpeg, size_jpeg, decode_jpeg };
