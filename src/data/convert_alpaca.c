/* convert_alpaca.c - rows of instruction, input, output and history; contract in row.h. */
#include "config.h"
#include "data/row.h"

/* A pair [question, answer] of the history. */
static rt_status add_pair(struct rt_row *row, const struct rt_json *pair, struct rt_error *err)
{
    const long long number = (long long)row->turns / 2 + 1;
    if (pair->type != RT_JSON_ARRAY || pair->count != 2)
        return rt_fail(err, RT_ERR_DATA, "history entry %lld is no list of two texts, question and answer",
                       number);
    for (const struct rt_json *v = pair->first; v != NULL; v = v->next) {
        if (v->type != RT_JSON_STRING)
            return rt_fail(err, RT_ERR_DATA, "history entry %lld holds %s; write a text", number,
                           rt_json_kind(v));
        row->turn[row->turns] = (struct rt_turn){ row->turns % 2 == 0 ? RT_USER : RT_ASSISTANT, v->text };
        row->turns++;
    }
    return RT_OK;
}

/* Prompt and query, whichever are not empty, joined by a newline. */
static rt_status question(struct rt_pool *pool, const struct rt_dataset_info *info,
                          const struct rt_json *object, struct rt_str *text, struct rt_error *err)
{
    struct rt_str prompt, query;
    RT_TRY(rt_column_text(info, object, RT_COL_PROMPT, &prompt, err));
    RT_TRY(rt_column_text(info, object, RT_COL_QUERY, &query, err));
    if (prompt.n == 0 || query.n == 0) {
        *text = prompt.n == 0 ? query : prompt;
        return RT_OK;
    }
    struct rt_buf joined = { .pool = pool };
    rt_buf_str(&joined, prompt);
    rt_buf_add(&joined, "\n", 1);
    rt_buf_str(&joined, query);
    return rt_buf_end(&joined, text, err);
}

rt_status rt_convert_alpaca(struct rt_row *row, struct rt_pool *pool, const struct rt_dataset_info *info,
                            const struct rt_json *object, struct rt_error *err)
{
    const struct rt_json *history = rt_column(info, object, RT_COL_HISTORY);
    const struct rt_json *answer = rt_column(info, object, RT_COL_RESPONSE);
    const bool pairs = history != NULL && history->type == RT_JSON_ARRAY; /* other kinds are no history */
    RT_TRY(rt_turns_take(row, pool, pairs ? 2 * history->count + 2 : 2, err));
    for (const struct rt_json *pair = pairs ? history->first : NULL; pair != NULL; pair = pair->next)
        RT_TRY(add_pair(row, pair, err));
    if (answer == NULL || answer->type != RT_JSON_STRING)
        return rt_fail(err, RT_ERR_DATA, "no answer: column \"%.200s\" is %s; write a text",
                       info->column[RT_COL_RESPONSE].p, rt_json_kind(answer));
    struct rt_str asked;
    RT_TRY(question(pool, info, object, &asked, err));
    row->turn[row->turns++] = (struct rt_turn){ RT_USER, asked };
    row->turn[row->turns++] = (struct rt_turn){ RT_ASSISTANT, answer->text };
    RT_TRY(rt_column_text(info, object, RT_COL_SYSTEM, &row->system, err));
    return rt_column_text(info, object, RT_COL_TOOLS, &row->tools, err);
}
