/* test_safetensors_bad.c - every kind of broken safetensors file and index is refused, by name and with the
 * reason. */
#include "config.h"
#include "checkpoint/common.h"

static char *folder;

struct header {
    const char *json;
    size_t data;      /* bytes behind it */
    uint64_t claim;   /* what the first 8 bytes say; 0: the truth */
    const char *want; /* in the message; NULL: accepted */
};

#define T(name, type, shape, offsets)                                                                          \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const struct header headers[] = {
    { "{" T("a", "F32", "[2]", "[0,8]") "}", 8, 0, NULL },
    { "  {" T("a", "F32", "[2]", "[0,8]") "} \n ", 8, 0, NULL }, /* any padding, any alignment */
    { "{" T("a", "F32", "[2]", "[1,9]") "," T("b", "U8", "[1]", "[0,1]") "}", 9, 0, NULL },
    { "{" T("b", "F32", "[2]", "[4,12]") "," T("a", "F32", "[]", "[0,4]") "}", 12, 0, NULL },
    { "{\"__metadata__\":{\"format\":\"pt\"}," T("a", "I64", "[1]", "[0,8]") "}", 8, 0, NULL },
    { "{\"__metadata__\":[1,{}]," T("a", "F8_E4M3", "[3]", "[0,3]") "}", 3, 0, NULL },
    { "{}", 0, 0, NULL },
    { "{" T("a", "F32", "[0,5]", "[0,0]") "," T("b", "F4", "[2]", "[0,1]") "}", 1, 0, NULL },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"more\":1}}", 8, 0, NULL },
    /* the length lies */
    { "{}", 0, 3, "header of 3 bytes" },
    { "{" T("a", "F32", "[2]", "[0,8]") "}", 8, 1, "header: byte" },
    { "{}", 0, UINT64_MAX, "header of 18446744073709551615 bytes" },
    { "{}", 0, 100000001, "at most 100000000" },
    { "{}", 4, 6, "header: byte" },
    /* not what a header is */
    { "", 0, 0, "header: byte" },
    { "[]", 0, 0, "not a JSON object" },
    { "{\"a\":1}", 0, 0, "not an object" },
    { "{\"a\":{}}", 0, 0, "dtype" },
    { "{" T("a", "F32", "[2]", "[0,8]") "", 8, 0, "header: byte" },
    { "{" T("a", "F32", "[2]", "[0,8]") "}x", 8, 0, "header: byte" },
    { "{" T("a\xff", "F32", "[2]", "[0,8]") "}", 8, 0, "header: byte" },
    { "{" T("a\\u0000", "F32", "[2]", "[0,8]") "}", 8, 0, "header: byte" },
    /* names */
    { "{" T("a", "U8", "[2]", "[0,2]") "," T("a", "U8", "[2]", "[2,4]") "}", 4, 0, "duplicate" },
    /* types */
    { "{" T("a", "F33", "[2]", "[0,8]") "}", 8, 0, "F33" },
    { "{\"a\":{\"dtype\":4,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, 0, "dtype" },
    /* shapes */
    { "{" T("a", "F32", "2", "[0,8]") "}", 8, 0, "shape" },
    { "{" T("a", "F32", "[-2]", "[0,8]") "}", 8, 0, "shape" },
    { "{" T("a", "F32", "[-1,-2]", "[0,8]") "}", 8, 0, "shape" },
    { "{" T("a", "F32", "[2.0]", "[0,8]") "}", 8, 0, "shape" },
    { "{" T("a", "F32", "[\"2\"]", "[0,8]") "}", 8, 0, "shape" },
    { "{" T("a", "F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]") "}", 8, 0, "8 dimensions" },
    { "{" T("a", "F32", "[4294967296,4294967296]", "[0,8]") "}", 8, 0, "63 bits" },
    { "{" T("a", "F32", "[4294967296,4294967296,0]", "[0,0]") "}", 0, 0, "63 bits" },
    { "{" T("a", "F32", "[4611686018427387905]", "[0,4]") "}", 4, 0,
      "do not fill" }, /* times 4 is 4 mod 2^64 */
    { "{" T("a", "F32", "[9223372036854775808]", "[0,8]") "}", 8, 0, "header: byte" },
    { "{" T("a", "F4", "[3]", "[0,1]") "}", 1, 0, "do not fill" },
    /* sizes */
    { "{" T("a", "F32", "[3]", "[0,8]") "}", 8, 0, "do not fill" },
    { "{" T("a", "BF16", "[2]", "[0,8]") "}", 8, 0, "do not fill" },
    { "{" T("a", "F64", "[2]", "[0,8]") "}", 8, 0, "do not fill" },
    { "{" T("a", "F32", "[]", "[0,8]") "}", 8, 0, "do not fill" },
    /* places */
    { "{" T("a", "F32", "[2]", "[0]") "}", 8, 0, "data_offsets" },
    { "{" T("a", "F32", "[2]", "[0,8,8]") "}", 8, 0, "data_offsets" },
    { "{" T("a", "F32", "[2]", "[0,8.0]") "}", 8, 0, "data_offsets" },
    { "{" T("a", "F32", "[2]", "[-8,0]") "}", 8, 0, "data_offsets" },
    { "{" T("a", "F32", "[2]", "[8,0]") "}", 8, 0, "data_offsets" },
    { "{" T("a", "F32", "[2]", "[4,12]") "}", 8, 0, "cut short" },
    { "{" T("a", "F32", "[2]", "[0,9223372036854775807]") "}", 8, 0, "cut short" },
    { "{" T("a", "F32", "[2]", "[0,8]") "}", 7, 0, "cut short" },
    { "{" T("a", "F32", "[2]", "[0,8]") "}", 9, 0, "belongs to none" },
    { "{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[2]", "[4,12]") "}", 12, 0, "overlaps" },
    { "{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[2]", "[0,8]") "}", 8, 0, "overlaps" },
    { "{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[2]", "[12,20]") "}", 20, 0, "hole" },
    { "{" T("a", "F32", "[2]", "[4,12]") "}", 12, 0, "hole" },
    { "{\"__metadata__\":{}}", 8, 0, "belongs to none" },
};

