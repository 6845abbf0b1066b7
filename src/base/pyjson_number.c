/* pyjson_number.c - numbers as Python writes and rounds them. */
#include "config.h"
#include "base/pyjson.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Splits "d.ddde+xx" into its digits and the power of ten before which the point stands: 0.dddd * 10^point. */
static int split(const char *text, char digits[24], int *point)
{
    int count = 0;
    for (; *text != '\0' && *text != 'e'; text++) /* passes over the point, whatever the locale makes of it */
        if (*text >= '0' && *text <= '9' && count < 19)
            digits[count++] = *text;
    digits[count] = '\0';
    *point = *text == 'e' ? (int)strtol(text + 1, NULL, 10) + 1 : 1;
    return count;
}

/* The fewest digits of x > 0. A normal number with a decimal of at most 15 digits shows it at 15; only a
 * subnormal one can be shorter than that. Below a power of two doubles lie twice as close as above it: there
 * the nearest decimal may miss x from below while the next one up, farther away, still reads as x. */
static int shortest_digits(double x, char digits[24], int *point)
{
    char text[48];
    int count = 0;
    for (int n = x < DBL_MIN ? 1 : 15; n <= 17; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, x);
        count = split(text, digits, point);
        if (strtod(text, NULL) == x)
            break;
        snprintf(text, sizeof text, "%llde%d", strtoll(digits, NULL, 10) + 1, *point - count);
        if (strtod(text, NULL) == x) {
            snprintf(digits, 24, "%lld", strtoll(digits, NULL, 10) + 1);
            *point += (int)strlen(digits) - count; /* 9.99 became 10.00 */
            count = (int)strlen(digits);
            break;
        }
    }
    while (count > 1 && digits[count - 1] == '0')
        digits[--count] = '\0';
    return count;
}

char *rt_pyjson_repr(char text[RT_PYJSON_NUMBER], double x)
{
    if (!isfinite(x)) {
        snprintf(text, RT_PYJSON_NUMBER, "%s", isnan(x) ? "NaN" : x > 0 ? "Infinity" : "-Infinity");
        return text;
    }
    char digits[24];
    int point, used = 0;
    const int count = shortest_digits(fabs(x), digits, &point);
    if (signbit(x))
        text[used++] = '-';
    const size_t room = (size_t)(RT_PYJSON_NUMBER - used);
    if (x == 0)
        snprintf(text + used, room, "0.0");
    else if (point > -4 && point <= 0)
        snprintf(text + used, room, "0.%.*s%s", -point, "0000", digits);
    else if (point > 0 && point < count)
        snprintf(text + used, room, "%.*s.%s", point, digits, digits + point);
    else if (point >= count && point <= 16)
        snprintf(text + used, room, "%s%.*s.0", digits, point - count, "0000000000000000");
    else
        snprintf(text + used, room, "%c%s%se%c%02d", digits[0], count > 1 ? "." : "", digits + 1,
                 point > 0 ? '+' : '-', abs(point - 1));
    return text;
}

double rt_pyjson_round(double x, int decimals)
{
    char text[400]; /* 309 digits before the point */
    if (!isfinite(x))
        return x;
    snprintf(text, sizeof text, "%.*f", decimals, x);
    return strtod(text, NULL);
}
