/* devices.c - which device each rank has, what links it has, and whether sums between GPUs start. */
#include "config.h"
#include "check/state.h"

#include "base/cores.h"
#include "monitor/nvml.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

static enum rt_dtype act_of(const struct rt_check *c)
{
    return c->job->train.bf16 || c->job->train.pure_bf16 ? RT_BF16 : RT_F32;
}

/* ---- what each rank has ---- */

static void tell_versions(struct rt_check *c)
{
    const struct rt_device_info *mine = &c->seat[c->rank].device;
    int code = RT_OK;
    for (int r = 1; r < c->size; r++)
        if (c->seat[r].device.driver != c->seat[0].device.driver ||
            c->seat[r].device.runtime != c->seat[0].device.runtime)
            code = RT_WARNING;
    rt_find_rank(c->findings, code, "versions", "CUDA %d.%d, driver %s for CUDA up to %d.%d%s",
                 mine->runtime / 1000, mine->runtime % 1000 / 10,
                 *rt_nvml_driver(c->nvml) != '\0' ? rt_nvml_driver(c->nvml) : "of unknown version",
                 mine->driver / 1000, mine->driver % 1000 / 10,
                 code == RT_OK ? "" : "\ninstall the same driver and program on every host");
}

static void tell_gpus(struct rt_check *c)
{
    char line[1500];
    for (int r = 0; r < c->size; r++)
        if (rt_seats_line(c->seat, c->size, r, line, sizeof line))
            rt_find_job(c->findings, RT_OK, "GPUs", "%s", line);
    if (rt_seats_apart(c->seat, c->size))
        rt_find_job(
            c->findings, RT_WARNING, "GPUs",
            "ranks of one host see one GPU each: NCCL may not use the links between the GPUs then\nlet every "
            "rank see all GPUs of its host (CUDA_VISIBLE_DEVICES, --gpu-bind=none)");
}

/* NVLink, each way, by the library's count of versions: 1.0, 2.0, 2.2, 3.0, 3.1, 4.0, 5.0. */
static double link_rate(double version)
{
    static const double rates[] = { 0, 20e9, 25e9, 25e9, 25e9, 25e9, 25e9, 50e9 };
    const int v = isnan(version) ? 0 : (int)version;
    return v >= 0 && v < (int)(sizeof rates / sizeof *rates) ? rates[v] : rates[7];
}

static const char *link_name(double version)
{
    static const char *const names[] = { "", " 1", " 2", " 2.2", " 3", " 3.1", " 4", " 5" };
    const int v = isnan(version) ? 0 : (int)version;
    return v >= 0 && v < (int)(sizeof names / sizeof *names) ? names[v] : "";
}

static rt_status tell_links(struct rt_check *c)
{
    struct rt_nvml_links links = { 0 };
    char rate[RT_WORDS];
    double *up = malloc((size_t)c->size * sizeof *up);
    rt_status st = up == NULL ? rt_fail(c->err, RT_ERR_MEMORY, "no memory for links") : RT_OK;
    RT_TRY_TO(st, rt_dist_agree(c->dist, st, c->err), done);
    rt_nvml_links(c->nvml, c->gpu, &links);
    RT_TRY_TO(st, rt_check_gather(c, links.up, up), done);
    c->nvlink = links.up * link_rate(links.version);
    bool fewer = false;
    for (int r = 0; r < c->size; r++)
        fewer = fewer || up[r] > links.up;
    if (links.up == 0 && !fewer)
        rt_find_rank(c->findings, RT_OK, "links", "no NVLink%s", c->gpu == NULL ? " that is known of" : "");
    else
        rt_find_rank(
            c->findings, fewer ? RT_WARNING : RT_OK, "links", "NVLink%s: %d of %d links up, %s each way%s",
            link_name(links.version), links.up, links.count, rt_words_rate(rate, c->nvlink, "B/s"),
            fewer ? "\nother ranks have more: look at nvidia-smi nvlink -s there; a reset of the GPU or a "
                    "bridge that sits well may help"
                  : "");
    const double errors = fmax(0, isnan(links.replay_errors) ? 0 : links.replay_errors) +
                          fmax(0, isnan(links.recovery_errors) ? 0 : links.recovery_errors);
    if (errors > 0)
        rt_find_rank(
            c->findings, RT_WARNING, "links",
            "NVLink: %.0f replays and recoveries since the driver was loaded\nlook at nvidia-smi nvlink -e; "
            "if they grow, the link is bad: have the host looked at",
            errors);
done:
    free(up);
    return st;
}

static void tell_health(struct rt_check *c)
{
    struct rt_nvml_health h;
    rt_nvml_health(c->nvml, c->gpu, &h);
    if (h.remap_failed > 0)
        rt_find_rank(
            c->findings, RT_WARNING, "GPUs",
            "memory rows that failed could not be replaced\nhave the card replaced; leave the host out until "
            "then (srun --exclude)");
    if (h.remap_pending > 0)
        rt_find_rank(c->findings, RT_WARNING, "GPUs",
                     "memory rows that failed will be replaced at the next reset of the GPU\nhave it reset "
                     "(nvidia-smi --gpu-reset) before a long run");
    if (h.ecc_uncorrected > 0)
        rt_find_rank(
            c->findings, RT_WARNING, "GPUs",
            "%.0f uncorrected memory errors since the driver was loaded\nhave the GPU reset or leave the "
            "host out (srun --exclude)",
            h.ecc_uncorrected);
}

/* NCCL moves what cannot go directly through shared memory: containers often give 64 MiB of it, and NCCL then
 * fails in the midst of starting. Some 10 MiB a rank and neighbour is what it takes. */
