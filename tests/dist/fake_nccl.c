/*
 * fake_nccl.c - a stand-in for libnccl.so.2 over memory shared by the ranks of one host, for tests without a
 * GPU.
 *
 * Device pointers are host pointers, a stream is a struct fake_stream. Calls return at once and a thread does
 * the work, in order, as NCCL does on a non-blocking communicator. The variable FAKE_NCCL asks for trouble,
 * with RANK and the number N of the call, counted from 1: old            the library says that it is too old
 *     init=RANK      that rank fails to start, the others never get there; init=all: all fail
 *     hang=RANK,N    that rank's call N never ends        fail=RANK,N    it fails after it had returned
 *     stuck          ending the communicator never returns
 */
#include "fake_nccl.h"

#include <nccl.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MAX_RANKS = 8, PART = 1 << 20, MAX_CALLS = 64 };

struct shared {
    _Atomic int came, turn;      /* a barrier */
    _Atomic int full[MAX_RANKS]; /* a rank's part waits for the one that it is sent to */
    char part[MAX_RANKS][PART];
};

struct call {
    char *data;
    size_t bytes;
    int root; /* -1: sum of floats; -2: an exchange with rank `peer`, to which `out` goes */
    const char *out;
    int peer;
    struct fake_stream *stream;
};

struct ncclComm {
    struct shared *s;
    int rank, size;
    char name[64];
    pthread_t thread;
    _Atomic int state; /* ncclResult_t */
    _Atomic int quit;
    _Atomic int64_t asked;
    int64_t done;
    struct call call[MAX_CALLS]; /* in turn */
};

static bool asked_for(const char *trouble, int rank, int64_t n)
{
    const char *text = getenv("FAKE_NCCL");
    int r = 0;
    long long k = 0;
    char name[16] = "";
    if (text == NULL || sscanf(text, "%15[a-z]=%d,%lld", name, &r, &k) < 1 || strcmp(name, trouble) != 0)
        return false;
    return strstr(text, "=all") != NULL || strchr(text, '=') == NULL || (r == rank && k == n);
}

static void nap(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
}

static void hang(const struct ncclComm *c)
{
    while (!c->quit)
        nap();
}

/* False: told to quit. */
static bool meet(struct ncclComm *c)
{
    const int turn = c->s->turn;
    if (atomic_fetch_add(&c->s->came, 1) + 1 == c->size) {
        c->s->came = 0;
        c->s->turn = turn + 1;
        return true;
    }
    while (c->s->turn == turn && !c->quit)
        nap();
    return c->s->turn != turn;
}

/* The rest of the ranks take no part. */
static bool swap_part(struct ncclComm *c, const struct call *k, size_t from, size_t bytes)
{
    struct shared *s = c->s;
    memcpy(s->part[c->rank], k->out + from, bytes);
    s->full[c->rank] = 1;
    while (!s->full[k->peer] && !c->quit)
        nap();
    memcpy(k->data + from, s->part[k->peer], bytes);
    s->full[k->peer] = 0;
    while (s->full[c->rank] && !c->quit)
        nap();
    return !c->quit;
}

static bool do_part(struct ncclComm *c, const struct call *k, size_t from, size_t bytes)
{
    struct shared *s = c->s;
    if (k->root == -2)
        return swap_part(c, k, from, bytes);
    memcpy(s->part[c->rank], k->data + from, bytes);
    if (!meet(c))
        return false;
    if (k->root >= 0) {
        memcpy(k->data + from, s->part[k->root], bytes);
        return meet(c);
    }
    float *x = (float *)(void *)(k->data + from);
    for (size_t i = 0; i < bytes / sizeof *x; i++) {
        float sum = 0, v;
        for (int r = 0; r < c->size; r++) {
            memcpy(&v, s->part[r] + i * sizeof v, sizeof v);
            sum = r == 0 ? v : sum + v;
        }
        x[i] = sum;
    }
    return meet(c);
}

static bool do_call(struct ncclComm *c, const struct call *k, int64_t number)
{
    if (asked_for("hang", c->rank, number))
        hang(c);
    if (asked_for("fail", c->rank, number)) {
        c->state = ncclSystemError;
        hang(c);
    }
    for (size_t at = 0; at < k->bytes; at += PART)
        if (!do_part(c, k, at, k->bytes - at < PART ? k->bytes - at : PART))
            return false;
    return true;
}

static void *work(void *context)
{
    struct ncclComm *c = context;
    nap();
    if (asked_for("init", c->rank, 0)) {
        c->state = ncclInternalError;
        return NULL;
    }
    if (!meet(c))
        return NULL;
    c->state = ncclSuccess;
    while (!c->quit) {
        if (c->done == c->asked) {
            nap();
            continue;
        }
        if (c->state == ncclInProgress)
            c->state = ncclSuccess; /* taken in */
        const struct call *k = &c->call[c->done % MAX_CALLS];
        if (!do_call(c, k, c->done + 1))
            return NULL;
        k->stream->done++;
        c->done++;
    }
    return NULL;
}

ncclResult_t ncclGetVersion(int *version)
{
    *version = asked_for("old", 0, 0) ? 2708 : NCCL_VERSION_CODE;
    return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId *id)
{
    memset(id, 0, sizeof *id);
    const char *tag = getenv("FAKE_NCCL_TAG"); /* so that a test can clear away its own, and its own alone */
    snprintf(id->internal, 64, "/fake-nccl-%.20s-%d", tag != NULL ? tag : "", (int)getpid());
    const int fd = shm_open(id->internal, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)sizeof(struct shared)) != 0)
        return ncclSystemError;
    close(fd);
    return ncclSuccess;
}

