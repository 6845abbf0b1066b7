/* lock.c - one writer in an output folder: taking .lock, renewing it, giving it back; contract in lock.h. */
#include "config.h"
#include "train/lock.h"
#include "base/clock.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

struct rt_lock {
    struct rt_lock_options opt;
    struct rt_lock_holder self;
    char path[PATH_BYTES];
    int fd; /* of the file that we made, whatever the path names by now */
    pthread_t thread;
    bool renews;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool end;
};

static rt_status fail_errno(struct rt_error *err, const char *path, const char *what, int code)
{
    const bool place = code == EACCES || code == EPERM || code == EROFS || code == ENOENT || code == ENOTDIR;
    return rt_fail(err, place ? RT_ERR_OUTPUT : RT_ERR_IO, "%s: cannot %s: %s", path, what, strerror(code));
}

static bool write_text(int fd, const struct rt_lock_holder *self)
{
    char text[RT_LOCK_BYTES + 1];
    rt_lock_text(self, text);
    return pwrite(fd, text, RT_LOCK_BYTES, 0) == RT_LOCK_BYTES && fsync(fd) == 0;
}

/* The text of path, "" for an empty file; false: there is none, or it cannot be read. */
static bool read_text(const char *path, char text[RT_LOCK_BYTES + 1])
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    const ssize_t n = pread(fd, text, RT_LOCK_BYTES, 0);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n >= 0;
}

/* ---- held ---- */

/* Does the path still name our file? */
static bool ours(const struct rt_lock *lock)
{
    struct stat mine, there;
    return fstat(lock->fd, &mine) == 0 && stat(lock->path, &there) == 0 && mine.st_ino == there.st_ino &&
           mine.st_dev == there.st_dev;
}

static void *renew(void *context)
{
    struct rt_lock *lock = context;
    struct timespec until;
    pthread_mutex_lock(&lock->mutex);
    while (!lock->end) {
        clock_gettime(CLOCK_MONOTONIC, &until);
        const double at = (double)until.tv_nsec * 1e-9 + lock->opt.renew_s;
        until.tv_sec += (time_t)at;
        until.tv_nsec = (long)((at - (double)(time_t)at) * 1e9);
        while (!lock->end && pthread_cond_timedwait(&lock->wake, &lock->mutex, &until) != ETIMEDOUT)
            ;
        if (lock->end)
            break;
        pthread_mutex_unlock(
            &lock->mutex); /* a disk that hangs must not hang rt_lock_release's first line too */
        lock->self.heartbeat = (int64_t)rt_wall_s();
        (void)write_text(lock->fd, &lock->self); /* one that fails is made good by the next */
        pthread_mutex_lock(&lock->mutex);
    }
    pthread_mutex_unlock(&lock->mutex);
    return NULL;
}

/* Without a thread the lock goes stale only where our job is gone too. */
static void start_renewing(struct rt_lock *lock)
{
    pthread_mutex_init(&lock->mutex, NULL);
    rt_cond_init(&lock->wake);
    lock->renews = rt_thread_start(&lock->thread, NULL, renew, lock) == 0;
}

rt_status rt_lock_check(struct rt_lock *lock, struct rt_error *err)
{
    char text[RT_LOCK_BYTES + 1];
    struct rt_lock_holder h;
    if (lock == NULL || ours(lock))
        return RT_OK;
    if (!read_text(lock->path, text) || !rt_lock_parse(text, &h))
        return RT_OK; /* removed by a person, or a disk that does not answer now: nobody else writes here */
    return rt_fail(
        err, RT_ERR_OUTPUT,
        "%s: is held by process %lld on %s since %s: another run writes into this folder by now; this one "
        "ends",
        lock->path, (long long)h.pid, h.host, h.started);
}

void rt_lock_release(struct rt_lock *lock)
{
    if (lock == NULL)
        return;
    pthread_mutex_lock(&lock->mutex);
    lock->end = true;
    pthread_cond_signal(&lock->wake);
    pthread_mutex_unlock(&lock->mutex);
    if (lock->renews)
        pthread_join(lock->thread, NULL);
    if (ours(lock))
        (void)unlink(lock->path); /* else the next run finds that this process is gone */
    pthread_cond_destroy(&lock->wake);
    pthread_mutex_destroy(&lock->mutex);
    close(lock->fd);
    free(lock);
}

/* ---- taken ---- */

/* What stands in the way, and for how long it has not changed. */
struct found {
    char text[RT_LOCK_BYTES + 1];
    struct rt_lock_holder holder;
    bool known;     /* the holder */
    double since_s; /* by our clock, since it stands as it does */
    double first_s; /* since anything stands here */
    bool gone, told, told_live;
    bool again; /* of this job on another host, which may have been lost: only a renewal would show that it
                   lives */
};

static rt_status held(const struct rt_lock *lock, const struct found *f, struct rt_error *err)
{
    const struct rt_lock_holder *h = &f->holder;
    char job[RT_BATCH_ID_CHARS + 32] = "";
    if (h->job.id[0] != '\0')
        snprintf(job, sizeof job, ", %s job %s", h->job.system, h->job.id);
    return rt_fail(
        err, RT_ERR_OUTPUT,
        "%s: process %lld on %s%s writes here since %s; wait for it, write another output_dir or, if it "
        "is no more, remove this file",
        lock->path, (long long)h->pid, h->host, job, h->started);
}

