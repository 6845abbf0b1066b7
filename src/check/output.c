/* output.c - output_dir: may the run write there, and can files be made as a checkpoint makes them? */
#include "config.h"
#include "base/file.h"
#include "check/state.h"

#include "checkpoint/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Folders of path that were not there are made; *made says how many characters of path the first of them has,
 * so that unmake can take them away again; 0: none. Fails: RT_ERR_OUTPUT, RT_ERR_IO.
 */
static rt_status make(const char *path, size_t *made, struct rt_error *err)
{
    char part[4096];
    *made = 0;
    if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part)
        return rt_fail(err, RT_ERR_OUTPUT, "output_dir: %.200s...: the name is too long", path);
    for (size_t i = 1; i <= strlen(path); i++) {
        struct stat info;
        if (path[i] != '/' && path[i] != '\0')
            continue;
        part[i] = '\0';
        const int why = mkdir(part, 0777) == 0 ? 0 : errno;
        if (why == 0)
            *made = *made == 0 ? i : *made;
        else if (why != EEXIST && stat(part, &info) != 0) /* a folder on the way may be another's */
            return rt_fail(err, why == ENOSPC || why == EDQUOT || why == EIO ? RT_ERR_IO : RT_ERR_OUTPUT,
                           "%s: this folder cannot be made: %s", part, strerror(why));
        part[i] = path[i];
    }
    return RT_OK;
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
    RT_TRY(rt_file_put(folder, name, "ranktune check\n", 15, err));
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
    rt_status st = make(folder, &made, err);
    if (st == RT_OK)
        st = try_write(folder, err);
    unmake(folder, made);
    return st;
}

rt_status rt_check_output(struct rt_check *c)
{
    struct rt_error why = { .text = "" };
    if (c->rank == 0) {
        why.status = look(c, &why);
        c->writable = why.status == RT_OK;
        if (why.status == RT_OK)
            rt_find_job(c->findings, RT_OK, "output", "%s: files are made, synced, renamed and removed",
                        c->job->output_dir);
        else if (strstr(why.text, "; ") != NULL) /* it says what to do */
            rt_find_error(c->findings, "output", &why, true);
        else
            rt_find_job(c->findings, (int)why.status, "output",
                        "%.1300s\ngive write access and room there, or write another output_dir", why.text);
    }
    return rt_findings_share(c->findings, c->err);
}
