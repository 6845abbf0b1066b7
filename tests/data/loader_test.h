/* loader_test.h - what the tests of data and loaders share: MPI, data and loaders opened or the test ended,
 * and a sum over bytes. */
#ifndef RT_TESTS_DATA_LOADER_TEST_H
#define RT_TESTS_DATA_LOADER_TEST_H

#include "data/loader.h"
#include "data/made.h"
#include "data/state.h"
#include "dist/dist.h"
#include "tap.h"

enum { ROWS = 40, GOOD = 36, MICROS = 18 }; /* B 2, one rank */

/* MPI, and a folder of ROWS made rows; the caller closes both. */
__attribute__((unused)) static struct rt_dist *open_all(int argc, char **argv, struct made *made)
{
    struct rt_error err = { 0 };
    struct rt_dist *dist;
    if (rt_dist_open(&dist, &argc, &argv, &err) != RT_OK) {
        ok(0, "MPI: %s", err.text);
        exit(tap_done());
    }
    made_open(made, ROWS);
    return dist;
}

__attribute__((unused)) static struct rt_data *open_data(struct made *made, struct rt_dist *dist,
                                                         const struct rt_notes *notes)
{
    struct rt_error err = { 0 };
    struct rt_data *data = NULL;
    if (rt_data_open(&data, &made->opt, dist, notes, &err) != RT_OK) {
        ok(0, "data open: %s", err.text);
        exit(1);
    }
    return data;
}

__attribute__((unused)) static struct rt_loader *open_loader(struct rt_data *data,
                                                             const struct rt_loader_options *opt)
{
    struct rt_error err = { 0 };
    struct rt_loader *loader = NULL;
    struct rt_loader_options o = *opt;
    o.size = o.size == 0 ? 1 : o.size;
    if (rt_loader_open(&loader, data, &o, &err) != RT_OK) {
        ok(0, "loader open: %s", err.text);
        exit(1);
    }
    return loader;
}

__attribute__((unused)) static uint64_t fnv(uint64_t h, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    return h;
}

#endif
