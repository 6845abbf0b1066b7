/* hosts.c - where the ranks are: hosts, program and MPI, clocks, memory, cores. */
#include "config.h"
#include "check/links.h"

#include "base/clock.h"
#include "base/room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* Clocks of hosts may be so far apart: stamps in logs and files then still come in the order of events. */
static const double clocks_apart_s = 1.0;

static void look_around(struct rt_check *c, struct rt_place *mine)
{
    struct utsname system;
    const struct rt_room room = rt_host_room();
    memset(mine, 0, sizeof *mine);
    mine->wall_s = rt_wall_s();
    snprintf(mine->host, sizeof mine->host, "%s", rt_dist_host(c->dist));
    if (uname(&system) == 0)
        snprintf(mine->kernel, sizeof mine->kernel, "%.39s %.39s", system.release, system.machine);
    snprintf(mine->program, sizeof mine->program, "%s", PACKAGE_VERSION);
    snprintf(mine->mpi, sizeof mine->mpi, "%s", rt_dist_mpi_version(c->dist));
    if (sched_getaffinity(0, sizeof mine->cores, &mine->cores) != 0)
        CPU_ZERO(&mine->cores);
    mine->memory = room.all_bytes;
    mine->free = room.free_bytes;
    mine->network = rt_network_rate(mine->interface, sizeof mine->interface);
}

/* The first rank of its host? */
static bool leads(const struct rt_check *c, int r)
{
    for (int b = 0; b < r; b++)
        if (rt_same_host(c, r, b))
            return false;
    return true;
}

static int ranks_with(const struct rt_check *c, int r)
{
    int n = 0;
    for (int b = 0; b < c->size; b++)
        n += rt_same_host(c, r, b);
    return n;
}

static void tell_hosts(struct rt_check *c)
{
    char names[1200] = "";
    size_t used = 0;
    int hosts = 0, low = c->size, high = 0;
    for (int r = 0; r < c->size; r++) {
        if (!leads(c, r))
            continue;
        const int n = ranks_with(c, r);
        low = n < low ? n : low;
        high = n > high ? n : high;
        if (used + 300 < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%.250s (%d)", hosts > 0 ? ", " : "",
                                     c->hosts[r], n);
        hosts++;
    }
    rt_find_job(c->findings, low == high ? RT_OK : RT_WARNING, "hosts", "%d rank%s on %d host%s: %s%s", c->size,
                c->size == 1 ? "" : "s", hosts, hosts == 1 ? "" : "s", names,
                low == high ? ""
                            : "\nhosts with fewer ranks leave devices unused; start equally many on each "
                              "(--map-by ppr:N:node, --ntasks-per-node)");
}

/* One text of every rank, found at `offset` in its place: said once, or by rank where it differs. */
static void compare(struct rt_check *c, size_t offset, const char *name, int code, const char *cure)
{
    const char *const first = (const char *)&c->place[0] + offset;
    bool differs = false;
    for (int r = 1; r < c->size; r++)
        differs = differs || strcmp((const char *)&c->place[r] + offset, first) != 0;
    const char *const mine = (const char *)&c->place[c->rank] + offset;
    if (!differs)
        rt_find_job(c->findings, RT_OK, "versions", "%s %s", name, first);
    else
        rt_find_rank(c->findings, code, "versions", "%s %s, and another on other ranks\n%s", name, mine, cure);
}

static void tell_clocks(struct rt_check *c)
{
    int low = 0, high = 0;
    for (int r = 1; r < c->size; r++) {
        low = c->place[r].wall_s < c->place[low].wall_s ? r : low;
        high = c->place[r].wall_s > c->place[high].wall_s ? r : high;
    }
    const double apart = c->place[high].wall_s - c->place[low].wall_s;
    if (apart > clocks_apart_s)
        rt_find_job(c->findings, RT_WARNING, "clock",
                    "the clocks of %s and %s are %.1f s apart\nlet NTP or chrony set them; the run takes times "
                    "from rank 0 alone, but files and logs of the hosts do not go together",
                    c->hosts[low], c->hosts[high], apart);
    else if (c->size > 1)
        rt_find_job(c->findings, RT_OK, "clock", "the ranks' clocks are %.3f s apart at most", apart);
}

