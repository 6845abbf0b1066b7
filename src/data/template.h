/*
 * template.h - the qwen2_vl chat template: turns of a row to the texts that are encoded one by one.
 *
 * Source of the texts: LLaMA-Factory 0.9.5's template of that name; the tool preamble is Qwen2.5's own.
 */
#ifndef RT_DATA_TEMPLATE_H
#define RT_DATA_TEMPLATE_H

#include "data/row.h"

/* What a picture's placeholder becomes; the pad stands for as many as the picture has tokens. */
#define RT_VISION_TEXT "<|vision_start|><|image_pad|><|vision_end|>"

/* The system's text with its tags; n 0 when there is none to show. default_system: NULL for the template's own,
 * "" for none. Fails: RT_ERR_DATA on tools that are no JSON list of objects; RT_ERR_MEMORY. */
rt_status rt_template_system(struct rt_str *text, struct rt_pool *pool, const struct rt_row *row,
                             const char *default_system, struct rt_error *err);
/* Turn i with its tags, image_word replaced by RT_VISION_TEXT. Fails: RT_ERR_DATA on a tool call that is no
 * JSON object with name and arguments, nor a list of such; RT_ERR_MEMORY. */
rt_status rt_template_turn(struct rt_str *text, struct rt_pool *pool, const struct rt_row *row, int64_t i,
                           struct rt_str image_word, struct rt_error *err);

/* ---- tools.c */

/* The preamble that the system's text gets from row->tools; n 0 when the list is empty. Fails as above. */
rt_status rt_tools_preamble(struct rt_buf *out, struct rt_str tools, struct rt_error *err);
/* A tool call turn's content: calls as the model writes them. Fails as above. */
rt_status rt_tools_calls(struct rt_buf *out, struct rt_str content, struct rt_error *err);

#endif
