/*
 * keys.h - every key that LLaMA-Factory 0.9.5 knows, and ours: one table that says what this program does with
 * each.
 *
 * Private to job. Order and classes are the reference's; keys_*.c hold a class each, key_rows.h the words they
 * use.
 */
#ifndef RT_JOB_KEYS_H
#define RT_JOB_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rt_key_type {
    RT_KEY_BOOL,   /* bool */
    RT_KEY_INT,    /* int64_t */
    RT_KEY_NUM,    /* double */
    RT_KEY_STR,    /* const char * */
    RT_KEY_CHOICE, /* const char *, one of choices */
    RT_KEY_LIST,   /* const char **, with int64_t count: a list, or one text split at commas */
    RT_KEY_DICT,   /* a map, or JSON text that holds one */
    RT_KEY_ANY     /* not looked into: keys whose value cannot matter */
};

enum rt_key_use {
    RT_KEY_DONE,
    RT_KEY_TAKEN,  /* without effect: said once in the log unless it is the default */
    RT_KEY_REFUSED /* unless it is the default, or empty, false or null */
};

struct rt_key {
    const char *name;
    const char *def;     /* the default as YAML; "null": may be left open */
    const char *text;    /* done: what it means; taken: why it has no effect; refused: why, and what to do */
    const char *choices; /* CHOICE: words with a bar between; the rest: NULL */
    const char *refused; /* CHOICE: those of them that are refused */
    const char *instead; /* CHOICE: why these are refused, and what to write */
    const char *example; /* a good value to suggest where the default is null */
    double min, max;     /* INT, NUM */
    int64_t none;        /* INT: what null is in the struct; NUM: NaN */
    enum rt_key_type type;
    enum rt_key_use use;
    bool above, below;   /* min or max is itself not allowed */
    bool nullable;       /* null is allowed though the default is not null */
    bool legacy;         /* of older versions: known, but no prefix of a flag and not in the resolved job */
    size_t at, count_at; /* offsets in struct rt_job; RT_KEY_NOWHERE: resolve.c places it */
};

#define RT_KEY_NOWHERE ((size_t)-1)

struct rt_key_class {
    const char *title;
    const struct rt_key *keys;
    size_t count;
};

enum { RT_KEY_CLASSES = 7 };
extern const struct rt_key_class rt_keys_model, rt_keys_data, rt_keys_training, rt_keys_finetuning,
    rt_keys_generating, rt_keys_own, rt_keys_legacy;
const struct rt_key_class *rt_key_class(size_t number); /* 0 .. RT_KEY_CLASSES - 1 */

size_t rt_key_count(void);
const struct rt_key *rt_key_at(size_t index);
/* Index of a key by its name; rt_key_count(): there is none. */
size_t rt_key_find(const char *name);
/* The known name that is nearest to a mistyped one. */
const char *rt_key_nearest(const char *name);
/* The word of a CHOICE that is nearest to a mistyped one, into buf; returns buf. */
const char *rt_choice_nearest(const struct rt_key *key, const char *word, char *buf, size_t bytes);
/* What became of a key that older versions knew, as a clause ("it is now ..."); NULL: nothing known. */
const char *rt_key_renamed(const char *name);
bool rt_key_nullable(const struct rt_key *key);
/* May a flag stand without a value? Booleans, and choices that grew out of one: between no and all. */
bool rt_key_is_switch(const struct rt_key *key);
/* "a whole number from 1 to 1024" and the like, into buf; returns buf. */
const char *rt_key_wants(const struct rt_key *key, char *buf, size_t bytes);
/* Is word one of the words with bars between them? */
bool rt_word_among(const char *words, const char *word);

#endif
