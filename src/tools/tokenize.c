/* tokenize.c - ranktune tokenize: JSON strings in, one a line; JSON arrays of ids out. */
#include "config.h"
#include "base/file.h"
#include "data/data.h"
#include "tools/tools.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 256 << 20 }; /* tokenizer.json: the published one has 7 MB */

static rt_status encode_line(const struct rt_tokenizer *tok, const char *line, size_t bytes, long number,
                             struct rt_error *err)
{
    json_error_t at;
    json_t *json = json_loadb(line, bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, &at);
    if (!json_is_string(json)) {
        json_decref(json);
        return rt_fail(err, RT_ERR_DATA,
                       "standard input:%ld: not a JSON string%s%s; write \"text\" in double quotes, one a line",
                       number, json == NULL ? ": " : "", json == NULL ? at.text : "");
    }
    int32_t *ids = NULL;
    int64_t count = 0;
    const rt_status st =
        rt_tokenizer_encode(tok, json_string_value(json), json_string_length(json), false, &ids, &count, err);
    json_decref(json);
    if (st != RT_OK)
        return st;
    putchar('[');
    for (int64_t i = 0; i < count; i++)
        printf("%s%d", i == 0 ? "" : ", ", ids[i]);
    puts("]");
    free(ids);
    return RT_OK;
}

static rt_status encode_all(const struct rt_tokenizer *tok, struct rt_error *err)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t bytes;
    rt_status st = RT_OK;
    for (long number = 1; st == RT_OK && (bytes = getline(&line, &room, stdin)) >= 0; number++)
        st = encode_line(tok, line, (size_t)bytes, number, err);
    free(line);
    if (st == RT_OK && (ferror(stdin) || fflush(stdout) != 0))
        st = rt_fail(err, RT_ERR_IO, "tokenize: %s", strerror(errno));
    return st;
}

rt_status rt_tool_tokenize(int argc, char **argv, struct rt_error *err)
{
    if (argc != 2 || strcmp(argv[0], "--model") != 0)
        return rt_fail(err, RT_ERR_USAGE, "tokenize: write ranktune tokenize --model DIR");
    char path[4096], *text = NULL;
    size_t bytes = 0;
    snprintf(path, sizeof path, "%s/tokenizer.json", argv[1]);
    RT_TRY(rt_file_load(path, LARGEST, &text, &bytes, err));
    struct rt_tokenizer *tok = NULL;
    rt_status st = rt_tokenizer_open(&tok, text, bytes, err);
    free(text);
    if (st != RT_OK)
        return rt_fail_in(err, "%s/", argv[1]);
    st = encode_all(tok, err);
    rt_tokenizer_close(tok);
    return st;
}
