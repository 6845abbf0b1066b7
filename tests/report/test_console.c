/* test_console.c - lines and bars: on a terminal (a pseudo one), in a file, with NO_COLOR. */
#include "config.h"
#include "report/console.h"
#include "report/report.h"
#include "report/report_test.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

/* A pseudo terminal of `columns`; what is written to *fd is read from the result. */
static int terminal_open(int *fd, int columns)
{
    const int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        return -1;
    *fd = open(ptsname(master), O_RDWR | O_NOCTTY);
    const struct winsize size = { .ws_row = 24, .ws_col = (unsigned short)columns };
    struct termios raw;
    if (*fd < 0 || ioctl(*fd, TIOCSWINSZ, &size) != 0 || tcgetattr(*fd, &raw) != 0)
        return -1;
    raw.c_oflag &= ~(tcflag_t)OPOST; /* newlines as they are */
    tcsetattr(*fd, TCSANOW, &raw);
    fcntl(master, F_SETFL, O_NONBLOCK);
    return master;
}

static const char *terminal_read(int master, char text[8192])
{
    size_t used = 0;
    ssize_t n;
    while (used < 8191 && (n = read(master, text + used, 8191 - used)) > 0)
        used += (size_t)n;
    text[used] = '\0';
    return text;
}

/* "[YYYY-MM-DD HH:MM:SS] " at the start? */
static bool stamped(const char *text)
{
    const char *form = "[0000-00-00 00:00:00] ";
    for (size_t i = 0; form[i] != '\0'; i++)
        if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return false;
    return true;
}

static void check_duration(void)
{
    static const struct {
        double s;
        const char *want;
    } c[] = {
        { 0, "0:00:00" },      { 59.999, "0:00:59" },       { 3661, "1:01:01" },
        { 86399, "23:59:59" }, { 86400, "1 day, 0:00:00" }, { 200000, "2 days, 7:33:20" },
        { -5, "0:00:00" },
    };
    char text[48];
    for (size_t i = 0; i < sizeof c / sizeof *c; i++)
        ok(strcmp(rt_duration(text, c[i].s), c[i].want) == 0, "%g s is %s", c[i].s, text);
}

static void check_bytes(void)
{
    static const struct {
        double bytes;
        const char *want;
    } c[] = { { 0, "0B" },         { 999, "999B" },      { 1000, "1.0kB" },
              { 99940, "99.9kB" }, { 99960, "100kB" },   { 999499, "999kB" },
              { 999500, "1.0MB" }, { 15.3e9, "15.3GB" }, { 1e18, "1000PB" } };
    char text[32];
    for (size_t i = 0; i < sizeof c / sizeof *c; i++)
        ok(strcmp(rt_console_bytes(text, c[i].bytes), c[i].want) == 0, "%g bytes are %s", c[i].bytes, text);
}

static void check_bar_text(void)
{
    char text[1024];
    struct rt_bar bar = {
        .what = "train", .done = 5, .total = 12, .elapsed_s = 20.5, .each_s = 4.1, .tail = "loss 7.5289"
    };
    rt_bar_text(text, sizeof text, &bar, 79, false);
    ok(strcmp(text, "train:  41%|########            | 5/12 [0:00:20<0:00:28, 4.10s/it, loss 7.5289]") == 0,
       "%s", text);
    bar.done = 12;
    bar.each_s = 0.25;
    rt_bar_text(text, sizeof text, &bar, 60, true);
    ok(strcmp(text, "train: 100% 12/12 [0:00:20<0:00:00, 4.00it/s, loss 7.5289]") == 0,
       "too narrow for cells: %s", text);
    rt_bar_text(text, sizeof text, &bar, 30, true);
    ok(strlen(text) == 30, "cut to 30 columns: %s", text);
    bar = (struct rt_bar){ .what = "download",
                           .done = 7700000000,
                           .total = 15300000000,
                           .elapsed_s = 12,
                           .each_s = 1 / 105e6,
                           .tail = "3/12 files",
                           .bytes = true };
    rt_bar_text(text, sizeof text, &bar, 79, false);
    ok(strcmp(text, "download:  50%|#####      | 7.7GB/15.3GB [0:00:12<0:01:12, 105MB/s, 3/12 files]") == 0,
       "%s", text);
    bar = (struct rt_bar){ .what = "scan", .done = 7, .elapsed_s = 1, .each_s = 0.5, .tail = "" };
    rt_bar_text(text, sizeof text, &bar, 79, true);
    ok(strcmp(text, "scan: 7 [0:00:01, 2.00it/s]") == 0, "no total: %s", text);
    bar.total = 1000;
    for (bar.done = 0; bar.done <= 1000; bar.done++) { /* every share of a cell keeps the width */
        rt_bar_text(text, sizeof text, &bar, 99, true);
        size_t columns = 0;
        for (const char *c = text; *c != '\0'; c++)
            columns += ((unsigned char)*c & 0xc0) != 0x80;
        if (columns != 99)
            ok(0, "bar at %lld has %zu columns", (long long)bar.done, columns);
    }
    ok(1, "1001 bars of 99 columns; the last: %s", text);
}

