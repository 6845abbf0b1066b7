/* nccl_library.c - finds NCCL at run time. */
#include "config.h"
#include "dist/nccl_library.h"

#include <dlfcn.h>
#include <string.h>

#define LIBRARY "libnccl.so.2"
/* Older ones have no non-blocking communicators. */
#define OLDEST NCCL_VERSION(2, 14, 3)

static void *find(void *library, const char *name, const char **missing)
{
    void *function = dlsym(library, name);
    if (function == NULL)
        *missing = name;
    return function;
}

rt_status rt_nccl_library_load(struct rt_nccl_library *lib, struct rt_error *err)
{
    char why[512] = "";
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        strncat(why, dlerror(), sizeof why - 1);
        library = dlopen(RT_NCCL_LIBDIR "/" LIBRARY, RTLD_NOW | RTLD_LOCAL);
    }
    if (library == NULL)
        return rt_fail(err, RT_ERR_DEVICE, LIBRARY " does not load (%s)", why);
    const char *missing = NULL;
    void *function;
    /* A pointer to a function is copied, as C has no conversion to one. */
#define FIND(name)                                                                                             \
    function = find(library, "nccl" #name, &missing);                                                          \
    memcpy(&lib->name, &function, sizeof function);
    RT_NCCL_FUNCTIONS(FIND)
#undef FIND
    if (missing != NULL) {
        dlclose(library);
        return rt_fail(err, RT_ERR_DEVICE, LIBRARY " has no %s; NCCL 2.14.3 or later is needed", missing);
    }
    if (lib->GetVersion(&lib->version) != ncclSuccess || lib->version < OLDEST) {
        dlclose(library);
        return rt_fail(err, RT_ERR_DEVICE, LIBRARY " is version %d; NCCL 2.14.3 (21403) or later is needed",
                       lib->version);
    }
    return RT_OK;
}
