/* memplan.c - the memory plan: sizes of passes and recomputation that fit, by arithmetic alone. */
#include "config.h"
#include "model/layout.h"

/*
 * Time of a step, relative: its tokens and FIXED for each pass, however small that is (the weights are read,
 * some thousand kernels are launched), times 1 + the layers' share that runs again (block.h has these figures).
 * On a GPU 256 tokens take about as long to compute as the weights to read; a CPU is slower against its memory.
 */
static const double again_cheap = 0.04, again_products = 0.41;

static int64_t fixed_tokens(const struct rt_model *m)
{
    return m->ex->device == RT_DEVICE_CPU ? 32 : 256;
}

/* Larger passes gain nothing worth their memory. */
static int64_t most_tokens(const struct rt_model *m)
{
    return m->ex->device == RT_DEVICE_CPU ? 4096 : 16384;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- recomputation ---- */

/* Blocks below which nothing learns have no backward. */
static int64_t lowest_text(const struct rt_model *m)
{
    return m->vision.learns ? 0 : m->text.lowest;
}

static int64_t vision_blocks(const struct rt_model *m)
{
    return m->vision.learns ? m->config.vision.depth - m->vision.lowest : 0;
}

int64_t rt_memplan_steps(const struct rt_model *m)
{
    return 2 * (m->config.layers - lowest_text(m) + vision_blocks(m));
}

static void keep(struct rt_kept *kept, int64_t lowest, int64_t without_cheap, int64_t stream_alone)
{
    for (int64_t i = 0; i < kept->blocks; i++) {
        const int64_t above = kept->blocks - i;
        kept->keep[i] = i < lowest               ? RT_KEEP_NONE
                        : above <= stream_alone  ? RT_KEEP_STREAM
                        : above <= without_cheap ? RT_KEEP_PRODUCTS
                                                 : RT_KEEP_ALL;
    }
}

void rt_memplan_keep(struct rt_model *m, int64_t again)
{
    const int64_t text = m->config.layers - lowest_text(m), all = rt_memplan_steps(m) / 2;
    const int64_t cheap = least(again, all), stream = again - cheap;
    keep(&m->text_acts.kept, lowest_text(m), least(cheap, text), least(stream, text));
    keep(&m->vision_acts.kept, m->config.vision.depth - vision_blocks(m), cheap - least(cheap, text),
         stream - least(stream, text));
}

/* ---- what a choice takes ---- */

/* A pass of micro-batches merged up to `tokens`. Every sample has a token, every picture as well, and one for
 * merge^2 patches. */
static struct rt_model_limits merged(const struct rt_model *m, int64_t tokens)
{
    const struct rt_model_limits *t = &m->plan.needs.train;
    const int64_t g = m->plan.needs.micros, cells = m->config.vision.merge * m->config.vision.merge;
    struct rt_model_limits l = *t;
    l.tokens = most(t->tokens, least(tokens, g * t->tokens));
    l.samples = most(t->samples, least(g * t->samples, l.tokens));
    l.pictures = most(t->pictures, least(g * t->pictures, l.tokens));
    l.patches = most(t->patches, least(g * t->patches, cells * l.tokens));
    l.learned = most(t->learned, least(g * t->learned, l.tokens));
    return l;
}

static struct rt_model_limits larger(const struct rt_model_limits *a, const struct rt_model_limits *b)
{
    return (struct rt_model_limits){
        .tokens = most(a->tokens, b->tokens),
        .samples = most(a->samples, b->samples),
        .max_length = most(a->max_length, b->max_length),
        .patches = most(a->patches, b->patches),
        .pictures = most(a->pictures, b->pictures),
        .learned = most(a->learned, b->learned),
        .max_picture_patches = most(a->max_picture_patches, b->max_picture_patches),
    };
}

/* Everything of m->plan that follows from these two. */
static size_t weigh(struct rt_model *m, int64_t tokens, int64_t again)
{
    static const struct rt_kept none;
    struct rt_memplan *p = &m->plan;
    const bool train = p->needs.train.tokens > 0;
    m->train = train ? merged(m, tokens) : p->needs.train;
    m->eval = p->needs.eval;
    m->limits = larger(&m->train, &m->eval);
    m->step_learned = most(p->needs.micros * p->needs.train.learned, m->eval.learned);
    rt_memplan_keep(m, again);
    const size_t other = train && m->eval.tokens > 0 ? rt_layout_acts(m, NULL, 0, false) : 0;
    const size_t told = rt_layout_acts(m, NULL, 0, train); /* last: its parts are told below */
    const struct rt_kept *text = &m->text_acts.kept, *vision = m->vision.learns ? &m->vision_acts.kept : &none;
    p->pass_tokens = tokens;
    p->again = again;
    p->weights = m->weight_bytes;
    p->adapter = (size_t)m->adapter.count * 4 * sizeof(float);
    p->acts = told > other ? told : other;
    p->inputs = m->input_bytes;
    p->kept = text->kept_bytes + vision->kept_bytes;
    p->spare = text->spare_bytes + vision->spare_bytes;
    p->loss = m->text_acts.loss_bytes;
    p->streams = m->decoder_bytes - p->inputs - p->kept - p->spare - p->loss;
    p->beyond = p->acts - m->decoder_bytes;
    p->scratch = rt_layout_work(m);
    p->total = p->weights + p->adapter + p->acts + p->scratch;
    return p->total;
}

/* ---- the choice ---- */

/* The fewest steps of recomputation with which it fits into `room` bytes; -1: none does. More steps never take
 * more. */
static int64_t fewest_steps(struct rt_model *m, int64_t tokens, size_t room)
{
    const enum rt_recompute wish = m->plan.recompute;
    const int64_t steps = rt_memplan_steps(m);
    int64_t low = wish == RT_RECOMPUTE_ALWAYS ? steps : 0, high = wish == RT_RECOMPUTE_NEVER ? 0 : steps;
    if (weigh(m, tokens, high) > room)
        return -1;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (weigh(m, tokens, middle) <= room)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Of a step whose micro-batches are all as large as the largest. */
static double cost(const struct rt_model *m, int64_t tokens, int64_t again)
{
    const int64_t micro = m->plan.needs.train.tokens, micros = m->plan.needs.micros, together = tokens / micro;
    const double passes = (double)((micros + together - 1) / together),
                 blocks = (double)rt_memplan_steps(m) / 2;
    const double cheap = (double)again < blocks ? (double)again : blocks, products = (double)again - cheap;
    const double share =
        blocks > 0 ? (cheap * again_cheap + products * (again_products - again_cheap)) / blocks : 0;
    return (1 + share) * (1 + passes * (double)fixed_tokens(m) / (double)(micro * micros));
}

/* Sizes to try: 16384, 12288, 8192, 6144, ... and last that of one micro-batch. */
static int64_t first_size(const struct rt_model *m)
{
    const int64_t micro = m->plan.needs.train.tokens;
    return m->plan.recompute == RT_RECOMPUTE_ALWAYS ? micro : most(micro, most_tokens(m));
}

static int64_t next_size(const struct rt_model *m, int64_t tokens)
{
    const int64_t next = (tokens & (tokens - 1)) == 0 ? tokens / 4 * 3 : tokens / 3 * 2;
    return most(next, m->plan.needs.train.tokens);
}

/* The quickest size by what the device has; one micro-batch if none fits. */
static int64_t best_size(struct rt_model *m)
{
    const int64_t micro = m->plan.needs.train.tokens;
    int64_t best = micro;
    double best_cost = 0;
    for (int64_t size = first_size(m);; size = next_size(m, size)) {
        const int64_t again = fewest_steps(m, size, m->plan.room.all_bytes);
        if (again >= 0 && (best_cost == 0 || cost(m, size, again) < best_cost)) {
            best = size;
            best_cost = cost(m, size, again);
        }
        if (size == micro)
            return best;
    }
}

rt_status rt_memplan_make(struct rt_model *m, const struct rt_model_needs *needs,
                          const struct rt_model_options *opt, struct rt_room room, struct rt_error *err)
{
    const int64_t micro = needs->train.tokens;
    m->plan = (struct rt_memplan){
        .needs = *needs, .recompute = opt->recompute, .wish = opt->recompute_wish, .room = room
    };
    if (micro == 0)
        return weigh(m, 0, 0) <= room.free_bytes ? RT_OK : rt_memplan_fail(m, err);
    const int64_t best = best_size(m);
    for (int64_t size = best;; size = next_size(m, size)) {
        const int64_t again = fewest_steps(m, size, room.free_bytes);
        if (again >= 0) {
            weigh(m, size, again);
            m->plan.empty_tokens = best;
            return RT_OK;
        }
        if (size == micro) /* weighed with all the recomputation there can be */
            return rt_memplan_fail(m, err);
    }
}
