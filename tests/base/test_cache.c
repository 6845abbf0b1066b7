/* test_cache.c - what is put comes back, to the bit, for the same file alone; bounds, full disks, threads,
 * other processes. */
#include "config.h"
#include "base/cache.h"
#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENTRIES = 64, BYTES = 3000 };

static char folder[256];

static struct rt_cache *open_one(const char *where, size_t most_bytes)
{
    const struct rt_cache_options opt = { .folder = where, .entries = ENTRIES, .most_bytes = most_bytes };
    struct rt_cache *cache = NULL;
    struct rt_error err;
    if (rt_cache_open(&cache, &opt, &err) != RT_OK) {
        ok(0, "open: %s", err.text);
        exit(1);
    }
    return cache;
}

/* What entry i holds; its length depends on i. */
static size_t fill(unsigned char *bytes, int64_t i)
{
    const size_t n = (size_t)(BYTES - i);
    for (size_t k = 0; k < n; k++)
        bytes[k] = (unsigned char)((size_t)i * 31 + k * 7 + (k >> 8));
    return n;
}

static struct rt_file_id file_of(int64_t i)
{
    return (struct rt_file_id){ .size = 100 + i, .inode = (uint64_t)i, .mtime_ns = 5, .ctime_ns = 6 };
}

static void put(struct rt_cache *cache, int64_t i)
{
    unsigned char bytes[BYTES];
    const struct rt_file_id file = file_of(i);
    const size_t n = fill(bytes, i);
    rt_cache_put(cache, i, &file, bytes, n);
}

static bool get(struct rt_cache *cache, int64_t i)
{
    unsigned char want[BYTES], bytes[BYTES];
    const struct rt_file_id file = file_of(i);
    const size_t n = fill(want, i);
    return rt_cache_get(cache, i, &file, bytes, n) && memcmp(bytes, want, n) == 0;
}