const char *ncclGetErrorString(ncclResult_t result)
{
    return result == ncclSystemError ? "fake system error" : result == ncclSuccess ? "no error" : "fake error";
}

const char *ncclGetLastError(ncclComm_t comm)
{
    (void)comm;
    return "the reason";
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t *comm, int size, ncclUniqueId id, int rank, ncclConfig_t *config)
{
    if (size > MAX_RANKS || config == NULL || config->blocking != 0)
        return ncclInvalidArgument;
    struct ncclComm *c = calloc(1, sizeof *c);
    const int fd = shm_open(id.internal, O_RDWR, 0600);
    if (c == NULL || fd < 0)
        return ncclSystemError;
    c->s = mmap(NULL, sizeof *c->s, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    c->rank = rank;
    c->size = size;
    snprintf(c->name, sizeof c->name, "%.63s", id.internal);
    c->state = ncclInProgress;
    *comm = c;
    return c->s == MAP_FAILED || pthread_create(&c->thread, NULL, work, c) != 0 ? ncclSystemError
                                                                                : ncclInProgress;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t c, ncclResult_t *result)
{
    *result = (ncclResult_t)c->state;
    return ncclSuccess;
}

/* A caller that did not wait for the last call to be taken in is refused. */
static bool ready(const struct ncclComm *c, int calls)
{
    return c->state == ncclSuccess && c->asked - c->done + calls <= MAX_CALLS;
}

static void push(ncclComm_t c, const struct call *call)
{
    call->stream->asked++;
    c->call[c->asked % MAX_CALLS] = *call;
    c->state = ncclInProgress;
    c->asked++;
}

/* What this thread told since GroupStart: broadcasts, or one Send and one Recv, to and from the same rank. */
static _Thread_local struct {
    bool open;
    ncclComm_t comm;
    int calls;
    struct call call[MAX_CALLS];
} group;

static ncclResult_t ask(ncclComm_t c, const struct call *call)
{
    if (group.open && (group.calls == MAX_CALLS || (group.comm != NULL && group.comm != c)))
        return ncclInvalidUsage;
    if (group.open) {
        group.comm = c;
        group.call[group.calls++] = *call;
        return ncclSuccess;
    }
    if (!ready(c, 1))
        return ncclInvalidUsage;
    push(c, call);
    return ncclInProgress;
}

static struct fake_stream *stream_of(cudaStream_t stream)
{
    return (struct fake_stream *)(void *)stream;
}

ncclResult_t ncclAllReduce(const void *send, void *recv, size_t n, ncclDataType_t type, ncclRedOp_t op,
                           ncclComm_t c, cudaStream_t stream)
{
    if (send != recv || type != ncclFloat32 || op != ncclSum)
        return ncclInvalidArgument;
    return ask(
        c, &(struct call){ .data = recv, .bytes = n * sizeof(float), .root = -1, .stream = stream_of(stream) });
}

ncclResult_t ncclBroadcast(const void *send, void *recv, size_t n, ncclDataType_t type, int root, ncclComm_t c,
                           cudaStream_t stream)
{
    if (send != recv || type != ncclInt8)
        return ncclInvalidArgument;
    return ask(c, &(struct call){ .data = recv, .bytes = n, .root = root, .stream = stream_of(stream) });
}

ncclResult_t ncclGroupStart(void)
{
    memset(&group, 0, sizeof group);
    group.open = true;
    return ncclSuccess;
}

ncclResult_t ncclSend(const void *send, size_t n, ncclDataType_t type, int peer, ncclComm_t c,
                      cudaStream_t stream)
{
    if (type != ncclInt8 || peer == c->rank || !group.open || group.calls > 0)
        return ncclInvalidArgument;
    return ask(
        c, &(struct call){ .out = send, .bytes = n, .root = -2, .peer = peer, .stream = stream_of(stream) });
}

ncclResult_t ncclRecv(void *recv, size_t n, ncclDataType_t type, int peer, ncclComm_t c, cudaStream_t stream)
{
    struct call *call = &group.call[0];
    if (type != ncclInt8 || group.calls != 1 || group.comm != c || call->root != -2 || call->peer != peer ||
        call->bytes != n || call->stream != stream_of(stream))
        return ncclInvalidArgument;
    call->data = recv;
    return ncclSuccess;
}

ncclResult_t ncclGroupEnd(void)
{
    group.open = false;
    if (group.calls == 0 || !ready(group.comm, group.calls))
        return ncclInvalidUsage;
    for (int i = 0; i < group.calls; i++)
        push(group.comm, &group.call[i]);
    return ncclInProgress;
}

static ncclResult_t end(ncclComm_t c)
{
    while (asked_for("stuck", 0, 0))
        nap();
    c->quit = 1;
    pthread_join(c->thread, NULL);
    munmap(c->s, sizeof *c->s);
    if (c->rank == 0)
        shm_unlink(c->name);
    free(c);
    return ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t c)
{
    return (ncclResult_t)c->state;
}

ncclResult_t ncclCommDestroy(ncclComm_t c)
{
    return end(c);
}

ncclResult_t ncclCommAbort(ncclComm_t c)
{
    return end(c);
}
