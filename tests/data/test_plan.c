/* tests/data/test_plan.c - orders of rows against torch, accelerate and transformers themselves
 * (tests/golden/plan). */
#include "config.h"
#include "base/clock.h"
#include "data/plan.h"
#include "tap.h"

#include <inttypes.h>
#include <string.h>

static uint64_t fnv(uint64_t h, int64_t number)
{
    for (int i = 0; i < 8; i++)
        h = (h ^ ((uint64_t)number >> (8 * i) & 255)) * 0x100000001b3u;
    return h;
}

static const uint64_t fnv_start = 0xcbf29ce484222325u;

/* All ranks' micro-batches of one epoch: their hash and, as the golden file writes them, their text. */
static uint64_t walk(const struct rt_plan_options *opt, int64_t number, char *text, size_t room)
{
    struct rt_error err;
    struct rt_plan_epoch *epoch;
    if (rt_plan_epoch_open(&epoch, opt, number, &err) != RT_OK) {
        diag("%s", err.text);
        return 0;
    }
    int64_t *rows = malloc((size_t)opt->batch * sizeof *rows);
    uint64_t h = fnv_start;
    size_t used = 0;
    for (int64_t rank = 0; rank < opt->ranks; rank++)
        for (int64_t micro = 0; micro < rt_plan_micros(opt); micro++) {
            const int64_t n = rt_plan_micro(epoch, rank, micro, rows);
            h = fnv(h, n);
            for (int64_t i = 0; i < n; i++) {
                h = fnv(h, rows[i]);
                const char *gap = i > 0 ? " " : micro > 0 ? "/" : rank > 0 ? "|" : "";
                if (used < room)
                    used += (size_t)snprintf(text + used, room - used, "%s%" PRId64, gap, rows[i]);
            }
        }
    free(rows);
    rt_plan_epoch_close(epoch);
    return h;
}

struct tally {
    int cases, wrong;
};

static int32_t *lengths_of(int64_t rows)
{
    int32_t *lengths = malloc((size_t)rows * sizeof *lengths);
    for (int64_t i = 0; i < rows; i++)
        lengths[i] = (int32_t)(1 + (7919 * i + rows) % 97);
    return lengths;
}

static void order_line(const char *line, struct tally *kinds)
{
    static const char *const names[] = { "shuffle", "sequential", "grouped" };
    char kind[16], want_text[512] = "", text[512] = "";
    struct rt_plan_options opt = { 0 };
    int64_t number;
    int drop;
    uint64_t want;
    if (sscanf(line,
               "%15s %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %d %" SCNu64 " %" SCNd64 " %" SCNx64
               " %511[^\n]",
               kind, &opt.rows, &opt.batch, &opt.accumulation, &opt.ranks, &drop, &opt.seed, &number, &want,
               want_text) != 10) {
        ok(0, "line is understood: %s", line);
        return;
    }
    int k = 0;
    while (strcmp(kind, names[k]) != 0)
        k++;
    opt.drop_last = drop;
    opt.sequential = k == 1;
    int32_t *lengths = lengths_of(opt.rows);
    opt.group_lengths = k == 2 ? lengths : NULL;
    opt.draws = (struct rt_draws){ .seed = opt.seed, .rows = opt.rows };
    const bool same = walk(&opt, number, text, sizeof text) == want;
    const bool shown = strcmp(want_text, "-") != 0;
    kinds[k].cases++;
    kinds[k].wrong += !same;
    if (shown)
        ok(same && strcmp(text, want_text) == 0, "%s N %lld B %lld W %lld epoch %lld: %s", kind,
           (long long)opt.rows, (long long)opt.batch, (long long)opt.ranks, (long long)number, text);
    else if (!same)
        diag("differs: %s", line);
    free(lengths);
}