static void check_terminal(void)
{
    int fd = -1;
    const int master = terminal_open(&fd, 80);
    char text[8192];
    if (master < 0) {
        skip("no pseudo terminal here");
        return;
    }
    setenv("TERM", "xterm", 1);
    setenv("LC_ALL", "C", 1);
    unsetenv("NO_COLOR");
    struct rt_console c;
    rt_console_open(&c, fd, false);
    ok(c.bars && c.colour && !c.utf8, "a terminal has bars and colour; LC_ALL=C has no UTF-8");
    rt_console_line(&c, RT_LEVEL_INFO, "one\ntwo \033[2J\n");
    terminal_read(master, text);
    ok(stamped(text) && strstr(text, "] INFO  one\n[") != NULL && strstr(text, "] INFO  two ?[2J\n") != NULL,
       "two lines, no foreign escape sequence");
    const struct rt_bar bar = {
        .what = "train", .done = 1, .total = 4, .elapsed_s = 1, .each_s = 1, .tail = ""
    };
    rt_console_bar(&c, &bar, false);
    terminal_read(master, text);
    ok(text[0] == '\r' && strstr(text, "train:  25%|") == text + 1 && strstr(text, "\033[K") != NULL,
       "a bar: %s", text + 1);
    rt_console_bar(&c, &bar, false);
    ok(terminal_read(master, text)[0] == '\0', "not drawn again within 0.1 s");
    rt_console_line(&c, RT_LEVEL_WARN, "careful");
    terminal_read(master, text);
    const char *line = strstr(text, "\033[33mWARN \033[0m careful\n");
    ok(strncmp(text, "\r\033[K[", 5) == 0 && line != NULL && strstr(line, "\ntrain:  25%|") != NULL,
       "a line goes above the bar, the bar below it again");
    rt_console_bar_end(&c);
    ok(strcmp(terminal_read(master, text), "\n") == 0, "the bar ends with a newline");
    setenv("NO_COLOR", "1", 1);
    rt_console_open(&c, fd, false);
    ok(c.bars && !c.colour, "NO_COLOR: a bar, no colour");
    rt_console_open(&c, fd, true);
    rt_console_bar(&c, &bar, true);
    ok(!c.bars && terminal_read(master, text)[0] == '\0', "disable_tqdm: no bar");
    setenv("TERM", "dumb", 1);
    rt_console_open(&c, fd, false);
    ok(!c.bars && !c.colour, "TERM=dumb: neither");
    rt_console_colours(&c, "always");
    ok(!c.bars && c.colour, "color: always brings colour where the terminal says nothing");
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    rt_console_open(&c, fd, false);
    rt_console_colours(&c, "never");
    ok(!c.bars && !c.colour, "color: never takes colour and bar");
    rt_console_open(&c, fd, false);
    rt_console_colours(&c, "auto");
    ok(c.bars && c.colour, "color: auto leaves them");
    int ends[2];
    char kept[256] = "";
    if (pipe(ends) == 0) {
        c.file = ends[1];
        rt_console_bar(&c, &bar, true);
        rt_console_line(&c, RT_LEVEL_WARN, "careful");
        rt_console_close(&c);
        const ssize_t n = read(ends[0], kept, sizeof kept - 1);
        terminal_read(master, text);
        ok(n > 0 && c.file == -1 && stamped(kept) && strchr(kept, '\033') == NULL &&
               strchr(kept, '\r') == NULL && strstr(kept, "] WARN  careful\n") != NULL &&
               strchr(kept, '\n') == kept + n - 1,
           "a log file gets the line, no colour and no bar: %.*s", (int)strcspn(kept, "\n"), kept);
        close(ends[0]);
    }
    setenv("LC_ALL", "de_DE.UTF-8", 1);
    rt_console_open(&c, fd, false);
    ok(c.utf8, "UTF-8 locale");
    close(fd);
    close(master);
}

