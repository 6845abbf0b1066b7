/*
 * backend.h - the state behind ex->backend on CUDA, and how CUDA's own failures become ours.
 *
 * An exec works on one GPU and one stream, on which everything is asked for in order. The thread that opened it
 * uses it, or a thread that calls cudaSetDevice first.
 */
#ifndef RT_KERNELS_CUDA_BACKEND_H
#define RT_KERNELS_CUDA_BACKEND_H

#include "kernels/cuda/cublas.h"
#include "kernels/exec.h"

#include <cuda_runtime_api.h>

/* Staging on the host: slots and bytes of one, together enough for the pictures of a large pass, so that the
 * host can hand over a pass while the GPU works on the one before; sums that l2norm keeps; products that gemm
 * keeps. */
enum { RT_CUDA_SLOTS = 64, RT_CUDA_SLOT = 4 << 20, RT_CUDA_PARTIALS = 1024, RT_CUDA_PRODUCTS = 1024 };

struct rt_cuda_product; /* kernels/cuda/gemm.cu: how one shape of product is done */

struct rt_cuda {
    int device;
    cudaStream_t stream;
    unsigned char *staging;            /* [RT_CUDA_SLOTS][RT_CUDA_SLOT] pinned, used in turn */
    cudaEvent_t staged[RT_CUDA_SLOTS]; /* the last copy from or to that slot is done */
    int slot;                          /* the next one */
    double *partial;                   /* [RT_CUDA_PARTIALS] on the GPU */
    void *tensor_map;                  /* cuTensorMapEncodeTiled where kernels for sm_90a run; else NULL */
    unsigned *tickets;                 /* [2] on the GPU, 0 between launches: attention_wgmma.cuh's jobs */
    int multiprocessors;
    struct rt_cublas blas;
    cublasLtHandle_t blas_handle;
    void *blas_work;                 /* RT_CUBLAS_WORK bytes on the GPU */
    cudaEvent_t mark[RT_EXEC_MARKS]; /* NULL until first set */
    cudaEvent_t fetched;             /* the last copy that get_begin asked for is done; NULL until the first */
    cudaStream_t lane;               /* NULL until rt_exec_lane */
    cudaEvent_t turn;                /* one stream waits for another here */
    struct rt_cuda_product *product[RT_CUDA_PRODUCTS]; /* NULL where none is kept; by hash of the shape */
};

#ifdef __cplusplus
extern "C" {
#endif

/* RT_OK for cudaSuccess; else RT_ERR_MEMORY, RT_ERR_HARDWARE or RT_ERR_DEVICE with what failed where in the
 * text. The runtime's own note of the failure is cleared. */
rt_status rt_cuda_status(const struct rt_exec *ex, cudaError_t error, const char *call, const char *file,
                         int line);
#define RT_CUDA(ex, call) rt_cuda_status((ex), (call), #call, __FILE__, __LINE__)

/* The same for cuBLAS. */
rt_status rt_cublas_status(const struct rt_exec *ex, cublasStatus_t status, const char *call, const char *file,
                           int line);
#define RT_CUBLAS(ex, call) rt_cublas_status((ex), (call), #call, __FILE__, __LINE__)

/* beside.c: what an exec has beside its operations, and its end. */
rt_status rt_cuda_info(struct rt_exec *ex, struct rt_device_info *info);
rt_status rt_cuda_pin(struct rt_exec *ex, void **host, size_t bytes);
void rt_cuda_unpin(struct rt_exec *ex, void *host);
rt_status rt_cuda_put_pinned(struct rt_exec *ex, void *dst, const void *pinned, size_t bytes);
rt_status rt_cuda_get_begin(struct rt_exec *ex, void *pinned, const void *src, size_t bytes);
rt_status rt_cuda_get_end(struct rt_exec *ex);
rt_status rt_cuda_mark(struct rt_exec *ex, int i);
rt_status rt_cuda_passed(struct rt_exec *ex, int i, bool *passed);
rt_status rt_cuda_lane(struct rt_exec *ex, struct rt_dist_lane *lane);
void rt_cuda_beside_close(struct rt_cuda *cuda);

/* Ends a product that gemm kept; NULL is none. */
void rt_cuda_product_close(const struct rt_cublas *blas, struct rt_cuda_product *product);

#ifdef __cplusplus
}
#endif

static inline struct rt_cuda *rt_cuda_of(const struct rt_exec *ex)
{
    return (struct rt_cuda *)ex->backend;
}

static inline cudaStream_t rt_stream(const struct rt_exec *ex)
{
    return rt_cuda_of(ex)->stream;
}

#endif
