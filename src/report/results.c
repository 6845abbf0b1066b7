/* results.c - train_results.json, eval_results.json, and all_results.json that gathers them. */
#include "config.h"
#include "base/file.h"
#include "base/pyjson.h"
#include "report/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

rt_status rt_results_read(json_t **all, const char *folder, struct rt_error *err)
{
    rt_status st = RT_OK;
    char *data = NULL;
    size_t bytes = 0;
    json_t *found = NULL;
    char *path;
    RT_TRY(rt_file_path(&path, err, "%s/all_results.json", folder));
    if (access(path, F_OK) == 0)
        RT_TRY_TO(st, rt_file_load(path, RT_RESULTS_MAX_BYTES, &data, &bytes, err), err_free);
    if (data != NULL)
        RT_TRY_TO(st, rt_pyjson_parse(&found, data, bytes, path, err), err_free);
    else if ((found = json_object()) == NULL)
        st = rt_fail(err, RT_ERR_MEMORY, "%s: no memory for it", path);
    if (found != NULL && !json_is_object(found)) {
        json_decref(found);
        found = NULL;
        st = rt_fail(err, RT_ERR_FILE,
                     "%s: holds no object of results that this run's could be added to; remove it", path);
    }
    if (st == RT_OK)
        *all = found;
err_free:
    free(data);
    free(path);
    return st;
}

static rt_status write_object(const char *folder, const char *name, const json_t *object, struct rt_error *err)
{
    char *text;
    size_t bytes;
    RT_TRY(
        rt_pyjson_text(object, (struct rt_pyjson_style){ .indent = 4, .sort_keys = true }, &text, &bytes, err));
    const rt_status st = rt_file_put(folder, name, text, bytes, err);
    free(text);
    return st;
}

rt_status rt_results_write(const char *folder, const char *split, json_t *metrics, struct rt_error *err)
{
    char name[80];
    json_t *all = NULL;
    rt_status st;
    snprintf(name, sizeof name, "%s_results.json", split);
    RT_TRY(write_object(folder, name, metrics, err));
    RT_TRY(rt_results_read(&all, folder, err));
    if (json_object_update(all, metrics) != 0)
        st = rt_fail(err, RT_ERR_MEMORY, "%s: no memory for all_results.json", folder);
    else
        st = write_object(folder, "all_results.json", all, err);
    json_decref(all);
    return st;
}
