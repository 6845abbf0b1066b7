/* test_listing.c - names, globs, tags and lists of a hub; and lists mutated at random, from which no name may
 * come that leaves the folder. The seed is fixed; build with --enable-sanitize to see what it is for. */
#include "config.h"
#include "fetch/digest.h"
#include "fetch/listing.h"
#include "mutate.h"
#include "tap.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 20000 };

#define SHA1 "0123456789abcdef0123456789abcdef01234567"
#define SHA256 SHA1 "0123456789abcdef01234567"

static const char info[] =
    "{\"id\": \"org/name\", \"sha\": \"" SHA1
    "\", \"siblings\": [{\"rfilename\": \"config.json\", \"size\": 663, \"blobId\": \"" SHA1
    "\"}, {\"rfilename\": \"a/model.safetensors\", \"size\": 3945441440, \"blobId\": \"" SHA1
    "\", \"lfs\": {\"sha256\": \"" SHA256
    "\", \"size\": 3945441440, \"pointerSize\": 135}}, {\"rfilename\": \"bare\"}]}";
static const char tree[] =
    "[{\"type\": \"directory\", \"oid\": \"" SHA1
    "\", \"size\": 0, \"path\": \"a\"}, {\"type\": \"file\", \"oid\": \"" SHA1
    "\", \"size\": 5, \"lfs\": {\"oid\": \"" SHA256
    "\", \"size\": 9, \"pointerSize\": 3}, \"path\": \"a/b\", \"xetHash\": "
    "\"x\"}, {\"type\": \"file\", \"oid\": \"" SHA1 "\", \"size\": 7, \"path\": \"..x/.gitattributes\"}]";

