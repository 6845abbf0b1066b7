/*
 * gemm.cu - matrix products on CUDA through cuBLASLt; contracts in ops.h.
 *
 * cuBLAS is column-major: our row-major c = op(a) op(b) is its c' = op(b)' op(a)', the same memory read the
 * other way round. What it is told of a shape, and the algorithm it chose, is kept by a hash of the shape: the
 * choice depends on the shape, the strides and the alignments alone, so that the bits do not change from run to
 * run. Sums are in fp32 and stay there when an algorithm splits k; fp32 is pedantic: no tf32, no bf16 pieces.
 * Bias is added in fp32 before the one rounding; in fp32 jobs a kernel sets c to it first, as pedantic products
 * take no epilogue.
 */
#include "config.h"
#include "kernels/cuda/common.cuh"
#include "kernels/cuda/gemm_low.cuh"

#include <stdlib.h>
#include <string.h>

/* All that a product depends on but the pointers and alpha; no padding, it is compared as bytes. */
struct shape {
    int64_t m, n, k, lda, ldb, ldc;
    int32_t trans_a, trans_b, beta, bf16_in, bf16_out, zero;
    uint32_t align_a, align_b, align_c, align_bias; /* align_bias 0: no bias */
};
static_assert(sizeof(shape) == 6 * 8 + 10 * 4, "no padding");

struct rt_cuda_product {
    struct shape shape;
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t first, second, result; /* in cuBLAS's order: b, a, c */
    cublasLtMatmulAlgo_t algo;
};

void rt_cuda_product_close(const struct rt_cublas *blas, struct rt_cuda_product *product)
{
    if (product == NULL)
        return;
    if (product->result != NULL)
        blas->MatrixLayoutDestroy(product->result);
    if (product->second != NULL)
        blas->MatrixLayoutDestroy(product->second);
    if (product->first != NULL)
        blas->MatrixLayoutDestroy(product->first);
    if (product->desc != NULL)
        blas->MatmulDescDestroy(product->desc);
    free(product);
}

template <typename V>
static rt_status set_desc(struct rt_exec *ex, rt_cuda_product *p, cublasLtMatmulDescAttributes_t what, V value)
{
    return RT_CUBLAS(ex, rt_cuda_of(ex)->blas.MatmulDescSetAttribute(p->desc, what, &value, sizeof value));
}

template <typename V>
static rt_status set_preference(struct rt_exec *ex, cublasLtMatmulPreference_t preference,
                                cublasLtMatmulPreferenceAttributes_t what, V value)
{
    return RT_CUBLAS(ex,
                     rt_cuda_of(ex)->blas.MatmulPreferenceSetAttribute(preference, what, &value, sizeof value));
}

