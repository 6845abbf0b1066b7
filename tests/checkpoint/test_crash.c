/*
 * test_crash.c - what a power failure leaves, at any moment of several saves, is gone on from.
 *
 * crash_history.c makes a run of some saves, each of the next step or of the same one again, crash_record.c a
 * log of what it asks of the file system, crash_replay.c folders as they may stand after a failure at some
 * event of it; a new run looks into them. VARIANTS of them (1000 if that is not set), in memory; SEED (1)
 * decides everything, so that the same ones come again.
 */
#include "config.h"
#include "checkpoint/common.h"
#include "checkpoint/crash.h"

#include <sys/mman.h>

enum { VARIANTS_EACH = 10, SOON = 25, TOLD = 10 };

/* Bytes of each save, which depend on its number alone. */
static struct {
    char *data[SAVED_FILES];
    size_t bytes[SAVED_FILES];
} want[SAVES];

/* Folders in which ... */
struct tally {
    int all, after_report;
    int error;   /* the search failed */
    int none;    /* nothing was found after a save had been reported */
    int older;   /* what was found is older than that */
    int content; /* it has not the bytes of its save */
    int half;    /* a checkpoint's manifest holds and a file of it does not */
    int latest;  /* the file latest is torn or names no good checkpoint, or one older than the reported */
    int next;    /* the next save fails or is not found */
    int newer;   /* no fault: the save that was being made is found */
    int passed;  /* no fault: a broken one had to be passed over */
};

static void make_wanted(const char *folder)
{
    for (int s = 0; s < SAVES; s++) {
        char *inner = text("%s/save%d", folder, s);
        if (mkdir(inner, 0777) != 0 || fill(inner, s) != RT_OK)
            give_up("cannot write what is compared with");
        for (int f = 0; f < SAVED_FILES; f++) {
            char *path = text("%s/%s", inner, saved_names[f]);
            want[s].data[f] = get_file(path, &want[s].bytes[f]);
            free(path);
        }
        free(inner);
    }
}

/* The last save that was called good before event number `events`, or -1. */
static int reported(const struct log *log, int events)
{
    for (int i = events - 1; i >= 0; i--)
        if (log->event[i].kind == EVENT_REPORT)
            return log->event[i].node;
    return -1;
}

/* The save whose step and bytes folder has, or -1. */
static int save_of(const struct log *log, const char *folder, int64_t step)
{
    bool same[SAVES];
    for (int s = 0; s < SAVES; s++)
        same[s] = s < log->saves && log->step[s] == step;
    for (int f = 0; f < SAVED_FILES; f++) {
        char *path = text("%s/%s", folder, saved_names[f]), *data = NULL;
        size_t bytes = 0;
        if (rt_file_load(path, 1 << 20, &data, &bytes, NULL) != RT_OK)
            bytes = SIZE_MAX;
        for (int s = 0; s < SAVES; s++)
            same[s] = same[s] && bytes == want[s].bytes[f] && memcmp(data, want[s].data[f], bytes) == 0;
        free(data);
        free(path);
    }
    for (int s = SAVES - 1; s >= 0; s--)
        if (same[s])
            return s;
    return -1;
}

static bool is_half(const char *output, int64_t step)
{
    char *folder = text("%s/checkpoint-%lld", output, (long long)step), *json = NULL;
    const bool half =
        rt_checkpoint_manifest(folder, &json, NULL) == RT_OK && rt_checkpoint_verify(folder, NULL) != RT_OK;
    free(json);
    free(folder);
    return half;
}

static bool latest_is_right(const char *output, int64_t least)
{
    char *path = text("%s/latest", output), *line = NULL;
    size_t bytes;
    bool right = least < 0; /* before the first one there need be none */
    if (there(path) && rt_file_load(path, 4096, &line, &bytes, NULL) == RT_OK) {
        const bool whole = bytes > 1 && line[bytes - 1] == '\n';
        line[whole ? bytes - 1 : 0] = '\0';
        char *folder = text("%s/%s", output, line);
        right = whole && strncmp(line, "checkpoint-", 11) == 0 && atoll(line + 11) >= least &&
                rt_checkpoint_verify(folder, NULL) == RT_OK;
        free(folder);
    }
    free(line);
    free(path);
    return right;
}

static void count_note(const char *line, void *context)
{
    (void)line;
    ++*(int *)context;
}

