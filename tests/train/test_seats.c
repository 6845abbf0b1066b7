/* test_seats.c - which GPU each rank has: the lines that say it, and jobs that are refused before anything is
 * loaded. */
#include "config.h"
#include "train/seats.h"
#include "tap.h"

#include <string.h>

enum { GPUS = 4 };

/* `ranks` ranks on hosts of `per_host` each, every host with GPUS GPUs, which a rank takes in turn, as an exec
 * does. */
static void sit(struct rt_seat *seat, int ranks, int per_host, int visible)
{
    for (int r = 0; r < ranks; r++) {
        const int host = r / per_host, gpu = r % per_host % visible;
        seat[r] = (struct rt_seat){ .kind = RT_DEVICE_CUDA, .local_size = per_host };
        seat[r].device.visible = visible;
        snprintf(seat[r].host, sizeof seat[r].host, "gpu%d", host + 1);
        snprintf(seat[r].device.name, sizeof seat[r].device.name, "Card");
        snprintf(seat[r].device.uuid, sizeof seat[r].device.uuid, "GPU-%02d%06d-0000", host, gpu);
        snprintf(seat[r].device.bus, sizeof seat[r].device.bus, "0000:%02d:00.0", gpu);
    }
}

static void refused(const struct rt_seat *seat, int ranks, const char *what, const char *const *text)
{
    struct rt_error err = { .text = "" };
    const rt_status st = rt_seats_check(seat, ranks, &err);
    int missing = 0;
    for (; *text != NULL; text++)
        missing += strstr(err.text, *text) == NULL;
    ok(st == RT_ERR_DEVICE && missing == 0, "%s: %s", what, err.text);
}

#define TEXTS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_check(void)
{
    struct rt_seat seat[8];
    sit(seat, 8, 4, GPUS);
    ok(rt_seats_check(seat, 8, NULL) == RT_OK, "4 ranks on each of 2 hosts of 4 GPUs are fine");
    ok(rt_seats_check(seat, 1, NULL) == RT_OK, "so is one rank");
    sit(seat, 8, 8, GPUS);
    refused(
        seat, 8, "8 ranks on a host of 4 GPUs",
        TEXTS("rank 0 on gpu1 and rank 4 on gpu1 have the same GPU: Card, GPU-00000000-0000, PCI 0000:00:00.0",
              "8 ranks run on gpu1, where rank 4 sees 4 GPUs: start 4 ranks a host", "-np 4", "ppr:4:node"));
    sit(seat, 2, 2, 1);
    refused(seat, 2, "2 ranks that see the same GPU alone",
            TEXTS("rank 1 sees 1 GPU:", "-np 1", "CUDA_VISIBLE_DEVICES"));
    sit(seat, 3, 3, GPUS);
    memcpy(seat[2].device.uuid, seat[0].device.uuid, sizeof seat[0].device.uuid);
    refused(seat, 3, "GPUs enough, but not seen alike",
            TEXTS("rank 0 on gpu1 and rank 2", "the same CUDA_VISIBLE_DEVICES"));
    sit(seat, 4, 2, GPUS);
    seat[3].kind = RT_DEVICE_CPU;
    refused(seat, 4, "a rank without a GPU",
            TEXTS("rank 0 on gpu1 has a GPU (Card) and rank 3 on gpu2 sees none", "device: cpu"));
    for (int r = 0; r < 3; r++)
        seat[r].kind = RT_DEVICE_CPU;
    ok(rt_seats_check(seat, 4, NULL) == RT_OK, "any number of ranks on CPUs is fine");
    seat[2].kind = RT_DEVICE_CUDA;
    refused(seat, 4, "a GPU on one rank only", TEXTS("rank 2 on gpu2 has a GPU", "rank 0 on gpu1 sees none"));
}

static void test_lines(void)
{
    struct rt_seat seat[4];
    char text[400], cut[20];
    sit(seat, 4, 2, GPUS);
    ok(rt_seats_line(seat, 4, 0, text, sizeof text) &&
           strcmp(text,
                  "gpu1: Card: rank 0 on 0000:00:00.0 (GPU-00000000), rank 1 on 0000:01:00.0 (GPU-00000001)") ==
               0,
       "a line a host: %s", text);
    ok(!rt_seats_line(seat, 4, 1, text, sizeof text), "only for its lowest rank");
    memcpy(seat[3].device.name, "Other", 6);
    ok(rt_seats_line(seat, 4, 2, text, sizeof text) &&
           strcmp(text, "gpu2: Card: rank 2 on 0000:00:00.0 (GPU-01000000); Other: rank 3 on 0000:01:00.0 "
                        "(GPU-01000001)") == 0,
       "different GPUs: %s", text);
    ok(rt_seats_line(seat, 4, 0, cut, sizeof cut) && strlen(cut) == sizeof cut - 1, "a line that is cut: %s",
       cut);
    ok(!rt_seats_apart(seat, 4), "ranks that see all GPUs of their host");
    seat[1].device.visible = 1;
    ok(rt_seats_apart(seat, 4), "a rank that sees one only");
    seat[1].local_size = 1;
    ok(!rt_seats_apart(seat, 4), "one rank a host may see one");
}

/* Rank r on cores from .. to of a host of so many. */
static void bind(struct rt_seat *seat, int from, int to, int online)
{
    CPU_ZERO(&seat->cores);
    for (int k = from; k <= to; k++)
        CPU_SET(k, &seat->cores);
    seat->online = online;
}

static void test_cores(void)
{
    struct rt_seat seat[4];
    char text[400] = "";
    sit(seat, 4, 2, GPUS);
    for (int r = 0; r < 4; r++)
        bind(&seat[r], 0, 15, 16);
    ok(rt_seats_cores(seat, 4, 1) == 8, "2 ranks that share 16 cores: %g each", rt_seats_cores(seat, 4, 1));
    ok(!rt_seats_narrow(seat, 4, text, sizeof text), "enough: nothing is said");
    bind(&seat[1], 3, 3, 16); /* shared with rank 0 */
    bind(&seat[2], 0, 0, 16);
    ok(rt_seats_narrow(seat, 4, text, sizeof text) &&
           strstr(text, "rank 1 on gpu1 may use 0.5 of the host's 16 cores (and 1 more rank fewer than 2): ") ==
               text &&
           strstr(text, "--bind-to none") != NULL,
       "ranks bound to a core: %s", text);
    bind(&seat[1], 0, 15, 16);
    bind(&seat[2], 0, 2, 16); /* one and a half for itself, as rank 3 has all */
    ok(rt_seats_narrow(seat, 4, text, sizeof text) && strstr(text, "rank 2 on gpu2 may use 1.5 of") == text,
       "in parts: %s", text);
    for (int r = 0; r < 4; r++)
        bind(&seat[r], 0, 1, 2);
    ok(!rt_seats_narrow(seat, 4, text, sizeof text), "a host that has no more: nothing is said");
    CPU_ZERO(&seat[0].cores);
    seat[0].online = 16;
    ok(!rt_seats_narrow(seat, 4, text, sizeof text), "not known: nothing is said");
    rt_seat_take(&seat[0], "here", 1);
    ok(strcmp(seat[0].host, "here") == 0 && CPU_COUNT(&seat[0].cores) >= 1 &&
           CPU_COUNT(&seat[0].cores) <= seat[0].online && seat[0].local_size == 1,
       "this process: %d of %d cores", CPU_COUNT(&seat[0].cores), seat[0].online);
}

int main(void)
{
    test_check();
    test_lines();
    test_cores();
    return tap_done();
}
