/* beside.c - tokenizer, chat template and picture processor beside an adapter, from the base model's folder. */
#include "config.h"
#include "base/file.h"
#include "checkpoint/checkpoint.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LARGEST = 256 << 20 }; /* of one file: the published tokenizer.json has 7 MB */

/* Texts are malloc'ed; NULL: the model has none. */
struct rt_beside {
    struct rt_beside_file {
        const char *name;
        char *text;
        size_t bytes;
    } file[4];
};
enum { TOKENIZER, TOKENIZER_CONFIG, CHAT_TEMPLATE, PROCESSOR };
static const char *const names[] = { "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
                                     "processor_config.json" };

/* A file of the model, NULL if it has none of that name. */
static rt_status load(const char *folder, const char *name, char **text, size_t *bytes, struct rt_error *err)
{
    char *path;
    struct stat info;
    *text = NULL;
    *bytes = 0;
    RT_TRY(rt_file_path(&path, err, "%s/%s", folder, name));
    const rt_status st = stat(path, &info) == 0 ? rt_file_load(path, LARGEST, text, bytes, err) : RT_OK;
    free(path);
    return st;
}

/* The same as JSON; NULL as well where it is none. */
static rt_status load_json(const char *folder, const char *name, json_t **json, struct rt_error *err)
{
    char *text;
    size_t bytes;
    RT_TRY(load(folder, name, &text, &bytes, err));
    *json = text == NULL ? NULL : json_loadb(text, bytes, 0, NULL);
    free(text);
    return RT_OK;
}

static rt_status keep_json(struct rt_beside_file *file, const json_t *json, struct rt_error *err)
{
    char *text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(15) | JSON_SORT_KEYS);
    const size_t n = text == NULL ? 0 : strlen(text);
    char *line = text == NULL ? NULL : realloc(text, n + 2);
    if (line == NULL) {
        free(text);
        return rt_fail(err, RT_ERR_MEMORY, "no memory for %s", file->name);
    }
    file->text = strcat(line, "\n");
    file->bytes = n + 1;
    return RT_OK;
}

static void keep_text(struct rt_beside_file *file, const json_t *text)
{
    if (file->text != NULL || !json_is_string(text))
        return;
    file->text = strdup(json_string_value(text));
    file->bytes = file->text == NULL ? 0 : strlen(file->text);
}

/* One template, or several of which one is named default. */
static void keep_template(struct rt_beside_file *file, const json_t *from)
{
    size_t i;
    json_t *one;
    keep_text(file, from);
    json_array_foreach (from, i, one) {
        const char *name = json_string_value(json_object_get(one, "name"));
        if (name != NULL && strcmp(name, "default") == 0)
            keep_text(file, json_object_get(one, "template"));
    }
}

/* Answers end with <|im_end|>, whatever the base model ended texts with; the template stands in a file of its
 * own. */
static rt_status read_tokenizer(struct rt_beside *b, const char *folder, struct rt_error *err)
{
    json_t *config = NULL, *template = NULL;
    RT_TRY(load(folder, names[TOKENIZER], &b->file[TOKENIZER].text, &b->file[TOKENIZER].bytes, err));
    RT_TRY(
        load(folder, names[CHAT_TEMPLATE], &b->file[CHAT_TEMPLATE].text, &b->file[CHAT_TEMPLATE].bytes, err));
    RT_TRY(load_json(folder, names[TOKENIZER_CONFIG], &config, err));
    rt_status st = load_json(folder, "chat_template.json", &template, err);
    if (st == RT_OK && json_is_object(config)) {
        keep_template(&b->file[CHAT_TEMPLATE], json_object_get(config, "chat_template"));
        json_object_del(config, "chat_template");
        json_object_set_new(config, "eos_token", json_string("<|im_end|>"));
        json_object_set_new(config, "padding_side", json_string("right"));
        st = keep_json(&b->file[TOKENIZER_CONFIG], config, err);
    }
    if (st == RT_OK)
        keep_template(&b->file[CHAT_TEMPLATE], json_object_get(template, "chat_template"));
    json_decref(config);
    json_decref(template);
    return st;
}

/* What preprocessor_config.json says, in the words of processor_config.json: bounds of the size under "size".
 */
