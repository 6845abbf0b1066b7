/*
 * tap.h - the smallest test harness that speaks TAP: one line a check, with the measured value and bound in it.
 *
 * A test is a main() that calls ok() and returns tap_done(). The counter is the one static of a test program.
 */
#ifndef RT_TESTS_TAP_H
#define RT_TESTS_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    int run, failed;
} tap;

__attribute__((format(printf, 2, 3), unused)) static int ok(int passed, const char *fmt, ...)
{
    va_list ap;
    printf("%s %d - ", passed ? "ok" : "not ok", ++tap.run);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    fflush(stdout);
    tap.failed += !passed;
    return passed;
}

__attribute__((format(printf, 1, 2), unused)) static void skip(const char *fmt, ...)
{
    va_list ap;
    printf("ok %d # SKIP ", ++tap.run);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
}

__attribute__((format(printf, 1, 2), unused)) static void diag(const char *fmt, ...)
{
    va_list ap;
    printf("# ");
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
}

__attribute__((unused)) static int tap_done(void)
{
    printf("1..%d\n", tap.run);
    return tap.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
