/* board.c - where every rank of a host stands, and which of them a call still waits for. */
#include "config.h"
#include "dist/board.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static const char *phase_text(int phase)
{
    switch ((enum rt_phase)phase) {
    case RT_PHASE_SETUP: return "setting up";
    case RT_PHASE_LOAD: return "loading weights";
    case RT_PHASE_DATA: return "waiting for data";
    case RT_PHASE_PASS: return "forward and backward";
    case RT_PHASE_SUM: return "the sum of gradients";
    case RT_PHASE_UPDATE: return "the update";
    case RT_PHASE_EVAL: return "evaluation";
    case RT_PHASE_SAVE: return "saving";
    }
    return "an unknown phase";
}

void rt_board_open(struct rt_board *board, MPI_Comm node, int rank)
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
    if (MPI_Win_allocate_shared(mine, 1, MPI_INFO_NULL, node, &base, &board->window) == MPI_SUCCESS &&
        MPI_Win_shared_query(board->window, 0, &bytes, &unit, &base) == MPI_SUCCESS) {
        board->line = base;
        board->mine = &board->line[local];
        *board->mine = (struct rt_board_line){ .rank = rank };
        MPI_Barrier(node); /* nobody reads a line that has not been begun */
    } else {
        board->lines = 1;
    }
    board->mine->rank = rank;
    board->mine->pid = (int)getpid();
    rt_board_phase(board, RT_PHASE_SETUP, -1);
}

void rt_board_close(struct rt_board *board)
{
    if (board->window != MPI_WIN_NULL)
        MPI_Win_free(&board->window);
}

void rt_board_enter(struct rt_board *board)
{
    board->mine->since_ns = now_ns();
    board->mine->entered++;
}

void rt_board_phase(struct rt_board *board, enum rt_phase phase, int64_t step)
{
    board->mine->phase = (int)phase;
    board->mine->step = step;
    board->mine->since_ns = now_ns();
}

/* What the system says of a process that cannot answer, else "": the third field of its stat, after a name in
 * parentheses that may hold anything. */
static const char *state_of(int pid)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return errno == ENOENT ? ", which is gone" : "";
    const size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    const char *end = strrchr(text, ')');
    switch (end != NULL && end[1] == ' ' ? end[2] : '?') {
    case 'T':
    case 't': return ", stopped by a signal";
    case 'Z':
    case 'X': return ", which has ended";
    default: return "";
    }
}

int rt_board_missing(struct rt_board *board, char *text, size_t bytes)
{
    const int64_t all = board->mine->entered, now = now_ns();
    int missing = 0;
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < board->lines; i++) {
        const struct rt_board_line *l = &board->line[i];
        const char *state = l->pid > 0 ? state_of(l->pid) : "";
        if (l->entered >= all && *state == '\0')
            continue;
        if (missing++ < 4 && used < bytes) {
            const int64_t step = l->step;
            char of_step[40] = "";
            if (step >= 0)
                snprintf(of_step, sizeof of_step, " of step %lld", (long long)step + 1);
            used += (size_t)snprintf(text + used, bytes - used,
                                     "%srank %d (process %d%s) does not answer: for %.0f s in %s%s",
                                     missing > 1 ? "; " : "", l->rank, l->pid, state,
                                     (double)(now - l->since_ns) * 1e-9, phase_text(l->phase), of_step);
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
