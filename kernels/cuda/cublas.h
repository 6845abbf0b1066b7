/*
 * cublas.h - cuBLASLt opened when an exec is, so that the program starts on machines that do not have it.
 */
#ifndef RT_KERNELS_CUDA_CUBLAS_H
#define RT_KERNELS_CUDA_CUBLAS_H

#include "base/status.h"

#include <cublasLt.h>

/* Bytes of scratch that products may take; what cuBLAS itself asks for on Hopper. */
enum { RT_CUBLAS_WORK = 32 << 20 };

/* The functions in use: X(name after cublasLt). */
#define RT_CUBLAS_FUNCTIONS(X)                                                                                 \
    X(Create)                                                                                                  \
    X(Destroy)                                                                                                 \
    X(GetStatusString)                                                                                         \
    X(Matmul)                                                                                                  \
    X(MatmulAlgoGetHeuristic)                                                                                  \
    X(MatmulDescCreate)                                                                                        \
    X(MatmulDescDestroy)                                                                                       \
    X(MatmulDescSetAttribute)                                                                                  \
    X(MatmulPreferenceCreate)                                                                                  \
    X(MatmulPreferenceDestroy)                                                                                 \
    X(MatmulPreferenceSetAttribute)                                                                            \
    X(MatrixLayoutCreate)                                                                                      \
    X(MatrixLayoutDestroy)

struct rt_cublas {
#define RT_CUBLAS_POINTER(name) __typeof__(cublasLt##name) *name;
    RT_CUBLAS_FUNCTIONS(RT_CUBLAS_POINTER)
#undef RT_CUBLAS_POINTER
};

#ifdef __cplusplus
extern "C" {
#endif

/* Loads the library of the version this was compiled for, from the loader's folders or from CUDA's at
 * configure. It stays loaded until the program ends, since its GPU code does. Fails: RT_ERR_DEVICE. */
rt_status rt_cublas_load(struct rt_cublas *blas, struct rt_error *err);

#ifdef __cplusplus
}
#endif

#endif
