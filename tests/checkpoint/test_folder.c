/* test_folder.c - checkpoint folders: whole or absent, every changed bit noticed, the newest good one found. */
#include "config.h"
#include "checkpoint/common.h"

#include <signal.h>
#include <sys/resource.h>

static char *folder;
static float numbers[3000];

/* State, a table of tensors and a small text into an open checkpoint. */
static rt_status fill(const char *path, int64_t step)
{
    struct rt_state_item item = { "/lora/p", RT_STATE_F32, sizeof numbers / sizeof *numbers, numbers };
    const struct rt_out_tensor out = { "a", RT_FILE_F32, 1, { 500 }, numbers };
    char *name = text("%s/state.h5", path);
    numbers[0] = (float)step;
    rt_status st = rt_state_write(name, &item, 1, &err);
    free(name);
    name = text("%s/adapter_model.safetensors", path);
    if (st == RT_OK)
        st = rt_safetensors_write(name, &out, 1, &err);
    free(name);
    name = text("%s/trainer_state.json", path);
    char *line = text("{\"global_step\": %lld}\n", (long long)step);
    if (st == RT_OK)
        put_file(name, line, strlen(line));
    free(line);
    free(name);
    return st;
}

static rt_status save(const char *output, int64_t step, int64_t limit)
{
    char *path;
    rt_status st = rt_checkpoint_begin(output, step, &path, &err);
    if (st != RT_OK)
        return st;
    st = fill(path, step);
    if (st == RT_OK)
        st = rt_checkpoint_commit(output, step, path, 2, limit, "{\"config\": \"abc\", \"lr\": 0.1}", &err);
    if (st != RT_OK)
        rt_checkpoint_abandon(path);
    free(path);
    return st;
}

struct notes {
    int count;
    char last[2048];
};

static void take_note(const char *line, void *context)
{
    struct notes *notes = context;
    notes->count++;
    snprintf(notes->last, sizeof notes->last, "%s", line);
}

/* The step found, or -1. */
static int64_t newest(const char *output, struct notes *notes)
{
    char *path = NULL;
    int64_t step = -1;
    *notes = (struct notes){ 0 };
    if (rt_checkpoint_newest(output, &path, &step, take_note, notes, &err) != RT_OK)
        give_up(err.text);
    if (path == NULL)
        return -1;
    const rt_status st = rt_checkpoint_verify(path, &err);
    free(path);
    return st == RT_OK || step < 0 ? step : -2;
}

static void test_life(void)
{
    struct notes notes;
    char *output = text("%s/a/deep/run", folder), *at = text("%s/checkpoint-7", output), *json, *path;
    ok(newest(output, &notes) == -1 && notes.count == 0,
       "an output folder that is not there holds no checkpoint");
    ok(save(output, 7, 0) == RT_OK, "begin and commit: %s", err.text);
    ok(rt_checkpoint_verify(at, &err) == RT_OK, "it verifies");
    ok(rt_checkpoint_manifest(at, &json, &err) == RT_OK, "its manifest is read");
    ok(strstr(json, "\"config\": \"abc\"") != NULL && strstr(json, "\"step\": 7") != NULL &&
           strstr(json, "\"world_size\": 2") != NULL &&
           strstr(json, "\"program\": \"" PACKAGE_STRING "\"") != NULL &&
           strstr(json, "\"state.h5\"") != NULL && strstr(json, "MANIFEST") == NULL,
       "and holds the caller's part, step, world size, program and files");
    free(json);
    ok(newest(output, &notes) == 7 && notes.count == 0, "it is the newest");
    ok(save(output, 12, 0) == RT_OK && newest(output, &notes) == 12, "a later one is newer");
    ok(save(output, 7, 0) == RT_OK && newest(output, &notes) == 12, "an earlier step written again is not");
    ok(rt_checkpoint_begin(output, 20, &path, &err) == RT_OK, "begin another");
    ok(fill(path, 20) == RT_OK && newest(output, &notes) == 12, "unfinished, it is not seen");
    rt_checkpoint_abandon(path);
    ok(!there(path), "abandoned, it is gone");
    free(path);
    ok(rt_checkpoint_begin(output, 20, &path, &err) == RT_OK &&
           rt_checkpoint_commit(output, 20, path, 1, 0, "[1]", &err) == RT_ERR_INTERNAL,
       "a note that is no object: %s", err.text);
    ok(rt_checkpoint_commit(output, 20, path, 1, 0, NULL, &err) == RT_OK && newest(output, &notes) == 20,
       "no note and no file is a checkpoint too");
    free(path);
    char *sub;
    ok(rt_checkpoint_begin(output, 21, &path, &err) == RT_OK, "begin one with a folder in it");
    sub = text("%s/sub", path);
    ok(mkdir(sub, 0777) == 0 && rt_checkpoint_commit(output, 21, path, 1, 0, NULL, &err) == RT_ERR_INTERNAL &&
           newest(output, &notes) == 20,
       "it is refused: %s", err.text);
    rt_checkpoint_abandon(path);
    free(sub);
    free(path);
    free(at);
    free(output);
}

