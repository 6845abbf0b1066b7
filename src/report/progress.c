/* progress.c - how far the run has come, for whoever watches: phases before training, then steps. */
#include "config.h"
#include "base/clock.h"
#include "report/private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void say(struct rt_report *r, enum rt_level level, const char *fmt, va_list ap)
{
    char text[8192];
    vsnprintf(text, sizeof text, fmt, ap);
    rt_console_line(&r->console, level, text);
}

void rt_report_info(struct rt_report *r, const char *fmt, ...)
{
    va_list ap;
    if (r == NULL)
        return;
    va_start(ap, fmt);
    say(r, RT_LEVEL_INFO, fmt, ap);
    va_end(ap);
}

void rt_report_warn(struct rt_report *r, const char *fmt, ...)
{
    va_list ap;
    if (r == NULL)
        return;
    va_start(ap, fmt);
    say(r, RT_LEVEL_WARN, fmt, ap);
    va_end(ap);
}

static void phase_line(struct rt_report *r, int64_t done, int64_t total, double elapsed_s)
{
    char elapsed[48], left[48];
    const double rate = elapsed_s > 0 ? (double)done / elapsed_s : 0;
    rt_duration(elapsed, elapsed_s);
    if (total <= 0)
        rt_report_info(r, "%s: %lld, %.4g/s, %s so far", r->phase, (long long)done, rate, elapsed);
    else if (done >= total)
        rt_report_info(r, "%s: %lld in %s", r->phase, (long long)done, elapsed);
    else
        rt_report_info(r, "%s: %lld of %lld (%d%%), %.4g/s, %s left", r->phase, (long long)done,
                       (long long)total, (int)(100.0 * (double)done / (double)total), rate,
                       rate > 0 ? rt_duration(left, (double)(total - done) / rate) : "?");
}

void rt_report_progress(struct rt_report *r, const char *what, int64_t done, int64_t total)
{
    if (r == NULL)
        return;
    const double now_s = rt_now_s();
    if (strncmp(r->phase, what, sizeof r->phase - 1) != 0 || done < r->phase_done) {
        rt_console_bar_end(&r->console);
        snprintf(r->phase, sizeof r->phase, "%s", what);
        r->phase_start_s = r->phase_line_s = now_s;
    }
    r->phase_done = done;
    const double elapsed_s = now_s - r->phase_start_s;
    const bool ended = total > 0 && done >= total;
    if (r->console.bars) {
        const struct rt_bar bar = { .what = r->phase,
                                    .done = done,
                                    .total = total,
                                    .elapsed_s = elapsed_s,
                                    .each_s = done > 0 ? elapsed_s / (double)done : 0,
                                    .tail = "" };
        rt_console_bar(&r->console, &bar, ended);
    } else if (ended || now_s - r->phase_line_s >= 60) {
        phase_line(r, done, total, elapsed_s);
        r->phase_line_s = now_s;
    }
    if (ended) {
        rt_console_bar_end(&r->console);
        r->phase[0] = '\0';
    }
}

static void bytes_line(struct rt_report *r, const struct rt_bar *bar)
{
    char done[32], total[32], speed[32], left[48];
    const bool known = bar->each_s > 0;
    rt_report_info(r, "%s: %s of %s (%d%%), %s/s, %s left%s%s", r->phase,
                   rt_console_bytes(done, (double)bar->done), rt_console_bytes(total, (double)bar->total),
                   bar->total > 0 ? (int)(100.0 * (double)bar->done / (double)bar->total) : 100,
                   known ? rt_console_bytes(speed, 1 / bar->each_s) : "?",
                   known ? rt_duration(left, bar->each_s * (double)(bar->total - bar->done)) : "?",
                   bar->tail[0] != '\0' ? ", " : "", bar->tail);
}

void rt_report_bytes(struct rt_report *r, const char *what, int64_t done, int64_t total, const char *tail)
{
    if (r == NULL)
        return;
    const double now_s = rt_now_s();
    if (strncmp(r->phase, what, sizeof r->phase - 1) != 0) {
        rt_console_bar_end(&r->console);
        snprintf(r->phase, sizeof r->phase, "%s", what);
        r->phase_start_s = r->phase_line_s = now_s;
        r->phase_first = done;
    }
    const double elapsed_s = now_s - r->phase_start_s;
    const int64_t since = done - r->phase_first;
    const struct rt_bar bar = { .what = r->phase,
                                .done = done,
                                .total = total,
                                .elapsed_s = elapsed_s,
                                .each_s = since > 0 ? elapsed_s / (double)since : 0,
                                .tail = tail,
                                .bytes = true };
    rt_console_bar(&r->console, &bar, done >= total);
    if (!r->console.bars && done < total && now_s - r->phase_line_s >= 60) {
        bytes_line(r, &bar);
        r->phase_line_s = now_s;
    }
}

void rt_report_step(struct rt_report *r, int64_t step)
{
    if (r == NULL)
        return;
    const double now_s = rt_now_s();
    if (step > r->step) {
        const double each_s = (now_s - r->step_s) / (double)(step - r->step);
        r->step_each_s = r->step_each_s > 0 ? 0.7 * r->step_each_s + 0.3 * each_s : each_s;
        r->step = step;
        r->step_s = now_s;
    }
    const struct rt_bar bar = { .what = "train",
                                .done = step,
                                .total = r->opt.total_steps,
                                .elapsed_s = rt_report_elapsed_s(r),
                                .each_s = r->step_each_s,
                                .tail = r->tail };
    rt_console_bar(&r->console, &bar, step >= r->opt.total_steps);
}
