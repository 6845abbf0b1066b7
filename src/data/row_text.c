/* row_text.c - an encoded row as lines for people: what the model sees, what it learns, its pictures. */
#include "config.h"
#include "data/row.h"

#include <stdlib.h>
#include <string.h>

/* Lines begin with "learn | " where the model is to say the text, else with "      | ". */
struct lines {
    struct rt_buf text;
    bool open; /* the last line has no newline yet */
    bool learn;
};

static void add_piece(struct lines *out, const char *piece, size_t n, bool learn)
{
    if (out->open && out->learn != learn) {
        rt_buf_add(&out->text, "\n", 1);
        out->open = false;
    }
    out->learn = learn;
    for (size_t from = 0; from < n;) {
        const char *nl = memchr(piece + from, '\n', n - from);
        const size_t to = nl != NULL ? (size_t)(nl - piece) + 1 : n;
        if (!out->open)
            rt_buf_add(&out->text, learn ? "learn | " : "      | ", 8);
        rt_buf_add(&out->text, piece + from, to - from);
        out->open = nl == NULL;
        from = to;
    }
}

static rt_status add_tokens(struct lines *out, const struct rt_encoder *encoder, const struct rt_sample *sample,
                            int32_t from, int32_t to, struct rt_error *err)
{
    char *text;
    if (from == to)
        return RT_OK;
    RT_TRY(rt_tokenizer_decode(encoder->tok, sample->ids + from, to - from, false, &text, err));
    add_piece(out, text, strlen(text), sample->learn[from]);
    free(text);
    return RT_OK;
}

static void add_picture(struct lines *out, const struct rt_sample_picture *p, bool learn)
{
    struct rt_buf note = { .pool = out->text.pool };
    rt_buf_add(&note, "[", 1);
    rt_buf_add(&note, p->path, strlen(p->path));
    rt_buf_format(&note, ": %d x %d pixels, %d tokens]", (int)p->width, (int)p->height, (int)p->tokens);
    out->text.failed |= note.failed;
    if (!note.failed)
        add_piece(out, note.data, note.bytes, learn);
}

static rt_status write_sample(struct lines *out, const struct rt_encoder *encoder,
                              const struct rt_sample *sample, struct rt_error *err)
{
    int32_t from = 0, picture = 0;
    for (int32_t i = 0; i < sample->count; i++) {
        const bool is_picture = sample->ids[i] == encoder->image_id;
        if (!is_picture && sample->learn[i] == sample->learn[from])
            continue;
        RT_TRY(add_tokens(out, encoder, sample, from, i, err));
        from = i;
        if (is_picture) {
            add_picture(out, &sample->picture[picture++], sample->learn[i]);
            from = i + 1;
        }
    }
    return add_tokens(out, encoder, sample, from, sample->count, err);
}

rt_status rt_row_text(const struct rt_rows *rows, int64_t i, const struct rt_encoder *encoder, char **text,
                      struct rt_error *err)
{
    struct rt_pool pool = { 0 };
    struct lines out = { .text = { .pool = &pool } };
    struct rt_sample sample = { 0 };
    struct rt_str end;
    char where[1024], *copy = NULL;
    RT_TRY(rt_row_encode(rows, i, encoder, &sample, err));
    rt_rows_where(rows, i, where, sizeof where);
    rt_buf_add(&out.text, where, strlen(where));
    rt_buf_format(&out.text, ": %d tokens, %d learned, %d pictures\n", (int)sample.length, (int)sample.learned,
                  (int)sample.pictures);
    rt_status st = write_sample(&out, encoder, &sample, err);
    if (out.open)
        rt_buf_add(&out.text, "\n", 1);
    if (st == RT_OK)
        st = rt_buf_end(&out.text, &end, err);
    if (st == RT_OK) {
        copy = malloc(end.n + 1);
        st = copy != NULL ? RT_OK : rt_fail(err, RT_ERR_MEMORY, "no memory for a row's text");
    }
    if (st == RT_OK) {
        memcpy(copy, end.p, end.n + 1);
        *text = copy;
    }
    rt_pool_free(&pool);
    rt_sample_free(&sample);
    return st;
}