static const char *const files[] = { "MANIFEST.json", "state.h5", "adapter_model.safetensors",
                                     "trainer_state.json" };
enum { FILES = sizeof files / sizeof *files };

/* One bit anywhere, a cut anywhere. */
static void test_damage(void)
{
    struct notes notes;
    uint64_t seed = 11;
    int noticed = 0, named = 0, cut = 0, fell_back = 0;
    char *output = text("%s/damage", folder), *at = text("%s/checkpoint-2", output);
    if (save(output, 1, 0) != RT_OK || save(output, 2, 0) != RT_OK)
        give_up(err.text);
    for (int i = 0; i < 350; i++) {
        size_t n;
        char *path = text("%s/%s", at, files[i % FILES]), *all = get_file(path, &n);
        if (i < 300) {
            const uint64_t bit = draw(&seed) % (n * 8);
            all[bit / 8] = (char)(all[bit / 8] ^ 1 << bit % 8);
            put_file(path, all, n);
            const bool bad = rt_checkpoint_verify(at, &err) == RT_ERR_FILE;
            noticed += bad;
            named += bad && strstr(err.text, files[i % FILES]) != NULL;
            all[bit / 8] = (char)(all[bit / 8] ^ 1 << bit % 8);
        } else {
            put_file(path, all, n * (size_t)(i - 300) / 50);
            cut += rt_checkpoint_verify(at, &err) == RT_ERR_FILE;
            fell_back +=
                newest(output, &notes) == 1 && notes.count == 1 && strstr(notes.last, files[i % FILES]) != NULL;
        }
        put_file(path, all, n);
        free(all);
        free(path);
    }
    ok(noticed == 300 && named == 300, "300 flipped bits: %d noticed, %d with the file's name", noticed, named);
    ok(cut == 50 && fell_back == 50,
       "50 cuts: %d noticed, %d times the one before was taken and the file named: %s", cut, fell_back,
       notes.last);
    ok(newest(output, &notes) == 2, "mended, it is the newest again");
    free(at);
    free(output);
}

static void move(const char *from, const char *to)
{
    if (rename(from, to) != 0)
        give_up(from);
}

