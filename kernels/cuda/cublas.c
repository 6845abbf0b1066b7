/* cublas.c - finds cuBLASLt at run time. */
#include "config.h"
#include "kernels/cuda/cublas.h"

#include <dlfcn.h>
#include <string.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define LIBRARY "libcublasLt.so." TEXT(CUBLAS_VER_MAJOR)

static void *find(void *library, const char *name, const char **missing)
{
    void *function = dlsym(library, name);
    if (function == NULL)
        *missing = name;
    return function;
}

rt_status rt_cublas_load(struct rt_cublas *blas, struct rt_error *err)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        library = dlopen(RT_CUDA_LIBDIR "/" LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return rt_fail(err, RT_ERR_DEVICE,
                       "device: cuda: " LIBRARY " does not load (%s); add the folder of CUDA's libraries to "
                       "LD_LIBRARY_PATH, or write device: cpu",
                       dlerror());
    const char *missing = NULL;
    void *function;
    /* A pointer to a function is copied, as C has no conversion to one. */
#define FIND(name)                                                                                             \
    function = find(library, "cublasLt" #name, &missing);                                                      \
    memcpy(&blas->name, &function, sizeof function);
    RT_CUBLAS_FUNCTIONS(FIND)
#undef FIND
    if (missing != NULL) {
        dlclose(library);
        return rt_fail(err, RT_ERR_DEVICE,
                       "device: cuda: " LIBRARY " has no %s; it must be of CUDA " TEXT(
                           CUBLAS_VER_MAJOR) ", the version this program was built for",
                       missing);
    }
    return RT_OK;
}
