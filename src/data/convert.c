/* convert.c - a row's text to turns and pictures: what the three layouts share; contract in row.h. */
#include "config.h"
#include "data/row.h"

#include <string.h>

static rt_status fail_kind(const struct rt_dataset_info *info, enum rt_column column, const struct rt_json *v,
                           const char *want, struct rt_error *err)
{
    return rt_fail(err, RT_ERR_DATA, "column \"%.200s\" is %s; write %s", info->column[column].p,
                   rt_json_kind(v), want);
}

const struct rt_json *rt_column(const struct rt_dataset_info *info, const struct rt_json *object,
                                enum rt_column column)
{
    if (info->column[column].p == NULL)
        return NULL;
    const struct rt_json *v = rt_json_get(object, info->column[column]);
    if (v == NULL || v->type == RT_JSON_NULL ||
        (v->type == RT_JSON_NUMBER && rt_str_is(v->text, RT_STR("NaN"))))
        return NULL;
    return v;
}

rt_status rt_column_text(const struct rt_dataset_info *info, const struct rt_json *object,
                         enum rt_column column, struct rt_str *text, struct rt_error *err)
{
    const struct rt_json *v = rt_column(info, object, column);
    if (v != NULL && v->type != RT_JSON_STRING)
        return fail_kind(info, column, v, "a text", err);
    *text = v != NULL ? v->text : RT_STR("");
    return RT_OK;
}

rt_status rt_turns_take(struct rt_row *row, struct rt_pool *pool, int64_t n, struct rt_error *err)
{
    row->turn = rt_pool_take(pool, (size_t)n * sizeof *row->turn);
    row->turns = 0;
    return row->turn != NULL ? RT_OK : rt_fail(err, RT_ERR_MEMORY, "no memory for %lld turns", (long long)n);
}

/* The list of messages. Fails when there is none, it is empty, or a message is no object. */
static rt_status take_messages(const struct rt_dataset_info *info, const struct rt_json *object,
                               const struct rt_json **messages, struct rt_error *err)
{
    const struct rt_json *v = rt_column(info, object, RT_COL_MESSAGES);
    if (v == NULL || v->type != RT_JSON_ARRAY)
        return fail_kind(info, RT_COL_MESSAGES, v, "a list of messages", err);
    if (v->count == 0)
        return rt_fail(err, RT_ERR_DATA, "column \"%.200s\" has no messages", info->column[RT_COL_MESSAGES].p);
    int64_t number = 1;
    for (const struct rt_json *m = v->first; m != NULL; m = m->next, number++)
        if (m->type != RT_JSON_OBJECT)
            return rt_fail(err, RT_ERR_DATA, "message %lld is %s; write an object", (long long)number,
                           rt_json_kind(m));
    *messages = v;
    return RT_OK;
}

struct rt_str rt_message_role(const struct rt_dataset_info *info, const struct rt_json *message)
{
    const struct rt_json *v = rt_json_get(message, info->tag[RT_TAG_ROLE]);
    return v != NULL && v->type == RT_JSON_STRING ? v->text : (struct rt_str){ NULL, 0 };
}

const struct rt_json *rt_message_content(const struct rt_dataset_info *info, const struct rt_json *message)
{
    const struct rt_json *v = rt_json_get(message, info->tag[RT_TAG_CONTENT]);
    return v != NULL && v->type != RT_JSON_NULL ? v : NULL;
}

rt_status rt_message_text(const struct rt_dataset_info *info, const struct rt_json *message, int64_t number,
                          struct rt_str *text, struct rt_error *err)
{
    const struct rt_json *v = rt_message_content(info, message);
    if (v == NULL || v->type != RT_JSON_STRING)
        return rt_fail(err, RT_ERR_DATA, "message %lld: \"%.200s\" is %s; write a text", (long long)number,
                       info->tag[RT_TAG_CONTENT].p, rt_json_kind(v));
    *text = v->text;
    return RT_OK;
}

bool rt_is_tag(const struct rt_dataset_info *info, struct rt_str role, enum rt_tag tag)
{
    const struct rt_str t = info->tag[tag];
    return role.p == NULL || t.p == NULL ? role.p == t.p : rt_str_is(role, t);
}

bool rt_role_of(const struct rt_dataset_info *info, struct rt_str role, enum rt_role *result)
{
    static const struct {
        enum rt_tag tag;
        enum rt_role role;
    } map[] = {
        { RT_TAG_SYSTEM, RT_SYSTEM },
        { RT_TAG_FUNCTION, RT_FUNCTION },
        { RT_TAG_OBSERVATION, RT_OBSERVATION },
        { RT_TAG_ASSISTANT, RT_ASSISTANT },
        { RT_TAG_USER, RT_USER },
    };
    for (size_t i = 0; i < sizeof map / sizeof *map; i++) {
        if (rt_is_tag(info, role, map[i].tag)) {
            *result = map[i].role;
            return true;
        }
    }
    return false;
}

