/* test_lock.c - one writer in a folder: who is kept out, what counts as left behind, and who renews. */
#include "config.h"
#include "base/clock.h"
#include "tap.h"
#include "train/lock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/test_lock.XXXXXX", path[256];
static struct rt_error err;
static bool give_up_now;

static bool give_up(void *context)
{
    (void)context;
    return give_up_now;
}

static rt_status take(struct rt_lock **lock, double renew_s, double stale_s)
{
    const struct rt_lock_options opt = {
        .folder = folder, .renew_s = renew_s, .stale_s = stale_s, .give_up = give_up
    };
    err.text[0] = '\0';
    return rt_lock_take(lock, &opt, &err);
}

/* With some seconds for a holder to end. */
static rt_status take_in(struct rt_lock **lock, double wait_s)
{
    const struct rt_lock_options opt = { .folder = folder, .renew_s = 30, .stale_s = 180, .wait_s = wait_s };
    err.text[0] = '\0';
    return rt_lock_take(lock, &opt, &err);
}

/* A lock file of some holder. */
static void put(const struct rt_lock_holder *h)
{
    char text[RT_LOCK_BYTES + 1];
    rt_lock_text(h, text);
    FILE *f = fopen(path, "w");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
        exit(1);
}

static bool there(void)
{
    return access(path, F_OK) == 0;
}

static int64_t heartbeat(void)
{
    char text[RT_LOCK_BYTES + 1] = "";
    struct rt_lock_holder h = { .heartbeat = -1 };
    FILE *f = fopen(path, "r");
    if (f == NULL || fread(text, 1, RT_LOCK_BYTES, f) != RT_LOCK_BYTES)
        exit(1);
    fclose(f);
    return rt_lock_parse(text, &h) ? h.heartbeat : -1;
}

/* A number that no process has: of a child that is over. */
static pid_t dead_pid(void)
{
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    return child;
}

static void test_live(void)
{
    struct rt_lock *lock, *second;
    char pid[32];
    ok(take(&lock, 1, 180) == RT_OK && there(), "a free folder: %s", err.text);
    snprintf(pid, sizeof pid, "process %ld ", (long)getpid());
    ok(take(&second, 1, 180) == RT_ERR_OUTPUT && strstr(err.text, pid) != NULL &&
           strstr(err.text, ".lock") != NULL,
       "a second writer is told who: %s", err.text);
    const int64_t first = heartbeat();
    const double from = rt_now_s();
    while (heartbeat() == first && rt_now_s() - from < 30)
        usleep(100000);
    ok(heartbeat() > first, "it is renewed while nobody looks: %lld s later", (long long)(heartbeat() - first));
    ok(rt_lock_check(lock, &err) == RT_OK, "and is ours");
    rt_lock_release(lock);
    ok(!there(), "given back");
    rt_lock_release(NULL);
}

static void test_lost(void)
{
    struct rt_lock *lock;
    struct rt_lock_holder other;
    rt_lock_self(&other);
    snprintf(other.host, sizeof other.host, "elsewhere");
    if (take(&lock, 30, 180) != RT_OK)
        exit(1);
    unlink(path);
    ok(rt_lock_check(lock, &err) == RT_OK, "removed by hand: nobody else writes here");
    put(&other);
    ok(rt_lock_check(lock, &err) == RT_ERR_OUTPUT && strstr(err.text, "elsewhere") != NULL,
       "taken by another: %s", err.text);
    rt_lock_release(lock);
    ok(there(), "another's is not removed");
    unlink(path);
}

