/* trainer_log.h - private to report: trainer_log.jsonl, one line a log. */
#ifndef RT_REPORT_TRAINER_LOG_H
#define RT_REPORT_TRAINER_LOG_H

#include "base/file.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct rt_trainer_log {
    int fd; /* -1: closed */
    char *path;
    bool start_anew; /* what the file holds goes with the first line */
};
/* How far the file had come, and what stood there. */
struct rt_trainer_mark {
    int64_t bytes;
    char digest[RT_DIGEST_CHARS + 1]; /* xxh3-128 of the last MiB before that, in hex */
};

/* overwrite: an old file's lines go when the first new one comes, or stay if their run is resumed. */
rt_status rt_trainer_log_open(struct rt_trainer_log *log, const char *output_dir, bool overwrite,
                              struct rt_error *err);
/* A run begins at step 0: old lines go as with overwrite. True if there are any that the job did not ask to
 * overwrite. */
bool rt_trainer_log_anew(struct rt_trainer_log *log);
void rt_trainer_log_close(struct rt_trainer_log *log);
rt_status rt_trainer_log_append(struct rt_trainer_log *log, const json_t *line, struct rt_error *err);
/* fsync: any thread, while it is open. */
rt_status rt_trainer_log_sync(const struct rt_trainer_log *log, struct rt_error *err);
/* The mark to go back to. */
rt_status rt_trainer_log_mark(const struct rt_trainer_log *log, struct rt_trainer_mark *mark,
                              struct rt_error *err);
/* Cut the file back to the mark; *same is false, and nothing is cut, if it is not the file that was marked. */
rt_status rt_trainer_log_return(struct rt_trainer_log *log, const struct rt_trainer_mark *mark, bool *same,
                                struct rt_error *err);

#endif
