/* console.c - what a person or a job's log file sees of a run. */
#include "config.h"
#include "report/console.h"
#include "base/clock.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static bool given(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0';
}

static bool locale_is_utf8(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (given(names[i])) { /* the first that is set decides */
            const char *value = getenv(names[i]);
            return strstr(value, "UTF-8") != NULL || strstr(value, "utf8") != NULL ||
                   strstr(value, "utf-8") != NULL || strstr(value, "UTF8") != NULL;
        }
    return false;
}

void rt_console_open(struct rt_console *c, int fd, bool disable_bars)
{
    const char *term = getenv("TERM");
    const bool terminal = fd >= 0 && isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
    *c = (struct rt_console){ .fd = fd,
                              .file = -1,
                              .bars = terminal && !disable_bars,
                              .colour = terminal && !given("NO_COLOR"),
                              .utf8 = locale_is_utf8(),
                              .drawn_s = -1 };
}

void rt_console_colours(struct rt_console *c, const char *word)
{
    if (word != NULL && strcmp(word, "always") == 0)
        c->colour = true;
    if (word == NULL || strcmp(word, "never") != 0)
        return;
    c->colour = c->bars = false;
}

void rt_console_close(struct rt_console *c)
{
    rt_console_bar_end(c);
    if (c->file >= 0)
        close(c->file);
    c->file = -1;
}

/* A console that cannot be written (closed pipe, full disk behind it) must not end a training: no error comes
 * back. */
static void put(int fd, const char *text, size_t bytes)
{
    while (bytes > 0 && fd >= 0) {
        const ssize_t n = write(fd, text, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text += n;
        bytes -= (size_t)n;
    }
}

static void one_line(struct rt_console *c, enum rt_level level, const char *text, size_t length)
{
    static const char erase[] = "\r\033[K";
    char line[9600], stamp[32];
    const time_t now = (time_t)rt_wall_s();
    struct tm t = { 0 };
    localtime_r(&now, &t);
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &t);
    const bool yellow = c->colour && level == RT_LEVEL_WARN;
    const int head =
        snprintf(line, sizeof line, "%s[%s] %s%s%s ", c->bar[0] != '\0' ? erase : "", stamp,
                 yellow ? "\033[33m" : "", level == RT_LEVEL_WARN ? "WARN " : "INFO ", yellow ? "\033[0m" : "");
    size_t used = (size_t)head;
    for (size_t i = 0; i < length && used < 8192 + (size_t)head; i++) {
        const unsigned char ch = (unsigned char)text[i];
        line[used++] = (ch < 0x20 && ch != '\t') || ch == 0x7f ? '?' : text[i];
    }
    line[used++] = '\n';
    const size_t end = used;
    const size_t bar = strlen(c->bar);
    if (bar < sizeof line - used) { /* the bar again, in the same write */
        memcpy(line + used, c->bar, bar);
        used += bar;
    }
    put(c->fd, line, used);
    if (c->file < 0)
        return;
    const size_t text_at = (size_t)head;
    char plain[64];
    const int start =
        snprintf(plain, sizeof plain, "[%s] %s ", stamp, level == RT_LEVEL_WARN ? "WARN " : "INFO ");
    memmove(line + start, line + text_at, end - text_at);
    memcpy(line, plain, (size_t)start);
    put(c->file, line, (size_t)start + end - text_at);
}

void rt_console_line(struct rt_console *c, enum rt_level level, const char *text)
{
    for (;;) {
        const size_t length = strcspn(text, "\n");
        one_line(c, level, text, length);
        text += length;
        if (*text == '\0' || *++text == '\0')
            return;
    }
}

