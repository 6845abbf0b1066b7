/* check.c - shape checks shared by the backends. */
#include "config.h"
#include "kernels/check.h"

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
