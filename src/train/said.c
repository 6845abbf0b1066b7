/*
 * said.c - what one rank alone has noticed and the run goes on with: kept until all ranks come by, then said by
 * rank 0, what several have noticed once.
 */
#include "config.h"
#include "base/text.h"
#include "train/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMED = 4 }; /* ranks of a line that several say; the others it counts */

void rt_run_warn(struct rt_run *run, const char *fmt, ...)
{
    char text[1000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *c = text; *c != '\0'; c++)
        if (*c == '\n')
            *c = ' ';
    if (rt_dist_size(run->dist) == 1) {
        rt_report_warn(run->report, "%s", text);
        return;
    }
    if (rt_dist_rank(run->dist) != 0)
        rt_report_warn(run->report, "%s", text); /* into this rank's own file, if it has one */
    if (strlen(run->said) + strlen(text) + 2 <= sizeof run->said)
        rt_text_add(run->said, sizeof run->said, "%s\n", text);
}

/* A line of some rank, out of all ranks' lines one after another. */
struct line {
    const char *text;
    size_t bytes;
    int rank;
    bool done;
};

static int lines_of(const char *all, const size_t *counts, int ranks, struct line *line)
{
    int n = 0;
    for (int r = 0; r < ranks; all += counts[r], r++) {
        const char *end = all + counts[r];
        for (const char *at = all, *stop; at < end; at = stop + 1) {
            stop = memchr(at, '\n', (size_t)(end - at));
            line[n++] = (struct line){ at, (size_t)(stop - at), r, false };
        }
    }
    return n;
}

/* hosts[ranks]: of each; the lines from line[0] on that are like it are done with. */
static void say_one(struct rt_run *run, struct line *line, int n, char (*hosts)[64])
{
    char who[400] = "";
    int count = 0, last = -1;
    for (int i = 0; i < n; i++) {
        if (line[i].bytes != line->bytes || memcmp(line[i].text, line->text, line->bytes) != 0)
            continue;
        line[i].done = true;
        if (line[i].rank == last) /* the same rank again */
            continue;
        last = line[i].rank;
        if (count++ < NAMED)
            rt_text_add(who, sizeof who, "%s%d %s", count > 1 ? ", " : "", last, hosts[last]);
    }
    if (count > NAMED)
        rt_text_add(who, sizeof who, " and more");
    if (count == 1 && last == 0)
        rt_report_warn(run->report, "%.*s", (int)line->bytes, line->text);
    else if (count == 1)
        rt_report_warn(run->report, "[rank %s] %.*s", who, (int)line->bytes, line->text);
    else
        rt_report_warn(run->report, "%d ranks (%s): %.*s", count, who, (int)line->bytes, line->text);
}

rt_status rt_run_share_said(struct rt_run *run)
{
    const int ranks = rt_dist_size(run->dist);
    char host[64] = "", (*hosts)[64] = NULL, *all = NULL;
    size_t bytes = 0, hosts_bytes = 0, *counts = calloc((size_t)ranks, sizeof *counts);
    const rt_status st = counts != NULL ? RT_OK : rt_fail(run->err, RT_ERR_MEMORY, "no memory for warnings");
    snprintf(host, sizeof host, "%.63s", rt_dist_host(run->dist));
    RT_TRY(rt_dist_agree(run->dist, st, run->err));
    RT_TRY(rt_dist_allgather(run->dist, host, sizeof host, (void **)&hosts, &hosts_bytes, NULL, run->err));
    RT_TRY(rt_dist_allgather(run->dist, run->said, strlen(run->said), (void **)&all, &bytes, counts, run->err));
    run->said[0] = '\0';
    struct line *line = rt_dist_rank(run->dist) == 0 ? calloc(bytes + 1, sizeof *line) : NULL;
    const int n = line != NULL ? lines_of(all, counts, ranks, line) : 0;
    for (int i = 0; i < n; i++)
        if (!line[i].done)
            say_one(run, &line[i], n - i, hosts);
    free(line);
    free(all);
    free(hosts);
    free(counts);
    return RT_OK;
}

void rt_run_say_rest(struct rt_run *run)
{
    if (run->said[0] == '\0')
        return;
    if (rt_dist_rank(run->dist) == 0)
        rt_report_warn(run->report, "%s", run->said);
    else
        rt_dist_say(run->dist, run->said);
    run->said[0] = '\0';
}
