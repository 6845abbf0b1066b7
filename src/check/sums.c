/* sums.c - bandwidth and latency of sums over the ranks: of the job's gradients, as the run makes them. */
#include "config.h"
#include "check/links.h"

#include "base/clock.h"

#include <math.h>
#include <stdlib.h>

enum {
    PAIR_BYTES = 128 << 20,
    HOST_PAIR_BYTES = 16 << 20,
    USUAL_COUNT = 20185088 /* gradients where the job's are not known: LoRA of rank 8 on the 7B */
};

/* ---- timing ---- */

typedef rt_status once_fn(struct rt_check *c, float *x, int64_t n);

static rt_status sum_once(struct rt_check *c, float *x, int64_t n)
{
    RT_TRY(rt_dist_sum_begin(c->dist, x, n, c->err));
    return rt_dist_sum_end(c->dist, c->err);
}

/* As the loss is summed. */
static rt_status sum_one_double(struct rt_check *c, float *x, int64_t n)
{
    double one = 1;
    (void)x, (void)n;
    return rt_dist_sum_f64(c->dist, &one, 1, c->err);
}

/* Seconds of one, by the slowest rank: as often as a quarter of a second allows, on all ranks alike. */
static rt_status time_sums(struct rt_check *c, once_fn *once, float *x, int64_t n, double *work,
                           double *seconds)
{
    enum { MOST = 200 };
    const double limit_s = 0.25;
    RT_TRY(once(c, x, n)); /* opens connections */
    RT_TRY(rt_dist_barrier(c->dist, c->err));
    double start = rt_now_s();
    RT_TRY(once(c, x, n));
    double rounds = floor(limit_s / fmax(rt_now_s() - start, 1e-9));
    rounds = rounds < 2 ? 2 : rounds > MOST ? MOST : rounds;
    RT_TRY(rt_dist_bcast(c->dist, &rounds, sizeof rounds, 0, c->err));
    RT_TRY(rt_dist_barrier(c->dist, c->err));
    start = rt_now_s();
    for (int i = 0; i < (int)rounds; i++)
        RT_TRY(once(c, x, n));
    RT_TRY(rt_check_gather(c, (rt_now_s() - start) / rounds, work));
    *seconds = 0;
    for (int r = 0; r < c->size; r++)
        *seconds = work[r] > *seconds ? work[r] : *seconds;
    return RT_OK;
}

/* What a ring of all ranks moves over each link: NCCL's tests call it bus bandwidth. */
static double bus_rate(const struct rt_check *c, int64_t n, double seconds)
{
    return 2.0 * (c->size - 1) / c->size * (double)n * sizeof(float) / seconds;
}

static void tell_job_sum(struct rt_check *c, const char *by, int64_t n, double seconds, double small_s)
{
    char bytes[RT_WORDS], time[RT_WORDS], rate[RT_WORDS], small[RT_WORDS];
    rt_find_job(c->findings, RT_OK, "sums", "%s, the job's gradients (%s): %s, bus bandwidth %s; 8 bytes: %s",
                by, rt_words_bytes(bytes, (double)n * sizeof(float)), rt_words_seconds(time, seconds),
                rt_words_rate(rate, bus_rate(c, n, seconds), "B/s"), rt_words_seconds(small, small_s));
}

/* ---- between GPUs ---- */

/* The job's gradients may be too few to fill the links: those are judged by a large sum. */
static void tell_large_sum(struct rt_check *c, const char *by, int64_t n, double seconds, const double *link)
{
    char bytes[RT_WORDS], is[RT_WORDS], promised[RT_WORDS];
    const double rate = bus_rate(c, n, seconds);
    const struct rt_path path = rt_path_around(c, link);
    const bool slow = path.rate > 0 && rate < RT_LINK_SHARE * path.rate;
    rt_words_bytes(bytes, (double)n * sizeof(float));
    rt_words_rate(is, rate, "B/s");
    if (path.rate <= 0)
        rt_find_job(c->findings, RT_OK, "sums", "%s, %s: bus bandwidth %s; what the links promise is not known",
                    by, bytes, is);
    else
        rt_find_job(
            c->findings, slow ? RT_WARNING : RT_OK, "sums",
            "%s, %s: bus bandwidth %s of the %s that %s promises%s", by, bytes, is,
            rt_words_rate(promised, path.rate, "B/s"), path.name,
            slow
                ? "\nless than a third: let every rank see all GPUs of its host, look at NCCL_ settings, and at "
                  "what NCCL_DEBUG=INFO says of the way it takes"
                : "");
}

