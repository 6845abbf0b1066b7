/* settings.c - environment variables that decide how ranks talk and compute: the same on all of them? */
#include "config.h"
#include "base/settings.h"
#include "check/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A list of "NAME=VALUE" texts. */
struct list {
    const char **text;
    int64_t count, room;
    bool failed;
};

static void add(struct list *list, const char *text)
{
    if (list->count == list->room) {
        const int64_t room = list->room * 2 + 64;
        const char **more = realloc(list->text, (size_t)room * sizeof *more);
        list->failed = list->failed || more == NULL;
        if (more == NULL)
            return;
        list->text = more;
        list->room = room;
    }
    list->text[list->count++] = text;
}

struct all {
    const char *text;     /* every rank's, packed */
    const size_t *counts; /* [size] bytes of each */
    const size_t *from;   /* [size] where they begin */
};

/* Rank r's value of a name of n characters; NULL: not set. */
static const char *value_of(const struct all *all, int r, const char *name, size_t n)
{
    return rt_settings_find(all->text + all->from[r], all->counts[r], name, n);
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* "NAME differs: "a" on ranks 0, 1 on x; not set on rank 2 on y" */
static void tell_difference(struct rt_check *c, const struct all *all, const char *name, int n, bool *has,
                            bool *told)
{
    char text[1100] = "", who[400];
    size_t used = 0;
    memset(told, 0, (size_t)c->size * sizeof *told);
    for (int r = 0; r < c->size && used + 700 < sizeof text; r++) {
        if (told[r])
            continue;
        const char *const value = value_of(all, r, name, (size_t)n);
        for (int k = 0; k < c->size; k++) {
            has[k] = same(value, value_of(all, k, name, (size_t)n));
            told[k] = told[k] || has[k];
        }
        rt_ranks_text(c->hosts, c->size, has, who, sizeof who);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%.120s%s on %.400s",
                                 used > 0 ? "; " : "", value != NULL ? "\"" : "",
                                 value != NULL ? value : "not set", value != NULL ? "\"" : "", who);
    }
    rt_find_job(c->findings, RT_WARNING, "settings",
                "%.*s differs: %s\ngive all ranks the same: mpirun -x %.*s, or set it in the batch script", n,
                name, text, n, name);
}

/* Every name once: texts are sorted, so equal names stand together. */
static void compare(struct rt_check *c, const struct all *all, const struct list *texts, bool *has, bool *told)
{
    char alike[1000] = "";
    size_t used = 0;
    int64_t names = 0;
    for (int64_t i = 0; i < texts->count; i++) {
        const char *const name = texts->text[i];
        const int n = (int)strcspn(name, "=");
        if (i > 0 && strncmp(texts->text[i - 1], name, (size_t)n + 1) == 0)
            continue;
        bool differs = false;
        for (int r = 1; r < c->size && !differs; r++)
            differs = !same(value_of(all, 0, name, (size_t)n), value_of(all, r, name, (size_t)n));
        if (differs)
            tell_difference(c, all, name, n, has, told);
        else if (++names > 0 && used + 130 < sizeof alike)
            used +=
                (size_t)snprintf(alike + used, sizeof alike - used, "%s%.120s", used > 0 ? ", " : ": ", name);
    }
    rt_find_job(c->findings, RT_OK, "settings",
                "%lld of NCCL_, UCX_, OMPI_MCA_, CUDA_, OMP_ alike on all ranks%s", (long long)names, alike);
}

static rt_status look(struct rt_check *c, const char *packed, size_t *counts)
{
    struct list texts = { 0 };
    bool *has = calloc((size_t)c->size, 2 * sizeof *has);
    size_t *from = calloc((size_t)c->size, sizeof *from);
    for (int r = 1; from != NULL && r < c->size; r++)
        from[r] = from[r - 1] + counts[r - 1];
    const size_t bytes = from != NULL ? from[c->size - 1] + counts[c->size - 1] : 0;
    for (size_t at = 0; at < bytes; at += strlen(packed + at) + 1)
        add(&texts, packed + at);
    rt_status st = RT_OK;
    if (texts.failed || has == NULL || from == NULL)
        st = rt_fail(c->err, RT_ERR_MEMORY, "no memory for the ranks' settings");
    if (st == RT_OK && texts.count > 0)
        qsort(texts.text, (size_t)texts.count, sizeof *texts.text, by_text);
    if (st == RT_OK)
        compare(c, &(struct all){ packed, counts, from }, &texts, has, has + c->size);
    free(texts.text);
    free(has);
    free(from);
    return st;
}

rt_status rt_check_settings(struct rt_check *c)
{
    char *mine = NULL, *all = NULL;
    size_t bytes = 0, all_bytes = 0, *counts = calloc((size_t)c->size, sizeof *counts);
    rt_status st = counts == NULL ? rt_fail(c->err, RT_ERR_MEMORY, "no memory for the ranks' settings")
                                  : rt_settings_pack(&mine, &bytes, c->err);
    RT_TRY_TO(st, rt_dist_agree(c->dist, st, c->err), done);
    RT_TRY_TO(st, rt_dist_allgather(c->dist, mine, bytes, (void **)&all, &all_bytes, counts, c->err), done);
    st = c->rank == 0 ? look(c, all, counts) : RT_OK;
    st = rt_dist_agree(c->dist, st, c->err);
    if (st == RT_OK)
        st = rt_findings_share(c->findings, c->err);
done:
    free(mine);
    free(all);
    free(counts);
    return st;
}
