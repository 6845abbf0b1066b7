/*
 * place.c - weights into the model: every piece read once by the job, spread to all ranks, and put where it
 * belongs.
 *
 * Readers take turns: of each one's stretch a piece, then the next of each, while their threads read ahead. A
 * rank alone, and ranks that have NCCL, copy from pinned memory to the device and spread from there, several
 * readers' pieces at once, as a call of NCCL's has to be waited for until it is taken in; others spread by MPI
 * from host memory, in the file's type, since it is never the wider one where that matters (16-bit files).
 */
#include "config.h"
#include "base/cores.h"
#include "kernels/ops.h"
#include "model/load.h"

#include <stdlib.h>

/* Threads a rank reads with; slots beside theirs, for pieces that wait for the device; a mark that no slot
 * uses; readers whose pieces are spread at once. */
enum { MOST_THREADS = 8, MORE_SLOTS = 4, LAST_MARK = RT_EXEC_MARKS - 1, AT_ONCE = 4 };

struct loading {
    struct rt_model *m;
    struct rt_dist *dist;
    struct rt_error *err;
    struct rt_shares shares;
    struct rt_read_ahead *ahead; /* NULL: this rank reads nothing */
    int slots;
    int64_t taken, given_back; /* of this rank's own pieces */
    bool direct;               /* from pinned memory to the device, in the model's type */
    void *incoming, *wide;     /* not direct: a piece as it comes, and in the model's type */
    rt_act *staging[AT_ONCE];  /* where the exec runs: rows on their way to rows that lie apart; NULL: host
                                * memory  will do */
};

/* A piece on its way: whose turn it is, and its bytes in pinned memory on the rank that read it. */
struct arrival {
    int64_t piece;
    int root;
    void *own;
};

static int64_t own_pieces(const struct rt_shares *s)
{
    return s->mine < 0 ? 0 : s->first[s->mine + 1] - s->first[s->mine];
}

static rt_status start_reading(struct loading *l, const struct rt_files *files)
{
    const struct rt_shares *s = &l->shares;
    const int64_t own = own_pieces(s);
    const int cores = rt_cores() / rt_dist_local_size(l->dist);
    int threads = cores < 1 ? 1 : cores < MOST_THREADS ? cores : MOST_THREADS;
    if (own == 0)
        return RT_OK;
    threads = own < threads ? (int)own : threads;
    l->slots = own < threads + MORE_SLOTS ? (int)own : threads + MORE_SLOTS;
    const struct rt_read_ahead_options opt = { .ex = l->m->ex,
                                               .files = files,
                                               .piece = s->piece + s->first[s->mine],
                                               .pieces = own,
                                               .convert = l->direct,
                                               .slot_bytes = s->most_bytes,
                                               .threads = threads,
                                               .slots = l->slots };
    return rt_read_ahead_open(&l->ahead, &opt, l->err);
}

static rt_status open_loading(struct loading *l, const struct rt_files *files)
{
    const size_t bytes = l->shares.most_bytes;
    l->direct = rt_dist_size(l->dist) == 1 || rt_dist_has_nccl(l->dist);
    if (!l->direct) {
        l->incoming = malloc(bytes + 1);
        l->wide = malloc(bytes + 1);
        if (l->incoming == NULL || l->wide == NULL)
            return rt_fail(l->err, RT_ERR_MEMORY, "out of host memory for reading weights");
    }
    const bool staged = l->m->ex->device != RT_DEVICE_CPU || rt_dist_has_nccl(l->dist);
    for (int i = 0; staged && i < AT_ONCE && i < l->shares.readers; i++)
        RT_TRY(rt_exec_alloc(l->m->ex, (void **)&l->staging[i], bytes));
    return start_reading(l, files);
}

static void close_loading(struct loading *l)
{
    rt_read_ahead_close(l->ahead);
    for (int i = 0; i < AT_ONCE; i++)
        rt_exec_free(l->m->ex, l->staging[i]);
    free(l->incoming);
    free(l->wide);
    rt_shares_free(&l->shares);
}

