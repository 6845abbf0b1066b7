/* bytes.h - bytes that grow: the parts of a store while it is scanned, lines of JSON. */
#ifndef RT_DATA_BYTES_H
#define RT_DATA_BYTES_H

#include <stddef.h>

/* Starts as all zeros; freed by rt_bytes_free. An append that finds no memory sets `failed` and changes
 * nothing, and so do all after it: look once, at the end. */
struct rt_bytes {
    char *data;
    size_t count, room;
    int failed;
};
void rt_bytes_add(struct rt_bytes *bytes, const void *data, size_t count);
void rt_bytes_text(struct rt_bytes *bytes, const char *text); /* without its NUL */
void rt_bytes_format(struct rt_bytes *bytes, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes; what is no UTF-8 becomes U+FFFD. */
void rt_bytes_json(struct rt_bytes *bytes, const char *text);
/* As Python's repr(float): the shortest digits that read back as x. */
void rt_bytes_repr(struct rt_bytes *bytes, double x);
void rt_bytes_free(struct rt_bytes *bytes);

#endif
