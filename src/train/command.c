/* command.c - the line that started this run, from /proc. */
#include "config.h"
#include "base/process.h"
#include "train/command.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BYTES = 1 << 16, MOST_PARENTS = 4 };

static bool is_plain(const char *word)
{
    return word[0] != '\0' && word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                                "_-./=:,+%@")] == '\0';
}

char *rt_command_quote(const char *words, size_t bytes)
{
    char *line = NULL;
    size_t room = 0;
    FILE *out = open_memstream(&line, &room);
    if (out == NULL)
        return NULL;
    for (size_t at = 0; at < bytes; at += strlen(words + at) + 1) {
        const char *word = words + at;
        if (at > 0)
            fputc(' ', out);
        if (is_plain(word)) {
            fputs(word, out);
            continue;
        }
        fputc('\'', out);
        for (; *word != '\0'; word++)
            if (*word == '\'')
                fputs("'\\''", out);
            else
                fputc(*word, out);
        fputc('\'', out);
    }
    if (fclose(out) != 0) {
        free(line);
        return NULL;
    }
    return line;
}

/* The words of a process, each with a NUL behind it, into buf, with one more behind all; bytes read, 0 where
 * there are none. */
static size_t words_of(int pid, char *buf, size_t room)
{
    char path[64];
    size_t used = 0;
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    for (ssize_t n; used < room - 1 && (n = read(fd, buf + used, room - 1 - used)) > 0;)
        used += (size_t)n;
    close(fd);
    buf[used] = '\0';
    return used;
}

static int parent_of(int pid)
{
    struct rt_process process;
    rt_process_look(pid, &process);
    return process.parent;
}

static bool is_launcher(const char *word)
{
    static const char *const names[] = { "mpirun",        "mpiexec", "mpirun.openmpi", "mpiexec.openmpi",
                                         "orterun",       "prterun", "mpiexec.hydra",  "mpirun.mpich",
                                         "mpiexec.mpich", "srun",    "jsrun",          "flux" };
    const char *slash = strrchr(word, '/');
    const char *name = slash != NULL ? slash + 1 : word;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Of the nearest parent that is a launcher; 0 bytes: none. */
static size_t launcher_words(char *words, size_t room)
{
    int pid = (int)getpid();
    for (int i = 0; i < MOST_PARENTS && (pid = parent_of(pid)) > 1; i++) {
        const size_t bytes = words_of(pid, words, room);
        if (bytes > 0 && is_launcher(words))
            return bytes;
    }
    return 0;
}

char *rt_command_again(int ranks, bool anew, bool flags)
{
    char *words = malloc(MOST_BYTES), *line = NULL, *again = NULL;
    if (words == NULL)
        return NULL;
    size_t bytes = launcher_words(words, MOST_BYTES);
    const bool launched = bytes > 0;
    if (!launched)
        bytes = words_of((int)getpid(), words, MOST_BYTES);
    if (bytes > 0)
        line = rt_command_quote(words, bytes);
    free(words);
    if (line == NULL)
        return NULL;
    const size_t room = strlen(line) + 96;
    again = malloc(room);
    char mpirun[40] = "";
    if (!launched && ranks > 1)
        snprintf(mpirun, sizeof mpirun, "mpirun -np %d ", ranks);
    if (again != NULL)
        snprintf(again, room, "%s%s%s", mpirun, line,
                 !anew   ? ""
                 : flags ? " --resume_from_checkpoint true"
                         : " resume_from_checkpoint=true");
    free(line);
    return again;
}
