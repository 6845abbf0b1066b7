/* state.h - what a model is made of. Private to model. */
#ifndef RT_MODEL_STATE_H
#define RT_MODEL_STATE_H

#include "base/arena.h"
#include "base/cache.h"
#include "model/arch.h"
#include "model/build.h"
#include "model/kept.h"
#include "model/model.h"
#include "model/modules.h"
#include "model/memplan.h"
#include "model/rope.h"
#include "model/window.h"

struct rt_text {
    struct rt_tower tower;
    void *embed;                 /* [vocab, hidden], f32 where embed_f32 */
    bool embed_f32, head_copied; /* head.w is a copy of embed rather than embed itself (tied only) */
    struct rt_block *block;      /* [layers] */
    float *norm_w;               /* [hidden] */
    struct rt_linear head;       /* hidden -> vocab */
    int64_t lowest;              /* block below which nothing learns; layers if none learns at all */
};

struct rt_vision {
    struct rt_tower tower;
    struct rt_linear patch;    /* 3 * 2 * patch^2 -> width */
    struct rt_block *block;    /* [depth] */
    float *norm_w, *norm_b;    /* merger.ln_q */
    struct rt_linear fc1, fc2; /* merger.mlp.0 and .2 */
    int64_t lowest;            /* block below which nothing learns; depth if none does */
    bool learns;               /* LoRA anywhere in the tower or the merger */
};

/* A batch where the exec runs. */
struct rt_inputs {
    int32_t *ids, *image_rows, *cu;      /* [tokens], [tokens], [samples + 1] */
    int32_t *learned_at, *targets;       /* [learned] */
    float *weights;                      /* [learned] */
    float *cos, *sin;                    /* [tokens, head_dim / 2] */
    uint8_t *rgb;                        /* bytes of one picture's frames */
    int32_t *unit, *full_cu, *window_cu; /* see window.h */
    float *vision_cos, *vision_sin;      /* [patches, vision head_dim / 2] */
    float *lut;                          /* [3, 256] */
};

/* The host side of the same: filled before the copy. */
struct rt_staging {
    struct rt_window_order order;
    int32_t *image_rows, *cu; /* as above; cu is what operations get as host_cu */
    float *cos, *sin, *vision_cos, *vision_sin;
    float *weights, *row_loss; /* [step_learned] of the step, pass after pass */
    int64_t first, passed;     /* where the last forward's begin in them, and how many they are */
    int64_t learned;           /* of the batch put last */
};

struct rt_text_acts {
    float *x0;           /* [tokens, hidden] the stream before the first layer */
    rt_act *delta;       /* [tokens, hidden] */
    struct rt_kept kept; /* the layers' */
    float *xl;           /* [learned, hidden] the stream at learned rows */
    rt_act *dl;          /* [learned, hidden] delta there */
    float *stats;        /* [learned, 2] */
    rt_act *hl, *dhl;    /* [learned, ld of head] */
    rt_act *logits;      /* [chunk, vocab] */
    int64_t chunk;
    size_t loss_bytes;         /* of xl to logits and their gradients */
    float *row_loss, *row_hit; /* [step_learned] */
    float *dx, *dxl;           /* [tokens, hidden], [learned, hidden] gradient of the stream */
    rt_act *dx_act, *dxl_act;  /* the same in the element type */
};

struct rt_vision_acts {
    rt_act *pixels;               /* [patches of the pass, 3 * 2 * patch^2]; below: of the largest part */
    float *x0;                    /* [patches, width] the stream before the first block */
    rt_act *delta;                /* [patches, width] */
    rt_act *natural, *ordered;    /* [patches, width] before and in window order (Qwen2.5-VL) */
    struct rt_kept kept;          /* the blocks' */
    float *xm;                    /* [patches, width] the stream before the merger's norm */
    rt_act *normed;               /* [patches, width] */
    float *stats;                 /* [patches, 2] */
    rt_act *grouped, *m1, *m2;    /* merger: [units, ld fc1], [units, 4 width], [units, ld fc2] */
    rt_act *features, *dfeatures; /* [units of the pass, hidden] in window order */
    float *dx;                    /* backward: [patches, width] */
    rt_act *dx_act, *dm, *dg;     /* [patches, width], [units, ld fc2], [units, ld fc1] */
};

/*
 * What goes through the tower at once. A frozen tower takes picture by picture: a product's bits depend on how
 * many rows it has, so this makes a picture's features depend on the picture alone, whatever shares its pass.
 * One that learns takes all.
 */
struct rt_vision_part {
    int64_t patches;
    int64_t feature;      /* its features begin at this row */
    int64_t row;          /* and its patches at this one, in pixels and rotary tables */
    const int32_t *order; /* where the exec runs: [patches / merge^2], see window.h */
    struct rt_place window, full;
    int64_t number; /* of the one picture, and its file, for keeping its features */
    struct rt_file_id file;
};

/* Features on their way from where the exec runs to the cache. */
struct rt_vision_saved {
    struct rt_cache *cache; /* the caller's; NULL: none */
    char *staging;          /* on the host: features of a pass */
    struct rt_vision_waiting {
        int64_t number;
        struct rt_file_id file;
        size_t at, bytes; /* in staging */
    } * waiting;          /* [pictures] */
    int64_t count;
    size_t used_bytes;
};

