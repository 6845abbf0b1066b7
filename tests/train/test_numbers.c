/* tests/train/test_numbers.c - losses that leap and steps that are left out; run on 1, 2 and 3 ranks. */
#include "config.h"
#include "tap.h"
#include "train/run.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

static bool left(const struct rt_run *run, const char *name, int64_t step)
{
    char path[300];
    snprintf(path, sizeof path, "%s/diag/%s-step-%lld.jsonl", run->job->output_dir, name, (long long)step);
    return access(path, R_OK) == 0;
}

static void test_spike(struct rt_run *run)
{
    rt_status st = RT_OK;
    /* Losses between 1.95 and 2.05: their standard deviation is 0.035, so 6 of them end at 2.21. */
    for (run->step = 0; run->step < 300 && st == RT_OK; run->step++)
        st = rt_run_look_for_spike(run, run->step == 5 ? 9.0 : 2 + 0.05 * sin((double)run->step));
    bool any = false;
    for (int64_t step = 1; step <= 300; step++)
        any |= left(run, "spike", step);
    ok(st == RT_OK && !any, "no leap is told in losses that scatter, nor among the first");
    st = rt_run_look_for_spike(run, 2.2);
    ok(st == RT_OK && !left(run, "spike", 301), "2.2 is no leap yet");
    run->step++;
    st = rt_run_look_for_spike(run, 2.6);
    rt_dist_barrier(run->dist, run->err);
    ok(st == RT_OK && left(run, "spike", 302), "2.6 is one");
    run->step++;
    st = rt_run_look_for_spike(run, 0.5);
    ok(st == RT_OK && !left(run, "spike", 303), "a loss that falls is none");
}

static void test_bad(struct rt_run *run)
{
    rt_status st = RT_OK;
    run->step = 10;
    for (int i = 0; i < 3 && st == RT_OK; i++, run->step++)
        st = rt_run_skip_step(run, NAN);
    rt_dist_barrier(run->dist, run->err);
    ok(st == RT_OK && run->bad_steps == 3 && run->bad_all == 3, "3 bad steps in a row are borne");
    ok(left(run, "bad", 11) && !left(run, "bad", 12), "the first one's samples are listed, no other's");
    ok(rt_run_skip_step(run, NAN) == RT_ERR_NUMBERS && run->together, "4 are not: %s", run->err->text);
    run->bad_all = 3;
    run->together = false;
    int in_all = 3;
    for (st = RT_OK; st == RT_OK && in_all < 100; in_all++) {
        run->bad_steps = 0; /* a good step */
        st = rt_run_skip_step(run, INFINITY);
    }
    ok(st == RT_ERR_NUMBERS && in_all == 31 && strstr(run->err->text, "31 steps in all") != NULL &&
           run->together,
       "nor more than 30 in all: %s", run->err->text);
}

int main(int argc, char **argv)
{
    struct rt_error err = { .text = "" };
    struct rt_job job = { .train.max_bad_steps = 3 };
    struct rt_run run = { .job = &job, .err = &err };
    char folder[64] = "/tmp/rt-numbers-XXXXXX", command[100];
    int64_t row[1] = { 0 };
    if (rt_dist_open(&run.dist, &argc, &argv, &err) != RT_OK)
        return 1;
    const int rank = rt_dist_rank(run.dist);
    rt_status st = rank == 0 && mkdtemp(folder) == NULL ? rt_fail(&err, RT_ERR_OUTPUT, "no folder") : RT_OK;
    st = rt_dist_agree(run.dist, st, &err);
    st = st == RT_OK ? rt_dist_bcast(run.dist, folder, sizeof folder, 0, &err) : st;
    job.output_dir = folder;
    run.samples.row = row;
    snprintf(command, sizeof command, "mkdir %s/diag", folder);
    if (rank == 0 && system(command) != 0)
        st = RT_ERR_OUTPUT;
    ok(rt_dist_agree(run.dist, st, &err) == RT_OK, "a folder");
    test_spike(&run);
    test_bad(&run);
    rt_dist_barrier(run.dist, &err);
    snprintf(command, sizeof command, "rm -r %s", folder);
    if (rank == 0)
        ok(system(command) == 0, "cleared away");
    rt_dist_close(run.dist);
    return rank == 0 ? tap_done() : tap.failed != 0;
}