static void put_safetensors(const char *path, const char *json, size_t data, uint64_t claim)
{
    const size_t n = strlen(json);
    unsigned char *all = calloc(1, 8 + n + data);
    uint64_t word = claim != 0 ? claim : n;
    for (int i = 0; i < 8; i++, word >>= 8)
        all[i] = (unsigned char)word;
    memcpy(all + 8, json, n);
    put_file(path, all, 8 + n + data);
    free(all);
}

static void test_headers(void)
{
    char *path = text("%s/head.safetensors", folder);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        const struct header *h = &headers[i];
        struct rt_safetensors *st = NULL;
        put_safetensors(path, h->json, h->data, h->claim);
        err.text[0] = '\0';
        const rt_status status = rt_safetensors_open(&st, folder, "head", &err);
        if (h->want == NULL)
            ok(status == RT_OK, "header %zu is accepted: %s", i, err.text);
        else
            ok(status == RT_ERR_FILE && strstr(err.text, "head.safetensors") != NULL &&
                   strstr(err.text, h->want) != NULL,
               "header %zu: wants \"%s\": %s", i, h->want, err.text);
        rt_safetensors_close(st);
    }
    for (size_t n = 0; n < 8; n++) {
        struct rt_safetensors *st = NULL;
        put_file(path, "\2\0\0\0\0\0\0\0", n);
        ok(rt_safetensors_open(&st, folder, "head", &err) == RT_ERR_FILE, "a file of %zu bytes: %s", n,
           err.text);
    }
    free(path);
}

/* A good file cut at 50 places, each noticed when it is opened. */
static void test_cut(void)
{
    size_t bytes;
    int noticed = 0;
    char *want = golden("stock.safetensors"), *path = text("%s/cut.safetensors", folder);
    char *all = get_file(want, &bytes);
    for (size_t i = 0; i < 50; i++) {
        struct rt_safetensors *st = NULL;
        put_file(path, all, bytes * i / 50);
        noticed += rt_safetensors_open(&st, folder, "cut", &err) == RT_ERR_FILE;
        rt_safetensors_close(st);
    }
    ok(noticed == 50, "%d of 50 cuts noticed", noticed);
    free(all);
    free(want);
    free(path);
}

