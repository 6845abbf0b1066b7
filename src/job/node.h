/*
 * node.h - what a job file, an override or a flag says, before anyone asks what it means: a tree of values.
 *
 * Private to job. Nodes, strings and lists live in the job's store and end with it.
 */
#ifndef RT_JOB_NODE_H
#define RT_JOB_NODE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- the store: memory of one job
 * ------------------------------------------------------------------------------ */

struct rt_job_store;
struct rt_job_store *rt_store_open(void);        /* NULL: no memory */
void rt_store_close(struct rt_job_store *store); /* NULL is fine */
/* Zeroed memory aligned for any type; NULL: no memory. */
void *rt_store_take(struct rt_job_store *store, size_t bytes);
char *rt_store_dup(struct rt_job_store *store, const char *text, size_t bytes); /* NUL-terminated copy */
rt_status rt_no_memory(struct rt_error *err); /* RT_ERR_MEMORY with its text */

/* ---- nodes
 * ------------------------------------------------------------------------------------------------------ */

enum rt_node_kind {
    RT_NODE_NULL,
    RT_NODE_BOOL,
    RT_NODE_INT,
    RT_NODE_FLOAT,
    RT_NODE_STR,
    RT_NODE_LIST,
    RT_NODE_MAP
};
enum rt_source { RT_FROM_FILE, RT_FROM_OVERRIDE, RT_FROM_FLAG };

struct rt_node {
    enum rt_node_kind kind;
    enum rt_source source;
    int line;         /* in the file, from 1; 0 elsewhere */
    const char *word; /* the word of the command line, NULL in a file */
    const char *key;  /* in a map */
    const char *text; /* a scalar as written, without quotes */
    bool b;
    int64_t i;                           /* saturated where the number is larger */
    double f;                            /* of INT too */
    struct rt_node *first, *last, *next; /* members of a list or map */
    int64_t count;
};

enum { RT_NODE_DEPTH = 32, RT_NODE_LIMIT = 10000 }; /* OmegaConf bears 10,000 nodes too */

struct rt_node *rt_node_new(struct rt_job_store *store, enum rt_node_kind kind);
void rt_node_append(struct rt_node *list, struct rt_node *item);
struct rt_node *rt_map_find(const struct rt_node *map, const char *key);
/* Puts item under item->key, in the place of an older one. */
void rt_map_set(struct rt_node *map, struct rt_node *item);
/* Every member of `from` into `into`; where both hold maps, these are merged. The members move. */
void rt_map_merge(struct rt_node *into, struct rt_node *from);
/* A copy with copies of all members; *budget nodes at most. NULL: no memory or over budget (*budget < 0). */
struct rt_node *rt_node_copy(struct rt_job_store *store, const struct rt_node *node, int64_t *budget);

/* ---- scalars: which type a plain word has, as OmegaConf decides
 * ------------------------------------------------- */

struct rt_scalars;
struct rt_scalars *rt_scalars_open(void); /* NULL: no memory */
void rt_scalars_close(struct rt_scalars *scalars);
/* Sets kind, b, i, f of a node from its text. */
void rt_scalar_resolve(const struct rt_scalars *scalars, struct rt_node *node);
/* The same for a YAML tag such as !!int. false: the text is no such thing, or there is no such tag. */
bool rt_scalar_by_tag(const struct rt_scalars *scalars, struct rt_node *node, const char *tag);

/* ---- readers
 * ---------------------------------------------------------------------------------------------------- */

/* One YAML document. `name` stands in front of complaints, with line numbers if `lines`. An empty text is NULL.
 */
rt_status rt_yaml_read(struct rt_job_store *store, const struct rt_scalars *scalars, const char *name,
                       bool lines, const char *text, size_t bytes, struct rt_node **root, struct rt_error *err);
/* One JSON document; lines are known for the members of the outermost object. */
rt_status rt_json_read(struct rt_job_store *store, const char *name, bool lines, const char *text, size_t bytes,
                       struct rt_node **root, struct rt_error *err);
/* One word "key=value" or "key.key=value" laid over root. */
rt_status rt_override_read(struct rt_job_store *store, const struct rt_scalars *scalars, struct rt_node *root,
                           const char *word, struct rt_error *err);
/* Flags --key value, --key=value, --key, --no_key into root. */
rt_status rt_flags_read(struct rt_job_store *store, struct rt_node *root, int argc, char **argv,
                        struct rt_error *err);

#endif
