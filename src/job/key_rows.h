/* key_rows.h - the words that the tables in keys_*.c are written in. Included by them alone. */
#ifndef RT_JOB_KEY_ROWS_H
#define RT_JOB_KEY_ROWS_H

#include "job/job.h"
#include "job/keys.h"

#include <float.h>

/* clang-format off */

/* What is done with a key: DONE(field of struct rt_job), and so on; the key's text comes after it. */
#define DONE(field) .use = RT_KEY_DONE, .count_at = RT_KEY_NOWHERE, .at = offsetof(struct rt_job, field)
#define DONE_LIST(field, count) \
    .use = RT_KEY_DONE, .at = offsetof(struct rt_job, field), .count_at = offsetof(struct rt_job, count)
#define PLACED .use = RT_KEY_DONE, .at = RT_KEY_NOWHERE, .count_at = RT_KEY_NOWHERE /* by resolve.c */
#define TAKEN .use = RT_KEY_TAKEN, .at = RT_KEY_NOWHERE, .count_at = RT_KEY_NOWHERE
#define REFUSED .use = RT_KEY_REFUSED, .at = RT_KEY_NOWHERE, .count_at = RT_KEY_NOWHERE

/* What may stand behind one of these, without a comma. */
#define ABOVE , .above = true       /* the lower bound itself is not allowed */
#define BELOW , .below = true       /* nor the upper one */
#define NULLABLE , .nullable = true /* null is allowed though the default is another */
#define NONE(value) , .none = value
#define REFUSES(words, why) , .refused = words, .instead = why
#define LEGACY , .legacy = true

#define KEY_BOOL(NAME, DEF, USE, TEXT) { .name = NAME, .type = RT_KEY_BOOL, .def = DEF, .text = TEXT, USE }
#define KEY_STR(NAME, DEF, USE, TEXT) { .name = NAME, .type = RT_KEY_STR, .def = DEF, .text = TEXT, USE }
#define KEY_LIST(NAME, DEF, USE, TEXT) { .name = NAME, .type = RT_KEY_LIST, .def = DEF, .text = TEXT, USE }
#define KEY_DICT(NAME, USE, TEXT) { .name = NAME, .type = RT_KEY_DICT, .def = "null", .text = TEXT, USE }
#define KEY_ANY(NAME, USE, TEXT) { .name = NAME, .type = RT_KEY_ANY, .def = "null", .text = TEXT, USE }
#define KEY_CHOICE(NAME, DEF, CHOICES, USE, TEXT) \
    { .name = NAME, .type = RT_KEY_CHOICE, .def = DEF, .choices = CHOICES, .text = TEXT, USE }
/* Of a number: default, an example for messages (the default, or another where that is null), bounds. */
#define KEY_INT(NAME, DEF, EXAMPLE, MIN, MAX, USE, TEXT) \
    { .name = NAME, .type = RT_KEY_INT, .def = DEF, .example = EXAMPLE, .min = MIN, .max = MAX, .text = TEXT, USE }
#define KEY_NUM(NAME, DEF, EXAMPLE, MIN, MAX, USE, TEXT) \
    { .name = NAME, .type = RT_KEY_NUM, .def = DEF, .example = EXAMPLE, .min = MIN, .max = MAX, .text = TEXT, USE }

/* clang-format on */

#define MANY 1e9              /* a count that nothing real reaches: catches slipped digits */
#define UP 9007199254740992.0 /* 2^53: no bound that anyone meets, and exact in a double */
#define ANYTHING DBL_MAX
#define COUNT(keys) (sizeof(keys) / sizeof *(keys))

#endif
