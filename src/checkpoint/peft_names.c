/* peft_names.c - which module names an adapter's config lists, and old spellings as new ones. */
#include "config.h"
#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/peft.h"

#include <stdlib.h>
#include <string.h>

enum { SHORTEN_FROM = 20 }; /* modules; peft 0.18.1 utils/constants.py: MIN_TARGET_MODULES_FOR_OPTIMIZATION */

static bool begins(const char *name, size_t length, const char *with)
{
    const size_t n = strlen(with);
    return length >= n && memcmp(name, with, n) == 0;
}

rt_status rt_peft_new_name(const char *name, size_t length, char **made, struct rt_error *err)
{
    const int n = (int)length;
    if (begins(name, length, "visual."))
        return rt_file_path(made, err, "model.%.*s", n, name);
    if (begins(name, length, "model.") && !begins(name, length, "model.language_model.") &&
        !begins(name, length, "model.visual."))
        return rt_file_path(made, err, "model.language_model.%.*s", n - 6, name + 6);
    return rt_file_path(made, err, "%.*s", n, name);
}

bool rt_peft_ends(const char *module, const char *entry)
{
    const size_t have = strlen(module), want = strlen(entry);
    if (want > have || strcmp(module + have - want, entry) != 0)
        return false;
    return want == have || module[have - want - 1] == '.';
}

static int text_order(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* The dotted end of name that begins before *at; *at moves there. NULL when the whole name has been given. */
static const char *longer_end(const char *name, const char **at)
{
    const char *p = *at;
    if (p == name)
        return NULL;
    p--; /* onto the dot before *at, or the last character at first */
    while (p > name && p[-1] != '.')
        p--;
    return *at = p;
}

/* Names by their list of dotted ends, shortest end first: the order in which peft goes through them. */
static int ends_order(const void *x, const void *y)
{
    const char *a = *(const char *const *)x, *b = *(const char *const *)y;
    const char *at = a + strlen(a), *bt = b + strlen(b);
    for (;;) {
        const char *p = longer_end(a, &at), *q = longer_end(b, &bt);
        if (p == NULL || q == NULL)
            return (p != NULL) - (q != NULL);
        const int order = strcmp(p, q);
        if (order != 0)
            return order;
    }
}

/* Every dotted end of every other module, a module being a name or what stands before one of its dots; sorted.
 * *pool holds the texts cut at a dot. */
static rt_status other_ends(const struct rt_peft *peft, const char *const *targets, int64_t target_count,
                            const char ***ends, int64_t *count, char **pool, struct rt_error *err)
{
    size_t pool_bytes = 1, room = 1, n = 0;
    for (int64_t i = 0; i < peft->other_count + target_count; i++) {
        const char *name = i < peft->other_count ? peft->others[i] : targets[i - peft->other_count];
        size_t dots = 0;
        for (const char *c = name; *c != '\0'; c++)
            dots += *c == '.';
        pool_bytes += (dots + 1) * (strlen(name) + 1);
        room += (dots + 1) * (dots + 2) / 2;
    }
    char *text = *pool = malloc(pool_bytes);
    const char **list = malloc(room * sizeof *list);
    if (text == NULL || list == NULL) {
        free(list);
        return rt_fail(err, RT_ERR_MEMORY, "no memory for the model's module names");
    }
    for (int64_t i = 0; i < peft->other_count + target_count; i++) {
        const bool other = i < peft->other_count;
        const char *name = other ? peft->others[i] : targets[i - peft->other_count];
        for (size_t length = strlen(name), whole = length; length > 0;) {
            bool target = !other && length == whole;
            memcpy(text, name, length);
            text[length] = '\0';
            for (int64_t t = 0; other && length == whole && t < target_count && !target; t++)
                target = rt_peft_ends(text, targets[t]);
            for (const char *at = text + length, *end; !target && (end = longer_end(text, &at)) != NULL;)
                list[n++] = end;
            text += length + 1;
            while (length > 0 && name[--length] != '.')
                ;
        }
    }
    qsort(list, n, sizeof *list, text_order);
    *ends = list;
    *count = (int64_t)n;
    return RT_OK;
}

/* Source: peft 0.18.1 tuners/tuners_utils.py:_find_minimal_target_modules. */
static int64_t shortest_set(const char *const *targets, int64_t target_count, const char *const *others,
                            int64_t other_count, const char **made)
{
    int64_t n = 0;
    for (int64_t t = 0; t < target_count; t++) {
        const char *at = targets[t] + strlen(targets[t]), *end;
        bool covered = false;
        for (int64_t i = 0; i < n && !covered; i++)
            covered = strlen(made[i]) < strlen(targets[t]) && rt_peft_ends(targets[t], made[i]);
        while (!covered && (end = longer_end(targets[t], &at)) != NULL) {
            bool taken = bsearch(&end, others, (size_t)other_count, sizeof *others, text_order) != NULL;
            for (int64_t i = 0; i < n && !taken; i++)
                taken = strcmp(made[i], end) == 0;
            if (!taken) {
                made[n++] = end;
                break;
            }
        }
    }
    return n;
}

rt_status rt_peft_targets(const struct rt_peft *peft, const char ***names, int64_t *count, struct rt_error *err)
{
    rt_status st = RT_OK;
    int64_t n = 0, ends_count = 0;
    const char **ends = NULL;
    char *pool = NULL;
    const char **full = malloc((size_t)(peft->modules + 1) * sizeof *full);
    const char **made = malloc((size_t)(peft->modules + 1) * sizeof *made);
    if (full == NULL || made == NULL) {
        st = rt_fail(err, RT_ERR_MEMORY, "no memory for the adapter's module names");
        goto done;
    }
    for (int64_t i = 0; i < peft->modules; i++)
        full[i] = peft->module[i];
    qsort(full, (size_t)peft->modules, sizeof *full, ends_order);
    if (peft->modules >= SHORTEN_FROM) {
        RT_TRY_TO(st, other_ends(peft, full, peft->modules, &ends, &ends_count, &pool, err), done);
        n = shortest_set(full, peft->modules, ends, ends_count, made);
    }
    const bool shorter = n > 0 && n < peft->modules;
    *names = shorter ? made : full;
    *count = shorter ? n : peft->modules;
    qsort(*names, (size_t)*count, sizeof **names, text_order);
    free(shorter ? full : made);
    full = made = NULL;
done:
    free(ends);
    free(pool);
    free(made);
    free(full);
    return st;
}
