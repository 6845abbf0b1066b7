/* beside.c - what a CUDA exec has beside its operations: its GPU's names, pinned memory, marks, a stream for
 * sums. */
#include "config.h"
#include "dist/dist.h"
#include "kernels/cuda/backend.h"

#include <stdio.h>
#include <string.h>

rt_status rt_cuda_info(struct rt_exec *ex, struct rt_device_info *info)
{
    struct rt_cuda *cuda = rt_cuda_of(ex);
    struct cudaDeviceProp p;
    *info = (struct rt_device_info){ .visible = 0 };
    RT_TRY(RT_CUDA(ex, cudaGetDeviceProperties(&p, cuda->device)));
    RT_TRY(RT_CUDA(ex, cudaGetDeviceCount(&info->visible)));
    RT_TRY(RT_CUDA(ex, cudaDriverGetVersion(&info->driver)));
    RT_TRY(RT_CUDA(ex, cudaRuntimeGetVersion(&info->runtime)));
    RT_TRY(RT_CUDA(ex, cudaDeviceGetPCIBusId(info->bus, (int)sizeof info->bus, cuda->device)));
    snprintf(info->name, sizeof info->name, "%.95s", p.name);
    size_t at = (size_t)snprintf(info->uuid, sizeof info->uuid, "GPU");
    for (int i = 0; i < 16; i++) /* as nvidia-smi -L writes it */
        at += (size_t)snprintf(info->uuid + at, sizeof info->uuid - at, "%s%02x",
                               i == 0 || i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                               (unsigned char)p.uuid.bytes[i]);
    return RT_OK;
}

rt_status rt_cuda_pin(struct rt_exec *ex, void **host, size_t bytes)
{
    void *block = NULL;
    if (cudaMallocHost(&block, bytes == 0 ? 1 : bytes) != cudaSuccess) {
        cudaGetLastError();
        return rt_fail(ex->err, RT_ERR_MEMORY, "out of memory: %zu bytes of pinned host memory", bytes);
    }
    *host = block;
    return RT_OK;
}

void rt_cuda_unpin(struct rt_exec *ex, void *host)
{
    (void)ex;
    cudaFreeHost(host);
    cudaGetLastError();
}

rt_status rt_cuda_put_pinned(struct rt_exec *ex, void *dst, const void *pinned, size_t bytes)
{
    return bytes == 0 ? RT_OK
                      : RT_CUDA(ex, cudaMemcpyAsync(dst, pinned, bytes, cudaMemcpyHostToDevice, rt_stream(ex)));
}

static rt_status event(struct rt_exec *ex, cudaEvent_t *e)
{
    return *e != NULL ? RT_OK : RT_CUDA(ex, cudaEventCreateWithFlags(e, cudaEventDisableTiming));
}

rt_status rt_cuda_get_begin(struct rt_exec *ex, void *pinned, const void *src, size_t bytes)
{
    struct rt_cuda *cuda = rt_cuda_of(ex);
    RT_TRY(event(ex, &cuda->fetched));
    if (bytes > 0)
        RT_TRY(RT_CUDA(ex, cudaMemcpyAsync(pinned, src, bytes, cudaMemcpyDeviceToHost, cuda->stream)));
    return RT_CUDA(ex, cudaEventRecord(cuda->fetched, cuda->stream));
}

rt_status rt_cuda_get_end(struct rt_exec *ex)
{
    const cudaEvent_t fetched = rt_cuda_of(ex)->fetched;
    return fetched == NULL ? RT_OK : RT_CUDA(ex, cudaEventSynchronize(fetched));
}

rt_status rt_cuda_mark(struct rt_exec *ex, int i)
{
    struct rt_cuda *cuda = rt_cuda_of(ex);
    RT_TRY(event(ex, &cuda->mark[i]));
    return RT_CUDA(ex, cudaEventRecord(cuda->mark[i], cuda->stream));
}

/* A query that finds work going on is no failure, but the runtime notes it as one. */
static rt_status finished(struct rt_exec *ex, cudaError_t answer, bool *done)
{
    if (answer == cudaErrorNotReady)
        cudaGetLastError();
    *done = answer == cudaSuccess;
    return answer == cudaErrorNotReady ? RT_OK : RT_CUDA(ex, answer);
}

rt_status rt_cuda_passed(struct rt_exec *ex, int i, bool *passed)
{
    const cudaEvent_t mark = rt_cuda_of(ex)->mark[i];
    return finished(ex, mark == NULL ? cudaSuccess : cudaEventQuery(mark), passed);
}

/* `later` goes on when all that `first` was asked so far is done. */
static rt_status take_turns(struct rt_exec *ex, cudaStream_t first, cudaStream_t later)
{
    struct rt_cuda *cuda = rt_cuda_of(ex);
    RT_TRY(RT_CUDA(ex, cudaEventRecord(cuda->turn, first)));
    return RT_CUDA(ex, cudaStreamWaitEvent(later, cuda->turn, 0));
}

static rt_status lane_after(void *ex)
{
    const struct rt_cuda *cuda = rt_cuda_of(ex);
    return take_turns(ex, cuda->stream, cuda->lane);
}

static rt_status lane_before(void *ex)
{
    const struct rt_cuda *cuda = rt_cuda_of(ex);
    return take_turns(ex, cuda->lane, cuda->stream);
}

static rt_status lane_done(void *ex, bool *done)
{
    return finished(ex, cudaStreamQuery(rt_cuda_of(ex)->lane), done);
}

static rt_status lane_get(void *ex, void *host, const void *device, size_t bytes)
{
    return rt_exec_get(ex, host, device, bytes);
}

static rt_status lane_put(void *ex, void *device, const void *host, size_t bytes)
{
    return rt_exec_put(ex, device, host, bytes);
}

rt_status rt_cuda_lane(struct rt_exec *ex, struct rt_dist_lane *lane)
{
    struct rt_cuda *cuda = rt_cuda_of(ex);
    int least = 0, greatest = 0;
    if (cuda->lane == NULL) { /* sums go first where both streams have work: the other ranks wait for them */
        RT_TRY(RT_CUDA(ex, cudaDeviceGetStreamPriorityRange(&least, &greatest)));
        RT_TRY(event(ex, &cuda->turn));
        RT_TRY(RT_CUDA(ex, cudaStreamCreateWithPriority(&cuda->lane, cudaStreamNonBlocking, greatest)));
    }
    *lane = (struct rt_dist_lane){ .context = ex,
                                   .stream = cuda->lane,
                                   .after = lane_after,
                                   .before = lane_before,
                                   .done = lane_done,
                                   .get = lane_get,
                                   .put = lane_put };
    return RT_OK;
}

void rt_cuda_beside_close(struct rt_cuda *cuda)
{
    for (int i = 0; i < RT_EXEC_MARKS; i++)
        if (cuda->mark[i] != NULL)
            cudaEventDestroy(cuda->mark[i]);
    if (cuda->fetched != NULL)
        cudaEventDestroy(cuda->fetched);
    if (cuda->turn != NULL)
        cudaEventDestroy(cuda->turn);
    if (cuda->lane != NULL)
        cudaStreamDestroy(cuda->lane);
}
