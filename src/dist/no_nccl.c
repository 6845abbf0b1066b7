/* no_nccl.c - stands in for NCCL in a build without it: does not load. */
#include "config.h"
#include "dist/reduce_nccl.h"

static rt_status absent(struct rt_error *err)
{
    return rt_fail(err, RT_ERR_DEVICE, "this build of ranktune has no NCCL; build it with --with-nccl=DIR");
}

rt_status rt_nccl_load(struct rt_nccl **nccl, struct rt_error *err)
{
    (void)nccl;
    return absent(err);
}

rt_status rt_nccl_start(struct rt_nccl *nccl, struct rt_dist *dist, struct rt_error *err)
{
    (void)nccl, (void)dist;
    return absent(err);
}

rt_status rt_nccl_ready(struct rt_nccl *nccl, struct rt_error *err)
{
    (void)nccl;
    return absent(err);
}

const char *rt_nccl_version(const struct rt_nccl *nccl)
{
    (void)nccl;
    return "none";
}

rt_status rt_nccl_sum_f32(struct rt_nccl *nccl, float *x, int64_t n, struct rt_error *err)
{
    (void)nccl, (void)x, (void)n;
    return absent(err);
}

rt_status rt_nccl_bcast(struct rt_nccl *nccl, const struct rt_dist_spread *part, int n, struct rt_error *err)
{
    (void)nccl, (void)part, (void)n;
    return absent(err);
}

rt_status rt_nccl_swap(struct rt_nccl *nccl, int peer, const void *out, void *in, size_t bytes,
                       struct rt_error *err)
{
    (void)nccl, (void)peer, (void)out, (void)in, (void)bytes;
    return absent(err);
}

rt_status rt_nccl_error(struct rt_nccl *nccl, const char *what, struct rt_error *err)
{
    (void)nccl, (void)what, (void)err;
    return RT_OK;
}

void rt_nccl_close(struct rt_nccl *nccl)
{
    (void)nccl;
}

void rt_nccl_abort(struct rt_nccl *nccl)
{
    (void)nccl;
}
