/* memplan_text.c - the memory plan in words: a table for the log, and what to do where it does not fit. */
#include "config.h"
#include "model/layout.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double mib(size_t bytes)
{
    return (double)bytes / (1024.0 * 1024.0);
}

static double gib(size_t bytes)
{
    return mib(bytes) / 1024.0;
}

static const char *wish_of(const struct rt_memplan *p)
{
    return p->wish != NULL                       ? p->wish
           : p->recompute == RT_RECOMPUTE_ALWAYS ? "gradient_checkpointing: true"
                                                 : "disable_gradient_checkpointing: true";
}

/* Can have an evaluation to thank for its size. */
static bool evaluation_decides(const struct rt_model *m)
{
    const struct rt_memplan *p = &m->plan;
    return m->eval.tokens > 0 && (m->train.tokens == 0 || (p->beyond > 0 && m->eval.tokens > m->train.tokens));
}

rt_status rt_memplan_fail(const struct rt_model *m, struct rt_error *err)
{
    const struct rt_memplan *p = &m->plan;
    const char *where = m->ex->device == RT_DEVICE_CPU ? "this host's share for a rank" : "a GPU";
    char model[160], never[200] = "";
    snprintf(model, sizeof model, "the weights take %.2f GiB and LoRA with gradients and moments %.2f GiB",
             gib(p->weights), gib(p->adapter));
    if (p->weights + p->adapter > p->room.free_bytes)
        return rt_fail(err, RT_ERR_MEMORY,
                       "out of memory before the first step: %zu bytes asked, %zu bytes free (%s): %s, so "
                       "no batch is small enough; take a smaller model%s, or a device with more memory",
                       p->total, p->room.free_bytes, where, model,
                       m->ex->device == RT_DEVICE_CPU ? ", fewer ranks a host" : "");
    if (p->recompute == RT_RECOMPUTE_NEVER)
        snprintf(never, sizeof never, ", or remove %s", wish_of(p));
    return rt_fail(err, RT_ERR_MEMORY,
                   "out of memory before the first step: %zu bytes asked, %zu bytes free (%s): %s, the "
                   "activations of a pass of %lld tokens and %lld patches %.2f GiB%s; lower cutoff_len, "
                   "image_max_pixels or %s%s",
                   p->total, p->room.free_bytes, where, model, (long long)m->limits.tokens,
                   (long long)m->limits.patches, gib(p->acts + p->scratch),
                   p->again > 0 ? ", though every layer runs again in the backward" : "",
                   evaluation_decides(m) ? "per_device_eval_batch_size" : "per_device_train_batch_size", never);
}

struct text {
    char *at;
    size_t room;
};

static void put(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(t->at, t->room, fmt, ap);
    va_end(ap);
    const size_t used = n < 0 ? 0 : (size_t)n < t->room ? (size_t)n : t->room - 1;
    t->at += used;
    t->room -= used;
}

static void put_row(struct text *t, const char *what, size_t bytes, bool always)
{
    if (bytes > 0 || always)
        put(t, "  %-36s %10.1f\n", what, mib(bytes));
}

static int64_t count(const struct rt_kept *kept, enum rt_keep keep)
{
    int64_t n = 0;
    for (int64_t i = 0; i < kept->blocks; i++)
        n += kept->keep[i] == keep;
    return n;
}

static void put_recomputation(struct text *t, const struct rt_model *m)
{
    const struct rt_memplan *p = &m->plan;
    const struct rt_kept *text = &m->text_acts.kept, *vision = &m->vision_acts.kept;
    const bool both = m->vision.learns;
    const long long stream = count(text, RT_KEEP_STREAM) + (both ? count(vision, RT_KEEP_STREAM) : 0);
    const long long cheap = count(text, RT_KEEP_PRODUCTS) + (both ? count(vision, RT_KEEP_PRODUCTS) : 0);
    if (p->recompute == RT_RECOMPUTE_ALWAYS)
        put(t, "%s: every layer runs again in the backward, and passes are small\n", wish_of(p));
    else if (p->recompute == RT_RECOMPUTE_NEVER)
        put(t, "%s: nothing is computed twice\n", wish_of(p));
    else if (p->again == 0)
        put(t, "activations fit: nothing is computed twice\n");
    else
        put(t,
            "activations do not all fit: in the backward, of %lld layers %lld run again, and norms and "
            "activation functions of "
            "%lld\n",
            (long long)rt_memplan_steps(m) / 2, stream, cheap);
}

char *rt_memplan_text(const struct rt_model *m)
{
    enum { CHARS = 4096 };
    const struct rt_memplan *p = &m->plan;
    char *text = malloc(CHARS);
    if (text == NULL)
        return NULL;
    struct text t = { text, CHARS };
    put(&t, "memory of each rank (%s)                  MiB\n", m->ex->ops->name);
    put_row(&t, "frozen weights, LoRA in their type", p->weights, true);
    put_row(&t, "LoRA, its gradients and moments", p->adapter, true);
    put_row(&t, "batch inputs", p->inputs, true);
    put_row(&t, "activations kept", p->kept, true);
    put_row(&t, "activations of one layer at a time", p->spare, false);
    put_row(&t, "loss, with a chunk of logits", p->loss, true);
    put_row(&t, "workspace", p->streams + p->scratch, true);
    put_row(&t, p->needs.eval.tokens > 0 ? "more for vision tower or evaluation" : "more for the vision tower",
            p->beyond, false);
    put_row(&t, "together", p->total, true);
    put_row(&t, "free", p->room.free_bytes, true);
    if (m->train.tokens == 0)
        return text;
    put(&t,
        "passes of up to %lld tokens and %lld patches; a micro-batch has up to %lld tokens, a step %lld of "
        "them\n",
        (long long)m->train.tokens, (long long)m->train.patches, (long long)p->needs.train.tokens,
        (long long)p->needs.micros);
    put_recomputation(&t, m);
    if (p->pass_tokens < p->empty_tokens)
        put(&t,
            "others hold memory of this device: passes would else be of up to %lld tokens, and their sums in "
            "another order\n",
            (long long)p->empty_tokens);
    return text;
}
