/* output.c - output_dir: may the run write there, and can files be made as a checkpoint makes them? */
#include "config.h"
#include "base/file.h"
#include "check/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Empty folders from path up to, but without, the one of `there` characters. */
static void unmake(const char *path, size_t there)
{
    char part[4096];
    snprintf(part, sizeof part, "%s", path);
    for (size_t n = strlen(part); n > there; n--) {
        if (part[n] != '/' && part[n] != '\0')
            continue;
        part[n] = '\0';
        if (rmdir(part) != 0 && errno != ENOENT) /* that one could not be made */
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
    char there[4096];
    if (c->job->train.do_train)
        RT_TRY(rt_job_check_output(c->job, err));
    rt_existing_folder(folder, there, sizeof there);
    rt_status st = rt_file_make_folder(folder, err);
    if (st == RT_OK)
        st = try_write(folder, err);
    unmake(folder, strcmp(there, ".") == 0 ? 0 : strlen(there));
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
