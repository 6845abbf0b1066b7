/*
 * model.h - a batch to loss and gradients: Qwen2-VL and Qwen2.5-VL with LoRA, forward and backward.
 *
 * Frozen weights live in the exec's element type, LoRA matrices, their gradients and AdamW's moments in f32.
 * All memory is taken in rt_model_open from arithmetic; rt_model_plan_text tells what went where.
 */
#ifndef RT_MODEL_MODEL_H
#define RT_MODEL_MODEL_H

#include "base/batch.h"
#include "base/file.h"
#include "base/notes.h"
#include "base/status.h"
#include "kernels/exec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_cache;
struct rt_dist;

/* Is the forward of the layers run again in the backward, to save memory? Results are the same. */
enum rt_recompute {
    RT_RECOMPUTE_BY_PLAN, /* where and as far as memory is short */
    RT_RECOMPUTE_ALWAYS,  /* every layer, and passes of one micro-batch */
    RT_RECOMPUTE_NEVER
};

/* Names are the job file's keys. */
struct rt_model_options {
    const char *model_name_or_path;
    const char **adapter_name_or_path; /* [adapters]: all but the last are merged, the last goes on */
    int64_t adapters;
    bool create_new_adapter;  /* merge all of them, start a new one */
    int64_t lora_rank;        /* 8 */
    double lora_alpha;        /* 2 * lora_rank */
    double lora_dropout;      /* 0 */
    const char **lora_target; /* [lora_targets]; "all" */
    int64_t lora_targets;
    bool use_rslora;
    bool freeze_vision_tower;          /* true */
    bool freeze_multi_modal_projector; /* true */
    bool freeze_language_model;        /* false */
    int64_t seed;
    enum rt_recompute
        recompute; /* gradient_checkpointing, disable_gradient_checkpointing; not given: the plan */
    const char *recompute_wish; /* the line of the job that asked, as "gradient_checkpointing: true" */
};

struct rt_model;

/* The largest pass of a kind; all 0: there is none. */
struct rt_model_limits {
    int64_t tokens, samples, max_length, patches, pictures, learned, max_picture_patches;
};

/* What a job asks of the memory. The plan chooses how many micro-batches of a step make one pass
 * (rt_model_pass_tokens). */
struct rt_model_needs {
    struct rt_model_limits train; /* of one micro-batch */
    struct rt_model_limits eval;  /* of one batch of evaluation, or of any forward alone */
    int64_t micros;               /* micro-batches of an optimizer step; at least 1 */
};

/* Collective. Reads the folder's config.json, checks it, resolves what LoRA lands on, plans and takes memory,
 * loads the weights (each file read once by the job and broadcast), draws the reference's LoRA starting values
 * or loads an adapter. Fails: RT_ERR_FILE (folder, config, weights), RT_ERR_JOB (targets), RT_ERR_MEMORY (bytes
 * asked and free, and the keys that shrink the plan; on all ranks alike). */
rt_status rt_model_open(struct rt_model **model, struct rt_exec *ex, const struct rt_model_options *opt,
                        const struct rt_model_needs *needs, const float *pixel_lut, struct rt_dist *dist,
                        const struct rt_notes *notes, struct rt_error *err);
void rt_model_close(struct rt_model *model);

/* The memory plan as a table, with what was decided and why (malloc'ed text, lines ended by newlines). */
char *rt_model_plan_text(const struct rt_model *model);
/* Micro-batches of a step are merged into passes of up to this many tokens. */
int64_t rt_model_pass_tokens(const struct rt_model *model);

/* dtype that config.json names: what LLaMA-Factory loads the weights as. Reads rank 0's copy. Collective. */
rt_status rt_model_file_dtype(const char *model_name_or_path, struct rt_dist *dist, enum rt_dtype *dtype,
                              struct rt_error *err);

/* Hands a batch over to where the exec runs, behind all that was asked for before: on a GPU while the last pass
 * still runs. The batch itself must stay until rt_model_fwd has returned. */
rt_status rt_model_put(struct rt_model *model, const struct rt_batch *batch);
/* Forward of the batch put last: the vision tower, the decoder and the loss of the learned tokens. train keeps
 * what backward needs, applies dropout, and adds the losses to those since rt_model_grads_zero. */
rt_status rt_model_fwd(struct rt_model *model, const struct rt_batch *batch, bool train,
                       uint64_t dropout_stream);
/* Backward of the last forward with train: adds to the LoRA gradients. It goes from the adapter's end to its
 * start, and asks for layer after layer; ready (or NULL) is called in between: what is asked of the exec from
 * then on no longer changes gradients from element `first` on. A pass need not come down to 0 (a batch without
 * pictures). */
typedef rt_status rt_grads_ready_fn(void *context, int64_t first);
rt_status rt_model_bwd(struct rt_model *model, rt_grads_ready_fn *ready, void *context);
/* The losses since rt_model_grads_zero, or of the last forward alone where that was without train: sum of
 * weight * loss, and per learned token (host arrays; hit is 1 where the largest logit is the target). Waits for
 * the device. Either array may be NULL. */
rt_status rt_model_loss(struct rt_model *model, double *weighted_sum, float *row_loss, float *row_hit);
/* Logits of every position of a batch in f32 [tokens, vocab] on the host: for comparisons. */
rt_status rt_model_logits(struct rt_model *model, const struct rt_batch *batch, float *host_logits);

/* Bytes of the features of one picture token; 0 where the vision tower or its merger learns, as they are others
 * then after every step. */
