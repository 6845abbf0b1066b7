/* test_exec.c - opening, memory and copies of an exec, and how each of them is refused. */
#include "config.h"
#include "dist/dist.h"
#include "tests/kernels/op_test.h"

#include <stddef.h>
#include <string.h>

/* An allocation that cannot be met is to return, not to end the program, under the address sanitizer too. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void test_memory(struct op_backend *b)
{
    struct rt_exec *ex = b->ex;
    unsigned char host[1000], back[1000];
    void *p = NULL, *none = NULL;
    for (int i = 0; i < 1000; i++)
        host[i] = (unsigned char)(i * 7);
    op_ok(rt_exec_alloc(ex, &p, sizeof host) == RT_OK && p != NULL, "%s gives memory", b->name);
    op_ok((uintptr_t)p % 64 == 0, "%s aligns it", b->name);
    op_ok(rt_exec_alloc(ex, &none, 0) == RT_OK, "%s gives no bytes", b->name);
    op_ok(rt_exec_put(ex, none, host, 0) == RT_OK && rt_exec_get(ex, back, none, 0) == RT_OK, "%s copies none",
          b->name);
    rt_exec_free(ex, none);
    op_ok(rt_exec_put(ex, p, host, sizeof host) == RT_OK && rt_exec_get(ex, back, p, sizeof back) == RT_OK &&
              memcmp(host, back, sizeof host) == 0,
          "%s: what is put is got", b->name);
    memset(host + 100, 0, 50);
    op_ok(rt_exec_zero(ex, (unsigned char *)p + 100, 50) == RT_OK && rt_exec_sync(ex) == RT_OK &&
              rt_exec_get(ex, back, p, sizeof back) == RT_OK && memcmp(host, back, sizeof host) == 0,
          "%s zeroes what it is asked to", b->name);
    unsigned char *late = NULL;
    op_ok(rt_exec_get_end(ex) == RT_OK, "%s waits for no get", b->name);
    op_ok(rt_exec_pin(ex, (void **)&late, sizeof host) == RT_OK && late != NULL, "%s pins memory for gets",
          b->name);
    op_ok(rt_exec_get_begin(ex, late, p, 500) == RT_OK &&
              rt_exec_get_begin(ex, late + 500, (unsigned char *)p + 500, 500) == RT_OK &&
              rt_exec_zero(ex, p, sizeof host) == RT_OK && rt_exec_get_end(ex) == RT_OK &&
              memcmp(host, late, sizeof host) == 0,
          "%s: gets that are not waited for give what was there then", b->name);
    rt_exec_unpin(ex, late);
    rt_exec_unpin(ex, NULL);
    rt_exec_free(ex, p);
    rt_exec_free(ex, NULL);
    void *kept = host;
    memset(&b->err, 0, sizeof b->err);
    op_ok(rt_exec_alloc(ex, &kept, SIZE_MAX / 4) == RT_ERR_MEMORY &&
              strstr(b->err.text, "4611686018427387903") != NULL,
          "%s refuses too much: %s", b->name, b->err.text);
    op_ok(rt_exec_alloc(ex, &kept, SIZE_MAX) == RT_ERR_MEMORY && kept == host, "%s refuses all there is",
          b->name);
    struct rt_room room = { 0 };
    const rt_status st = rt_exec_room(ex, &room);
    op_ok(st == RT_OK && room.free_bytes > 0 && room.free_bytes <= room.all_bytes,
          "%s has %zu of %zu bytes free", b->name, room.free_bytes, room.all_bytes);
    op_ok(ex->ops != NULL && strcmp(ex->ops->name, b->name) == 0, "%s has its table", b->name);
    op_ok(ex->act_bytes == (ex->act == RT_F32 ? 4 : 2), "%s elements have %zu bytes", b->name, ex->act_bytes);
    op_ok((char *)rt_at(ex, (const rt_act *)(void *)host, 3) == (char *)host + 3 * ex->act_bytes,
          "%s element 3", b->name);
}

/* Asks again until it is so; device work of a few microseconds needs no more. */
static bool soon(rt_status (*ask)(void *context, bool *done), void *context)
{
    bool done = false;
    for (int i = 0; i < 1000000 && !done; i++)
        if (ask(context, &done) != RT_OK)
            return false;
    return done;
}

static rt_status mark_3(void *ex, bool *done)
{
    return rt_exec_passed(ex, 3, done);
}

