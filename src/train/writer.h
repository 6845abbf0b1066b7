/* writer.h - one checkpoint written by a thread while training goes on. Private to train. */
#ifndef RT_TRAIN_WRITER_H
#define RT_TRAIN_WRITER_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct rt_lock;
struct rt_report;
struct rt_snapshot;

/* Everything behind these pointers stays until the writer has been waited for. */
struct rt_writing {
    const char *output_dir;
    const struct rt_snapshot *snapshot;
    struct rt_lock *lock;           /* looked at before anything is written */
    const struct rt_report *report; /* its logs are on the disk before the checkpoint that counts on them */
    int world_size;
    int64_t save_total_limit;
};

/* Begins. Where the disk fails it is tried again, after 1, 5 and 30 s; a full one may be emptied, a server may
 * come back. Fails: RT_ERR_MEMORY (no thread). */
struct rt_writer;
rt_status rt_writer_start(struct rt_writer **writer, const struct rt_writing *writing, struct rt_error *err);
bool rt_writer_done(struct rt_writer *writer);
/* What it has to say since the last call, into text; false: nothing. */
enum { RT_WRITER_CHARS = 2300 };
bool rt_writer_news(struct rt_writer *writer, char text[RT_WRITER_CHARS]);
/* How it ended; waits for that, where it has not, saying its news through say. *seconds: what it took. */
rt_status rt_writer_wait(struct rt_writer *writer, void (*say)(const char *text, void *context), void *context,
                         double *seconds, struct rt_error *err);
/* After rt_writer_wait. NULL is fine. */
void rt_writer_free(struct rt_writer *writer);

#endif
