/* init.c - ranktune init: a random model folder for trials. */
#include "config.h"
#include "data/data.h"
#include "model/model.h"
#include "tools/read_file.h"
#include "tools/tools.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct arguments {
    const char *preset, *folder, *tokenizer, *dtype;
    const char *corpus[64];
    int corpora;
    int64_t seed, merges, shard_mb;
};

static rt_status usage(struct rt_error *err)
{
    return rt_fail(err, RT_ERR_USAGE, "init: write ranktune init PRESET DIR, then --tokenizer DIR (a folder with tokenizer.json) or "
                   "--corpus FILE (texts to train one on), and if wished --merges N, --dtype fp32|bf16, --seed N, "
                   "--shard-mb N; presets: small25 small25tied small2 qwen2-vl-2b qwen2-vl-7b 3b 7b 32b 72b");
}

static rt_status whole(const char *value, int64_t *out, struct rt_error *err)
{
    char *end = NULL;
    *out = strtoll(value, &end, 10);
    return end == value || *end != '\0' || *out < 0 ? usage(err) : RT_OK;
}

static rt_status parse(struct arguments *a, int argc, char **argv, struct rt_error *err)
{
    *a = (struct arguments){ .dtype = "bf16", .merges = 1000, .shard_mb = 4000 };
    for (int i = 0; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (strncmp(argv[i], "--", 2) != 0) {
            if (a->preset == NULL)
                a->preset = argv[i];
            else if (a->folder == NULL)
                a->folder = argv[i];
            else
                return usage(err);
            continue;
        }
        if (next == NULL)
            return usage(err);
        if (strcmp(argv[i], "--tokenizer") == 0)
            a->tokenizer = next;
        else if (strcmp(argv[i], "--corpus") == 0 && a->corpora < 64)
            a->corpus[a->corpora++] = next;
        else if (strcmp(argv[i], "--dtype") == 0)
            a->dtype = next;
        else if (strcmp(argv[i], "--seed") == 0)
            RT_TRY(whole(next, &a->seed, err));
        else if (strcmp(argv[i], "--merges") == 0)
            RT_TRY(whole(next, &a->merges, err));
        else if (strcmp(argv[i], "--shard-mb") == 0)
            RT_TRY(whole(next, &a->shard_mb, err));
        else
            return usage(err);
        i++;
    }
    const int sources = (a->tokenizer != NULL) + (a->corpora > 0);
    return a->folder == NULL || sources != 1 || a->shard_mb < 1 ||
                   (strcmp(a->dtype, "bf16") != 0 && strcmp(a->dtype, "fp32") != 0)
               ? usage(err) : RT_OK;
}

static rt_status write_file(const char *path, const char *text, size_t bytes, struct rt_error *err)
{
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(text, 1, bytes, f) != bytes || fclose(f) != 0)
        return rt_fail(err, RT_ERR_IO, "%s: %s", path, strerror(errno));
    return RT_OK;
}

/* tokenizer.json in the new folder: the given one, or one trained on the corpus. */
static rt_status put_tokenizer(const struct arguments *a, struct rt_error *err)
{
    char from[4096], to[4096], *text = NULL;
    size_t bytes = 0;
    snprintf(to, sizeof to, "%s/tokenizer.json", a->folder);
    if (a->tokenizer != NULL) {
        snprintf(from, sizeof from, "%s/tokenizer.json", a->tokenizer);
        RT_TRY(rt_read_file(from, &text, &bytes, err));
    } else {
        RT_TRY(rt_tokenizer_train(a->corpus, a->corpora, a->merges, &text, &bytes, err));
    }
    const rt_status st = write_file(to, text, bytes, err);
    free(text);
    return st;
}

rt_status rt_tool_init(int argc, char **argv, struct rt_error *err)
{
    struct arguments a;
    RT_TRY(parse(&a, argc, argv, err));
    if (mkdir(a.folder, 0777) != 0 && errno != EEXIST)
        return rt_fail(err, RT_ERR_OUTPUT, "%s: %s", a.folder, strerror(errno));
    RT_TRY(put_tokenizer(&a, err));
    RT_TRY(rt_model_init_folder(a.preset, a.folder, strcmp(a.dtype, "fp32") == 0 ? RT_F32 : RT_BF16, (uint64_t)a.seed,
                                (size_t)a.shard_mb * 1000000, err));
    printf("%s: a random %s model (%s)\n", a.folder, a.preset, a.dtype);
    return RT_OK;
}
