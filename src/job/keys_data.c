/* keys_data.c - the keys of LLaMA-Factory's DataArguments: data sets, template, lengths. */
#include "config.h"

#include "job/key_rows.h"

#define PACKING                                                                                                \
    "samples are laid end to end without padding already, so there is nothing to gain; remove this key"

static const struct rt_key keys[] = {
    KEY_STR("template", "null", DONE(data.template_name),
            "how turns are written; qwen2_vl for Qwen2-VL and Qwen2.5-VL"),
    KEY_LIST("dataset", "null", DONE_LIST(data.dataset, data.datasets),
             "names in dataset_info.json to train on, one after another"),
    KEY_LIST("eval_dataset", "null", DONE_LIST(data.eval_dataset, data.eval_datasets), "names to evaluate on"),
    KEY_STR("dataset_dir", "data", DONE(data.dataset_dir), "folder that holds dataset_info.json"),
    KEY_STR("media_dir", "null", DONE(data.media_dir),
            "folder that picture paths start from; null: dataset_dir"),
    KEY_INT("cutoff_len", "2048", "2048", 1, MANY, DONE(data.cutoff_len), "tokens that a sample is cut to"),
    KEY_BOOL("train_on_prompt", "false", DONE(data.train_on_prompt), "questions are learned too"),
    KEY_BOOL("mask_history", "false", DONE(data.mask_history),
             "only the last answer of a conversation is learned"),
    KEY_BOOL("streaming", "false", REFUSED,
             "rows are read once at the start, by all ranks together; remove this key"),
    KEY_INT("buffer_size", "16384", "16384", 1, MANY, TAKEN, "only streaming reads it"),
    KEY_CHOICE(
        "mix_strategy", "concat", "concat|interleave_under|interleave_over|interleave_once",
        PLACED REFUSES("interleave_under|interleave_over|interleave_once",
                       "data sets follow one another and are shuffled as one; write mix_strategy: concat"),
        "how several data sets become one"),
    KEY_ANY("interleave_probs", REFUSED, "it belongs to an interleaved mix_strategy; remove this key"),
    KEY_BOOL("overwrite_cache", "false", TAKEN, "nothing is cached between runs"),
    KEY_INT("preprocessing_batch_size", "1000", "1000", 1, MANY, TAKEN, "rows are encoded one by one"),
    KEY_INT("preprocessing_num_workers", "null", "8", 0, 4096, DONE(data.preprocessing_num_workers),
            "threads that encode the rows; null: as many as this rank has cores"),
    KEY_INT("max_samples", "null", "1000", 1, UP, DONE(data.max_samples) NONE(-1),
            "only the first so many rows of each data set; null: all"),
    KEY_INT("eval_num_beams", "null", "1", 1, MANY, TAKEN, "nothing is generated"),
    KEY_BOOL("ignore_pad_token_for_loss", "true", REFUSED,
             "there is no padding here that could be learned; remove this key"),
    KEY_NUM("val_size", "0.0", "0.1", 0, UP, DONE(data.val_size),
            "rows of dataset set aside for evaluation: a number if 1 or more, else a share"),
    KEY_BOOL("eval_on_each_dataset", "false", REFUSED,
             "the sets of eval_dataset are evaluated as one; name one set, or remove this key"),
    KEY_BOOL("packing", "null", REFUSED, PACKING),
    KEY_BOOL("neat_packing", "false", REFUSED, PACKING),
    KEY_STR("tool_format", "null", REFUSED, "tools are written as the template does it; remove this key"),
    KEY_STR("default_system", "null", DONE(data.default_system),
            "system text of rows that have none; null: the template's; \"\": no system text"),
    KEY_BOOL("enable_thinking", "true", TAKEN, "it is for templates of reasoning models"),
    KEY_BOOL("preserve_thinking", "false", TAKEN, "it is for templates of reasoning models"),
    KEY_STR("tokenized_path", "null", REFUSED,
            "rows are encoded at each start, by all ranks together; remove this key"),
    KEY_BOOL("data_shared_file_system", "false", TAKEN, "every file is read once by the whole job anyway"),
};

const struct rt_key_class rt_keys_data = { "data", keys, COUNT(keys) };
