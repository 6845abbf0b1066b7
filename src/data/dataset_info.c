/* dataset_info.c - reads an entry of dataset_info.json, refuses what cannot be had; see dataset_info.h. */
#include "config.h"
#include "data/dataset_info.h"
#include "data/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct named {
    const char *key, *value; /* of the entry; the value when the whole object is absent (NULL: none) */
};

static const struct named columns[RT_COLUMNS] = {
    { "prompt", "instruction" },
    { "query", "input" },
    { "response", "output" },
    { "history", NULL },
    { "messages", "conversations" },
    { "system", NULL },
    { "tools", NULL },
    { "images", NULL },
    { "videos", NULL },
    { "audios", NULL },
    { "kto_tag", NULL },
};
static const struct named tags[RT_TAGS] = {
    { "role_tag", "from" },     { "content_tag", "value" },           { "user_tag", "human" },
    { "assistant_tag", "gpt" }, { "observation_tag", "observation" }, { "function_tag", "function_call" },
    { "system_tag", "system" },
};

struct reader {
    const char *path, *name;
    struct rt_pool *pool;
    struct rt_error *err;
};

static rt_status fail(const struct reader *r, const char *key, const char *what)
{
    return rt_fail(r->err, RT_ERR_JOB, "%s: %s: %s: %s", r->path, r->name, key, what);
}

/* A text of the tree as a C string; NULL if it holds a NUL or memory is out (the caller fails either way). */
static const char *c_string(struct rt_pool *pool, struct rt_str text)
{
    char *s = memchr(text.p, '\0', text.n) == NULL ? rt_pool_take(pool, text.n + 1) : NULL;
    if (s != NULL) {
        memcpy(s, text.p, text.n);
        s[text.n] = '\0';
    }
    return s;
}

static struct rt_str of(const char *text)
{
    return (struct rt_str){ text, strlen(text) };
}

/* A key that is there and not null, else NULL. */
static const struct rt_json *present(const struct rt_json *object, const char *key)
{
    const struct rt_json *v = rt_json_get(object, of(key));
    return v != NULL && v->type != RT_JSON_NULL ? v : NULL;
}

/* The names in `columns` or `tags`: those of the object where there is one, else the defaults. */
static rt_status read_names(const struct reader *r, const struct rt_json *entry, const char *what,
                            const struct named *table, int count, struct rt_str *names)
{
    const struct rt_json *object = rt_json_get(entry, of(what));
    if (object != NULL && object->type != RT_JSON_OBJECT)
        return rt_fail(r->err, RT_ERR_JOB,
                       "%s: %s: %s: this is %s; write an object, or leave the key out for the "
                       "defaults",
                       r->path, r->name, what, rt_json_kind(object));
    for (int i = 0; i < count; i++) {
        const struct rt_json *v = object == NULL ? NULL : rt_json_get(object, of(table[i].key));
        names[i] = object == NULL && table[i].value != NULL ? of(table[i].value) : (struct rt_str){ NULL, 0 };
        if (v == NULL || v->type == RT_JSON_NULL)
            continue;
        const char *name = v->type == RT_JSON_STRING ? c_string(r->pool, v->text) : NULL;
        if (name == NULL)
            return rt_fail(r->err, RT_ERR_JOB,
                           "%s: %s: %s: %s: this is %s; write the name as a text without NUL", r->path, r->name,
                           what, table[i].key, rt_json_kind(v));
        if (v->text.n > 0 || table == tags) /* a column without a name is none */
            names[i] = (struct rt_str){ name, v->text.n };
    }
    return RT_OK;
}

/* What the reference would load from elsewhere, or for another stage. */
static rt_status refuse_others(const struct reader *r, const struct rt_json *entry)
{
    static const char *const sources[] = { "hf_hub_url", "ms_hub_url", "om_hub_url", "script_url",
                                           "cloud_file_name" };
    const struct rt_json *hub = present(entry, "hf_hub_url");
    if (hub != NULL && hub->type == RT_JSON_STRING && hub->text.n > 0)
        return rt_fail(
            r->err, RT_ERR_JOB,
            "%s: %s: hf_hub_url: data sets are read from local files only: fetch it with ranktune download "
            "%.*s "
            "--repo-type dataset --local-dir DIR, and write file_name, the path of its JSON or JSON lines, "
            "instead of this key",
            r->path, r->name, hub->text.n < 200 ? (int)hub->text.n : 200, hub->text.p);
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
        if (rt_json_get(entry, of(sources[i])) != NULL)
            return fail(r, sources[i],
                        "data sets are read from local files only; store the rows as JSON or JSON lines "
                        "and write file_name instead of this key");
    const struct rt_json *ranking = present(entry, "ranking"), *split = present(entry, "split");
    if (ranking != NULL && ranking->type != RT_JSON_FALSE)
        return fail(r, "ranking",
                    "a data set with chosen and rejected answers does not fit stage: sft; leave it out of "
                    "dataset, or give it a plain answer column and remove ranking");
    if (split != NULL && (split->type != RT_JSON_STRING || !rt_str_is(split->text, RT_STR("train"))))
        return fail(r, "split",
                    "a local file has the split \"train\" only; use num_samples or max_samples for a part of "
                    "it");
    return RT_OK;
}

