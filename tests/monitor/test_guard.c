/* tests/monitor/test_guard.c - the thread that watches one card for faults, with a stand-in whose cards fail
 * when a file says so (fake_nvml.c). */
#include "config.h"
#include "base/clock.h"
#include "fake_nvml.h"
#include "monitor/guard.h"
#include "tap.h"

#include <math.h>
#include <time.h>

static char cards[64]; /* the file */

static void say(const char *words)
{
    char aside[80];
    snprintf(aside, sizeof aside, "%s.new", cards);
    FILE *f = fopen(aside, "w");
    fputs(words, f);
    fclose(f);
    rename(aside, cards);
}

static void nap(double s)
{
    nanosleep(&(struct timespec){ (time_t)s, (long)((s - floor(s)) * 1e9) }, NULL);
}

static void count(const struct rt_guard_state *state, void *context)
{
    (void)state;
    ++*(_Atomic int *)context;
}

/* A card that fails as `words` say after a first look. What is seen within 20 s: it looks each second, at
 * memory errors each fifth. */
static void fails(const char *words, const char *text)
{
    struct rt_guard *g = NULL;
    struct rt_guard_state s;
    struct rt_error err = { .text = "" };
    _Atomic int looks = 0;
    char said[256], fault[256];
    bool odd;
    say("gpus=2");
    if (!ok(rt_guard_open(&g, &(struct rt_guard_options){ "0000:1c:00.0", count, (void *)&looks }, &err) ==
                RT_OK,
            "%s: watched %s", words, err.text))
        return;
    for (double from = rt_now_s(); looks == 0 && rt_now_s() - from < 20;)
        nap(0.01);
    rt_guard_look(g, 0.5, &s);
    ok(!s.broken && strcmp(rt_guard_fault_text(&s, fault, sizeof fault), "") == 0 &&
           strcmp(rt_guard_text(&s, said, sizeof said, &odd),
                  "no Xid, SM 1980 of 1980 MHz, 61 C, clocks limited by: power cap") == 0 &&
           !odd && strcmp(s.uuid, "GPU-fake-1") == 0,
       "%s: before, %s says: %s", words, s.uuid, said);
    say(words);
    const double from = rt_now_s();
    rt_guard_look(g, 20, &s);
    ok(s.broken && strcmp(rt_guard_fault_text(&s, fault, sizeof fault), text) == 0, "%s: after %.1f s: %s",
       words, rt_now_s() - from, fault);
    rt_guard_text(&s, said, sizeof said, &odd);
    ok(odd && strncmp(said, text, strlen(text)) == 0, "%s: %s", words, said);
    ok(rt_guard_close(g), "%s: closed", words);
}

static void try_hang(void)
{
    struct rt_guard *g = NULL;
    struct rt_guard_state s;
    say("gpus=2,hang=1");
    ok(rt_guard_open(&g, &(struct rt_guard_options){ .bus = "0000:1c:00.0" }, NULL) == RT_OK,
       "a driver that hangs");
    rt_guard_look(g, 0.3, &s);
    ok(!s.broken && s.looked_s == 0, "says nothing");
    const double from = rt_now_s();
    const bool closed = rt_guard_close(g);
    /* 2 s are given to it; the rest is for a slow machine */
    ok(!closed && rt_now_s() - from < 12, "and is left behind after %.1f s", rt_now_s() - from);
}

int main(int argc, char **argv)
{
    struct rt_guard *g = NULL;
    struct rt_guard_state s;
    char odd_one[200];
    bool odd;
    (void)argc;
    snprintf(cards, sizeof cards, "/tmp/test_guard.%d", (int)getpid()); /* the same behind execv */
    setenv("FAKE_NVML_FILE", cards, 1);
    fake_nvml_use("fake", "gpus=2", argv);
    fails("gpus=2,xid=1:48", "Xid 48: an uncorrectable (double-bit) memory error");
    fails("gpus=2,lost=1", "the driver has lost the GPU");
    fails("gpus=2,uecc=1", "1 uncorrectable memory error since the run began");
    say("gpus=2,uecc=1,xid=1:13,hot=1");
    rt_guard_open(&g, &(struct rt_guard_options){ .bus = "0000:1c:00.0" }, NULL);
    rt_guard_look(g, 3, &s);
    rt_guard_text(&s, odd_one, sizeof odd_one, &odd);
    ok(!s.broken && odd &&
           strcmp(
               odd_one,
               "Xid 13: a kernel did something that is not allowed, SM 990 of 1980 MHz, 61 C, clocks limited "
               "by: hot (hardware)") == 0,
       "no fault: errors of before, and a program's mistake: %s", odd_one);
    rt_guard_close(g);
    rt_guard_open(&g, &(struct rt_guard_options){ .bus = "0000:7f:00.0" }, NULL);
    rt_guard_look(g, 1, &s);
    ok(!s.broken && rt_guard_close(g), "a card that is not known");
    rt_guard_state(NULL, &s);
    ok(!s.broken && rt_guard_close(NULL), "and none");
    try_hang();
    unlink(cards);
    return tap_done();
}
