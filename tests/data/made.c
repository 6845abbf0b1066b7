/* tests/data/made.c - what made.h says, written to a temporary folder. */
#include "config.h"
#include "data/made.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static FILE *create(const char *folder, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        exit(99);
    }
    return file;
}

static void finish(FILE *file)
{
    if (ferror(file) != 0 || fclose(file) != 0) {
        perror("writing a test file");
        exit(99);
    }
}

/* Every byte is a token: the printable ones as themselves, the others from U+0100 on. */
static void write_tokenizer(const char *folder)
{
    static const char *const added[] = { "<|endoftext|>",    "<|im_start|>",   "<|im_end|>",
                                         "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
                                         "<|image_pad|>",    "<|video_pad|>" };
    FILE *f = create(folder, "tokenizer.json");
    fprintf(f, "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, \"added_tokens\": [");
    for (int i = 0; i < 8; i++)
        fprintf(
            f,
            "%s{\"id\": %d, \"content\": \"%s\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
            "\"normalized\": false, \"special\": true}",
            i > 0 ? ", " : "", 256 + i, added[i]);
    fprintf(f,
            "], \"normalizer\": {\"type\": \"NFC\"}, \"pre_tokenizer\": {\"type\": \"Sequence\", "
            "\"pretokenizers\": "
            "[{\"type\": \"Split\", \"pattern\": {\"Regex\": \"%s\"}, \"behavior\": \"Isolated\", \"invert\": "
            "false}, "
            "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": false, \"use_regex\": "
            "false}]}, ",
            "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}| "
            "?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*"
            "|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+");
    fprintf(
        f,
        "\"post_processor\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": false, "
        "\"use_regex\": false}, \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
        "\"trim_offsets\": false, \"use_regex\": false}, \"model\": {\"type\": \"BPE\", \"dropout\": null, "
        "\"unk_token\": null, \"continuing_subword_prefix\": \"\", \"end_of_word_suffix\": \"\", "
        "\"fuse_unk\": false, \"byte_fallback\": false, \"vocab\": {");
    for (int b = 0, other = 256; b < 256; b++) {
        const int shown = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        fprintf(f, "%s\"\\u%04x\": %d", b > 0 ? ", " : "", (unsigned)(shown ? b : other++), b);
    }
    fprintf(f, "}, \"merges\": []}}\n");
    finish(f);
}

static void write_model(const char *folder)
{
    write_tokenizer(folder);
    FILE *f = create(folder, "config.json");
    fprintf(f, "{\"model_type\": \"qwen2_5_vl\", \"image_token_id\": 262, \"video_token_id\": 263, "
               "\"vision_start_token_id\": "
               "259, \"vision_end_token_id\": 260, \"vision_config\": {\"patch_size\": 14, "
               "\"spatial_merge_size\": 2}}\n");
    finish(f);
    f = create(folder, "preprocessor_config.json");
    fprintf(
        f,
        "{\"min_pixels\": 3136, \"max_pixels\": 12845056, \"patch_size\": 14, \"temporal_patch_size\": 2, "
        "\"merge_size\": 2, \"image_mean\": [0.48145466, 0.4578275, 0.40821073], \"image_std\": [0.26862954, "
        "0.26130258, 0.27577711], \"image_processor_type\": \"Qwen2VLImageProcessor\"}\n");
    finish(f);
}

void made_picture_path(const struct made *made, int number, char *path, size_t bytes)
{
    snprintf(path, bytes, "%s/p%d.bmp", made->data, number);
}

static void little(FILE *f, uint32_t x, int bytes)
{
    for (int i = 0; i < bytes; i++)
        fputc((int)(x >> (8 * i) & 255), f);
}

void made_draw(const struct made *made, int number)
{
    const uint32_t width = 60 + 13 * (uint32_t)number, height = 90 - 5 * (uint32_t)number;
    const uint32_t stride = (3 * width + 3) / 4 * 4;
    char name[32];
    snprintf(name, sizeof name, "p%d.bmp", number);
    FILE *f = create(made->data, name);
    fputs("BM", f);
    little(f, 54 + stride * height, 4);
    little(f, 0, 4);
    little(f, 54, 4);
    little(f, 40, 4);
    little(f, width, 4);
    little(f, height, 4);
    little(f, 1, 2);
    little(f, 24, 2);
    little(f, 0, 4);
    little(f, stride * height, 4);
    for (int i = 0; i < 4; i++)
        little(f, 0, 4);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < stride; x++)
            fputc((int)((x * 7 + y * 13 + (uint32_t)number * 31 + x * y / 9) & 255), f);
    finish(f);
}

