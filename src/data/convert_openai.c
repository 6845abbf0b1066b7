/*
 * convert_openai.c - rows as OpenAI's chat interface has them: tool_calls, tool results one message each.
 *
 * Two habits of the reference are kept because its numbers depend on them: a system text without tools gets
 * "detailed thinking off", and one with tools a newline.
 */
#include "config.h"
#include "data/row.h"

static const char between_results[] = "\n</tool_response>\n<tool_response>\n";
#define THINKING_ON RT_STR("detailed thinking on")
#define THINKING_OFF RT_STR("detailed thinking off")

/* The calls' "function" objects as a JSON list. */
static rt_status calls_text(struct rt_pool *pool, const struct rt_json *calls, int64_t number,
                            struct rt_str *text, struct rt_error *err)
{
    struct rt_buf out = { .pool = pool };
    if (calls->type != RT_JSON_ARRAY)
        return rt_fail(err, RT_ERR_DATA, "message %lld: tool_calls is %s; write a list", (long long)number,
                       rt_json_kind(calls));
    rt_buf_add(&out, "[", 1);
    for (const struct rt_json *c = calls->first; c != NULL; c = c->next) {
        const struct rt_json *function = rt_json_get(c, RT_STR("function"));
        if (function == NULL)
            return rt_fail(err, RT_ERR_DATA, "message %lld: a tool call without \"function\"",
                           (long long)number);
        RT_TRY(rt_json_dump(&out, function, err));
        rt_buf_add(&out, ", ", c->next != NULL ? 2 : 0);
    }
    rt_buf_add(&out, "]", 1);
    return rt_buf_end(&out, text, err);
}

/* As Python sees it: null, false, 0, "", [] and {} are no calls. */
static bool has_calls(const struct rt_json *calls)
{
    return calls != NULL && (calls->count > 0 || calls->text.n > 0 || calls->type == RT_JSON_TRUE);
}

/* Tool results that were waiting become one turn. */
static rt_status flush_results(struct rt_row *row, struct rt_buf *results, int64_t *waiting,
                               struct rt_error *err)
{
    if (*waiting == 0)
        return RT_OK;
    struct rt_turn *turn = &row->turn[row->turns++];
    turn->role = RT_OBSERVATION;
    RT_TRY(rt_buf_end(results, &turn->text, err));
    *results = (struct rt_buf){ .pool = results->pool };
    *waiting = 0;
    return RT_OK;
}

static rt_status read_turns(struct rt_row *row, struct rt_pool *pool, const struct rt_dataset_info *info,
                            const struct rt_json *m, int64_t number, struct rt_error *err)
{
    struct rt_buf results = { .pool = pool };
    int64_t waiting = 0;
    for (; m != NULL; m = m->next, number++) {
        struct rt_str role = rt_message_role(info, m), text;
        const struct rt_json *calls = rt_json_get(m, RT_STR("tool_calls"));
        const bool answers = rt_is_tag(info, role, RT_TAG_ASSISTANT) || rt_is_tag(info, role, RT_TAG_FUNCTION);
        if (answers && has_calls(calls)) {
            RT_TRY(calls_text(pool, calls, number, &text, err));
            role = info->tag[RT_TAG_FUNCTION];
        } else {
            RT_TRY(rt_message_text(info, m, number, &text, err));
        }
        if (rt_is_tag(info, role, RT_TAG_OBSERVATION)) {
            rt_buf_add(&results, between_results, waiting > 0 ? sizeof between_results - 1 : 0);
            rt_buf_str(&results, text);
            waiting++;
            continue;
        }
        RT_TRY(flush_results(row, &results, &waiting, err));
        struct rt_turn *turn = &row->turn[row->turns++];
        turn->text = text;
        if (!rt_role_of(info, role, &turn->role))
            return rt_fail(err, RT_ERR_DATA, "message %lld: \"%.200s\" is \"%.*s\", which is none of the tags",
                           (long long)number, info->tag[RT_TAG_ROLE].p, role.n < 200 ? (int)role.n : 200,
                           role.p != NULL ? role.p : "");
    }
    return RT_OK; /* results at the very end are left out, as by the reference: nothing answers them */
}

/* A JSON text, or a list or object of the row itself. */
static rt_status read_tools(struct rt_row *row, struct rt_pool *pool, const struct rt_dataset_info *info,
                            const struct rt_json *object, struct rt_error *err)
{
    const struct rt_json *v = rt_column(info, object, RT_COL_TOOLS);
    if (v == NULL || (v->type != RT_JSON_ARRAY && v->type != RT_JSON_OBJECT))
        return rt_column_text(info, object, RT_COL_TOOLS, &row->tools, err);
    struct rt_buf out = { .pool = pool };
    RT_TRY(rt_json_dump(&out, v, err));
    return rt_buf_end(&out, &row->tools, err);
}

static rt_status thinking(struct rt_row *row, struct rt_pool *pool, struct rt_error *err)
{
    struct rt_buf out = { .pool = pool };
    if (row->system.n == 0 && row->tools.n > 0)
        return RT_OK;
    if (row->tools.n == 0 &&
        (rt_str_find(row->system, THINKING_ON, 0) != NULL || rt_str_find(row->system, THINKING_OFF, 0) != NULL))
        return RT_OK;
    rt_buf_str(&out, row->system);
    rt_buf_add(&out, "\n", row->system.n > 0 ? 1 : 0);
    if (row->tools.n == 0)
        rt_buf_str(&out, THINKING_OFF);
    return rt_buf_end(&out, &row->system, err);
}

rt_status rt_convert_openai(struct rt_row *row, struct rt_pool *pool, const struct rt_dataset_info *info,
                            const struct rt_json *object, struct rt_error *err)
{
    const struct rt_json *m;
    int64_t number;
    RT_TRY(rt_messages_begin(row, pool, info, object, &m, &number, err));
    RT_TRY(read_turns(row, pool, info, m, number, err));
    RT_TRY(rt_turns_check(row, err));
    RT_TRY(read_tools(row, pool, info, object, err));
    return thinking(row, pool, err);
}
