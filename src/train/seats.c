/* seats.c - which device each rank has: said, and refused where two ranks would share a GPU. */
#include "config.h"
#include "base/text.h"
#include "train/seats.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void rt_seat_take(struct rt_seat *seat, const char *host, int local_size)
{
    *seat = (struct rt_seat){ .local_size = local_size, .online = (int)sysconf(_SC_NPROCESSORS_ONLN) };
    snprintf(seat->host, sizeof seat->host, "%s", host);
    if (sched_getaffinity(0, sizeof seat->cores, &seat->cores) != 0)
        CPU_ZERO(&seat->cores); /* not known */
}

static rt_status mixed(const struct rt_seat *seat, int gpu, int cpu, struct rt_error *err)
{
    return rt_fail(err, RT_ERR_DEVICE,
                   "device: auto: rank %d on %s has a GPU (%s) and rank %d on %s sees none; look at nvidia-smi "
                   "and CUDA_VISIBLE_DEVICES there, or write device: cpu",
                   gpu, seat[gpu].host, seat[gpu].device.name, cpu, seat[cpu].host);
}

static rt_status shared(const struct rt_seat *seat, int a, int b, struct rt_error *err)
{
    const struct rt_device_info *d = &seat[b].device;
    char cure[256];
    if (seat[b].local_size > d->visible && d->visible > 1)
        snprintf(cure, sizeof cure,
                 "start %d ranks a host (mpirun -np %d on one host; --map-by ppr:%d:node on several)",
                 d->visible, d->visible, d->visible);
    else if (d->visible == 1)
        snprintf(cure, sizeof cure,
                 "start 1 rank a host (mpirun -np 1), or let each rank see all GPUs of its host, or one of its "
                 "own, by CUDA_VISIBLE_DEVICES");
    else
        snprintf(cure, sizeof cure,
                 "give all ranks of a host the same CUDA_VISIBLE_DEVICES, or each a GPU of its own");
    return rt_fail(err, RT_ERR_DEVICE,
                   "rank %d on %s and rank %d on %s have the same GPU: %s, %s, PCI %s; a rank needs a GPU of "
                   "its own. %d ranks run on %s, where rank %d sees %d GPU%s: %s",
                   a, seat[a].host, b, seat[b].host, d->name, d->uuid, d->bus, seat[b].local_size, seat[b].host,
                   b, d->visible, d->visible == 1 ? "" : "s", cure);
}

rt_status rt_seats_check(const struct rt_seat *seat, int ranks, struct rt_error *err)
{
    for (int r = 1; r < ranks; r++)
        if (seat[r].kind != seat[0].kind)
            return seat[0].kind == RT_DEVICE_CUDA ? mixed(seat, 0, r, err) : mixed(seat, r, 0, err);
    for (int b = 1; b < ranks && seat[0].kind == RT_DEVICE_CUDA; b++)
        for (int a = 0; a < b; a++)
            if (strcmp(seat[a].device.uuid, seat[b].device.uuid) == 0)
                return shared(seat, a, b, err);
    return RT_OK;
}

bool rt_seats_line(const struct rt_seat *seat, int ranks, int first, char *text, size_t bytes)
{
    const char *name = "";
    for (int r = 0; r < first; r++)
        if (strcmp(seat[r].host, seat[first].host) == 0)
            return false;
    text[0] = '\0';
    rt_text_add(text, bytes, "%s:", seat[first].host);
    for (int r = first; r < ranks; r++) {
        const struct rt_device_info *d = &seat[r].device;
        if (strcmp(seat[r].host, seat[first].host) != 0)
            continue;
        if (strcmp(d->name, name) != 0)
            rt_text_add(text, bytes, "%s %s:", *name == '\0' ? "" : ";", d->name);
        else
            rt_text_add(text, bytes, ",");
        name = d->name;
        rt_text_add(text, bytes, " rank %d on %s (%.12s)", r, d->bus,
                    d->uuid); /* so much of a UUID nvidia-smi -i takes */
    }
    return true;
}

bool rt_seats_apart(const struct rt_seat *seat, int ranks)
{
    for (int r = 0; r < ranks; r++)
        if (seat[r].kind == RT_DEVICE_CUDA && seat[r].device.visible == 1 && seat[r].local_size > 1)
            return true;
    return false;
}

double rt_seats_cores(const struct rt_seat *seat, int ranks, int rank)
{
    double cores = 0;
    for (int k = 0; k < CPU_SETSIZE; k++) {
        int users = 0;
        if (!CPU_ISSET(k, &seat[rank].cores))
            continue;
        for (int r = 0; r < ranks; r++)
            users += strcmp(seat[r].host, seat[rank].host) == 0 && CPU_ISSET(k, &seat[r].cores);
        cores += 1.0 / users;
    }
    return cores;
}

bool rt_seats_narrow(const struct rt_seat *seat, int ranks, char *text, size_t bytes)
{
    int first = -1, others = 0;
    char more[64] = "";
    for (int r = 0; r < ranks; r++) {
        const bool known = CPU_COUNT(&seat[r].cores) > 0 && seat[r].online >= 2 * seat[r].local_size;
        if (!known || rt_seats_cores(seat, ranks, r) >= 2)
            continue;
        others += first >= 0;
        first = first >= 0 ? first : r;
    }
    if (first < 0)
        return false;
    if (others > 0)
        snprintf(more, sizeof more, " (and %d more rank%s fewer than 2)", others, others > 1 ? "s" : "");
    snprintf(
        text, bytes,
        "rank %d on %.200s may use %.3g of the host's %d cores%s: pictures may not be ready in time; bind wider: mpirun "
        "--bind-to none or --map-by ppr:N:node:PE=4, srun --cpus-per-task=4",
        first, seat[first].host, rt_seats_cores(seat, ranks, first), seat[first].online, more);
    return true;
}
