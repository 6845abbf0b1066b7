/*
 * crash_history.c - a run of several saves and its log; in most of them the process is killed once or twice and
 * started again, or a call fails.
 */
#include "config.h"
#include "checkpoint/common.h"
#include "checkpoint/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

enum { LIVES_MAX = 5, FLOATS = 1500, TEXT_BYTES = 3000, REFUSED = 2 };

const char *const saved_names[SAVED_FILES] = { "state.h5", "adapter_model.safetensors", "trainer_state.json" };

static rt_status careless(const char *path, int save)
{
    char body[TEXT_BYTES];
    for (int i = 0; i < TEXT_BYTES; i++)
        body[i] = (char)('a' + (i * (save + 3) + i / 26) % 26);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0)
        return RT_ERR_IO;
    const bool written = write(fd, body, sizeof body) == (ssize_t)sizeof body;
    return close(fd) == 0 && written ? RT_OK : RT_ERR_IO;
}

rt_status fill(const char *folder, int save)
{
    float numbers[FLOATS];
    uint64_t seed = (uint64_t)save;
    const struct rt_state_item item = { "/lora/p", RT_STATE_F32, FLOATS, numbers };
    const struct rt_out_tensor out = { "a", RT_FILE_F32, 1, { FLOATS }, numbers };
    for (int i = 0; i < FLOATS; i++)
        numbers[i] = draw_float(&seed);
    char *path = text("%s/%s", folder, saved_names[0]);
    rt_status st = rt_state_write(path, &item, 1, &err);
    free(path);
    path = text("%s/%s", folder, saved_names[1]);
    if (st == RT_OK)
        st = rt_safetensors_write(path, &out, 1, &err);
    free(path);
    path = text("%s/%s", folder, saved_names[2]);
    if (st == RT_OK)
        st = careless(path, save);
    free(path);
    return st;
}

rt_status save_as(const char *output, int64_t step, int save, int64_t limit)
{
    char *folder;
    rt_status st = rt_checkpoint_begin(output, step, &folder, &err);
    if (st != RT_OK)
        return st;
    st = fill(folder, save);
    if (st == RT_OK)
        st = rt_checkpoint_commit(output, step, folder, 1, limit, NULL, &err);
    if (st != RT_OK)
        rt_checkpoint_abandon(folder);
    free(folder);
    return st;
}

static int64_t newest(const char *output)
{
    char *path = NULL;
    int64_t step = 0;
    if (rt_checkpoint_newest(output, &path, &step, NULL, NULL, &err) != RT_OK)
        _exit(REFUSED);
    step = path == NULL ? 0 : step;
    free(path);
    return step;
}

/* One process of a history: as a run begins, and its saves. Killed, or ended by a failure, it is followed by
 * another. The first moments of the first one, when the output folder is made, are not disturbed. */
static void live(const struct history *h, uint64_t seed)
{
    struct log *log = h->log;
    record(log, h->root);
    if (rt_file_make_folder(h->output, &err) != RT_OK)
        _exit(REFUSED);
    record_arm();
    if (rt_checkpoint_tidy(h->output, &err) != RT_OK)
        _exit(REFUSED);
    for (int64_t at = newest(h->output); log->saves < SAVES;) {
        const int save = log->saves++;
        const bool again = at > 0 && (save == 2 || draw(&seed) % 3 == 0);
        const int64_t step = again ? at : at + 1;
        log->step[save] = step;
        if (save_as(h->output, step, save, h->limit) == RT_OK) {
            record_report(save);
            at = step;
        }
    }
    _exit(0);
}

static void plan(struct history *h, uint64_t *seed)
{
    struct log *log = h->log;
    memset(log, 0, offsetof(struct log, node));
    const int kind = (int)(draw(seed) % 8);
    h->limit = draw(seed) % 2 == 0 ? 2 : 1 + (int64_t)(draw(seed) % 3);
    log->narrow = h->number == 1 || (h->number > 1 && draw(seed) % 2 == 0);
    log->at = 1 + (int)(draw(seed) % (uint64_t)h->calls[log->narrow]);
    log->then = draw(seed) % 2 == 0 ? 0 : log->at + 1 + (int)(draw(seed) % 40);
    log->code = draw(seed) % 2 == 0 ? EIO : ENOSPC;
    if (h->number < 2) /* as it should be */
        h->limit = 2;
    else if (kind < 5)
        log->fault = FAULT_KILL;
    else if (kind < 7) {
        log->fault = FAULT_FAIL; /* one call; a disk that goes on failing promises nothing */
        log->then = 0;
    }
}

/* Does a process end so only for the fault it was given? */
static bool is_expected(const struct log *log, int how)
{
    if (!WIFEXITED(how))
        return false;
    const int code = WEXITSTATUS(how);
    return code == 0 || (code == KILLED && log->fault == FAULT_KILL) ||
           (code == REFUSED && log->fault == FAULT_FAIL);
}

void make_history(struct history *h, uint64_t *seed)
{
    int how = 1;
    plan(h, seed);
    if (mkdir(h->root, 0777) != 0)
        give_up(h->root);
    for (int life = 0; life < LIVES_MAX && how != 0; life++) {
        const uint64_t own = draw(seed);
        fflush(stdout);
        const pid_t child = fork();
        if (child == 0)
            live(h, own);
        if (child < 0 || waitpid(child, &how, 0) != child || !is_expected(h->log, how))
            give_up("a process of the history did not end as it should");
    }
    char *whole = text("%s.whole", h->root), *compare = text("diff -r '%s' '%s' 1>&2", h->root, whole);
    replay(h->log, h->log->events, NULL, whole);
    if (how != 0 || system(compare) != 0)
        give_up("the log of calls does not give the folder: a call is missing from the model");
    free(compare);
    if (rt_file_remove(whole, &err) != RT_OK || rt_file_remove(h->root, &err) != RT_OK)
        give_up(err.text);
    free(whole);
}
