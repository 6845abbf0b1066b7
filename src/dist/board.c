/* board.c - where every rank of a host stands, and which of them a call still waits for. */
#include "config.h"
#include "base/process.h"
#include "dist/board.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t rt_board_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static const struct {
    const char *name, *text;
} phases[] = {
    [RT_PHASE_SETUP] = { "setup", "setting up" },
    [RT_PHASE_SCAN] = { "scan", "scanning the data" },
    [RT_PHASE_LOAD] = { "load", "loading weights" },
    [RT_PHASE_DATA] = { "decode", "waiting for data" },
    [RT_PHASE_H2D] = { "h2d", "handing over a batch" },
    [RT_PHASE_FORWARD] = { "forward", "the forward pass" },
    [RT_PHASE_BACKWARD] = { "backward", "the backward pass" },
    [RT_PHASE_SUM] = { "allreduce", "the sum of gradients" },
    [RT_PHASE_UPDATE] = { "optim", "the update" },
    [RT_PHASE_EVAL] = { "eval", "evaluation" },
    [RT_PHASE_SAVE] = { "ckpt", "saving" },
    [RT_PHASE_END] = { "end", "ending" },
};

const char *rt_phase_name(int phase)
{
    return phase >= 0 && phase <= RT_PHASE_END ? phases[phase].name : "unknown";
}

const char *rt_phase_text(int phase)
{
    return phase >= 0 && phase <= RT_PHASE_END ? phases[phase].text : "an unknown phase";
}

void rt_board_open(struct rt_board *board, MPI_Comm node, int rank, const char *host)
{
    MPI_Aint bytes = 0;
    int local = 0, unit = 0;
    void *base = NULL;
    *board =
        (struct rt_board){ .window = MPI_WIN_NULL, .line = &board->alone, .mine = &board->alone, .lines = 1 };
    MPI_Comm_rank(node, &local);
    MPI_Comm_size(node, &board->lines);
    /* A line is not left to the implementation's alignment: all lie in the first rank's part. */
    const MPI_Aint mine = local == 0 ? (MPI_Aint)((size_t)board->lines * sizeof *board->line) : 0;
    const bool shared =
        MPI_Win_allocate_shared(mine, 1, MPI_INFO_NULL, node, &base, &board->window) == MPI_SUCCESS &&
        MPI_Win_shared_query(board->window, 0, &bytes, &unit, &base) == MPI_SUCCESS;
    if (shared) {
        board->line = base;
        board->mine = &board->line[local];
        memset(board->mine, 0, sizeof *board->mine);
    } else {
        board->lines = 1;
    }
    struct rt_board_line *l = board->mine;
    l->rank = rank;
    l->pid = (int)getpid();
    snprintf(l->host, sizeof l->host, "%s", host);
    l->sample = -1;
    rt_board_phase(board, RT_PHASE_SETUP, -1);
    if (shared)
        MPI_Barrier(node); /* nobody reads a line that has not been begun */
}

void rt_board_close(struct rt_board *board)
{
    if (board->window != MPI_WIN_NULL)
        MPI_Win_free(&board->window);
}

void rt_board_card(struct rt_board *board, const char *text, enum rt_card_state state)
{
    struct rt_board_line *l = board->mine;
    const int at = 1 - l->card_at;
    snprintf(l->card[at], sizeof l->card[at], "%s", text);
    l->card_at = at;
    l->card_state = (int)state;
    l->card_ns = rt_board_now_ns();
}

void rt_board_enter(struct rt_board *board, const char *name, int64_t bytes)
{
    struct rt_board_line *l = board->mine;
    const int64_t now = rt_board_now_ns(), number = l->entered + 1;
    struct rt_board_op *op = &l->op[number % RT_BOARD_OPS];
    *op = (struct rt_board_op){ .number = number, .bytes = bytes, .begun_ns = now };
    snprintf(op->name, sizeof op->name, "%s", name);
    l->since_ns = now;
    l->entered = number;
}

void rt_board_leave(struct rt_board *board)
{
    struct rt_board_line *l = board->mine;
    const int64_t now = rt_board_now_ns(), all = l->entered;
    for (int64_t n = l->completed + 1; n <= all; n++)
        l->op[n % RT_BOARD_OPS].done_ns = now;
    l->since_ns = now;
    l->completed = all;
}

void rt_board_inside(struct rt_board *board, bool inside)
{
    board->mine->inside = inside;
}

void rt_board_phase(struct rt_board *board, enum rt_phase phase, int64_t step)
{
    struct rt_board_line *l = board->mine;
    l->phase = (int)phase;
    l->step = step;
    l->since_ns = rt_board_now_ns();
}

void rt_board_at(struct rt_board *board, int64_t micro, int64_t sample)
{
    struct rt_board_line *l = board->mine;
    l->micro = micro;
    l->sample = sample;
    l->since_ns = rt_board_now_ns();
}

char rt_process_state(int pid)
{
    struct rt_process process;
    if (!rt_process_look(pid, &process))
        return errno == ENOENT ? 'Z' : 'R';
    switch (process.state) {
    case 'T':
    case 't': return 'T';
    case 'Z':
    case 'X': return 'Z';
    default: return 'R';
    }
}

int rt_board_missing(struct rt_board *board, char *text, size_t bytes)
{
    const int64_t all = board->mine->entered, now = rt_board_now_ns();
    int missing = 0;
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < board->lines; i++) {
        const struct rt_board_line *l = &board->line[i];
        const char state = l->pid > 0 ? rt_process_state(l->pid) : 'R';
        if (l->entered >= all && state == 'R')
            continue;
        if (missing++ < 4 && used < bytes) {
            const int64_t step = l->step;
            char of_step[40] = "";
            if (step >= 0)
                snprintf(of_step, sizeof of_step, " of step %lld", (long long)step + 1);
            used += (size_t)snprintf(text + used, bytes - used,
                                     "%srank %d (process %d%s) does not answer: for %.0f s in %s%s",
                                     missing > 1 ? "; " : "", l->rank, l->pid,
                                     state == 'T'   ? ", stopped by a signal"
                                     : state == 'Z' ? ", which has ended"
                                                    : "",
                                     (double)(now - l->since_ns) * 1e-9, rt_phase_text(l->phase), of_step);
        }
    }
    if (missing > 4 && used < bytes)
        snprintf(text + used, bytes - used, "; and %d ranks more", missing - 4);
    return missing;
}

bool rt_board_tell(struct rt_board *board)
{
    return atomic_exchange(&board->line[0].spoken, 1) == 0;
}
