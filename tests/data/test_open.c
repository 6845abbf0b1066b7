/* test_open.c - data opened on one rank: how much of it there is, what is held out, what is refused. */
#include "config.h"
#include "data/loader_test.h"

#include <string.h>

static void sizes(struct rt_data *data)
{
    ok(rt_data_rows(data, RT_TRAIN) == GOOD && rt_data_bad_rows(data) == 4, "36 good rows, 4 bad ones");
    ok(rt_data_micros_per_epoch(data, RT_TRAIN) == MICROS && rt_data_steps_per_epoch(data, 1) == 6,
       "18 micro-batches, 6 steps");
    ok(rt_data_pixel_lut(data)[255] > 1.9f && rt_data_pixel_lut(data)[256] < -1.7f,
       "the table of pixel values");
    int64_t all = 0, parts = 0, want = 0, real = 0, real_parts = 0, want_real = 0;
    struct rt_error err;
    rt_status st = rt_data_fed_tokens(data, 1, 0, MICROS, &all, &real, &err);
    st = st == RT_OK ? rt_data_fed_tokens(data, 1, 0, 5, &parts, &real_parts, &err) : st;
    st = st == RT_OK ? rt_data_fed_tokens(data, 1, 5, MICROS, &parts, &real_parts, &err) : st;
    struct rt_loader *loader = open_loader(data, &(struct rt_loader_options){ .split = RT_TRAIN, .epoch = 1 });
    for (int i = 0; i < MICROS; i++) {
        const struct rt_batch *b = NULL;
        if (rt_batch_next(loader, &b, NULL, &err) != RT_OK)
            break;
        int64_t width = b->max_length;
        if (b->pictures == 0 && b->offsets[1] + 6 > width) /* the white picture: two marks and 2 x 2 tokens */
            width = b->offsets[1] + 6;
        want += b->samples * ((width + 7) / 8 * 8);
        want_real += b->tokens;
    }
    rt_loader_close(loader);
    ok(st == RT_OK && all == want && parts == all, "padded tokens of an epoch: %lld, wanted %lld",
       (long long)all, (long long)want);
    ok(real == want_real && real_parts == real, "without padding: %lld, wanted %lld", (long long)real,
       (long long)want_real);
}

/* The part of "train" that val_size takes away: as the plan draws it, less the bad rows. */
static void split_off(struct made *made, struct rt_dist *dist)
{
    made->opt.val_size = 0.25;
    struct rt_data *data = open_data(made, dist, NULL);
    int64_t train[ROWS], eval_rows[ROWS], trains, evals, kept = 0, wrong = 0;
    rt_plan_split(ROWS, 0.25, 42, train, &trains, eval_rows, &evals, NULL);
    for (int64_t i = 0; i < evals; i++)
        if (made_good((int)eval_rows[i]))
            wrong += data->store.raw[data->split[RT_EVAL].row[kept++]] != eval_rows[i];
    ok(kept == rt_data_rows(data, RT_EVAL) && wrong == 0 && kept + rt_data_rows(data, RT_TRAIN) == GOOD,
       "val_size 0.25 of 40 rows: %lld drawn before the bad ones go, %lld left", (long long)evals,
       (long long)kept);
    rt_data_close(data);
    made->opt.val_size = 0;
}

static void refuse(struct made *made, struct rt_dist *dist, rt_status code, const char *word)
{
    struct rt_data *data = NULL;
    struct rt_error err = { 0 };
    const rt_status st = rt_data_open(&data, &made->opt, dist, NULL, &err);
    ok(st == code && data == NULL && strstr(err.text, word) != NULL, "refused: %s", err.text);
    rt_data_close(data);
}

static void refusals(struct made *made, struct rt_dist *dist)
{
    static const char *broken[] = { "broken" }, *train[] = { "train" };
    const struct rt_data_options kept = made->opt;
    made->opt.template_name = "llama3";
    refuse(made, dist, RT_ERR_JOB, "template: \"llama3\"");
    made->opt.template_name = "qwen2_vl";
    made->opt.max_bad_rows = 3;
    refuse(made, dist, RT_ERR_DATA, "4 of 40 rows");
    char path[400], line[1024] = "", wanted[700];
    snprintf(path, sizeof path, "%s/bad_rows.jsonl", made->out);
    FILE *file = fopen(path, "r");
    int lines = 0;
    for (char text[1024]; file != NULL && fgets(text, sizeof text, file) != NULL; lines++)
        if (lines == 1)
            memcpy(line, text, sizeof line);
    if (file != NULL)
        fclose(file);
    snprintf(wanted, sizeof wanted, "{\"file\": \"%s/train.json\", \"row\": 18, \"line\": 19, \"reason\": \"",
             made->data);
    ok(lines == 4 && strncmp(line, wanted, strlen(wanted)) == 0, "the second of %d in bad_rows.jsonl: %.*s",
       lines, (int)strcspn(line, "\n"), line);
    made->opt.max_bad_rows = 1e9;
    made->opt.dataset = broken;
    refuse(made, dist, RT_ERR_DATA, "none of the 1 rows for training");
    made->opt.dataset = train;
    made->opt.datasets = 0;
    refuse(made, dist, RT_ERR_JOB, "dataset:");
    made->opt.datasets = 1;
    made->opt.max_bad_rows = 0.2;
    made->opt.val_size = 40;
    refuse(made, dist, RT_ERR_JOB, "val_size:");
    made->opt.val_size = 0;
    made->opt.model_name_or_path = made->data;
    refuse(made, dist, RT_ERR_FILE, "tokenizer.json");
    made->opt = kept;
    made->opt.dataloader_drop_last = true;
    made->opt.per_device_train_batch_size = 100;
    struct rt_data *data = open_data(made, dist, NULL);
    struct rt_loader *loader = NULL;
    struct rt_error err = { 0 };
    ok(rt_loader_open(&loader, data, &(struct rt_loader_options){ .size = 1 }, &err) == RT_ERR_DATA &&
           loader == NULL,
       "a batch that never fills: %s", err.text);
    ok(rt_loader_open(&loader, data, &(struct rt_loader_options){ .size = 2, .rank = 2 }, &err) ==
           RT_ERR_INTERNAL,
       "rank 2 of 2: %s", err.text);
    rt_data_close(data);
    made->opt = kept;
}

int main(int argc, char **argv)
{
    struct made made;
    struct rt_dist *dist = open_all(argc, argv, &made);
    struct rt_data *data = open_data(&made, dist, NULL);
    sizes(data);
    rt_data_close(data);
    split_off(&made, dist);
    refusals(&made, dist);
    made_close(&made);
    rt_dist_close(dist);
    return tap_done();
}
