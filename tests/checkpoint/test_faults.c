/*
 * test_faults.c - the save path with its n-th system call failing, for every n, and killed at the n-th, for
 * every n.
 *
 * The linker sends the calls of the program through __wrap_... below (see local.mk). fsync forces nothing here;
 * it marks a file's bytes, or a folder's renames, as safe. A kill cuts each file that is not marked to half
 * and, in every second run, takes back the renames that are not.
 */
#include "config.h"
#include "checkpoint/common.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

enum mode { COUNT, FAIL, KILL, SHORT, INTERRUPT };
enum { FILES_MAX = 64, RENAMES_MAX = 64, KILLED = 9 };

static struct {
    enum mode mode;
    int calls; /* so far */
    int at;    /* the one to act on; 0: none */
    bool for_ever;
    int code;  /* errno to give */
    bool undo; /* renames, when killed */
    int files; /* written to */
    struct {
        int fd;
        ino_t inode;
        bool safe;
    } file[FILES_MAX];
    int renames; /* that no fsync of a folder has followed */
    struct {
        char *from, *to;
    } renamed[RENAMES_MAX];
} shim;

/* the calls themselves */
int __real_open(const char *path, int flags, ...);
int __real_close(int fd);
ssize_t __real_write(int fd, const void *data, size_t bytes);
ssize_t __real_pread(int fd, void *data, size_t bytes, off_t at);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __real_rmdir(const char *path);
int __real_mkdir(const char *path, mode_t mode);
DIR *__real_opendir(const char *path);
int __real_statvfs(const char *path, struct statvfs *fs);
int __real_fstat(int fd, struct stat *sb);
int __real_lstat(const char *path, struct stat *sb);

static void die(void)
{
    struct stat sb;
    for (int i = 0; i < shim.files; i++)
        if (!shim.file[i].safe &&
            (__real_fstat(shim.file[i].fd, &sb) != 0 || ftruncate(shim.file[i].fd, sb.st_size / 2) != 0))
            _exit(1);
    for (int i = shim.renames - 1; i >= 0 && shim.undo; i--)
        (void)__real_rename(shim.renamed[i].to, shim.renamed[i].from); /* fails where it is deleted by now */
    _exit(KILLED);
}

/* Is this the call to act on? Kills at once. */
static bool hit(void)
{
    const int n = ++shim.calls;
    const bool now = shim.at > 0 && (n == shim.at || (shim.for_ever && n > shim.at));
    if (now && shim.mode == KILL)
        die();
    return now;
}

static bool fails(void)
{
    if (!hit() || shim.mode != FAIL)
        return false;
    errno = shim.code;
    return true;
}

int __wrap_open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list ap;
        va_start(ap, flags);
        mode = va_arg(ap, mode_t);
        va_end(ap);
    }
    return fails() ? -1 : __real_open(path, flags, mode);
}

int __wrap_close(int fd)
{
    const bool failed = fails();
    const int got = __real_close(fd), code = errno;
    errno = failed ? shim.code : code;
    return failed ? -1 : got;
}

static void remember(int fd)
{
    struct stat sb;
    if (shim.mode != KILL || __real_fstat(fd, &sb) != 0)
        return;
    for (int i = 0; i < shim.files; i++)
        if (shim.file[i].inode == sb.st_ino) {
            shim.file[i].safe = false;
            return;
        }
    if (shim.files == FILES_MAX)
        _exit(1);
    shim.file[shim.files].fd = dup(fd);
    shim.file[shim.files].inode = sb.st_ino;
    shim.file[shim.files++].safe = false;
}

ssize_t __wrap_write(int fd, const void *data, size_t bytes)
{
    remember(fd);
    if (!hit())
        return __real_write(fd, data, bytes);
    if (shim.mode == SHORT)
        return __real_write(fd, data, (bytes + 1) / 2);
    errno = shim.mode == INTERRUPT ? EINTR : shim.code;
    return -1;
}

ssize_t __wrap_pread(int fd, void *data, size_t bytes, off_t at)
{
    if (!hit())
        return __real_pread(fd, data, bytes, at);
    if (shim.mode == SHORT)
        return __real_pread(fd, data, (bytes + 1) / 2, at);
    errno = shim.mode == INTERRUPT ? EINTR : shim.code;
    return -1;
}

