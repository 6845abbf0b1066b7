/*
 * cut.h - how the reference shortens a row to cutoff_len, turn pair by turn pair.
 */
#ifndef RT_DATA_CUT_H
#define RT_DATA_CUT_H

#include <stdint.h>

/* Of source and target tokens that have `room` > 0 tokens together: how many of each are kept, from their
 * starts. */
void rt_cut_pair(int64_t source, int64_t target, int64_t room, int64_t *keep_source, int64_t *keep_target);

#endif