/* Hash of all orders of one split in a whole run. */
static uint64_t walk_all(const struct rt_plan_options *opt, int64_t orders)
{
    uint64_t h = fnv_start;
    struct rt_error err;
    int64_t *rows = malloc((size_t)opt->batch * sizeof *rows);
    for (int64_t number = 0; number < orders; number++) {
        struct rt_plan_epoch *order;
        if (rt_plan_epoch_open(&order, opt, number, &err) != RT_OK)
            break;
        for (int64_t rank = 0; rank < opt->ranks; rank++)
            for (int64_t micro = 0; micro < rt_plan_micros(opt); micro++) {
                const int64_t n = rt_plan_micro(order, rank, micro, rows);
                h = fnv(h, n);
                for (int64_t i = 0; i < n; i++)
                    h = fnv(h, rows[i]);
            }
        rt_plan_epoch_close(order);
    }
    free(rows);
    return h;
}

static void course_line(const char *line, struct tally *tally)
{
    struct rt_plan_options train = { 0 }, eval = { .accumulation = 1 };
    struct rt_data_course course = { 0 };
    int on_start, each;
    uint64_t want_train, want_eval;
    if (sscanf(line,
               "course %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNu64 " %" SCNd64 " %" SCNd64
               " %" SCNd64 " %d %d %" SCNd64 " %lf %" SCNx64 " %" SCNx64,
               &train.rows, &train.batch, &train.accumulation, &train.ranks, &train.seed, &eval.rows,
               &eval.batch, &course.steps, &on_start, &each, &course.eval_steps, &course.eval_delay,
               &want_train, &want_eval) != 14) {
        ok(0, "line is understood: %s", line);
        return;
    }
    course.eval_on_start = on_start;
    course.eval_each_epoch = each;
    const int64_t u = rt_plan_steps(&train);
    train.draws = (struct rt_draws){ train.seed, false, train.rows, eval.rows, u, course };
    eval.draws = train.draws;
    eval.draws.evaluation = true;
    eval.ranks = train.ranks;
    int32_t *lengths = lengths_of(train.rows), *eval_lengths = lengths_of(eval.rows);
    train.group_lengths = lengths;
    eval.group_lengths = eval_lengths;
    const int64_t evals = rt_draws_evaluations(&course, u, course.steps) + 1;
    const bool same =
        walk_all(&train, (course.steps + u - 1) / u) == want_train && walk_all(&eval, evals) == want_eval;
    tally->cases++;
    tally->wrong += !same;
    if (!same)
        diag("differs: %s", line);
    free(lengths);
    free(eval_lengths);
}

static void split_line(const char *line)
{
    int64_t rows, evals, want_evals, trains;
    double size;
    uint64_t seed, want_eval, want_train, h_eval = fnv_start, h_train = fnv_start;
    struct rt_error err;
    if (sscanf(line, "split %" SCNd64 " %lf %" SCNu64 " %" SCNx64 " %" SCNx64 " %" SCNd64, &rows, &size, &seed,
               &want_eval, &want_train, &want_evals) != 6) {
        ok(0, "line is understood: %s", line);
        return;
    }
    int64_t *train = malloc((size_t)rows * sizeof *train), *eval = malloc((size_t)rows * sizeof *eval);
    const rt_status st = rt_plan_split(rows, size, seed, train, &trains, eval, &evals, &err);
    for (int64_t i = 0; st == RT_OK && i < evals; i++)
        h_eval = fnv(h_eval, eval[i]);
    for (int64_t i = 0; st == RT_OK && i < trains; i++)
        h_train = fnv(h_train, train[i]);
    ok(st == RT_OK && evals == want_evals && h_eval == want_eval && h_train == want_train,
       "split of %lld rows, val_size %g: %lld for evaluation", (long long)rows, size, (long long)want_evals);
    free(train);
    free(eval);
}

static void split_refuses(double size)
{
    int64_t train[4], eval[4], trains = -1, evals = -1;
    struct rt_error err;
    const rt_status st = rt_plan_split(4, size, 1, train, &trains, eval, &evals, &err);
    ok(st == RT_ERR_JOB && trains == -1 && strstr(err.text, "val_size:") != NULL,
       "val_size %g of 4 rows is refused: %s", size, err.text);
}

