/* attention_wgmma.cu - whether kernels for Hopper GPUs are there, and tensor maps for them. */
#include "config.h"
#include "kernels/cuda/attention_wgmma.cuh"
#include "kernels/cuda/hopper.h"

rt_status rt_wgmma_map(struct rt_exec *ex, CUtensorMap *map, const bf16 *x, int64_t ld, int64_t heads,
                       int64_t d, int64_t rows, int box_rows)
{
    const cuuint64_t sizes[] = { (cuuint64_t)d, (cuuint64_t)heads, (cuuint64_t)rows };
    const cuuint64_t strides[] = { (cuuint64_t)d * sizeof *x, (cuuint64_t)ld * sizeof *x };
    const cuuint32_t box[] = { BLOCK_COLUMNS, 1, (cuuint32_t)box_rows }, steps[] = { 1, 1, 1 };
    const auto encode = (decltype(&cuTensorMapEncodeTiled))rt_cuda_of(ex)->tensor_map;
    const CUresult result =
        encode(map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3, (void *)(uintptr_t)x, sizes, strides, box, steps,
               CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
               CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    return result == CUDA_SUCCESS ? RT_OK
                                  : rt_fail(ex->err, RT_ERR_DEVICE,
                                            "attention: cuTensorMapEncodeTiled: CUDA error %d", (int)result);
}

static __global__ void tell(unsigned *present)
{
#ifdef RT_HOPPER
    *present = 1;
#endif
}

rt_status rt_hopper_present(struct rt_exec *ex, unsigned *word, bool *present)
{
    unsigned value = 0;
    RT_TRY(RT_CUDA(ex, cudaMemset(word, 0, sizeof *word)));
    tell<<<1, 1>>>(word);
    RT_TRY(RT_CUDA(ex, cudaGetLastError()));
    RT_TRY(RT_CUDA(ex, cudaMemcpy(&value, word, sizeof value, cudaMemcpyDeviceToHost)));
    *present = value == 1;
    return RT_OK;
}
