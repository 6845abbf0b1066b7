/* card.c - README.md beside an adapter: what it is, in the front matter that model hubs read, and how it was
 * trained. */
#include "config.h"
#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "train/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As a YAML scalar behind prefix: quoted as JSON is where a plain one could be read as something else. */
static void put_yaml(FILE *out, const char *before, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-";
    fputs(before, out);
    if (text[0] != '\0' && strspn(text, plain) == strlen(text) && strchr("0123456789.-", text[0]) == NULL) {
        fprintf(out, "%s\n", text);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            fprintf(out, "\\x%02x", (unsigned)*text);
        else
            fprintf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    }
    fputs("\"\n", out);
}

static void put_front(FILE *out, const struct rt_run *run, const char *name)
{
    const char *base = run->job->model.model_name_or_path;
    char *tag = malloc(strlen(base) + 32);
    fputs("---\nlibrary_name: peft\nlicense: other\n", out);
    put_yaml(out, "base_model: ", base);
    fputs("tags:\n", out);
    if (tag != NULL)
        put_yaml(out, "- ", strcat(strcpy(tag, "base_model:adapter:"), base));
    free(tag);
    fputs("- lora\n- ranktune\n- transformers\n", out);
    if (run->job->train.compute_accuracy)
        fputs("metrics:\n- accuracy\n", out);
    fputs("pipeline_tag: text-generation\nmodel-index:\n", out);
    put_yaml(out, "- name: ", name);
    fputs("  results: []\n---\n\n", out);
}

static void put_numbers(FILE *out, const struct rt_run *run)
{
    const struct rt_train_options *t = &run->job->train;
    const long long batch = (long long)run->job->data.per_device_train_batch_size;
    const long long accumulation = (long long)t->gradient_accumulation_steps;
    const int ranks = rt_dist_size(run->dist);
    fprintf(out, "## How it was trained\n\n- learning_rate: %g, %s, warm-up %g\n", t->learning_rate,
            t->lr_scheduler_type, t->warmup);
    fprintf(out, "- samples a step: %lld (%d rank%s x batch %lld x accumulation %lld)\n",
            ranks * batch * accumulation, ranks, ranks == 1 ? "" : "s", batch, accumulation);
    fprintf(out, "- steps: %lld of %lld, epochs: %.4g\n", (long long)run->step, (long long)run->steps,
            rt_run_epoch(run, run->step));
    fprintf(out, "- AdamW: betas %g and %g, epsilon %g, weight_decay %g, max_grad_norm %g\n", t->adam_beta1,
            t->adam_beta2, t->adam_epsilon, t->weight_decay, t->max_grad_norm);
    fprintf(out, "- numbers: %s, seed %lld\n\n", run->ex->act == RT_BF16 ? "bf16" : "fp32", (long long)t->seed);
}

static void put_results(FILE *out, const struct rt_card *card)
{
    if (isnan(card->train_loss) && isnan(card->eval_loss))
        return;
    fputs("## Losses\n\n", out);
    if (!isnan(card->train_loss))
        fprintf(out, "- training: %.4f\n", card->train_loss);
    if (!isnan(card->eval_loss))
        fprintf(out, "- evaluation: %.4f\n", card->eval_loss);
    if (!isnan(card->eval_accuracy))
        fprintf(out, "- accuracy of tokens in the evaluation: %.4f\n", card->eval_accuracy);
    fputs("\nStep by step: trainer_log.jsonl beside this file.\n\n", out);
}

static void put_text(FILE *out, const struct rt_run *run, const char *name)
{
    const struct rt_adapter *ad = run->adapter;
    const struct rt_data_options *data = &run->job->data;
    fprintf(out,
            "# %s\n\nA LoRA adapter (rank %lld, alpha %g, %lld modules) for `%s`, trained with ranktune %s on",
            name, (long long)ad->r, ad->alpha, (long long)ad->modules, run->job->model.model_name_or_path,
            PACKAGE_VERSION);
    for (int64_t i = 0; i < data->datasets; i++)
        fprintf(out, "%s `%s`", i > 0 ? "," : "", data->dataset[i]);
    fputs(
        ".\n\n```python\nfrom peft import PeftModel\nmodel = PeftModel.from_pretrained(base_model, \"this folder\")\n```\n\n",
        out);
}

/* The folder's own name, without what stands before it. */
static const char *name_of(const char *folder, char *room, size_t bytes)
{
    snprintf(room, bytes, "%s", folder);
    for (size_t n = strlen(room); n > 1 && room[n - 1] == '/'; n--)
        room[n - 1] = '\0';
    const char *slash = strrchr(room, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : room;
}

rt_status rt_run_card_text(const struct rt_run *run, const struct rt_card *card, char **text, size_t *bytes)
{
    char room[4096];
    const char *name = name_of(run->job->output_dir, room, sizeof room);
    FILE *out = open_memstream(text, bytes);
    if (out == NULL)
        return rt_fail(run->err, RT_ERR_MEMORY, "no memory for README.md");
    put_front(out, run, name);
    put_text(out, run, name);
    put_numbers(out, run);
    put_results(out, card);
    return fclose(out) == 0 ? RT_OK : rt_fail(run->err, RT_ERR_MEMORY, "no memory for README.md");
}

rt_status rt_run_card(const struct rt_run *run, const char *folder, const struct rt_card *card)
{
    char *text = NULL;
    size_t bytes = 0;
    rt_status st = rt_run_card_text(run, card, &text, &bytes);
    if (st == RT_OK)
        st = rt_file_put(folder, "README.md", text, bytes, run->err);
    free(text);
    return st;
}

rt_status rt_run_save_adapter(const struct rt_run *run, const char *folder)
{
    RT_TRY(rt_model_save_adapter(run->model, folder, run->err));
    return rt_beside_write(run->beside, folder, run->err);
}
