/*
 * test_rows_open.c - opening data sets on one and several ranks: entries of dataset_info.json, files and
 * folders, which rows are used and in which order.
 */
#include "config.h"
#include "data/rows.h"
#include "dist/dist.h"
#include "tap.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct bench {
    struct rt_dist *dist;
    char dir[64]; /* rank 0's own folder, known to all */
    bool first;   /* rank 0 prints */
};

static void must(rt_status st, const struct rt_error *err)
{
    if (st != RT_OK) {
        printf("Bail out! %s\n", err->text);
        exit(1);
    }
}

static void check(const struct bench *b, int passed, const char *what, const char *text)
{
    if (b->first)
        ok(passed, "%s: %s", what, text);
    else if (!passed)
        exit(1);
}

static void write_file(const struct bench *b, const char *name, const char *text)
{
    struct rt_error err;
    char path[256];
    if (b->first) {
        snprintf(path, sizeof path, "%s/%s", b->dir, name);
        FILE *f = fopen(path, "w");
        if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
            exit(1);
    }
    must(rt_dist_barrier(b->dist, &err), &err);
}

static struct rt_data_options options(const struct bench *b)
{
    return (struct rt_data_options){
        .dataset_dir = b->dir, .template_name = "qwen2_vl", .cutoff_len = 2048, .max_samples = -1, .seed = 42
    };
}

/* The names of the rows in order: file's stem and row number, "a1 a2 b1". */
static void order(const struct rt_rows *rows, char *text, size_t bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (int64_t i = 0; i < rt_rows_count(rows) && used < bytes; i++) {
        char where[512];
        rt_rows_where(rows, i, where, sizeof where);
        const char *name = strrchr(where, '/') + 1;
        used += (size_t)snprintf(text + used, bytes - used, "%s%.*s%d", i > 0 ? " " : "",
                                 (int)strcspn(name, "."), name, atoi(strstr(name, " row ") + 5));
    }
}

