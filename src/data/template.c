/* template.c - the tags around each turn; contract in template.h. */
#include "config.h"
#include "data/template.h"

#include <stdio.h>
#include <string.h>

static void add_literal(struct rt_buf *out, const char *literal)
{
    rt_buf_add(out, literal, strlen(literal));
}

rt_status rt_template_system(struct rt_str *text, struct rt_pool *pool, const struct rt_row *row,
                             const char *default_system, struct rt_error *err)
{
    struct rt_buf out = { .pool = pool };
    struct rt_str system = row->system;
    if (system.n == 0) {
        const char *other = default_system != NULL ? default_system : "You are a helpful assistant.";
        system = (struct rt_str){ other, strlen(other) };
    }
    *text = RT_STR("");
    if (system.n == 0 && row->tools.n == 0)
        return RT_OK;
    add_literal(&out, "<|im_start|>system\n");
    rt_buf_str(&out, system);
    if (row->tools.n > 0)
        RT_TRY(rt_tools_preamble(&out, row->tools, err));
    add_literal(&out, "<|im_end|>\n");
    return rt_buf_end(&out, text, err);
}

/* Every placeholder becomes a picture's tokens. */
static rt_status show_pictures(struct rt_str *text, struct rt_pool *pool, struct rt_str word,
                               struct rt_error *err)
{
    struct rt_buf out = { .pool = pool };
    const char *at = rt_str_find(*text, word, 0);
    if (at == NULL)
        return RT_OK;
    size_t from = 0;
    for (; at != NULL; at = rt_str_find(*text, word, from)) {
        rt_buf_add(&out, text->p + from, (size_t)(at - text->p) - from);
        add_literal(&out, RT_VISION_TEXT);
        from = (size_t)(at - text->p) + word.n;
    }
    rt_buf_add(&out, text->p + from, text->n - from);
    return rt_buf_end(&out, text, err);
}

/* The reference fills {{idx}} into the finished user turn, so the first one a user typed becomes the turn's
 * number. */
static void add_user(struct rt_buf *out, struct rt_str text, int64_t i)
{
    const struct rt_str idx = RT_STR("{{idx}}");
    const char *at = rt_str_find(text, idx, 0);
    if (at == NULL) {
        rt_buf_str(out, text);
        return;
    }
    const size_t before = (size_t)(at - text.p), after = before + idx.n;
    rt_buf_add(out, text.p, before);
    rt_buf_format(out, "%lld", (long long)(i / 2));
    rt_buf_add(out, text.p + after, text.n - after);
}

rt_status rt_template_turn(struct rt_str *text, struct rt_pool *pool, const struct rt_row *row, int64_t i,
                           struct rt_str image_word, struct rt_error *err)
{
    struct rt_buf out = { .pool = pool };
    struct rt_str content = row->turn[i].text;
    RT_TRY(show_pictures(&content, pool, image_word, err));
    switch (row->turn[i].role) {
    case RT_USER:
        add_literal(&out, "<|im_start|>user\n");
        add_user(&out, content, i);
        add_literal(&out, "<|im_end|>\n<|im_start|>assistant\n");
        break;
    case RT_OBSERVATION:
        add_literal(&out, "<|im_start|>user\n<tool_response>\n");
        rt_buf_str(&out, content);
        add_literal(&out, "\n</tool_response><|im_end|>\n<|im_start|>assistant\n");
        break;
    case RT_ASSISTANT:
        rt_buf_str(&out, content);
        add_literal(&out, "<|im_end|>\n");
        break;
    case RT_FUNCTION:
        RT_TRY(rt_tools_calls(&out, content, err));
        add_literal(&out, "<|im_end|>\n");
        break;
    case RT_SYSTEM: return rt_fail(err, RT_ERR_INTERNAL, "a system turn behind the first");
    }
    return rt_buf_end(&out, text, err);
}