/* A new run finds output; its faults are counted. */
static void look(const struct log *log, int events, const char *output, struct tally *tally)
{
    const int last = reported(log, events);
    const int64_t least = last < 0 ? -1 : log->step[last];
    char *folder = NULL;
    int64_t step = -1;
    int passed = 0;
    tally->all++;
    tally->after_report += last >= 0;
    if (rt_checkpoint_tidy(output, &err) != RT_OK ||
        rt_checkpoint_newest(output, &folder, &step, count_note, &passed, &err) != RT_OK) {
        tally->error++;
        diag("%s", err.text);
        return;
    }
    tally->none += folder == NULL && last >= 0;
    if (folder != NULL) {
        const int save = save_of(log, folder, step);
        tally->content += save < 0 || rt_checkpoint_verify(folder, NULL) != RT_OK;
        tally->older += save >= 0 && save < last;
        tally->newer += save > last;
        tally->passed += passed > 0;
    }
    int half = 0;
    for (int64_t s = 1; s <= SAVES; s++)
        half += is_half(output, s);
    tally->half += half > 0;
    if (log->fault != FAULT_FAIL) /* where writing `latest` fails, the save is good all the same */
        tally->latest += !latest_is_right(output, least);
    free(folder);
}

static void save_next(const char *output, struct tally *tally)
{
    const int64_t step = SAVES + 1;
    int64_t found = -1;
    char *folder = NULL;
    if (save_as(output, step, 0, 2) != RT_OK ||
        rt_checkpoint_newest(output, &folder, &found, NULL, NULL, &err) != RT_OK || found != step)
        tally->next++;
    free(folder);
}

static int faults(const struct tally *t)
{
    return t->error + t->none + t->older + t->content + t->half + t->latest + t->next;
}

/* Any, and every second one soon after the fault. */
static int pick_moment(const struct log *log, uint64_t *seed)
{
    const bool soon = log->struck > 0 && draw(seed) % 2 == 0;
    const int from = soon ? log->struck : 0, left = log->events - from;
    return from + (int)(draw(seed) % (uint64_t)((soon && left > SOON ? SOON : left) + 1));
}

static void try_variant(const struct history *h, int number, uint64_t seed, struct tally *tally)
{
    const int before = faults(tally);
    const struct tally was = *tally;
    const int events = pick_moment(h->log, &seed);
    replay(h->log, events, &seed, h->root);
    look(h->log, events, h->output, tally);
    if (number % 5 == 0)
        save_next(h->output, tally);
    if (faults(tally) > before && before < TOLD)
        diag("history %d (fault %d, limit %d), folder %d, event %d of %d, after save %d: error %d, none %d, "
             "older %d, content %d, half %d, latest %d, next %d",
             h->number, (int)h->log->fault, (int)h->limit, number, events, h->log->events,
             reported(h->log, events), tally->error - was.error, tally->none - was.none,
             tally->older - was.older, tally->content - was.content, tally->half - was.half,
             tally->latest - was.latest, tally->next - was.next);
    if (rt_file_remove(h->root, &err) != RT_OK)
        give_up(err.text);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *set = getenv(name);
    return set != NULL && *set != '\0' ? strtoull(set, NULL, 10) : otherwise;
}

static void judge(const struct tally *t)
{
    ok(t->all > 0 && t->error == 0, "%d folders after a power failure: %d in which the search fails", t->all,
       t->error);
    ok(t->after_report > 0 && t->none == 0, "%d after a first save was reported: %d with no good checkpoint",
       t->after_report, t->none);
    ok(t->older == 0, "%d with one older than the last reported", t->older);
    ok(t->content == 0, "%d with one that has not the bytes of its save", t->content);
    ok(t->half == 0, "%d with a checkpoint whose manifest holds and whose files do not", t->half);
    ok(t->latest == 0, "%d with a wrong file `latest`", t->latest);
    ok(t->next == 0, "%d in which the next save fails", t->next);
    diag("%d with a save that was not reported yet, %d with a broken one passed over", t->newer, t->passed);
}

int main(void)
{
    const int variants = (int)setting("VARIANTS", 1000);
    uint64_t seed = setting("SEED", 1);
    struct tally tally = { 0 };
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    struct log *log =
        mmap(NULL, sizeof *log, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (log == MAP_FAILED)
        give_up("memory");
    diag("SEED=%llu VARIANTS=%d", (unsigned long long)seed, variants);
    char *folder = folder_make("crash");
    make_wanted(folder);
    struct history h = { .log = log, .calls = { 1, 1 } };
    for (int done = 0; done < variants; h.number++) {
        h.root = text("%s/h%d", folder, h.number);
        h.output = text("%s/out", h.root);
        make_history(&h, &seed);
        if (h.number < 2)
            h.calls[h.number] = log->calls;
        for (int i = 0; i < VARIANTS_EACH && done < variants; i++, done++)
            try_variant(&h, i, draw(&seed), &tally);
        free(h.output);
        free(h.root);
    }
    judge(&tally);
    for (int s = 0; s < SAVES; s++)
        for (int f = 0; f < SAVED_FILES; f++)
            free(want[s].data[f]);
    munmap(log, sizeof *log);
    folder_end(folder);
    return tap_done();
}