static void entries(const struct bench *b)
{
    static const struct {
        const char *info, *want;
        rt_status code;
    } cases[] = {
        { "{", "this is no JSON: byte 2: a key in quotes was expected", RT_ERR_JOB },
        { "[]", "this is a list; write an object of data sets", RT_ERR_JOB },
        { "{\"a\": {}, \"b\": {}}", "there is no data set \"x\"; the file names a, b", RT_ERR_JOB },
        { "{\"x\": []}", "x: this is a list; write an object with file_name", RT_ERR_JOB },
        { "{\"x\": {}}", "x: file_name: write the name of a JSON or JSON lines file, or of a folder of them",
          RT_ERR_JOB },
        { "{\"x\": {\"hf_hub_url\": \"u\", \"file_name\": \"r.json\"}}",
          "x: hf_hub_url: data sets are read from local files only: fetch it with ranktune download u "
          "--repo-type "
          "dataset --local-dir DIR, and write file_name, the path of its JSON or JSON lines, instead of this "
          "key",
          RT_ERR_JOB },
        { "{\"x\": {\"ms_hub_url\": \"u\", \"file_name\": \"r.json\"}}",
          "x: ms_hub_url: data sets are read from local files only; store the rows as JSON or JSON lines and "
          "write file_name instead of this key",
          RT_ERR_JOB },
        { "{\"x\": {\"file_name\": \"r.json\", \"ranking\": true}}",
          "x: ranking: a data set with chosen and rejected answers "
          "does not fit stage: sft; leave it out of dataset, or give it a plain answer column and remove "
          "ranking",
          RT_ERR_JOB },
        { "{\"x\": {\"file_name\": \"r.json\", \"split\": \"test\"}}",
          "x: split: a local file has the split \"train\" only; "
          "use num_samples or max_samples for a part of it",
          RT_ERR_JOB },
        { "{\"x\": {\"file_name\": \"r.json\", \"num_samples\": 0}}",
          "x: num_samples: write a whole number from 1 to "
          "2147483647",
          RT_ERR_JOB },
        { "{\"x\": {\"file_name\": \"r.json\", \"num_samples\": 1.5}}",
          "x: num_samples: write a whole number from 1 to "
          "2147483647",
          RT_ERR_JOB },
        { "{\"x\": {\"file_name\": \"r.json\", \"formatting\": \"alpacca\"}}",
          "x: formatting: write alpaca, sharegpt or "
          "openai",
          RT_ERR_JOB },
        { "{\"x\": {\"file_name\": \"r.json\", \"columns\": []}}",
          "x: columns: this is a list; write an object, or leave the "
          "key out for the defaults",
          RT_ERR_JOB },
        { "{\"x\": {\"file_name\": \"r.json\", \"columns\": {\"prompt\": 1}}}",
          "x: columns: prompt: this is a number; write "
          "the name as a text without NUL",
          RT_ERR_JOB },
        { "{\"x\": {\"file_name\": \"r.json\", \"columns\": {\"prompt\": \"p\"}}}",
          "x: columns: response is missing: a columns "
          "object replaces all default names; add \"response\": \"output\" or what the column is called",
          RT_ERR_JOB },
        { "{\"x\": {\"file_name\": \"r.json\", \"formatting\": \"sharegpt\", \"columns\": {\"images\": "
          "\"i\"}}}",
          "x: columns: "
          "messages is missing: a columns object replaces all default names; add \"messages\": "
          "\"conversations\" or what the "
          "column is called",
          RT_ERR_JOB },
        { "{\"x\": {\"file_name\": \"r.json\", \"formatting\": \"sharegpt\", \"tags\": {\"role_tag\": \"r\"}}}",
          "x: tags: "
          "content_tag is missing: a tags object replaces all default names; add \"content_tag\": \"value\" or "
          "what the rows "
          "use",
          RT_ERR_JOB },
        { "{\"x\": {\"file_name\": \"none.json\"}}",
          "none.json: No such file or directory; correct file_name or dataset_dir", RT_ERR_FILE },
        { "{\"x\": {\"file_name\": \"r.csv\"}}",
          "r.csv: files of this kind are not read; convert it to JSON lines (.jsonl), a "
          "row an object a line, and name that in file_name",
          RT_ERR_JOB },
        { "{\"x\": {\"file_name\": \"mixed\"}}",
          "mixed/b.txt: files of this kind are not read; convert it to JSON lines "
          "(.jsonl), a row an object a line, and name that in file_name",
          RT_ERR_JOB },
        { "{\"x\": {\"file_name\": \"empty\"}}", "empty: the folder of this data set is empty", RT_ERR_FILE },
        { "{\"x\": {\"file_name\": \"broken.json\"}}",
          "broken.json:2: byte 5: ',' or ']' was expected after a row", RT_ERR_FILE },
    };
    static const char name[] = "x";
    const char *names = name;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct rt_data_options opt = options(b);
        struct rt_rows *rows = NULL;
        struct rt_error err = { .text = "" };
        write_file(b, "dataset_info.json", cases[i].info);
        const rt_status st = rt_rows_open(&rows, &opt, &names, 1, b->dist, &err);
        const size_t n = strlen(err.text), m = strlen(cases[i].want);
        check(b, st == cases[i].code && rows == NULL && n > m && strcmp(err.text + n - m, cases[i].want) == 0,
              "refused", cases[i].want);
        if (st != cases[i].code && b->first)
            diag("got %s", err.text);
        rt_rows_close(rows);
    }
}

/*
 * numpy 2.4, np.random.seed(42): permutation(7) begins 0 1 5; then permutation(5) is 3 1 2 0 4 and choice(5, 4)
 * 2 2 2 4; then permutation(7) is 0 5 6 1 4 2 3 and choice(7, 2) 1 3.
 */
static void samples(const struct bench *b)
{
    static const char *const names[] = { "seven", "five", "all" };
    struct rt_data_options opt = options(b);
    struct rt_rows *rows, *more;
    struct rt_error err;
    char text[1024];
    write_file(
        b, "dataset_info.json",
        "{\"seven\": {\"file_name\": \"seven.json\", \"num_samples\": 3}, \"five\": {\"file_name\": "
        "\"five.jsonl\", "
        "\"num_samples\": 9}, \"all\": {\"file_name\": \"folder\"}, \"nine\": {\"file_name\": \"seven.json\", "
        "\"num_samples\": 9}}");
    must(rt_rows_open(&rows, &opt, names, 3, b->dist, &err), &err);
    order(rows, text, sizeof text);
    check(b,
          strcmp(text, "seven1 seven2 seven6 "
                       "five4 five2 five3 five1 five5 five3 five3 five3 five5 "
                       "a1 a2 b1 c1") == 0,
          "sets in order, num_samples drawn, a folder's files by name", text);
    const char *nine = "nine";
    must(rt_rows_open_after(&more, rows, &opt, &nine, 1, b->dist, &err), &err);
    order(more, text, sizeof text);
    check(b, strcmp(text, "seven1 seven6 seven7 seven2 seven5 seven3 seven4 seven2 seven4") == 0,
          "a later set goes on in numpy's stream", text);
    rt_rows_close(rows);
    rt_rows_close(more);
    opt.max_samples = 2;
    must(rt_rows_open(&rows, &opt, names, 3, b->dist, &err), &err);
    order(rows, text, sizeof text);
    check(b, strcmp(text, "seven1 seven2 five4 five2 a1 a2") == 0, "max_samples: the first of each set", text);
    rt_rows_close(rows);
}

