/* test_state.c - state through HDF5: the same bits back, the same file each time, damage noticed, nothing
 * printed. */
#include "config.h"
#include "checkpoint/common.h"
#include "checkpoint/hdf5.h"

#include <signal.h>
#include <sys/resource.h>

enum { FLOATS = 200000, DOUBLES = 7, WHOLE = 65536, BYTES = 13 };
static char *folder, *path;
static float floats[FLOATS];
static double doubles[DOUBLES];
static int64_t whole[WHOLE];
static unsigned char bytes[BYTES];
static const struct rt_state_item items[] = {
    { "/lora/p", RT_STATE_F32, FLOATS, floats },     { "/lora/adam/m", RT_STATE_F32, 1, floats },
    { "/run/loss", RT_STATE_F64, DOUBLES, doubles }, { "/run/order", RT_STATE_I64, WHOLE, whole },
    { "/run/text", RT_STATE_BYTES, BYTES, bytes },   { "/run/none", RT_STATE_BYTES, 0, NULL },
};
enum { ITEMS = sizeof items / sizeof *items };

/* The library's error printer as a test finds it before and after. */
static herr_t printer(hid_t stack, void *context)
{
    (void)stack;
    (void)context;
    fprintf(stderr, "printed\n");
    return 0;
}

/* Items read back equal those written? A failure's status otherwise. */
static rt_status read_same(bool *same)
{
    rt_status st = RT_OK;
    *same = true;
    for (int i = 0; i < ITEMS && st == RT_OK; i++) {
        struct rt_state_item item = items[i];
        const size_t n = (size_t)item.count * rt_h5_item_bytes(&item);
        item.data = calloc(1, n + 1);
        st = rt_state_read(path, &item, 1, &err);
        *same = *same && st == RT_OK && (n == 0 || memcmp(item.data, items[i].data, n) == 0);
        free(item.data);
    }
    return st;
}

static void collect(const char *line, void *context)
{
    char *all = context;
    strcat(strcat(all, line), "\n");
}

static void test_round(void)
{
    bool same;
    char *again = text("%s/again.h5", folder);
    ok(rt_state_write(path, items, ITEMS, &err) == RT_OK, "write: %s", err.text);
    ok(read_same(&same) == RT_OK && same, "every item comes back bit for bit");
    sleep(1); /* a time stamp would differ now */
    ok(rt_state_write(again, items, ITEMS, &err) == RT_OK && same_files(path, again),
       "the same items give the same bytes");
    char lines[500] = "";
    ok(rt_state_list(path, collect, lines, &err) == RT_OK, "list: %s", err.text);
    ok(strcmp(lines,
              "/lora/adam/m float32 [1]\n/lora/p float32 [200000]\n/run/loss float64 [7]\n/run/none uint8 [0]\n"
              "/run/order int64 [65536]\n/run/text uint8 [13]\n") == 0,
       "names every item");
    int64_t count = 5;
    ok(rt_state_count(path, "/run/order", &count, &err) == RT_OK && count == WHOLE, "count of a dataset: %lld",
       (long long)count);
    ok(rt_state_count(path, "/run/none", &count, &err) == RT_OK && count == 0, "of an empty one: %lld",
       (long long)count);
    ok(rt_state_count(path, "/nowhere/order", &count, &err) == RT_OK && count == -1, "of none: %lld",
       (long long)count);
    ok(rt_state_count(path, "/run", &count, &err) == RT_ERR_FILE, "of a group: %s", err.text);
    free(again);
}

static void test_wrong(void)
{
    float few[3];
    static const struct {
        const char *name;
        int type;
        int64_t count;
        const char *want;
    } list[] = {
        { "/lora/q", RT_STATE_F32, 3, "is not in the file" },
        { "/lora/p", RT_STATE_F32, 3, "200000 elements and 3" },
        { "/lora/p", RT_STATE_I64, FLOATS, "another type" },
        { "/run/text", RT_STATE_BYTES, 0, "13 elements and 0" },
        { "/lora", RT_STATE_F32, 3, "dataset" },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct rt_state_item item = { list[i].name, list[i].type, list[i].count, few };
        ok(rt_state_read(path, &item, 1, &err) == RT_ERR_FILE && strstr(err.text, list[i].want) != NULL &&
               strstr(err.text, path) != NULL,
           "wants \"%s\": %s", list[i].want, err.text);
    }
    struct rt_state_item item = { "/lora/p", RT_STATE_F32, 3, few };
    ok(rt_state_read("no/such.h5", &item, 1, &err) == RT_ERR_FILE, "no file: %s", err.text);
    ok(rt_state_read(folder, &item, 1, &err) == RT_ERR_FILE, "a folder: %s", err.text);
    const struct rt_state_item loose = { "p", RT_STATE_F32, 1, floats };
    ok(rt_state_write(path, &loose, 1, &err) == RT_ERR_INTERNAL, "a name that is no path: %s", err.text);
    const struct rt_state_item twice[] = { items[1], items[1] };
    char *other = text("%s/twice.h5", folder);
    ok(rt_state_write(other, twice, 2, &err) != RT_OK && !there(other), "a name twice: %s", err.text);
    free(other);
}