/* If the first message is the system's: its text, and *first is moved behind it; else the system column's. */
static rt_status take_system(const struct rt_dataset_info *info, const struct rt_json *object,
                             const struct rt_json **first, struct rt_str *system, struct rt_error *err)
{
    const struct rt_json *m = *first;
    const struct rt_str tag = info->tag[RT_TAG_SYSTEM];
    if (tag.n == 0 || m == NULL || !rt_is_tag(info, rt_message_role(info, m), RT_TAG_SYSTEM))
        return rt_column_text(info, object, RT_COL_SYSTEM, system, err);
    const struct rt_json *v = rt_message_content(info, m);
    if (v != NULL && v->type != RT_JSON_STRING)
        return rt_fail(err, RT_ERR_DATA, "the system message's content is %s; write a text", rt_json_kind(v));
    *system = v != NULL ? v->text : RT_STR("");
    *first = m->next;
    return RT_OK;
}

rt_status rt_messages_begin(struct rt_row *row, struct rt_pool *pool, const struct rt_dataset_info *info,
                            const struct rt_json *object, const struct rt_json **first, int64_t *number,
                            struct rt_error *err)
{
    const struct rt_json *messages = NULL;
    RT_TRY(take_messages(info, object, &messages, err));
    *first = messages->first;
    RT_TRY(take_system(info, object, first, &row->system, err));
    *number = *first == messages->first ? 1 : 2;
    return rt_turns_take(row, pool, messages->count, err);
}

rt_status rt_turns_check(const struct rt_row *row, struct rt_error *err)
{
    for (int64_t i = 0; i < row->turns; i++) {
        const enum rt_role role = row->turn[i].role;
        const bool asks = role == RT_USER || role == RT_OBSERVATION;
        if (role == RT_SYSTEM)
            return rt_fail(err, RT_ERR_DATA, "turn %lld is the system's, which may stand first only",
                           (long long)i + 1);
        if (asks != (i % 2 == 0))
            return rt_fail(err, RT_ERR_DATA,
                           "turn %lld has the wrong role: user (or tool result) and assistant (or tool "
                           "call) take turns, and the user begins",
                           (long long)i + 1);
    }
    if (row->turns == 0 || row->turns % 2 != 0)
        return rt_fail(err, RT_ERR_DATA,
                       "%lld turns; there must be an answer to each question, so an even number of them",
                       (long long)row->turns);
    return RT_OK;
}

/* A text, a list of texts, or nothing. */
static rt_status convert_pictures(struct rt_row *row, struct rt_pool *pool, const struct rt_dataset_info *info,
                                  const struct rt_json *object, struct rt_error *err)
{
    const struct rt_json *v = rt_column(info, object, RT_COL_IMAGES);
    row->pictures = 0;
    if (v == NULL || (v->type == RT_JSON_ARRAY && v->count == 0))
        return RT_OK;
    const int64_t n = v->type == RT_JSON_ARRAY ? v->count : 1;
    row->picture = rt_pool_take(pool, (size_t)n * sizeof *row->picture);
    if (row->picture == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for %lld pictures", (long long)n);
    for (const struct rt_json *p = v->type == RT_JSON_ARRAY ? v->first : v; row->pictures < n; p = p->next) {
        if (p->type != RT_JSON_STRING)
            return fail_kind(info, RT_COL_IMAGES, p, "a path, or a list of paths", err);
        if (memchr(p->text.p, '\0', p->text.n) != NULL)
            return rt_fail(err, RT_ERR_DATA, "picture %lld: a path with a NUL byte",
                           (long long)row->pictures + 1);
        row->picture[row->pictures++] = p->text;
    }
    return RT_OK;
}

static rt_status refuse_media(const struct rt_dataset_info *info, const struct rt_json *object,
                              enum rt_column column, const char *what, struct rt_error *err)
{
    const struct rt_json *v = rt_column(info, object, column);
    if (v == NULL || (v->type == RT_JSON_ARRAY && v->count == 0))
        return RT_OK;
    return rt_fail(err, RT_ERR_DATA, "column \"%.200s\": %s are not supported yet", info->column[column].p,
                   what);
}

rt_status rt_row_convert(struct rt_row *row, struct rt_pool *pool, const struct rt_dataset_info *info,
                         struct rt_str text, struct rt_error *err)
{
    static rt_convert_fn *const layouts[] = { rt_convert_alpaca, rt_convert_sharegpt, rt_convert_openai };
    struct rt_json *object;
    RT_TRY(rt_json_parse(pool, text, true, &object, err));
    if (object->type != RT_JSON_OBJECT)
        return rt_fail(err, RT_ERR_DATA, "the row is %s; write an object", rt_json_kind(object));
    const struct rt_json *kto = rt_column(info, object, RT_COL_KTO_TAG);
    if (kto != NULL && (kto->type == RT_JSON_TRUE || kto->type == RT_JSON_FALSE))
        return rt_fail(err, RT_ERR_DATA, "column \"%.200s\" marks a row for stage: kto; sft does not use it",
                       info->column[RT_COL_KTO_TAG].p);
    RT_TRY(refuse_media(info, object, RT_COL_VIDEOS, "videos", err));
    RT_TRY(refuse_media(info, object, RT_COL_AUDIOS, "audios", err));
    *row = (struct rt_row){ 0 };
    RT_TRY(layouts[info->formatting](row, pool, info, object, err));
    return convert_pictures(row, pool, info, object, err);
}
