/* peft.h - module names as peft and transformers spell them, and the adapter's config: private to this folder.
 */
#ifndef RT_CHECKPOINT_PEFT_H
#define RT_CHECKPOINT_PEFT_H

#include "checkpoint/checkpoint.h"

#include <jansson.h>

/* A module name of transformers < 4.52 as the newer one, malloc'ed; a new name comes back as it is. */
rt_status rt_peft_new_name(const char *name, size_t length, char **made, struct rt_error *err);
/* Is entry the module's name or a dotted end of it? */
bool rt_peft_ends(const char *module, const char *entry);
/* adapter_config.json at path, checked: r, alpha, dropout, rslora and base_model (its text belongs to *config)
 * into peft; target_modules of *config is a string or a list of strings. Fails: RT_ERR_FILE. */
rt_status rt_peft_config(const char *path, json_t **config, struct rt_peft *peft, struct rt_error *err);

#endif
