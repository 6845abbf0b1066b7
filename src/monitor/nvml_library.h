/* nvml_library.h - NVML's functions, found at run time. Private to monitor. */
#ifndef RT_MONITOR_NVML_LIBRARY_H
#define RT_MONITOR_NVML_LIBRARY_H

#include "monitor/nvml.h"

/*
 * The library's public interface as it has been since CUDA 11 (its header need not be there to build): a
 * function returns 0 on success, numbers are C's own, enumerations are ints.
 */
struct rt_nvml_utilization { /* % */
    unsigned gpu, memory;
};
struct rt_nvml_memory {
    unsigned long long total, free, used;
};
struct rt_nvml_memory_v2 { /* its `used` is without what the driver keeps for itself, as nvidia-smi counts */
    unsigned version;      /* in: RT_NVML_MEMORY_V2 */
    unsigned long long total, reserved, free, used;
};
/* Versions of structs are their size and, from bit 24 on, a number. */
#define RT_NVML_MEMORY_V2 ((unsigned)sizeof(struct rt_nvml_memory_v2) | 2u << 24)
struct rt_nvml_event {
    struct rt_nvml_gpu *gpu;
    unsigned long long type, data; /* data of an Xid event: its number */
    unsigned gpu_instance, compute_instance;
};
enum { RT_NVML_CLOCK_SM = 1, RT_NVML_CLOCK_MEMORY = 2 };
enum { RT_NVML_CORRECTED, RT_NVML_UNCORRECTED };
enum { RT_NVML_VOLATILE, RT_NVML_AGGREGATE };
enum { RT_NVML_SENT, RT_NVML_RECEIVED };
enum { RT_NVML_REPLAY, RT_NVML_RECOVERY, RT_NVML_CRC_FLIT, RT_NVML_CRC_DATA };
enum { RT_NVML_GPU_IS_LOST = 15, RT_NVML_RESET_REQUIRED = 16 }; /* what a function returns */
enum { RT_NVML_MOST_LINKS = 36, RT_NVML_EVENT_XID = 8 };

/* The functions in use: X(our name, its name after nvml, its arguments). Newer names first: clocks' reasons had
 * another name before driver 535. */
#define RT_NVML_FUNCTIONS(X)                                                                                   \
    X(init, "Init_v2", (void))                                                                                 \
    X(shutdown, "Shutdown", (void))                                                                            \
    X(driver, "SystemGetDriverVersion", (char *, unsigned))                                                    \
    X(cuda, "SystemGetCudaDriverVersion_v2", (int *))                                                          \
    X(count, "DeviceGetCount_v2", (unsigned *))                                                                \
    X(at, "DeviceGetHandleByIndex_v2", (unsigned, struct rt_nvml_gpu **))                                      \
    X(find, "DeviceGetHandleByPciBusId_v2", (const char *, struct rt_nvml_gpu **))                             \
    X(name, "DeviceGetName", (struct rt_nvml_gpu *, char *, unsigned))                                         \
    X(uuid, "DeviceGetUUID", (struct rt_nvml_gpu *, char *, unsigned))                                         \
    X(utilization, "DeviceGetUtilizationRates", (struct rt_nvml_gpu *, struct rt_nvml_utilization *))          \
    X(memory, "DeviceGetMemoryInfo", (struct rt_nvml_gpu *, struct rt_nvml_memory *))                          \
    X(memory_v2, "DeviceGetMemoryInfo_v2", (struct rt_nvml_gpu *, struct rt_nvml_memory_v2 *))                 \
    X(clock, "DeviceGetClockInfo", (struct rt_nvml_gpu *, int, unsigned *))                                    \
    X(max_clock, "DeviceGetMaxClockInfo", (struct rt_nvml_gpu *, int, unsigned *))                             \
    X(power, "DeviceGetPowerUsage", (struct rt_nvml_gpu *, unsigned *))                                        \
    X(power_limit, "DeviceGetEnforcedPowerLimit", (struct rt_nvml_gpu *, unsigned *))                          \
    X(energy, "DeviceGetTotalEnergyConsumption", (struct rt_nvml_gpu *, unsigned long long *))                 \
    X(temperature, "DeviceGetTemperature", (struct rt_nvml_gpu *, int, unsigned *))                            \
    X(event_reasons, "DeviceGetCurrentClocksEventReasons", (struct rt_nvml_gpu *, unsigned long long *))       \
    X(throttle_reasons, "DeviceGetCurrentClocksThrottleReasons", (struct rt_nvml_gpu *, unsigned long long *)) \
    X(ecc, "DeviceGetTotalEccErrors", (struct rt_nvml_gpu *, int, int, unsigned long long *))                  \
    X(remapped, "DeviceGetRemappedRows",                                                                       \
      (struct rt_nvml_gpu *, unsigned *, unsigned *, unsigned *, unsigned *))                                  \
    X(pcie_generation, "DeviceGetCurrPcieLinkGeneration", (struct rt_nvml_gpu *, unsigned *))                  \
    X(pcie_max_generation, "DeviceGetMaxPcieLinkGeneration", (struct rt_nvml_gpu *, unsigned *))               \
    X(pcie_width, "DeviceGetCurrPcieLinkWidth", (struct rt_nvml_gpu *, unsigned *))                            \
    X(pcie_max_width, "DeviceGetMaxPcieLinkWidth", (struct rt_nvml_gpu *, unsigned *))                         \
    X(pcie_throughput, "DeviceGetPcieThroughput", (struct rt_nvml_gpu *, int, unsigned *))                     \
    X(link_state, "DeviceGetNvLinkState", (struct rt_nvml_gpu *, unsigned, unsigned *))                        \
    X(link_version, "DeviceGetNvLinkVersion", (struct rt_nvml_gpu *, unsigned, unsigned *))                    \
    X(link_errors, "DeviceGetNvLinkErrorCounter", (struct rt_nvml_gpu *, unsigned, int, unsigned long long *)) \
    X(events_create, "EventSetCreate", (struct rt_nvml_set **))                                                \
    X(events_free, "EventSetFree", (struct rt_nvml_set *))                                                     \
    X(events_register, "DeviceRegisterEvents",                                                                 \
      (struct rt_nvml_gpu *, unsigned long long, struct rt_nvml_set *))                                        \
    X(events_wait, "EventSetWait_v2", (struct rt_nvml_set *, struct rt_nvml_event *, unsigned))

struct rt_nvml_set; /* the library's event set */

struct rt_nvml { /* a function that is missing is NULL */
#define RT_NVML_POINTER(name, theirs, arguments) int(*name) arguments;
    RT_NVML_FUNCTIONS(RT_NVML_POINTER)
#undef RT_NVML_POINTER
    void *library;
    char version[96]; /* the driver's */
};

/* Call one that may be missing: true if it is there and succeeded. */
#define RT_NVML_HAS(nvml, name, ...) ((nvml)->name != NULL && (nvml)->name(__VA_ARGS__) == 0)

#endif
