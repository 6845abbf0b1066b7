/* room.c - how much memory of this machine the process can have: /proc/meminfo and control groups of both
 * versions. */
#include "config.h"
#include "base/room.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_CHARS = 4096, LINE_CHARS = 4096 };

/* The number behind word at the start of a line; false where there is none ("max" is no limit). */
static bool number_in(const char *path, const char *word, size_t *value)
{
    char line[LINE_CHARS];
    bool found = false;
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return false;
    while (!found && fgets(line, sizeof line, f) != NULL) {
        char *at = line + strlen(word), *end = NULL;
        if (strncmp(line, word, strlen(word)) != 0)
            continue;
        *value = (size_t)strtoull(at, &end, 10);
        found = end != at;
    }
    fclose(f);
    return found;
}

/* Names of a version's files. */
struct version {
    const char *mount, *limit, *used, *inactive, *active;
};

/* One group's limit: less room than before, if it says so. */
static void look(struct rt_room *room, const struct version *v, const char *root, const char *group)
{
    char path[3 * PATH_CHARS];
    size_t limit = 0, used = 0, file = 0, kept = 0;
    snprintf(path, sizeof path, "%s%s%s/%s", root, v->mount, group, v->limit);
    if (!number_in(path, "", &limit))
        return;
    snprintf(path, sizeof path, "%s%s%s/%s", root, v->mount, group, v->used);
    number_in(path, "", &used);
    snprintf(path, sizeof path, "%s%s%s/memory.stat", root, v->mount, group);
    if (number_in(path, v->inactive, &file))
        kept += file;
    if (number_in(path, v->active, &file))
        kept += file;
    used -= kept < used ? kept : used;
    const size_t left = limit > used ? limit - used : 0;
    room->all_bytes = limit < room->all_bytes ? limit : room->all_bytes;
    room->free_bytes = left < room->free_bytes ? left : room->free_bytes;
}

/* A group and all above it: each can have a limit. In a container the path may be the host's while only its end
 * is to be seen, so groups that are not there are passed over. */
static void look_up(struct rt_room *room, const struct version *v, const char *root, char *group)
{
    group[strcspn(group, "\n")] = '\0';
    for (;;) {
        char *slash = strrchr(group, '/');
        if (slash != NULL && slash[1] == '\0')
            *slash = '\0'; /* "/" itself is the mount */
        look(room, v, root, group);
        slash = strrchr(group, '/');
        if (slash == NULL)
            return;
        *slash = '\0';
    }
}

/* /proc/self/cgroup: "7:memory,hugetlb:/path" of version 1, "0::/path" of version 2. */
static void look_at_groups(struct rt_room *room, const char *root)
{
    static const struct version one = { "/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                                        "memory.usage_in_bytes", "total_inactive_file ", "total_active_file " };
    static const struct version two = { "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file ",
                                        "active_file " };
    char path[PATH_CHARS], line[LINE_CHARS];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return;
    while (fgets(line, sizeof line, f) != NULL) {
        char *names = strchr(line, ':'), *group = names == NULL ? NULL : strchr(names + 1, ':');
        if (group == NULL)
            continue;
        *group++ = '\0';
        if (names[1] == '\0')
            look_up(room, &two, root, group);
        char *rest = NULL;
        for (char *name = strtok_r(names + 1, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest))
            if (strcmp(name, "memory") == 0)
                look_up(room, &one, root, group);
    }
    fclose(f);
}

struct rt_room rt_host_room_under(const char *root)
{
    struct rt_room room = { SIZE_MAX, SIZE_MAX };
    char path[PATH_CHARS];
    size_t kib = 0;
    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    if (number_in(path, "MemTotal:", &kib))
        room.all_bytes = kib * 1024;
    if (number_in(path, "MemAvailable:", &kib))
        room.free_bytes = kib * 1024;
    look_at_groups(&room, root);
    return room;
}

struct rt_room rt_host_room(void)
{
    return rt_host_room_under("");
}
