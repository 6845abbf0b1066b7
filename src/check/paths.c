/* paths.c - what the links between ranks promise: the slowest on the way of a transfer. */
#include "config.h"
#include "check/links.h"

#include <stdio.h>
#include <string.h>

bool rt_same_host(const struct rt_check *c, int a, int b)
{
    return strcmp(c->hosts[a], c->hosts[b]) == 0;
}

double rt_path_own_link(const struct rt_check *c)
{
    return c->nvlink > 0 ? c->nvlink : c->pcie;
}

static void slower(struct rt_path *path, double rate, const char *name, const char *host)
{
    if (rate <= 0 || (path->rate > 0 && rate >= path->rate))
        return;
    path->rate = rate;
    snprintf(path->name, sizeof path->name, host != NULL ? "%s of %.60s" : "%s", name, host);
}

struct rt_path rt_path_between(const struct rt_check *c, const double *link, int a, int b, int crossing)
{
    struct rt_path path = { .rate = 0 };
    const bool apart = !rt_same_host(c, a, b);
    const struct rt_place *const of_a = &c->place[a], *const of_b = &c->place[b];
    const char *const name = c->nvlink > 0 ? "NVLink" : "PCIe";
    /* What says nothing of itself promises nothing, and could be the slowest. */
    if ((apart && (of_a->network <= 0 || of_b->network <= 0)) ||
        (link != NULL && (link[a] <= 0 || link[b] <= 0)))
        return path;
    if (link != NULL) {
        slower(&path, link[a], name, NULL);
        slower(&path, link[b], name, NULL);
    }
    if (apart) {
        slower(&path, of_a->network / (crossing > 0 ? crossing : 1), of_a->interface, of_a->host);
        slower(&path, of_b->network / (crossing > 0 ? crossing : 1), of_b->interface, of_b->host);
    }
    return path;
}

/* A ring leaves each host once. */
struct rt_path rt_path_around(const struct rt_check *c, const double *link)
{
    struct rt_path path = { .rate = 0 };
    for (int r = 0; r < c->size; r++) {
        const struct rt_path p = rt_path_between(c, link, r, (r + 1) % c->size, 1);
        if (p.rate <= 0)
            return p;
        path = path.rate <= 0 || p.rate < path.rate ? p : path;
    }
    return path;
}
