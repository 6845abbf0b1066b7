/*
 * tests/monitor/test_nvml.c - values of GPUs through a stand-in for NVIDIA's library (fake_nvml.c), through one
 * that lacks most functions, without a driver and without any library. Starts itself anew for each.
 */
#include "config.h"
#include "fake_nvml.h"
#include "monitor/nvml.h"
#include "tap.h"

#include <math.h>
#include <sys/wait.h>

static void try_missing(void)
{
    const char *why = "";
    struct rt_nvml *nvml = rt_nvml_open(&why);
    struct rt_nvml_use use;
    struct rt_nvml_limits limits;
    struct rt_nvml_health health;
    struct rt_nvml_links links;
    double sent, received;
    uint64_t bits = 1;
    char text[8] = "x";
    ok(nvml == NULL && strstr(why, "libnvidia-ml.so.1") != NULL, "without the library or its driver: %s", why);
    rt_nvml_use(nvml, NULL, &use);
    rt_nvml_limits(nvml, NULL, &limits);
    rt_nvml_health(nvml, NULL, &health);
    rt_nvml_links(nvml, NULL, &links);
    rt_nvml_pcie(nvml, NULL, &sent, &received);
    rt_nvml_name(nvml, NULL, text, sizeof text);
    ok(isnan(use.gpu_percent) && isnan(use.energy_j) && isnan(limits.sm_mhz) && isnan(limits.pcie_width_most) &&
           isnan(health.ecc_corrected) && isnan(health.remap_failed) && links.count == 0 &&
           isnan(links.version) && isnan(sent) && isnan(received) && text[0] == '\0',
       "then no value is known");
    ok(!rt_nvml_slow(nvml, NULL, &bits) && bits == 1 && rt_nvml_count(nvml) == 0 && rt_nvml_cuda(nvml) == 0 &&
           rt_nvml_driver(nvml)[0] == '\0' && rt_nvml_find(nvml, "0000:1b:00.0") == NULL &&
           rt_nvml_at(nvml, 0) == NULL && rt_nvml_events_open(nvml) == NULL && !rt_nvml_events_add(NULL, NULL),
       "and no card");
    rt_nvml_events_close(NULL);
    rt_nvml_close(nvml);
}

static void try_values(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu)
{
    struct rt_nvml_use use;
    struct rt_nvml_limits limits;
    uint64_t bits = 0;
    char text[128];
    rt_nvml_use(nvml, gpu, &use);
    ok(use.gpu_percent == 91 && use.memory_percent == 40, "use %g %% of the card, %g %% of its memory",
       use.gpu_percent, use.memory_percent);
    /* 2 GiB less the half that the driver keeps, which nvidia-smi does not count either */
    ok(use.memory_used_bytes == 1610612736.0 && use.memory_total_bytes == 85899345920.0,
       "memory %g of %g bytes", use.memory_used_bytes, use.memory_total_bytes);
    ok(use.sm_mhz == 990 && use.memory_mhz == 2619, "clocks %g and %g MHz", use.sm_mhz, use.memory_mhz);
    ok(use.power_w == 612.5 && use.temperature_c == 61 && use.energy_j > 1000 && use.energy_j < 1010,
       "%g W, %g degrees, %g J", use.power_w, use.temperature_c, use.energy_j);
    rt_nvml_limits(nvml, gpu, &limits);
    ok(limits.sm_mhz == 1980 && limits.memory_mhz == 2619 && limits.power_w == 700, "limits %g, %g MHz, %g W",
       limits.sm_mhz, limits.memory_mhz, limits.power_w);
    ok(limits.pcie_generation_now == 1 && limits.pcie_generation_most == 5 && limits.pcie_width_now == 8 &&
           limits.pcie_width_most == 16,
       "PCIe generation %g of %g, %g of %g lanes", limits.pcie_generation_now, limits.pcie_generation_most,
       limits.pcie_width_now, limits.pcie_width_most);
    bool known = rt_nvml_slow(nvml, gpu, &bits);
    ok(known && bits == RT_SLOW_HW_THERMAL && (bits & RT_SLOW_BAD) != 0, "clocks are lower for: %s",
       rt_nvml_slow_text(bits, text, sizeof text));
    known = rt_nvml_slow(nvml, rt_nvml_at(nvml, 0), &bits);
    ok(known && bits == RT_SLOW_POWER_CAP && (bits & RT_SLOW_BAD) == 0, "and of the other card for: %s",
       rt_nvml_slow_text(bits, text, sizeof text));
}