static void test_left_behind(void)
{
    struct rt_lock *lock;
    struct rt_lock_holder h;
    rt_lock_self(&h);
    h.pid = dead_pid();
    put(&h);
    double from = rt_now_s();
    ok(take(&lock, 30, 180) == RT_OK && rt_now_s() - from < 30, "a process that is gone, renewed just now: %s",
       err.text);
    rt_lock_release(lock);

    rt_lock_self(&h);
    h.pid_start += 1;
    put(&h);
    ok(take(&lock, 30, 180) == RT_OK, "its number is another process's by now: %s", err.text);
    rt_lock_release(lock);

    rt_lock_self(&h);
    h.pid = dead_pid();
    snprintf(h.place, sizeof h.place, "another start/1");
    put(&h);
    from = rt_now_s();
    rt_status st = take(&lock, 30, 2);
    double took = rt_now_s() - from;
    ok(st == RT_OK && took >= 1,
       "gone, but maybe of another machine of this name: after %.1f s without renewal", took);
    rt_lock_release(lock);

    h.heartbeat -= 1000;
    put(&h);
    from = rt_now_s();
    ok(take(&lock, 30, 180) == RT_OK && rt_now_s() - from < 30, "the same, not renewed for long: at once");
    rt_lock_release(lock);

    h.heartbeat += 1000 + 7200; /* a host whose clock is two hours ahead */
    put(&h);
    from = rt_now_s();
    st = take(&lock, 30, 2);
    took = rt_now_s() - from;
    ok(st == RT_OK && took >= 2, "clocks may differ: after %.1f s", took);
    rt_lock_release(lock);

    FILE *f = fopen(path, "w");
    if (f == NULL || fclose(f) != 0)
        exit(1);
    ok(take(&lock, 30, 2) == RT_OK, "an empty file, of one that was killed making it: %s", err.text);
    rt_lock_release(lock);
    unlink(path);
}

/* The holder is over, and its parent has not asked how it ended; then one that ends while this waits. */
static void test_ending(void)
{
    struct rt_lock *lock;
    struct rt_lock_holder h;
    siginfo_t how;
    for (int seconds = 0; seconds < 3; seconds += 2) {
        int ends[2];
        char byte;
        if (pipe(ends) != 0)
            exit(1);
        const pid_t child = fork();
        if (child == 0) {
            rt_lock_self(&h);
            put(&h);
            close(ends[0]);
            close(ends[1]);
            sleep((unsigned)seconds);
            _exit(0);
        }
        close(ends[1]);
        (void)!read(ends[0], &byte, 1); /* until it has put its own */
        close(ends[0]);
        if (seconds == 0 && waitid(P_PID, (id_t)child, &how, WEXITED | WNOWAIT) != 0)
            exit(1);
        const rt_status st = seconds == 0 ? take(&lock, 30, 180) : take_in(&lock, 60);
        ok(st == RT_OK, "%s: %s", seconds == 0 ? "a zombie holds nothing" : "a holder that ends is waited for",
           err.text);
        if (st == RT_OK)
            rt_lock_release(lock);
        waitpid(child, NULL, 0);
    }
    if (take(&lock, 30, 180) != RT_OK)
        exit(1);
    struct rt_lock *second;
    const double from = rt_now_s();
    const rt_status st = take_in(&second, 1);
    const double took = rt_now_s() - from;
    ok(st == RT_ERR_OUTPUT && took >= 1, "one that does not end: after %.1f s of 1: %s", took, err.text);
    rt_lock_release(lock);
}

/* A batch system's program of this name: a shell script in the folder, which is on PATH. */
static void put_tool(const char *name, const char *script)
{
    char tool[300], search[600];
    snprintf(tool, sizeof tool, "%s/%s", folder, name);
    FILE *f = fopen(tool, "w");
    if (f == NULL || fputs(script, f) < 0 || fclose(f) != 0 || chmod(tool, 0755) != 0)
        exit(1);
    snprintf(search, sizeof search, "%s:/usr/bin:/bin", folder);
    setenv("PATH", search, 1);
}

static void remove_tool(const char *name)
{
    char tool[300];
    snprintf(tool, sizeof tool, "%s/%s", folder, name);
    unlink(tool);
}

struct foreign_job {
    const char *id;
    bool gone;
};

/* The holder is on another host, and of one job after the other. */
static void test_jobs(struct rt_lock_holder *h, const char *system, const struct foreign_job *jobs, size_t n)
{
    snprintf(h->job.system, sizeof h->job.system, "%s", system);
    for (size_t i = 0; i < n; i++) {
        struct rt_lock *lock;
        snprintf(h->job.id, sizeof h->job.id, "%s", jobs[i].id);
        put(h);
        const rt_status st = take(&lock, 30, 180);
        ok(st == (jobs[i].gone ? RT_OK : RT_ERR_OUTPUT), "another host, %s's job %s is %s: %s", system,
           jobs[i].id, jobs[i].gone ? "gone" : "there or not known", err.text);
        if (st == RT_OK)
            rt_lock_release(lock);
    }
}

