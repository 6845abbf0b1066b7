/*
 * fake_nvml.c - a stand-in for libnvidia-ml.so.1, for tests without a GPU.
 *
 * FAKE_NVML asks for what is there, words apart by commas:
 *     gpus=N        that many cards (2 where not said), at 0000:1b:00.0, 0000:1c:00.0, ...
 *     nodriver      the library does not start          plain     the cards know nothing (NOT_SUPPORTED)
 *     xid=GPU:N     an Xid event N of that card, once    hot=GPU   that card slows down for heat, at half the
 *                   clock; allhot: all of them
 *     oldmemory     memory in use is known by its older function alone
 *     uecc=GPU      that card has had an uncorrectable memory error
 *     lost=GPU      that card has fallen off the bus     hang=GPU  a question about that card is never answered
 * FAKE_NVML_FILE names a file with such words, which is read again each time, so that cards fail in the midst
 * of a run; as long as it is not there FAKE_NVML holds. Built with FEW defined it is a library of which most
 * functions are missing; the reasons of clocks have their old name in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    OK = 0,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    NOT_FOUND = 6,
    NO_DRIVER = 9,
    TIMEOUT = 10,
    GPU_IS_LOST = 15,
    ARGUMENT_VERSION_MISMATCH = 25
};

struct gpu {
    int number;
};
static struct gpu gpus[16];
static int started;

static const char *words(char *room, size_t bytes)
{
    const char *path = getenv("FAKE_NVML_FILE");
    FILE *f = path != NULL ? fopen(path, "re") : NULL;
    if (f == NULL)
        return getenv("FAKE_NVML");
    room[fread(room, 1, bytes - 1, f)] = '\0';
    fclose(f);
    room[strcspn(room, "\n")] = '\0';
    return room;
}

/* The value of word=VALUE, `otherwise` where it is not said; of a word alone 1. */
static int asked(const char *word, int otherwise)
{
    char room[256];
    const char *text = words(room, sizeof room);
    const size_t n = strlen(word);
    for (; text != NULL && *text != '\0'; text = strchr(text, ',') != NULL ? strchr(text, ',') + 1 : NULL)
        if (strncmp(text, word, n) == 0 && (text[n] == '=' || text[n] == ',' || text[n] == '\0'))
            return text[n] == '=' ? atoi(text + n + 1) : 1;
    return otherwise;
}

static int count(void)
{
    return asked("gpus", 2);
}

static int hot(const struct gpu *g)
{
    return asked("hot", -1) == g->number || asked("allhot", 0);
}

static int value(const struct gpu *g, unsigned long long x, unsigned *out)
{
    if (g < gpus || g >= gpus + count())
        return INVALID_ARGUMENT;
    while (asked("hang", -1) == g->number)
        sleep(1);
    if (asked("lost", -1) == g->number)
        return GPU_IS_LOST;
    if (asked("plain", 0))
        return NOT_SUPPORTED;
    *out = (unsigned)x;
    return OK;
}

int nvmlInit_v2(void)
{
    for (int i = 0; i < 16; i++)
        gpus[i].number = i;
    started++;
    return asked("nodriver", 0) ? NO_DRIVER : OK;
}

int nvmlShutdown(void)
{
    started--;
    return OK;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, struct gpu **g)
{
    char mine[24];
    for (int i = 0; i < count(); i++) {
        snprintf(mine, sizeof mine, "0000:%02x:00.0", 0x1b + i);
        if (strlen(bus) >= 12 && strcasecmp(bus + strlen(bus) - 12, mine) == 0) {
            *g = &gpus[i];
            return OK;
        }
    }
    return NOT_FOUND;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(struct gpu *g, unsigned long long *bits)
{
    unsigned plain = 0;
    const int st = value(g, 4, &plain);
    *bits = hot(g) ? 0x40 : plain;
    return st;
}

#ifndef FEW
int nvmlSystemGetDriverVersion(char *text, unsigned bytes)
{
    snprintf(text, bytes, "570.00.01");
    return OK;
}

int nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    *version = 12080;
    return OK;
}

int nvmlDeviceGetCount_v2(unsigned *n)
{
    *n = (unsigned)count();
    return OK;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned i, struct gpu **g)
{
    if (i >= (unsigned)count())
        return INVALID_ARGUMENT;
    *g = &gpus[i];
    return OK;
}

int nvmlDeviceGetName(struct gpu *g, char *text, unsigned bytes)
{
    snprintf(text, bytes, "Fake card %d", g->number);
    return OK;
}

int nvmlDeviceGetUUID(struct gpu *g, char *text, unsigned bytes)
{
    snprintf(text, bytes, "GPU-fake-%d", g->number);
    return OK;
}

int nvmlDeviceGetUtilizationRates(struct gpu *g, unsigned out[2])
{
    const int st = value(g, 90u + (unsigned)g->number, &out[0]);
    return st == OK ? value(g, 40, &out[1]) : st;
}

int nvmlDeviceGetMemoryInfo(struct gpu *g, unsigned long long out[3])
{
    unsigned gib = 0;
    const int st = value(g, 1u + (unsigned)g->number, &gib);
    out[0] = 80ull << 30;
    out[2] = (unsigned long long)gib << 30;
    out[1] = out[0] - out[2];
    return st;
}

struct memory_v2 {
    unsigned version;
    unsigned long long total, reserved, free, used;
};

/* The older function counts the half GiB that is reserved as used. With oldmemory the driver knows this one
 * not. */
