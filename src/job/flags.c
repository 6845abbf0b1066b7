/*
 * flags.c - the command line as argparse reads it for the reference: --key value, --key=value,
 * --key-with-dashes, prefixes that only one key has, bare --flag for true and --no_flag for false; the last one
 * wins.
 */
#include "config.h"

#include "job/keys.h"
#include "job/value.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { NAME_CHARS = 128 };

struct flag {
    char name[NAME_CHARS];    /* as typed behind --, with _ for - */
    const char *value;        /* behind =, or NULL */
    const struct rt_key *key; /* NULL: unknown */
    bool no;                  /* --no_key */
};

static bool is_negative_number(const char *word)
{
    double number;
    return word[0] == '-' && (isdigit((unsigned char)word[1]) || word[1] == '.') &&
           rt_number_of_text(word, &number);
}

/* argparse's rule: what starts with - is a flag, unless it is a lone -, a negative number, or holds a space. */
static bool is_flag(const char *word)
{
    return word[0] == '-' && word[1] != '\0' && !is_negative_number(word) &&
           (strncmp(word, "--", 2) == 0 || strchr(word, ' ') == NULL);
}

static bool is_utf8(const char *word)
{
    for (const unsigned char *p = (const unsigned char *)word; *p != '\0';) {
        const size_t n = *p < 0x80 ? 1 : *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
        if ((*p >= 0x80 && *p < 0xc2) || *p > 0xf4)
            return false;
        for (size_t i = 1; i < n; i++)
            if ((p[i] & 0xc0) != 0x80)
                return false;
        p += n;
    }
    return true;
}

static bool has_no_form(const struct rt_key *key)
{
    return key->type == RT_KEY_BOOL && strcmp(key->def, "true") == 0;
}

/* The key that `name` is a prefix of, alone. *hits counts them; `others` collects their names for the message.
 */
static void find_prefix(struct flag *flag, int *hits, char *others, size_t bytes)
{
    const size_t n = strlen(flag->name);
    size_t used = 0;
    for (size_t i = 0; i < rt_key_count(); i++) {
        const struct rt_key *key = rt_key_at(i);
        if (key->legacy)
            continue;
        for (int no = 0; no <= has_no_form(key); no++) {
            char full[NAME_CHARS];
            snprintf(full, sizeof full, "%s%s", no ? "no_" : "", key->name);
            if (strncmp(full, flag->name, n) != 0)
                continue;
            ++*hits;
            flag->key = key;
            flag->no = no;
            if (used < bytes)
                used += (size_t)snprintf(others + used, bytes - used, "%s--%s", used > 0 ? ", " : "", full);
        }
    }
}

static rt_status identify(struct flag *flag, const char *word, struct rt_error *err)
{
    const char *start = word + strspn(word, "-");
    const size_t length = strcspn(start, "=");
    flag->value = start[length] == '=' ? start + length + 1 : NULL;
    flag->key = NULL;
    flag->no = false;
    if (length == 0 || length >= NAME_CHARS - 4 || strncmp(word, "--", 2) != 0)
        return rt_fail(err, RT_ERR_USAGE, "%.60s: write --key value", word);
    for (size_t i = 0; i < length; i++)
        flag->name[i] = start[i] == '-' ? '_' : start[i];
    flag->name[length] = '\0';
    size_t index = rt_key_find(flag->name);
    if (index == rt_key_count() && strncmp(flag->name, "no_", 3) == 0) {
        index = rt_key_find(flag->name + 3);
        flag->no = index < rt_key_count() && has_no_form(rt_key_at(index));
        if (!flag->no)
            index = rt_key_count();
    }
    if (index < rt_key_count()) {
        flag->key = rt_key_at(index);
        return RT_OK;
    }
    int hits = 0;
    char others[400];
    find_prefix(flag, &hits, others, sizeof others);
    if (hits > 1)
        return rt_fail(err, RT_ERR_USAGE, "--%s: could be any of %s; write it out", flag->name, others);
    return RT_OK; /* one, or unknown: rt_job_open tells all unknown ones together */
}

static struct rt_node *text_node(struct rt_job_store *store, const char *text)
{
    struct rt_node *node = rt_node_new(store, RT_NODE_STR);
    if (node != NULL) {
        node->source = RT_FROM_FLAG;
        node->text = text;
    }
    return node;
}

/* The words that follow a flag and are its values: how many. */
static int count_values(const struct flag *flag, int argc, char **argv)
{
    int n = 0;
    const int most = flag->key == NULL || flag->key->type == RT_KEY_LIST ? argc : 1;
    if (flag->no || flag->value != NULL)
        return 0;
    while (n < argc && n < most && !is_flag(argv[n]))
        n++;
    return n;
}

static rt_status flag_value(struct rt_job_store *store, const struct flag *flag, int values, char **argv,
                            struct rt_node **out, struct rt_error *err)
{
    struct rt_node *node;
    if (flag->no && flag->value != NULL)
        return rt_fail(err, RT_ERR_USAGE, "--%s: takes no value", flag->name);
    if (flag->value != NULL || values == 1) {
        node = text_node(store, flag->value != NULL ? flag->value : argv[0]);
    } else if (values > 1) {
        node = text_node(store, NULL);
        if (node != NULL)
            node->kind = RT_NODE_LIST;
        for (int i = 0; node != NULL && i < values; i++) {
            struct rt_node *item = text_node(store, argv[i]);
            if (item == NULL)
                return rt_no_memory(err);
            rt_node_append(node, item);
        }
    } else {
        if (flag->key != NULL && !rt_key_is_switch(flag->key))
            return rt_fail(err, RT_ERR_USAGE, "--%s: a value is missing; write --%s %s", flag->name,
                           flag->key->name, flag->key->example != NULL ? flag->key->example : "VALUE");
        node = text_node(store, flag->no ? "false" : "true");
    }
    if (node == NULL)
        return rt_no_memory(err);
    *out = node;
    return RT_OK;
}

rt_status rt_flags_read(struct rt_job_store *store, struct rt_node *root, int argc, char **argv,
                        struct rt_error *err)
{
    for (int i = 0; i < argc;) {
        struct flag flag;
        char shown[RT_SHOWN_CHARS];
        rt_shown(shown, argv[i]);
        if (!is_utf8(argv[i]))
            return rt_fail(err, RT_ERR_USAGE, "%s: not UTF-8", shown);
        if (!is_flag(argv[i])) {
            const char *hint =
                strchr(argv[i], '=') != NULL
                    ? "key=value comes after a job file (.yaml, .yml or .json); without one write --key"
                    : "no flag takes it; a job file (.yaml, .yml or .json) comes first, flags are --key";
            return rt_fail(err, RT_ERR_USAGE, "%s: %s value", shown, hint);
        }
        RT_TRY(identify(&flag, argv[i], err));
        i++;
        const int values = count_values(&flag, argc - i, argv + i);
        for (int v = 0; v < values; v++)
            if (!is_utf8(argv[i + v]))
                return rt_fail(err, RT_ERR_USAGE, "%s: its value is not UTF-8", shown);
        struct rt_node *node = NULL;
        RT_TRY(flag_value(store, &flag, values, argv + i, &node, err));
        i += values;
        const char *name = flag.key != NULL ? flag.key->name : flag.name;
        node->key = rt_store_dup(store, name, strlen(name));
        if (node->key == NULL)
            return rt_no_memory(err);
        rt_map_set(root, node);
    }
    return RT_OK;
}
