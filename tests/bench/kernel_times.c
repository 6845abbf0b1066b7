/*
 * kernel_times.c - a table of the kernels of a training run: where the GPU's time goes, and where it waits for
 * the host.
 *
 * A library that the CUDA driver loads into any program, which needs no change for it:
 *     gcc -O2 -fPIC -shared -I$CUDA/include tests/bench/kernel_times.c -L$CUDA/lib64 -lcupti -o kernel_times.so
 *     CUDA_INJECTION64_PATH=./kernel_times.so ranktune train job.yaml
 * At exit it writes to stderr, for the steps between the first and the last two: per kernel its calls,
 * milliseconds and microseconds a call, with sums a step; then the gaps during which no kernel or copy ran. A
 * step ends with the kernel whose name holds RT_KERNELS_STEP (default "update", AdamW's). RT_KERNELS_SHAPES=1
 * tells launches of different grids apart.
 */
#include <cupti.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct span {
    uint64_t start, end; /* ns */
    int32_t name;
};

enum { NAMES = 4096, NAME = 200, BUFFER = 8 << 20 };

/* CUPTI calls back without a context argument, so this one is global. */
static struct {
    struct span *span;
    size_t spans, room;
    char name[NAMES][NAME];
    int32_t names;
} seen;

static int32_t name_of(const char *text)
{
    for (int32_t i = 0; i < seen.names; i++)
        if (strncmp(seen.name[i], text, NAME - 1) == 0)
            return i;
    if (seen.names == NAMES)
        return NAMES - 1;
    snprintf(seen.name[seen.names], NAME, "%s", text);
    return seen.names++;
}

static void add(uint64_t start, uint64_t end, const char *name)
{
    if (seen.spans == seen.room) {
        seen.room = seen.room == 0 ? 1 << 20 : 2 * seen.room;
        seen.span = realloc(seen.span, seen.room * sizeof *seen.span);
        if (seen.span == NULL)
            abort();
    }
    seen.span[seen.spans++] = (struct span){ start, end, name_of(name) };
}

/* The name without its return type and arguments, with the grid on demand. */
static void add_kernel(const CUpti_ActivityKernel9 *k)
{
    char text[NAME];
    const char *shapes = getenv("RT_KERNELS_SHAPES");
    if (shapes != NULL && *shapes == '1')
        snprintf(text, sizeof text, "%.120s <%d,%d,%d>", k->name, k->gridX, k->gridY, k->gridZ);
    else
        snprintf(text, sizeof text, "%s", k->name);
    add(k->start, k->end, text);
}

static void take_buffer(uint8_t **buffer, size_t *size, size_t *records)
{
    *buffer = aligned_alloc(8, BUFFER);
    *size = *buffer == NULL ? 0 : BUFFER;
    *records = 0;
}

static void read_buffer(CUcontext context, uint32_t stream, uint8_t *buffer, size_t size, size_t valid)
{
    CUpti_Activity *record = NULL;
    (void)context, (void)stream, (void)size;
    while (cuptiActivityGetNextRecord(buffer, valid, &record) == CUPTI_SUCCESS) {
        if (record->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) {
            add_kernel((const CUpti_ActivityKernel9 *)record);
        } else if (record->kind == CUPTI_ACTIVITY_KIND_MEMCPY) {
            const CUpti_ActivityMemcpy5 *c = (const CUpti_ActivityMemcpy5 *)record;
            add(c->start, c->end,
                c->copyKind == CUPTI_ACTIVITY_MEMCPY_KIND_HTOD   ? "copy to the device"
                : c->copyKind == CUPTI_ACTIVITY_MEMCPY_KIND_DTOH ? "copy to the host"
                                                                 : "copy on the device");
        } else if (record->kind == CUPTI_ACTIVITY_KIND_MEMSET) {
            const CUpti_ActivityMemset4 *m = (const CUpti_ActivityMemset4 *)record;
            add(m->start, m->end, "memset");
        }
    }
    free(buffer);
}