int __wrap_fsync(int fd)
{
    struct stat sb;
    if (hit() && shim.mode != SHORT) {
        errno = shim.mode == INTERRUPT ? EINTR : shim.code;
        return -1;
    }
    if (shim.mode != KILL || __real_fstat(fd, &sb) != 0)
        return 0;
    for (int i = 0; i < shim.files; i++)
        if (shim.file[i].inode == sb.st_ino)
            shim.file[i].safe = true;
    if (S_ISDIR(sb.st_mode)) /* good enough: every rename here is followed by the fsync of its own folder */
        shim.renames = 0;
    return 0;
}

int __wrap_rename(const char *from, const char *to)
{
    if (fails())
        return -1;
    const int got = __real_rename(from, to);
    if (got == 0 && shim.mode == KILL) {
        if (shim.renames == RENAMES_MAX)
            _exit(1);
        shim.renamed[shim.renames].from = text("%s", from);
        shim.renamed[shim.renames++].to = text("%s", to);
    }
    return got;
}

int __wrap_unlink(const char *path)
{
    return fails() ? -1 : __real_unlink(path);
}

int __wrap_rmdir(const char *path)
{
    return fails() ? -1 : __real_rmdir(path);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    return fails() ? -1 : __real_mkdir(path, mode);
}

DIR *__wrap_opendir(const char *path)
{
    return fails() ? NULL : __real_opendir(path);
}

int __wrap_statvfs(const char *path, struct statvfs *fs)
{
    return fails() ? -1 : __real_statvfs(path, fs);
}

int __wrap_fstat(int fd, struct stat *sb)
{
    return fails() ? -1 : __real_fstat(fd, sb);
}

int __wrap_lstat(const char *path, struct stat *sb)
{
    return fails() ? -1 : __real_lstat(path, sb);
}

static float numbers[400];

/* A file that another module writes without any care for the disk. */
static rt_status careless(const char *path)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0)
        return RT_ERR_IO;
    rt_status st = write(fd, "{\"a\": 1}", 8) == 8 ? RT_OK : RT_ERR_IO;
    if (close(fd) != 0)
        st = RT_ERR_IO;
    return st;
}

static rt_status save(const char *output, int64_t step)
{
    char *folder, *path;
    const struct rt_out_tensor out = { "a", RT_FILE_F32, 1, { 100 }, numbers };
    const struct rt_state_item item = { "/lora/p", RT_STATE_F32, 400, numbers };
    if (access(output, F_OK) == 0) /* a run has made it */
        RT_TRY(rt_checkpoint_room(output, sizeof numbers, 2, &err));
    rt_status st = rt_checkpoint_begin(output, step, &folder, &err);
    if (st != RT_OK)
        return st;
    path = text("%s/state.h5", folder);
    st = rt_state_write(path, &item, 1, &err);
    free(path);
    path = text("%s/adapter_model.safetensors", folder);
    if (st == RT_OK)
        st = rt_safetensors_write(path, &out, 1, &err);
    free(path);
    path = text("%s/trainer_state.json", folder);
    if (st == RT_OK)
        st = careless(path);
    free(path);
    if (st == RT_OK)
        st = rt_checkpoint_commit(output, step, folder, 1, 2, NULL, &err);
    if (st != RT_OK) {
        struct rt_error kept = err;
        rt_checkpoint_abandon(folder);
        err = kept;
    }
    free(folder);
    return st;
}

static void disarm(void)
{
    shim.mode = COUNT;
    shim.at = 0;
    shim.for_ever = false;
}

static int64_t newest(const char *output)
{
    char *path = NULL;
    int64_t step = -1;
    if (rt_checkpoint_newest(output, &path, &step, NULL, NULL, &err) != RT_OK)
        give_up(err.text);
    free(path);
    return step;
}

/* Calls in one save over two checkpoints; again: of a step that stands already. */
static int count_calls(const char *output, int64_t *step, bool again)
{
    disarm();
    if (save(output, ++*step) != RT_OK || save(output, ++*step) != RT_OK)
        give_up(err.text);
    shim.calls = 0;
    if (save(output, again ? *step : ++*step) != RT_OK)
        give_up(err.text);
    return shim.calls;
}