static void test_names(void)
{
    static const char *const good[] = {
        "a",        "a/b",      ".gitattributes",        "a/.gitignore",          "..a", "a..", "...", "a b",
        "\xc3\xa9", ".cache/x", ".cache/huggingfaces/x", "x/.cache/huggingface/y"
    };
    static const char *const bad[] = { "",
                                       "/",
                                       "/a",
                                       "a/",
                                       "a//b",
                                       ".",
                                       "..",
                                       "a/../b",
                                       "../a",
                                       "a/..",
                                       "./a",
                                       "a/.",
                                       "a\nb",
                                       "a\x7f",
                                       "a\\b",
                                       "..\\a",
                                       ".git",
                                       ".git/x",
                                       "a/.GIT/x",
                                       ".cache/huggingface",
                                       ".cache/huggingface/download/a.metadata",
                                       ".Cache/HuggingFace/x" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ok(rt_listing_name_good(good[i], strlen(good[i])), "good name %zu", i);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ok(!rt_listing_name_good(bad[i], strlen(bad[i])), "bad name %zu", i);
    ok(!rt_listing_name_good("a\0b", 3), "a name with a zero byte is bad");
    char longest[257];
    memset(longest, 'a', sizeof longest);
    longest[256] = '\0';
    ok(!rt_listing_name_good(longest, 256) && rt_listing_name_good(longest + 1, 255),
       "a part of 255 bytes is the longest");
}

static bool wanted(const char *path, const char *include, const char *exclude)
{
    return rt_listing_wanted(path, &include, include != NULL, &exclude, exclude != NULL);
}

static void test_globs(void)
{
    ok(wanted("a/b.json", NULL, NULL), "no glob: everything");
    ok(wanted("a/b.json", "*.json", NULL), "* goes over /");
    ok(!wanted("a/b.JSON", "*.json", NULL), "large letters are others");
    ok(wanted("a/b.json", "a/", NULL) && !wanted("ab/c", "a/", NULL), "\"a/\" is all below a");
    ok(wanted(".hidden", "*", NULL), "* takes a dot in front");
    ok(!wanted("a/b.json", "*.json", "a/*"), "exclude goes before include");
    ok(wanted("m3", "m[1-3]", NULL) && !wanted("m4", "m[!4]", NULL), "[1-3] and [!4]");
    ok(wanted("a\\b", "a\\b", NULL), "a backslash is itself");
}

static void test_tags(void)
{
    struct rt_remote f = { 0 };
    rt_listing_tag(&f, "\"" SHA256 "\"");
    ok(f.kind == RT_DIGEST_SHA256 && strcmp(f.digest, SHA256) == 0, "64 hex digits are SHA-256");
    rt_listing_tag(&f, "W/\"ABCDEF6789abcdef0123456789abcdef01234567\"");
    ok(f.kind == RT_DIGEST_SHA1 && strncmp(f.digest, "abcdef6789", 10) == 0, "40 are SHA-1, in small letters");
    rt_listing_tag(&f, "\"5f-1 \n2\"");
    ok(f.kind == RT_DIGEST_NONE && strcmp(f.digest, "5f-1__2") == 0, "others are kept as one word: %s",
       f.digest);
}

static void test_lists(void)
{
    struct rt_listing list = { 0 };
    struct rt_error err;
    rt_status st = rt_listing_info(&list, info, sizeof info - 1, "hub", &err);
    ok(st == RT_OK && list.files == 3 && strcmp(list.commit, SHA1) == 0, "siblings: %lld files",
       (long long)list.files);
    ok(list.file[1].size == INT64_C(3945441440) && list.file[1].kind == RT_DIGEST_SHA256,
       "an LFS file has lfs.sha256");
    ok(list.file[0].size == 663 && list.file[0].kind == RT_DIGEST_SHA1, "another has the blob's name");
    ok(list.file[2].size == -1 && list.file[2].digest[0] == '\0' && !rt_listing_whole(&list),
       "one is not described");
    ok(rt_listing_sort(&list, "hub", &err) == RT_OK && strcmp(list.file[0].path, "a/model.safetensors") == 0,
       "sorted");
    rt_listing_free(&list);
    st = rt_listing_tree(&list, tree, sizeof tree - 1, "hub", &err);
    ok(st == RT_OK && list.files == 2, "a tree: folders are left out");
    ok(list.file[0].size == 9 && list.file[0].kind == RT_DIGEST_SHA256 && rt_listing_whole(&list),
       "a tree: sizes and digests");
    ok(rt_listing_tree(&list, tree, sizeof tree - 1, "hub", &err) == RT_OK && list.files == 4,
       "a second page is added");
    ok(rt_listing_sort(&list, "hub", &err) == RT_ERR_FILE && strstr(err.text, "twice") != NULL,
       "the same page twice: %s", err.text);
    rt_listing_free(&list);
    ok(rt_listing_info(&list, "{}", 2, "hub", &err) == RT_ERR_FILE, "no commit: %s", err.text);
    rt_listing_free(&list);
    ok(rt_listing_tree(&list, "{}", 2, "hub", &err) == RT_ERR_FILE, "no list: %s", err.text);
    rt_listing_free(&list);
}

/* Known digests: of nothing, and of "abc\n" as `git hash-object` names it. */
static void test_digests(void)
{
    static const struct {
        const char *text, *digest;
        enum rt_digest_kind kind;
        bool same;
    } cases[] = {
        { "", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", RT_DIGEST_SHA1, true },
        { "", "da39a3ee5e6b4b0d3255bfef95601890afd80709", RT_DIGEST_SHA1, true },
        { "abc\n", "8baef1b4abc478178b004d62031cf7fe6db6f903", RT_DIGEST_SHA1, true },
        { "abc", "8baef1b4abc478178b004d62031cf7fe6db6f903", RT_DIGEST_SHA1, false },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", RT_DIGEST_SHA256, true },
        { "abd", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", RT_DIGEST_SHA256, false }
    };
    char path[] = "/tmp/ranktune-digest-XXXXXX";
    const int fd = mkstemp(path);
    atomic_bool quit = false;
    atomic_llong bytes = 0;
    for (size_t i = 0; fd >= 0 && i < sizeof cases / sizeof *cases; i++) {
        const size_t length = strlen(cases[i].text);
        struct rt_remote want = { .size = (int64_t)length, .kind = cases[i].kind };
        struct rt_compare c = { .path = path, .want = &want, .sync = true };
        memcpy(want.digest, cases[i].digest, strlen(cases[i].digest) + 1);
        const bool written = ftruncate(fd, 0) == 0 && pwrite(fd, cases[i].text, length, 0) == (ssize_t)length;
        rt_compare_file(&c, &quit, &bytes);
        ok(written && c.status == RT_OK && c.same == cases[i].same, "digest %zu: %s", i, c.found);
    }
    close(fd);
    unlink(path);
    ok(atomic_load(&bytes) == 4 + 3 + 3 + 3, "%lld bytes were read", (long long)atomic_load(&bytes));
}

static const char *const pieces[] = { "\"",      "{",         "}",    "[",     "]",        ",",         ":",
                                      "\\u0000", "\\u002e./", "../",  "/",     "-1",       "1e9",       "null",
                                      "true",    "\\ud8",     "\xff", "\\n",   "\"lfs\":", "\"size\":", ".git",
                                      "0",       "{}",        "[]",   "\"x\":" };
static const struct mutate_options changes = { pieces, sizeof pieces / sizeof *pieces, 40 };

static void test_mutated(void)
{
    uint32_t state = 20261124;
    int good = 0, bad = 0, wrong = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char text[4096];
        struct rt_listing list = { 0 };
        struct rt_error err = { 0 };
        const bool pages = i % 2 == 1;
        snprintf(text, sizeof text, "%s", pages ? tree : info);
        mutate(text, sizeof text, &state, 1 + mutate_next(&state) % 5, &changes);
        rt_status st = pages ? rt_listing_tree(&list, text, strlen(text), "hub", &err)
                             : rt_listing_info(&list, text, strlen(text), "hub", &err);
        if (st == RT_OK)
            st = rt_listing_sort(&list, "hub", &err);
        for (int64_t f = 0; st == RT_OK && f < list.files; f++)
            wrong +=
                !rt_listing_name_good(list.file[f].path, strlen(list.file[f].path)) || list.file[f].size < -1;
        good += st == RT_OK;
        bad += st == RT_ERR_FILE && err.text[0] != '\0';
        rt_listing_free(&list);
    }
    ok(wrong == 0 && good + bad == ROUNDS && good > 0,
       "%d mutated lists: %d read, %d refused, %d let a bad name through", ROUNDS, good, bad, wrong);
}

int main(void)
{
    test_names();
    test_globs();
    test_tags();
    test_lists();
    test_digests();
    test_mutated();
    return tap_done();
}
