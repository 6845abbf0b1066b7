/* job.c - opening and closing a job: file or flags to a tree, the tree to typed values, the values to options.
 */
#include "config.h"

#include "job/value.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MOST_BYTES = 1 << 20 };

static bool ends_in(const char *word, const char *end)
{
    const size_t n = strlen(word), m = strlen(end);
    return n > m && strcmp(word + n - m, end) == 0;
}

const char *rt_job_file(int argc, char **argv)
{
    if (argc < 1 || !(ends_in(argv[0], ".yaml") || ends_in(argv[0], ".yml") || ends_in(argv[0], ".json")))
        return NULL;
    return argv[0];
}

/* --max-hours auto, behind a job file too: our own keys are for launch scripts. Words that it takes, 0: not
 * one. */
static int own_flag_words(int argc, char **argv)
{
    const char *word = argv[0];
    const size_t n = strcspn(word, "=");
    if (strncmp(word, "--", 2) != 0)
        return 0;
    for (size_t k = 0; k < rt_keys_own.count; k++) {
        const char *name = rt_keys_own.keys[k].name;
        size_t i = 2;
        while (i < n && name[i - 2] != '\0' && name[i - 2] == (word[i] == '-' ? '_' : word[i]))
            i++;
        if (i == n && name[i - 2] == '\0')
            return word[n] == '\0' && argc > 1 && argv[1][0] != '-' && strchr(argv[1], '=') == NULL ? 2 : 1;
    }
    return 0;
}

static rt_status read_file(struct rt_reading *r, int argc, char **argv, const char *text, size_t bytes,
                           struct rt_node **root)
{
    if (text == NULL)
        return rt_fail(r->err, RT_ERR_INTERNAL, "%s: the job file's text is missing", r->path);
    if (bytes > FILE_MOST_BYTES)
        return rt_fail(r->err, RT_ERR_JOB, "%s: larger than 1 MiB: this is no job file", r->path);
    if (ends_in(r->path, ".json"))
        RT_TRY(rt_json_read(r->store, r->path, true, text, bytes, root, r->err));
    else
        RT_TRY(rt_yaml_read(r->store, r->scalars, r->path, true, text, bytes, root, r->err));
    if ((*root)->kind == RT_NODE_NULL)
        (*root)->kind = RT_NODE_MAP; /* an empty file: overrides may say everything */
    if ((*root)->kind != RT_NODE_MAP)
        return rt_fail(r->err, RT_ERR_JOB, "%s:%d: a job file holds lines such as lora_rank: 8, not %s",
                       r->path, (*root)->line, (*root)->kind == RT_NODE_LIST ? "a list" : "one value");
    for (int i = 1; i < argc;) {
        const int words = own_flag_words(argc - i, argv + i);
        if (words > 0)
            RT_TRY(rt_flags_read(r->store, *root, words, argv + i, r->err));
        else
            RT_TRY(rt_override_read(r->store, r->scalars, *root, argv[i], r->err));
        i += words > 0 ? words : 1;
    }
    return RT_OK;
}

static rt_status read_tree(struct rt_reading *r, int argc, char **argv, const char *text, size_t bytes,
                           struct rt_node **root)
{
    if (argc < 1)
        return rt_fail(r->err, RT_ERR_USAGE,
                       "no job: give a job file (.yaml, .yml or .json), or flags such as "
                       "--model_name_or_path DIR");
    if (r->path != NULL)
        return read_file(r, argc, argv, text, bytes, root);
    *root = rt_node_new(r->store, RT_NODE_MAP);
    if (*root == NULL)
        return rt_no_memory(r->err);
    return rt_flags_read(r->store, *root, argc, argv, r->err);
}

/* One known key that the job names: its value, and what is said about keys that are not done. */
static rt_status read_given(struct rt_reading *r, size_t index, const struct rt_node *node)
{
    const struct rt_key *key = rt_key_at(index);
    struct rt_value *value = &r->values[index], usual;
    char shown[RT_SHOWN_CHARS], where[RT_WHERE_CHARS];
    *value = (struct rt_value){ 0 };
    RT_TRY(rt_value_default(r, key, &usual));
    RT_TRY(rt_value_read(r, key, node, value));
    value->given = node;
    if (key->type == RT_KEY_BOOL && node->kind == RT_NODE_STR && node->source != RT_FROM_FLAG && !value->b)
        rt_note_key(r, key->name, "\"%s\" is taken for false; LLaMA-Factory takes any text for true",
                    rt_shown(shown, node->text));
    if (key->use == RT_KEY_DONE || rt_value_empty(key, value) || rt_value_equal(key, value, &usual))
        return RT_OK;
    if (key->use == RT_KEY_TAKEN) {
        rt_note_key(r, key->name, "has no effect here: %s", key->text);
        return RT_OK;
    }
    const bool scalar = node->text != NULL;
    rt_where(r, key->name, node, where);
    return rt_fail(r->err, rt_where_code(r, node), "%s: %s%s%s is not supported: %s", where, scalar ? "\"" : "",
                   scalar ? rt_shown(shown, node->text) : "this", scalar ? "\"" : "", key->text);
}