static rt_status device_sums(struct rt_check *c, float *x, int64_t n, int64_t most, const double *link,
                             double *work)
{
    const char *const by = rt_dist_has_nccl(c->dist) ? "NCCL" : "MPI through host memory";
    double job_s, large_s, small_s;
    RT_TRY(time_sums(c, sum_once, x, 2, work, &small_s));
    RT_TRY(time_sums(c, sum_once, x, n, work, &job_s));
    tell_job_sum(c, by, n, job_s, small_s);
    if (!rt_dist_has_nccl(c->dist))
        return RT_OK;
    RT_TRY(time_sums(c, sum_once, x, most, work, &large_s));
    tell_large_sum(c, by, most, large_s, link);
    return RT_OK;
}

static rt_status on_devices(struct rt_check *c, int64_t n, const double *link, double *work)
{
    void *p = NULL;
    const size_t large = 2 * (size_t)PAIR_BYTES, job = (size_t)n * sizeof(float),
                 room = job > large ? job : large;
    struct rt_error why = { .text = "" };
    why.status = rt_exec_alloc(c->ex, &p, room);
    if (why.status == RT_OK)
        why.status = rt_exec_zero(c->ex, p, room);
    if (why.status != RT_OK)
        why = *c->err;
    rt_status st = rt_dist_agree(c->dist, why.status, &why);
    if (st == RT_ERR_COMM)
        rt_fail(c->err, st, "%s", why.text);
    if (st == RT_OK) {
        st = device_sums(c, p, n, (int64_t)(large / sizeof(float)), link, work);
        const struct rt_pair_buffers b = { p, (char *)p + PAIR_BYTES, PAIR_BYTES, true };
        if (st == RT_OK && rt_dist_has_nccl(c->dist))
            st = rt_check_pairs(c, &b, link, work);
    } else if (st != RT_ERR_COMM) {
        rt_find_error(c->findings, "sums", &why, true);
        st = RT_OK;
    }
    rt_exec_free(c->ex, p);
    return st;
}

/* ---- between hosts' memories ---- */

/* Where GPUs sum, gradients never come here. */
static rt_status on_hosts(struct rt_check *c, int64_t n, double *work)
{
    char text[RT_WORDS];
    double job_s, small_s;
    const size_t pair = 2 * (size_t)HOST_PAIR_BYTES, job = c->lane ? 0 : (size_t)n * sizeof(float);
    const size_t room = job > pair ? job : pair;
    char *p = calloc(room, 1);
    rt_status st = p == NULL ? rt_fail(c->err, RT_ERR_MEMORY, "no memory for %zu bytes to sum", room) : RT_OK;
    RT_TRY_TO(st, rt_dist_agree(c->dist, st, c->err), done);
    RT_TRY_TO(st, time_sums(c, sum_one_double, NULL, 0, work, &small_s), done);
    if (c->lane) {
        rt_find_job(c->findings, RT_OK, "sums", "MPI, 8 bytes: %s", rt_words_seconds(text, small_s));
    } else {
        RT_TRY_TO(st, time_sums(c, sum_once, (float *)(void *)p, n, work, &job_s), done);
        tell_job_sum(c, "MPI", n, job_s, small_s);
    }
    st = rt_check_pairs(c, &(struct rt_pair_buffers){ p, p + HOST_PAIR_BYTES, HOST_PAIR_BYTES, false }, NULL,
                        work);
done:
    free(p);
    return st;
}

rt_status rt_check_sums(struct rt_check *c)
{
    const int64_t count = c->model != NULL ? rt_model_adapter(c->model)->count : 0;
    const int64_t n = count > 0 ? count : USUAL_COUNT;
    if (c->size == 1)
        return RT_OK;
    double *work = calloc((size_t)c->size, 2 * sizeof *work), *link = work == NULL ? NULL : work + c->size;
    rt_status st = work == NULL ? rt_fail(c->err, RT_ERR_MEMORY, "no memory for the ranks' links") : RT_OK;
    RT_TRY_TO(st, rt_dist_agree(c->dist, st, c->err), done);
    RT_TRY_TO(st, rt_check_gather(c, rt_path_own_link(c), link), done);
    if (c->lane)
        RT_TRY_TO(st, on_devices(c, n, link, work), done);
    RT_TRY_TO(st, on_hosts(c, n, work), done);
    st = rt_findings_share(c->findings, c->err);
done:
    free(work);
    return st;
}
