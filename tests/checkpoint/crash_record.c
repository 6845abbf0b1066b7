/* crash_record.c - the calls of the save path (the linker sends them here, see local.mk) into a log. */
#include "config.h"
#include "checkpoint/common.h"
#include "checkpoint/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>

enum { FDS_MAX = 1024 };

static struct {
    struct log *log;
    const char *root;
    bool armed;
    int node[FDS_MAX]; /* what is open under a number, from its last open() on; -1: none of ours */
} recorder;

/* the calls themselves */
int __real_open(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *data, size_t bytes);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __real_rmdir(const char *path);
int __real_mkdir(const char *path, mode_t mode);

void record(struct log *log, const char *root)
{
    recorder.log = log;
    recorder.root = root;
    recorder.armed = false;
    if (log != NULL && log->nodes == 0)
        log->node[log->nodes++].is_folder = true; /* ROOT */
}

void record_arm(void)
{
    recorder.armed = true;
}

/* Before a call for node, which stands in folder: does the process end, or the call fail? */
static bool fails(int node, int folder)
{
    struct log *log = recorder.log;
    if (!recorder.armed || (log->narrow && node != OUTPUT && folder != OUTPUT))
        return false;
    const int n = ++log->calls;
    if (log->fault == FAULT_NONE || (n != log->at && n != log->then))
        return false;
    log->struck = log->events;
    if (log->fault == FAULT_KILL)
        _exit(KILLED);
    errno = log->code;
    return true;
}

static struct event *add(enum event_kind kind, int node)
{
    struct log *log = recorder.log;
    if (log->events == EVENTS_MAX)
        give_up("the log is full");
    struct event *event = &log->event[log->events++];
    *event = (struct event){ .kind = kind, .node = node };
    return event;
}

void record_report(int save)
{
    add(EVENT_REPORT, save);
}

/* Is path below root, or root itself? Its node or -1, and the folder and name that its last part has or would
 * have. */
static bool look_up(const char *path, int *node, int *folder, char name[NAME_CHARS])
{
    const struct log *log = recorder.log;
    const size_t root = log == NULL ? 0 : strlen(recorder.root);
    if (log == NULL || strncmp(path, recorder.root, root) != 0 || (path[root] != '/' && path[root] != '\0'))
        return false;
    *node = ROOT, *folder = -1;
    for (path += root; *(path += strspn(path, "/")) != '\0';) {
        const size_t n = strcspn(path, "/");
        if (*node < 0 || n >= NAME_CHARS)
            give_up(path);
        memcpy(name, path, n);
        name[n] = '\0';
        *folder = *node;
        *node = -1;
        for (int i = 1; i < log->nodes && *node < 0; i++)
            if (!log->node[i].gone && log->node[i].folder == *folder && strcmp(log->node[i].name, name) == 0)
                *node = i;
        path += n;
    }
    return true;
}

static int add_node(int folder, const char name[NAME_CHARS], bool is_folder)
{
    struct log *log = recorder.log;
    if (log->nodes == NODES_MAX)
        give_up("the log has no room for another file");
    const int made = log->nodes++;
    struct event *event = add(EVENT_MAKE, made);
    log->node[made] = (struct node){ .is_folder = is_folder, .folder = folder };
    strcpy(log->node[made].name, name);
    event->folder = folder;
    strcpy(event->name, name);
    return made;
}

int __wrap_open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    int node, folder;
    char name[NAME_CHARS];
    if (flags & O_CREAT) {
        va_list ap;
        va_start(ap, flags);
        mode = va_arg(ap, mode_t);
        va_end(ap);
    }
    const bool ours = look_up(path, &node, &folder, name);
    if (ours && fails(node, folder))
        return -1;
    const int fd = __real_open(path, flags, mode);
    if (fd >= FDS_MAX)
        give_up("too many open files");
    if (fd < 0)
        return fd;
    if (ours && node < 0)
        node = add_node(folder, name, false);
    recorder.node[fd] = ours ? node : -1;
    return fd;
}

ssize_t __wrap_write(int fd, const void *data, size_t bytes)
{
    struct log *log = recorder.log;
    const int node = log == NULL || fd >= FDS_MAX ? -1 : recorder.node[fd];
    if (node < 0)
        return __real_write(fd, data, bytes);
    if (fails(node, log->node[node].folder))
        return -1;
    const ssize_t put = __real_write(fd, data, bytes);
    if (put <= 0)
        return put;
    if ((size_t)put > LOG_BYTES - log->bytes)
        give_up("the log is full");
    struct event *event = add(EVENT_WRITE, node);
    event->at = log->node[node].end;
    event->bytes = (size_t)put;
    event->data = log->bytes;
    memcpy(log->data + log->bytes, data, (size_t)put);
    log->node[node].end += (size_t)put;
    log->bytes += (size_t)put;
    return put;
}

int __wrap_fsync(int fd)
{
    const int node = recorder.log == NULL ? -1 : recorder.node[fd];
    if (node < 0)
        return __real_fsync(fd);
    if (fails(node, recorder.log->node[node].folder))
        return -1;
    add(EVENT_SYNC, node); /* the real one would cost time and add nothing */
    return 0;
}

int __wrap_rename(const char *from, const char *to)
{
    int node, folder, onto, there;
    char name[NAME_CHARS], name_to[NAME_CHARS];
    if (!look_up(from, &node, &folder, name) || !look_up(to, &onto, &there, name_to))
        return __real_rename(from, to);
    if (fails(node, folder))
        return -1;
    if (__real_rename(from, to) != 0)
        return -1;
    if (node < 0 || folder != there)
        give_up("a rename that the model does not know");
    if (onto >= 0)
        recorder.log->node[onto].gone = true;
    strcpy(recorder.log->node[node].name, name_to);
    struct event *event = add(EVENT_RENAME, node);
    event->folder = folder;
    strcpy(event->name, name);
    strcpy(event->to, name_to);
    return 0;
}

static int drop(const char *path, int (*call)(const char *path))
{
    int node, folder;
    char name[NAME_CHARS];
    const bool ours = look_up(path, &node, &folder, name);
    if (ours && fails(node, folder))
        return -1;
    const int got = call(path);
    if (ours && got == 0) {
        struct event *event = add(EVENT_DROP, node);
        event->folder = folder;
        strcpy(event->name, name);
        recorder.log->node[node].gone = true;
    }
    return got;
}

int __wrap_unlink(const char *path)
{
    return drop(path, __real_unlink);
}

int __wrap_rmdir(const char *path)
{
    return drop(path, __real_rmdir);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    int node, folder;
    char name[NAME_CHARS];
    const bool ours = look_up(path, &node, &folder, name);
    if (ours && fails(node, folder))
        return -1;
    const int got = __real_mkdir(path, mode);
    if (ours && got == 0)
        add_node(folder, name, true);
    return got;
}

/* Room enough, however small the memory file system. */
int __wrap_statvfs(const char *path, struct statvfs *fs)
{
    (void)path;
    *fs = (struct statvfs){ .f_blocks = 0 };
    return 0;
}