size_t rt_model_feature_bytes(const struct rt_model *model);
/* Of the batch put last: pictures that go through the tower, and those that need not. */
void rt_model_pictures(const struct rt_model *model, int64_t *tower, int64_t *kept);
/* From now on the features that a frozen tower makes of a picture are put into the cache under its number, if
 * its file is known: at rt_model_bwd or rt_model_loss at the latest. Features depend on the picture alone, not
 * on its company, so that pictures can come with those of an earlier pass and give the same losses. NULL: no
 * more are kept. Fails: RT_ERR_MEMORY. */
rt_status rt_model_keep_features(struct rt_model *model, struct rt_cache *cache);

/* ---- the adapter: everything that learns --------------------------------------------------------------------
 */

struct rt_adapter {
    int64_t count;        /* f32 elements of p, g, m, v */
    float *p, *g, *m, *v; /* where the exec runs: parameters, gradients, AdamW's first and second moments */
    int64_t modules;
    struct rt_adapter_module {
        char *name; /* full module name in transformers >= 4.52 */
        int64_t in, out, r;
        int64_t a, b; /* offsets of A [r, in] and B [out, r] in p */
        double scale; /* alpha / r, or alpha / sqrt(r) */
    } * module;       /* in the reference's module order */
    int64_t r;
    double alpha, dropout;
    bool rslora;
};
struct rt_adapter *rt_model_adapter(struct rt_model *model);
/* After p changed: refresh the copies in the element type that the forward reads. */
rt_status rt_model_refresh(struct rt_model *model);
rt_status rt_model_grads_zero(struct rt_model *model);
/* FOLDER/adapter_model.safetensors and adapter_config.json of p, [count] f32 on the host. Asks nothing of the
 * device: any thread. Fails: RT_ERR_IO, RT_ERR_OUTPUT, RT_ERR_MEMORY. */
rt_status rt_model_write_adapter(const struct rt_model *model, const float *p, const char *folder,
                                 struct rt_error *err);
/* The same of the adapter as it is. Not collective. */
rt_status rt_model_save_adapter(struct rt_model *model, const char *folder, struct rt_error *err);

/* All parameters of the model including LoRA but without the embedding (tied head counted once): for
 * total_flos. */
int64_t rt_model_flos_params(const struct rt_model *model);
/* For `ranktune info` and the start log. */
int64_t rt_model_params(const struct rt_model *model);
int64_t rt_model_vocab(const struct rt_model *model);

/* ---- ranktune check
 * -------------------------------------------------------------------------------------------- */

/* Collective. The model as the job would open it, without memory or weights: parameters, vocabulary and the
 * adapter's count and modules can be asked for. Fails as rt_model_open does for config.json, targets and
 * adapters. */
rt_status rt_model_outline(struct rt_model **model, struct rt_exec *ex, const struct rt_model_options *opt,
                           struct rt_dist *dist, struct rt_error *err);
/* Collective. Plans the memory of one: rt_model_plan_text, rt_model_pass_tokens and rt_model_sizes then tell
 * what it came to, also where it failed. card_bytes: of a GPU that nobody else uses; 0: what is free where ex
 * runs. Fails: RT_ERR_MEMORY as rt_model_open. */
rt_status rt_model_foresee(struct rt_model *model, const struct rt_model_options *opt,
                           const struct rt_model_needs *needs, size_t card_bytes, struct rt_dist *dist,
                           struct rt_error *err);
/* Of the plan, bytes: of frozen weights with LoRA's copies, LoRA with gradients and moments, activations; and
 * how far recomputation goes, in half layers. */
struct rt_model_sizes {
    size_t weights, adapter, activations, total, free;
    int64_t layers_again, layers_most;
    int64_t pass_tokens;  /* of the largest pass of training */
    int64_t layer_params; /* frozen parameters of the decoder's layers, which every token meets */
};
void rt_model_sizes(const struct rt_model *model, struct rt_model_sizes *sizes);
/* Not collective. The weights' files as this rank sees them: every header whole and every tensor of the model
 * there with its shape and a type that can be read; reads no tensor. note may be NULL. Fails: RT_ERR_FILE,
 * RT_ERR_IO. */
struct rt_model_files {
    int64_t files, tensors;
    uint64_t bytes;
    char
        digest[RT_DIGEST_CHARS + 1]; /* of a few places in each file: hosts with the same files have the same */
};
rt_status rt_model_look_at_files(struct rt_model *model, const char *folder, const struct rt_notes *notes,
                                 struct rt_model_files *found, struct rt_error *err);

/* ---- ranktune init
 * --------------------------------------------------------------------------------------------- */

/* A random model folder in the published layout (config.json, preprocessor_config.json, generation_config.json,
 * chat_template.json, safetensors shards with index) for the tokenizer.json already in the folder. dtype of the
 * weights; shard_bytes the largest shard. Fails: RT_ERR_USAGE (no such preset), RT_ERR_FILE, RT_ERR_IO. */
rt_status rt_model_init_folder(const char *preset, const char *folder, enum rt_dtype dtype, uint64_t seed,
                               size_t shard_bytes, struct rt_error *err);
/* The names of all presets, "small25, small25tied, ..."; returns text. */
enum { RT_PRESETS_CHARS = 256 };
const char *rt_init_presets(char text[RT_PRESETS_CHARS]);
/* RT_ERR_USAGE, with those names, unless there is such a preset. */
rt_status rt_init_preset_check(const char *preset, struct rt_error *err);

#endif
