/* brief.c - of the resolved job, what is not as it would be anyway. */
#include "config.h"

#include "job/job.h"
#include "job/keys.h"
#include "job/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Is the line "key: value" with the key's default? Numbers may be written differently. */
static bool is_default(const char *line, size_t length)
{
    char name[96], value[96];
    double x, y;
    const char *colon = memchr(line, ':', length);
    if (colon == NULL || (size_t)(colon - line) >= sizeof name)
        return false;
    snprintf(name, sizeof name, "%.*s", (int)(colon - line), line);
    const size_t index = rt_key_find(name), rest = length - (size_t)(colon - line) - 1;
    if (index == rt_key_count() || rest == 0 || rest >= sizeof value)
        return false;
    snprintf(value, sizeof value, "%.*s", (int)rest - 1, colon + 2);
    const char *def = rt_key_at(index)->def;
    const size_t last = strlen(value) - 1;
    if (value[0] == '"' && last > 0 &&
        value[last] == '"') { /* a word that YAML would take for something else */
        value[last] = '\0';
        memmove(value, value + 1, last);
    }
    return strcmp(value, def) == 0 || (def[0] == '\0' && strcmp(value, "''") == 0) ||
           strcmp(value, "[]") == 0 || (rt_number_of_text(value, &x) && rt_number_of_text(def, &y) && x == y);
}

char *rt_job_brief(const struct rt_job *job)
{
    char *text = rt_job_text(job);
    if (text == NULL)
        return NULL;
    char *to = text;
    bool keep = false;
    for (const char *line = text; *line != '\0';) {
        const size_t length = strcspn(line, "\n");
        const char *next = line + length + (line[length] == '\n');
        const size_t bytes = (size_t)(next - line);
        if (line[0] != ' ' && line[0] != '-') /* else it belongs to the key above */
            keep = !is_default(line, length);
        if (keep) {
            memmove(to, line, bytes);
            to += bytes;
        }
        line = next;
    }
    *to = '\0';
    return text;
}
