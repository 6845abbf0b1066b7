/*
 * hopper.h - whether kernels for Hopper GPUs can run.
 *
 * A build for other GPUs may run on a Hopper all the same; what needs sm_90a is then compiled to empty kernels.
 */
#ifndef RT_KERNELS_CUDA_HOPPER_H
#define RT_KERNELS_CUDA_HOPPER_H

#include "kernels/exec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* attention_wgmma.cu: whether this build's code for the exec's GPU holds what sm_90a alone has. word is scratch
 * on the GPU. */
rt_status rt_hopper_present(struct rt_exec *ex, unsigned *word, bool *present);

#ifdef __cplusplus
}
#endif

#endif
