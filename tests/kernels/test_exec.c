/* test_exec.c - opening, memory and copies of an exec, and how each of them is refused. */
#include "config.h"
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
