/* preview.h - the two ways preview shows a micro-batch. */
#ifndef RT_DATA_PREVIEW_H
#define RT_DATA_PREVIEW_H

#include "data/assemble.h"
#include "data/bytes.h"
#include "data/state.h"

/* One line in the schema of the reference's records, without a newline; bf16: pixels rounded as the reference
 * does. Fails: RT_ERR_MEMORY. */
rt_status rt_preview_json(struct rt_bytes *line, const struct rt_data *data, const struct rt_pass *pass,
                          bool bf16, struct rt_error *err);
/* Rows as text, their pictures' sizes as stored and in the model; ends with a newline. Fails: RT_ERR_MEMORY,
 * what rt_row_text fails with. */
rt_status rt_preview_text(struct rt_bytes *text, const struct rt_data *data, const struct rt_pass *pass,
                          struct rt_error *err);
/* How long the rows of a split are. */
void rt_preview_lengths(struct rt_bytes *text, const struct rt_data *data, enum rt_split split);

#endif
