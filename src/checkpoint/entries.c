/* entries.c - which checkpoints stand in an output folder, and which of them have to go. */
#include "config.h"
#include "base/file.h"
#include "checkpoint/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STEP_DIGITS = 18 }; /* fit 63 bits */

/* Digits at *text as a number, *text moved behind them; -1 for none, too many or a leading zero. */
static int64_t digits(const char **text)
{
    const char *from = *text;
    const size_t n = strspn(from, "0123456789");
    if (n == 0 || n > STEP_DIGITS || (n > 1 && *from == '0'))
        return -1;
    *text = from + n;
    return strtoll(from, NULL, 10);
}

static bool skip_prefix(const char **text, const char *prefix)
{
    const size_t n = strlen(prefix);
    if (strncmp(*text, prefix, n) != 0)
        return false;
    *text += n;
    return true;
}

int64_t rt_entry_step(const char *name)
{
    if (!skip_prefix(&name, "checkpoint-"))
        return -1;
    const int64_t step = digits(&name);
    return *name == '\0' ? step : -1;
}

int64_t rt_entry_step_of(const char *path)
{
    char name[64];
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t first = end;
    while (first > 0 && path[first - 1] != '/')
        first--;
    if (end - first >= sizeof name)
        return -1;
    memcpy(name, path + first, end - first);
    name[end - first] = '\0';
    return rt_entry_step(name);
}

/* Files of any of our modules that are written aside and renamed: ".tmp-NAME-PID", ".NAME.tmp-PID". */
static bool is_aside(const char *name)
{
    const char *last = strrchr(name, '-');
    if (name[0] != '.' || strstr(name, ".tmp-") == NULL || last[1] == '\0')
        return false;
    return strspn(last + 1, "0123456789") == strlen(last + 1);
}

static bool classify(const char *name, struct rt_entry *entry)
{
    entry->step = rt_entry_step(name);
    entry->kind = RT_ENTRY_CHECKPOINT;
    if (entry->step >= 0)
        return true;
    if (skip_prefix(&name, ".old-checkpoint-")) {
        entry->kind = RT_ENTRY_OLD;
        entry->step = digits(&name);
        return entry->step >= 0 && *name == '-';
    }
    entry->kind = RT_ENTRY_LEFTOVER;
    return skip_prefix(&name, ".tmp-checkpoint-") || skip_prefix(&name, ".trash-checkpoint-") || is_aside(name);
}

static int newest_first(const void *x, const void *y)
{
    const struct rt_entry *a = x, *b = y;
    const bool a_last = a->kind == RT_ENTRY_LEFTOVER, b_last = b->kind == RT_ENTRY_LEFTOVER;
    if (a_last != b_last)
        return a_last - b_last;
    if (a->step != b->step && !a_last)
        return a->step > b->step ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return strcmp(a->path, b->path);
}

static rt_status read_entries(DIR *dir, const char *output_dir, struct rt_entry **entries, int64_t *count,
                              struct rt_error *err)
{
    for (errno = 0;; errno = 0) {
        struct rt_entry entry;
        const struct dirent *found = readdir(dir);
        if (found == NULL)
            return errno == 0 ? RT_OK : rt_file_fail_out(err, errno, "list", output_dir);
        if (!classify(found->d_name, &entry))
            continue;
        struct rt_entry *more = realloc(*entries, (size_t)(*count + 1) * sizeof *more);
        if (more == NULL)
            return rt_fail(err, RT_ERR_MEMORY, "%s: no memory to list it", output_dir);
        *entries = more;
        RT_TRY(rt_file_path(&entry.path, err, "%s/%s", output_dir, found->d_name));
        more[(*count)++] = entry;
    }
}

rt_status rt_entries_list(const char *output_dir, struct rt_entry **entries, int64_t *count,
                          struct rt_error *err)
{
    struct rt_entry *list = NULL;
    int64_t n = 0;
    DIR *dir = opendir(output_dir);
    if (dir == NULL && errno != ENOENT)
        return rt_file_fail_out(err, errno, "open", output_dir);
    if (dir != NULL) {
        const rt_status st = read_entries(dir, output_dir, &list, &n, err);
        closedir(dir);
        if (st != RT_OK) {
            rt_entries_free(list, n);
            return st;
        }
    }
    if (n > 0)
        qsort(list, (size_t)n, sizeof *list, newest_first);
    *entries = list;
    *count = n;
    return RT_OK;
}

void rt_entries_free(struct rt_entry *entries, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        free(entries[i].path);
    free(entries);
}

/* Out of sight by a rename, then gone; what fails is found by the next rt_checkpoint_begin. */
static void discard(const char *output_dir, const struct rt_entry *entry)
{
    char *trash;
    if (rt_file_path(&trash, NULL, "%s/.trash-checkpoint-%lld-%ld", output_dir, (long long)entry->step,
                     (long)getpid()) != RT_OK)
        return;
    if (rt_file_remove(trash, NULL) == RT_OK && rt_file_rename(entry->path, trash, NULL) == RT_OK)
        (void)rt_file_remove(trash, NULL);
    free(trash);
}

/* The step of the newest good checkpoint besides `newest`, or -1. */
static int64_t second_good(const struct rt_entry *entry, int64_t count, int64_t newest)
{
    for (int64_t i = 0; i < count; i++)
        if (entry[i].kind == RT_ENTRY_CHECKPOINT && entry[i].step != newest &&
            rt_manifest_check(entry[i].path, entry[i].step, false, NULL) == RT_OK)
            return entry[i].step;
    return -1;
}

void rt_checkpoint_rotate(const char *output_dir, int64_t newest, int64_t limit)
{
    struct rt_entry *entry;
    int64_t count, kept = 1; /* the newest */
    if (limit <= 0 || rt_entries_list(output_dir, &entry, &count, NULL) != RT_OK)
        return;
    const int64_t second = limit > 1 ? second_good(entry, count, newest) : -1;
    int64_t first_gone = count;
    for (int64_t i = 0; i < count; i++)
        if (entry[i].kind == RT_ENTRY_CHECKPOINT && entry[i].step != newest &&
            rt_manifest_there(entry[i].path)) {
            if (kept < limit)
                kept++;
            else if (first_gone == count)
                first_gone = i;
        }
    for (int64_t i = count - 1; i >= first_gone; i--) /* oldest first */
        if (entry[i].kind == RT_ENTRY_CHECKPOINT && entry[i].step != newest && entry[i].step != second &&
            rt_manifest_there(entry[i].path))
            discard(output_dir, &entry[i]);
    rt_entries_free(entry, count);
}
