/* keys_generating.c - the keys of LLaMA-Factory's GeneratingArguments: prediction alone reads them. */
#include "config.h"

#include "job/key_rows.h"

#define PREDICT "nothing is generated while training"

static const struct rt_key keys[] = {
    KEY_BOOL("do_sample", "true", TAKEN, PREDICT),
    KEY_NUM("temperature", "0.95", "0.95", 0, ANYTHING, TAKEN, PREDICT),
    KEY_NUM("top_p", "0.7", "0.7", 0, 1, TAKEN, PREDICT),
    KEY_INT("top_k", "50", "50", 0, MANY, TAKEN, PREDICT),
    KEY_INT("num_beams", "1", "1", 1, MANY, TAKEN, PREDICT),
    KEY_INT("max_length", "1024", "1024", 1, MANY, TAKEN, PREDICT),
    KEY_INT("max_new_tokens", "1024", "1024", 1, MANY, TAKEN, PREDICT),
    KEY_NUM("repetition_penalty", "1.0", "1.0", 0, ANYTHING, TAKEN, PREDICT),
    KEY_NUM("length_penalty", "1.0", "1.0", -ANYTHING, ANYTHING, TAKEN, PREDICT),
    KEY_BOOL("skip_special_tokens", "true", TAKEN, PREDICT),
};

const struct rt_key_class rt_keys_generating = { "generating", keys, COUNT(keys) };
