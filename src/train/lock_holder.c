/* lock_holder.c - who holds an output folder, as a lock file says it, and whether that process still lives. */
#include "config.h"
#include "base/clock.h"
#include "base/process.h"
#include "train/lock.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* This start of the system, and the space of process numbers: two containers can have one host's name. */
static void find_place(char *text, size_t bytes)
{
    char boot[64] = "";
    struct stat space = { 0 };
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "r");
    if (f != NULL) {
        if (fgets(boot, sizeof boot, f) == NULL)
            boot[0] = '\0';
        fclose(f);
    }
    boot[strcspn(boot, "\n")] = '\0';
    const bool known = boot[0] != '\0' && stat("/proc/self/ns/pid", &space) == 0;
    snprintf(text, bytes, "%s%s%llu", known ? boot : "", known ? "/" : "", (unsigned long long)space.st_ino);
    if (!known)
        text[0] = '\0';
}

void rt_lock_self(struct rt_lock_holder *self)
{
    struct tm tm;
    struct rt_process process;
    const time_t now = (time_t)rt_wall_s();
    memset(self, 0, sizeof *self);
    if (gethostname(self->host, sizeof self->host - 1) != 0)
        snprintf(self->host, sizeof self->host, "unknown host");
    find_place(self->place, sizeof self->place);
    self->pid = (int64_t)getpid();
    rt_process_look(self->pid, &process);
    self->pid_start = process.start;
    self->job = rt_batch_job();
    if (localtime_r(&now, &tm) == NULL || strftime(self->started, sizeof self->started, "%F %T", &tm) == 0)
        self->started[0] = '\0';
    self->heartbeat = (int64_t)now;
}

void rt_lock_text(const struct rt_lock_holder *h, char text[RT_LOCK_BYTES + 1])
{
    json_t *o = json_pack("{s:s, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:I}", "host", h->host, "pid",
                          (json_int_t)h->pid, "pid_start", (json_int_t)h->pid_start, "place", h->place,
                          "job_system", h->job.system, "job", h->job.id, "attempt", h->job.attempt, "started",
                          h->started, "heartbeat", (json_int_t)h->heartbeat);
    char *line = o == NULL ? NULL : json_dumps(o, JSON_PRESERVE_ORDER);
    snprintf(text, RT_LOCK_BYTES + 1, "%-*s\n", RT_LOCK_BYTES - 1, line == NULL ? "" : line);
    free(line);
    json_decref(o);
}

static void copy(char *to, size_t bytes, const char *from)
{
    snprintf(to, bytes, "%s", from);
}

bool rt_lock_parse(const char *text, struct rt_lock_holder *h)
{
    const char *host, *place, *system, *id, *attempt, *started;
    json_int_t pid, pid_start, heartbeat;
    json_t *o = json_loads(text, 0, NULL);
    const bool good =
        o != NULL && json_unpack(o, "{s:s, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:I}", "host", &host, "pid", &pid,
                                 "pid_start", &pid_start, "place", &place, "job_system", &system, "job", &id,
                                 "attempt", &attempt, "started", &started, "heartbeat", &heartbeat) == 0;
    if (good) {
        memset(h, 0, sizeof *h);
        copy(h->host, sizeof h->host, host);
        copy(h->place, sizeof h->place, place);
        copy(h->job.system, sizeof h->job.system, system);
        copy(h->job.id, sizeof h->job.id, id);
        copy(h->job.attempt, sizeof h->job.attempt, attempt);
        copy(h->started, sizeof h->started, started);
        h->pid = pid;
        h->pid_start = pid_start;
        h->heartbeat = heartbeat;
    }
    json_decref(o);
    return good;
}

bool rt_lock_absent(const struct rt_lock_holder *h, const struct rt_lock_holder *self)
{
    if (strcmp(h->host, self->host) != 0 || h->pid <= 0)
        return false;
    if (kill((pid_t)h->pid, 0) != 0 && errno == ESRCH)
        return true;
    struct rt_process process;
    rt_process_look(h->pid, &process);
    if (process.state == 'Z' || process.state == 'X')
        return true; /* over: only nobody has asked yet how it ended; in a container perhaps nobody ever will */
    return h->pid_start > 0 && process.start > 0 &&
           process.start != h->pid_start; /* the number is another's by now */
}

bool rt_lock_dead(const struct rt_lock_holder *h, const struct rt_lock_holder *self)
{
    return h->place[0] != '\0' && strcmp(h->place, self->place) == 0 && rt_lock_absent(h, self);
}