static int by_key(const void *a, const void *b)
{
    const struct rt_node *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

static bool extra_keys_allowed(void)
{
    const char *word = getenv("ALLOW_EXTRA_ARGS");
    if (word == NULL)
        return false;
    return strcmp(word, "1") == 0 || strcmp(word, "y") == 0 || strcmp(word, "Y") == 0 ||
           (strlen(word) == 4 && tolower((unsigned char)word[0]) == 't' &&
            tolower((unsigned char)word[1]) == 'r' && tolower((unsigned char)word[2]) == 'u' &&
            tolower((unsigned char)word[3]) == 'e');
}

/* All unknown keys in one message, sorted, each with what was probably meant. */
static rt_status tell_unknown(struct rt_reading *r, const struct rt_node **unknown, size_t count)
{
    char text[1900];
    size_t n = 0;
    qsort(unknown, count, sizeof *unknown, by_key);
    for (size_t i = 0; i < count && n < sizeof text - 400; i++) {
        char where[RT_WHERE_CHARS];
        const char *key = unknown[i]->key, *renamed = rt_key_renamed(key);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%.250s: ", i > 0 ? "\n" : "",
                              rt_where(r, key, unknown[i], where));
        if (renamed != NULL)
            n += (size_t)snprintf(text + n, sizeof text - n, "unknown key; %s", renamed);
        else
            n += (size_t)snprintf(text + n, sizeof text - n, "unknown key; the nearest known one is %s",
                                  rt_key_nearest(key));
        if (n >= sizeof text - 400 && i + 1 < count)
            n += (size_t)snprintf(text + n, sizeof text - n, "\nand %zu more", count - i - 1);
    }
    if (extra_keys_allowed()) {
        rt_tell(r->notes, text);
        return RT_OK;
    }
    return rt_fail(r->err, rt_where_code(r, unknown[0]), "%s", text);
}

static rt_status read_values(struct rt_reading *r, const struct rt_node *root)
{
    size_t unknowns = 0;
    const struct rt_node **unknown = rt_store_take(r->store, ((size_t)root->count + 1) * sizeof(void *));
    r->values = rt_store_take(r->store, rt_key_count() * sizeof *r->values);
    if (unknown == NULL || r->values == NULL)
        return rt_no_memory(r->err);
    for (size_t i = 0; i < rt_key_count(); i++)
        RT_TRY(rt_value_default(r, rt_key_at(i), &r->values[i]));
    for (const struct rt_node *n = root->first; n != NULL; n = n->next) {
        const size_t index = rt_key_find(n->key);
        if (index < rt_key_count())
            RT_TRY(read_given(r, index, n));
        else
            unknown[unknowns++] = n;
    }
    return unknowns > 0 ? tell_unknown(r, unknown, unknowns) : RT_OK;
}

static rt_status open_all(struct rt_reading *r, int argc, char **argv, const char *text, size_t bytes)
{
    struct rt_node *root = NULL;
    if (r->path != NULL) {
        r->path = rt_store_dup(r->store, r->path, strlen(r->path));
        if (r->path == NULL)
            return rt_no_memory(r->err);
    }
    r->job->path = r->path;
    RT_TRY(read_tree(r, argc, argv, text, bytes, &root));
    RT_TRY(read_values(r, root));
    RT_TRY(rt_resolve(r));
    return rt_job_check(r);
}

rt_status rt_job_open(struct rt_job **job, int argc, char **argv, const char *text, size_t bytes,
                      const struct rt_notes *notes, struct rt_error *err)
{
    rt_status st = RT_OK;
    struct rt_reading r = { .path = rt_job_file(argc, argv), .notes = notes, .err = err };
    r.job = calloc(1, sizeof *r.job);
    r.store = rt_store_open();
    r.scalars = rt_scalars_open();
    if (r.job == NULL || r.store == NULL || r.scalars == NULL) {
        st = rt_no_memory(err);
        goto out;
    }
    RT_TRY_TO(st, open_all(&r, argc, argv, text, bytes), out);
    r.job->store = r.store;
    *job = r.job;
    r.job = NULL;
    r.store = NULL;
out:
    rt_scalars_close(r.scalars);
    rt_store_close(r.store);
    free(r.job);
    return st;
}

void rt_job_close(struct rt_job *job)
{
    if (job == NULL)
        return;
    rt_store_close(job->store);
    free(job);
}