static void try_faults(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu)
{
    struct rt_nvml_health health;
    struct rt_nvml_links links;
    double sent, received;
    rt_nvml_health(nvml, gpu, &health);
    ok(health.ecc_corrected == 3 && health.ecc_corrected_ever == 30 && health.ecc_uncorrected == 1 &&
           health.ecc_uncorrected_ever == 1,
       "ECC %g and %g, ever %g and %g", health.ecc_corrected, health.ecc_uncorrected, health.ecc_corrected_ever,
       health.ecc_uncorrected_ever);
    ok(health.remapped_corrected == 2 && health.remapped_uncorrected == 1 && health.remap_pending == 1 &&
           health.remap_failed == 0,
       "remapped rows %g and %g", health.remapped_corrected, health.remapped_uncorrected);
    rt_nvml_links(nvml, gpu, &links);
    ok(links.count == 5 && links.up == 4 && links.version == 6, "%d of %d links work, version %g", links.up,
       links.count, links.version);
    ok(links.replay_errors == 0 + 2 + 3 + 4 && isnan(links.recovery_errors) && links.crc_errors == 4,
       "link errors: %g replays, recoveries not counted, %g checksums", links.replay_errors, links.crc_errors);
    rt_nvml_pcie(nvml, gpu, &sent, &received);
    ok(sent == 1e6 && received == 2e6, "PCIe %g and %g bytes a second", sent, received);
}

static void try_events(const struct rt_nvml *nvml, struct rt_nvml_gpu *gpu)
{
    struct rt_nvml_events *events = rt_nvml_events_open(nvml);
    struct rt_nvml_gpu *whose = NULL;
    uint64_t xid = 0;
    ok(events != NULL && rt_nvml_events_add(events, rt_nvml_at(nvml, 0)) &&
           !rt_nvml_events_wait(events, 0, &whose, &xid),
       "no event of another card");
    const bool came = rt_nvml_events_add(events, gpu) && rt_nvml_events_wait(events, 0, &whose, &xid);
    ok(came && whose == gpu && xid == 79 && rt_nvml_xid_is_hardware(xid) && !rt_nvml_xid_is_hardware(31),
       "an Xid event: %d", (int)xid);
    ok(!rt_nvml_events_wait(events, 0, &whose, &xid), "told once");
    rt_nvml_events_close(events);
}

static void try_whole(void)
{
    const char *why = "";
    struct rt_nvml *nvml = rt_nvml_open(&why);
    char name[64], uuid[64], small[10];
    if (!ok(nvml != NULL, "the library opens %s", why))
        return;
    struct rt_nvml_gpu *gpu = rt_nvml_find(nvml, "0000:1c:00.0");
    ok(strcmp(rt_nvml_driver(nvml), "570.00.01") == 0 && rt_nvml_cuda(nvml) == 12080 &&
           rt_nvml_count(nvml) == 3,
       "driver %s for CUDA %d, %d cards", rt_nvml_driver(nvml), rt_nvml_cuda(nvml), rt_nvml_count(nvml));
    rt_nvml_name(nvml, gpu, name, sizeof name);
    rt_nvml_uuid(nvml, gpu, uuid, sizeof uuid);
    ok(gpu != NULL && gpu == rt_nvml_at(nvml, 1) && strcmp(name, "Fake card 1") == 0 &&
           strcmp(uuid, "GPU-fake-1") == 0,
       "found by its PCI address: %s %s", name, uuid);
    ok(rt_nvml_find(nvml, "00000000:1C:00.0") == gpu && rt_nvml_find(nvml, "0000:99:00.0") == NULL &&
           rt_nvml_find(nvml, "") == NULL && rt_nvml_at(nvml, 3) == NULL && rt_nvml_at(nvml, -1) == NULL,
       "and no other");
    try_values(nvml, gpu);
    try_faults(nvml, gpu);
    try_events(nvml, gpu);
    ok(strcmp(rt_nvml_slow_text(0, name, sizeof name), "none") == 0 &&
           strcmp(rt_nvml_slow_text(0x1005, name, sizeof name), "idle, power cap, reason 12") == 0 &&
           strlen(rt_nvml_slow_text(0xffff, small, sizeof small)) == sizeof small - 1,
       "reasons in words, cut where there is no room");
    rt_nvml_close(nvml);
}

