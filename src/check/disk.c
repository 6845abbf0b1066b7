/* disk.c - the disk under output_dir: room for the job's checkpoints, and how fast one is written. */
#include "config.h"
#include "check/state.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const double most_written =
    256.0 * (1 << 20); /* bytes: enough to pass a cache of the drive's, if not all */
static const double spare_bytes = 64.0 * (1 << 20); /* logs, plots, and what a checkpoint wants left */
static const double files_each = 20; /* files of a checkpoint, or of the run's own: some more than today */
static const double slow_s = 60;     /* all ranks wait while rank 0 writes */

/* Beside tensors: tokenizer.json (11 MB in the published folders), the card, configurations. */
static double small_files(const struct rt_check *c)
{
    char path[4096];
    struct stat info;
    snprintf(path, sizeof path, "%s/tokenizer.json", c->job->model.model_name_or_path);
    return (stat(path, &info) == 0 ? (double)info.st_size : 0) + 1e6;
}

/* adapter_model.safetensors; state.h5 with parameters and both moments. */
static double checkpoint_bytes(const struct rt_check *c)
{
    const double adapter = 4.0 * (double)rt_model_adapter(c->model)->count;
    return adapter + (c->job->train.save_only_model ? 0 : 3 * adapter) + small_files(c);
}

/* Checkpoints that stand at once: a new one is whole before an old one goes. */
static int64_t checkpoints(const struct rt_check *c)
{
    const struct rt_train_options *opt = &c->job->train;
    const int64_t steps = c->counts.steps, every = c->counts.save_steps;
    int64_t n = 0;
    if (opt->save_strategy == RT_STRATEGY_STEPS)
        n = every > 0 ? (steps + every - 1) / every : 1;
    else if (opt->save_strategy != RT_STRATEGY_NO)
        n = (int64_t)ceil(opt->num_train_epochs);
    return opt->save_total_limit > 0 && n > opt->save_total_limit ? opt->save_total_limit + 1 : n;
}

void rt_existing_folder(const char *path, char *folder, size_t bytes)
{
    struct stat info;
    snprintf(folder, bytes, "%s", path);
    while (stat(folder, &info) != 0) {
        char *slash = strrchr(folder, '/');
        if (slash == NULL) {
            snprintf(folder, bytes, ".");
            return;
        }
        slash[slash == folder ? 1 : 0] = '\0';
        if (slash == folder)
            return;
    }
}

/* Seconds to write and sync so many bytes; -1 with errno. */
static double time_write(const char *path, double bytes)
{
    enum { BLOCK = 4 << 20 };
    char *block = malloc(BLOCK);
    const int fd = block == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        free(block);
        return -1;
    }
    for (int i = 0; i < BLOCK; i++) /* no file system packs it away */
        block[i] = (char)(((uint32_t)i * 2654435761u) >> 24);
    const double start = rt_now_s();
    int failed = 0;
    while (bytes > 0 && failed == 0) {
        const ssize_t n = write(fd, block, bytes < BLOCK ? (size_t)bytes : BLOCK);
        if (n < 0 && errno != EINTR)
            failed = errno;
        bytes -= n > 0 ? (double)n : 0;
    }
    if (failed == 0 && fsync(fd) != 0)
        failed = errno;
    const double seconds = rt_now_s() - start;
    close(fd);
    unlink(path);
    free(block);
    errno = failed;
    return failed == 0 ? seconds : -1;
}

static void tell_speed(struct rt_check *c, const char *folder, double one, double room)
{
    char path[4200];
    double bytes = one < most_written ? one : most_written;
    if (bytes > room / 2)
        return; /* the line above says that there is too little */
    snprintf(path, sizeof path, "%s/.ranktune-check-%ld", folder, (long)getpid());
    const double seconds = time_write(path, bytes);
    if (seconds < 0) {
        rt_find_job(
            c->findings, errno == EACCES || errno == EROFS ? RT_ERR_OUTPUT : RT_ERR_IO, "disk",
            "%s: cannot be written to: %s\nfree some space there, ask for a larger quota, or write another "
            "output_dir",
            folder, strerror(errno));
        return;
    }
    char size[RT_WORDS], rate[RT_WORDS], time[RT_WORDS];
    const double takes = one / (bytes / seconds);
    const bool slow = takes > slow_s;
    rt_find_job(c->findings, slow ? RT_WARNING : RT_OK, "disk",
                "%s written and synced at %s: a checkpoint takes %s%s", rt_words_bytes(size, bytes),
                rt_words_rate(rate, bytes / seconds, "B/s"), rt_words_seconds(time, takes),
                slow ? "\nwrite output_dir on a faster file system, or save more rarely (save_steps)" : "");
}

static void tell_files(struct rt_check *c, const char *folder, const struct statvfs *fs, int64_t number)
{
    const double files = files_each * (double)(number + 2);
    if (fs->f_files > 0 && (double)fs->f_favail < files) /* some file systems do not count them */
        rt_find_job(
            c->findings, RT_WARNING, "disk",
            "%s: %llu more files can be made there, and the run makes about %.0f\nremove files, or write another "
            "output_dir",
            folder, (unsigned long long)fs->f_favail, files);
}

/* Too little for the first checkpoint ends the run at its end; too little for all leaves it without later ones.
 * Returns what is free. */
static double tell_room(struct rt_check *c, const char *folder, double one, int64_t number)
{
    static const char cure[] = "free some space, or write another output_dir, a smaller save_total_limit or "
                               "save_only_model: true";
    char each[RT_WORDS], all_text[RT_WORDS], room_text[RT_WORDS], first_text[RT_WORDS];
    struct statvfs fs;
    const double first = 1.1 * one + spare_bytes, all = one * (double)number + one / 4 + spare_bytes;
    const bool told = statvfs(folder, &fs) == 0 && fs.f_blocks > 0;
    const double room = told ? (double)fs.f_bavail * (double)fs.f_frsize : INFINITY;
    const char *const many = number == 1 ? "" : "s";
    rt_words_bytes(each, one);
    rt_words_bytes(all_text, all);
    rt_words_bytes(room_text, told ? room : 0);
    if (!told)
        rt_find_job(
            c->findings, RT_WARNING, "disk",
            "%s: how much is free is not told there\nsee that it takes %lld checkpoint%s of %s, %s in all",
            folder, (long long)number, many, each, all_text);
    else if (number > 0 && room < first)
        rt_find_job(c->findings, RT_ERR_IO, "disk", "%s: %s free; the first checkpoint, of %s, needs %s\n%s",
                    folder, room_text, each, rt_words_bytes(first_text, first), cure);
    else if (room < all)
        rt_find_job(c->findings, RT_WARNING, "disk", "%s: %s free; %lld checkpoint%s of %s need %s\n%s", folder,
                    room_text, (long long)number, many, each, all_text, cure);
    else
        rt_find_job(c->findings, RT_OK, "disk", "%s: %s free; %lld checkpoint%s of %s and logs need %s at most",
                    folder, room_text, (long long)number, many, each, all_text);
    if (told)
        tell_files(c, folder, &fs, number);
    return room;
}

rt_status rt_check_disk(struct rt_check *c)
{
    char folder[4096];
    if (c->rank == 0 && c->model != NULL && c->job->train.do_train) {
        const double one = checkpoint_bytes(c);
        rt_existing_folder(c->job->output_dir, folder, sizeof folder);
        const double room = tell_room(c, folder, one, checkpoints(c));
        if (c->writable)
            tell_speed(c, folder, one, room);
    }
    return rt_findings_share(c->findings, c->err);
}
