/* text.c - the resolved job as YAML that rt_job_open reads back to the same options. */
#include "config.h"

#include "job/keys.h"
#include "job/node.h"
#include "job/job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct writer {
    yaml_emitter_t emitter;
    struct rt_scalars *scalars;
    char *text;
    size_t bytes, room;
    bool failed;
};

static int append(void *data, unsigned char *bytes, size_t count)
{
    struct writer *w = data;
    if (w->room - w->bytes < count + 1) {
        const size_t room = 2 * w->room + count + 1;
        char *more = realloc(w->text, room);
        if (more == NULL)
            return 0;
        w->text = more;
        w->room = room;
    }
    memcpy(w->text + w->bytes, bytes, count);
    w->bytes += count;
    w->text[w->bytes] = '\0';
    return 1;
}

/* The emitter takes the event over, also when it fails. */
static void emit(struct writer *w, yaml_event_t *event, int made)
{
    if (made && w->failed)
        yaml_event_delete(event);
    else if (!made || !yaml_emitter_emit(&w->emitter, event))
        w->failed = true;
}

static void put_scalar(struct writer *w, const char *text, yaml_scalar_style_t style)
{
    yaml_event_t event;
    emit(w, &event,
         yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1, 1,
                                      style));
}

static void put_plain(struct writer *w, const char *text)
{
    put_scalar(w, text, YAML_PLAIN_SCALAR_STYLE);
}

