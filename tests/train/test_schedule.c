/* test_schedule.c - learning rates of steps 1 to 10 against transformers 5.6.0: lr 1e-3, 10 steps, 2 of them
 * warm-up. */
#include "config.h"
#include "tap.h"
#include "train/schedule.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *type;
    double min_lr_rate;
    double want[10];
} cases[] = {
    { "constant", NAN, { 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3 } },
    { "constant_with_warmup", NAN, { 0, 5e-4, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3 } },
    { "linear", NAN, { 0, 5e-4, 1e-3, 8.75e-4, 7.5e-4, 6.25e-4, 5e-4, 3.75e-4, 2.5e-4, 1.25e-4 } },
    { "cosine_with_restarts",
      NAN,
      { 0, 5e-4, 1e-3, 9.61940e-4, 8.53553e-4, 6.91342e-4, 5e-4, 3.08658e-4, 1.46447e-4, 3.80602e-5 } },
    { "cosine",
      NAN,
      { 0, 5e-4, 1e-3, 9.61940e-4, 8.53553e-4, 6.91342e-4, 5e-4, 3.08658e-4, 1.46447e-4, 3.80602e-5 } },
    { "inverse_sqrt",
      NAN,
      { 0, 5e-4, 1e-3, 8.16497e-4, 7.07107e-4, 6.32456e-4, 5.77350e-4, 5.34522e-4, 5e-4, 4.71405e-4 } },
    { "warmup_stable_decay", NAN, { 0, 5e-4, 1e-3, 1e-3, 1e-3, 9.33013e-4, 7.5e-4, 5e-4, 2.5e-4, 6.69873e-5 } },
    { "cosine_with_min_lr",
      0.1,
      { 0, 5e-4, 1e-3, 9.65746e-4, 8.68198e-4, 7.22208e-4, 5.5e-4, 3.77792e-4, 2.31802e-4, 1.34254e-4 } },
};

static struct rt_train_options options(const char *type, double min_lr_rate)
{
    struct rt_train_options opt = { .lr_scheduler_type = type, .learning_rate = 1e-3, .warmup = 2 };
    opt.lr_scheduler_kwargs =
        (struct rt_schedule_kwargs){ NAN, NAN, NAN, NAN, NAN, min_lr_rate, NAN, NAN, NAN, NAN, NULL, NULL };
    return opt;
}

int main(void)
{
    struct rt_schedule s;
    struct rt_error err = { 0 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct rt_train_options opt = options(cases[i].type, cases[i].min_lr_rate);
        double worst = 0;
        const rt_status st = rt_schedule_init(&s, &opt, 10, &err);
        for (int k = 0; k < 10 && st == RT_OK; k++)
            worst = fmax(worst, fabs(rt_schedule_lr(&s, k) - cases[i].want[k]));
        /* the values above are printed with six digits: half a unit of the last one */
        ok(st == RT_OK && worst <= 0.51e-9, "%s: off by %.1e at most", cases[i].type, worst);
    }
    struct rt_train_options opt = options("linear", NAN);
    opt.warmup = 0.25;
    ok(rt_schedule_init(&s, &opt, 10, &err) == RT_OK && s.warmup == 3,
       "a share of 0.25 of 10 steps is 3 steps");
    opt = options("cosine_with_min_lr", NAN);
    ok(rt_schedule_init(&s, &opt, 10, &err) == RT_ERR_JOB && strstr(err.text, "min_lr_rate") != NULL,
       "refused: %s", err.text);
    opt = options("polynomial", NAN);
    opt.lr_scheduler_kwargs.lr_end = 1e-2;
    ok(rt_schedule_init(&s, &opt, 10, &err) == RT_ERR_JOB && strstr(err.text, "lr_end") != NULL, "refused: %s",
       err.text);
    opt = options("no_such", NAN);
    ok(rt_schedule_init(&s, &opt, 10, &err) == RT_ERR_JOB, "refused: %s", err.text);
    return tap_done();
}