bool made_good(int i)
{
    return i % 10 != 7;
}

int made_pictures_of(int i)
{
    return i % 3 == 0 ? 1 : i % 3 == 1 ? 2 : 0;
}

int made_picture_of(int i, int k)
{
    return (i + i / 3 + 2 * k) % MADE_PICTURES;
}

static void write_train(FILE *f, int rows)
{
    fputs("[", f);
    for (int i = 0; i < rows; i++) {
        const int pictures = made_good(i) ? made_pictures_of(i) : 1;
        fprintf(f, "%s\n{\"messages\": [{\"role\": \"user\", \"content\": \"row %d.", i > 0 ? "," : "", i);
        for (int k = 0; k < pictures; k++)
            fputs(" <image>", f);
        fprintf(f, "%.*s\"}, {\"role\": \"assistant\", \"content\": \"answer %d%.*s\"}], \"images\": [",
                i * 7 % 23, " what is to be seen here?", i, i * 5 % 31, " and much more about all of it");
        for (int k = 0; k < pictures; k++)
            fprintf(f, made_good(i) ? "%s\"p%d.bmp\"" : "%s\"absent%d.bmp\"", k > 0 ? ", " : "",
                    made_picture_of(i, k));
        fputs("]}", f);
    }
    fputs("\n]\n", f);
}

static void write_data(const struct made *made, int rows)
{
    FILE *f = create(made->data, "dataset_info.json");
    fputs("{", f);
    static const char *const names[] = { "train", "eval", "broken" };
    for (int i = 0; i < 3; i++)
        fprintf(
            f,
            "%s\"%s\": {\"file_name\": \"%s.json\", \"formatting\": \"sharegpt\", \"columns\": {\"messages\": "
            "\"messages\", \"images\": \"images\"}, \"tags\": {\"role_tag\": \"role\", \"content_tag\": "
            "\"content\", "
            "\"user_tag\": \"user\", \"assistant_tag\": \"assistant\"}}",
            i > 0 ? ", " : "", names[i], names[i]);
    fputs("}\n", f);
    finish(f);
    f = create(made->data, "train.json");
    write_train(f, rows);
    finish(f);
    f = create(made->data, "eval.json");
    for (int i = 0; i < MADE_EVAL; i++)
        fprintf(f,
                "{\"messages\": [{\"role\": \"user\", \"content\": \"eval %d.\"}, {\"role\": \"assistant\", "
                "\"content\": "
                "\"%.*s.\"}], \"images\": []}\n",
                i, 2 * i, "yes yes yes yes");
    finish(f);
    f = create(made->data, "broken.json");
    fputs("{\"messages\": [{\"role\": \"user\", \"content\": \"alone\"}], \"images\": []}\n", f);
    finish(f);
    for (int i = 0; i < MADE_PICTURES; i++)
        made_draw(made, i);
}

void made_options(struct made *made, const char *folder)
{
    static const char *train[] = { "train" };
    if (folder != made->folder)
        snprintf(made->folder, sizeof made->folder, "%s", folder);
    snprintf(made->model, sizeof made->model, "%s/model", made->folder);
    snprintf(made->data, sizeof made->data, "%s/data", made->folder);
    snprintf(made->out, sizeof made->out, "%s/out", made->folder);
    made->opt = (struct rt_data_options){
        .model_name_or_path = made->model,
        .dataset = train,
        .datasets = 1,
        .dataset_dir = made->data,
        .media_dir = made->data,
        .template_name = "qwen2_vl",
        .cutoff_len = 2048,
        .max_samples = -1,
        .use_fast_tokenizer = true,
        .image_max_pixels = 589824,
        .image_min_pixels = 1024,
        .seed = 42,
        .data_seed = 42,
        .per_device_train_batch_size = 2,
        .per_device_eval_batch_size = 3,
        .gradient_accumulation_steps = 3,
        .dataloader_num_workers = 2,
        .preprocessing_num_workers = 2,
        .max_bad_rows = 0.2,
        .do_train = true,
        .output_dir = made->out,
    };
}

void made_open(struct made *made, int rows)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(made->folder, sizeof made->folder, "%s/rt_made.XXXXXX",
             tmp != NULL && strlen(tmp) < 200 ? tmp : "/tmp");
    if (mkdtemp(made->folder) == NULL) {
        perror(made->folder);
        exit(99);
    }
    made_options(made, made->folder);
    mkdir(made->model, 0777);
    mkdir(made->data, 0777);
    write_model(made->model);
    write_data(made, rows);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

void made_close(struct made *made)
{
    nftw(made->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
