/*
 * value.h - what a key's value is once its type is known, and where complaints about it point.
 *
 * Private to job.
 */
#ifndef RT_JOB_VALUE_H
#define RT_JOB_VALUE_H

#include "job/job.h"
#include "job/keys.h"
#include "job/node.h"

struct rt_value {
    const struct rt_node *given; /* NULL: the default */
    bool null;
    bool b;
    int64_t i;
    double f; /* of INT too */
    const char *s;
    const char **list; /* [count] */
    int64_t count;
    const struct rt_node *map; /* DICT */
};

/* One reading of a job: what all stages share. */
struct rt_reading {
    struct rt_job *job;
    struct rt_job_store *store;
    struct rt_scalars *scalars;
    struct rt_value *values; /* [rt_key_count()] */
    const char *path;        /* of the file; NULL with flags */
    const struct rt_notes *notes;
    struct rt_error *err;
};

enum { RT_WHERE_CHARS = 512, RT_SHOWN_CHARS = 100, RT_WANTS_CHARS = 900 };

/* text cut to what a message bears, control characters and broken UTF-8 as '?'. Returns buf. */
const char *rt_shown(char buf[RT_SHOWN_CHARS], const char *text);
/* "FILE:LINE: key", "--key", or "key=..." for a given node; FILE or the key alone without one. Returns buf. */
const char *rt_where(const struct rt_reading *r, const char *key, const struct rt_node *node,
                     char buf[RT_WHERE_CHARS]);
/* "lora_rank: 16", "--lora_rank 16" or "lora_rank=16": how to write it where it was written. Returns buf. */
const char *rt_write(const struct rt_reading *r, const struct rt_node *node, const char *key, const char *value,
                     char buf[RT_WHERE_CHARS]);
/* RT_ERR_USAGE for what stands on the command line, else RT_ERR_JOB. */
rt_status rt_where_code(const struct rt_reading *r, const struct rt_node *node);
/* Fails about a key: where it stands, then the text. */
rt_status rt_fail_key(const struct rt_reading *r, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Says something about a key in the log. */
void rt_note_key(const struct rt_reading *r, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The typed value of a node: range and choices are checked. */
rt_status rt_value_read(const struct rt_reading *r, const struct rt_key *key, const struct rt_node *node,
                        struct rt_value *value);
/* A number as Python's float() reads a text: decimal, spaces around it, underscores between digits. */
bool rt_number_of_text(const char *text, double *number);
/* The default. */
rt_status rt_value_default(const struct rt_reading *r, const struct rt_key *key, struct rt_value *value);
bool rt_value_equal(const struct rt_key *key, const struct rt_value *a, const struct rt_value *b);
/* null, false, "", an empty list or map, or 0 where the default is null: asks for nothing. */
bool rt_value_empty(const struct rt_key *key, const struct rt_value *value);
/* The value read for a key that is in the table. */
struct rt_value *rt_value_of(const struct rt_reading *r, const char *key);

/* ---- the stages after all values are read, each in a file of its own
 * --------------------------------------------- */

/* lr_scheduler_kwargs, and whether it fits lr_scheduler_type. */
rt_status rt_schedule_read(const struct rt_reading *r);
/* Values into struct rt_job; what depends on several keys. */
rt_status rt_resolve(const struct rt_reading *r);
/* Rules between keys. */
rt_status rt_job_check(const struct rt_reading *r);

#endif
