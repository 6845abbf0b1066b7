/* no_cuda.c - stands in for the CUDA backend in a build without it: refuses to open. */
#include "config.h"
#include "kernels/backend.h"

static bool absent(int local_rank)
{
    (void)local_rank;
    return false;
}

static rt_status refuse(struct rt_exec *ex, int local_rank, int threads)
{
    (void)local_rank, (void)threads;
    return rt_fail(ex->err, RT_ERR_DEVICE,
                   "device: cuda: this build of ranktune has no CUDA; write device: cpu, or build it "
                   "with --with-cuda=DIR");
}

const struct rt_backend rt_cuda_backend = { .present = absent, .open = refuse };