/* A text: quoted where a plain word would be read as something else. */
static void put_text(struct writer *w, const char *text)
{
    struct rt_node node = { .text = text };
    if (text == NULL) {
        put_plain(w, "null");
        return;
    }
    rt_scalar_resolve(w->scalars, &node);
    const bool plain = node.kind == RT_NODE_STR && strcmp(text, "=") != 0 && strcmp(text, "<<") != 0;
    put_scalar(w, text, plain ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

/* The shortest decimal that reads back to the same double. */
static void put_number(struct writer *w, double number)
{
    char text[40];
    if (isnan(number)) {
        put_plain(w, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    put_plain(w, text);
}

static void put_map_start(struct writer *w)
{
    yaml_event_t event;
    emit(w, &event, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
}

static void put_map_end(struct writer *w)
{
    yaml_event_t event;
    emit(w, &event, yaml_mapping_end_event_initialize(&event));
}

static void put_list(struct writer *w, const char *const *list, int64_t count)
{
    yaml_event_t event;
    if (count == 0) {
        put_plain(w, "null");
        return;
    }
    emit(w, &event, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_FLOW_SEQUENCE_STYLE));
    for (int64_t i = 0; i < count; i++)
        put_text(w, list[i]);
    emit(w, &event, yaml_sequence_end_event_initialize(&event));
}

static void put_kwarg(struct writer *w, const char *name, double number, const char *word)
{
    if (isnan(number) && word == NULL)
        return;
    put_text(w, name);
    if (word != NULL)
        put_text(w, word);
    else
        put_number(w, number);
}

static void put_schedule_kwargs(struct writer *w, const struct rt_schedule_kwargs *kw)
{
    put_map_start(w);
    put_kwarg(w, "num_cycles", kw->num_cycles, NULL);
    put_kwarg(w, "power", kw->power, NULL);
    put_kwarg(w, "lr_end", kw->lr_end, NULL);
    put_kwarg(w, "timescale", kw->timescale, NULL);
    put_kwarg(w, "min_lr", kw->min_lr, NULL);
    put_kwarg(w, "min_lr_rate", kw->min_lr_rate, NULL);
    put_kwarg(w, "min_lr_ratio", kw->min_lr_ratio, NULL);
    put_kwarg(w, "warmup_lr_rate", kw->warmup_lr_rate, NULL);
    put_kwarg(w, "num_stable_steps", kw->num_stable_steps, NULL);
    put_kwarg(w, "num_decay_steps", kw->num_decay_steps, NULL);
    put_kwarg(w, "warmup_type", NAN, kw->warmup_type);
    put_kwarg(w, "decay_type", NAN, kw->decay_type);
    put_map_end(w);
}

/* The keys that resolve.c places by hand. */
static void put_placed(struct writer *w, const struct rt_job *job, const struct rt_key *key)
{
    static const char *const strategies[] = { "no", "steps", "epoch", "best" };
    static const char *const devices[] = { "auto", "cpu", "cuda" };
    const struct rt_train_options *t = &job->train;
    const char *name = key->name;
    if (strcmp(name, "lr_scheduler_kwargs") == 0)
        put_schedule_kwargs(w, &t->lr_scheduler_kwargs);
    else if (strcmp(name, "logging_strategy") == 0)
        put_text(w, strategies[t->logging_strategy]);
    else if (strcmp(name, "save_strategy") == 0)
        put_text(w, strategies[t->save_strategy]);
    else if (strcmp(name, "eval_strategy") == 0)
        put_text(w, strategies[t->eval_strategy]);
    else if (strcmp(name, "device") == 0)
        put_text(w, devices[t->device]);
    else if (strcmp(name, "report_to") == 0)
        put_text(w, job->report.tensorboard ? "tensorboard" : "none");
    else if (strcmp(name, "include_num_input_tokens_seen") == 0)
        put_text(w, t->seen_without_padding ? "non_padding" : t->include_num_input_tokens_seen ? "all" : "no");
    else if (strcmp(name, "train_sampling_strategy") == 0)
        put_text(w, job->data.group_by_length ? "group_by_length"
                                              : "random"); /* sequential is disable_shuffling */
    else if (strcmp(name, "gradient_checkpointing") == 0)
        put_plain(w, job->model.recompute == RT_RECOMPUTE_ALWAYS ? "true" : "false");
    else if (strcmp(name, "disable_gradient_checkpointing") == 0)
        put_plain(w, job->model.recompute == RT_RECOMPUTE_NEVER ? "true" : "null");
    else if (strcmp(name, "optim") == 0)
        put_text(w, "adamw_torch");
    else
        put_plain(
            w, key->def); /* one value is all there is, or another key says it: stage, use_cpu, warmup_ratio */
}

static void put_key(struct writer *w, const struct rt_job *job, const struct rt_key *key)
{
    bool b;
    int64_t i;
    double f;
    const char *s;
    put_text(w, key->name);
    if (key->at == RT_KEY_NOWHERE) {
        put_placed(w, job, key);
        return;
    }
    const char *at = (const char *)job + key->at;
    switch (key->type) {
    case RT_KEY_BOOL:
        memcpy(&b, at, sizeof b);
        put_plain(w, b ? "true" : "false");
        break;
    case RT_KEY_INT:
        memcpy(&i, at, sizeof i);
        if (i == key->none && strcmp(key->def, "null") == 0)
            put_plain(w, "null");
        else
            put_number(w, (double)i);
        break;
    case RT_KEY_NUM:
        memcpy(&f, at, sizeof f);
        put_number(w, f);
        break;
    case RT_KEY_STR:
    case RT_KEY_CHOICE:
        memcpy(&s, at, sizeof s);
        if (strcmp(key->name, "resume_from_checkpoint") == 0 && s != NULL && rt_word_among("true|false", s))
            put_plain(w, s);
        else
            put_text(w, s);
        break;
    case RT_KEY_LIST: {
        const char *const *list;
        memcpy(&list, at, sizeof list);
        memcpy(&i, (const char *)job + key->count_at, sizeof i);
        put_list(w, list, i);
        break;
    }
    case RT_KEY_DICT:
    case RT_KEY_ANY: put_plain(w, "null"); break;
    }
}

char *rt_job_text(const struct rt_job *job)
{
    struct writer w = { .scalars = rt_scalars_open() };
    yaml_event_t event;
    if (w.scalars == NULL)
        return NULL;
    if (!yaml_emitter_initialize(&w.emitter)) {
        rt_scalars_close(w.scalars);
        return NULL;
    }
    yaml_emitter_set_output(&w.emitter, append, &w);
    yaml_emitter_set_unicode(&w.emitter, 1);
    yaml_emitter_set_width(&w.emitter, -1);
    emit(&w, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    emit(&w, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
    put_map_start(&w);
    for (size_t i = 0; i < rt_key_count(); i++) {
        const struct rt_key *key = rt_key_at(i);
        if (key->use == RT_KEY_DONE && !key->legacy)
            put_key(&w, job, key);
    }
    put_map_end(&w);
    emit(&w, &event, yaml_document_end_event_initialize(&event, 1));
    emit(&w, &event, yaml_stream_end_event_initialize(&event));
    yaml_emitter_delete(&w.emitter);
    rt_scalars_close(w.scalars);
    if (w.bytes > 0 && w.text[w.bytes - 1] != '\n' && !append(&w, (unsigned char[]){ '\n' }, 1))
        w.failed = true;
    if (w.failed) {
        free(w.text);
        return NULL;
    }
    return w.text;
}
