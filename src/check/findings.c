/* findings.c - what was found, gathered from all ranks and folded; the lines. */
#include "config.h"
#include "base/text.h"
#include "check/findings.h"
#include "check/print.h"

#include "dist/dist.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As it travels. */
struct finding {
    int code;
    bool whole; /* of the job, not of a rank */
    char what[16], text[1600];
};

struct rt_findings {
    struct rt_dist *dist;
    const char *const *hosts;
    int rank, size;
    struct finding *mine; /* [count] since the last time they were shared */
    int64_t count, room;
    bool failed; /* no memory for one */
    bool *has;   /* [size] ranks with the one that is folded */
    struct rt_print print;
    int first; /* code of the first failure; RT_OK: none */
    char first_text[1600];
    int64_t fine, warnings, failures;
};

rt_status rt_findings_open(struct rt_findings **findings, struct rt_dist *dist, const char *const *hosts,
                           bool json, struct rt_error *err)
{
    struct rt_findings *f = calloc(1, sizeof *f);
    const int size = rt_dist_size(dist);
    if (f == NULL || (f->has = calloc((size_t)size, sizeof *f->has)) == NULL) {
        free(f);
        return rt_fail(err, RT_ERR_MEMORY, "no memory for what is found");
    }
    f->dist = dist;
    f->hosts = hosts;
    f->rank = rt_dist_rank(dist);
    f->size = size;
    rt_print_open(&f->print, json, f->rank != 0);
    *findings = f;
    return RT_OK;
}

void rt_findings_close(struct rt_findings *f)
{
    if (f == NULL)
        return;
    rt_print_close(&f->print);
    free(f->mine);
    free(f->has);
    free(f);
}

/* ---- one rank's ---- */

static void find(struct rt_findings *f, bool whole, int code, const char *what, const char *fmt, va_list ap)
{
    if (whole && f->rank != 0)
        return;
    if (f->count == f->room) {
        const int64_t room = f->room * 2 + 16;
        struct finding *more = realloc(f->mine, (size_t)room * sizeof *more);
        f->failed = f->failed || more == NULL;
        if (more == NULL)
            return;
        f->mine = more;
        f->room = room;
    }
    struct finding *new = &f->mine[f->count++];
    memset(new, 0, sizeof *new); /* they are compared and sent whole */
    new->code = code;
    new->whole = whole;
    snprintf(new->what, sizeof new->what, "%s", what);
    vsnprintf(new->text, sizeof new->text, fmt, ap);
}

void rt_find_job(struct rt_findings *f, int code, const char *what, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    find(f, true, code, what, fmt, ap);
    va_end(ap);
}

void rt_find_rank(struct rt_findings *f, int code, const char *what, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    find(f, false, code, what, fmt, ap);
    va_end(ap);
}

/* Our messages say at their end, behind "; ", what to do. */
static char *last_part(char *text)
{
    char *last = NULL;
    for (char *at = strstr(text, "; "); at != NULL; at = strstr(at + 1, "; "))
        last = at;
    return last;
}

void rt_find_error(struct rt_findings *f, const char *what, const struct rt_error *error, bool alike)
{
    char text[1600];
    snprintf(text, sizeof text, "%.1590s", error->text);
    char *const cure = last_part(text);
    if (cure != NULL)
        *cure = '\0';
    if (alike)
        rt_find_job(f, (int)error->status, what, "%s%s%s", text, cure != NULL ? "\n" : "",
                    cure != NULL ? cure + 2 : "");
    else
        rt_find_rank(f, (int)error->status, what, "%s%s%s", text, cure != NULL ? "\n" : "",
                     cure != NULL ? cure + 2 : "");
}

/* ---- all ranks' ---- */

