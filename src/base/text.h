/* text.h - building a line of text piece by piece. */
#ifndef RT_BASE_TEXT_H
#define RT_BASE_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* The formatted piece behind what text[bytes] holds; what does not fit is cut off. */
static inline void rt_text_add(char *text, size_t bytes, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static inline void rt_text_add(char *text, size_t bytes, const char *fmt, ...)
{
    const size_t used = strlen(text);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text + used, bytes - used, fmt, ap);
    va_end(ap);
}

#endif