/* Slots whose pieces are on the device may be filled again. */
static rt_status give_back(struct loading *l)
{
    while (l->given_back < l->taken) {
        bool passed = false;
        RT_TRY(rt_exec_passed(l->m->ex, (int)(l->given_back % l->slots), &passed));
        if (!passed)
            break;
        rt_read_ahead_give_back(l->ahead);
        l->given_back++;
    }
    return RT_OK;
}

/* This rank's next piece. While it is being read, slots are given back. */
static rt_status take(struct loading *l, void **bytes)
{
    for (*bytes = NULL; *bytes == NULL;) {
        if (rt_dist_asked(l->dist))
            return rt_fail(l->err, RT_STOPPED, "stopped while weights were loaded");
        RT_TRY(give_back(l));
        RT_TRY(rt_read_ahead_next(l->ahead, l->given_back < l->taken ? 1e-4 : 0.1, bytes, l->err));
    }
    return RT_OK;
}

/* Rows from where the exec runs to their place, which lie further apart. */
static rt_status spread_rows(struct loading *l, const struct rt_weight *w, rt_act *dst, const void *from,
                             int64_t rows)
{
    return l->m->ex->ops->gather_rows(l->m->ex, dst, w->ld, from, w->cols, NULL, rows, w->cols);
}

static void *place_of(const struct loading *l, int64_t piece)
{
    const struct rt_piece_place *at = &l->shares.place[piece];
    const struct rt_weight *w = &l->m->weight[at->weight];
    return w->f32 ? (void *)((float *)w->dst + at->row * w->ld) : rt_at(l->m->ex, w->dst, at->row * w->ld);
}

/* Its rows lie one after the other in the model as in the file. */
static bool together(const struct rt_weight *w)
{
    return w->f32 || w->ld == w->cols;
}

/* Up to AT_ONCE pieces, in pinned memory and in the model's type on the ranks that read them. */
static rt_status place_direct(struct loading *l, const struct arrival *come, int n)
{
    struct rt_exec *ex = l->m->ex;
    const struct rt_shares *s = &l->shares;
    struct rt_dist_spread part[AT_ONCE];
    for (int i = 0; i < n; i++) {
        const bool straight = together(&l->m->weight[s->place[come[i].piece].weight]);
        void *to = straight ? place_of(l, come[i].piece) : l->staging[i];
        part[i] = (struct rt_dist_spread){ to, rt_piece_bytes(&s->piece[come[i].piece]), come[i].root };
        if (come[i].own == NULL)
            continue;
        if (to == NULL) /* alone, and the piece is where the exec runs */
            part[i].bytes = come[i].own;
        else
            RT_TRY(rt_exec_put_pinned(ex, to, come[i].own, part[i].count));
        RT_TRY(rt_exec_mark(ex, (int)(l->taken % l->slots)));
    }
    if (rt_dist_size(l->dist) > 1)
        RT_TRY(rt_dist_bcast_device(l->dist, part, n, l->err));
    for (int i = 0; i < n; i++) {
        const struct rt_weight *w = &l->m->weight[s->place[come[i].piece].weight];
        if (!together(w))
            RT_TRY(spread_rows(l, w, place_of(l, come[i].piece), part[i].bytes, s->place[come[i].piece].rows));
    }
    return RT_OK;
}

