/* help.c - the table of keys as text: `ranktune train --help`. */
#include "config.h"

#include "job/job.h"
#include "job/keys.h"

#include <string.h>

static void put_key(FILE *out, const struct rt_key *key)
{
    char wants[900];
    fprintf(out, "  --%s\n", key->name);
    if (key->use == RT_KEY_DONE) {
        fprintf(out, "      %s\n", key->text);
        fprintf(out, "      %s; default %s\n", rt_key_wants(key, wants, sizeof wants),
                key->def[0] != '\0' ? key->def : "\"\"");
    } else {
        fprintf(out, "      %s: %s\n", key->use == RT_KEY_TAKEN ? "no effect" : "not supported", key->text);
    }
}

void rt_job_help(FILE *out)
{
    static const char *const heads[] = { "Keys", "Taken without effect", "Not supported" };
    for (int use = RT_KEY_DONE; use <= RT_KEY_REFUSED; use++) {
        for (size_t c = 0; c < RT_KEY_CLASSES; c++) {
            const struct rt_key_class *class = rt_key_class(c);
            bool head = false;
            for (size_t k = 0; k < class->count; k++) {
                if ((int)class->keys[k].use != use)
                    continue;
                if (!head)
                    fprintf(out, "\n%s (%s):\n", heads[use], class->title);
                head = true;
                put_key(out, &class->keys[k]);
            }
        }
    }
}