const char *rt_ranks_text(const char *const *hosts, int ranks, const bool *has, char *text, size_t bytes)
{
    enum { MOST = 12 }; /* named; of more only the number is said */
    int count = 0, said = 0, last = -1;
    for (int r = 0; r < ranks; r++)
        count += has[r];
    snprintf(text, bytes, count == 1 ? "rank " : "ranks ");
    for (int r = 0; r < ranks && said < MOST; r++) {
        if (!has[r])
            continue;
        if (last >= 0 && strcmp(hosts[last], hosts[r]) != 0)
            rt_text_add(text, bytes, " on %s; ", hosts[last]);
        else if (last >= 0)
            rt_text_add(text, bytes, ", ");
        rt_text_add(text, bytes, "%d", r);
        last = r;
        said++;
    }
    if (last >= 0)
        rt_text_add(text, bytes, " on %s", hosts[last]);
    if (count > said)
        rt_text_add(text, bytes, " and %d more", count - said);
    return text;
}

static void count(struct rt_findings *f, const struct finding *one)
{
    f->fine += one->code == RT_OK;
    f->warnings += one->code == RT_WARNING;
    f->failures += one->code > RT_OK;
    if (one->code <= RT_OK || f->first != RT_OK)
        return;
    f->first = one->code;
    snprintf(f->first_text, sizeof f->first_text, "%s", one->text);
    f->first_text[strcspn(f->first_text, "\n")] = '\0';
}

/* all[n] in rank order, rank_of[i] says whose: each is printed where it comes first. */
static void fold(struct rt_findings *f, struct finding *all, const int *rank_of, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        struct finding *const one = &all[i];
        char who[512] = "";
        int ranks = 0;
        if (one->what[0] == '\0') /* folded into an earlier one */
            continue;
        memset(f->has, 0, (size_t)f->size * sizeof *f->has);
        for (int64_t k = n - 1; k >= i; k--)
            if (k == i || memcmp(one, &all[k], sizeof *one) == 0) {
                ranks += !f->has[rank_of[k]];
                f->has[rank_of[k]] = true;
                all[k].what[0] = k == i ? all[k].what[0] : '\0';
            }
        if (!one->whole && ranks < f->size)
            rt_ranks_text(f->hosts, f->size, f->has, who, sizeof who);
        count(f, one);
        rt_print_line(&f->print, &(struct rt_print_finding){ one->code, one->what, one->text, who });
    }
}

rt_status rt_findings_share(struct rt_findings *f, struct rt_error *err)
{
    struct finding *all = NULL;
    size_t bytes = 0, *counts = calloc((size_t)f->size, sizeof *counts);
    rt_status st =
        f->failed || counts == NULL ? rt_fail(err, RT_ERR_MEMORY, "no memory for what is found") : RT_OK;
    RT_TRY_TO(st, rt_dist_agree(f->dist, st, err), done);
    RT_TRY_TO(st,
              rt_dist_allgather(f->dist, f->mine, (size_t)f->count * sizeof *f->mine, (void **)&all, &bytes,
                                counts, err),
              done);
    f->count = 0;
    const int64_t n = (int64_t)(bytes / sizeof *all);
    int *rank_of = malloc(((size_t)n + 1) * sizeof *rank_of);
    if (rank_of == NULL)
        st = rt_fail(err, RT_ERR_MEMORY, "no memory for what is found");
    for (int64_t i = 0, r = 0; rank_of != NULL && i < n; i++) {
        for (; counts[r] == 0; r++)
            ;
        counts[r] -= sizeof *all;
        rank_of[i] = (int)r;
    }
    if (rank_of != NULL)
        fold(f, all, rank_of, n); /* everywhere, so that all know how it ends; rank 0 prints */
    free(rank_of);
    st = rt_dist_agree(f->dist, st, err);
done:
    free(all);
    free(counts);
    return st;
}

rt_status rt_findings_end(struct rt_findings *f, struct rt_error *err)
{
    RT_TRY(rt_findings_share(f, err));
    const rt_status st = rt_print_end(
        &f->print,
        &(struct rt_print_sums){ f->fine, f->warnings, f->failures, rt_exit_code((rt_status)f->first) }, err);
    RT_TRY(rt_dist_agree(f->dist, st, err));
    if (f->first == RT_OK)
        return RT_OK;
    return rt_fail(err, (rt_status)f->first, "check: %lld of %lld findings are failures; the first: %.1200s",
                   (long long)f->failures, (long long)(f->fine + f->warnings + f->failures), f->first_text);
}
