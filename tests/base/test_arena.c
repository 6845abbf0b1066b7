/* tests/base/test_arena.c - taking, rewinding, counting without memory, and what does not fit. */
#include "config.h"
#include "base/arena.h"
#include "tap.h"

#include <stdint.h>
#include <string.h>

enum { SIZE = 16 * RT_ARENA_ALIGN };

static void test_take(char *base)
{
    struct rt_arena a = { .base = base, .size_bytes = SIZE };
    char *first = rt_arena_take(&a, 1), *second = rt_arena_take(&a, RT_ARENA_ALIGN);
    char *third = rt_arena_take(&a, RT_ARENA_ALIGN + 1), *empty = rt_arena_take(&a, 0);
    ok(first == base && second == base + RT_ARENA_ALIGN && third == base + 2 * RT_ARENA_ALIGN,
       "blocks follow each other, each on a multiple of %d bytes", (int)RT_ARENA_ALIGN);
    ok(empty == base + 4 * RT_ARENA_ALIGN && a.used_bytes == 4 * RT_ARENA_ALIGN, "nothing takes nothing");
    memset(third, 1, RT_ARENA_ALIGN + 1);

    const size_t mark = a.used_bytes;
    rt_arena_take(&a, 5 * RT_ARENA_ALIGN);
    rt_arena_rewind(&a, mark);
    char *again = rt_arena_take(&a, 1);
    ok(again == base + mark && a.peak_bytes == mark + 5 * RT_ARENA_ALIGN,
       "rewound memory is used again; peak is %zu", a.peak_bytes);
}

static void test_full(char *base)
{
    struct rt_arena a = { .base = base, .size_bytes = SIZE };
    ok(rt_arena_take(&a, SIZE) == base, "all of it can be taken");
    ok(rt_arena_take(&a, 1) == NULL && a.used_bytes == SIZE && a.peak_bytes == SIZE, "one byte more cannot");
    const size_t huge[] = { SIZE + 1, SIZE_MAX - RT_ARENA_ALIGN, SIZE_MAX - 1, SIZE_MAX };
    for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) {
        rt_arena_rewind(&a, RT_ARENA_ALIGN);
        ok(rt_arena_take(&a, huge[i]) == NULL && a.used_bytes == RT_ARENA_ALIGN, "%zu bytes do not fit",
           huge[i]);
    }
}

static void test_plan(void)
{
    struct rt_arena plan = { .base = NULL };
    const size_t sizes[] = { 1, 255, 256, 257, 100000 };
    size_t want = 0;
    int not_null = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        not_null += rt_arena_take(&plan, sizes[i]) != NULL;
        want += (sizes[i] + 255) & ~(size_t)255;
    }
    ok(not_null == 0 && plan.used_bytes == want, "an arena without memory counts: %zu bytes", plan.used_bytes);
    rt_arena_rewind(&plan, 0);
    ok(plan.used_bytes == 0 && plan.peak_bytes == want, "and remembers the most: %zu bytes", plan.peak_bytes);
    rt_arena_take(&plan, 1);
    rt_arena_take(&plan, SIZE_MAX - 100);
    ok(plan.peak_bytes == SIZE_MAX, "a plan beyond all memory counts as all memory: %zu bytes",
       plan.peak_bytes);
}

int main(void)
{
    char *base = aligned_alloc(RT_ARENA_ALIGN, SIZE);
    if (!ok(base != NULL, "memory for the test"))
        return tap_done();
    test_take(base);
    test_full(base);
    test_plan();
    free(base);
    return tap_done();
}
