/* lock.h - one writer in an output folder: the file .lock, which says who. Private to train. */
#ifndef RT_TRAIN_LOCK_H
#define RT_TRAIN_LOCK_H

#include "base/batch_job.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct rt_lock_options {
    const char *folder;
    double renew_s, stale_s; /* 30 and 180 */
    double wait_s;           /* 10: for a holder that lives to end */
    void (*note)(const char *text, void *context);
    bool (*give_up)(void *context); /* asked while it waits; NULL: never */
    void *context;
};

/*
 * FOLDER/.lock, made by O_CREAT|O_EXCL (flock succeeds for everyone on some network file systems), renewed
 * every renew_s by a thread until it is released, whatever the main thread does. FOLDER must be there. One that
 * stands already counts as left behind
 *   - at once, where its process was one of this very start of this very system, and is gone, or a
 * zombie;
 *   - after stale_s without renewal, where its job is gone as the batch system says, or it names this host and
 * a process that is not here: until then this waits;
 *   - after stale_s without a word in it: its maker was killed making it.
 * Of one whose holder lives this waits wait_s for the end, as the end of one job and the start of the next
 * overlap. Fails: RT_ERR_OUTPUT naming the holder; RT_ERR_IO; RT_STOPPED (give_up); RT_ERR_MEMORY.
 */
struct rt_lock;
rt_status rt_lock_take(struct rt_lock **lock, const struct rt_lock_options *opt, struct rt_error *err);
/* Has another taken it over, or was it removed? Fails then: RT_ERR_OUTPUT, naming who holds it now. */
rt_status rt_lock_check(struct rt_lock *lock, struct rt_error *err);
/* NULL is fine. */
void rt_lock_release(struct rt_lock *lock);

/* ---- lock_holder.c: who holds one ---- */

struct rt_lock_holder {
    char host[256], place[128]; /* place: which start of which system the process number is of */
    int64_t pid, pid_start;     /* pid_start: in clock ticks since that start, or 0 */
    struct rt_batch_job job;
    char started[32];  /* for people */
    int64_t heartbeat; /* seconds since 1970, of its host */
};
void rt_lock_self(struct rt_lock_holder *self);
enum { RT_LOCK_BYTES = 1024 };
/* As the file has it: always RT_LOCK_BYTES, so that a renewed one takes the old one's place. */
void rt_lock_text(const struct rt_lock_holder *holder, char text[RT_LOCK_BYTES + 1]);
/* false: it is not what rt_lock_text writes. */
bool rt_lock_parse(const char *text, struct rt_lock_holder *holder);
/* There is no such process here, where the host's name is the same; and surely so: it is this very start of
 * this very system. Machines and containers can share a name. */
bool rt_lock_absent(const struct rt_lock_holder *holder, const struct rt_lock_holder *self);
bool rt_lock_dead(const struct rt_lock_holder *holder, const struct rt_lock_holder *self);

#endif
