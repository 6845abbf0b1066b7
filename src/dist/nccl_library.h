/* nccl_library.h - NCCL's functions, found at run time. Private to dist. */
#ifndef RT_DIST_NCCL_LIBRARY_H
#define RT_DIST_NCCL_LIBRARY_H

#include "base/status.h"

#include <nccl.h>

/* The functions in use: X(name after nccl). */
#define RT_NCCL_FUNCTIONS(X)                                                                                   \
    X(GetVersion)                                                                                              \
    X(GetUniqueId)                                                                                             \
    X(GetErrorString)                                                                                          \
    X(GetLastError)                                                                                            \
    X(CommInitRankConfig)                                                                                      \
    X(CommGetAsyncError)                                                                                       \
    X(CommFinalize)                                                                                            \
    X(CommDestroy)                                                                                             \
    X(CommAbort)                                                                                               \
    X(AllReduce)                                                                                               \
    X(Broadcast)                                                                                               \
    X(GroupStart)                                                                                              \
    X(GroupEnd)                                                                                                \
    X(Send)                                                                                                    \
    X(Recv)

struct rt_nccl_library {
#define RT_NCCL_POINTER(name) __typeof__(nccl##name) *name;
    RT_NCCL_FUNCTIONS(RT_NCCL_POINTER)
#undef RT_NCCL_POINTER
    int version; /* as NCCL counts: 22809 is 2.28.9 */
};

/* Loads libnccl.so.2 from the loader's folders or from the one at configure; it stays loaded until the program
 * ends, since its threads and GPU code do. Fails: RT_ERR_DEVICE. */
rt_status rt_nccl_library_load(struct rt_nccl_library *lib, struct rt_error *err);

#endif