static void test_elsewhere(void)
{
    struct rt_lock *lock;
    struct rt_lock_holder h;
    rt_lock_self(&h);
    snprintf(h.host, sizeof h.host, "node-of-another");
    h.heartbeat -= 100000;
    put(&h);
    ok(take(&lock, 30, 1) == RT_ERR_OUTPUT && strstr(err.text, "node-of-another") != NULL,
       "another host, however old: %s", err.text);

    put_tool("squeue",
             "#!/bin/sh\n[ \"$3\" = 8 ] && { echo RUNNING; exit; }\n[ \"$3\" = 9 ] && exit 0\n"
             "[ \"$3\" = 10 ] && { echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1; }\n"
             "echo 'Unable to contact slurm controller' >&2; exit 1\n");
    static const struct foreign_job jobs[] = { { "8", false }, { "9", true }, { "10", true }, { "11", false } };
    test_jobs(&h, "slurm", jobs, sizeof jobs / sizeof *jobs);
    snprintf(h.job.id, sizeof h.job.id, "12");
    snprintf(h.job.attempt, sizeof h.job.attempt, "0");
    setenv("SLURM_JOB_ID", "12", 1);
    setenv("SLURM_RESTART_COUNT", "0", 1);
    put(&h);
    ok(take(&lock, 30, 180) == RT_ERR_OUTPUT, "a step of this job on another host: %s", err.text);
    setenv("SLURM_RESTART_COUNT", "1", 1);
    ok(take(&lock, 30, 180) == RT_OK, "of this job before it was requeued: %s", err.text);
    rt_lock_release(lock);
    h.heartbeat += 100000;
    put(&h);
    give_up_now = true;
    ok(take(&lock, 30, 180) == RT_STOPPED, "told to stop while it waits: %s", err.text);
    unlink(path);
    remove_tool("squeue");
}

/* LSF's jobs, as bjobs tells them. */
static void test_lsf(void)
{
    struct rt_lock_holder h;
    rt_lock_self(&h);
    snprintf(h.host, sizeof h.host, "node-of-another");
    h.heartbeat -= 100000;
    put_tool("bjobs", "#!/bin/sh\n[ \"$1 $2 $3\" = '-noheader -o stat' ] || exit 9\n"
                      "case $4 in 8) echo RUN ;; 9) echo DONE ;; 11) echo UNKWN ;; 12) exit 1 ;;\n"
                      "*) echo \"Job <$4> is not found\" >&2; exit 255 ;; esac\n");
    static const struct foreign_job jobs[] = {
        { "8", false }, { "9", true }, { "10", true }, { "11", false }, { "12", false }
    };
    test_jobs(&h, "lsf", jobs, sizeof jobs / sizeof *jobs);
    unlink(path);
    remove_tool("bjobs");
}

/* A job that its system ran again under its old number, after the host with the lock was lost. */
static void test_again(void)
{
    struct rt_lock *lock;
    struct rt_lock_holder h;
    unsetenv("SLURM_JOB_ID");
    give_up_now = false;
    setenv("PBS_JOBID", "13.server", 1);
    rt_lock_self(&h);
    snprintf(h.host, sizeof h.host, "a-lost-host");
    h.heartbeat -= 100000;
    put(&h);
    double from = rt_now_s();
    rt_status st = take(&lock, 30, 2);
    const double took = rt_now_s() - from;
    ok(st == RT_OK && took >= 2, "of this job on a host that does not renew: taken over after %.1f s of 2: %s",
       took, err.text);
    if (st == RT_OK)
        rt_lock_release(lock);

    put(&h);
    const pid_t child = fork(); /* it does renew */
    if (child == 0) {
        for (int i = 0; i < 100; i++) {
            usleep(100000);
            h.heartbeat++;
            put(&h);
        }
        _exit(0);
    }
    from = rt_now_s();
    st = take(&lock, 30, 60);
    ok(st == RT_ERR_OUTPUT && rt_now_s() - from < 50, "of this job, and renewed: kept out: %s", err.text);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    rt_lock_self(&h);
    h.pid = getppid(); /* lives, and is on this host */
    h.pid_start = 0;
    put(&h);
    ok(take(&lock, 30, 1) == RT_ERR_OUTPUT, "of this job on this host, and alive: kept out: %s", err.text);
    unsetenv("PBS_JOBID");
    unlink(path);
}

int main(void)
{
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/.lock", folder);
    unsetenv("SLURM_JOB_ID");
    unsetenv("PBS_JOBID");
    test_live();
    test_lost();
    test_left_behind();
    test_ending();
    test_elsewhere();
    test_lsf();
    test_again();
    ok(rmdir(folder) == 0, "nothing else is left");
    return tap_done();
}