/* A flipped bit gives an error or, in bytes that no dataset owns, the right numbers; never wrong ones. */
static void test_damage(void)
{
    size_t n;
    uint64_t seed = 5;
    int noticed = 0, harmless = 0, wrong = 0, cut = 0;
    bool same;
    char *all = get_file(path, &n);
    for (int i = 0; i < 200; i++) {
        const uint64_t bit = draw(&seed) % (n * 8);
        all[bit / 8] = (char)(all[bit / 8] ^ 1 << bit % 8);
        put_file(path, all, n);
        all[bit / 8] = (char)(all[bit / 8] ^ 1 << bit % 8);
        const rt_status st = read_same(&same);
        noticed += st == RT_ERR_FILE;
        harmless += st == RT_OK && same;
        wrong += st == RT_OK && !same;
    }
    ok(wrong == 0 && noticed > 150,
       "200 flipped bits: %d noticed, %d outside of any data, %d read as wrong numbers", noticed, harmless,
       wrong);
    for (size_t i = 0; i < 50; i++) {
        put_file(path, all, n * i / 50);
        cut += read_same(&same) == RT_ERR_FILE;
    }
    ok(cut == 50, "%d of 50 cuts noticed: %s", cut, err.text);
    put_file(path, all, n);
    free(all);
}

static void test_no_room(void)
{
    char *full = text("%s/full.h5", folder), *aside = text("%s/.tmp-full.h5-%ld", folder, (long)getpid());
    char *under_file = text("%s/x", path);
    ok(rt_state_write(under_file, items, ITEMS, &err) == RT_ERR_OUTPUT, "under a file: %s", err.text);
    ok(rt_state_write("/proc/x.h5", items, ITEMS, &err) == RT_ERR_OUTPUT, "in /proc: %s", err.text);
    struct rlimit was, small;
    getrlimit(RLIMIT_FSIZE, &was);
    small = (struct rlimit){ 100000, was.rlim_max };
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    const rt_status st = rt_state_write(full, items, ITEMS, &err);
    setrlimit(RLIMIT_FSIZE, &was);
    ok(st == RT_ERR_IO && !there(full) && !there(aside), "a write that stops: %s", err.text);
    free(full);
    free(aside);
    free(under_file);
}

int main(void)
{
    uint64_t seed = 3;
    folder = folder_make("state");
    path = text("%s/state.h5", folder);
    for (int i = 0; i < FLOATS; i++)
        floats[i] = draw_float(&seed);
    for (int i = 0; i < DOUBLES; i++)
        doubles[i] = draw_float(&seed) / 3.0;
    for (int i = 0; i < WHOLE; i++)
        whole[i] = (int64_t)draw(&seed);
    for (int i = 0; i < BYTES; i++)
        bytes[i] = (unsigned char)draw(&seed);
    char *noise = text("%s/stderr.txt", folder);
    fflush(stderr);
    const int real = dup(STDERR_FILENO);
    if (freopen(noise, "w", stderr) == NULL)
        give_up(noise);
    H5Eset_auto2(H5E_DEFAULT, printer, noise);
    test_round();
    test_wrong();
    test_damage();
    test_no_room();
    H5E_auto2_t report;
    void *context;
    H5Eget_auto2(H5E_DEFAULT, &report, &context);
    ok(report == printer && context == noise, "the library's error printer is as it was");
    fflush(stderr);
    dup2(real, STDERR_FILENO);
    size_t n;
    char *said = get_file(noise, &n);
    ok(n == 0, "nothing was printed: %zu bytes", n);
    free(said);
    free(noise);
    free(path);
    folder_end(folder);
    return tap_done();
}
