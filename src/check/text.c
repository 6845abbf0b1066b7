/* text.c - numbers in words. */
#include "config.h"
#include "check/state.h"

#include <math.h>
#include <stdio.h>

const char *rt_words_bytes(char text[RT_WORDS], double bytes)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
    int u = 0;
    for (; bytes >= 999.5 && u < 4; u++) /* three digits before the point are the most */
        bytes /= 1024;
    snprintf(text, RT_WORDS, u == 0 ? "%.0f %s" : "%.3g %s", bytes, units[u]);
    return text;
}

/* The prefix for x, and by what x is divided. */
static const char *prefix(double x, double *scale)
{
    static const char *const prefixes[] = { "", "k", "M", "G", "T", "P" };
    int p = 0;
    for (*scale = 1; fabs(x) / *scale >= 999.5 && p < 5; p++)
        *scale *= 1000;
    return prefixes[p];
}

const char *rt_words_rate(char text[RT_WORDS], double rate, const char *unit)
{
    double scale;
    const char *const p = prefix(rate, &scale);
    snprintf(text, RT_WORDS, "%.3g %s%s", rate / scale, p, unit);
    return text;
}

const char *rt_words_range(char text[RT_WORDS], const double *x, int n, const char *unit)
{
    double low = INFINITY, high = -INFINITY, scale;
    for (int i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            continue;
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    if (high < low) {
        snprintf(text, RT_WORDS, "unknown");
        return text;
    }
    if (high - low <= 0.02 * high)
        return rt_words_rate(text, low, unit);
    const char *const p = prefix(high, &scale);
    snprintf(text, RT_WORDS, "%.3g to %.3g %s%s", low / scale, high / scale, p, unit);
    return text;
}

const char *rt_words_seconds(char text[RT_WORDS], double seconds)
{
    if (seconds < 999.5e-6)
        snprintf(text, RT_WORDS, "%.3g us", seconds * 1e6);
    else if (seconds < 999.5e-3)
        snprintf(text, RT_WORDS, "%.3g ms", seconds * 1e3);
    else if (seconds < 120)
        snprintf(text, RT_WORDS, "%.3g s", seconds);
    else if (seconds < 7200)
        snprintf(text, RT_WORDS, "%.3g minutes", seconds / 60);
    else
        snprintf(text, RT_WORDS, "%.4g h", seconds / 3600);
    return text;
}
