/* tests/monitor/test_names.c - the man page has the name of every series, each series a line for Prometheus,
 * and stars where it says so. */
#include "config.h"
#include "job/job_test.h"
#include "tap.h"
#include "train/monitoring.h"

#include <ctype.h>
#include <string.h>

/* "gpu\fIN\fB_power_limit_w*" of system/gpu_power_limit_w. */
static void page_name(char name[96], const struct rt_host_value *v)
{
    const char *rest = strchr(v->tag, '/') + 1;
    const size_t word = v->number >= 0 ? strcspn(rest, "_") : 0;
    const bool starred = v->kind == RT_HOST_LAST || v->kind == RT_HOST_BITS;
    snprintf(name, 96, "%.*s%s%s%s", (int)word, rest, word > 0 ? "\\fIN\\fB" : "", rest + word,
             starred ? "*" : "");
}

/* As a word of its own: no letter on either side, and no star behind it that it has not. */
static bool stands_in(const char *page, const char *name)
{
    const size_t n = strlen(name);
    for (const char *at = page; (at = strstr(at, name)) != NULL; at++)
        if (at > page && (isspace((unsigned char)at[-1]) || at[-1] == '"') && strchr(" \"\n", at[n]) != NULL)
            return true;
    return false;
}

int main(void)
{
    struct rt_monitor_sample sample = { .gpus = RT_MONITOR_GPUS };
    struct rt_host_value values[RT_HOST_VALUES];
    char name[96];
    sample.host.ranks = RT_HOST_RANKS;
    const int n = rt_monitoring_values(&sample, values);
    const struct rt_monitoring_progress progress = { 0, 0, 0, 0, 0, 0 };
    ok(n < RT_HOST_VALUES && rt_monitoring_progress(&progress, values, n) <= RT_HOST_VALUES,
       "a full host has %d values, which fit into %d", n, RT_HOST_VALUES);
    char *page = source_file("src/ranktune.1", NULL);
    for (int i = 0; i < n; i++) {
        if (i > 0 && strcmp(values[i].tag, values[i - 1].tag) == 0)
            continue; /* of the next card */
        page_name(name, &values[i]);
        ok(stands_in(page, name) && values[i].help[0] != '\0' && strchr(values[i].help, '\n') == NULL, "%s: %s",
           name, values[i].help);
        for (int k = 0; k < i; k++)
            if (strcmp(values[k].tag, values[i].tag) == 0)
                ok(0, "%s stands in two places", name);
    }
    free(page);
    return tap_done();
}
