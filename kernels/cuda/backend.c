/* backend.c - the CUDA backend's device, stream, memory and copies. */
#include "config.h"
#include "kernels/backend.h"
#include "kernels/cuda/backend.h"
#include "kernels/cuda/hopper.h"

#include <stdlib.h>
#include <string.h>

extern const struct rt_ops rt_cuda_f32_ops, rt_cuda_bf16_ops; /* kernels/cuda/table.cu */

/* Compute capabilities: bf16 on the tensor cores begins at 8.0, and code for sm_90a runs on 9.0 alone. */
enum { OLDEST_MAJOR = 8, HOPPER_MAJOR = 9, HOPPER_MINOR = 0 };

rt_status rt_cuda_status(const struct rt_exec *ex, cudaError_t error, const char *call, const char *file,
                         int line)
{
    rt_status code = RT_ERR_DEVICE;
    switch (error) {
    case cudaSuccess: return RT_OK;
    case cudaErrorMemoryAllocation: code = RT_ERR_MEMORY; break;
    case cudaErrorECCUncorrectable:
    case cudaErrorHardwareStackError:
    case cudaErrorNvlinkUncorrectable: code = RT_ERR_HARDWARE; break;
    default: break;
    }
    cudaGetLastError();
    return rt_fail(ex->err, code, "%s:%d: GPU %d: %s: %s (%s)", file, line, rt_cuda_of(ex)->device, call,
                   cudaGetErrorString(error), cudaGetErrorName(error));
}

rt_status rt_cublas_status(const struct rt_exec *ex, cublasStatus_t status, const char *call, const char *file,
                           int line)
{
    if (status == CUBLAS_STATUS_SUCCESS)
        return RT_OK;
    const struct rt_cuda *cuda = rt_cuda_of(ex);
    return rt_fail(ex->err, status == CUBLAS_STATUS_ALLOC_FAILED ? RT_ERR_MEMORY : RT_ERR_DEVICE,
                   "%s:%d: GPU %d: %s: %s", file, line, cuda->device, call, cuda->blas.GetStatusString(status));
}

static bool cuda_present(int local_rank)
{
    (void)local_rank;
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess) {
        cudaGetLastError();
        return false;
    }
    return devices > 0;
}

static const struct rt_ops *cuda_table(enum rt_dtype act)
{
    return act == RT_F32 ? &rt_cuda_f32_ops : &rt_cuda_bf16_ops;
}

static rt_status cuda_room(struct rt_exec *ex, struct rt_room *room)
{
    return RT_CUDA(ex, cudaMemGetInfo(&room->free_bytes, &room->all_bytes));
}

static rt_status cuda_alloc(struct rt_exec *ex, void **p, size_t bytes)
{
    size_t free_bytes = 0, all_bytes = 0;
    void *block = NULL;
    RT_TRY(RT_CUDA(ex, cudaMemGetInfo(&free_bytes, &all_bytes)));
    if (bytes > all_bytes || cudaMalloc(&block, bytes == 0 ? 1 : bytes) != cudaSuccess) {
        cudaGetLastError();
        return rt_fail(ex->err, RT_ERR_MEMORY, "out of memory on GPU %d: %zu bytes asked, %zu of %zu free",
                       rt_cuda_of(ex)->device, bytes, free_bytes, all_bytes);
    }
    *p = block;
    return RT_OK;
}

static void cuda_free(struct rt_exec *ex, void *p)
{
    (void)ex;
    cudaFree(p);
    cudaGetLastError(); /* what had gone wrong before has been or will be told by sync */
}

static void cuda_close(struct rt_exec *ex)
{
    struct rt_cuda *cuda = rt_cuda_of(ex);
    if (cuda->stream != NULL)
        cudaStreamSynchronize(cuda->stream);
    for (int i = 0; i < RT_CUDA_PRODUCTS; i++)
        rt_cuda_product_close(&cuda->blas, cuda->product[i]);
    if (cuda->blas_handle != NULL)
        cuda->blas.Destroy(cuda->blas_handle);
    rt_cuda_beside_close(cuda);
    cudaFree(cuda->blas_work);
    cudaFree(cuda->partial);
    cudaFree(cuda->tickets);
    for (int i = 0; i < RT_CUDA_SLOTS; i++)
        if (cuda->staged[i] != NULL)
            cudaEventDestroy(cuda->staged[i]);
    cudaFreeHost(cuda->staging);
    if (cuda->stream != NULL)
        cudaStreamDestroy(cuda->stream);
    cudaGetLastError();
    free(cuda);
}