/* Bytes of a good header changed at random: refused, or what is accepted lies within the file. */
static void test_mutations(void)
{
    enum { TRIES = 2000 };
    size_t bytes;
    uint64_t seed = 77;
    int refused = 0, outside = 0;
    char *want = golden("stock.safetensors"), *path = text("%s/mutant.safetensors", folder);
    char *all = get_file(want, &bytes), *copy = malloc(bytes);
    for (int i = 0; i < TRIES; i++) {
        struct rt_safetensors *st = NULL;
        memcpy(copy, all, bytes);
        for (uint64_t k = draw(&seed) % 3 + 1; k > 0; k--) {
            const uint64_t at = draw(&seed) % 648; /* length and JSON */
            copy[at] = draw(&seed) % 2 == 0 ? (char)draw(&seed) : all[draw(&seed) % 648];
        }
        put_file(path, copy, bytes);
        const rt_status status = rt_safetensors_open(&st, folder, "mutant", &err);
        refused += status == RT_ERR_FILE;
        outside += status != RT_OK && status != RT_ERR_FILE;
        for (int64_t t = 0; status == RT_OK && t < rt_safetensors_count(st); t++) {
            const struct rt_st_tensor *x = rt_safetensors_tensor(st, t);
            outside += x->offset > bytes || x->bytes > bytes - x->offset || x->elements < 0;
        }
        rt_safetensors_close(st);
    }
    ok(outside == 0 && refused > TRIES / 2,
       "%d changed headers: %d refused, %d with a tensor outside of the file", TRIES, refused, outside);
    free(all);
    free(copy);
    free(want);
    free(path);
}

struct shards {
    const char *label, *index;
    const char *want; /* in the message; NULL: accepted */
};

/* s1 holds a and b, s2 holds c and extra, s3 holds a again, broken is cut. */
static const struct shards indexes[] = {
    { "good",
      "{\"metadata\":{\"total_size\":12},\"weight_map\":{\"a\":\"s1\",\"b\":\"s1\",\"c\":\"s2\",\"extra\":"
      "\"s2\"}}",
      NULL },
    { "total_size as a string",
      "{\"metadata\":{\"total_size\":\"12\"},\"weight_map\":{\"a\":\"s1\",\"b\":\"s1\",\"c\":\"s2\",\"extra\":"
      "\"s2\"}}",
      NULL },
    { "no metadata, a tensor that is not listed", "{\"weight_map\":{\"a\":\"s1\",\"b\":\"s1\",\"c\":\"s2\"}}",
      NULL },
    { "no weight_map", "{\"metadata\":{}}", "weight_map" },
    { "an empty weight_map", "{\"weight_map\":{}}", "weight_map" },
    { "not JSON", "{\"weight_map\":", "index.json:1" },
    { "not an object", "[]", "weight_map" },
    { "a missing shard", "{\"weight_map\":{\"a\":\"s1\",\"c\":\"s9\"}}", "s9" },
    { "a missing tensor", "{\"weight_map\":{\"a\":\"s1\",\"nope\":\"s2\"}}", "nope: s2 does not hold it" },
    { "a tensor in another shard", "{\"weight_map\":{\"a\":\"s1\",\"b\":\"s2\",\"c\":\"s2\"}}",
      "b: stands in s1" },
    { "a tensor in two shards", "{\"weight_map\":{\"a\":\"s1\",\"c\":\"s2\",\"d\":\"s3\"}}",
      "tensor a stands" },
    { "a name twice", "{\"weight_map\":{\"a\":\"s1\",\"a\":\"s2\"}}", "duplicate" },
    { "a shard elsewhere", "{\"weight_map\":{\"a\":\"../s1\"}}", "not a file name" },
    { "a shard that is a folder", "{\"weight_map\":{\"a\":\"..\"}}", "not a file name" },
    { "a shard that is a number", "{\"weight_map\":{\"a\":1}}", "not a file name" },
    { "a shard without a name", "{\"weight_map\":{\"a\":\"\"}}", "not a file name" },
    { "a broken shard", "{\"weight_map\":{\"a\":\"broken\"}}", "broken" },
    { "a folder as shard", "{\"weight_map\":{\"a\":\"dir\"}}", "not a regular file" },
    { "a pipe as shard", "{\"weight_map\":{\"a\":\"pipe\"}}", "not a regular file" },
};

