/* tools.c - tool lists and tool calls as Qwen2.5 was taught them; contract in template.h. */
#include "config.h"
#include "data/template.h"

#include <string.h>

static void add_literal(struct rt_buf *out, const char *literal)
{
    rt_buf_add(out, literal, strlen(literal));
}

static rt_status parse(struct rt_pool *pool, struct rt_str text, const char *what, struct rt_json **value,
                       struct rt_error *err)
{
    struct rt_error why;
    const rt_status st = rt_json_parse(pool, text, false, value, &why);
    return st == RT_OK ? RT_OK : rt_fail(err, st, "%s: this is no JSON: %s", what, why.text);
}

static const char preamble_head[] =
    "\n\n# Tools\n\n"
    "You may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n"
    "<tools>";
static const char preamble_tail[] =
    "\n</tools>\n\n"
    "For each function call, return a json object with function name and arguments within "
    "<tool_call></tool_call> XML "
    "tags:\n"
    "<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>";

rt_status rt_tools_preamble(struct rt_buf *out, struct rt_str tools, struct rt_error *err)
{
    struct rt_json *list;
    RT_TRY(parse(out->pool, tools, "tools", &list, err));
    const bool empty_text = list->type == RT_JSON_STRING && list->text.n == 0;
    if (list->type != RT_JSON_ARRAY && list->type != RT_JSON_OBJECT && !empty_text)
        return rt_fail(err, RT_ERR_DATA, "tools: this is %s; write a list of objects", rt_json_kind(list));
    if (list->count == 0)
        return RT_OK;
    add_literal(out, preamble_head);
    for (const struct rt_json *tool = list->first; tool != NULL; tool = tool->next) {
        if (list->type != RT_JSON_ARRAY || tool->type != RT_JSON_OBJECT)
            return rt_fail(err, RT_ERR_DATA, "tools: write a list of objects, one for each tool");
        const struct rt_json *type = rt_json_get(tool, RT_STR("type"));
        const bool wrapped =
            type != NULL && type->type == RT_JSON_STRING && rt_str_is(type->text, RT_STR("function"));
        add_literal(out, wrapped ? "\n" : "\n{\"type\": \"function\", \"function\": ");
        RT_TRY(rt_json_dump(out, tool, err));
        add_literal(out, wrapped ? "" : "}");
    }
    add_literal(out, preamble_tail);
    return RT_OK;
}

/* What stands between `open` and the next `close` behind it, and the whole of it with both; false if there is
 * none. */
static bool between(struct rt_str text, struct rt_str open, struct rt_str close, struct rt_str *inner,
                    struct rt_str *whole)
{
    const char *from = rt_str_find(text, open, 0);
    const char *to = from == NULL ? NULL : rt_str_find(text, close, (size_t)(from - text.p) + open.n);
    if (to == NULL)
        return false;
    *inner = (struct rt_str){ from + open.n, (size_t)(to - from) - open.n };
    *whole = (struct rt_str){ from, (size_t)(to - from) + close.n };
    return true;
}

/* text without any copy of `what`. */
static rt_status without(struct rt_str *rest, struct rt_pool *pool, struct rt_str text, struct rt_str what,
                         struct rt_error *err)
{
    struct rt_buf out = { .pool = pool };
    size_t from = 0;
    for (const char *at = rt_str_find(text, what, 0); at != NULL; at = rt_str_find(text, what, from)) {
        rt_buf_add(&out, text.p + from, (size_t)(at - text.p) - from);
        from = (size_t)(at - text.p) + what.n;
    }
    rt_buf_add(&out, text.p + from, text.n - from);
    return rt_buf_end(&out, rest, err);
}

static rt_status add_call(struct rt_buf *out, const struct rt_json *call, struct rt_error *err)
{
    const struct rt_json *name = rt_json_get(call, RT_STR("name")),
                         *args = rt_json_get(call, RT_STR("arguments"));
    if (name == NULL || args == NULL)
        return rt_fail(err, RT_ERR_DATA, "a tool call has to be a JSON object with name and arguments");
    add_literal(out, "<tool_call>\n{\"name\": ");
    RT_TRY(rt_json_dump(out, name, err));
    add_literal(out, ", \"arguments\": ");
    RT_TRY(rt_json_dump(out, args, err));
    add_literal(out, "}\n</tool_call>");
    return RT_OK;
}

/* The JSON stands between <tool_call> tags with text around it that is kept in front, or fills the turn but for
 * a thought, which is kept in front too. */
rt_status rt_tools_calls(struct rt_buf *out, struct rt_str content, struct rt_error *err)
{
    struct rt_str json = content, front = RT_STR(""), whole;
    if (between(content, RT_STR("<tool_call>"), RT_STR("</tool_call>"), &json, &whole)) {
        RT_TRY(without(&front, out->pool, content, whole, err));
    } else if (between(content, RT_STR("<think>\n"), RT_STR("\n</think>\n\n"), &json, &whole)) {
        front = whole;
        RT_TRY(without(&json, out->pool, content, whole, err));
    }
    struct rt_json *calls;
    RT_TRY(parse(out->pool, json, "tool call", &calls, err));
    rt_buf_str(out, front);
    if (calls->type != RT_JSON_ARRAY)
        return add_call(out, calls, err);
    for (const struct rt_json *call = calls->first; call != NULL; call = call->next) {
        RT_TRY(add_call(out, call, err));
        rt_buf_add(out, "\n", call->next != NULL ? 1 : 0);
    }
    return RT_OK;
}
