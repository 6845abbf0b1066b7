/* test_keys.c - the table of keys is whole: every key of the reference, its default, its choices, and no key
 * twice. */
#include "config.h"

#include "job_test.h"

#include "job/keys.h"
#include "job/value.h"

#include <jansson.h>
#include <math.h>

/* The golden default as the text that the table would hold, compared as numbers where both are numbers. */
static bool default_agrees(const struct rt_key *key, const json_t *want)
{
    double number;
    if (strcmp(key->name, "output_dir") == 0)
        return json_is_null(want) && strcmp(key->def, "trainer_output") == 0; /* set after the dataclass */
    if (json_is_null(want) || (json_is_string(want) && json_string_length(want) == 0))
        return strcmp(key->def, "null") == 0;
    if (json_is_boolean(want))
        return strcmp(key->def, json_is_true(want) ? "true" : "false") == 0;
    if (json_is_number(want))
        return rt_number_of_text(key->def, &number) && number == json_number_value(want);
    return strcmp(key->def, json_string_value(want)) == 0;
}

static bool type_agrees(const struct rt_key *key, const char *type)
{
    switch (key->type) {
    case RT_KEY_BOOL: return strcmp(type, "bool") == 0;
    case RT_KEY_INT: return strcmp(type, "int") == 0;
    case RT_KEY_NUM: /* lora_alpha: a fraction works in the reference */
        return strcmp(type, "float") == 0 || strcmp(key->name, "lora_alpha") == 0;
    case RT_KEY_CHOICE:
        return strcmp(type, "choice") == 0 ||
               strcmp(type, "str") == 0 /* some are checked after the dataclass */ ||
               strcmp(key->name, "include_num_input_tokens_seen") == 0; /* also a boolean */
    default: return strcmp(type, "str") == 0 || strcmp(type, "other") == 0;
    }
}

static void check_golden(void)
{
    char *text = source_file("tests/golden/job_keys.json", NULL);
    json_t *keys = json_loads(text, 0, NULL), *k, *word;
    size_t index, at;
    ok(json_array_size(keys) == 346, "%zu recorded keys == 346", json_array_size(keys));
    json_array_foreach (keys, index, k) {
        const char *name = json_string_value(json_object_get(k, "name"));
        const size_t found = rt_key_find(name);
        if (found == rt_key_count()) {
            ok(false, "%s is in the table", name);
            continue;
        }
        const struct rt_key *key = rt_key_at(found);
        bool knows = true;
        json_array_foreach (json_object_get(k, "choices"), at, word)
            knows = knows && rt_word_among(key->choices, json_string_value(word));
        const bool good_default = default_agrees(key, json_object_get(k, "default"));
        const bool good_type = type_agrees(key, json_string_value(json_object_get(k, "type")));
        ok(good_default && good_type && knows,
           "%s: default %s (%d), type (%d) and choices (%d) are the reference's", name, key->def, good_default,
           good_type, knows);
    }
    json_decref(keys);
    free(text);
}

/* Has bounds that a double and an int64_t both hold, and an example for messages. */
static bool good_number(const struct rt_key *key)
{
    if (key->type != RT_KEY_INT && key->type != RT_KEY_NUM)
        return true;
    if (key->type == RT_KEY_INT && !(key->min >= -0x1p53 && key->max <= 0x1p53))
        return false;
    return key->min < key->max && key->example != NULL && isfinite(key->max);
}

static void check_table(void)
{
    for (size_t i = 0; i < rt_key_count(); i++) {
        const struct rt_key *key = rt_key_at(i);
        char wants[RT_WANTS_CHARS];
        const bool once = rt_key_find(key->name) == i;
        const bool texts = key->text != NULL && key->text[0] != '\0' && key->def != NULL;
        const bool fits = strlen(rt_key_wants(key, wants, sizeof wants)) < sizeof wants - 1;
        const bool list =
            key->type != RT_KEY_LIST || key->at == RT_KEY_NOWHERE || key->count_at != RT_KEY_NOWHERE;
        const bool nearest = key->legacy || strcmp(rt_key_nearest(key->name), key->name) == 0;
        ok(once && texts && fits && list && nearest && good_number(key),
           "%s: once %d, texts %d, fits %d, list %d, "
           "nearest %d, number %d",
           key->name, once, texts, fits, list, nearest, good_number(key));
    }
}

/* Every example is itself taken, in every form. */
static void check_examples(void)
{
    for (size_t i = 0; i < rt_key_count(); i++) {
        const struct rt_key *key = rt_key_at(i);
        if (key->example == NULL || key->use != RT_KEY_DONE)
            continue;
        struct opened o;
        char line[256];
        snprintf(line, sizeof line, "%s: %s\n", key->name, key->example);
        job_lines(&o, line);
        ok(o.st == RT_OK, "%s: %s is taken (%s)", key->name, key->example, o.err.text);
        job_end(&o);
    }
}

int main(void)
{
    check_golden();
    check_table();
    check_examples();
    ok(strcmp(rt_key_nearest("lora_rnak"), "lora_rank") == 0, "lora_rnak -> %s", rt_key_nearest("lora_rnak"));
    ok(strcmp(rt_key_nearest("Learning-Rate"), "learning_rate") == 0, "Learning-Rate -> %s",
       rt_key_nearest("Learning-Rate"));
    ok(strcmp(rt_key_nearest("cutof_len"), "cutoff_len") == 0, "cutof_len -> %s", rt_key_nearest("cutof_len"));
    ok(rt_key_renamed("evaluation_strategy") != NULL && rt_key_renamed("lora_rank") == NULL, "renamed keys");
    return tap_done();
}