/* The whole report with stderr as `fd`; returns what it wrote, from a file. */
static void run_report(const char *dir, int fd)
{
    struct rt_error err = { 0 };
    const struct rt_report_options opt = { .output_dir = dir, .total_steps = 2, .logging_steps = 1 };
    const struct rt_train_log log = { .step = 1,
                                      .loss = 7.25,
                                      .grad_norm = 1.5,
                                      .learning_rate = 2e-5,
                                      .epoch = 0.5,
                                      .tokens_per_s = 15020.4,
                                      .data_wait_s = 0.012 };
    struct rt_report *r = NULL;
    const int saved = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
    rt_status st = rt_report_open(&r, &opt, &err);
    rt_report_progress(r, "tokenise", 0, 10);
    rt_report_progress(r, "tokenise", 5, 10);
    rt_report_progress(r, "tokenise", 10, 10);
    if (st == RT_OK)
        st = rt_report_begin(r, &opt, 0, &err);
    rt_report_step(r, 1);
    if (st == RT_OK)
        st = rt_report_train(r, &log, &err);
    rt_report_step(r, 2);
    rt_report_warn(r, "one %s", "warning");
    rt_report_close(r);
    dup2(saved, STDERR_FILENO);
    close(saved);
    ok(st == RT_OK, "a run of two steps %s", err.text);
}

static void check_file(void)
{
    char *dir = scratch_make(), *path = joined(dir, "stderr");
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    run_report(dir, fd);
    close(fd);
    char *text = slurp(dir, "stderr");
    ok(strchr(text, '\r') == NULL && strchr(text, '\033') == NULL, "a file gets no carriage return, no escape");
    int lines = 0, dated = 0;
    for (char *at = text; *at != '\0'; at = strchr(at, '\n') + 1, lines++)
        dated += stamped(at);
    ok(lines == 3 && dated == 3, "%d lines, %d with a time", lines, dated);
    ok(strstr(text, "] INFO  tokenise: 10 in 0:00:00\n") != NULL, "a phase is one line when it is short");
    ok(strstr(text, "] INFO  step 1/2  loss 7.2500  grad_norm 1.5  lr 2e-05  epoch 0.50  15020 tokens/s  "
                    "data wait 0.01 s  left 0:00:0") != NULL,
       "a line a log");
    ok(strstr(text, "] WARN  one warning\n") != NULL, "a warning");
    free(text);
    free(path);
    scratch_remove(dir);
}

static void check_run(void)
{
    int fd = -1;
    const int master = terminal_open(&fd, 100);
    char text[8192];
    if (master < 0) {
        skip("no pseudo terminal here");
        return;
    }
    setenv("TERM", "xterm", 1);
    char *dir = scratch_make();
    run_report(dir, fd);
    terminal_read(master, text);
    ok(strstr(text, "\rtokenise: 100%|") != NULL && strstr(text, "\rtrain:  50%|") != NULL &&
           strstr(text, "\rtrain: 100%|") != NULL && strstr(text, "loss 7.2500]") != NULL &&
           text[strlen(text) - 1] == '\n',
       "bars of the phase and of the steps, with the loss");
    scratch_remove(dir);
    close(fd);
    close(master);
}

int main(void)
{
    unsetenv("TENSORBOARD_LOGGING_DIR");
    check_duration();
    check_bytes();
    check_bar_text();
    check_terminal();
    check_file();
    check_run();
    return tap_done();
}
