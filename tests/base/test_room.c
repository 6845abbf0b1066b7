/* test_room.c - memory that a process can have, by files as Linux writes them. */
#include "config.h"
#include "base/room.h"
#include "tap.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

static char root[] = "/tmp/ranktune-room-XXXXXX";

/* A file below root, with its folders. */
static void put(const char *path, const char *text)
{
    char command[600], whole[400];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    snprintf(command, sizeof command, "mkdir -p \"$(dirname '%s')\"", whole);
    FILE *f = system(command) == 0 ? fopen(whole, "w") : NULL;
    if (f == NULL) {
        printf("Bail out! cannot write %s\n", whole);
        exit(1);
    }
    fputs(text, f);
    fclose(f);
}

static void start(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    if (system(command) != 0)
        printf("# %s is left behind\n", root);
}

static void check(const char *what, size_t free_bytes, size_t all_bytes)
{
    const struct rt_room room = rt_host_room_under(root);
    ok(room.free_bytes == free_bytes && room.all_bytes == all_bytes, "%s: %zu of %zu bytes, wanted %zu of %zu",
       what, room.free_bytes, room.all_bytes, free_bytes, all_bytes);
}

int main(void)
{
    if (mkdtemp(root) == NULL)
        return 1;
    check("nothing to read", SIZE_MAX, SIZE_MAX);
    put("/proc/meminfo", "MemTotal:        4000 kB\nMemFree: 1 kB\nMemAvailable:    3000 kB\n");
    check("the machine alone", 3000 << 10, 4000 << 10);

    put("/proc/self/cgroup", "0::/batch/job7\n");
    check("a group without files", 3000 << 10, 4000 << 10);
    put("/sys/fs/cgroup/batch/job7/memory.max", "max\n");
    check("a group without a limit", 3000 << 10, 4000 << 10);
    put("/sys/fs/cgroup/batch/memory.max", "2000000\n");
    put("/sys/fs/cgroup/batch/memory.current", "1500000\n");
    put("/sys/fs/cgroup/batch/memory.stat", "anon 900000\ninactive_file 400000\nactive_file 100000\n");
    check("version 2: a limit above the group, files count as free", 1000000, 2000000);
    put("/sys/fs/cgroup/batch/memory.current", "9000000\n");
    check("more used than the limit", 0, 2000000);
    start();

    put("/proc/meminfo", "MemTotal:        4000 kB\nMemAvailable:    3000 kB\n");
    put("/proc/self/cgroup", "9:name=systemd:/\n4:hugetlb,memory:/docker/abc\n0::/\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "3500000\n");
    put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "600000\n");
    put("/sys/fs/cgroup/memory/memory.stat",
        "inactive_file 1\ntotal_inactive_file 50000\ntotal_active_file 50000\n");
    check("version 1: the container's own group is the mount", 3000000, 3500000);
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    check("version 1 without a limit", 3000 << 10, 4000 << 10);
    start();

    const struct rt_room room = rt_host_room();
    ok(room.free_bytes > 0 && room.free_bytes <= room.all_bytes, "this machine: %zu of %zu bytes",
       room.free_bytes, room.all_bytes);
    return tap_done();
}
