/* console.h - private to report: lines with time and level, and one bar below them on a terminal. */
#ifndef RT_REPORT_CONSOLE_H
#define RT_REPORT_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rt_level { RT_LEVEL_INFO, RT_LEVEL_WARN };

struct rt_console {
    int fd;    /* -1: none */
    int file;  /* lines go there too, without colours and bars; -1: none */
    bool bars; /* fd is a terminal that can redraw a line, and bars are wanted */
    bool colour, utf8;
    double drawn_s; /* when the bar was last drawn */
    char bar[1024]; /* the bar that stands there, "" if none */
};

/* A bar's numbers. */
struct rt_bar {
    const char *what;    /* "train", "tokenise" */
    int64_t done, total; /* total 0: unknown */
    double elapsed_s;
    double each_s;    /* seconds for one of them now; 0: unknown */
    const char *tail; /* e.g. "loss 7.0375", or "" */
    bool bytes;       /* of bytes: shown as "1.2GB", "105MB/s" */
};

/* Colours and bars as the terminal behind fd, NO_COLOR, TERM and the locale's variables allow. */
void rt_console_open(struct rt_console *c, int fd, bool disable_bars);
/* "always" or "never" in the place of what the terminal allows; never: no bars either. NULL, "auto": as it is.
 */
void rt_console_colours(struct rt_console *c, const char *word);
/* The bar ends, the file is closed. */
void rt_console_close(struct rt_console *c);
/* text, a line of it at a time, above the bar. Control characters are shown as "?". */
void rt_console_line(struct rt_console *c, enum rt_level level, const char *text);
/* Draws the bar, unless the last one is younger than 0.1 s and `now` is false. Nothing where bars are off. */
void rt_console_bar(struct rt_console *c, const struct rt_bar *bar, bool now);
/* The bar stays as it is; the next thing goes below it. */
void rt_console_bar_end(struct rt_console *c);

/* H:MM:SS, "1 day, 2:03:04", whole seconds: how Python shows a timedelta. Returns text. */
char *rt_duration(char text[48], double seconds);
/* "740B", "1.2MB", "15.3GB": powers of 1000. Returns text. */
char *rt_console_bytes(char text[32], double bytes);
/* The bar in at most `columns` columns. */
void rt_bar_text(char *text, size_t size, const struct rt_bar *bar, int columns, bool utf8);

#endif