static int columns(const struct rt_console *c)
{
    struct winsize size;
    return ioctl(c->fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20 ? size.ws_col : 80;
}

void rt_console_bar(struct rt_console *c, const struct rt_bar *bar, bool now)
{
    const double clock_s = rt_now_s();
    if (!c->bars || (!now && c->drawn_s >= 0 && clock_s - c->drawn_s < 0.1))
        return;
    c->drawn_s = clock_s;
    rt_bar_text(c->bar, sizeof c->bar, bar, columns(c) - 1, c->utf8); /* the last column would wrap */
    char line[sizeof c->bar + 8];
    const int used = snprintf(line, sizeof line, "\r%s\033[K", c->bar);
    put(c->fd, line, (size_t)used);
}

void rt_console_bar_end(struct rt_console *c)
{
    if (c->bar[0] != '\0')
        put(c->fd, "\n", 1);
    c->bar[0] = '\0';
    c->drawn_s = -1;
}

char *rt_duration(char text[48], double seconds)
{
    const long long s = seconds > 0 && seconds < 1e15 ? (long long)seconds : 0, days = s / 86400;
    int used = 0;
    if (days > 0)
        used = snprintf(text, 48, "%lld day%s, ", days, days == 1 ? "" : "s");
    snprintf(text + used, 48 - (size_t)used, "%lld:%02lld:%02lld", s % 86400 / 3600, s % 3600 / 60, s % 60);
    return text;
}

/* The drawn part: full cells, then one of eight steps. */
static void cells(char *text, size_t size, double share, int width, bool utf8)
{
    static const char *const eighths[] = { " ",      "\u258f", "\u258e", "\u258d",
                                           "\u258c", "\u258b", "\u258a", "\u2589" };
    const int steps = utf8 ? 8 : 1, filled = (int)(share * width * steps);
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < width && used + 4 < size; i++) {
        const int part = filled - i * steps;
        const char *cell = part >= steps ? (utf8 ? "\u2588" : "#") : part > 0 ? eighths[part] : " ";
        used += (size_t)snprintf(text + used, size - used, "%s", cell);
    }
}

char *rt_console_bytes(char text[32], double bytes)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
    size_t unit = 0;
    while (bytes >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1000;
        unit++;
    }
    snprintf(text, 32, "%.*f%s", unit == 0 || bytes >= 99.95 ? 0 : 1, bytes, units[unit]);
    return text;
}

/* done, total and speed of a bar, in its unit. */
static void amounts(const struct rt_bar *bar, char done[32], char total[32], char speed[48])
{
    const double each = bar->each_s;
    snprintf(speed, 48, "?");
    if (bar->bytes) {
        rt_console_bytes(done, (double)bar->done);
        rt_console_bytes(total, (double)bar->total);
        if (each > 0) {
            rt_console_bytes(speed, 1 / each);
            strcat(speed, "/s");
        }
        return;
    }
    snprintf(done, 32, "%lld", (long long)bar->done);
    snprintf(total, 32, "%lld", (long long)bar->total);
    if (each > 0 && each < 1)
        snprintf(speed, 48, "%.2fit/s", 1 / each);
    else if (each >= 1)
        snprintf(speed, 48, "%.2fs/it", each);
}

/* At most `columns` bytes of plain text; the tail is text of ours, one byte a column. */
void rt_bar_text(char *text, size_t size, const struct rt_bar *bar, int columns, bool utf8)
{
    char elapsed[48], left[48] = "?", speed[48], done[32], total[32], right[352], head[128], drawn[512];
    const double each = bar->each_s;
    amounts(bar, done, total, speed);
    if (bar->total > 0 && each > 0)
        rt_duration(left, each * (double)(bar->total - bar->done));
    rt_duration(elapsed, bar->elapsed_s);
    const char *comma = bar->tail[0] != '\0' ? ", " : "";
    if (bar->total <= 0) {
        snprintf(text, size, "%.40s: %s [%s, %s%s%s]", bar->what, done, elapsed, speed, comma, bar->tail);
    } else {
        const double share = fmin(1, fmax(0, (double)bar->done / (double)bar->total));
        snprintf(head, sizeof head, "%.40s: %3d%%|", bar->what, (int)(100 * share));
        snprintf(right, sizeof right, "| %s/%s [%s<%s, %s%s%.100s]", done, total, elapsed, left, speed, comma,
                 bar->tail);
        int width = columns - (int)(strlen(head) + strlen(right));
        width = width > 100 ? 100 : width;
        if (width >= 4) {
            cells(drawn, sizeof drawn, share, width, utf8);
            snprintf(text, size, "%s%s%s", head, drawn, right);
            return;
        }
        head[strlen(head) - 1] = '\0';
        snprintf(text, size, "%s%s", head, right + 1);
    }
    if (columns >= 0 && strlen(text) > (size_t)columns)
        text[columns] = '\0';
}
