/* test_scalars.c - plain YAML words have the types and values that OmegaConf gives them:
 * golden/job_scalars.json. */
#include "config.h"

#include "job_test.h"

#include "job/node.h"

#include <jansson.h>
#include <math.h>

static bool float_is(const char *repr, double f)
{
    if (strcmp(repr, "nan") == 0)
        return isnan(f);
    const double want = strtod(repr, NULL); /* Python writes inf and digits as strtod reads them */
    return want == f && signbit(want) == signbit(f);
}

static bool agrees(const struct rt_node *node, const char *type, const char *value)
{
    char digits[32];
    switch (node->kind) {
    case RT_NODE_NULL: return strcmp(type, "null") == 0;
    case RT_NODE_BOOL: return strcmp(type, "bool") == 0 && strcmp(value, node->b ? "True" : "False") == 0;
    case RT_NODE_INT:
        snprintf(digits, sizeof digits, "%lld", (long long)node->i);
        return strcmp(type, "int") == 0 && strcmp(value, digits) == 0;
    case RT_NODE_FLOAT: return strcmp(type, "float") == 0 && float_is(value, node->f);
    case RT_NODE_STR: return strcmp(type, "str") == 0 && strcmp(value, node->text) == 0;
    default: return false;
    }
}

int main(void)
{
    char *text = source_file("tests/golden/job_scalars.json", NULL);
    json_t *cases = json_loads(text, 0, NULL);
    struct rt_scalars *scalars = rt_scalars_open();
    size_t index;
    json_t *c;
    ok(json_array_size(cases) >= 150, "%zu recorded scalars >= 150", json_array_size(cases));
    json_array_foreach (cases, index, c) {
        const char *word = json_string_value(json_object_get(c, "text"));
        const char *type = json_string_value(json_object_get(c, "type"));
        const char *value = json_string_value(json_object_get(c, "value"));
        struct rt_job_store *store = rt_store_open();
        struct rt_error err = { 0 };
        struct rt_node *root = NULL;
        char line[256];
        const int n = snprintf(line, sizeof line, "k: %s\n", word);
        const rt_status st = rt_yaml_read(store, scalars, "a.yaml", true, line, (size_t)n, &root, &err);
        if (strcmp(type, "error") == 0)
            ok(st == RT_ERR_JOB, "k: %s is refused (%s)", word, err.text);
        else
            ok(st == RT_OK && agrees(rt_map_find(root, "k"), type, value), "k: %s is %s %s (status %d %s)",
               word, type, value, st, err.text);
        rt_store_close(store);
    }
    rt_scalars_close(scalars);
    json_decref(cases);
    free(text);
    return tap_done();
}