/* The first algorithm that cuBLAS proposes for p within our scratch and p's alignments. */
static rt_status choose(struct rt_exec *ex, rt_cuda_product *p, cublasLtMatmulPreference_t preference)
{
    struct rt_cuda *cuda = rt_cuda_of(ex);
    const shape &s = p->shape;
    cublasLtMatmulHeuristicResult_t found;
    int count = 0;
    memset(&found, 0, sizeof found);
    RT_TRY(set_preference(ex, preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, (uint64_t)RT_CUBLAS_WORK));
    RT_TRY(set_preference(ex, preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                          (uint32_t)CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
    RT_TRY(set_preference(ex, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, s.align_b));
    RT_TRY(set_preference(ex, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, s.align_a));
    RT_TRY(set_preference(ex, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, s.align_c));
    RT_TRY(set_preference(ex, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, s.align_c));
    const cublasStatus_t st = cuda->blas.MatmulAlgoGetHeuristic(
        cuda->blas_handle, p->desc, p->first, p->second, p->result, p->result, preference, 1, &found, &count);
    if (st != CUBLAS_STATUS_SUCCESS || count == 0 || found.state != CUBLAS_STATUS_SUCCESS)
        return rt_fail(
            ex->err, RT_ERR_DEVICE,
            "GPU %d: cuBLAS has no way to multiply [%lld,%lld] by [%lld,%lld] (%s, rows %lld, %lld and %lld "
            "apart, aligned to %u, %u and %u bytes): %s",
            cuda->device, (long long)s.m, (long long)s.k, (long long)s.k, (long long)s.n,
            s.bf16_in ? "bf16" : "fp32", (long long)s.lda, (long long)s.ldb, (long long)s.ldc, s.align_a,
            s.align_b, s.align_c,
            cuda->blas.GetStatusString(st != CUBLAS_STATUS_SUCCESS ? st : CUBLAS_STATUS_NOT_SUPPORTED));
    p->algo = found.algo;
    return RT_OK;
}

/* The bias is not read here; cuBLAS goes by how it is aligned. */
static rt_status describe(struct rt_exec *ex, rt_cuda_product *p, const void *bias)
{
    struct rt_cuda *cuda = rt_cuda_of(ex);
    const shape &s = p->shape;
    const cudaDataType_t in_type = s.bf16_in ? CUDA_R_16BF : CUDA_R_32F,
                         out_type = s.bf16_out ? CUDA_R_16BF : CUDA_R_32F;
    const cublasComputeType_t compute = s.bf16_in ? CUBLAS_COMPUTE_32F : CUBLAS_COMPUTE_32F_PEDANTIC;
    RT_TRY(RT_CUBLAS(ex, cuda->blas.MatmulDescCreate(&p->desc, compute, CUDA_R_32F)));
    RT_TRY(set_desc(ex, p, CUBLASLT_MATMUL_DESC_TRANSA, s.trans_b ? CUBLAS_OP_T : CUBLAS_OP_N));
    RT_TRY(set_desc(ex, p, CUBLASLT_MATMUL_DESC_TRANSB, s.trans_a ? CUBLAS_OP_T : CUBLAS_OP_N));
    if (bias != NULL) {
        RT_TRY(set_desc(ex, p, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS));
        RT_TRY(set_desc(ex, p, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias));
        RT_TRY(set_desc(ex, p, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, out_type));
    }
    RT_TRY(RT_CUBLAS(ex, cuda->blas.MatrixLayoutCreate(&p->first, in_type, (uint64_t)(s.trans_b ? s.k : s.n),
                                                       (uint64_t)(s.trans_b ? s.n : s.k), s.ldb)));
    RT_TRY(RT_CUBLAS(ex, cuda->blas.MatrixLayoutCreate(&p->second, in_type, (uint64_t)(s.trans_a ? s.m : s.k),
                                                       (uint64_t)(s.trans_a ? s.k : s.m), s.lda)));
    RT_TRY(RT_CUBLAS(ex,
                     cuda->blas.MatrixLayoutCreate(&p->result, out_type, (uint64_t)s.n, (uint64_t)s.m, s.ldc)));
    cublasLtMatmulPreference_t preference;
    RT_TRY(RT_CUBLAS(ex, cuda->blas.MatmulPreferenceCreate(&preference)));
    const rt_status st = choose(ex, p, preference);
    cuda->blas.MatmulPreferenceDestroy(preference);
    return st;
}

/* FNV-1a over the bytes of a shape, to a place among the products kept. */
static unsigned place_of_shape(const shape *s)
{
    const unsigned char *byte = (const unsigned char *)s;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < sizeof *s; i++)
        h = (h ^ byte[i]) * 0x100000001b3u;
    return (unsigned)((h ^ h >> 32) % RT_CUDA_PRODUCTS);
}

/* The product for a shape: the one kept, or a new one in place of another of the same hash. */
static rt_status product_for(struct rt_exec *ex, const shape *s, const void *bias, rt_cuda_product **product)
{
    struct rt_cuda *cuda = rt_cuda_of(ex);
    rt_cuda_product **const kept = &cuda->product[place_of_shape(s)];
    if (*kept == NULL || memcmp(&(*kept)->shape, s, sizeof *s) != 0) {
        rt_cuda_product *const made = (rt_cuda_product *)calloc(1, sizeof *made);
        if (made == NULL)
            return rt_fail(ex->err, RT_ERR_MEMORY, "out of memory: %zu bytes", sizeof *made);
        made->shape = *s;
        const rt_status st = describe(ex, made, bias);
        if (st != RT_OK) {
            rt_cuda_product_close(&cuda->blas, made);
            return st;
        }
        rt_cuda_product_close(&cuda->blas, *kept);
        *kept = made;
    }
    *product = *kept;
    return RT_OK;
}

static uint32_t alignment(const void *p)
{
    const uintptr_t lowest = (uintptr_t)p & -(uintptr_t)p;
    return lowest < 256 ? (uint32_t)lowest : 256; /* that of cudaMalloc */
}

static rt_status multiply(struct rt_exec *ex, const shape *s, void *c, const void *a, const void *b,
                          const void *bias, float alpha)
{
    struct rt_cuda *cuda = rt_cuda_of(ex);
    rt_cuda_product *p = NULL;
    const float beta = (float)s->beta;
    RT_TRY(product_for(ex, s, bias, &p));
    if (bias != NULL)
        RT_TRY(set_desc(ex, p, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias));
    return RT_CUBLAS(ex, cuda->blas.Matmul(cuda->blas_handle, p->desc, &alpha, b, p->first, a, p->second, &beta,
                                           c, p->result, c, p->result, &p->algo, cuda->blas_work,
                                           RT_CUBLAS_WORK, cuda->stream));
}

/* c = beta c + bias: what is left of a product without k, or comes before one. A thread an element. */
template <typename T>
static __global__ void start(T *c, int64_t ldc, const T *bias, int64_t m, int64_t n, bool beta)
{
    EACH (i, m * n) {
        const place at = place_of(i, n);
        T *const to = c + at.row * ldc + at.col;
        *to = rn<T>((beta ? f32(*to) : 0.0f) + (bias != NULL ? f32(bias[at.col]) : 0.0f));
    }
}

static rt_status check(struct rt_exec *ex, const char *op, int64_t ldc, int64_t lda, bool trans_a, int64_t ldb,
                       bool trans_b, int64_t m, int64_t n, int64_t k)
{
    RT_TRY(rt_check_shape(ex, op, m, n));
    RT_TRY(rt_check(ex, op, k >= 0, "k is negative"));
    RT_TRY(rt_check_ld(ex, op, "c", ldc, n));
    RT_TRY(rt_check_ld(ex, op, "a", lda, trans_a ? m : k));
    return rt_check_ld(ex, op, "b", ldb, trans_b ? k : n);
}

template <typename T>
rt_status rt_cuda_ops<T>::gemm(struct rt_exec *ex, rt_act *c, int64_t ldc, const rt_act *a, int64_t lda,
                               bool trans_a, const rt_act *b, int64_t ldb, bool trans_b, const rt_act *bias,
                               int64_t m, int64_t n, int64_t k, float alpha, float beta)
{
    constexpr bool is_bf16 = std::is_same_v<T, bf16>;
    RT_TRY(check(ex, "gemm", ldc, lda, trans_a, ldb, trans_b, m, n, k));
    RT_TRY(rt_check(ex, "gemm", beta == 0.0f || beta == 1.0f, "beta is neither 0 nor 1"));
    RT_TRY(rt_check(ex, "gemm", beta == 0.0f || bias == NULL, "a bias with beta 1"));
    if (m == 0)
        return RT_OK;
    if constexpr (is_bf16) {
        const low_rank low = { in<T>(a), in<T>(b), lda, ldb, m, n, k };
        if (alpha == 1.0f && beta == 1.0f && !trans_a && !trans_b && rt_low_product_fits(out<T>(c), ldc, low))
            return rt_cuda_low_product(ex, out<T>(c), ldc, low);
    }
    const bool starts = k == 0 || (bias != NULL && !is_bf16);
    if (starts) {
        start<T>
            <<<blocks_for(m * n), BLOCK, 0, rt_stream(ex)>>>(out<T>(c), ldc, in<T>(bias), m, n, beta != 0.0f);
        RT_TRY(RT_CUDA(ex, cudaGetLastError()));
    }
    if (k == 0)
        return RT_OK;
    const rt_act *const epilogue = starts ? NULL : bias;
    const shape s = { m,
                      n,
                      k,
                      lda,
                      ldb,
                      ldc,
                      trans_a,
                      trans_b,
                      starts || beta != 0.0f,
                      is_bf16,
                      is_bf16,
                      0,
                      alignment(a),
                      alignment(b),
                      alignment(c),
                      epilogue == NULL ? 0 : alignment(epilogue) };
    return multiply(ex, &s, c, a, b, epilogue, alpha);
}

template <typename T>
rt_status rt_cuda_ops<T>::gemm_f32(struct rt_exec *ex, float *c, int64_t ldc, const rt_act *a, int64_t lda,
                                   bool trans_a, const rt_act *b, int64_t ldb, bool trans_b, int64_t m,
                                   int64_t n, int64_t k, float alpha)
{
    constexpr bool is_bf16 = std::is_same_v<T, bf16>;
    RT_TRY(check(ex, "gemm_f32", ldc, lda, trans_a, ldb, trans_b, m, n, k));
    if (m == 0 || k == 0)
        return RT_OK;
    const shape s = { m, n,       k, lda, ldb,          ldc,          trans_a,      trans_b,
                      1, is_bf16, 0, 0,   alignment(a), alignment(b), alignment(c), 0 };
    return multiply(ex, &s, c, a, b, NULL, alpha);
}

RT_CUDA_BOTH(gemm);
RT_CUDA_BOTH(gemm_f32);
