/* tests/checkpoint/test_beside.c - the base model's tokenizer, template and picture processor beside an
 * adapter. */
#include "config.h"

#include "common.h"

static const char tokenizer[] = "{\"model\": {\"vocab\": {\"\xe4\xbd\xa0\": 0}}}\n";
static const char config[] =
    "{\"tokenizer_class\": \"Qwen2Tokenizer\", \"eos_token\": \"<|endoftext|>\", \"chat_template\": %s,"
    " \"added_tokens_decoder\": {\"5\": {\"content\": \"\xe5\xa5\xbd\"}}}";
static const char preprocessor[] =
    "{\"min_pixels\": 3136, \"max_pixels\": 12845056, \"patch_size\": 14, \"image_mean\": "
    "[0.48145466, 0.4578275, 0.40821073], \"processor_class\": \"Qwen2_5_VLProcessor\", "
    "\"image_processor_type\": \"Qwen2VLImageProcessor\"}";

static void put(const char *folder, const char *name, const char *data)
{
    char *path = text("%s/%s", folder, name);
    put_file(path, data, strlen(data));
    free(path);
}

/* What folder/name holds, "" where there is none. */
static char *got(const char *folder, const char *name)
{
    size_t n;
    char *path = text("%s/%s", folder, name), *data = there(path) ? get_file(path, &n) : text("%s", "");
    free(path);
    return data;
}

static void has(const char *folder, const char *name, const char *part)
{
    char *data = got(folder, name);
    ok(strstr(data, part) != NULL, "%s: %s", name, part);
    free(data);
}

static void lacks(const char *folder, const char *name, const char *part)
{
    char *data = got(folder, name);
    ok(strstr(data, part) == NULL, "%s: no %s", name, part);
    free(data);
}

static void holds(const char *folder, const char *name, const char *want)
{
    char *data = got(folder, name);
    ok(strcmp(data, want) == 0, "%s: as wanted, %zu bytes", name, strlen(data));
    free(data);
}

static char *write_out(const char *model, const char *name)
{
    char *out = folder_make(name);
    struct rt_beside *beside = NULL;
    rt_status st = rt_beside_read(&beside, model, &err);
    st = st == RT_OK ? rt_beside_write(beside, out, &err) : st;
    ok(st == RT_OK, "read and written (%s)", st == RT_OK ? "" : err.text);
    rt_beside_free(beside);
    return out;
}

static void older_model(void)
{
    char *model = folder_make("older"), *settings = text(config, "\"of the tokenizer\"");
    put(model, "tokenizer.json", tokenizer);
    put(model, "tokenizer_config.json", settings);
    put(model, "chat_template.json", "{\"chat_template\": \"of the processor\"}");
    put(model, "preprocessor_config.json", preprocessor);
    char *out = write_out(model, "older-out");
    holds(out, "tokenizer.json", tokenizer);
    holds(out, "chat_template.jinja", "of the tokenizer");
    has(out, "tokenizer_config.json", "\"eos_token\": \"<|im_end|>\"");
    has(out, "tokenizer_config.json", "\"padding_side\": \"right\"");
    has(out, "tokenizer_config.json", "\xe5\xa5\xbd");
    lacks(out, "tokenizer_config.json", "chat_template");
    has(out, "processor_config.json", "\"longest_edge\": 12845056,\n      \"shortest_edge\": 3136");
    has(out, "processor_config.json", "\"image_processor_type\": \"Qwen2VLImageProcessor\"");
    has(out, "processor_config.json", "      0.48145466,\n");
    has(out, "processor_config.json", "\n  \"processor_class\": \"Qwen2_5_VLProcessor\"");
    has(out, "processor_config.json", "\"video_processor_type\": \"Qwen2VLVideoProcessor\"");
    lacks(out, "processor_config.json", "_pixels");
    free(settings);
    folder_end(out);
    folder_end(model);
}

static void newer_model(void)
{
    static const char processor[] = "{\"image_processor\": {\"patch_size\": 14}, \"x\": 1}";
    char *model = folder_make("newer");
    char *settings = text(
        config, "[{\"name\": \"tools\", \"template\": \"a\"}, {\"name\": \"default\", \"template\": \"b\"}]");
    put(model, "tokenizer.json", tokenizer);
    put(model, "tokenizer_config.json", settings);
    put(model, "processor_config.json", processor);
    put(model, "preprocessor_config.json", preprocessor);
    char *out = write_out(model, "newer-out");
    holds(out, "chat_template.jinja", "b");
    holds(out, "processor_config.json", processor);
    put(model, "chat_template.jinja", "its own file");
    put(model, "processor_config.json", "{\"processor_class\": \"Qwen2VLProcessor\"}");
    folder_end(out);
    out = write_out(model, "newer-out");
    holds(out, "chat_template.jinja", "its own file");
    has(out, "processor_config.json", "\"image_processor\": {");
    free(settings);
    folder_end(out);
    folder_end(model);
}

/* What is not there or not JSON is left out: the run has read what it needs, and fails where that is wrong. */
static void poor_model(void)
{
    char *model = folder_make("poor");
    put(model, "tokenizer_config.json", "{ broken");
    put(model, "preprocessor_config.json", "[]");
    char *out = write_out(model, "poor-out");
    static const char *const names[] = { "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
                                         "processor_config.json" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        holds(out, names[i], "");
    put(model, "tokenizer.json", tokenizer);
    struct rt_beside *beside = NULL;
    ok(rt_beside_read(&beside, model, &err) == RT_OK, "read again");
    const rt_status st = rt_beside_write(beside, "no/such/folder", &err);
    ok(st == RT_ERR_OUTPUT && strstr(err.text, "no/such/folder") != NULL, "nowhere to write: %s", err.text);
    rt_beside_free(beside);
    rt_beside_free(NULL);
    folder_end(out);
    folder_end(model);
}

int main(void)
{
    older_model();
    newer_model();
    poor_model();
    return tap_done();
}