int nvmlDeviceGetMemoryInfo_v2(struct gpu *g, struct memory_v2 *out)
{
    unsigned gib = 0;
    if (out->version != 0x02000028) /* 40 bytes, version 2 */
        return ARGUMENT_VERSION_MISMATCH;
    if (asked("oldmemory", 0))
        return NOT_SUPPORTED;
    const int st = value(g, 1u + (unsigned)g->number, &gib);
    out->total = 80ull << 30;
    out->reserved = 1ull << 29;
    out->used = ((unsigned long long)gib << 30) - out->reserved;
    out->free = out->total - out->reserved - out->used;
    return st;
}

int nvmlDeviceGetClockInfo(struct gpu *g, int which, unsigned *mhz)
{
    const unsigned part = hot(g) ? 2 : 1;
    return which == 1 ? value(g, 1980 / part, mhz) : which == 2 ? value(g, 2619, mhz) : INVALID_ARGUMENT;
}

int nvmlDeviceGetMaxClockInfo(struct gpu *g, int which, unsigned *mhz)
{
    return which == 1 ? value(g, 1980, mhz) : which == 2 ? value(g, 2619, mhz) : INVALID_ARGUMENT;
}

int nvmlDeviceGetPowerUsage(struct gpu *g, unsigned *mw)
{
    return value(g, 612500, mw);
}

int nvmlDeviceGetEnforcedPowerLimit(struct gpu *g, unsigned *mw)
{
    return value(g, 700000, mw);
}

int nvmlDeviceGetTotalEnergyConsumption(struct gpu *g, unsigned long long *mj)
{
    static unsigned long long energy_mj = 1000000;
    unsigned x = 0;
    const int st = value(g, 0, &x);
    *mj = energy_mj += 500; /* half a joule a look */
    return st;
}

int nvmlDeviceGetTemperature(struct gpu *g, int sensor, unsigned *c)
{
    return sensor == 0 ? value(g, 61, c) : INVALID_ARGUMENT;
}

int nvmlDeviceGetCurrentClocksEventReasons(struct gpu *g, unsigned long long *bits)
{
    return nvmlDeviceGetCurrentClocksThrottleReasons(g, bits);
}

int nvmlDeviceGetTotalEccErrors(struct gpu *g, int error, int counter, unsigned long long *n)
{
    unsigned x = 0;
    const int st = value(g, error == 1 ? asked("uecc", -1) == g->number : counter == 0 ? 3 : 30, &x);
    *n = x;
    return st;
}

int nvmlDeviceGetRemappedRows(struct gpu *g, unsigned *corrected, unsigned *uncorrected, unsigned *pending,
                              unsigned *failed)
{
    *uncorrected = *pending = 1;
    *failed = 0;
    return value(g, 2, corrected);
}

int nvmlDeviceGetCurrPcieLinkGeneration(struct gpu *g, unsigned *n)
{
    return value(g, 1, n);
}

int nvmlDeviceGetMaxPcieLinkGeneration(struct gpu *g, unsigned *n)
{
    return value(g, 5, n);
}

int nvmlDeviceGetCurrPcieLinkWidth(struct gpu *g, unsigned *n)
{
    return value(g, 8, n);
}

int nvmlDeviceGetMaxPcieLinkWidth(struct gpu *g, unsigned *n)
{
    return value(g, 16, n);
}

int nvmlDeviceGetPcieThroughput(struct gpu *g, int which, unsigned *kb)
{
    return which == 0 ? value(g, 1000, kb) : value(g, 2000, kb);
}

/* Links 0 and 2 to 5, the last of them down. */
int nvmlDeviceGetNvLinkState(struct gpu *g, unsigned link, unsigned *up)
{
    return link == 1 || link > 5 ? NOT_SUPPORTED : value(g, link != 5, up);
}

int nvmlDeviceGetNvLinkVersion(struct gpu *g, unsigned link, unsigned *version)
{
    (void)link;
    return value(g, 6, version);
}

int nvmlDeviceGetNvLinkErrorCounter(struct gpu *g, unsigned link, int counter, unsigned long long *n)
{
    unsigned x = 0;
    const int st = value(g, counter == 0 ? link : counter == 2 ? 1 : 0, &x);
    *n = x;
    return counter == 1 ? NOT_SUPPORTED : st; /* a counter that this card has not */
}

struct set {
    int gpus; /* a bit each */
    int told;
};

int nvmlEventSetCreate(struct set **set)
{
    *set = calloc(1, sizeof **set);
    return OK;
}

int nvmlEventSetFree(struct set *set)
{
    free(set);
    return OK;
}

int nvmlDeviceRegisterEvents(struct gpu *g, unsigned long long types, struct set *set)
{
    if (asked("plain", 0))
        return NOT_SUPPORTED;
    set->gpus |= types == 8 ? 1 << g->number : 0;
    return OK;
}

struct event {
    struct gpu *g;
    unsigned long long type, data;
    unsigned instance[2];
};

int nvmlEventSetWait_v2(struct set *set, struct event *event, unsigned ms)
{
    char room[256];
    const char *text = words(room, sizeof room);
    const char *at = text != NULL ? strstr(text, "xid=") : NULL;
    int number = 0;
    unsigned long long xid = 0;
    (void)ms;
    if (set->told || at == NULL || sscanf(at, "xid=%d:%llu", &number, &xid) != 2 ||
        (set->gpus >> number & 1) == 0)
        return TIMEOUT;
    set->told = 1;
    *event = (struct event){ &gpus[number], 8, xid, { 0, 0 } };
    return OK;
}
#endif