static void paths(const struct bench *b)
{
    struct rt_data_options opt = options(b);
    struct rt_rows *rows;
    struct rt_error err;
    char info[512], where[512], want[512];
    const char *x = "x";
    snprintf(info, sizeof info, "{\"x\": {\"file_name\": \"%s/five.jsonl\"}}", b->dir);
    write_file(b, "dataset_info.json", info);
    must(rt_rows_open(&rows, &opt, &x, 1, b->dist, &err), &err);
    rt_rows_where(rows, 3, where, sizeof where);
    snprintf(want, sizeof want, "%s/five.jsonl row 4 (line 5)", b->dir);
    check(b, rt_rows_count(rows) == 5 && strcmp(where, want) == 0, "an absolute file_name",
          where + strlen(b->dir) + 1);
    rt_rows_close(rows);
    opt.template_name = "qwen3_vl";
    check(b, rt_rows_open(&rows, &opt, &x, 1, b->dist, &err) == RT_ERR_JOB, "another template is refused",
          err.text);
    opt.template_name = "qwen2_vl";
    setenv("IMAGE_PLACEHOLDER", "<|image_pad|>", 1);
    check(b, rt_rows_open(&rows, &opt, &x, 1, b->dist, &err) == RT_ERR_JOB, "a placeholder that never ends",
          err.text);
    setenv("IMAGE_PLACEHOLDER", "", 1);
    check(b, rt_rows_open(&rows, &opt, &x, 1, b->dist, &err) == RT_ERR_JOB, "an empty placeholder", err.text);
    unsetenv("IMAGE_PLACEHOLDER");
}

static void make_files(const struct bench *b)
{
    static const char *const folders[] = { "", "/folder", "/mixed", "/empty" };
    char path[256];
    for (size_t i = 0; i < sizeof folders / sizeof *folders && b->first; i++) {
        snprintf(path, sizeof path, "%s%s", b->dir, folders[i]);
        if (mkdir(path, 0700) != 0 && i > 0)
            exit(1);
    }
    write_file(b, "seven.json", "[{}, {}, {}, {},\n{}, {}, {}]");
    write_file(b, "five.jsonl", "{}\n\n{}\n{}\n{}\n{}\n");
    write_file(b, "folder/c.jsonl", "{}");
    write_file(b, "folder/a.jsonl", "{}\n{}");
    write_file(b, "folder/b.json", "[{}]");
    write_file(b, "mixed/a.json", "[{}]");
    write_file(b, "mixed/b.txt", "x");
    write_file(b, "r.json", "[{}]");
    write_file(b, "r.csv", "a,b");
    write_file(b, "broken.json", "[{}\n{}]");
}

static void remove_files(const struct bench *b)
{
    static const char *const names[] = {
        "seven.json",        "five.jsonl",  "folder/c.jsonl", "folder/a.jsonl", "folder/b.json",
        "mixed/a.json",      "mixed/b.txt", "r.json",         "r.csv",          "broken.json",
        "dataset_info.json", "folder",      "mixed",          "empty",          ""
    };
    char path[256];
    for (size_t i = 0; i < sizeof names / sizeof *names && b->first; i++) {
        snprintf(path, sizeof path, "%s/%s", b->dir, names[i]);
        remove(path);
    }
}

int main(int argc, char **argv)
{
    struct bench b = { .dir = "/tmp/rt_rows_XXXXXX" };
    struct rt_error err;
    must(rt_dist_open(&b.dist, &argc, &argv, &err), &err);
    b.first = rt_dist_rank(b.dist) == 0;
    if (b.first && mkdtemp(b.dir) == NULL)
        return 1;
    must(rt_dist_bcast(b.dist, b.dir, sizeof b.dir, 0, &err), &err);
    make_files(&b);
    entries(&b);
    samples(&b);
    paths(&b);
    must(rt_dist_barrier(b.dist, &err), &err);
    remove_files(&b);
    rt_dist_close(b.dist);
    return b.first ? tap_done() : 0;
}
