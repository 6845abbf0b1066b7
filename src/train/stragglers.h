/* stragglers.h - ranks that are slower than the others again and again. Private to train. */
#ifndef RT_TRAIN_STRAGGLERS_H
#define RT_TRAIN_STRAGGLERS_H

#include <stdbool.h>

enum { RT_STRAGGLER_STEPS = 100, RT_STRAGGLER_REPORTS = 3 };

/*
 * One report: seconds[ranks] that each has computed. streak[ranks], zeros at the start, counts the reports in a
 * row in which a rank took longer than 1/0.7 of the median. Sets slow[ranks]: it has for three reports now, or
 * for three times as many as when it was said last. True: some rank is. Source of 0.7: NVIDIA's resiliency
 * extension.
 */
bool rt_stragglers_judge(const double *seconds, int ranks, int *streak, bool *slow, double *median);

#endif