static int by_start(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

struct sum {
    int32_t name;
    uint64_t ns, calls;
};

static int by_time(const void *a, const void *b)
{
    const struct sum *x = a, *y = b;
    return (x->ns < y->ns) - (x->ns > y->ns);
}

/* Sums over spans from..to, and the time between them that nothing filled. */
static void table(size_t from, size_t to, double steps)
{
    static struct sum sum[NAMES];
    uint64_t busy_until = seen.span[from].start, gap_ns = 0, long_ns = 0, longest = 0, longs = 0, gaps = 0;
    for (int32_t i = 0; i < seen.names; i++)
        sum[i].name = i;
    for (size_t i = from; i < to; i++) {
        const struct span *s = &seen.span[i];
        sum[s->name].ns += s->end - s->start;
        sum[s->name].calls++;
        if (s->start > busy_until) {
            const uint64_t gap = s->start - busy_until;
            gap_ns += gap;
            gaps++;
            longest = gap > longest ? gap : longest;
            longs += gap > 50000;
            long_ns += gap > 50000 ? gap : 0;
        }
        busy_until = s->end > busy_until ? s->end : busy_until;
    }
    const double all_ms = (double)(busy_until - seen.span[from].start) * 1e-6;
    qsort(sum, (size_t)seen.names, sizeof *sum, by_time);
    fprintf(stderr, "%9s %6s %8s %9s  kernel (%.0f steps, %.2f ms a step)\n", "ms/step", "%", "calls",
            "us/call", steps, all_ms / steps);
    for (int32_t i = 0; i < seen.names && sum[i].calls > 0; i++)
        fprintf(stderr, "%9.3f %6.2f %8.1f %9.2f  %.150s\n", (double)sum[i].ns * 1e-6 / steps,
                100 * (double)sum[i].ns * 1e-6 / all_ms, (double)sum[i].calls / steps,
                (double)sum[i].ns * 1e-3 / (double)sum[i].calls, seen.name[sum[i].name]);
    fprintf(
        stderr,
        "%9.3f %6.2f %8.1f %9.2f  nothing ran; %.1f gaps over 50 us a step, %.3f ms of them, longest %.0f us\n",
        (double)gap_ns * 1e-6 / steps, 100 * (double)gap_ns * 1e-6 / all_ms, (double)gaps / steps,
        gaps > 0 ? (double)gap_ns * 1e-3 / (double)gaps : 0.0, (double)longs / steps,
        (double)long_ns * 1e-6 / steps, (double)longest * 1e-3);
}

static void report(void)
{
    const char *mark = getenv("RT_KERNELS_STEP");
    size_t first = 0, last = 0, steps = 0;
    cuptiActivityFlushAll(1);
    if (seen.spans == 0) {
        fprintf(stderr, "kernel_times: nothing ran on a GPU\n");
        return;
    }
    qsort(seen.span, seen.spans, sizeof *seen.span, by_start);
    mark = mark == NULL ? "update" : mark;
    size_t ends = 0, *end = malloc(seen.spans * sizeof *end);
    for (size_t i = 0; end != NULL && i < seen.spans; i++)
        if (strstr(seen.name[seen.span[i].name], mark) != NULL)
            end[ends++] = i + 1;
    if (ends >= 4)
        first = end[1], last = end[ends - 1], steps = ends - 2;
    else
        last = seen.spans, steps = 1;
    free(end);
    table(first, last, (double)steps);
}

/* What the driver calls when the program initialises it. */
int InitializeInjection(void);
int InitializeInjection(void)
{
    static bool done; /* the driver may call more than once */
    if (done)
        return 1;
    done = true;
    if (cuptiActivityRegisterCallbacks(take_buffer, read_buffer) != CUPTI_SUCCESS ||
        cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) != CUPTI_SUCCESS ||
        cuptiActivityEnable(CUPTI_ACTIVITY_KIND_MEMCPY) != CUPTI_SUCCESS ||
        cuptiActivityEnable(CUPTI_ACTIVITY_KIND_MEMSET) != CUPTI_SUCCESS) {
        fprintf(stderr, "kernel_times: CUPTI cannot be used here\n");
        return 0;
    }
    atexit(report);
    return 1;
}