static rt_status place_by_mpi(struct loading *l, const struct arrival *come)
{
    struct rt_exec *ex = l->m->ex;
    const struct rt_piece *piece = &l->shares.piece[come->piece];
    const struct rt_piece_place *at = &l->shares.place[come->piece];
    const struct rt_weight *w = &l->m->weight[at->weight];
    void *raw = come->own != NULL ? come->own : l->incoming;
    RT_TRY(rt_dist_bcast(l->dist, raw, rt_piece_raw_bytes(piece), come->root, l->err));
    const void *host = rt_piece_convert(piece, l->wide, raw);
    if (together(w))
        return rt_exec_put(ex, place_of(l, come->piece), host, rt_piece_bytes(piece));
    if (l->staging[0] == NULL)
        return spread_rows(l, w, place_of(l, come->piece), host, at->rows);
    RT_TRY(rt_exec_put(ex, l->staging[0], host, rt_piece_bytes(piece)));
    return spread_rows(l, w, place_of(l, come->piece), l->staging[0], at->rows);
}

static rt_status place(struct loading *l, const struct arrival *come, int n)
{
    if (l->direct)
        RT_TRY(place_direct(l, come, n));
    for (int i = 0; i < n; i++) {
        if (!l->direct)
            RT_TRY(place_by_mpi(l, &come[i]));
        l->taken += come[i].own != NULL;
    }
    return RT_OK;
}

/* The pieces of a round: one of each reader from `reader` on that has one left, AT_ONCE at most. */
static int gather(const struct loading *l, int64_t round, void *own, int *reader, struct arrival *come)
{
    const struct rt_shares *s = &l->shares;
    int n = 0;
    for (; *reader < s->readers && n < AT_ONCE; ++*reader)
        if (s->first[*reader] + round < s->first[*reader + 1])
            come[n++] = (struct arrival){ s->first[*reader] + round, s->rank[*reader],
                                          *reader == s->mine ? own : NULL };
    return n;
}

static rt_status loaded(void *context, bool *done, struct rt_error *err)
{
    struct loading *l = context;
    (void)err; /* the exec keeps its text there */
    return rt_exec_passed(l->m->ex, LAST_MARK, done);
}

/* Round after round, a piece of every reader that has one left. */
static rt_status load_rounds(struct loading *l, const struct rt_notes *notes)
{
    const struct rt_shares *s = &l->shares;
    int64_t placed = 0;
    for (int64_t round = 0; placed < s->pieces; round++) {
        void *own = NULL;
        rt_status st = round < own_pieces(s) ? take(l, &own) : RT_OK;
        if (st == RT_OK && rt_dist_asked(l->dist)) /* this rank may have nothing to read */
            st = rt_fail(l->err, RT_STOPPED, "stopped while weights were loaded");
        RT_TRY(rt_dist_agree(l->dist, st, l->err));
        for (int reader = 0; reader < s->readers;) {
            struct arrival come[AT_ONCE];
            const int n = gather(l, round, own, &reader, come);
            const rt_status one = place(l, come, n);
            if (one != RT_OK && rt_dist_size(l->dist) > 1) /* the others wait for this rank's part */
                rt_dist_abort(l->dist, one, l->err->text);
            RT_TRY(one);
            placed += n;
        }
        if (rt_dist_rank(l->dist) == 0)
            rt_tell_progress(notes, "loading weights", placed, s->pieces);
    }
    RT_TRY(rt_exec_mark(l->m->ex, LAST_MARK));
    return rt_dist_wait(l->dist, loaded, l, "loading weights", l->err);
}

rt_status rt_load_items(struct rt_model *m, const struct rt_files *files, const struct rt_load_item *items,
                        int64_t count, struct rt_dist *dist, const struct rt_notes *notes, struct rt_error *err)
{
    struct loading l = { .m = m, .dist = dist, .err = err };
    rt_status st = rt_shares_make(&l.shares, m, files, items, count, dist, err);
    if (st == RT_OK)
        st = rt_dist_agree(dist, open_loading(&l, files), err);
    if (st == RT_OK)
        st = load_rounds(&l, notes);
    if (st != RT_ERR_COMM) /* then a device that waits for another rank would not let go of its memory */
        close_loading(&l);
    return st == RT_ERR_COMM ? st : rt_dist_agree(dist, st, err);
}
