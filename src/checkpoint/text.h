/* text.h - JSON strings and numbers in the spelling of the programs whose files we write: private to this
 * folder. */
#ifndef RT_CHECKPOINT_TEXT_H
#define RT_CHECKPOINT_TEXT_H

#include <stdio.h>

/* Quoted as Rust's serde_json does: UTF-8 as it is. */
void rt_text_serde(FILE *out, const char *text);
/* Quoted as Python's json.dumps does: ASCII only; a byte that is not UTF-8 as os.fsdecode would have read it.
 */
void rt_text_python(FILE *out, const char *text);
/* A float as Python prints it: the fewest digits that read back the same, 0.0 and 1e-05 in form; NaN and
 * infinities as json.dumps writes them. */
void rt_text_double(FILE *out, double value);

#endif
