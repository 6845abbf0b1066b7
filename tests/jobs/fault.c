/* fault.c - trouble for whole runs, by LD_PRELOAD: nothing of it is in the program.
 *
 * The variable FAULT says what, on the rank FAULT_RANK alone where that is set:
 *
 * - spin-open:TEXT,N: the N-th opening of a path with TEXT in it never ends, in a loop
 * - block-open:TEXT,N: the same, asleep in a read from a pipe that nobody writes to
 * - slow-sync:TEXT,MS: each fsync of a file with TEXT in its path takes so many milliseconds more
 * - spin-gemm:FILE: once FILE is there: a matrix product never ends
 * - block-mpi:FILE: once FILE is there: a call of MPI by the main thread never ends
 * - block-test:FILE: likewise, in the midst of waiting for other ranks
 * - malloc:N: the program's N-th allocation since main() and all later ones fail
 * - malloc-once:N: that one alone
 * - malloc-count:FILE: how many there are, into FILE
 * - flip-bit:N: the N-th sum of many numbers comes out with one bit wrong
 * - clock: wall time leaps back and forth by an hour
 * - calls:FILE: the collective calls of each rank, one a line, into FILE.<rank>
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <mpi.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* A library that is preloaded has no one to hand it its state: globals. */
static struct {
    int kind; /* enum kind; 0: not looked at yet */
    char text[256];
    long n;
    _Atomic long seen;
    uintptr_t from, to; /* the program's code */
    bool began;         /* main() */
    int (*main)(int, char **, char **);
    int fd;
} fault;
enum kind {
    UNKNOWN,
    NONE,
    SPIN_OPEN,
    BLOCK_OPEN,
    SLOW_SYNC,
    SPIN_GEMM,
    BLOCK_MPI,
    BLOCK_TEST,
    MALLOC,
    MALLOC_ONCE,
    MALLOC_COUNT,
    FLIP_BIT,
    CLOCK,
    CALLS
};
static const char *const kinds[] = { "",          "none",        "spin-open",    "block-open",
                                     "slow-sync", "spin-gemm",   "block-mpi",    "block-test",
                                     "malloc",    "malloc-once", "malloc-count", "flip-bit",
                                     "clock",     "calls" };

static const char *rank_text(void)
{
    const char *r = getenv("OMPI_COMM_WORLD_RANK");
    return r != NULL ? r : getenv("PMI_RANK") != NULL ? getenv("PMI_RANK") : "0";
}

static int find_code(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_LOAD && (p->p_flags & PF_X) != 0) {
            fault.from = info->dlpi_addr + p->p_vaddr;
            fault.to = fault.from + p->p_memsz;
        }
    }
    return 1; /* the first is the program */
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("FAULT"), *rank = getenv("FAULT_RANK");
    char name[32] = "", exe[512] = "";
    int kind = NONE;
    const ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    const char *base = n > 0 ? strrchr(exe, '/') : NULL;
    const bool ours = base != NULL && strcmp(base, "/ranktune") == 0; /* not mpirun */
    if (ours && text != NULL && (rank == NULL || strcmp(rank, rank_text()) == 0)) {
        sscanf(text, "%31[a-z-]:%255[^,],%ld", name, fault.text, &fault.n);
        for (int k = SPIN_OPEN; k <= CALLS; k++)
            if (strcmp(name, kinds[k]) == 0)
                kind = k;
        if (kind == MALLOC || kind == MALLOC_ONCE || kind == FLIP_BIT)
            fault.n = atol(fault.text);
    }
    dl_iterate_phdr(find_code, NULL);
    if (kind == CALLS) {
        char path[300];
        snprintf(path, sizeof path, "%s.%s", fault.text, rank_text());
        fault.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666);
    }
    fault.kind = kind;
}

static void spin(void)
{
    for (volatile unsigned i = 0;; i++)
        ;
}

static void block(void)
{
    int ends[2];
    char byte;
    if (pipe(ends) == 0)
        while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
            ;
}

