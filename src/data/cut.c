/* cut.c - the rule of infer_seqlen in LLaMA-Factory 0.9.5; contract in cut.h. */
#include "config.h"
#include "data/cut.h"

void rt_cut_pair(int64_t source, int64_t target, int64_t room, int64_t *keep_source, int64_t *keep_target)
{
    int64_t most = room; /* a short target stays whole, then a short source, else both shrink alike */
    if (2 * target >= room)
        most = 2 * source < room ? room - source
                                 : (int64_t)((double)room * ((double)target / (double)(source + target)));
    *keep_target = most < target ? most : target;
    const int64_t left = room - *keep_target;
    *keep_source = left < source ? left : source;
}
