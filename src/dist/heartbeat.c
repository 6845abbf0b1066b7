/* heartbeat.c - files by which hosts know of each other. */
#include "config.h"
#include "dist/heartbeat.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE = 640 }; /* bytes, the newline included */

static void path_of(char path[4200], const char *folder, const char *name)
{
    snprintf(path, 4200, "%.4000s/%.190s", folder, name);
}

rt_status rt_heartbeat_prepare(const char *folder, struct rt_error *err)
{
    char path[4200], name[300];
    const char *folders[] = { "hb", "diag" };
    for (int i = 0; i < 2; i++) {
        path_of(path, folder, folders[i]);
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return rt_fail(err, RT_ERR_OUTPUT, "%s: cannot be made: %s", path, strerror(errno));
    }
    path_of(path, folder, "hb");
    DIR *dir = opendir(path);
    if (dir == NULL)
        return rt_fail(err, RT_ERR_OUTPUT, "%s: %s", path, strerror(errno));
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (strcmp(e->d_name, "verdict") != 0 && strspn(e->d_name, "0123456789") != strlen(e->d_name))
            continue;
        snprintf(name, sizeof name, "hb/%.180s", e->d_name);
        path_of(path, folder, name);
        unlink(path);
    }
    closedir(dir);
    return RT_OK;
}

rt_status rt_heartbeat_open(struct rt_heartbeat *h, const char *folder, struct rt_board *board, int ranks,
                            struct rt_error *err)
{
    *h = (struct rt_heartbeat){ .folder = folder, .board = board, .ranks = ranks, .fd = -1 };
    h->bytes = (size_t)(board->lines + 1) * LINE;
    h->text = malloc(h->bytes + 1);
    h->heard = calloc((size_t)ranks, sizeof *h->heard);
    h->seen = calloc((size_t)ranks, sizeof *h->seen);
    if (h->text == NULL || h->heard == NULL || h->seen == NULL) {
        rt_heartbeat_close(h);
        return rt_fail(err, RT_ERR_MEMORY, "no memory to watch over %d ranks", ranks);
    }
    for (int r = 0; r < ranks; r++)
        h->seen[r].rank = -1;
    return RT_OK;
}

void rt_heartbeat_close(struct rt_heartbeat *h)
{
    if (h->fd >= 0)
        close(h->fd);
    free(h->text);
    free(h->heard);
    free(h->seen);
    *h = (struct rt_heartbeat){ .fd = -1 };
}

static struct rt_seen look_at(const struct rt_board_line *l, int64_t now)
{
    struct rt_seen s = { .rank = l->rank,
                         .pid = l->pid,
                         .phase = l->phase,
                         .inside = l->inside,
                         .step = l->step,
                         .micro = l->micro,
                         .sample = l->sample,
                         .entered = l->entered,
                         .completed = l->completed };
    s.silent_s = (double)(now - l->since_ns) * 1e-9;
    s.silent_s = s.silent_s > 0 ? s.silent_s : 0; /* it changed after `now` was read */
    s.state = s.pid > 0 ? rt_process_state(s.pid) : 'R';
    snprintf(s.host, sizeof s.host, "%s", l->host);
    snprintf(s.gpu, sizeof s.gpu, "%s", l->gpu);
    snprintf(s.op, sizeof s.op, "%.31s", s.entered > 0 ? l->op[s.entered % RT_BOARD_OPS].name : "none");
    snprintf(s.card, sizeof s.card, "%s", l->card[l->card_at]);
    s.card_state = l->card_state;
    s.card_s = l->card_ns != 0 && now > l->card_ns ? (double)(now - l->card_ns) * 1e-9 : 0;
    return s;
}

void rt_heartbeat_look(const struct rt_board *board, struct rt_seen *seen, int ranks)
{
    const int64_t now = rt_board_now_ns();
    for (int i = 0; i < board->lines; i++)
        if (board->line[i].rank >= 0 && board->line[i].rank < ranks)
            seen[board->line[i].rank] = look_at(&board->line[i], now);
}

/* A line of LINE bytes, filled up with blanks. */
static void put_line(char *line, const char *text)
{
    snprintf(line, LINE, "%-*.*s", LINE - 1, LINE - 1, text);
    line[LINE - 1] = '\n';
}

void rt_heartbeat_write(struct rt_heartbeat *h)
{
    const struct rt_board *b = h->board;
    const int64_t now = rt_board_now_ns();
    char path[4200], name[32], text[LINE];
    if (h->fd < 0) {
        snprintf(name, sizeof name, "hb/%d", b->line[0].rank);
        path_of(path, h->folder, name);
        h->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (h->fd < 0)
            return;
    }
    /* Another rank of the host may take over: its numbers differ from these. */
    snprintf(text, sizeof text, "beat %lld ranks %d", (long long)(++h->beat * 4096 + b->mine->rank % 4096),
             b->lines);
    put_line(h->text, text);
    for (int i = 0; i < b->lines; i++) {
        const struct rt_seen s = look_at(&b->line[i], now);
        snprintf(text, sizeof text,
                 "rank %d host %.63s pid %d gpu %.47s state %c phase %d %s step %lld micro %lld enqueued %lld "
                 "completed %lld inside %d sample %lld unchanged_s %.1f op %s | card %d %.1f %s",
                 s.rank, s.host, s.pid, *s.gpu != '\0' ? s.gpu : "-", s.state, s.phase, rt_phase_name(s.phase),
                 (long long)s.step, (long long)s.micro, (long long)s.entered, (long long)s.completed, s.inside,
                 (long long)s.sample, s.silent_s, s.op, s.card_state, s.card_s, *s.card != '\0' ? s.card : "-");
        put_line(h->text + (size_t)(i + 1) * LINE, text);
    }
    if (pwrite(h->fd, h->text, h->bytes, 0) != (ssize_t)h->bytes) { /* ESTALE and the like: opened anew */
        close(h->fd);
        h->fd = -1;
    }
}