/* Any failed save leaves the newest checkpoint as it was or, when the way back fails too, the new one whole. */
static void test_fail(const char *output, bool again, bool for_ever)
{
    static const int codes[] = { ENOSPC, EIO, EDQUOT, ESTALE };
    int64_t step = 1;
    const int calls = count_calls(output, &step, again);
    int saves = 0, failed = 0, bad = 0;
    for (size_t c = 0; c < sizeof codes / sizeof *codes; c++)
        for (int n = 1; n <= calls + 20; n++) {
            const int64_t want = again ? step : step + 1;
            shim.mode = FAIL, shim.calls = 0, shim.at = n, shim.for_ever = for_ever, shim.code = codes[c];
            const rt_status st = save(output, want);
            disarm();
            const int64_t have = newest(output);
            saves++;
            failed += st != RT_OK;
            const bool right = st == RT_OK
                                   ? have == want
                                   : (st == RT_ERR_IO || st == RT_ERR_OUTPUT) && (have == step || have == want);
            if (!right) {
                bad++;
                diag("call %d, errno %d: status %d, step %d found, %d before: %s", n, codes[c], (int)st,
                     (int)have, (int)step, err.text);
            }
            step = have;
        }
    ok(bad == 0 && failed > calls, "%s, each of %d calls failing %s: %d saves, %d failed, %d wrong",
       again ? "a step written again" : "a new step", calls, for_ever ? "from then on" : "once", saves, failed,
       bad);
    err.text[0] = '\0';
    ok(save(output, step + 1) == RT_OK && newest(output) == step + 1, "the next save works: %s", err.text);
    int left = 0;
    DIR *dir = opendir(output);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        left += entry->d_name[0] == '.' && strlen(entry->d_name) > 2;
    closedir(dir);
    ok(left == 0, "and leaves nothing behind: %d", left);
}

static void test_gentle(const char *output, enum mode mode)
{
    int64_t step = 1;
    const int calls = count_calls(output, &step, false);
    int bad = 0;
    for (int n = 1; n <= calls; n++) {
        shim.mode = mode, shim.calls = 0, shim.at = n;
        const rt_status st = save(output, ++step);
        disarm();
        /* the careless file of this test does not go on after a short write; nothing else may mind */
        if (st != RT_OK && err.text[0] != '\0' && strstr(err.text, "trainer_state") == NULL)
            bad++, diag("call %d: %s", n, err.text);
        err.text[0] = '\0';
        if (newest(output) < step - 1)
            bad++, diag("call %d: step %d found", n, (int)newest(output));
    }
    ok(bad == 0, "%s at each of %d calls: %d wrong",
       mode == SHORT ? "half of a read or write" : "an interrupted call", calls, bad);
}

static void test_kill(const char *output, bool again)
{
    int64_t step = 1;
    const int calls = count_calls(output, &step, again);
    int killed = 0, bad = 0, came = 0;
    for (int n = 1; n <= calls; n++)
        for (int undo = 0; undo < 2; undo++) {
            const int64_t want = again ? step : step + 1;
            int how;
            fflush(stdout);
            const pid_t child = fork();
            if (child == 0) {
                shim.mode = KILL, shim.calls = 0, shim.at = n, shim.undo = undo;
                _exit(save(output, want) == RT_OK ? 0 : 2);
            }
            if (child < 0 || waitpid(child, &how, 0) != child || !WIFEXITED(how) ||
                (WEXITSTATUS(how) != KILLED && WEXITSTATUS(how) != 0))
                give_up("the child did not end as it should");
            killed += WEXITSTATUS(how) == KILLED;
            const int64_t have = newest(output);
            came += have == want;
            if (have != step && have != want)
                bad++, diag("call %d: step %d found, %d before", n, (int)have, (int)step);
            step = have;
            if (step < 1)
                give_up("no checkpoint is left");
        }
    ok(bad == 0 && killed > calls,
       "%s, killed at each of %d calls: %d kills, %d with the new one in place, %d wrong",
       again ? "a step written again" : "a new step", calls, killed, came, bad);
    err.text[0] = '\0';
    ok(save(output, step + 1) == RT_OK && newest(output) == step + 1, "the next save works: %s", err.text);
}

int main(void)
{
    char *folder = folder_make("faults");
    for (int again = 0; again < 2; again++) {
        for (int for_ever = 0; for_ever < 2; for_ever++) {
            char *output = text("%s/fail%d%d", folder, again, for_ever);
            test_fail(output, again, for_ever);
            free(output);
        }
        char *output = text("%s/kill%d", folder, again);
        test_kill(output, again);
        free(output);
    }
    char *output = text("%s/short", folder);
    test_gentle(output, SHORT);
    test_gentle(output, INTERRUPT);
    free(output);
    folder_end(folder);
    return tap_done();
}