static void counts(void)
{
    struct rt_plan_options opt = { .rows = 11, .batch = 2, .accumulation = 4, .ranks = 1 };
    ok(rt_plan_micros(&opt) == 6 && rt_plan_steps(&opt) == 2, "11 rows, B 2, G 4: 6 micro-batches, 2 steps");
    ok(rt_plan_micros_of_step(&opt, 3) == 4 && rt_plan_micros_of_step(&opt, 4) == 2,
       "the last step has 2 of them");
    opt.ranks = 4;
    ok(rt_plan_micros(&opt) == 2 && rt_plan_steps(&opt) == 1, "on 4 ranks 2 micro-batches, 1 step");
    opt.drop_last = true;
    ok(rt_plan_micros(&opt) == 1, "on 4 ranks with drop_last 1 micro-batch");
    opt = (struct rt_plan_options){ .rows = 1, .batch = 4, .accumulation = 1, .ranks = 2, .drop_last = true };
    ok(rt_plan_micros(&opt) == 0 && rt_plan_steps(&opt) == 1,
       "1 row, B 4, drop_last: nothing, yet 1 step as the reference");
    struct rt_plan_epoch *epoch = NULL;
    struct rt_error err;
    opt.rows = 0;
    ok(rt_plan_epoch_open(&epoch, &opt, 0, &err) == RT_ERR_INTERNAL && epoch == NULL, "no rows: refused");
}

static void large(void)
{
    struct rt_plan_options opt = { .rows = 5000000, .batch = 2, .accumulation = 8, .ranks = 16, .seed = 42 };
    struct rt_plan_epoch *epoch;
    struct rt_error err;
    const double from = rt_now_s();
    const rt_status st = rt_plan_epoch_open(&epoch, &opt, 3, &err);
    const double took = rt_now_s() - from;
    int64_t rows[2] = { -1, -1 }, n = 0;
    if (st == RT_OK) {
        n = rt_plan_micro(epoch, 15, rt_plan_micros(&opt) - 1, rows);
        rt_plan_epoch_close(epoch);
    }
    ok(st == RT_OK && n == 2 && rows[0] >= 0 && rows[0] < opt.rows, "5,000,000 rows in order: %.2f s", took);
}

int main(void)
{
    char path[4096], line[4096];
    const char *root = getenv("RT_SRCDIR");
    snprintf(path, sizeof path, "%s/tests/golden/plan/orders.txt", root != NULL ? root : ".");
    FILE *file = fopen(path, "r");
    if (!ok(file != NULL, "golden orders are there"))
        return tap_done();
    struct tally kinds[3] = { { 0, 0 } }, courses = { 0, 0 };
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "split ", 6) == 0)
            split_line(line);
        else if (strncmp(line, "course ", 7) == 0)
            course_line(line, &courses);
        else if (line[0] != '#')
            order_line(line, kinds);
    }
    fclose(file);
    ok(kinds[0].cases >= 1000 && kinds[0].wrong == 0, "shuffle: %d of %d epochs differ from the reference",
       kinds[0].wrong, kinds[0].cases);
    ok(kinds[1].cases >= 400 && kinds[1].wrong == 0, "sequential: %d of %d", kinds[1].wrong, kinds[1].cases);
    ok(kinds[2].cases >= 400 && kinds[2].wrong == 0, "grouped by length: %d of %d", kinds[2].wrong,
       kinds[2].cases);
    ok(courses.cases >= 150 && courses.wrong == 0, "grouped by length, with evaluations: %d of %d runs",
       courses.wrong, courses.cases);
    static const double bad[] = { 0, -1, 1, 4, 7, 0.99 };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        split_refuses(bad[i]);
    counts();
    large();
    return tap_done();
}
