/* patchify.cu - pixels to patch rows on CUDA; contract in ops.h. A block a patch, threads stride its columns.
 */
#include "config.h"
#include "kernels/cuda/common.cuh"

template <typename T>
static __global__ void patches(T *y, const uint8_t *rgb0, const uint8_t *rgb1, const float *lut, int64_t count,
                               int64_t grid_w, int patch, int merge)
{
    const int64_t width = grid_w * patch, across = grid_w / merge;
    const int within_size = merge * merge, pixels = patch * patch;
    for (int64_t row = blockIdx.x; row < count; row += gridDim.x) {
        const int64_t unit = row / within_size;
        const int within = (int)(row % within_size);
        const int64_t py = unit / across * merge + within / merge, px = unit % across * merge + within % merge;
        for (int col = threadIdx.x; col < 6 * pixels; col += blockDim.x) {
            const int plane = col / pixels, pixel = col % pixels, c = plane / 2; /* plane: c 2 + t */
            const uint8_t *const frame = plane % 2 == 0 ? rgb0 : rgb1;
            const int64_t at = (py * patch + pixel / patch) * width + px * patch + pixel % patch;
            y[row * 6 * pixels + col] = rn<T>(lut[c * 256 + frame[at * 3 + c]]);
        }
    }
}

template <typename T>
rt_status rt_cuda_ops<T>::patchify(struct rt_exec *ex, rt_act *y, const uint8_t *rgb0, const uint8_t *rgb1,
                                   const float *lut, int64_t grid_h, int64_t grid_w, int64_t patch,
                                   int64_t merge)
{
    RT_TRY(rt_check(ex, "patchify",
                    grid_h >= 0 && grid_w >= 1 && patch >= 1 && merge >= 1 && patch <= 1024 &&
                        grid_h <= 1 << 20 && grid_w <= 1 << 20,
                    "not a grid of patches"));
    RT_TRY(rt_check(ex, "patchify", merge <= 1024 && grid_h % merge == 0 && grid_w % merge == 0,
                    "the grid is no multiple of merge"));
    const int64_t count = grid_h * grid_w;
    if (count == 0)
        return RT_OK;
    patches<<<blocks_of_rows(count), BLOCK, 0, rt_stream(ex)>>>(out<T>(y), rgb0, rgb1, lut, count, grid_w,
                                                                (int)patch, (int)merge);
    return RT_CUDA(ex, cudaGetLastError());
}

RT_CUDA_BOTH(patchify);
