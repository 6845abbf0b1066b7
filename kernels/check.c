/* check.c - shape checks shared by the backends. */
#include "config.h"
#include "kernels/check.h"
#include "kernels/ops.h"

#include <inttypes.h>

rt_status rt_check_shape(struct rt_exec *ex, const char *op, int64_t rows, int64_t cols)
{
    if (rows < 0 || cols < 1 || rows > INT64_MAX / 8 / cols)
        return rt_fail(ex->err, RT_ERR_INTERNAL, "%s: a tensor of %" PRId64 " rows and %" PRId64 " columns", op,
                       rows, cols);
    return RT_OK;
}

rt_status rt_check_ld(struct rt_exec *ex, const char *op, const char *what, int64_t ld, int64_t cols)
{
    if (ld < cols)
        return rt_fail(ex->err, RT_ERR_INTERNAL, "%s: rows of %s are %" PRId64 " apart and %" PRId64 " long",
                       op, what, ld, cols);
    return RT_OK;
}

rt_status rt_check(struct rt_exec *ex, const char *op, int holds, const char *what)
{
    return holds ? RT_OK : rt_fail(ex->err, RT_ERR_INTERNAL, "%s: %s", op, what);
}

rt_status rt_check_low(struct rt_exec *ex, const char *op, const struct rt_low *low, int64_t cols)
{
    if (low == NULL || low->rank == 0)
        return RT_OK;
    RT_TRY(rt_check(ex, op, low->rank > 0, "the rank of what is added is below 0"));
    RT_TRY(rt_check_ld(ex, op, "u", low->ldu, low->rank));
    return rt_check_ld(ex, op, "a", low->lda, cols);
}

enum { MAX_D = 1024 }; /* of the contract */

rt_status rt_check_attention(struct rt_exec *ex, const char *op, const struct rt_attention *at,
                             const int64_t *ld_q, int n_q, const int64_t *ld_kv, int n_kv)
{
    RT_TRY(rt_check(ex, op, at->heads >= 1 && at->kv_heads >= 1 && at->heads % at->kv_heads == 0,
                    "the query heads are no multiple of the key heads"));
    RT_TRY(rt_check(ex, op, at->d >= 1 && at->d <= MAX_D, "the head size is not in 1 .. 1024"));
    RT_TRY(rt_check_shape(ex, op, at->heads, at->d));
    RT_TRY(rt_check_shape(ex, op, at->rows, at->heads * at->d));
    for (int i = 0; i < n_q; i++)
        RT_TRY(rt_check_ld(ex, op, "a query side tensor", ld_q[i], at->heads * at->d));
    for (int i = 0; i < n_kv; i++)
        RT_TRY(rt_check_ld(ex, op, "a key side tensor", ld_kv[i], at->kv_heads * at->d));
    if (at->rows == 0)
        return RT_OK;
    const int32_t *cu = at->host_cu;
    RT_TRY(rt_check(ex, op, at->segments >= 1 && cu[0] == 0 && cu[at->segments] == at->rows,
                    "the segments do not cover the rows"));
    for (int64_t s = 0; s < at->segments; s++)
        RT_TRY(rt_check(ex, op, cu[s] <= cu[s + 1] && cu[s + 1] - cu[s] <= at->max_length,
                        "a segment is longer than max_length or ends before it starts"));
    return RT_OK;
}