static void at_open(const char *path)
{
    if ((fault.kind != SPIN_OPEN && fault.kind != BLOCK_OPEN) || strstr(path, fault.text) == NULL ||
        ++fault.seen != fault.n)
        return;
    if (fault.kind == SPIN_OPEN)
        spin();
    block();
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int open(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    at_open(path);
    return NEXT(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    at_open(path);
    return NEXT(open64)(path, flags, mode);
}

int fsync(int fd)
{
    char link[40], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = fault.kind == SLOW_SYNC ? readlink(link, path, sizeof path - 1) : -1;
    path[n > 0 ? n : 0] = '\0';
    if (n > 0 && strstr(path, fault.text) != NULL)
        nanosleep(&(struct timespec){ fault.n / 1000, fault.n % 1000 * 1000000 }, NULL);
    return NEXT(fsync)(fd);
}

void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc)
{
    if (fault.kind == SPIN_GEMM && access(fault.text, F_OK) == 0)
        spin();
    static __typeof__(&cblas_sgemm) next;
    if (next == NULL)
        next = NEXT(cblas_sgemm);
    next(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

/* ---- MPI ---- */

static void at_call(const char *name, long count)
{
    char line[80];
    if (fault.kind == BLOCK_MPI && access(fault.text, F_OK) == 0)
        block();
    if (fault.kind != CALLS)
        return;
    const int n = snprintf(line, sizeof line, "%s %ld\n", name, count);
    if (write(fault.fd, line, (size_t)n) != n)
        abort();
}

int MPI_Test(MPI_Request *request, int *flag, MPI_Status *status)
{
    if (fault.kind == BLOCK_TEST && access(fault.text, F_OK) == 0)
        block();
    return PMPI_Test(request, flag, status);
}

int MPI_Ibarrier(MPI_Comm comm, MPI_Request *request)
{
    at_call("barrier", 0);
    return PMPI_Ibarrier(comm, request);
}

int MPI_Iallreduce(const void *send, void *recv, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
                   MPI_Request *request)
{
    at_call("allreduce", count);
    return PMPI_Iallreduce(send, recv, count, type, op, comm, request);
}

int MPI_Ibcast(void *bytes, int count, MPI_Datatype type, int root, MPI_Comm comm, MPI_Request *request)
{
    at_call("bcast", count);
    return PMPI_Ibcast(bytes, count, type, root, comm, request);
}

int MPI_Iallgather(const void *send, int count, MPI_Datatype type, void *recv, int recv_count,
                   MPI_Datatype recv_type, MPI_Comm comm, MPI_Request *request)
{
    at_call("allgather", count);
    return PMPI_Iallgather(send, count, type, recv, recv_count, recv_type, comm, request);
}

int MPI_Iallgatherv(const void *send, int count, MPI_Datatype type, void *recv, const int counts[],
                    const int at[], MPI_Datatype recv_type, MPI_Comm comm, MPI_Request *request)
{
    int size = 0;
    long all = 0;
    MPI_Comm_size(comm, &size);
    for (int r = 0; r < size; r++)
        all += counts[r];
    at_call("allgatherv", all);
    const int rc = PMPI_Iallgatherv(send, count, type, recv, counts, at, recv_type, comm, request);
    if (fault.kind == FLIP_BIT && all > 1000 && PMPI_Type_size(recv_type, &size) == MPI_SUCCESS && size == 4 &&
        ++fault.seen == fault.n) {
        PMPI_Wait(request, MPI_STATUS_IGNORE); /* which leaves a request that is always done */
        for (long i = 0; i < all; i++) {       /* where it tells: the sign of a number that is not 0 */
            if (((float *)recv)[i] != 0) {
                ((uint32_t *)recv)[i] ^= 0x80000000u;
                break;
            }
        }
    }
    return rc;
}

int MPI_Ialltoallv(const void *send, const int counts[], const int at[], MPI_Datatype type, void *recv,
                   const int recv_counts[], const int recv_at[], MPI_Datatype recv_type, MPI_Comm comm,
                   MPI_Request *request)
{
    int size = 0;
    long all = 0;
    MPI_Comm_size(comm, &size);
    for (int r = 0; r < size; r++)
        all += counts[r];
    at_call("alltoallv", all);
    return PMPI_Ialltoallv(send, counts, at, type, recv, recv_counts, recv_at, recv_type, comm, request);
}

/* ---- memory: only what the program itself asks for, and not before its main(): a CUDA runtime that is linked
 * into it registers kernels until then, and bears no failure ---- */

static int begin_main(int argc, char **argv, char **env)
{
    fault.began = true;
    return fault.main(argc, argv, env);
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack)
{
    int (*next)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void),
                void *);
    *(void **)&next = dlsym(RTLD_NEXT, "__libc_start_main");
    fault.main = main;
    return next(begin_main, argc, argv, init, fini, rtld_fini, stack);
}

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static bool refuse(const void *caller)
{
    if (!fault.began || (fault.kind != MALLOC && fault.kind != MALLOC_ONCE && fault.kind != MALLOC_COUNT))
        return false;
    if ((uintptr_t)caller < fault.from || (uintptr_t)caller >= fault.to)
        return false;
    const long n = ++fault.seen;
    const bool refused = (fault.kind == MALLOC && n >= fault.n) || (fault.kind == MALLOC_ONCE && n == fault.n);
    if (refused)
        errno = ENOMEM;
    return refused;
}

void *malloc(size_t bytes)
{
    return refuse(__builtin_return_address(0)) ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
    return refuse(__builtin_return_address(0)) ? NULL : __libc_calloc(n, bytes);
}

void *realloc(void *p, size_t bytes)
{
    return refuse(__builtin_return_address(0)) ? NULL : __libc_realloc(p, bytes);
}

__attribute__((destructor)) static void end(void)
{
    if (fault.kind != MALLOC_COUNT)
        return;
    FILE *f = fopen(fault.text, "w");
    if (f != NULL)
        fprintf(f, "%ld\n", fault.seen);
    if (f != NULL)
        fclose(f);
}

/* ---- wall time ---- */

int clock_gettime(clockid_t id, struct timespec *t)
{
    static __typeof__(&clock_gettime) next;
    if (next == NULL)
        next = NEXT(clock_gettime);
    const int rc = next(id, t);
    if (rc == 0 && fault.kind == CLOCK && id == CLOCK_REALTIME)
        t->tv_sec += ++fault.seen % 2 == 0 ? 3600 : -3600;
    return rc;
}