/* A driver that knows the older function for memory alone: what it keeps for itself counts as used. */
static void try_old_memory(void)
{
    struct rt_nvml *nvml = rt_nvml_open(NULL);
    struct rt_nvml_use use;
    rt_nvml_use(nvml, rt_nvml_find(nvml, "0000:1c:00.0"), &use);
    ok(use.memory_used_bytes == 2147483648.0 && use.memory_total_bytes == 85899345920.0,
       "an older driver: memory %g of %g bytes", use.memory_used_bytes, use.memory_total_bytes);
    rt_nvml_close(nvml);
}

/* Cards that know nothing, or a library of few functions: what is there is told, the rest left out. */
static void try_little(int few)
{
    struct rt_nvml *nvml = rt_nvml_open(NULL);
    struct rt_nvml_gpu *gpu = rt_nvml_find(nvml, "0000:1b:00.0");
    struct rt_nvml_use use;
    struct rt_nvml_limits limits;
    struct rt_nvml_health health;
    struct rt_nvml_links links;
    double sent, received;
    uint64_t bits = 0;
    if (!ok(nvml != NULL && gpu != NULL, "%s: the card is there",
            few ? "a library of few functions" : "a plain card"))
        return;
    rt_nvml_use(nvml, gpu, &use);
    rt_nvml_limits(nvml, gpu, &limits);
    rt_nvml_health(nvml, gpu, &health);
    rt_nvml_links(nvml, gpu, &links);
    rt_nvml_pcie(nvml, gpu, &sent, &received);
    const double *value = &use.gpu_percent, *limit = &limits.sm_mhz, *fault = &health.ecc_corrected;
    int known = 0;
    for (size_t i = 0; i < sizeof use / sizeof *value; i++)
        known += !isnan(value[i]);
    for (size_t i = 0; i < sizeof limits / sizeof *limit; i++)
        known += !isnan(limit[i]);
    for (size_t i = 0; i < sizeof health / sizeof *fault; i++)
        known += !isnan(fault[i]);
    ok(known == 0 && links.count == 0 && isnan(sent) && isnan(received), "and no value is");
    ok(rt_nvml_slow(nvml, gpu, &bits) == (few != 0) && bits == (few ? RT_SLOW_POWER_CAP : 0),
       "but reasons under their old name");
    struct rt_nvml_events *events = rt_nvml_events_open(nvml);
    ok(few ? events == NULL : events != NULL && !rt_nvml_events_add(events, gpu), "no events");
    rt_nvml_events_close(events);
    rt_nvml_close(nvml);
}

/* This program again as `what`, with its checks counted here. */
static void again(const char *what, const char *folder, const char *asked, char *program)
{
    char *argv[] = { program, (char *)(uintptr_t)what, NULL };
    fflush(stdout);
    int st = 0;
    const pid_t pid = fork();
    if (pid == 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", tap.run);
        setenv("FAKE_NVML_COUNTED", number, 1);
        fake_nvml_use(folder, asked, argv);
        _exit(255);
    }
    if (pid < 0 || waitpid(pid, &st, 0) != pid || !WIFEXITED(st) || WEXITSTATUS(st) >= 100)
        ok(0, "%s ended badly", what);
    else
        tap.run = WEXITSTATUS(st);
}

int main(int argc, char **argv)
{
    const char *counted = getenv("FAKE_NVML_COUNTED");
    if (argc > 1 && counted != NULL) {
        tap.run = atoi(counted);
        if (strcmp(argv[1], "whole") == 0)
            try_whole();
        else if (strcmp(argv[1], "missing") == 0)
            try_missing();
        else if (strcmp(argv[1], "older") == 0)
            try_old_memory();
        else
            try_little(strcmp(argv[1], "few") == 0);
        return tap.run; /* a check that failed has said so */
    }
    again("whole", "fake", "gpus=3,hot=1,uecc=1,xid=1:79", argv[0]);
    again("older", "fake", "oldmemory", argv[0]);
    again("plain", "fake", "plain", argv[0]);
    again("few", "few", "", argv[0]);
    again("missing", "fake", "nodriver", argv[0]);
    return tap_done();
}
