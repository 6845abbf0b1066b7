/* encode.c - a row to token ids, labels and pictures, cut to cutoff_len as the reference cuts; contract in
 * rows.h. */
#include "config.h"
#include "data/cut.h"
#include "data/row.h"
#include "data/template.h"

#include <stdlib.h>
#include <string.h>

/* One turn's share of the ids; turn 0's begins with the system's text. */
struct span {
    int64_t from, to; /* entries of ids */
    int64_t picture;  /* number of its first picture */
    int64_t tokens;   /* with pictures expanded */
    int64_t keep;     /* entries left by the cut */
    bool learn;
    bool typed; /* its image tokens stand in the text itself and bring no picture */
};

struct work {
    const struct rt_encoder *encoder;
    struct rt_row row;
    struct rt_pool pool;
    int32_t *ids; /* malloc'ed */
    int64_t count, room;
    struct span *turn; /* [row.turns] */
    struct rt_sample sample;
    int64_t tokens; /* of all turns before the cut */
};

void rt_sample_free(struct rt_sample *sample)
{
    for (int32_t i = 0; i < sample->pictures; i++)
        free(sample->picture[i].path);
    free(sample->picture);
    free(sample->ids);
    free(sample->learn);
    *sample = (struct rt_sample){ 0 };
}

static rt_status encode_text(struct work *w, struct rt_str text, struct rt_error *err)
{
    int32_t *ids;
    int64_t n;
    if (text.n == 0)
        return RT_OK;
    RT_TRY(rt_tokenizer_encode(w->encoder->tok, text.p, text.n, w->encoder->opt->split_special_tokens, &ids, &n,
                               err));
    if (n > w->room - w->count) {
        const int64_t room = 2 * (w->count + n) + 256;
        int32_t *grown = realloc(w->ids, (size_t)room * sizeof *grown);
        if (grown == NULL) {
            free(ids);
            return rt_fail(err, RT_ERR_MEMORY, "no memory for %lld tokens", (long long)room);
        }
        w->ids = grown;
        w->room = room;
    }
    if (n > 0)
        memcpy(w->ids + w->count, ids, (size_t)n * sizeof *ids);
    w->count += n;
    free(ids);
    return RT_OK;
}