static void tell_memory(struct rt_check *c)
{
    char free_text[RT_WORDS], all_text[RT_WORDS];
    for (int r = 0; r < c->size; r++)
        if (leads(c, r) && c->place[r].memory != SIZE_MAX)
            rt_find_job(c->findings, RT_OK, "memory", "%s: %s of %s free for %d rank%s", c->hosts[r],
                        rt_words_bytes(free_text, (double)c->place[r].free),
                        rt_words_bytes(all_text, (double)c->place[r].memory), ranks_with(c, r),
                        ranks_with(c, r) == 1 ? "" : "s");
}

rt_status rt_check_hosts(struct rt_check *c)
{
    struct rt_place mine;
    size_t bytes = 0;
    RT_TRY(rt_dist_barrier(c->dist, c->err));
    look_around(c, &mine);
    RT_TRY(rt_dist_allgather(c->dist, &mine, sizeof mine, (void **)&c->place, &bytes, NULL, c->err));
    c->hosts = calloc((size_t)c->size, sizeof *c->hosts);
    const rt_status st =
        c->hosts == NULL ? rt_fail(c->err, RT_ERR_MEMORY, "no memory for the hosts' names") : RT_OK;
    RT_TRY(rt_dist_agree(c->dist, st, c->err));
    for (int r = 0; r < c->size; r++)
        c->hosts[r] = c->place[r].host;
    RT_TRY(rt_dist_agree(c->dist, rt_findings_open(&c->findings, c->dist, c->hosts, c->opt->json, c->err),
                         c->err));
    tell_hosts(c);
    compare(c, offsetof(struct rt_place, program), "ranktune", RT_ERR_DEVICE,
            "install the same ranktune on every host");
    compare(c, offsetof(struct rt_place, mpi), "MPI:", RT_WARNING,
            "let every host find the same MPI library (LD_LIBRARY_PATH, modules)");
    compare(c, offsetof(struct rt_place, kernel), "Linux", RT_WARNING,
            "that may be meant; other processors round matrix products of a CPU job otherwise");
    tell_clocks(c);
    tell_memory(c);
    return rt_findings_share(c->findings, c->err);
}

/* Cores of this rank, those that it shares with others counted in parts: of the masks, not of the hosts. */
static double cores_of(const struct rt_check *c, int r)
{
    double cores = 0;
    for (int k = 0; k < CPU_SETSIZE; k++) {
        int users = 0;
        if (!CPU_ISSET(k, &c->place[r].cores))
            continue;
        for (int b = 0; b < c->size; b++)
            users += rt_same_host(c, r, b) && CPU_ISSET(k, &c->place[b].cores);
        cores += 1.0 / users;
    }
    return cores;
}

void rt_check_cores(struct rt_check *c)
{
    const double cores = cores_of(c, c->rank);
    const bool gpus = c->seat != NULL && c->seat[c->rank].kind == RT_DEVICE_CUDA;
    if (gpus && cores < 2)
        rt_find_rank(c->findings, RT_WARNING, "cores",
                     "%.1f cores for a rank with a GPU: pictures may not be ready in time\nbind wider: mpirun "
                     "--bind-to none or --map-by ppr:N:node:PE=4, srun --cpus-per-task=4",
                     cores);
    else
        rt_find_rank(c->findings, RT_OK, "cores", "%.3g cores a rank (%d in its mask)", cores,
                     CPU_COUNT(&c->place[c->rank].cores));
}

rt_status rt_check_gather(struct rt_check *c, double mine, double *all)
{
    double *got = NULL;
    size_t bytes = 0;
    RT_TRY(rt_dist_allgather(c->dist, &mine, sizeof mine, (void **)&got, &bytes, NULL, c->err));
    memcpy(all, got, bytes);
    free(got);
    return RT_OK;
}
