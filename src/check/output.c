/* output.c - output_dir: may the run write there, and can files be made as a checkpoint makes them? */
#include "config.h"
#include "check/state.h"

#include "checkpoint/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Folders of path that were not there are made; *made says how many characters of path the first of them has,
 * so that rt_output_unmake can take them away again; 0: none. What cannot be made shows in the write that
 * follows. */
static void make(const char *path, size_t *made)
{
    char part[4096];
    *made = 0;
    if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part)
        return;
    for (size_t i = 1; i <= strlen(path); i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, 0777) == 0 && *made == 0)
            *made = i;
        part[i] = path[i];
    }
}

/* Empty folders from path up to the first that was made. */
static void unmake(const char *path, size_t made)
{
    char part[4096];
    snprintf(part, sizeof part, "%s", path);
    for (size_t n = strlen(part); made > 0 && n >= made; n--) {
        if (path[n] != '/' && path[n] != '\0')
            continue;
        part[n] = '\0';
        if (rmdir(part) != 0)
            return;
    }
}

/* A small file aside, fsync, rename, fsync of the folder; then gone. */
static rt_status try_write(const char *folder, struct rt_error *err)
{
    char name[64], path[4200];
    snprintf(name, sizeof name, ".ranktune-check-%ld", (long)getpid());
    snprintf(path, sizeof path, "%s/%s", folder, name);
    RT_TRY(rt_text_file_write(folder, name, "ranktune check\n", 15, err));
    if (unlink(path) != 0)
        return rt_fail(err, RT_ERR_OUTPUT, "%s: cannot be removed: %s", path, strerror(errno));
    return RT_OK;
}

/* On rank 0, which is the one that writes checkpoints. */
static rt_status look(const struct rt_check *c, struct rt_error *err)
{
    const char *const folder = c->job->output_dir;
    size_t made = 0;
    if (c->job->train.do_train)
        RT_TRY(rt_job_check_output(c->job, err));
    make(folder, &made);
    const rt_status st = try_write(folder, err);
    unmake(folder, made);
    return st;
}

rt_status rt_check_output(struct rt_check *c)
{
    struct rt_error why = { .text = "" };
    if (c->rank == 0) {
        why.status = look(c, &why);
        if (why.status == RT_OK)
            rt_find_job(c->findings, RT_OK, "output", "%s: files are made, synced, renamed and removed",
                        c->job->output_dir);
        else
            rt_find_job(c->findings, (int)why.status, "output",
                        "%.1300s\ngive write access, or write another output_dir", why.text);
    }
    return rt_findings_share(c->findings, c->err);
}