static rt_status read_samples(const struct reader *r, const struct rt_json *entry, int64_t *samples)
{
    const struct rt_json *v = present(entry, "num_samples");
    *samples = -1;
    if (v == NULL)
        return RT_OK;
    char digits[24] = "", *end = digits;
    if (v->type == RT_JSON_NUMBER && v->text.n < sizeof digits) {
        memcpy(digits, v->text.p, v->text.n);
        errno = 0;
        *samples = strtoll(digits, &end, 10);
    }
    if (end == digits || *end != '\0' || errno != 0 || *samples < 1 || *samples > INT32_MAX)
        return fail(r, "num_samples", "write a whole number from 1 to 2147483647");
    return RT_OK;
}

static rt_status read_formatting(const struct reader *r, const struct rt_json *entry,
                                 struct rt_dataset_info *info)
{
    const struct rt_json *v = rt_json_get(entry, RT_STR("formatting"));
    info->formatting = RT_ALPACA;
    if (v == NULL || (v->type == RT_JSON_STRING && rt_str_is(v->text, RT_STR("alpaca"))))
        return RT_OK;
    if (v->type == RT_JSON_STRING && rt_str_is(v->text, RT_STR("sharegpt")))
        info->formatting = RT_SHAREGPT;
    else if (v->type == RT_JSON_STRING && rt_str_is(v->text, RT_STR("openai")))
        info->formatting = RT_OPENAI;
    else
        return fail(r, "formatting", "write alpaca, sharegpt or openai");
    return RT_OK;
}

/* Names without which no row of this layout could be read. */
static rt_status check_names(const struct reader *r, const struct rt_dataset_info *info)
{
    if (info->formatting == RT_ALPACA) {
        if (info->column[RT_COL_RESPONSE].p == NULL)
            return fail(r, "columns",
                        "response is missing: a columns object replaces all default names; add \"response\": "
                        "\"output\" or what the column is called");
        return RT_OK;
    }
    if (info->column[RT_COL_MESSAGES].p == NULL)
        return fail(r, "columns",
                    "messages is missing: a columns object replaces all default names; add \"messages\": "
                    "\"conversations\" or what the column is called");
    for (int i = RT_TAG_ROLE; i <= RT_TAG_ASSISTANT; i++)
        if (info->tag[i].p == NULL)
            return rt_fail(r->err, RT_ERR_JOB,
                           "%s: %s: tags: %s is missing: a tags object replaces all default names; "
                           "add \"%s\": \"%s\" or what the rows use",
                           r->path, r->name, tags[i].key, tags[i].key, tags[i].value);
    return RT_OK;
}

/* The name is not there: say which are. */
static rt_status fail_unknown(const struct reader *r, const struct rt_json *all)
{
    struct rt_buf known = { .pool = r->pool };
    struct rt_str list;
    int64_t n = 0;
    for (const struct rt_json *v = all->first; v != NULL && n < 12; v = v->next, n++) {
        rt_buf_add(&known, ", ", n > 0 ? 2 : 0);
        rt_buf_str(&known, v->key);
    }
    if (n < all->count)
        rt_buf_format(&known, " and %lld more", (long long)(all->count - n));
    RT_TRY(rt_buf_end(&known, &list, r->err));
    return rt_fail(r->err, RT_ERR_JOB, "%s: there is no data set \"%s\"; the file names %s", r->path, r->name,
                   all->count == 0 ? "none" : list.p);
}

rt_status rt_dataset_info_read(struct rt_dataset_info *info, struct rt_pool *pool, const char *path,
                               struct rt_str json, const char *name, struct rt_error *err)
{
    const struct reader r = { path, name, pool, err };
    struct rt_json *all;
    struct rt_error why;
    const rt_status st = rt_json_parse(pool, json, false, &all, &why);
    if (st != RT_OK)
        return rt_fail(err, st == RT_ERR_DATA ? RT_ERR_JOB : st, "%s: this is no JSON: %s", path, why.text);
    if (all->type != RT_JSON_OBJECT)
        return rt_fail(err, RT_ERR_JOB, "%s: this is %s; write an object of data sets", path,
                       rt_json_kind(all));
    const struct rt_json *entry = rt_json_get(all, of(name));
    if (entry == NULL)
        return fail_unknown(&r, all);
    if (entry->type != RT_JSON_OBJECT)
        return rt_fail(err, RT_ERR_JOB, "%s: %s: this is %s; write an object with file_name", path, name,
                       rt_json_kind(entry));
    RT_TRY(refuse_others(&r, entry));
    const struct rt_json *file = rt_json_get(entry, RT_STR("file_name"));
    if (file == NULL || file->type != RT_JSON_STRING || file->text.n == 0)
        return fail(&r, "file_name", "write the name of a JSON or JSON lines file, or of a folder of them");
    struct rt_dataset_info got = { .file_name = c_string(pool, file->text) };
    if (got.file_name == NULL)
        return fail(&r, "file_name", "a name without NUL was expected");
    RT_TRY(read_formatting(&r, entry, &got));
    RT_TRY(read_samples(&r, entry, &got.num_samples));
    RT_TRY(read_names(&r, entry, "columns", columns, RT_COLUMNS, got.column));
    RT_TRY(read_names(&r, entry, "tags", tags, RT_TAGS, got.tag));
    RT_TRY(check_names(&r, &got));
    *info = got;
    return RT_OK;
}