/* A text that is not the one seen last: who is it now? */
static void look_at(const struct rt_lock *lock, struct found *f, const char *text)
{
    const struct found old = *f;
    if (f->since_s > 0 && strcmp(f->text, text) == 0)
        return;
    *f = (struct found){ .since_s = rt_now_s(), .told = old.told, .told_live = old.told_live };
    f->first_s = old.since_s > 0 ? old.first_s : f->since_s;
    snprintf(f->text, sizeof f->text, "%s", text);
    f->known = rt_lock_parse(text, &f->holder);
    f->gone = f->known && (rt_lock_absent(&f->holder, &lock->self) || rt_batch_job_gone(&f->holder.job));
    const bool renewed =
        old.known && old.holder.pid == f->holder.pid && strcmp(old.holder.host, f->holder.host) == 0;
    f->again = f->known && !f->gone && !renewed && strcmp(f->holder.host, lock->self.host) != 0 &&
               rt_batch_job_again(&f->holder.job);
}

/* By our clock since we look, or by its own time where that is longer: clocks of hosts may differ. */
static bool is_stale(const struct rt_lock *lock, const struct found *f)
{
    const double age = f->known ? rt_wall_s() - (double)f->holder.heartbeat : 0, seen = rt_now_s() - f->since_s;
    if (f->known && rt_lock_dead(&f->holder, &lock->self))
        return true;
    if (f->again) /* clocks are not believed here: it may be another step of this very job */
        return seen > lock->opt.stale_s;
    return (f->gone || !f->known) && (age > lock->opt.stale_s || seen > lock->opt.stale_s);
}

/* Out of the way by a rename, which one of several that come at once can do: whose turn it is not puts back
 * what he took. */
static void clear_away(const struct rt_lock *lock, const struct found *f)
{
    char aside[PATH_BYTES + 300], text[RT_LOCK_BYTES + 1];
    snprintf(aside, sizeof aside, "%s-%.200s-%ld", lock->path, lock->self.host, (long)getpid());
    if (rename(lock->path, aside) != 0)
        return;
    if (!read_text(aside, text) || strcmp(text, f->text) != 0)
        (void)link(aside, lock->path);
    (void)unlink(aside);
}

/* Once for a holder that is gone, once for one that lives. */
static void say(const struct rt_lock *lock, struct found *f)
{
    char text[PATH_BYTES + 600];
    const bool over = f->gone || f->again;
    bool *told = over ? &f->told : &f->told_live;
    if (*told || !f->known)
        return;
    *told = true;
    snprintf(text, sizeof text, "%s: %s by process %lld on %s%s; waiting up to %.0f s %s", lock->path,
             over ? "was held" : "is held", (long long)f->holder.pid, f->holder.host,
             f->gone    ? ", which is gone"
             : f->again ? ", in an earlier run of this job"
                        : "",
             over ? lock->opt.stale_s : lock->opt.wait_s, over ? "in case it is not" : "in case it is ending");
    if (lock->opt.note != NULL)
        lock->opt.note(text, lock->opt.context);
}

static rt_status wait_for(const struct rt_lock *lock, struct found *f, struct rt_error *err)
{
    const struct timespec nap = { .tv_nsec = 200000000 };
    if (lock->opt.give_up != NULL && lock->opt.give_up(lock->opt.context))
        return rt_fail(err, RT_STOPPED, "stopped while it waited for %s", lock->path);
    say(lock, f);
    nanosleep(&nap, NULL);
    return RT_OK;
}

/* The end of one job and the start of the next overlap: a holder that lives has wait_s to go. Its job is asked
 * after once more then, as batch systems take a while to say that one is over. */
static bool lives_on(const struct rt_lock *lock, struct found *f)
{
    if (!f->known || f->gone || f->again)
        return false;
    f->gone = rt_lock_absent(&f->holder, &lock->self);
    if (f->gone || rt_now_s() - f->first_s < lock->opt.wait_s)
        return false;
    f->gone = rt_batch_job_gone(&f->holder.job);
    return !f->gone;
}

static rt_status take(struct rt_lock *lock, struct rt_error *err)
{
    struct found f = { .since_s = 0 };
    char text[RT_LOCK_BYTES + 1];
    for (;;) {
        lock->fd = open(lock->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (lock->fd >= 0)
            break;
        if (errno != EEXIST)
            return fail_errno(err, lock->path, "create it", errno);
        if (!read_text(lock->path, text)) {
            if (errno == ENOENT)
                continue; /* just given back */
            return fail_errno(err, lock->path, "read it", errno);
        }
        look_at(lock, &f, text);
        if (is_stale(lock, &f))
            clear_away(lock, &f);
        else if (lives_on(lock, &f))
            return held(lock, &f, err);
        else
            RT_TRY(wait_for(lock, &f, err));
    }
    if (!write_text(lock->fd, &lock->self)) {
        const int code = errno;
        (void)unlink(lock->path);
        close(lock->fd);
        return fail_errno(err, lock->path, "write it", code);
    }
    return RT_OK;
}

rt_status rt_lock_take(struct rt_lock **lock, const struct rt_lock_options *opt, struct rt_error *err)
{
    struct rt_lock *made = calloc(1, sizeof *made);
    if (made == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "%s: no memory for its lock", opt->folder);
    made->opt = *opt;
    rt_lock_self(&made->self);
    rt_status st = RT_OK;
    if ((size_t)snprintf(made->path, sizeof made->path, "%s/.lock", opt->folder) >= sizeof made->path)
        st = rt_fail(err, RT_ERR_OUTPUT, "%.200s...: the name is too long", opt->folder);
    if (st == RT_OK)
        st = take(made, err);
    if (st != RT_OK) {
        free(made);
        return st;
    }
    start_renewing(made);
    *lock = made;
    return RT_OK;
}
