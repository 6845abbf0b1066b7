/* fetch.c - a download from its first question to its last file. */
#include "config.h"
#include "fetch/fetch.h"
#include "fetch/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Some hubs' lists have no sizes or digests: ask for each file's headers. */
static rt_status ask(struct rt_run *run, struct rt_error *err)
{
    bool whole = true;
    for (int64_t i = 0; i < run->items; i++)
        whole = whole && run->item[i].file->size >= 0 && run->item[i].file->digest[0] != '\0';
    if (whole)
        return RT_OK;
    run->asking = true;
    const rt_status st = rt_drive(run, err);
    run->asking = false;
    return st;
}

static rt_status run_all(struct rt_run *run, struct rt_error *err)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    RT_TRY(rt_hub_list(&run->list, run->opt, &run->http, err));
    RT_TRY(rt_plan_choose(run, err));
    RT_TRY(rt_local_open(&run->local, run->opt->local_dir, err));
    RT_TRY(rt_comparer_open(&run->comparer, cores > 4 ? 4 : (int)cores, err));
    RT_TRY(ask(run, err));
    RT_TRY(rt_plan_look(run, err));
    RT_TRY(rt_plan_room(run, err));
    RT_TRY(rt_drive(run, err));
    if (run->failed == 0)
        return RT_OK;
    if (run->failed == 1)
        return rt_fail(err, run->first.status, "%s", run->first.text);
    return rt_fail(err, run->first.status, "%s (and %lld more: see above)", run->first.text,
                   (long long)run->failed - 1);
}

static void run_free(struct rt_run *run)
{
    rt_comparer_close(run->comparer); /* first: its threads read what the items name */
    for (int64_t i = 0; i < run->items; i++)
        free(run->item[i].name);
    free(run->item);
    free(run->order);
    rt_local_close(&run->local);
    rt_listing_free(&run->list);
    free(run->http.origin);
}

rt_status rt_fetch(const struct rt_fetch_options *opt, const struct rt_fetch_watch *watch,
                   const volatile sig_atomic_t *stop, struct rt_fetch_result *result, struct rt_error *err)
{
    struct rt_run run = { .opt = opt, .watch = watch, .stop = stop, .local = { .lock_fd = -1 } };
    run.http = (struct rt_http){ .token = opt->token,
                                 .ca_file = opt->ca_file,
                                 .stall_s = opt->stall_s,
                                 .retries = opt->retries,
                                 .stop = stop,
                                 .say = watch->say,
                                 .context = watch->context };
    *result = (struct rt_fetch_result){ 0 };
    RT_TRY(rt_hub_check_repo(opt, err));
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return rt_fail(err, RT_ERR_INTERNAL, "libcurl does not start");
    rt_status st = rt_http_origin(opt->endpoint, &run.http.origin, err);
    if (st != RT_OK)
        rt_fail_in(err, "HF_ENDPOINT: ");
    if (st == RT_OK)
        st = run_all(&run, err);
    snprintf(result->commit, sizeof result->commit, "%s", run.list.commit);
    result->count = run.count;
    run_free(&run);
    curl_global_cleanup();
    return st;
}