static void test_mixed_up(void)
{
    struct notes notes;
    char *output = text("%s/mixed", folder);
    char *two = text("%s/checkpoint-2", output), *three = text("%s/checkpoint-3", output);
    if (save(output, 1, 0) != RT_OK || save(output, 2, 0) != RT_OK || save(output, 3, 0) != RT_OK)
        give_up(err.text);
    char *a = text("%s/state.h5", two), *b = text("%s/state.h5", three), *c = text("%s/kept", output);
    move(a, c), move(b, a), move(c, b);
    ok(newest(output, &notes) == 1 && notes.count == 2, "two files swapped: both folders are passed over: %s",
       notes.last);
    move(a, c), move(b, a), move(c, b);
    ok(newest(output, &notes) == 3, "swapped back, all is well");
    free(c);
    c = text("%s/checkpoint-9", output);
    move(three, c);
    ok(newest(output, &notes) == 2 && strstr(notes.last, "renamed") != NULL, "a folder renamed: %s",
       notes.last);
    ok(rt_checkpoint_verify(c, &err) == RT_ERR_FILE, "verify says so too");
    move(c, three);
    free(c);
    c = text("%s/MANIFEST.json", three);
    unlink(c);
    ok(newest(output, &notes) == 2 && strstr(notes.last, "no MANIFEST.json") != NULL, "a manifest missing: %s",
       notes.last);
    put_file(c, "{}", 2);
    ok(newest(output, &notes) == 2 && strstr(notes.last, "digest") != NULL, "a manifest of another make: %s",
       notes.last);
    free(c);
    c = text("%s/readme", two);
    put_file(c, "x", 1);
    ok(newest(output, &notes) == 2, "a file that the manifest does not name is no fault");
    put_file(a, "", 0);
    ok(newest(output, &notes) == 1 && strstr(notes.last, "0 bytes long") != NULL, "an empty file: %s",
       notes.last);
    unlink(a);
    ok(newest(output, &notes) == 1 && strstr(notes.last, "state.h5") != NULL, "a file missing: %s", notes.last);
    free(a);
    a = text("%s/checkpoint-1/state.h5", output);
    unlink(a);
    const int64_t none = newest(output, &notes);
    ok(none == -1 && notes.count == 3, "none is good: %d named", notes.count);
    free(a);
    free(b);
    free(c);
    free(two);
    free(three);
    free(output);
}

static bool holds(const char *output, const char *name)
{
    char *path = text("%s/%s", output, name);
    const bool is = there(path);
    free(path);
    return is;
}

/* The steps 1 to 9 that stand, as digits. */
static void standing(const char *output, char list[16])
{
    int n = 0;
    for (int step = 1; step <= 9; step++) {
        char name[32];
        snprintf(name, sizeof name, "checkpoint-%d", step);
        if (holds(output, name))
            list[n++] = (char)('0' + step);
    }
    list[n] = '\0';
}

/* A limit of 1: what stands goes only when the next one has been read back and found good. */
static void test_limit_one(void)
{
    struct notes notes;
    char *output = text("%s/limit1", folder), *path, *sub, have[16];
    if (rt_checkpoint_begin(output, 6, &path, &err) != RT_OK || fill(path, 6) != RT_OK)
        give_up(err.text);
    ok(newest(output, &notes) == 5, "with a limit of 1 the one before stands while the next is written");
    sub = text("%s/sub", path);
    ok(mkdir(sub, 0777) == 0 && rt_checkpoint_commit(output, 6, path, 1, 1, NULL, &err) != RT_OK &&
           newest(output, &notes) == 5,
       "and after a commit that failed: %s", err.text);
    rt_checkpoint_abandon(path);
    standing(output, have);
    ok(strcmp(have, "5") == 0, "which leaves %s", have);
    if (save(output, 6, 1) != RT_OK)
        give_up(err.text);
    standing(output, have);
    ok(strcmp(have, "6") == 0 && newest(output, &notes) == 6, "a good commit leaves the new one alone: %s",
       have);
    free(sub);
    free(path);
    free(output);
}

