/* init.c - ranktune init: a random model folder for trials. */
#include "config.h"
#include "base/file.h"
#include "data/data.h"
#include "model/model.h"
#include "tools/tools.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST = 256 << 20 }; /* tokenizer.json: the published one has 7 MB */

struct arguments {
    const char *preset, *folder, *tokenizer, *dtype;
    const char *corpus[64];
    int corpora;
    int64_t seed, merges, shard_mb;
};

static rt_status usage(struct rt_error *err)
{
    char presets[RT_PRESETS_CHARS];
    return rt_fail(
        err, RT_ERR_USAGE,
        "init: write ranktune init PRESET DIR, then --tokenizer DIR (a folder with tokenizer.json) or "
        "--corpus FILE (texts to train one on), and if wished --merges N, --dtype fp32|bf16, --seed N, "
        "--shard-mb N; presets: %s",
        rt_init_presets(presets));
}

static rt_status whole(const char *flag, const char *value, int64_t least, int64_t *out, struct rt_error *err)
{
    char *end = NULL;
    errno = 0;
    *out = strtoll(value, &end, 10);
    if (end == value || *end != '\0' || *out < least || errno != 0)
        return rt_fail(err, RT_ERR_USAGE, "init: %s: \"%s\" is not a whole number of at least %lld", flag,
                       value, (long long)least);
    return RT_OK;
}

/* What the words together have to be. */
static rt_status check(const struct arguments *a, struct rt_error *err)
{
    if (a->folder == NULL || (a->tokenizer != NULL) + (a->corpora > 0) != 1)
        return usage(err);
    RT_TRY(rt_init_preset_check(a->preset, err));
    if (strcmp(a->dtype, "bf16") != 0 && strcmp(a->dtype, "fp32") != 0)
        return rt_fail(err, RT_ERR_USAGE, "init: --dtype: \"%s\" is not known here; write fp32 or bf16",
                       a->dtype);
    return RT_OK;
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
            RT_TRY(whole(argv[i], next, 0, &a->seed, err));
        else if (strcmp(argv[i], "--merges") == 0)
            RT_TRY(whole(argv[i], next, 0, &a->merges, err));
        else if (strcmp(argv[i], "--shard-mb") == 0)
            RT_TRY(whole(argv[i], next, 1, &a->shard_mb, err));
        else
            return usage(err);
        i++;
    }
    return check(a, err);
}

/* tokenizer.json's text: the given one's, or of one trained on the corpus. */
static rt_status tokenizer_text(const struct arguments *a, char **text, size_t *bytes, struct rt_error *err)
{
    char from[4096];
    if (a->tokenizer == NULL)
        return rt_tokenizer_train(a->corpus, a->corpora, a->merges, text, bytes, err);
    snprintf(from, sizeof from, "%s/tokenizer.json", a->tokenizer);
    return rt_file_load(from, LARGEST, text, bytes, err);
}

/* Beside the final name, which gets a whole model or nothing: an empty folder there is replaced, another one
 * kept. */
static rt_status make_folder(const struct arguments *a, const char *aside, struct rt_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    RT_TRY(tokenizer_text(a, &text, &bytes, err));
    rt_status st = RT_OK;
    if (mkdir(aside, 0777) != 0)
        st = rt_fail(err, RT_ERR_OUTPUT, "%s: cannot be made: %s", a->folder, strerror(errno));
    if (st == RT_OK)
        st = rt_file_put(aside, "tokenizer.json", text, bytes, err);
    free(text);
    RT_TRY(st);
    RT_TRY(rt_model_init_folder(a->preset, aside, strcmp(a->dtype, "fp32") == 0 ? RT_F32 : RT_BF16,
                                (uint64_t)a->seed, (size_t)a->shard_mb * 1000000, err));
    if (rename(aside, a->folder) == 0)
        return RT_OK;
    return errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR
               ? rt_fail(err, RT_ERR_OUTPUT, "%s: is there already and not empty; write another folder",
                         a->folder)
               : rt_fail(err, RT_ERR_OUTPUT, "%s: cannot be made: %s", a->folder, strerror(errno));
}

/* Known before billions of numbers are drawn. */
static bool taken(const char *folder)
{
    DIR *dir = opendir(folder);
    int entries = 0;
    if (dir == NULL)
        return errno == ENOTDIR;
    while (entries <= 2 && readdir(dir) != NULL)
        entries++;
    closedir(dir);
    return entries > 2;
}

rt_status rt_tool_init(int argc, char **argv, struct rt_error *err)
{
    struct arguments a;
    char folder[3800], aside[4000];
    RT_TRY(parse(&a, argc, argv, err));
    if (snprintf(folder, sizeof folder, "%s", a.folder) >= (int)sizeof folder)
        return rt_fail(err, RT_ERR_OUTPUT, "%.80s...: the name is too long", a.folder);
    for (size_t n = strlen(folder); n > 1 && folder[n - 1] == '/'; n--)
        folder[n - 1] = '\0';
    a.folder = folder;
    if (taken(folder))
        return rt_fail(err, RT_ERR_OUTPUT, "%s: is there already and not empty; write another folder", folder);
    snprintf(aside, sizeof aside, "%s.tmp-%ld", folder, (long)getpid());
    const rt_status st = make_folder(&a, aside, err);
    if (st != RT_OK) {
        (void)rt_file_remove(aside, NULL);
        return st;
    }
    printf("%s: a random %s model (%s)\n", folder, a.preset, a.dtype);
    return RT_OK;
}
