/* local.h - private to fetch: the folder that is filled, and the records of how far each file has come. */
#ifndef RT_FETCH_LOCAL_H
#define RT_FETCH_LOCAL_H

#include "base/status.h"
#include "fetch/listing.h"

#include <stdbool.h>
#include <stdint.h>

struct rt_local {
    const char *dir;
    char *records; /* dir/.cache/huggingface/download */
    int lock_fd;
};

/* Makes dir and what is needed below it, and takes the lock that a second download into it would want.
 * Fails: RT_ERR_OUTPUT, RT_ERR_IO, RT_ERR_MEMORY. */
rt_status rt_local_open(struct rt_local *local, const char *dir, struct rt_error *err);
void rt_local_close(struct rt_local *local);

/* Names, malloc'ed, NULL without memory. */
char *rt_local_final(const struct rt_local *local, const struct rt_remote *file);
char *rt_local_partial(const struct rt_local *local, const struct rt_remote *file);

enum rt_presence {
    RT_ABSENT,   /* not there, of another size, or nothing could tell whether it is right */
    RT_DOUBTFUL, /* of the right size, but no record says that it is right: its digest will tell */
    RT_PRESENT   /* the record names this digest, and nobody has written to the file since */
};
/* A folder or anything but a file under that name is RT_ERR_OUTPUT. */
rt_status rt_local_look(const struct rt_local *local, const struct rt_remote *file, enum rt_presence *presence,
                        struct rt_error *err);

/* Bytes of the partial file that belong to this version of the file; of any other it is removed, and a record
 * made. */
rt_status rt_local_begin(const struct rt_local *local, const struct rt_remote *file, const char *commit,
                         int64_t *held, struct rt_error *err);
/* What there would be to go on from, changing nothing. */
int64_t rt_local_held(const struct rt_local *local, const struct rt_remote *file);

/* The partial file, which is right, takes its name; then the record. */
rt_status rt_local_finish(const struct rt_local *local, const struct rt_remote *file, const char *commit,
                          struct rt_error *err);
/* The record of a file that is there and was found to be right. */
rt_status rt_local_record(const struct rt_local *local, const struct rt_remote *file, const char *commit,
                          struct rt_error *err);

/* Whether `bytes` more fit, with a hundredth to spare: RT_ERR_IO if not. */
rt_status rt_local_room(const struct rt_local *local, int64_t bytes, struct rt_error *err);

/* "path: cannot VERB: reason", as RT_ERR_OUTPUT or RT_ERR_IO; what to do where the disk is full. */
rt_status rt_local_fail(struct rt_error *err, int code, const char *verb, const char *path);

#endif
