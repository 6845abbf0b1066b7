/* keys.c - looking into the table of keys: by name, by nearness, and what older versions called them. */
#include "config.h"

#include "job/keys.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

const struct rt_key_class *rt_key_class(size_t number)
{
    static const struct rt_key_class *const classes[RT_KEY_CLASSES] = {
        &rt_keys_model,      &rt_keys_data, &rt_keys_finetuning, &rt_keys_training,
        &rt_keys_generating, &rt_keys_own,  &rt_keys_legacy,
    };
    return classes[number];
}

size_t rt_key_count(void)
{
    size_t n = 0;
    for (size_t c = 0; c < RT_KEY_CLASSES; c++)
        n += rt_key_class(c)->count;
    return n;
}

const struct rt_key *rt_key_at(size_t index)
{
    for (size_t c = 0; c < RT_KEY_CLASSES; c++) {
        const struct rt_key_class *class = rt_key_class(c);
        if (index < class->count)
            return &class->keys[index];
        index -= class->count;
    }
    return NULL;
}

size_t rt_key_find(const char *name)
{
    size_t index = 0;
    for (size_t c = 0; c < RT_KEY_CLASSES; c++) {
        const struct rt_key_class *class = rt_key_class(c);
        for (size_t k = 0; k < class->count; k++, index++)
            if (strcmp(class->keys[k].name, name) == 0)
                return index;
    }
    return index;
}

enum { NAME_CHARS = 64 };

static int min3(int a, int b, int c)
{
    const int ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Insertions, deletions, replacements and swaps of neighbours (optimal string alignment); both at most
 * NAME_CHARS. */
static int edit_distance(const char *a, const char *b)
{
    const int na = (int)strlen(a), nb = (int)strlen(b);
    int rows[3][NAME_CHARS + 1];
    for (int j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (int i = 1; i <= na; i++) {
        int *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= nb; j++) {
            row[j] = min3(up[j] + 1, row[j - 1] + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && up2[j - 2] + 1 < row[j])
                row[j] = up2[j - 2] + 1;
        }
    }
    return rows[na % 3][nb];
}

/* In small letters, - as _; what lies beyond NAME_CHARS cannot be near anything. */
static void simplify(char typed[NAME_CHARS + 1], const char *name)
{
    size_t n = 0;
    for (; name[n] != '\0' && n < NAME_CHARS; n++) {
        const char c = name[n];
        typed[n] = c == '-' ? '_' : c;
        if (c >= 'A' && c <= 'Z')
            typed[n] = (char)(c - 'A' + 'a');
    }
    typed[n] = '\0';
}

const char *rt_key_nearest(const char *name)
{
    char typed[NAME_CHARS + 1];
    simplify(typed, name);
    const char *nearest = "";
    int best = 1 << 20;
    for (size_t i = 0; i < rt_key_count(); i++) {
        const struct rt_key *key = rt_key_at(i);
        if (key->legacy)
            continue;
        const int d =
            2 * edit_distance(typed, key->name) + (key->use != RT_KEY_DONE); /* done ones first in a tie */
        if (d < best) {
            best = d;
            nearest = key->name;
        }
    }
    return nearest;
}

/* The words that are not refused, one after another: NULL behind the last. *at starts as choices. */
static const char *next_choice(const struct rt_key *key, const char **at, char word[NAME_CHARS + 1])
{
    while (**at != '\0') {
        const size_t length = strcspn(*at, "|");
        snprintf(word, NAME_CHARS + 1, "%.*s", (int)length, *at);
        *at += length;
        *at += **at == '|';
        if (!rt_word_among(key->refused, word))
            return word;
    }
    return NULL;
}

const char *rt_choice_nearest(const struct rt_key *key, const char *word, char *buf, size_t bytes)
{
    char typed[NAME_CHARS + 1], choice[NAME_CHARS + 1];
    int best = 1 << 20;
    simplify(typed, word);
    for (const char *at = key->choices; next_choice(key, &at, choice) != NULL;) {
        const int d = edit_distance(typed, choice);
        if (d < best) {
            best = d;
            snprintf(buf, bytes, "%s", choice);
        }
    }
    return buf;
}

const char *rt_key_renamed(const char *name)
{
    static const char *const table[][2] = {
        { "evaluation_strategy", "it is now eval_strategy" },
        { "image_resolution", "it is now image_max_pixels, a number of pixels: 262144 is 512 * 512" },
        { "video_resolution", "it is now video_max_pixels, a number of pixels" },
        { "train_mm_proj_only", "it is now freeze_vision_tower and freeze_language_model" },
        { "preprocessing_num_worker", "it is preprocessing_num_workers" },
        { "visual_inputs", "the data set's entry says whether rows have pictures; remove this line" },
        { "checkpoint_dir", "it is now adapter_name_or_path" },
        { "dataset_split", "the data set's entry in dataset_info.json says it, as split; remove this line" },
        { "split", "the data set's entry in dataset_info.json says it; remove this line" },
        { "num_layer_trainable", "it is now freeze_trainable_layers" },
        { "name_module_trainable", "it is now freeze_trainable_modules" },
        { "max_source_length", "it is now cutoff_len, for question and answer together" },
        { "max_target_length", "it is now cutoff_len, for question and answer together" },
        { "reserved_label_len", "it is gone; cutoff_len is shared out between question and answer" },
        { "cache_path", "it is now tokenized_path" },
        { "dpo_beta", "it is now pref_beta" },
        { "dpo_loss", "it is now pref_loss" },
        { "lora_bf16_mode", "it is now pure_bf16" },
        { "additional_trainable", "it is now additional_target" },
        { "per_gpu_train_batch_size", "it is now per_device_train_batch_size" },
        { "per_gpu_eval_batch_size", "it is now per_device_eval_batch_size" },
        { "lr", "it is learning_rate" },
        { "epochs", "it is num_train_epochs" },
        { "num_epochs", "it is num_train_epochs" },
        { "lr_scheduler", "it is lr_scheduler_type" },
        { "scheduler", "it is lr_scheduler_type" },
        { "batch_size", "it is per_device_train_batch_size" },
        { "gradient_accumulation", "it is gradient_accumulation_steps" },
        { "model", "it is model_name_or_path" },
        { "model_path", "it is model_name_or_path" },
        { "max_length_tokens", "it is cutoff_len" },
        { "max_seq_length", "it is cutoff_len" },
        { "target_modules", "it is lora_target" },
        { "lora_target_modules", "it is lora_target" },
        { "lora_r", "it is lora_rank" },
        { "rank", "it is lora_rank" },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i][0], name) == 0)
            return table[i][1];
    return NULL;
}