static void test_index(void)
{
    char *dir = text("%s/sharded", folder);
    static const char *const file[][2] = {
        { "s1", "{" T("a", "F32", "[1]", "[0,4]") "," T("b", "U8", "[4]", "[4,8]") "}" },
        { "s2", "{" T("c", "U8", "[4]", "[4,8]") "," T("extra", "U8", "[4]", "[0,4]") "}" },
        { "s3", "{" T("a", "F32", "[1]", "[0,4]") "," T("d", "U8", "[4]", "[4,8]") "}" },
        { "broken", "{" T("a", "F32", "[1]", "[0,4]") "," T("d", "U8", "[4]", "[4,88]") "}" },
    };
    char *sub = text("%s/dir", dir), *pipe_path = text("%s/pipe", dir);
    if (mkdir(dir, 0777) != 0 || mkdir(sub, 0777) != 0 || mkfifo(pipe_path, 0666) != 0)
        give_up(dir);
    for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
        char *path = text("%s/%s", dir, file[i][0]);
        put_safetensors(path, file[i][1], 8, 0);
        free(path);
    }
    char *index = text("%s/model.safetensors.index.json", dir), *single = text("%s/model.safetensors", dir);
    struct rt_safetensors *st = NULL;
    ok(rt_safetensors_open(&st, dir, "model", &err) == RT_ERR_FILE, "neither file nor index: %s", err.text);
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        const struct shards *x = &indexes[i];
        st = NULL;
        put_file(index, x->index, strlen(x->index));
        err.text[0] = '\0';
        const rt_status status = rt_safetensors_open(&st, dir, "model", &err);
        if (x->want == NULL) {
            int listed = 0;
            for (int64_t t = 0; status == RT_OK && t < rt_safetensors_count(st); t++)
                listed += rt_safetensors_tensor(st, t)->listed;
            const int want = strstr(x->index, "extra") != NULL ? 4 : 3;
            ok(status == RT_OK && rt_safetensors_count(st) == 4 && listed == want, "%s: %d tensors listed: %s",
               x->label, listed, err.text);
            const struct rt_st_tensor *t = status == RT_OK ? rt_safetensors_tensor(st, 2) : NULL;
            ok(t != NULL && strcmp(t->name, "extra") == 0 && strstr(rt_safetensors_path(st, t), "/s2") != NULL,
               "%s: by shard, then place", x->label);
            uint32_t word[4];
            for (int t2 = 3; t2 >= 0 && status == RT_OK; t2--) /* back and forth between the shards */
                if (rt_safetensors_read(st, rt_safetensors_tensor(st, t2), 0, 4, &word[t2], &err) != RT_OK)
                    give_up(err.text);
        } else {
            ok(status == RT_ERR_FILE && strstr(err.text, x->want) != NULL, "%s: wants \"%s\": %s", x->label,
               x->want, err.text);
        }
        rt_safetensors_close(st);
    }
    put_safetensors(single, file[0][1], 8, 0);
    st = NULL;
    ok(rt_safetensors_open(&st, dir, "model", &err) == RT_OK && rt_safetensors_count(st) == 2,
       "a single file wins over an index");
    rt_safetensors_close(st);
    free(index);
    free(single);
    free(sub);
    free(pipe_path);
    free(dir);
}

int main(void)
{
    folder = folder_make("safetensors-bad");
    test_headers();
    test_cut();
    test_mutations();
    test_index();
    folder_end(folder);
    return tap_done();
}
