/* schedule.c - lr_scheduler_kwargs: which names a schedule knows, and what they may be. */
#include "config.h"

#include "job/value.h"

#include <math.h>
#include <string.h>

#define KWARG(field) offsetof(struct rt_schedule_kwargs, field)

static const struct kwarg {
    const char *name;
    const char *schedules; /* that take it */
    const char *words;     /* NULL: a number */
    double min;
    size_t at;
} kwargs[] = {
    { "num_cycles",
      "cosine|cosine_with_restarts|cosine_with_min_lr|cosine_warmup_with_min_lr|warmup_stable_decay", NULL, 0,
      KWARG(num_cycles) },
    { "power", "polynomial", NULL, 0, KWARG(power) },
    { "lr_end", "polynomial", NULL, 0, KWARG(lr_end) },
    { "timescale", "inverse_sqrt", NULL, 1, KWARG(timescale) },
    { "min_lr", "cosine_with_min_lr|cosine_warmup_with_min_lr", NULL, 0, KWARG(min_lr) },
    { "min_lr_rate", "cosine_with_min_lr|cosine_warmup_with_min_lr", NULL, 0, KWARG(min_lr_rate) },
    { "min_lr_ratio", "warmup_stable_decay", NULL, 0, KWARG(min_lr_ratio) },
    { "warmup_lr_rate", "cosine_warmup_with_min_lr", NULL, 0, KWARG(warmup_lr_rate) },
    { "num_stable_steps", "warmup_stable_decay", NULL, 0, KWARG(num_stable_steps) },
    { "num_decay_steps", "warmup_stable_decay", NULL, 0, KWARG(num_decay_steps) },
    { "warmup_type", "warmup_stable_decay", "linear|cosine|1-sqrt", 0, KWARG(warmup_type) },
    { "decay_type", "warmup_stable_decay", "linear|cosine|1-sqrt", 0, KWARG(decay_type) },
};

static const char key_name[] = "lr_scheduler_kwargs";

static const struct kwarg *find(const char *name)
{
    for (size_t i = 0; i < sizeof kwargs / sizeof *kwargs; i++)
        if (strcmp(kwargs[i].name, name) == 0)
            return &kwargs[i];
    return NULL;
}

static rt_status read_one(const struct rt_reading *r, const struct kwarg *kw, const struct rt_node *node,
                          const char *schedule)
{
    struct rt_schedule_kwargs *out = &r->job->train.lr_scheduler_kwargs;
    char shown[RT_SHOWN_CHARS];
    const char *text = node->text != NULL ? rt_shown(shown, node->text) : "that";
    if (node->kind == RT_NODE_NULL)
        return RT_OK;
    if (!rt_word_among(kw->schedules, schedule))
        return rt_fail_key(r, key_name, "lr_scheduler_type: %s has no %s; remove it", schedule, kw->name);
    if (kw->words != NULL) {
        if (node->kind != RT_NODE_STR || !rt_word_among(kw->words, node->text))
            return rt_fail_key(r, key_name, "%s: \"%s\" is not one of linear, cosine, 1-sqrt", kw->name, text);
        memcpy((char *)out + kw->at, &node->text, sizeof node->text);
        return RT_OK;
    }
    double f = node->f;
    const bool number = node->kind == RT_NODE_INT || node->kind == RT_NODE_FLOAT ||
                        (node->kind == RT_NODE_STR && rt_number_of_text(node->text, &f));
    if (!number || !isfinite(f) || f < kw->min)
        return rt_fail_key(r, key_name, "%s: \"%s\" is not a number, %.15g or more", kw->name, text, kw->min);
    if (strncmp(kw->name, "num_", 4) == 0 && strcmp(kw->name, "num_cycles") != 0 && f != trunc(f))
        return rt_fail_key(r, key_name, "%s: \"%s\" is not a whole number of steps", kw->name, text);
    memcpy((char *)out + kw->at, &f, sizeof f);
    return RT_OK;
}

static rt_status check_min_lr(const struct rt_reading *r, const char *schedule)
{
    const struct rt_schedule_kwargs *kw = &r->job->train.lr_scheduler_kwargs;
    if (!rt_word_among("cosine_with_min_lr|cosine_warmup_with_min_lr", schedule))
        return RT_OK;
    if (isnan(kw->min_lr) && isnan(kw->min_lr_rate))
        return rt_fail_key(
            r, key_name,
            "lr_scheduler_type: %s needs to know where to end; write "
            "lr_scheduler_kwargs: {min_lr_rate: 0.1}, a share of learning_rate, or {min_lr: 1e-6}",
            schedule);
    if (!isnan(kw->min_lr) && !isnan(kw->min_lr_rate))
        return rt_fail_key(r, key_name, "min_lr and min_lr_rate say the same thing twice; remove one");
    return RT_OK;
}

rt_status rt_schedule_read(const struct rt_reading *r)
{
    struct rt_schedule_kwargs *kw = &r->job->train.lr_scheduler_kwargs;
    const struct rt_value *value = rt_value_of(r, key_name);
    const char *schedule = r->job->train.lr_scheduler_type;
    kw->num_cycles = kw->power = kw->lr_end = kw->timescale = kw->min_lr = kw->min_lr_rate = NAN;
    kw->min_lr_ratio = kw->warmup_lr_rate = kw->num_stable_steps = kw->num_decay_steps = NAN;
    if (!value->null && rt_word_among("constant|constant_with_warmup", schedule)) {
        if (value->map->count > 0)
            rt_note_key(r, key_name, "has no effect here: lr_scheduler_type: %s takes none", schedule);
        return RT_OK;
    }
    for (const struct rt_node *n = value->null ? NULL : value->map->first; n != NULL; n = n->next) {
        const struct kwarg *known = find(n->key);
        char shown[RT_SHOWN_CHARS];
        if (known == NULL)
            return rt_fail_key(r, key_name, "lr_scheduler_type: %s has no %s; remove it", schedule,
                               rt_shown(shown, n->key));
        RT_TRY(read_one(r, known, n, schedule));
    }
    const double lr_end = isnan(kw->lr_end) ? 1e-7 : kw->lr_end;
    if (strcmp(schedule, "polynomial") == 0 && r->job->train.learning_rate <= lr_end)
        return rt_fail_key(r, "learning_rate",
                           "%.15g is not above lr_end %.15g, where the schedule ends; "
                           "write lr_scheduler_kwargs: {lr_end: 0}",
                           r->job->train.learning_rate, lr_end);
    return check_min_lr(r, schedule);
}