bool rt_key_nullable(const struct rt_key *key)
{
    if (key->nullable || key->use != RT_KEY_DONE || strcmp(key->def, "null") == 0)
        return true;
    return key->type == RT_KEY_BOOL && strcmp(key->def, "false") == 0;
}

bool rt_key_is_switch(const struct rt_key *key)
{
    return key->type == RT_KEY_BOOL || (key->type == RT_KEY_CHOICE && rt_word_among(key->choices, "no") &&
                                        rt_word_among(key->choices, "all"));
}

static void number_wants(const struct rt_key *key, char *buf, size_t bytes)
{
    const char *what = key->type == RT_KEY_INT ? "a whole number" : "a number";
    const bool floor = key->min > -DBL_MAX, ceiling = key->max < 9007199254740992.0;
    if (floor && ceiling)
        snprintf(buf, bytes, "%s %s %.15g %s %.15g", what, key->above ? "above" : "from", key->min,
                 key->below   ? "to below"
                 : key->above ? "and at most"
                              : "to",
                 key->max);
    else if (floor && key->above)
        snprintf(buf, bytes, "%s above %.15g", what, key->min);
    else if (floor)
        snprintf(buf, bytes, "%s, %.15g or more", what, key->min);
    else
        snprintf(buf, bytes, "%s", what);
}

const char *rt_key_wants(const struct rt_key *key, char *buf, size_t bytes)
{
    switch (key->type) {
    case RT_KEY_BOOL: snprintf(buf, bytes, "true or false"); break;
    case RT_KEY_INT:
    case RT_KEY_NUM: number_wants(key, buf, bytes); break;
    case RT_KEY_STR: snprintf(buf, bytes, "one text"); break;
    case RT_KEY_CHOICE: {
        size_t n = (size_t)snprintf(buf, bytes, "one of ");
        const char *gap = "";
        char word[NAME_CHARS + 1];
        for (const char *at = key->choices; n < bytes && next_choice(key, &at, word) != NULL; gap = ", ")
            n += (size_t)snprintf(buf + n, bytes - n, "%s%s", gap, word);
        break;
    }
    case RT_KEY_LIST: snprintf(buf, bytes, "a name or a list of names"); break;
    case RT_KEY_DICT: snprintf(buf, bytes, "a map such as {name: value}"); break;
    case RT_KEY_ANY: snprintf(buf, bytes, "any value"); break;
    }
    return buf;
}

bool rt_word_among(const char *words, const char *word)
{
    const size_t n = strlen(word);
    if (n == 0 || strchr(word, '|') != NULL)
        return false;
    for (const char *at = words; at != NULL && *at != '\0';) {
        const size_t length = strcspn(at, "|");
        if (length == n && strncmp(at, word, n) == 0)
            return true;
        at += length;
        at += *at == '|';
    }
    return false;
}
