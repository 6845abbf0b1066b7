/* summary.c - run_summary.json: how a run ended, and with what to go on. */
#include "config.h"
#include "base/pyjson.h"
#include "report/console.h"
#include "base/file.h"
#include "report/file.h"
#include "report/private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int put(json_t *o, const char *key, json_t *value)
{
    return json_object_set_new(o, key, value);
}

static int put_number(json_t *o, const char *key, double x, int decimals)
{
    return put(o, key, isnan(x) ? json_null() : rt_pyjson_real(rt_pyjson_round(x, decimals)));
}

static int put_count(json_t *o, const char *key, double x)
{
    return put(o, key, isnan(x) ? json_null() : json_integer((json_int_t)x));
}

static int put_text(json_t *o, const char *key, const char *text)
{
    char *copy = text != NULL ? strdup(text) : NULL;
    const int bad = put(o, key, copy != NULL ? json_string(rt_utf8_only(copy)) : json_null());
    free(copy);
    return bad;
}

static const char *state_of(const struct rt_summary_log *log)
{
    return log->exit_code < 0    ? "running"
           : log->exit_code == 0 ? "complete"
           : log->stopped        ? "stopped"
                                 : "failed";
}

static json_t *phases(const struct rt_summary_log *log)
{
    json_t *o = json_object();
    for (int i = 0; i < log->phase_count; i++) /* several may share a name */
        put_number(o, log->phases[i].name,
                   log->phases[i].seconds + json_number_value(json_object_get(o, log->phases[i].name)), 3);
    return o;
}

static json_t *steps_of(const int64_t *step, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, json_integer(step[i]));
    return list;
}

static json_t *object_of(const struct rt_summary_log *log)
{
    json_t *o = json_object();
    int bad = put_text(o, "state", state_of(log));
    bad |= put(o, "exit_code", log->exit_code < 0 ? json_null() : json_integer(log->exit_code));
    bad |= put_text(o, "reason", log->reason);
    bad |= put(o, "step", json_integer(log->step));
    bad |= put(o, "total_steps", json_integer(log->steps));
    bad |= put(o, "first_step", json_integer(log->first_step));
    bad |= put_count(o, "tokens_seen", log->tokens_seen);
    bad |= put_count(o, "samples", log->samples);
    bad |= put_count(o, "tokens", log->tokens);
    bad |= put_count(o, "pictures", log->pictures);
    bad |= put(o, "bad_rows", json_integer(log->bad_rows));
    bad |= put(o, "skipped_steps", json_integer(log->skipped_steps));
    bad |= put_number(o, "wall_seconds", log->wall_s, 3);
    bad |= put(o, "phase_seconds", phases(log));
    bad |= put_number(o, "gpu_hours", log->gpu_hours, 6);
    bad |= put_number(o, "mean_gpu_percent", log->gpu_percent, 2);
    bad |= put_count(o, "peak_gpu_memory_bytes", log->gpu_memory_bytes);
    bad |= put_count(o, "peak_host_memory_bytes", log->host_memory_bytes);
    bad |= put_count(o, "peak_rank_memory_bytes", log->rank_memory_bytes);
    bad |= put_number(o, "gpu_kwh", log->kwh, 6);
    bad |= put_number(o, "monitor_cpu_seconds", log->monitor_s, 6);
    bad |= put_count(o, "monitor_samples", log->monitor_looks);
    bad |= put_number(o, "stop_agreement_seconds", log->agreed_s, 6);
    bad |= put(o, "checkpoints", steps_of(log->checkpoints, log->checkpoint_count));
    bad |= put(o, "ranks", json_integer(log->ranks));
    bad |= put(o, "hosts", json_integer(log->hosts));
    bad |= put(o, "gpus", json_integer(log->gpus));
    bad |= put_text(o, "started", log->started);
    bad |= put_text(o, "version", log->version);
    bad |= put_text(o, "batch_job", log->batch);
    bad |= put_text(o, "written_by_host", log->host);
    bad |= put(o, "written_by_pid", json_integer(log->pid));
    bad |= put_text(o, "directory", log->directory);
    bad |= put_text(o, "continue", log->command);
    if (bad == 0)
        return o;
    json_decref(o);
    return NULL;
}

static void put_amount(FILE *out, const char *what, double x, double per, const char *unit)
{
    if (!isnan(x))
        fprintf(out, "  %-17s %.4g %s\n", what, x / per, unit);
}

static void put_words(FILE *out, const struct rt_summary_log *log)
{
    char wall[48];
    fprintf(out, "run %s, exit code %d: %s\n", state_of(log), log->exit_code, log->reason);
    fprintf(out, "  %-17s %lld of %lld", "steps", (long long)log->step, (long long)log->steps);
    if (log->first_step > 0)
        fprintf(out, ", from %lld on", (long long)log->first_step);
    fprintf(out, "; %zu checkpoint%s written\n", (size_t)log->checkpoint_count,
            log->checkpoint_count == 1 ? "" : "s");
    put_amount(out, "samples", log->samples, 1, "");
    put_amount(out, "tokens", log->tokens, 1, "");
    put_amount(out, "pictures", log->pictures, 1, "");
    if (log->bad_rows > 0 || log->skipped_steps > 0)
        fprintf(out, "  %-17s %lld rows, %lld steps\n", "left out", (long long)log->bad_rows,
                (long long)log->skipped_steps);
    fprintf(out, "  %-17s %s on %d host%s x %d rank%s", "wall time", rt_duration(wall, log->wall_s), log->hosts,
            log->hosts == 1 ? "" : "s", log->hosts > 0 ? log->ranks / log->hosts : log->ranks,
            log->ranks == 1 ? "" : "s");
    json_t *by = phases(log);
    const char *name, *gap = ": ";
    json_t *seconds;
    json_object_foreach (by, name, seconds) {
        fprintf(out, "%s%s %.1f s", gap, name, json_number_value(seconds));
        gap = ", ";
    }
    json_decref(by);
    fputc('\n', out);
    if (log->gpus > 0)
        put_amount(out, "GPU-hours", log->gpu_hours, 1, "");
    put_amount(out, "mean GPU use", log->gpu_percent, 1, "%");
    put_amount(out, "peak GPU memory", log->gpu_memory_bytes, 1 << 30, "GiB");
    put_amount(out, "peak host memory", log->host_memory_bytes, 1 << 30, "GiB");
    put_amount(out, "peak of one rank", log->rank_memory_bytes, 1 << 30, "GiB");
    put_amount(out, "GPU energy", log->kwh, 1, "kWh");
    if (log->command != NULL)
        fprintf(out, "  %-17s cd %s && %s\n", "to go on", log->directory, log->command);
    fflush(out);
}

rt_status rt_summary_write(const char *folder, const struct rt_summary_log *log, FILE *out,
                           struct rt_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    json_t *o = object_of(log);
    rt_status st = o == NULL ? rt_fail(err, RT_ERR_MEMORY, "no memory for run_summary.json")
                             : rt_pyjson_text(o, (struct rt_pyjson_style){ .indent = 2, .utf8 = true }, &text,
                                              &bytes, err);
    json_decref(o);
    if (st == RT_OK)
        st = rt_file_put(folder, "run_summary.json", text, bytes, err);
    free(text);
    if (out != NULL)
        put_words(out, log);
    return st;
}