/* Each text is encoded alone, so that no token reaches over a border between them. */
static rt_status encode_turns(struct work *w, struct rt_str image_word, struct rt_error *err)
{
    struct rt_str text;
    w->turn = rt_pool_take(&w->pool, (size_t)w->row.turns * sizeof *w->turn);
    if (w->turn == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for %lld turns", (long long)w->row.turns);
    RT_TRY(rt_template_system(&text, &w->pool, &w->row, w->encoder->opt->default_system, err));
    RT_TRY(encode_text(w, text, err));
    for (int64_t i = 0; i < w->row.turns; i++) {
        w->turn[i] = (struct span){ .from = i > 0 ? w->count : 0 };
        RT_TRY(rt_template_turn(&text, &w->pool, &w->row, i, image_word, err));
        RT_TRY(encode_text(w, text, err));
        w->turn[i].to = w->count;
    }
    return RT_OK;
}

static rt_status fail_typed(int64_t turn, const char *token, const char *bringer, struct rt_error *err)
{
    return rt_fail(err, RT_ERR_DATA,
                   "turn %lld (or the system's or tools' text): the text itself holds %s, which only %s "
                   "may bring",
                   (long long)turn + 1, token, bringer);
}

/* Turn i holds fewer image tokens than its text has placeholders. */
static rt_status fail_lost(const struct work *w, int64_t turn, struct rt_error *err)
{
    if (w->encoder->opt->split_special_tokens)
        return rt_fail(err, RT_ERR_DATA,
                       "split_special_tokens: true splits the pictures' own tokens too; remove it, or "
                       "use rows without pictures");
    return rt_fail(err, RT_ERR_DATA, "turn %lld: a picture stands where a tool call has no place for it",
                   (long long)turn + 1);
}

/* Give the image tokens their pictures and the turns their lengths. */
static rt_status place_pictures(struct work *w, struct rt_str image_word, struct rt_error *err)
{
    int64_t seen = 0;
    for (int64_t i = 0; i < w->row.turns; i++) {
        struct span *turn = &w->turn[i];
        const int64_t marked = (int64_t)rt_str_count(w->row.turn[i].text, image_word);
        int64_t found = 0;
        for (int64_t at = turn->from; at < turn->to; at++)
            found += w->ids[at] == w->encoder->image_id;
        turn->picture = seen;
        turn->tokens = turn->to - turn->from;
        turn->typed = marked == 0 && found > 0;
        if (found < marked)
            return fail_lost(w, i, err);
        if (found > marked && marked > 0)
            return fail_typed(i, "<|image_pad|>", "a picture", err);
        for (int64_t n = 0; n < marked; n++)
            turn->tokens += w->sample.picture[seen++].tokens - 1;
        w->tokens += turn->tokens;
    }
    return w->tokens <= INT32_MAX ? RT_OK : rt_fail(err, RT_ERR_DATA, "%lld tokens", (long long)w->tokens);
}

/* Entries that make up the first `tokens` tokens of a turn; -1 if that ends inside a picture. */
static int64_t entries_of(const struct work *w, const struct span *turn, int64_t tokens)
{
    int64_t at = turn->from, picture = turn->picture;
    while (tokens > 0) {
        tokens -= w->ids[at] == w->encoder->image_id && !turn->typed ? w->sample.picture[picture++].tokens : 1;
        at++;
    }
    return tokens == 0 ? at - turn->from : -1;
}

/* Which entries of each turn stay, and which of them are learned. */
static void cut(struct work *w)
{
    const struct rt_data_options *opt = w->encoder->opt;
    const int64_t pairs = w->row.turns / 2;
    int64_t used = 0;
    for (int64_t n = 0; n < pairs && used < opt->cutoff_len; n++) {
        const int64_t pair = opt->mask_history ? pairs - 1 - n : n; /* then the last turns come first */
        struct span *source = &w->turn[2 * pair], *target = source + 1;
        int64_t keep_source, keep_target;
        rt_cut_pair(source->tokens, target->tokens, opt->cutoff_len - used, &keep_source, &keep_target);
        used += keep_source + keep_target;
        source->keep = entries_of(w, source, keep_source);
        target->keep = entries_of(w, target, keep_target);
        source->learn = opt->train_on_prompt;
        target->learn = !opt->mask_history || pair == pairs - 1;
    }
}

/* The pictures have to be left whole, and no token that a text typed itself may be left: it would make the
 * model look for a picture that is not there. */
static rt_status check_cut(const struct work *w, struct rt_error *err)
{
    const long long cutoff = (long long)w->encoder->opt->cutoff_len, tokens = (long long)w->tokens;
    const int32_t image = w->encoder->image_id, video = rt_tokenizer_id(w->encoder->tok, "<|video_pad|>");
    int64_t left = 0;
    bool whole = true;
    for (int64_t i = 0; i < w->row.turns; i++) {
        const struct span *turn = &w->turn[i];
        whole &= turn->keep >= 0;
        for (int64_t at = turn->from; at < turn->from + turn->keep; at++) {
            if (w->ids[at] == image && turn->typed)
                return fail_typed(i, "<|image_pad|>", "a picture", err);
            if (w->ids[at] == video && video >= 0)
                return fail_typed(i, "<|video_pad|>", "a video", err);
            left += w->ids[at] == image;
        }
    }
    if (!whole || left != w->row.pictures)
        return rt_fail(err, RT_ERR_DATA,
                       "cutoff_len: %lld cuts a picture off; the row has %lld tokens: write cutoff_len: "
                       "%lld or more, or a smaller image_max_pixels",
                       cutoff, tokens, tokens);
    return RT_OK;
}

/* Write what the cut leaves into the sample. */
static rt_status fill(struct work *w, struct rt_error *err)
{
    struct rt_sample *s = &w->sample;
    s->ids = malloc(((size_t)w->count + 1) * sizeof *s->ids);
    s->learn = malloc((size_t)w->count + 1);
    if (s->ids == NULL || s->learn == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for %lld tokens", (long long)w->count);
    int32_t picture = 0;
    for (int64_t i = 0; i < w->row.turns; i++) {
        const struct span *turn = &w->turn[i];
        for (int64_t at = turn->from; at < turn->from + turn->keep; at++) {
            const int32_t id = w->ids[at];
            const int32_t tokens = id == w->encoder->image_id ? s->picture[picture++].tokens : 1;
            s->ids[s->count] = id;
            s->learn[s->count++] = turn->learn;
            s->length += tokens;
            s->learned += turn->learn ? tokens : 0;
        }
    }
    s->cut = w->tokens - s->length;
    if (s->count > 0 && s->learn[0])
        s->learned--; /* nothing stands before the first token to predict it from */
    if (s->learned == 0)
        return rt_fail(err, RT_ERR_DATA,
                       "nothing to learn: cutoff_len: %lld leaves no token of an answer; the row has "
                       "%lld tokens",
                       (long long)w->encoder->opt->cutoff_len, (long long)w->tokens);
    return RT_OK;
}

static rt_status encode(struct work *w, const struct rt_rows *rows, int64_t i, struct rt_error *err)
{
    const struct rt_span *span = &rows->spans.span[rows->order[i]];
    const struct rt_rows_file *file = &rows->file[span->file];
    const struct rt_str text = { file->text + span->offset, (size_t)span->bytes };
    RT_TRY(rt_row_convert(&w->row, &w->pool, &rows->info[file->set], text, err));
    RT_TRY(rt_row_check_media(rows, &w->row, err));
    RT_TRY(rt_row_find_pictures(rows, &w->row, w->encoder->rules, &w->sample, err));
    RT_TRY(encode_turns(w, rows->image_word, err));
    RT_TRY(place_pictures(w, rows->image_word, err));
    cut(w);
    RT_TRY(check_cut(w, err));
    return fill(w, err);
}

rt_status rt_row_encode(const struct rt_rows *rows, int64_t i, const struct rt_encoder *encoder,
                        struct rt_sample *sample, struct rt_error *err)
{
    struct work w = { .encoder = encoder };
    const rt_status st = encode(&w, rows, i, err);
    free(w.ids);
    rt_pool_free(&w.pool);
    if (st != RT_OK) {
        rt_sample_free(&w.sample);
        return st;
    }
    *sample = w.sample;
    return RT_OK;
}
