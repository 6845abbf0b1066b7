/*
 * pyjson.h - JSON as Python's json module writes and reads it, character for character.
 *
 * Values are jansson's. jansson holds no NaN and no infinity, Python's JSON does: here such a number is a
 * string value that starts with U+0001, made by rt_pyjson_real and known to the writer and the reader below.
 */
#ifndef RT_BASE_PYJSON_H
#define RT_BASE_PYJSON_H

#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { RT_PYJSON_NUMBER = 48 }; /* room for any number, e.g. "-2.2250738585072014e-308" */

struct rt_pyjson_style {
    int indent;     /* spaces a level, one member a line; 0: one line, separators ", " and ": " */
    bool sort_keys; /* by code point; else in the order of insertion */
    bool utf8;      /* ensure_ascii=False: characters stand as they are, not as \uXXXX */
};

/* repr(x): the fewest digits that give x back, "1.0", "1e-05", "1e+16", "NaN", "-Infinity". Returns text. */
char *rt_pyjson_repr(char text[RT_PYJSON_NUMBER], double x);

/* round(x, decimals) as Python rounds: the nearest decimal of the exact value, half to even. decimals 0..17. */
double rt_pyjson_round(double x, int decimals);

/* A number, finite or not; NULL without memory. */
json_t *rt_pyjson_real(double x);
/* The number in a value made by rt_pyjson_real, rt_pyjson_parse or json_integer; false for anything else. */
bool rt_pyjson_get(const json_t *value, double *x);

/* json.dumps(text) of bytes of it, utf8 as in the style; serde_json of Rust quotes like utf8 = true. A byte
 * that is not UTF-8 is what os.fsdecode makes of it, \udcXX, and with utf8 stands as it is. */
void rt_pyjson_quote(FILE *out, const char *text, size_t bytes, bool utf8);

/* json.dumps(value): *text is malloc'ed and ends in a NUL that *bytes (may be NULL) does not count. No newline
 * at the end. Fails: RT_ERR_MEMORY, RT_ERR_INTERNAL (nested too deep). */
rt_status rt_pyjson_text(const json_t *value, struct rt_pyjson_style style, char **text, size_t *bytes,
                         struct rt_error *err);

/* json.loads(text): takes NaN, Infinity and -Infinity too. `name` is the file's, for the message.
 * Fails: RT_ERR_FILE "name:line: ...", RT_ERR_MEMORY. */
rt_status rt_pyjson_parse(json_t **value, const char *text, size_t bytes, const char *name,
                          struct rt_error *err);

#endif
