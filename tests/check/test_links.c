/* tests/check/test_links.c - the slowest link on the way of a transfer, numbers in words, names of ranks. */
#include "config.h"
#include "check/links.h"
#include "tap.h"

#include <math.h>
#include <string.h>

enum { RANKS = 4 };

/* Ranks 0 and 1 on host a, 2 and 3 on host b. */
struct job {
    struct rt_check c;
    struct rt_place place[RANKS];
    const char *hosts[RANKS];
};

static struct rt_check *open_job(struct job *j, double network_a, double network_b)
{
    static const char *const names[] = { "a", "a", "b", "b" };
    *j = (struct job){ .c = { .size = RANKS, .nvlink = 450e9 } };
    for (int r = 0; r < RANKS; r++) {
        snprintf(j->place[r].host, sizeof j->place[r].host, "%s", names[r]);
        snprintf(j->place[r].interface, sizeof j->place[r].interface, "eth%d", r / 2);
        j->place[r].network = r < 2 ? network_a : network_b;
        j->hosts[r] = names[r];
    }
    j->c.place = j->place;
    j->c.hosts = j->hosts;
    return &j->c;
}

static void test_paths(void)
{
    struct job j;
    const struct rt_check *c = open_job(&j, 50e9, 25e9);
    const double link[] = { 450e9, 450e9, 450e9, 300e9 }, unknown[] = { 450e9, 0, 450e9, 450e9 };
    struct rt_path p = rt_path_between(c, link, 0, 1, 0);
    ok(p.rate == 450e9 && strcmp(p.name, "NVLink") == 0, "within a host: the GPUs' links (%g, %s)", p.rate,
       p.name);
    p = rt_path_between(c, link, 2, 3, 0);
    ok(p.rate == 300e9, "the slower of two GPUs (%g)", p.rate);
    p = rt_path_between(c, link, 1, 2, 1);
    ok(p.rate == 25e9 && strcmp(p.name, "eth1 of b") == 0, "between hosts: the slower network (%g, %s)", p.rate,
       p.name);
    p = rt_path_between(c, link, 1, 2, 2);
    ok(p.rate == 12.5e9, "two transfers share it (%g)", p.rate);
    p = rt_path_between(c, unknown, 0, 1, 0);
    ok(p.rate == 0, "a link that is not known promises nothing");
    p = rt_path_between(c, NULL, 0, 1, 0);
    ok(p.rate == 0, "host memory has no link within a host");
    p = rt_path_between(c, NULL, 1, 2, 1);
    ok(p.rate == 25e9, "but a network between hosts (%g)", p.rate);
    p = rt_path_around(c, link);
    ok(p.rate == 25e9, "a ring over both hosts (%g)", p.rate);
    c = open_job(&j, 50e9, 0);
    p = rt_path_around(c, link);
    ok(p.rate == 0, "a ring over a network that says nothing");
    j.c.nvlink = 0;
    j.c.pcie = 63e9;
    ok(rt_path_own_link(&j.c) == 63e9, "without NVLink PCIe is the link");
}

static void is(const char *text, const char *want)
{
    ok(strcmp(text, want) == 0, "\"%s\" is \"%s\"", text, want);
}

static void test_words(void)
{
    char text[RT_WORDS];
    is(rt_words_bytes(text, 12), "12 bytes");
    is(rt_words_bytes(text, 1536 * 1024.0), "1.5 MiB");
    is(rt_words_bytes(text, 999.9 * 1024), "0.976 MiB");
    is(rt_words_rate(text, 450e9, "B/s"), "450 GB/s");
    is(rt_words_rate(text, 999.9e6, "B/s"), "1 GB/s");
    is(rt_words_rate(text, 0, "B/s"), "0 B/s");
    is(rt_words_range(text, (const double[]){ 24.1e9, NAN, 25.3e9 }, 3, "B/s"), "24.1 to 25.3 GB/s");
    is(rt_words_range(text, (const double[]){ 24.1e9, 24.2e9 }, 2, "B/s"), "24.1 GB/s");
    is(rt_words_range(text, (const double[]){ NAN }, 1, "B/s"), "unknown");
    is(rt_words_seconds(text, 12.5e-6), "12.5 us");
    is(rt_words_seconds(text, 999.9e-6), "1 ms");
    is(rt_words_seconds(text, 90), "90 s");
    is(rt_words_seconds(text, 360000), "100 h");
}

static void test_ranks(void)
{
    static const char *const hosts[] = { "a", "a", "b", "b" };
    char text[200];
    is(rt_ranks_text(hosts, 4, (const bool[]){ false, true, false, false }, text, sizeof text), "rank 1 on a");
    is(rt_ranks_text(hosts, 4, (const bool[]){ true, true, false, true }, text, sizeof text),
       "ranks 0, 1 on a; 3 on b");
}

int main(void)
{
    test_paths();
    test_words();
    test_ranks();
    return tap_done();
}
