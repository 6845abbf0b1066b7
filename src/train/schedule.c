/* schedule.c - the learning rate of each step. s: steps done, w: warm-up steps, T: all steps. */
#include "config.h"
#include "train/schedule.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

static double given(double value, double missing)
{
    return isnan(value) ? missing : value;
}

static double at_least_1(double x)
{
    return x > 1 ? x : 1;
}

static double clip(double x)
{
    return x > 0 ? x : 0;
}

/* Share of the way from the end of warm-up to the end. */
static double progress(const struct rt_schedule *c, double s)
{
    return (s - (double)c->warmup) / at_least_1((double)(c->steps - c->warmup));
}

static double cosine(double p, double cycles)
{
    return clip(0.5 * (1 + cos(PI * cycles * 2 * p)));
}

static double constant(const struct rt_schedule *c, double s)
{
    (void)c;
    (void)s;
    return 1;
}

static double linear(const struct rt_schedule *c, double s)
{
    return clip(((double)c->steps - s) / at_least_1((double)(c->steps - c->warmup)));
}

static double plain_cosine(const struct rt_schedule *c, double s)
{
    return cosine(progress(c, s), given(c->kwargs->num_cycles, 0.5));
}

static double restarts(const struct rt_schedule *c, double s)
{
    const double p = progress(c, s);
    return p >= 1 ? 0 : clip(0.5 * (1 + cos(PI * fmod(given(c->kwargs->num_cycles, 1) * p, 1.0))));
}

static double polynomial(const struct rt_schedule *c, double s)
{
    const double end = given(c->kwargs->lr_end, 1e-7);
    if (s > (double)c->steps)
        return end / c->lr;
    const double left = 1 - (s - (double)c->warmup) / (double)(c->steps - c->warmup);
    return ((c->lr - end) * pow(left, given(c->kwargs->power, 1)) + end) / c->lr;
}

static double inverse_sqrt(const struct rt_schedule *c, double s)
{
    const double scale = given(c->kwargs->timescale, c->warmup > 0 ? (double)c->warmup : 10000);
    return 1 / sqrt((s + scale - (double)c->warmup) / scale);
}

static double least_rate(const struct rt_schedule *c)
{
    return given(c->kwargs->min_lr_rate, c->kwargs->min_lr / c->lr);
}

static double cosine_min(const struct rt_schedule *c, double s)
{
    const double m = least_rate(c);
    return clip(0.5 * (1 + cos(PI * given(c->kwargs->num_cycles, 0.5) * 2 * progress(c, s))) * (1 - m) + m);
}

static double cosine_warm_min(const struct rt_schedule *c, double s)
{
    const double m = least_rate(c);
    const double p = (s - (double)c->warmup + 1) / at_least_1((double)(c->steps - c->warmup));
    return clip(0.5 * (1 + cos(PI * given(c->kwargs->num_cycles, 0.5) * 2 * p)) * (1 - m) + m);
}

static double stable_decay(const struct rt_schedule *c, double s)
{
    const double least = given(c->kwargs->min_lr_ratio, 0), w = (double)c->warmup;
    if (s < w + c->stable)
        return 1;
    if (s >= w + c->stable + c->decay)
        return least;
    const double p = (s - w - c->stable) / at_least_1(c->decay);
    const char *type = c->kwargs->decay_type;
    double factor;
    if (type != NULL && strcmp(type, "linear") == 0)
        factor = 1 - p;
    else if (type != NULL && strcmp(type, "1-sqrt") == 0)
        factor = 1 - sqrt(p);
    else
        factor = 0.5 * (1 + cos(PI * given(c->kwargs->num_cycles, 0.5) * 2 * p));
    return clip(factor * (1 - least) + least);
}

/* Warm-up: s < w. */
static double warm_linear(const struct rt_schedule *c, double s)
{
    return s / at_least_1((double)c->warmup);
}

static double warm_min(const struct rt_schedule *c, double s)
{
    const double w = (double)c->warmup, rate = c->kwargs->warmup_lr_rate;
    return isnan(rate) ? (s + 1) / at_least_1(w) : rate + (1 - rate) * s / at_least_1(w - 1);
}

static double warm_stable(const struct rt_schedule *c, double s)
{
    const double least = given(c->kwargs->min_lr_ratio, 0), p = s / at_least_1((double)c->warmup);
    const char *type = c->kwargs->warmup_type;
    double factor = p;
    if (type != NULL && strcmp(type, "cosine") == 0)
        factor = 0.5 * (1 - cos(PI * p));
    else if (type != NULL && strcmp(type, "1-sqrt") == 0)
        factor = 1 - sqrt(1 - p);
    return clip(factor * (1 - least) + least);
}

static const struct kind {
    const char *name;
    double (*warm)(const struct rt_schedule *c, double s); /* NULL: no warm-up */
    double (*after)(const struct rt_schedule *c, double s);
} kinds[] = {
    { "constant", NULL, constant },
    { "constant_with_warmup", warm_linear, constant },
    { "linear", warm_linear, linear },
    { "cosine", warm_linear, plain_cosine },
    { "cosine_with_restarts", warm_linear, restarts },
    { "polynomial", warm_linear, polynomial },
    { "inverse_sqrt", warm_linear, inverse_sqrt },
    { "cosine_with_min_lr", warm_linear, cosine_min },
    { "cosine_warmup_with_min_lr", warm_min, cosine_warm_min },
    { "warmup_stable_decay", warm_stable, stable_decay },
};

static const struct kind *find(const char *type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, type) == 0)
            return &kinds[i];
    return NULL;
}

rt_status rt_schedule_init(struct rt_schedule *c, const struct rt_train_options *opt, int64_t steps,
                           struct rt_error *err)
{
    const struct rt_schedule_kwargs *k = &opt->lr_scheduler_kwargs;
    const int64_t warmup = (int64_t)(opt->warmup >= 1 ? opt->warmup : ceil((double)steps * opt->warmup));
    *c = (struct rt_schedule){ opt->lr_scheduler_type, k, opt->learning_rate, steps, warmup, 0, 0 };
    if (find(c->type) == NULL)
        return rt_fail(err, RT_ERR_JOB,
                       "lr_scheduler_type: \"%s\" is not known; write cosine, linear or constant", c->type);
    if (strstr(c->type, "min_lr") != NULL && isnan(k->min_lr) == isnan(k->min_lr_rate))
        return rt_fail(err, RT_ERR_JOB,
                       "lr_scheduler_type: %s needs exactly one of min_lr and min_lr_rate in "
                       "lr_scheduler_kwargs; write lr_scheduler_kwargs: {min_lr_rate: 0.1}",
                       c->type);
    if (strcmp(c->type, "polynomial") == 0 && c->lr <= given(k->lr_end, 1e-7))
        return rt_fail(err, RT_ERR_JOB, "lr_scheduler_kwargs: lr_end %g must be less than learning_rate %g",
                       given(k->lr_end, 1e-7), c->lr);
    if (strcmp(c->type, "warmup_stable_decay") == 0) {
        const int64_t rest = steps - warmup;
        c->stable = given(k->num_stable_steps, (double)(rest / 3));
        c->decay = given(k->num_decay_steps, (double)rest - c->stable);
    }
    return RT_OK;
}

double rt_schedule_lr(const struct rt_schedule *c, int64_t done)
{
    const struct kind *kind = find(c->type);
    const double s = (double)done;
    return c->lr * (kind->warm != NULL && done < c->warmup ? kind->warm(c, s) : kind->after(c, s));
}
