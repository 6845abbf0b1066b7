/*
 * tests/check/test_sums.c - sums and exchanges between "GPUs" by a stand-in for NCCL (tests/dist/fake_nccl.c),
 * as check measures them and judges them against links of known rates; run on 1, 2 and 3 ranks.
 */
#include "config.h"
#include "check/links.h"
#include "dist/fake_nccl.h"
#include "tap.h"

#include <string.h>
#include <unistd.h>

static rt_status nothing(void *context)
{
    (void)context;
    return RT_OK;
}

static rt_status done(void *context, bool *is_done)
{
    const struct fake_stream *s = context;
    *is_done = s->done == s->asked;
    return RT_OK;
}

static rt_status copy(void *context, void *dst, const void *src, size_t bytes)
{
    (void)context;
    memcpy(dst, src, bytes);
    return RT_OK;
}

/* What check prints goes to a file. */
struct capture {
    FILE *file;
    int stdout_fd;
    char text[8192];
};

static void begin(struct capture *to)
{
    fflush(stdout);
    to->file = tmpfile();
    to->stdout_fd = dup(STDOUT_FILENO);
    dup2(fileno(to->file), STDOUT_FILENO);
}

static void end(struct capture *to)
{
    fflush(stdout);
    dup2(to->stdout_fd, STDOUT_FILENO);
    close(to->stdout_fd);
    rewind(to->file);
    to->text[fread(to->text, 1, sizeof to->text - 1, to->file)] = '\0';
    fclose(to->file);
}

/* One measurement with GPUs whose links promise so much; RT_ERR_INTERNAL from findings where it was no success.
 */
static rt_status measure(struct rt_check *c, double nvlink, struct capture *said)
{
    struct rt_error err = { .text = "" };
    c->nvlink = nvlink;
    begin(said);
    rt_status st = rt_findings_open(&c->findings, c->dist, c->hosts, false, &err);
    if (st == RT_OK)
        st = rt_check_sums(c);
    end(said);
    rt_findings_close(c->findings);
    return st;
}

static void test_sums(struct rt_check *c)
{
    struct capture said;
    const bool several = c->size > 1;
    rt_status st = measure(c, 0, &said);
    if (c->rank != 0) { /* passes are rank 0's to tell */
        if (st != RT_OK || said.text[0] != '\0')
            ok(0, "rank %d says nothing and fails in nothing: \"%.80s\"", c->rank, said.text);
        return;
    }
    ok(st == RT_OK && (said.text[0] != '\0') == several, "links of unknown rates: measured on several ranks");
    ok(!several || strstr(said.text, "what the links promise is not known") != NULL, "nothing is promised");
    ok(!several || strstr(said.text, "OK       sums       NCCL, the job's gradients (77 MiB)") != NULL,
       "sums as many gradients as the 7B has where the job's are not known");
    ok(!several || strstr(said.text, "OK       pairs      NCCL between neighbours") != NULL,
       "neighbours exchange");
    ok(strstr(said.text, "warning") == NULL, "no warning");
}

static void test_slow(struct rt_check *c)
{
    struct capture said;
    const rt_status st = measure(c, 5e14, &said); /* no memory is so fast */
    if (c->rank != 0)
        return;
    ok(st == RT_OK, "links that promise far more");
    ok(c->size == 1 || strstr(said.text, "warning  sums") != NULL, "the sum is too slow");
    ok(c->size == 1 ||
           strstr(said.text, "warning  pairs      NCCL between rank 0 on here and rank 1 on here") != NULL,
       "the pair is named");
    ok(c->size == 1 || strstr(said.text, "of the 500 TB/s that NVLink promises") != NULL,
       "so is what was promised");
}

int main(int argc, char **argv)
{
    fake_nccl_use("../dist/fake", argv);
    struct rt_error err = { .text = "" };
    struct rt_dist *dist = NULL;
    struct fake_stream stream = { .asked = 0 };
    if (rt_dist_open(&dist, &argc, &argv, &err) != RT_OK) {
        ok(0, "MPI starts: %s", err.text);
        return tap_done();
    }
    struct rt_check c = { .dist = dist, .err = &err, .rank = rt_dist_rank(dist), .size = rt_dist_size(dist) };
    const struct rt_dist_lane lane = { &stream, &stream, nothing, nothing, done, copy, copy };
    static struct rt_place place[8];
    const char *hosts[8], *how = "";
    for (int r = 0; r < 8; r++)
        hosts[r] = "here";
    c.place = place;
    c.hosts = hosts;
    rt_status st = rt_exec_open(&c.ex, RT_DEVICE_CPU, RT_F32, 0, 1, &err);
    if (st == RT_OK)
        st = rt_dist_open_device(dist, &lane, &how, &err);
    c.lane = st == RT_OK && c.size > 1;
    if (c.rank == 0 || st != RT_OK)
        ok(st == RT_OK && rt_dist_has_nccl(dist) == (c.size > 1),
           "NCCL starts where there are several ranks: \"%s\"", err.text);
    test_sums(&c);
    test_slow(&c);
    rt_dist_close_device(dist);
    rt_exec_close(c.ex);
    rt_dist_close(dist);
    return c.rank == 0 ? tap_done() : tap.failed != 0;
}
