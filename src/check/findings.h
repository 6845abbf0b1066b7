/* findings.h - what was found, from all ranks: alike ones folded, printed by rank 0. Private to check. */
#ifndef RT_CHECK_FINDINGS_H
#define RT_CHECK_FINDINGS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct rt_dist;
struct rt_findings;

/* Besides the codes of status.h: worth a look, but a run would start. */
enum { RT_WARNING = -1 };

/* hosts[ranks] stay the caller's. Fails: RT_ERR_MEMORY. */
rt_status rt_findings_open(struct rt_findings **findings, struct rt_dist *dist, const char *const *hosts,
                           bool json, struct rt_error *err);
void rt_findings_close(struct rt_findings *findings);

/* Not collective. code: RT_OK, RT_WARNING or what a run would fail with. what: one word, the part. The text
 * says what was looked at, with figures; behind a newline what to do. rt_find_job is for what all ranks know
 * alike (only rank 0's is kept), rt_find_rank for what each sees for itself: alike ones become one line that
 * names ranks and hosts where not all have it. */
void rt_find_job(struct rt_findings *findings, int code, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void rt_find_rank(struct rt_findings *findings, int code, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* A failure as it was told, on this rank or on all alike (after rt_dist_agree). */
void rt_find_error(struct rt_findings *findings, const char *what, const struct rt_error *error, bool alike);

/* Collective. Prints what was found since the last call. Fails: RT_ERR_COMM, RT_ERR_MEMORY. */
rt_status rt_findings_share(struct rt_findings *findings, struct rt_error *err);
/* Collective, last. Counts, or the object. RT_OK, or the code of the first failure on all ranks. */
rt_status rt_findings_end(struct rt_findings *findings, struct rt_error *err);

/* "rank 1 on a", "ranks 0, 2 on a and 4 on b": those with has[rank]. Cut to bytes; returns text. */
const char *rt_ranks_text(const char *const *hosts, int ranks, const bool *has, char *text, size_t bytes);

#endif