static void tell_shared_memory(struct rt_check *c)
{
    static const char folder[] = "/dev/shm";
    char free_text[RT_WORDS], need_text[RT_WORDS];
    struct statvfs fs;
    const double need = 32.0 * (1 << 20) * rt_dist_local_size(c->dist);
    if (rt_dist_local_size(c->dist) == 1 || statvfs(folder, &fs) != 0)
        return;
    const double room = (double)fs.f_bavail * (double)fs.f_frsize;
    if (room < need)
        rt_find_rank(
            c->findings, RT_WARNING, "memory",
            "%s: %s free, and NCCL may need %s\ngive the container more (docker --shm-size=1g, --ipc=host)",
            folder, rt_words_bytes(free_text, room), rt_words_bytes(need_text, need));
}

/* ---- opening ---- */

static rt_status gather_seats(struct rt_check *c)
{
    struct rt_seat mine = { .kind = c->ex->device, .local_size = rt_dist_local_size(c->dist) };
    size_t bytes = 0;
    snprintf(mine.host, sizeof mine.host, "%s", rt_dist_host(c->dist));
    RT_TRY(rt_dist_agree(c->dist, rt_exec_info(c->ex, &mine.device), c->err));
    return rt_dist_allgather(c->dist, &mine, sizeof mine, (void **)&c->seat, &bytes, NULL, c->err);
}

/* Sums between GPUs start, or the run would not. */
static rt_status open_sums(struct rt_check *c)
{
    struct rt_dist_lane lane;
    struct rt_error why = { .text = "" };
    const char *how = "";
    rt_status st = rt_exec_lane(c->ex, &lane);
    RT_TRY(rt_dist_agree(c->dist, st, c->err));
    why.status = rt_dist_open_device(c->dist, &lane, &how, &why);
    if (why.status == RT_OK)
        why.status = rt_dist_await_device(c->dist, &why);
    if (why.status == RT_ERR_COMM)
        return rt_fail(c->err, RT_ERR_COMM, "%s", why.text);
    c->lane = why.status == RT_OK;
    if (!c->lane) {
        rt_dist_close_device(c->dist);
        rt_find_error(c->findings, "NCCL", &why, true);
    } else if (rt_dist_has_nccl(c->dist)) {
        rt_find_rank(c->findings, RT_OK, "NCCL", "NCCL %s sums between %d GPUs", rt_dist_nccl_version(c->dist),
                     c->size);
    } else {
        rt_find_job(c->findings, RT_WARNING, "NCCL", "%.900s\ninstall libnccl2 on every host", how);
    }
    return RT_OK;
}

static rt_status look_at_gpus(struct rt_check *c)
{
    struct rt_error why = { .text = "" };
    const char *no_nvml = NULL;
    why.status = rt_seats_check(c->seat, c->size, &why);
    if (why.status != RT_OK) { /* all see the same seats */
        rt_find_error(c->findings, "GPUs", &why, true);
        return RT_OK;
    }
    if (c->ex->device == RT_DEVICE_CPU)
        return RT_OK;
    c->gpus = true;
    c->nvml = rt_nvml_open(&no_nvml);
    c->gpu = rt_nvml_find(c->nvml, c->seat[c->rank].device.bus);
    tell_gpus(c);
    tell_versions(c);
    if (c->gpu == NULL)
        rt_find_rank(c->findings, RT_WARNING, "links",
                     "the driver's library does not tell of this GPU%s%s\nclocks and links are not looked at; "
                     "libnvidia-ml.so.1 comes with the driver",
                     no_nvml != NULL ? ": " : "", no_nvml != NULL ? no_nvml : "");
    RT_TRY(tell_links(c));
    tell_health(c);
    tell_shared_memory(c);
    return c->size > 1 ? open_sums(c) : RT_OK;
}

/* As the run opens it; a rank's failure becomes all ranks'. */
static rt_status open_device(struct rt_check *c)
{
    struct rt_error why = { .text = "" };
    const int threads = rt_cores() / rt_dist_local_size(c->dist);
    why.status = rt_exec_open(&c->ex, c->job->train.device, act_of(c), rt_dist_local_rank(c->dist),
                              threads < 1 ? 1 : threads, c->err);
    const rt_status mine = why.status;
    if (mine != RT_OK)
        why = *c->err;
    why.status = rt_dist_agree(c->dist, mine, &why);
    if (why.status == RT_ERR_COMM)
        return rt_fail(c->err, RT_ERR_COMM, "%s", why.text);
    if (why.status == RT_OK)
        return RT_OK;
    if (mine == RT_OK)
        rt_exec_close(c->ex);
    c->ex = NULL;
    rt_find_error(c->findings, "device", &why, true);
    return RT_OK;
}

rt_status rt_check_devices(struct rt_check *c)
{
    if (c->opt->gpu_gib > 0) {
        rt_exec_plan_for_gpu(&c->plan_for, act_of(c));
        c->plan_for.err = c->err;
        rt_find_job(c->findings, RT_OK, "device",
                    "a GPU of %.4g GiB for each rank (--gpu-gib); none is opened here", c->opt->gpu_gib);
        return rt_findings_share(c->findings, c->err);
    }
    RT_TRY(open_device(c));
    if (c->ex != NULL) {
        RT_TRY(gather_seats(c));
        if (c->ex->device == RT_DEVICE_CPU && c->job->train.device == RT_DEVICE_AUTO)
            rt_find_rank(
                c->findings, RT_WARNING, "device",
                "CPU: no GPU is seen here\nif that is meant, write device: cpu; to plan for a GPU that is "
                "not here, add --gpu-gib 80");
        else if (c->ex->device == RT_DEVICE_CPU)
            rt_find_rank(c->findings, RT_OK, "device", "CPU");
        RT_TRY(look_at_gpus(c));
    }
    rt_check_cores(c);
    return rt_findings_share(c->findings, c->err);
}
