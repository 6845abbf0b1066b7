/*
 * scalar.c - which type a plain YAML word has.
 *
 * YAML 1.1's patterns as PyYAML writes them, widened for floats as OmegaConf does (1e-4 is a number) and
 * without dates. tests/golden/job_scalars.json holds what OmegaConf itself says.
 */
#include "config.h"

#include "job/node.h"

#include <errno.h>
#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

static const char float_pattern[] = "^([-+]?[0-9][0-9_]*\\.[0-9_]*([eE][-+][0-9]+)?"
                                    "|[-+]?[0-9]+(_[0-9]+)*\\.[0-9_]*([eE][-+]?[0-9]+)?"
                                    "|[-+]?[0-9]+(_[0-9]+)*[eE][-+]?[0-9]+"
                                    "|\\.[0-9][0-9_]*([eE][-+][0-9]+)?"
                                    "|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\\.[0-9_]*"
                                    "|[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN))$";
static const char int_pattern[] =
    "^([-+]?0b[01_]*[01][01_]*|[-+]?0[0-7_]+|[-+]?(0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]*[0-9a-fA-F][0-9a-fA-F_]*"
    "|[-+]?[1-9][0-9_]*(:[0-5]?[0-9])+)$";

enum { NUMBER_CHARS = 128 }; /* no number that anyone writes is longer; a longer word is text */

struct rt_scalars {
    regex_t number, whole;
};

struct rt_scalars *rt_scalars_open(void)
{
    struct rt_scalars *s = malloc(sizeof *s);
    if (s == NULL)
        return NULL;
    if (regcomp(&s->number, float_pattern, REG_EXTENDED | REG_NOSUB) != 0)
        goto err_free;
    if (regcomp(&s->whole, int_pattern, REG_EXTENDED | REG_NOSUB) != 0)
        goto err_free_number;
    return s;

err_free_number:
    regfree(&s->number);
err_free:
    free(s);
    return NULL;
}

void rt_scalars_close(struct rt_scalars *scalars)
{
    if (scalars == NULL)
        return;
    regfree(&scalars->whole);
    regfree(&scalars->number);
    free(scalars);
}

static bool among(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static bool is_null(const char *text)
{
    static const char *const words[] = { "", "~", "null", "Null", "NULL", NULL };
    return among(text, words);
}

static bool is_true(const char *text)
{
    static const char *const words[] = { "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", NULL };
    return among(text, words);
}

static bool is_false(const char *text)
{
    static const char *const words[] = {
        "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", NULL
    };
    return among(text, words);
}

/* The digits without sign and underscores; *negative tells the sign. */
static void strip_number(const char *text, char *digits, bool *negative)
{
    *negative = *text == '-';
    if (*text == '-' || *text == '+')
        text++;
    for (; *text != '\0'; text++)
        if (*text != '_')
            *digits++ = *text;
    *digits = '\0';
}

/* 1:30:15.5 as so many sixtieths: 5415.5. */
static double base_sixty(const char *digits)
{
    double value = 0;
    for (;;) {
        char *end;
        value = value * 60 + strtod(digits, &end);
        if (*end != ':')
            return value;
        digits = end + 1;
    }
}

static void read_int(struct rt_node *node)
{
    char digits[NUMBER_CHARS + 1];
    bool negative;
    strip_number(node->text, digits, &negative);
    unsigned long long u;
    errno = 0;
    if (strchr(digits, ':') != NULL) {
        const double value = base_sixty(digits); /* exact below 2^53; larger ones saturate */
        u = value < 9007199254740992.0 ? (unsigned long long)value : UINT64_MAX;
    } else if (digits[0] == '0' && digits[1] == 'b') {
        u = strtoull(digits + 2, NULL, 2);
    } else {
        u = strtoull(digits, NULL, 0); /* 0x is hexadecimal, a leading 0 octal */
    }
    node->kind = RT_NODE_INT;
    if (errno == ERANGE || u > (unsigned long long)INT64_MAX)
        node->i = negative ? INT64_MIN : INT64_MAX;
    else
        node->i = negative ? -(int64_t)u : (int64_t)u;
    node->f = (double)node->i;
}

static void read_float(struct rt_node *node)
{
    char digits[NUMBER_CHARS + 1];
    bool negative;
    strip_number(node->text, digits, &negative);
    double value;
    if (digits[0] == '.' && (digits[1] == 'i' || digits[1] == 'I'))
        value = INFINITY;
    else if (digits[0] == '.' && (digits[1] == 'n' || digits[1] == 'N'))
        value = NAN;
    else
        value = base_sixty(digits);
    node->kind = RT_NODE_FLOAT;
    node->f = negative ? -value : value;
}

static bool matches(const regex_t *pattern, const char *text)
{
    return strlen(text) <= NUMBER_CHARS && regexec(pattern, text, 0, NULL, 0) == 0;
}

void rt_scalar_resolve(const struct rt_scalars *scalars, struct rt_node *node)
{
    const char *text = node->text;
    if (is_null(text)) {
        node->kind = RT_NODE_NULL;
    } else if (is_true(text) || is_false(text)) {
        node->kind = RT_NODE_BOOL;
        node->b = is_true(text);
    } else if (matches(&scalars->number, text)) {
        read_float(node);
    } else if (matches(&scalars->whole, text)) {
        read_int(node);
    } else {
        node->kind = RT_NODE_STR;
    }
}

bool rt_scalar_by_tag(const struct rt_scalars *scalars, struct rt_node *node, const char *tag)
{
    static const char prefix[] = "tag:yaml.org,2002:";
    if (strncmp(tag, prefix, sizeof prefix - 1) != 0)
        return false;
    const char *name = tag + sizeof prefix - 1;
    if (strcmp(name, "str") == 0) {
        node->kind = RT_NODE_STR;
        return true;
    }
    rt_scalar_resolve(scalars, node);
    if (strcmp(name, "float") == 0 && node->kind == RT_NODE_INT)
        node->kind = RT_NODE_FLOAT;
    return (strcmp(name, "null") == 0 && node->kind == RT_NODE_NULL) ||
           (strcmp(name, "bool") == 0 && node->kind == RT_NODE_BOOL) ||
           (strcmp(name, "int") == 0 && node->kind == RT_NODE_INT) ||
           (strcmp(name, "float") == 0 && node->kind == RT_NODE_FLOAT);
}
