/* fetch_none.c - a build without libcurl: says so. */
#include "config.h"
#include "fetch/fetch.h"

rt_status rt_fetch(const struct rt_fetch_options *opt, const struct rt_fetch_watch *watch,
                   const volatile sig_atomic_t *stop, struct rt_fetch_result *result, struct rt_error *err)
{
    (void)opt, (void)watch, (void)stop;
    *result = (struct rt_fetch_result){ 0 };
    return rt_fail(err, RT_ERR_USAGE,
                   "this ranktune was built without libcurl, so it cannot download; install "
                   "libcurl4-openssl-dev and libssl-dev, run configure again, and make");
}