/* Picks the GPU; the first call to it makes its context. */
static rt_status take_device(struct rt_exec *ex, int local_rank)
{
    struct rt_cuda *cuda = rt_cuda_of(ex);
    int devices = 0, major = 0, minor = 0;
    const cudaError_t error = cudaGetDeviceCount(&devices);
    if (error != cudaSuccess || devices == 0) {
        cudaGetLastError();
        return rt_fail(ex->err, RT_ERR_DEVICE,
                       "device: cuda: no GPU to be seen (%s); write device: cpu, or look at "
                       "nvidia-smi and CUDA_VISIBLE_DEVICES",
                       cudaGetErrorString(error));
    }
    if (local_rank < 0)
        return rt_fail(ex->err, RT_ERR_INTERNAL, "rt_exec_open: local rank %d", local_rank);
    cuda->device = local_rank % devices;
    RT_TRY(RT_CUDA(ex, cudaSetDevice(cuda->device)));
    RT_TRY(RT_CUDA(ex, cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, cuda->device)));
    RT_TRY(RT_CUDA(ex, cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, cuda->device)));
    if (major < OLDEST_MAJOR)
        return rt_fail(
            ex->err, RT_ERR_DEVICE,
            "device: cuda: GPU %d has compute capability %d.%d; at least %d.0 is needed; write device: cpu",
            cuda->device, major, minor, OLDEST_MAJOR);
    return RT_OK;
}

/* What kernels for Hopper need beside their arguments. */
static rt_status take_hopper(struct rt_exec *ex)
{
    struct rt_cuda *cuda = rt_cuda_of(ex);
    int major = 0, minor = 0;
    bool present = false;
    void *p = NULL;
    enum cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
    RT_TRY(RT_CUDA(
        ex, cudaDeviceGetAttribute(&cuda->multiprocessors, cudaDevAttrMultiProcessorCount, cuda->device)));
    RT_TRY(RT_CUDA(ex, cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, cuda->device)));
    RT_TRY(RT_CUDA(ex, cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, cuda->device)));
    if (major != HOPPER_MAJOR || minor != HOPPER_MINOR)
        return RT_OK;
    RT_TRY(cuda_alloc(ex, &p, 2 * sizeof *cuda->tickets));
    cuda->tickets = p;
    RT_TRY(rt_hopper_present(ex, cuda->tickets, &present));
    if (!present)
        return RT_OK;
    RT_TRY(RT_CUDA(ex, cudaMemsetAsync(p, 0, 2 * sizeof *cuda->tickets, cuda->stream)));
    RT_TRY(RT_CUDA(
        ex, cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &p, 12000, cudaEnableDefault, &found)));
    cuda->tensor_map = found == cudaDriverEntryPointSuccess ? p : NULL;
    return RT_OK;
}

static rt_status take_resources(struct rt_exec *ex)
{
    struct rt_cuda *cuda = rt_cuda_of(ex);
    void *p = NULL;
    RT_TRY(RT_CUDA(ex, cudaStreamCreateWithFlags(&cuda->stream, cudaStreamNonBlocking)));
    RT_TRY(RT_CUDA(ex, cudaMallocHost(&p, (size_t)RT_CUDA_SLOTS * RT_CUDA_SLOT)));
    cuda->staging = p;
    for (int i = 0; i < RT_CUDA_SLOTS; i++)
        RT_TRY(RT_CUDA(ex, cudaEventCreateWithFlags(&cuda->staged[i], cudaEventDisableTiming)));
    RT_TRY(cuda_alloc(ex, &p, RT_CUDA_PARTIALS * sizeof *cuda->partial));
    cuda->partial = p;
    RT_TRY(take_hopper(ex));
    RT_TRY(rt_cublas_load(&cuda->blas, ex->err));
    RT_TRY(RT_CUBLAS(ex, cuda->blas.Create(&cuda->blas_handle)));
    return cuda_alloc(ex, &cuda->blas_work, RT_CUBLAS_WORK);
}