/* What an exec has beside its operations. */
static void test_beside(struct op_backend *b)
{
    enum { BYTES = 3 << 20 };
    struct rt_exec *ex = b->ex;
    struct rt_device_info info;
    struct rt_dist_lane lane;
    unsigned char *pinned = NULL, *back = malloc(BYTES);
    void *p = NULL;
    bool passed = false;
    size_t wrong = 0;
    const rt_status st = rt_exec_info(ex, &info);
    op_ok(st == RT_OK && info.name[0] != '\0', "%s is called %s %s %s, one of %d", b->name, info.name,
          info.uuid, info.bus, info.visible);
    op_ok(ex->device == RT_DEVICE_CPU ||
              (strlen(info.uuid) == 40 && strchr(info.bus, ':') != NULL && info.visible > 0),
          "%s has the names of a GPU", b->name);
    op_ok(rt_exec_passed(ex, RT_EXEC_MARKS - 1, &passed) == RT_OK && passed, "%s: a mark never set has passed",
          b->name);
    op_ok(rt_exec_pin(ex, (void **)&pinned, BYTES) == RT_OK && rt_exec_alloc(ex, &p, BYTES) == RT_OK,
          "%s pins memory", b->name);
    for (size_t i = 0; i < BYTES; i++)
        pinned[i] = (unsigned char)(i * 7 + i / 256);
    op_ok(rt_exec_put_pinned(ex, p, pinned, BYTES) == RT_OK && rt_exec_mark(ex, 3) == RT_OK && soon(mark_3, ex),
          "%s: a copy from it passes its mark", b->name);
    memset(pinned, 0, BYTES);
    op_ok(rt_exec_lane(ex, &lane) == RT_OK && lane.after(lane.context) == RT_OK &&
              soon(lane.done, lane.context) && lane.before(lane.context) == RT_OK,
          "%s: the lane takes turns with it", b->name);
    op_ok(lane.get(lane.context, back, p, BYTES) == RT_OK, "%s: the lane copies", b->name);
    for (size_t i = 0; i < BYTES; i++)
        wrong += back[i] != (unsigned char)(i * 7 + i / 256);
    op_ok(wrong == 0, "%s: what was in pinned memory is there", b->name);
    rt_exec_unpin(ex, pinned);
    rt_exec_unpin(ex, NULL);
    rt_exec_free(ex, p);
    free(back);
}

/* Every operation is there. */
static void test_table(const struct op_backend *b)
{
    void (*const *fn)(void) = (void (*const *)(void))(const void *)&b->ex->ops->gemm;
    const size_t count = (sizeof *b->ex->ops - offsetof(struct rt_ops, gemm)) / sizeof *fn;
    size_t missing = 0;
    for (size_t i = 0; i < count; i++)
        missing += fn[i] == NULL;
    op_ok(missing == 0, "%s has all %zu operations", b->name, count);
}

int main(void)
{
    struct op_test t;
    op_open(&t);
    bool has_cuda = false;
    for (int i = 0; i < t.backends; i++) {
        test_memory(&t.backend[i]);
        test_table(&t.backend[i]);
        test_beside(&t.backend[i]);
        has_cuda = has_cuda || t.backend[i].ex->device == RT_DEVICE_CUDA;
    }
    struct rt_error err = { 0 };
    struct rt_exec *ex = NULL;
    op_ok(rt_exec_open(&ex, RT_DEVICE_AUTO, RT_BF16, 0, 1, &err) == RT_OK &&
              ex->device == (has_cuda ? RT_DEVICE_CUDA : RT_DEVICE_CPU),
          "auto takes what is there");
    op_ok(ex->act == RT_BF16 && ex->work == NULL && ex->work_bytes == 0, "it opens without a workspace");
    rt_exec_close(ex);
    ex = NULL;
    if (!has_cuda)
        op_ok(rt_exec_open(&ex, RT_DEVICE_CUDA, RT_F32, 0, 1, &err) == RT_ERR_DEVICE && ex == NULL &&
                  strstr(err.text, "device: cpu") != NULL,
              "cuda is refused: %s", err.text);
    op_ok(rt_exec_open(&ex, RT_DEVICE_CPU, RT_F32, 0, 0, &err) == RT_ERR_INTERNAL && ex == NULL,
          "no threads: %s", err.text);
    rt_exec_close(NULL);
    return op_done(&t);
}