static int files_in(const char *path)
{
    DIR *dir = opendir(path);
    int n = -2; /* . and .. */
    while (dir != NULL && readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static void round_trip(const char *where, const char *name)
{
    struct rt_cache *cache = open_one(where, 1 << 20);
    struct rt_cache_news news;
    int before = 0, there = 0, back = 0;
    size_t bytes = 0;
    for (int64_t i = 0; i < ENTRIES; i += 2) {
        before += rt_cache_has(cache, i) || get(cache, i);
        put(cache, i);
        bytes += (size_t)(BYTES - i);
    }
    for (int64_t i = 0; i < ENTRIES; i++) {
        there += rt_cache_has(cache, i);
        back += get(cache, i);
    }
    rt_cache_tell(cache, &news);
    ok(before == 0 && there == ENTRIES / 2 && back == ENTRIES / 2, "%s: %d of %d come back", name, back,
       ENTRIES / 2);
    ok(news.entries == ENTRIES / 2 && news.bytes == bytes && !news.full && news.error == 0 && news.changed == 0,
       "%s: %lld entries, %zu bytes", name, (long long)news.entries, news.bytes);
    ok(files_in(folder) == 0, "%s: no file is to be seen", name);
    rt_cache_close(cache);
}

static void changed_files(void)
{
    struct rt_cache *cache = open_one(NULL, 1 << 20);
    struct rt_file_id file[4];
    struct rt_cache_news news;
    unsigned char bytes[BYTES];
    int got = 0, after = 0;
    for (int64_t i = 0; i < 4; i++) {
        put(cache, i);
        file[i] = file_of(i);
    }
    file[0].size++;
    file[1].inode++;
    file[2].mtime_ns++;
    file[3].ctime_ns++;
    for (int64_t i = 0; i < 4; i++)
        got += rt_cache_get(cache, i, &file[i], bytes, (size_t)(BYTES - i));
    for (int64_t i = 0; i < 4; i++) {
        put(cache, i);
        after += rt_cache_has(cache, i) || get(cache, i);
    }
    rt_cache_tell(cache, &news);
    ok(got == 0 && after == 0 && news.changed == 4 && news.entries == 0, "another file: %lld entries given up",
       (long long)news.changed);
    const struct rt_file_id unknown = { 0 };
    rt_cache_put(cache, 9, &unknown, bytes, BYTES);
    ok(!rt_cache_has(cache, 9), "of a file that is not known nothing is kept");
    rt_cache_close(cache);
}

static void bound(void)
{
    struct rt_cache *cache = open_one(NULL, 10000);
    struct rt_cache_news news;
    for (int64_t i = 0; i < ENTRIES; i++)
        put(cache, i);
    rt_cache_tell(cache, &news);
    ok(news.entries == 3 && news.bytes <= 10000 && news.full && news.error == 0 && get(cache, 0) &&
           get(cache, 2) && !get(cache, 3),
       "10000 bytes hold %lld entries, the first", (long long)news.entries);
    rt_cache_close(cache);
    cache = open_one(NULL, 0);
    put(cache, 0);
    ok(!rt_cache_has(cache, 0), "0 bytes hold none");
    rt_cache_close(cache);
}

/* A limit on file sizes fails as a full disk does. */
static void full_disk(const char *where, const char *name)
{
    struct rlimit was, now;
    struct rt_cache_news news;
    signal(SIGXFSZ, SIG_IGN);
    struct rt_cache *cache = open_one(where, 1 << 20);
    getrlimit(RLIMIT_FSIZE, &was);
    now = was;
    now.rlim_cur = 8000;
    setrlimit(RLIMIT_FSIZE, &now);
    for (int64_t i = 0; i < ENTRIES; i++)
        put(cache, i);
    setrlimit(RLIMIT_FSIZE, &was);
    put(cache, 40);
    int back = 0;
    for (int64_t i = 0; i < ENTRIES; i++)
        back += get(cache, i);
    rt_cache_tell(cache, &news);
    ok(news.error == EFBIG && news.entries == 2 && back == 2,
       "%s: no room for the third entry: %s; %d come back", name, strerror(news.error), back);
    rt_cache_close(cache);
}

/* Bytes that a disk lost. */
static void lost_bytes(void)
{
    struct rt_cache *cache = open_one(folder, 1 << 20);
    struct rt_cache_news news;
    char path[64];
    put(cache, 0);
    put(cache, 1);
    snprintf(path, sizeof path, "/proc/self/fd/%lld", (long long)rt_cache_address(cache).data);
    const int fd = open(path, O_WRONLY);
    const bool damaged = pwrite(fd, "!", 1, 1234) == 1 && ftruncate(fd, BYTES + 10) == 0;
    close(fd);
    const int back = get(cache, 0) + get(cache, 1);
    rt_cache_tell(cache, &news);
    ok(damaged && back == 0 && news.entries == 0 && news.error == EBADMSG,
       "a flipped byte and a cut end: %d come back", back);
    rt_cache_close(cache);
}

static void *put_all(void *context)
{
    for (int64_t i = 0; i < ENTRIES; i++)
        put(context, i);
    return NULL;
}

static void threads(void)
{
    struct rt_cache *cache = open_one(NULL, 1 << 20);
    struct rt_cache_news news;
    pthread_t thread[4];
    int back = 0, early = 0;
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, put_all, cache);
    for (int64_t i = 0; i < ENTRIES; i++)
        early += rt_cache_has(cache, i) && !get(cache, i);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    for (int64_t i = 0; i < ENTRIES; i++)
        back += get(cache, i);
    rt_cache_tell(cache, &news);
    ok(early == 0 && back == ENTRIES && news.entries == ENTRIES,
       "4 threads put the same: %d come back, none half", back);
    rt_cache_close(cache);
}

/* Three processes fill one cache, each from another end, and see what the others put. */
static void processes(const char *where, const char *name)
{
    const struct rt_cache_options opt = { .folder = where, .entries = ENTRIES, .most_bytes = 1 << 20 };
    struct rt_cache *cache = open_one(where, 1 << 20);
    const struct rt_cache_address address = rt_cache_address(cache);
    int good = 0, back = 0;
    for (int p = 0; p < 3; p++) {
        if (fork() != 0)
            continue;
        struct rt_cache *mine = NULL;
        struct rt_error err;
        bool fine = rt_cache_join(&mine, &opt, &address, &err) == RT_OK;
        for (int64_t i = 0; fine && i < ENTRIES; i++)
            put(mine, (i + p * 20) % ENTRIES);
        for (int64_t i = 0; fine && i < ENTRIES; i++)
            while (!rt_cache_has(mine, i))
                usleep(100);
        for (int64_t i = 0; fine && i < ENTRIES; i++)
            fine = get(mine, i);
        rt_cache_close(mine);
        _exit(fine ? 0 : 1);
    }
    for (int p = 0; p < 3; p++) {
        int status = 1;
        wait(&status);
        good += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    for (int64_t i = 0; i < ENTRIES; i++)
        back += get(cache, i);
    ok(good == 3 && back == ENTRIES, "%s: %d of 3 processes see all of it, %d come back here", name, good,
       back);
    struct rt_cache_address wrong = address;
    struct rt_cache *none = NULL;
    struct rt_error err;
    wrong.data_file[1]++;
    ok(rt_cache_join(&none, &opt, &wrong, &err) == RT_ERR_IO && none == NULL,
       "another file under that number: %s", err.text);
    wrong = address;
    wrong.process = 0x3fffffff;
    ok(rt_cache_join(&none, &opt, &wrong, &err) == RT_ERR_IO && none == NULL, "no such process: %s", err.text);
    rt_cache_close(cache);
}

int main(void)
{
    const char *tmp = getenv("TMPDIR");
    struct rt_error err;
    struct rt_cache *none = NULL;
    alarm(60); /* a process that waits in vain */
    snprintf(folder, sizeof folder, "%s/ranktune-cache-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(folder) == NULL) {
        printf("Bail out! no folder\n");
        return 1;
    }
    round_trip(NULL, "memory");
    round_trip(folder, "disk");
    changed_files();
    bound();
    full_disk(NULL, "memory");
    full_disk(folder, "disk");
    lost_bytes();
    threads();
    processes(NULL, "memory");
    processes(folder, "disk");
    const struct rt_cache_options nowhere = { .folder = "/proc/none", .entries = 1, .most_bytes = 1 };
    ok(rt_cache_open(&none, &nowhere, &err) == RT_ERR_OUTPUT && none == NULL, "no such folder: %s", err.text);
    rmdir(folder);
    return tap_done();
}