static rt_status cuda_open(struct rt_exec *ex, int local_rank, int threads)
{
    (void)threads;
    struct rt_cuda *cuda = calloc(1, sizeof *cuda);
    if (cuda == NULL)
        return rt_fail(ex->err, RT_ERR_MEMORY, "out of memory: %zu bytes", sizeof *cuda);
    ex->backend = cuda;
    ex->ops = cuda_table(ex->act);
    rt_status st;
    RT_TRY_TO(st, take_device(ex, local_rank), err_close);
    RT_TRY_TO(st, take_resources(ex), err_close);
    return RT_OK;
err_close:
    cuda_close(ex);
    ex->backend = NULL;
    return st;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* A slot of staging that no copy uses any more. */
static rt_status take_slot(struct rt_exec *ex, int *slot)
{
    struct rt_cuda *cuda = rt_cuda_of(ex);
    *slot = cuda->slot;
    cuda->slot = (cuda->slot + 1) % RT_CUDA_SLOTS;
    return RT_CUDA(ex, cudaEventSynchronize(cuda->staged[*slot]));
}

static unsigned char *slot_at(const struct rt_cuda *cuda, int slot)
{
    return cuda->staging + (size_t)slot * RT_CUDA_SLOT;
}

/* The host runs ahead of the GPU as far as there are slots. */
static rt_status cuda_put(struct rt_exec *ex, void *dst, const void *host_src, size_t bytes)
{
    struct rt_cuda *cuda = rt_cuda_of(ex);
    const size_t slot_bytes = RT_CUDA_SLOT;
    for (size_t at = 0; at < bytes; at += slot_bytes) {
        const size_t part = least(slot_bytes, bytes - at);
        int slot = 0;
        RT_TRY(take_slot(ex, &slot));
        memcpy(slot_at(cuda, slot), (const char *)host_src + at, part);
        RT_TRY(RT_CUDA(ex, cudaMemcpyAsync((char *)dst + at, slot_at(cuda, slot), part, cudaMemcpyHostToDevice,
                                           cuda->stream)));
        RT_TRY(RT_CUDA(ex, cudaEventRecord(cuda->staged[slot], cuda->stream)));
    }
    return RT_OK;
}

/* The GPU fills one slot while the host reads the one before. */
static rt_status cuda_get(struct rt_exec *ex, void *host_dst, const void *src, size_t bytes)
{
    struct rt_cuda *cuda = rt_cuda_of(ex);
    const size_t slot_bytes = RT_CUDA_SLOT;
    size_t asked = 0; /* one part ahead of the part that is read */
    int slot[2] = { 0 };
    for (size_t at = 0; at < bytes; at += slot_bytes) {
        for (; asked < bytes && asked <= at + slot_bytes; asked += slot_bytes) {
            int *const s = &slot[asked / slot_bytes % 2];
            RT_TRY(take_slot(ex, s));
            RT_TRY(RT_CUDA(ex, cudaMemcpyAsync(slot_at(cuda, *s), (const char *)src + asked,
                                               least(slot_bytes, bytes - asked), cudaMemcpyDeviceToHost,
                                               cuda->stream)));
            RT_TRY(RT_CUDA(ex, cudaEventRecord(cuda->staged[*s], cuda->stream)));
        }
        const int s = slot[at / slot_bytes % 2];
        RT_TRY(RT_CUDA(ex, cudaEventSynchronize(cuda->staged[s])));
        memcpy((char *)host_dst + at, slot_at(cuda, s), least(slot_bytes, bytes - at));
    }
    return RT_OK;
}

static rt_status cuda_zero(struct rt_exec *ex, void *dst, size_t bytes)
{
    return bytes == 0 ? RT_OK : RT_CUDA(ex, cudaMemsetAsync(dst, 0, bytes, rt_stream(ex)));
}

static rt_status cuda_sync(struct rt_exec *ex)
{
    return RT_CUDA(ex, cudaStreamSynchronize(rt_stream(ex)));
}

const struct rt_backend rt_cuda_backend = {
    .table = cuda_table,
    .present = cuda_present,
    .open = cuda_open,
    .close = cuda_close,
    .room = cuda_room,
    .alloc = cuda_alloc,
    .free = cuda_free,
    .put = cuda_put,
    .get = cuda_get,
    .zero = cuda_zero,
    .sync = cuda_sync,
    .info = rt_cuda_info,
    .pin = rt_cuda_pin,
    .unpin = rt_cuda_unpin,
    .put_pinned = rt_cuda_put_pinned,
    .get_begin = rt_cuda_get_begin,
    .get_end = rt_cuda_get_end,
    .mark = rt_cuda_mark,
    .passed = rt_cuda_passed,
    .lane = rt_cuda_lane,
};
