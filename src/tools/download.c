/* download.c - ranktune download: a model or a data set from a hub into a folder. */
#include "config.h"
#include "fetch/fetch.h"
#include "report/report.h"
#include "tools/hub_env.h"
#include "tools/tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_GLOBS = 64 };

struct arguments {
    struct rt_fetch_options fetch;
    const char *include[MOST_GLOBS], *exclude[MOST_GLOBS];
    bool quiet, help;
};

static const char usage_text[] =
    "ranktune download REPO --local-dir DIR\n"
    "  REPO                 org/name, as at the top of its page\n"
    "  --local-dir DIR      where its files go; what is there and right is not fetched again\n"
    "  --repo-type TYPE     model or dataset; model\n"
    "  --revision REV       a branch, a tag or a commit; main\n"
    "  --include GLOB       only files whose whole name matches; may be repeated\n"
    "  --exclude GLOB       not these; may be repeated\n"
    "  --max-workers N      files at the same time; 8\n"
    "  --retries N          tries in a row that bring nothing before it is given up; 6\n"
    "  --verify             read the files that are here again and compare their digests\n"
    "  --quiet              only warnings and errors\n"
    "HF_ENDPOINT names another hub, HF_TOKEN or HF_TOKEN_PATH your token, HTTPS_PROXY a proxy.\n";

static rt_status usage(struct rt_error *err)
{
    return rt_fail(err, RT_ERR_USAGE,
                   "download: write ranktune download org/name --local-dir DIR; ranktune download --help "
                   "tells the rest");
}

static rt_status whole(const char *name, const char *value, int low, int high, int *out, struct rt_error *err)
{
    char *end = NULL;
    const long n = strtol(value, &end, 10);
    if (end == value || *end != '\0' || n < low || n > high)
        return rt_fail(err, RT_ERR_USAGE, "download: %s: \"%.50s\" is not a whole number from %d to %d", name,
                       value, low, high);
    *out = (int)n;
    return RT_OK;
}

static rt_status glob(const char *name, const char *value, const char **list, int64_t *count,
                      struct rt_error *err)
{
    if (*count == MOST_GLOBS)
        return rt_fail(err, RT_ERR_USAGE, "download: %s more than %d times", name, (int)MOST_GLOBS);
    list[(*count)++] = value;
    return RT_OK;
}

static rt_status set(struct arguments *a, const char *name, const char *value, struct rt_error *err)
{
    struct rt_fetch_options *o = &a->fetch;
    if (strcmp(name, "--include") == 0)
        return glob(name, value, a->include, &o->includes, err);
    if (strcmp(name, "--exclude") == 0)
        return glob(name, value, a->exclude, &o->excludes, err);
    if (strcmp(name, "--max-workers") == 0)
        return whole(name, value, 1, 64, &o->max_workers, err);
    if (strcmp(name, "--retries") == 0)
        return whole(name, value, 0, 1000, &o->retries, err);
    if (value[0] == '\0')
        return rt_fail(err, RT_ERR_USAGE, "download: %s is empty", name);
    if (strcmp(name, "--local-dir") == 0)
        o->local_dir = value;
    else if (strcmp(name, "--revision") == 0)
        o->revision = value;
    else if (strcmp(name, "--repo-type") == 0 && (strcmp(value, "model") == 0 || strcmp(value, "dataset") == 0))
        o->dataset = value[0] == 'd';
    else if (strcmp(name, "--repo-type") == 0)
        return rt_fail(err, RT_ERR_USAGE, "download: --repo-type: \"%.50s\" is neither model nor dataset",
                       value);
    else
        return rt_fail(err, RT_ERR_USAGE,
                       "download: there is no %.50s; ranktune download --help tells what there is", name);
    return RT_OK;
}

static rt_status parse(struct arguments *a, int argc, char **argv, struct rt_error *err)
{
    *a = (struct arguments){ .fetch = { .revision = "main", .max_workers = 8, .retries = 6 } };
    a->fetch.include = a->include;
    a->fetch.exclude = a->exclude;
    for (int i = 0; i < argc; i++) {
        char name[64];
        const char *equals = strchr(argv[i], '=');
        if (strcmp(argv[i], "--quiet") == 0) {
            a->quiet = true;
        } else if (strcmp(argv[i], "--verify") == 0) {
            a->fetch.verify = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            a->help = true;
        } else if (argv[i][0] != '-') {
            if (a->fetch.repo != NULL)
                return usage(err);
            a->fetch.repo = argv[i];
        } else if (equals != NULL) {
            snprintf(name, sizeof name, "%.*s", (int)(equals - argv[i]), argv[i]);
            RT_TRY(set(a, name, equals + 1, err));
        } else if (i + 1 < argc) {
            RT_TRY(set(a, argv[i], argv[i + 1], err));
            i++;
        } else {
            return usage(err);
        }
    }
    return a->help || (a->fetch.repo != NULL && a->fetch.local_dir != NULL) ? RT_OK : usage(err);
}

static void show_check(void *context, const struct rt_fetch_count *c)
{
    rt_report_bytes(context, "compare", c->bytes_checked, c->bytes_to_check, "");
}

static void show_move(void *context, const struct rt_fetch_count *c)
{
    char tail[64];
    snprintf(tail, sizeof tail, "%lld/%lld files", (long long)c->files_right, (long long)c->files);
    rt_report_bytes(context, "download", c->bytes_held, c->bytes, tail);
}

static void show_line(void *context, bool warning, const char *text)
{
    if (warning)
        rt_report_warn(context, "%s", text);
    else
        rt_report_info(context, "%s", text);
}

static void warn_only(void *context, bool warning, const char *text)
{
    if (warning)
        show_line(context, warning, text);
}

static void tell_end(const struct arguments *a, const struct rt_fetch_result *r)
{
    const struct rt_fetch_count *c = &r->count;
    printf("%s: %s at %.12s, %lld files, %.1f MB (%.1f MB fetched", a->fetch.local_dir, a->fetch.repo,
           r->commit, (long long)c->files, (double)c->bytes / 1e6, (double)c->fetched / 1e6);
    if (c->cuts > 0)
        printf(", %lld tries ended early and were made good", (long long)c->cuts);
    printf(")%s%s\n", a->fetch.dataset ? "" : "; in a job: model_name_or_path: ",
           a->fetch.dataset ? "" : a->fetch.local_dir);
}

rt_status rt_tool_download(int argc, char **argv, const volatile sig_atomic_t *stop, struct rt_error *err)
{
    struct arguments a;
    struct rt_hub_env env = { 0 };
    struct rt_report *report = NULL;
    struct rt_fetch_result result;
    RT_TRY(parse(&a, argc, argv, err));
    if (a.help) {
        fputs(usage_text, stdout);
        return RT_OK;
    }
    rt_status st = rt_hub_env_read(&env, err);
    if (st == RT_OK)
        st = rt_report_open(&report, &(struct rt_report_options){ .disable_tqdm = a.quiet }, err);
    if (st == RT_OK) {
        const struct rt_fetch_watch watch = { .check = a.quiet ? NULL : show_check,
                                              .move = a.quiet ? NULL : show_move,
                                              .say = a.quiet ? warn_only : show_line,
                                              .context = report };
        a.fetch.endpoint = env.endpoint;
        a.fetch.token = env.token;
        a.fetch.ca_file = env.ca_file;
        a.fetch.stall_s = env.timeout_s;
        st = rt_fetch(&a.fetch, &watch, stop, &result, err);
        rt_report_close(report);
        if (st == RT_OK && !a.quiet)
            tell_end(&a, &result);
    }
    rt_hub_env_free(&env);
    return st;
}