static json_t *processor_part(const json_t *from)
{
    json_t *part = json_pack("{s:b, s:b, s:b, s:b, s:i, s:f}", "do_convert_rgb", 1, "do_normalize", 1,
                             "do_rescale", 1, "do_resize", 1, "resample", 3, "rescale_factor", 1.0 / 255);
    json_t *low = json_object_get(from, "min_pixels"), *high = json_object_get(from, "max_pixels");
    if (part == NULL || json_object_update(part, (json_t *)(uintptr_t)from) != 0)
        return NULL;
    if (json_is_integer(low) && json_is_integer(high))
        json_object_set_new(part, "size", json_pack("{s:O, s:O}", "shortest_edge", low, "longest_edge", high));
    static const char *const elsewhere[] = { "min_pixels", "max_pixels", "processor_class",
                                             "image_processor_type" };
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        json_object_del(part, elsewhere[i]);
    return part;
}

static json_t *processor_of(const json_t *from)
{
    json_t *image = processor_part(from), *video = processor_part(from);
    json_t *own = json_pack("{s:b, s:i, s:i, s:b, s:s}", "do_sample_frames", 0, "max_frames", 768, "min_frames",
                            4, "return_metadata", 0, "video_processor_type", "Qwen2VLVideoProcessor");
    json_t *class = json_object_get(from, "processor_class"), *all = NULL;
    if (image != NULL && video != NULL && own != NULL) {
        json_object_set_new(image, "image_processor_type", json_string("Qwen2VLImageProcessor"));
        json_object_update(video, own);
        all = json_pack("{s:O, s:O}", "image_processor", image, "video_processor", video);
    }
    if (all != NULL && json_is_string(class))
        json_object_set(all, "processor_class", class);
    json_decref(image);
    json_decref(video);
    json_decref(own);
    return all;
}

static rt_status read_processor(struct rt_beside *b, const char *folder, struct rt_error *err)
{
    struct rt_beside_file *file = &b->file[PROCESSOR];
    json_t *old = NULL, *whole = NULL;
    RT_TRY(load(folder, file->name, &file->text, &file->bytes, err));
    whole = file->text == NULL ? NULL : json_loadb(file->text, file->bytes, 0, NULL);
    const bool done = json_is_object(json_object_get(whole, "image_processor"));
    json_decref(whole);
    if (done)
        return RT_OK;
    free(file->text); /* one without the picture processor, as older versions wrote */
    file->text = NULL;
    RT_TRY(load_json(folder, "preprocessor_config.json", &old, err));
    if (!json_is_object(old)) {
        json_decref(old);
        return RT_OK;
    }
    json_t *made = processor_of(old);
    const rt_status st =
        made == NULL ? rt_fail(err, RT_ERR_MEMORY, "no memory for %s", file->name) : keep_json(file, made, err);
    json_decref(made);
    json_decref(old);
    return st;
}

rt_status rt_beside_read(struct rt_beside **beside, const char *model_folder, struct rt_error *err)
{
    struct rt_beside *b = calloc(1, sizeof *b);
    if (b == NULL)
        return rt_fail(err, RT_ERR_MEMORY, "no memory for the files beside the adapter");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        b->file[i].name = names[i];
    rt_status st = read_tokenizer(b, model_folder, err);
    if (st == RT_OK)
        st = read_processor(b, model_folder, err);
    if (st != RT_OK) {
        rt_beside_free(b);
        return st;
    }
    *beside = b;
    return RT_OK;
}

rt_status rt_beside_write(const struct rt_beside *b, const char *folder, struct rt_error *err)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (b->file[i].text != NULL)
            RT_TRY(rt_file_put(folder, b->file[i].name, b->file[i].text, b->file[i].bytes, err));
    return RT_OK;
}

void rt_beside_free(struct rt_beside *b)
{
    for (size_t i = 0; b != NULL && i < sizeof names / sizeof *names; i++)
        free(b->file[i].text);
    free(b);
}

uint64_t rt_beside_bytes(const struct rt_beside *b)
{
    uint64_t bytes = 0;
    for (size_t i = 0; b != NULL && i < sizeof b->file / sizeof *b->file; i++)
        bytes += b->file[i].bytes;
    return bytes;
}
