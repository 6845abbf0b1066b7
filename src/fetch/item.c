/* item.c - what becomes of a file that is asked for, and is said of the run. */
#include "config.h"
#include "fetch/run.h"

#include <stdarg.h>
#include <stdio.h>

void rt_run_say(const struct rt_run *run, bool warning, const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    if (run->watch->say == NULL)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    run->watch->say(run->watch->context, warning, text);
}

void rt_item_hold(struct rt_run *run, struct rt_item *item, int64_t held)
{
    if (item->file->size >= 0)
        run->count.bytes_held += held - item->held;
    item->held = held;
}

void rt_item_right(struct rt_run *run, struct rt_item *item)
{
    item->state = RT_ITEM_RIGHT;
    rt_item_hold(run, item, item->file->size >= 0 ? item->file->size : 0);
    run->count.files_right++;
}

rt_status rt_item_fail(struct rt_run *run, struct rt_item *item, struct rt_error *err)
{
    const struct rt_error why = *err;
    item->state = RT_ITEM_FAILED;
    if (why.status != RT_ERR_FILE)
        return why.status;
    if (run->failed++ == 0)
        run->first = why;
    else
        rt_run_say(run, true, "%s", why.text);
    return RT_OK;
}