static void end_at_blanks(char *text)
{
    for (char *end = text + strlen(text); end > text && end[-1] == ' ';)
        *--end = '\0';
}

static bool parse(const char *line, struct rt_seen *s)
{
    long long step, micro, entered, completed, sample;
    int inside;
    *s = (struct rt_seen){ .rank = -1 };
    const int n =
        sscanf(line,
               "rank %d host %63s pid %d gpu %47s state %c phase %d %*s step %lld micro %lld enqueued %lld "
               "completed %lld inside %d sample %lld unchanged_s %lf op %31[^|]| card %d %lf %159[^\n]",
               &s->rank, s->host, &s->pid, s->gpu, &s->state, &s->phase, &step, &micro, &entered, &completed,
               &inside, &sample, &s->silent_s, s->op, &s->card_state, &s->card_s, s->card);
    if (n != 17)
        return false;
    end_at_blanks(s->op);
    end_at_blanks(s->card);
    if (strcmp(s->card, "-") == 0)
        s->card[0] = '\0';
    if (strcmp(s->gpu, "-") == 0)
        s->gpu[0] = '\0';
    s->step = step;
    s->micro = micro;
    s->entered = entered;
    s->completed = completed;
    s->sample = sample;
    s->inside = inside != 0;
    return true;
}

/* One host's file; first: the rank that names it. */
static void read_host(struct rt_heartbeat *h, int first, FILE *f)
{
    char line[LINE + 1];
    long long beat = 0;
    struct rt_heard *heard = &h->heard[first];
    const int64_t now = rt_board_now_ns();
    if (fgets(line, sizeof line, f) == NULL || sscanf(line, "beat %lld", &beat) != 1)
        return;
    if (heard->at_ns == 0 || heard->beat != beat)
        *heard = (struct rt_heard){ beat, now };
    while (fgets(line, sizeof line, f) != NULL) {
        struct rt_seen s;
        if (!parse(line, &s) || s.rank < 0 || s.rank >= h->ranks)
            continue;
        s.unheard_s = (double)(now - heard->at_ns) * 1e-9;
        s.silent_s += s.unheard_s;
        s.card_s += s.unheard_s;
        h->seen[s.rank] = s;
    }
}

void rt_heartbeat_read(struct rt_heartbeat *h)
{
    char path[4200], name[32];
    rt_heartbeat_look(h->board, h->seen, h->ranks);
    for (int r = 0; r < h->ranks; r++) {
        /* A host known by its file once is looked for by that alone. */
        if (h->seen[r].rank >= 0 && h->heard[r].at_ns == 0)
            continue;
        snprintf(name, sizeof name, "hb/%d", r);
        path_of(path, h->folder, name);
        FILE *f = fopen(path, "re");
        if (f == NULL)
            continue;
        read_host(h, r, f);
        fclose(f);
    }
}

bool rt_heartbeat_claim(const struct rt_heartbeat *h)
{
    char path[4200];
    path_of(path, h->folder, "hb/verdict");
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno != EEXIST;
    close(fd);
    return true;
}

static void dump(const struct rt_heartbeat *h, const struct rt_board_line *l)
{
    char path[4200], name[48];
    const int64_t now = rt_board_now_ns(), last = l->entered;
    snprintf(name, sizeof name, "diag/rank-%d.jsonl", l->rank);
    path_of(path, h->folder, name);
    FILE *f = fopen(path, "we");
    if (f == NULL)
        return;
    for (int64_t n = last > RT_BOARD_OPS ? last - RT_BOARD_OPS + 1 : 1; n <= last; n++) {
        const struct rt_board_op *op = &l->op[n % RT_BOARD_OPS];
        fprintf(f, "{\"seq\": %lld, \"op\": \"%.31s\", \"bytes\": %lld, \"enqueued_s\": %.6f, \"done_s\": ",
                (long long)n, op->name, (long long)op->bytes, (double)(op->begun_ns - now) * 1e-9);
        if (op->done_ns != 0)
            fprintf(f, "%.6f}\n", (double)(op->done_ns - now) * 1e-9);
        else
            fprintf(f, "null}\n");
    }
    fclose(f);
}

void rt_heartbeat_leave(const struct rt_heartbeat *h, const char *verdict)
{
    char path[4200];
    path_of(path, h->folder, "hb/verdict");
    const int fd = *verdict != '\0' ? open(path, O_WRONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        dprintf(fd, "%s\n", verdict);
        close(fd);
    }
    for (int i = 0; i < h->board->lines; i++)
        dump(h, &h->board->line[i]);
}
