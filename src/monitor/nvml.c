/* nvml.c - opens NVIDIA's management library and asks for values. */
#include "config.h"
#include "monitor/nvml_library.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY "libnvidia-ml.so.1"

static void find_all(struct rt_nvml *nvml)
{
    void *function;
    /* A pointer to a function is copied, as C has no conversion to one. */
#define FIND(name, theirs, arguments)                                                                          \
    function = dlsym(nvml->library, "nvml" theirs);                                                            \
    memcpy(&nvml->name, &function, sizeof function);
    RT_NVML_FUNCTIONS(FIND)
#undef FIND
}

static struct rt_nvml *no(struct rt_nvml *nvml, const char **why, const char *text)
{
    if (nvml != NULL && nvml->library != NULL)
        dlclose(nvml->library);
    free(nvml);
    if (why != NULL)
        *why = text;
    return NULL;
}

struct rt_nvml *rt_nvml_open(const char **why)
{
    struct rt_nvml *nvml = calloc(1, sizeof *nvml);
    if (nvml == NULL)
        return no(nvml, why, "no memory");
    nvml->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (nvml->library == NULL)
        return no(nvml, why, LIBRARY " is not installed");
    find_all(nvml);
    if (nvml->init == NULL || nvml->shutdown == NULL)
        return no(nvml, why, LIBRARY " is older than what is known here");
    if (nvml->init() != 0)
        return no(nvml, why, LIBRARY " finds no driver");
    if (!RT_NVML_HAS(nvml, driver, nvml->version, sizeof nvml->version))
        nvml->version[0] = '\0';
    return nvml;
}

void rt_nvml_close(struct rt_nvml *nvml)
{
    if (nvml == NULL)
        return;
    nvml->shutdown();
    dlclose(nvml->library);
    free(nvml);
}

const char *rt_nvml_driver(const struct rt_nvml *nvml)
{
    return nvml != NULL ? nvml->version : "";
}

int rt_nvml_cuda(const struct rt_nvml *nvml)
{
    int version = 0;
    return nvml != NULL && RT_NVML_HAS(nvml, cuda, &version) ? version : 0;
}

int rt_nvml_count(const struct rt_nvml *nvml)
{
    unsigned count = 0;
    return nvml != NULL && RT_NVML_HAS(nvml, count, &count) ? (int)count : 0;
}

struct rt_nvml_gpu *rt_nvml_at(const struct rt_nvml *nvml, int index)
{
    struct rt_nvml_gpu *gpu = NULL;
    return nvml != NULL && index >= 0 && RT_NVML_HAS(nvml, at, (unsigned)index, &gpu) ? gpu : NULL;
}

struct rt_nvml_gpu *rt_nvml_find(const struct rt_nvml *nvml, const char *bus)
{
    struct rt_nvml_gpu *gpu = NULL;
    return nvml != NULL && bus[0] != '\0' && RT_NVML_HAS(nvml, find, bus, &gpu) ? gpu : NULL;
}

void rt_nvml_name(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, char *buf, size_t bytes)
{
    if (nvml == NULL || gpu == NULL || !RT_NVML_HAS(nvml, name, gpu, buf, (unsigned)bytes))
        buf[0] = '\0';
}

void rt_nvml_uuid(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, char *buf, size_t bytes)
{
    if (nvml == NULL || gpu == NULL || !RT_NVML_HAS(nvml, uuid, gpu, buf, (unsigned)bytes))
        buf[0] = '\0';
}

static void use_memory(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, struct rt_nvml_use *use)
{
    struct rt_nvml_memory_v2 two = { .version = RT_NVML_MEMORY_V2 };
    struct rt_nvml_memory one;
    if (RT_NVML_HAS(nvml, memory_v2, gpu, &two)) {
        use->memory_used_bytes = (double)two.used;
        use->memory_total_bytes = (double)two.total;
    } else if (RT_NVML_HAS(nvml, memory, gpu, &one)) {
        use->memory_used_bytes = (double)one.used;
        use->memory_total_bytes = (double)one.total;
    }
}

void rt_nvml_use(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, struct rt_nvml_use *use)
{
    struct rt_nvml_utilization share;
    unsigned number;
    unsigned long long large;
    *use = (struct rt_nvml_use){ NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN };
    if (nvml == NULL || gpu == NULL)
        return;
    if (RT_NVML_HAS(nvml, utilization, gpu, &share)) {
        use->gpu_percent = share.gpu;
        use->memory_percent = share.memory;
    }
    use_memory(nvml, gpu, use);
    if (RT_NVML_HAS(nvml, clock, gpu, RT_NVML_CLOCK_SM, &number))
        use->sm_mhz = number;
    if (RT_NVML_HAS(nvml, clock, gpu, RT_NVML_CLOCK_MEMORY, &number))
        use->memory_mhz = number;
    if (RT_NVML_HAS(nvml, power, gpu, &number))
        use->power_w = number / 1e3;
    if (RT_NVML_HAS(nvml, temperature, gpu, 0, &number))
        use->temperature_c = number;
    if (RT_NVML_HAS(nvml, energy, gpu, &large))
        use->energy_j = (double)large / 1e3;
}

void rt_nvml_limits(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, struct rt_nvml_limits *limits)
{
    unsigned number;
    *limits = (struct rt_nvml_limits){ NAN, NAN, NAN, NAN, NAN, NAN, NAN };
    if (nvml == NULL || gpu == NULL)
        return;
    if (RT_NVML_HAS(nvml, max_clock, gpu, RT_NVML_CLOCK_SM, &number))
        limits->sm_mhz = number;
    if (RT_NVML_HAS(nvml, max_clock, gpu, RT_NVML_CLOCK_MEMORY, &number))
        limits->memory_mhz = number;
    if (RT_NVML_HAS(nvml, power_limit, gpu, &number))
        limits->power_w = number / 1e3;
    if (RT_NVML_HAS(nvml, pcie_generation, gpu, &number))
        limits->pcie_generation_now = number;
    if (RT_NVML_HAS(nvml, pcie_max_generation, gpu, &number))
        limits->pcie_generation_most = number;
    if (RT_NVML_HAS(nvml, pcie_width, gpu, &number))
        limits->pcie_width_now = number;
    if (RT_NVML_HAS(nvml, pcie_max_width, gpu, &number))
        limits->pcie_width_most = number;
}

bool rt_nvml_slow(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu, uint64_t *bits)
{
    unsigned long long reasons = 0;
    if (nvml == NULL || gpu == NULL)
        return false;
    if (!RT_NVML_HAS(nvml, event_reasons, gpu, &reasons) && !RT_NVML_HAS(nvml, throttle_reasons, gpu, &reasons))
        return false;
    *bits = reasons;
    return true;
}

const char *rt_nvml_slow_text(uint64_t bits, char *buf, size_t bytes)
{
    static const char *const words[] = {
        "idle",           "clocks set lower", "power cap", "hardware slowdown", "sync boost", "hot (driver)",
        "hot (hardware)", "power brake",      "display"
    };
    size_t at = 0;
    snprintf(buf, bytes, "none");
    for (size_t i = 0; i < 64; i++) {
        if ((bits >> i & 1) == 0 || at >= bytes)
            continue;
        const char *comma = at > 0 ? ", " : "";
        if (i < sizeof words / sizeof *words)
            at += (size_t)snprintf(buf + at, bytes - at, "%s%s", comma, words[i]);
        else
            at += (size_t)snprintf(buf + at, bytes - at, "%sreason %zu", comma, i);
    }
    return buf;
}
