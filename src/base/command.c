/* command.c - a short answer from another program, within a time limit. */
#include "config.h"
#include "base/command.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* Nothing of ours goes on in it: signals as they were, no input, a group of its own that can be killed whole.
 */
static pid_t start(const char *const argv[], int out)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, all;
    pid_t child = -1;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, 1);
    posix_spawn_file_actions_adddup2(&files, out, 2);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &all);
    posix_spawnattr_setpgroup(&how, 0);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    if (posix_spawnp(&child, argv[0], &files, &how, (char *const *)argv, environ) != 0)
        child = -1;
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return child;
}

/* Until the end of what it says, or of the time; what is beyond bytes is read and dropped. */
static bool listen_to(int in, double end_s, char *text, size_t bytes)
{
    char dropped[512];
    for (size_t used = 0;;) {
        const double left = end_s - rt_now_s();
        struct pollfd wait = { .fd = in, .events = POLLIN };
        if (left <= 0)
            return false;
        if (poll(&wait, 1, (int)(left * 1e3) + 1) <= 0)
            continue;
        const size_t room = bytes - 1 - used;
        const ssize_t n = room > 0 ? read(in, text + used, room) : read(in, dropped, sizeof dropped);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        used += room > 0 ? (size_t)n : 0;
        text[used] = '\0';
    }
}

/* It may close its output and go on. */
static int end_of(pid_t child, double end_s)
{
    const struct timespec nap = { .tv_nsec = 5000000 };
    for (int how = 0;;) {
        const pid_t got = waitpid(child, &how, rt_now_s() < end_s ? WNOHANG : 0);
        if (got == child)
            return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
        if (got < 0 && errno != EINTR)
            return -1;
        if (rt_now_s() >= end_s)
            kill(-child, SIGKILL);
        else
            nanosleep(&nap, NULL);
    }
}

int rt_command(const char *const argv[], double limit_s, char *text, size_t bytes)
{
    int ends[2];
    const double end_s = rt_now_s() + limit_s;
    text[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    const pid_t child = start(argv, ends[1]);
    close(ends[1]);
    int code = -1;
    if (child > 0) {
        const bool heard = listen_to(ends[0], end_s, text, bytes);
        if (!heard)
            kill(-child, SIGKILL);
        code = end_of(child, end_s);
        code = heard ? code : -1;
    }
    close(ends[0]);
    return code;
}