static void test_rotation(void)
{
    static const struct {
        int64_t limit;
        const char *want;
    } list[] = {
        { 0, "12345" }, { -1, "12345" }, { 1, "5" }, { 2, "45" }, { 3, "345" }, { 9, "12345" },
    };
    char have[16];
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char *output = text("%s/limit%lld", folder, (long long)list[i].limit);
        for (int step = 1; step <= 5; step++)
            if (save(output, step, list[i].limit) != RT_OK)
                give_up(err.text);
        standing(output, have);
        ok(strcmp(have, list[i].want) == 0, "save_total_limit %lld leaves %s of 12345",
           (long long)list[i].limit, have);
        free(output);
    }
    test_limit_one();
    char *output = text("%s/limit2", folder), *path = text("%s/checkpoint-5/state.h5", output);
    unlink(path);
    if (save(output, 6, 2) != RT_OK)
        give_up(err.text);
    standing(output, have);
    ok(strcmp(have, "456") == 0, "with 5 bad, 4 stays as the second good one: %s", have);
    if (save(output, 7, 2) != RT_OK)
        give_up(err.text);
    standing(output, have);
    ok(strcmp(have, "67") == 0, "and goes, as does 5, when there is a better one: %s", have);
    free(path);
    path = text("%s/checkpoint-1", output);
    if (mkdir(path, 0777) != 0 || save(output, 3, 2) != RT_OK)
        give_up(err.text);
    standing(output, have);
    ok(strcmp(have, "137") == 0,
       "the one just written stays, whatever its number, and a folder without manifest: %s", have);
    free(path);
    free(output);
}

/* What a writer that was killed leaves behind. */
static void test_leftovers(void)
{
    struct notes notes;
    char *output = text("%s/left", folder), *path, *at = text("%s/checkpoint-4", output);
    char *old = text("%s/.old-checkpoint-4-99", output), *tmp = text("%s/.tmp-checkpoint-9-99", output);
    char *trash = text("%s/.trash-checkpoint-1-99", output), *other = text("%s/.tmp-other", output);
    if (save(output, 3, 0) != RT_OK || save(output, 4, 0) != RT_OK)
        give_up(err.text);
    move(at, old);
    if (mkdir(tmp, 0777) != 0 || mkdir(trash, 0777) != 0 || mkdir(other, 0777) != 0)
        give_up(tmp);
    ok(newest(output, &notes) == 4, "killed between the two renames: the old one is found");
    if (rt_checkpoint_begin(output, 5, &path, &err) != RT_OK)
        give_up(err.text);
    ok(there(at) && !there(old), "the next one that begins gives it its name back");
    ok(!there(tmp) && !there(trash) && there(other), "and removes what was unfinished, nothing else");
    free(path);
    char *other_old = text("%s/.old-checkpoint-4-98", output);
    char *state = text("%s/state.h5", at);
    move(at, old);
    if (save(output, 4, 0) != RT_OK)
        give_up(err.text);
    if (rt_checkpoint_begin(output, 4, &path, &err) != RT_OK || fill(path, 4) != RT_OK)
        give_up(err.text);
    move(path, other_old);
    free(path);
    unlink(state);
    ok(newest(output, &notes) == 3 && notes.count == 2, "a bad one and an unfinished old one of its step: %s",
       notes.last);
    rt_file_remove(other_old, NULL);
    free(other_old);
    free(state);
    free(other);
    free(trash);
    free(tmp);
    free(old);
    free(at);
    free(output);
}

static void test_no_room(void)
{
    struct notes notes;
    char *output = text("%s/room", folder), *path, *file = text("%s/plain", folder);
    put_file(file, "x", 1);
    ok(rt_checkpoint_begin("/proc/run", 1, &path, &err) == RT_ERR_OUTPUT, "in /proc: %s", err.text);
    ok(rt_checkpoint_begin(file, 1, &path, &err) == RT_ERR_OUTPUT, "in a file: %s", err.text);
    if (save(output, 1, 0) != RT_OK)
        give_up(err.text);
    struct rlimit was, small;
    getrlimit(RLIMIT_FSIZE, &was);
    small = (struct rlimit){ 5000, was.rlim_max };
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    const rt_status st = save(output, 2, 1);
    setrlimit(RLIMIT_FSIZE, &was);
    ok(st == RT_ERR_IO, "a disk that is full: %s", err.text);
    ok(newest(output, &notes) == 1 && notes.count == 0 && !holds(output, "checkpoint-2"),
       "the one before stands, alone");
    free(file);
    free(output);
}

int main(void)
{
    folder = folder_make("folder");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        numbers[i] = (float)i;
    test_life();
    test_damage();
    test_mixed_up();
    test_rotation();
    test_leftovers();
    test_no_room();
    folder_end(folder);
    return tap_done();
}
