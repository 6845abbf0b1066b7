/* convert_sharegpt.c - rows with a list of messages, each with a role and a text; contract in row.h. */
#include "config.h"
#include "data/row.h"

rt_status rt_convert_sharegpt(struct rt_row *row, struct rt_pool *pool, const struct rt_dataset_info *info,
                              const struct rt_json *object, struct rt_error *err)
{
    const struct rt_json *m;
    int64_t number;
    RT_TRY(rt_messages_begin(row, pool, info, object, &m, &number, err));
    for (; m != NULL; m = m->next, number++) {
        const struct rt_str role = rt_message_role(info, m);
        struct rt_turn *turn = &row->turn[row->turns];
        /* which tags may stand here is asked before what they mean: two roles may share a tag */
        const bool asks = row->turns % 2 == 0;
        if (role.p == NULL || !(rt_is_tag(info, role, asks ? RT_TAG_USER : RT_TAG_ASSISTANT) ||
                                rt_is_tag(info, role, asks ? RT_TAG_OBSERVATION : RT_TAG_FUNCTION)))
            return rt_fail(err, RT_ERR_DATA,
                           "message %lld: \"%.200s\" is \"%.*s\"; write %s here: user and assistant take "
                           "turns, and the user begins",
                           (long long)number, info->tag[RT_TAG_ROLE].p, role.n < 200 ? (int)role.n : 200,
                           role.p != NULL ? role.p : "",
                           asks ? info->tag[RT_TAG_USER].p : info->tag[RT_TAG_ASSISTANT].p);
        RT_TRY(rt_message_text(info, m, number, &turn->text, err));
        if (!rt_role_of(info, role, &turn->role))
            return rt_fail(err, RT_ERR_INTERNAL, "a role that is a tag is no tag");
        row->turns++;
    }
    RT_TRY(rt_column_text(info, object, RT_COL_TOOLS, &row->tools, err));
    /* a text that is mapped to the system by a shared tag is refused by its role */
    for (int64_t i = 0; i < row->turns; i++)
        if (row->turn[i].role == RT_SYSTEM)
            return rt_fail(err, RT_ERR_DATA, "turn %lld is the system's, which may stand first only",
                           (long long)i + 1);
    if (row->turns == 0 || row->turns % 2 != 0)
        return rt_fail(err, RT_ERR_DATA,
                       "%lld messages without the system's; there must be an answer to each question, "
                       "so an even number of them",
                       (long long)row->turns);
    return RT_OK;
}
