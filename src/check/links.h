/* links.h - what transfers between ranks are held to, and measuring them. Private to check. */
#ifndef RT_CHECK_LINKS_H
#define RT_CHECK_LINKS_H

#include "check/state.h"

/*
 * What a transfer has to reach of what its slowest link promises. Links promise bits on the wire, from which
 * headers of packets and NCCL's own steps take their part: two H200 joined by 18 NVLink 4 links reach 0.47 in
 * an exchange of both ways at once and 0.58 in a sum of 256 MiB, and nothing is wrong with them. What does go
 * wrong costs more: PCIe 5 in place of those links leaves 0.14. A third lies between.
 */
#define RT_LINK_SHARE (1.0 / 3)

/* A copy from or to pinned host memory, which reaches 0.88 of PCIe; at half its width or generation 0.44. */
#define RT_COPY_SHARE 0.5

bool rt_same_host(const struct rt_check *c, int a, int b);

/* paths.c: the slowest link on the way. */
struct rt_path {
    double rate; /* bytes/s each way; 0: not known */
    char name[160];
};
/* From rank a to rank b while `crossing` such transfers leave a's host at once. link[ranks]: of each one's GPU
 * to others of its host, 0: not known; NULL: host memory, which has no link within a host. */
struct rt_path rt_path_between(const struct rt_check *c, const double *link, int a, int b, int crossing);
/* Of a ring over all ranks. */
struct rt_path rt_path_around(const struct rt_check *c, const double *link);
/* Of this rank's GPU to others of its host: NVLink, else PCIe. */
double rt_path_own_link(const struct rt_check *c);

/* copies.c. Collective: between host and GPU, where each rank has one. work[ranks]. */
rt_status rt_check_copies(struct rt_check *c, double *work);

/* pairs.c. Collective: neighbours exchange `bytes` from out to in, in host memory by MPI, or with device in
 * device memory by NCCL; tells of pairs that are slow for their way. work[ranks]. */
struct rt_pair_buffers {
    char *out, *in;
    size_t bytes;
    bool device;
};
rt_status rt_check_pairs(struct rt_check *c, const struct rt_pair_buffers *b, const double *link, double *work);

#endif