struct rt_model {
    struct rt_exec *ex;
    struct rt_model_config config;
    struct rt_modules modules;
    struct rt_model_limits train, eval,
        limits;             /* of a pass of either kind (all 0: none), and the larger of both */
    int64_t step_learned;   /* learned tokens of all passes of an optimizer step */
    const char *base_model; /* the job's model_name_or_path: the caller keeps it */
    struct rt_adapter adapter;
    struct rt_text text;
    struct rt_vision vision;
    struct rt_weight *weight; /* [weights] sorted by name */
    int64_t weights;
    struct rt_memplan plan;
    void *weight_memory, *adapter_memory, *act_memory, *work_memory; /* where the exec runs */
    size_t weight_bytes;               /* of the weights laid out; the plan has all others */
    size_t input_bytes, decoder_bytes; /* of the activations: where a batch is put; with the decoder's */
    bool laid_out_train;               /* for which kind of pass act_memory is laid out */
    struct rt_inputs in;
    struct rt_staging host;
    struct rt_text_acts text_acts;
    struct rt_vision_acts vision_acts;
    struct rt_rope_table text_rope, vision_rope;
    struct rt_pass pass;         /* of the last forward */
    struct rt_place place;       /* of the last forward's text pass */
    struct rt_vision_part *part; /* [parts] of its vision pass */
    int64_t parts;
    const struct rt_vision_part *now; /* the part that is in the tower's buffers */
    struct rt_vision_saved saved;
    int64_t pictures; /* of the last forward */
    int64_t params;
    rt_grads_ready_fn *ready; /* of the backward under way, or NULL */
    void *ready_context;
};

/* adapter.c. The block's backward has been asked for, and that of all above it in the adapter's order. */
rt_status rt_adapter_ready(struct rt_model *m, const struct rt_block *block);

/* text.c */
void rt_text_build(struct rt_text *text, struct rt_build *b, const struct rt_model_config *c);
void rt_text_take(struct rt_model *m, struct rt_arena *arena, const struct rt_model_limits *limits,
                  bool backward);
rt_status rt_text_tie(struct rt_model *m);
rt_status rt_text_fwd(struct rt_model *m, const struct rt_batch *batch);
rt_status rt_text_bwd(struct rt_model *m);
rt_status rt_text_logits(struct rt_model *m, const struct rt_batch *batch, float *host_logits);

/* loss.c: the losses of a step; what a pass needs to make them. */
void rt_loss_results_take(struct rt_model *m, struct rt_arena *arena);
void rt_loss_take(struct rt_model *m, struct rt_arena *arena, int64_t learned, bool backward);
rt_status rt_loss_fwd(struct rt_model *m, int64_t learned);
rt_status rt_loss_bwd(struct rt_model *m);

/* vision.c */
void rt_vision_build(struct rt_vision *vision, struct rt_build *b, const struct rt_model_config *c);
/* Where a batch's pictures go in and their features come out; what lies between. */
void rt_vision_inputs_take(struct rt_model *m, struct rt_arena *arena);
void rt_vision_take(struct rt_model *m, struct rt_arena *arena, const struct rt_model_limits *limits,
                    bool backward);
rt_status rt_vision_fwd(struct rt_model *m);
rt_status rt_vision_bwd(struct rt_model *m);

/* vision_put.c */
rt_status rt_vision_put_init(struct rt_model *m, struct rt_error *err);
void rt_vision_put_free(struct rt_model *m);
/* Rows of pixels, and of features, that a pass needs room for. */
int64_t rt_vision_put_patches(const struct rt_model *m);
int64_t rt_vision_put_units(const struct rt_model *m);
void rt_vision_put_take(struct rt_model *m, struct rt_arena *arena);
/* Pictures of a batch to patch rows where the exec runs, or their features to where the tower would leave them,
 * and the tables of their order and places; host.order.where then holds the row of features of every merged
 * cell of the batch in its own order. */
rt_status rt_vision_put(struct rt_model *m, const struct rt_batch *batch);

/* vision_cache.c: begin to keep the features of a part that has just gone through the tower; and put into the
 * cache what was begun, waiting for no more than that. */
rt_status rt_vision_save(struct rt_model *m, const struct rt_vision_part *part);
rt_status rt_vision_saved_flush(struct rt_model *m);
/* Features that have been kept since the loader looked, good until the next call; or NULL. */
const void *rt_vision_saved_now(struct rt_model *m, const struct rt_picture *picture);

/* upload.c */
rt_status rt_upload_init(struct rt_model *m, struct rt_error *err);
void rt_upload_free(struct rt_model *m);
void rt_upload_take(struct rt_model *m, struct rt_arena *arena);
rt_status rt_upload(struct rt_model *m, const struct rt_batch *batch);

/* load.c: Collective. */
rt_status rt_model_load(struct rt_model *m, const char *folder, struct rt_dist *dist,
                        const struct rt_notes *notes, struct rt_error *err);

#endif
