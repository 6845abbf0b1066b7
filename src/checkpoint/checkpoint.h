/*
 * checkpoint.h - named tensors to and from files: base weights in, adapters in and out, state to resume from.
 *
 * Knows nothing of models or training: a tensor is a name, a shape and bytes. Files are written aside and
 * renamed; what stands under a final name is whole.
 */
#ifndef RT_CHECKPOINT_CHECKPOINT_H
#define RT_CHECKPOINT_CHECKPOINT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rt_file_dtype { RT_FILE_F32, RT_FILE_BF16, RT_FILE_F16, RT_FILE_OTHER };

/* ---- safetensors in
 * ------------------------------------------------------------------------------------------ */

struct rt_st_tensor {
    const char *name; /* as in the file */
    enum rt_file_dtype dtype;
    const char *dtype_name; /* as in the file, e.g. "F8_E4M3", for messages */
    int dims;
    int64_t shape[8];
    int64_t elements;
    int shard;       /* which file */
    uint64_t offset; /* of the first byte, from the start of the file */
    size_t bytes;
    bool listed; /* false: stands in a shard but the index does not name it (worth a warning) */
};
struct rt_safetensors;

/* Open a model or adapter folder: FOLDER/<stem>.safetensors, or FOLDER/<stem>.safetensors.index.json with its
 * shards (stem "model", "adapter_model"; the single file wins where both stand, as in transformers). Headers
 * are read and checked whole: sizes, no holes, no overlap, no tensor beyond the file's end, every name of the
 * index in the shard it gives, no name twice. Reads no tensor. Not collective (rank 0 calls it). Fails:
 * RT_ERR_FILE with file, tensor and what is wrong; RT_ERR_IO. */
rt_status rt_safetensors_open(struct rt_safetensors **st, const char *folder, const char *stem,
                              struct rt_error *err);
void rt_safetensors_close(struct rt_safetensors *st);
int64_t rt_safetensors_count(const struct rt_safetensors *st);
/* In file order, so that reading them in order reads each file once from start to end. */
const struct rt_st_tensor *rt_safetensors_tensor(const struct rt_safetensors *st, int64_t i);
/* The file that holds a tensor, for messages. */
const char *rt_safetensors_path(const struct rt_safetensors *st, const struct rt_st_tensor *t);
/* The files: how many, and path and bytes of number s, which a tensor calls its shard. */
int rt_safetensors_shards(const struct rt_safetensors *st);
const char *rt_safetensors_shard(const struct rt_safetensors *st, int s, uint64_t *size);
/* bytes [from, from + count) of a tensor's data into dst. One file is kept open: one thread at a time.
 * Fails: RT_ERR_IO, RT_ERR_FILE (short file). */
rt_status rt_safetensors_read(struct rt_safetensors *st, const struct rt_st_tensor *t, size_t from,
                              size_t count, void *dst, struct rt_error *err);
/* Any of F32, BF16, F16 to float; n elements; src needs no alignment. */
void rt_file_to_f32(float *dst, const void *src, enum rt_file_dtype dtype, int64_t n);

/* ---- safetensors out
 * ----------------------------------------------------------------------------------------- */

struct rt_out_tensor {
    const char *name;
    enum rt_file_dtype dtype;
    int dims;
    int64_t shape[8];
    const void *data;
};
/* One file with metadata {"format":"pt"}, tensors sorted as the stock writer does (item size descending, then
 * name), header padded to 8. Written to a temporary name, fsync'ed, renamed. Fails: RT_ERR_IO, RT_ERR_OUTPUT.
 */
rt_status rt_safetensors_write(const char *path, const struct rt_out_tensor *tensors, int64_t count,
                               struct rt_error *err);

/* ---- PEFT adapter
 * -------------------------------------------------------------------------------------------- */

struct rt_peft {
    const char *base_model; /* as in the job */
    int64_t r;
    double alpha, dropout;
    bool rslora;
    int64_t modules;
    const char *
        *module;     /* [modules] full module names, e.g. "model.language_model.layers.0.self_attn.q_proj" */
    const float **a; /* [modules] lora_A.weight [r, in] */
    const float **b; /* [modules] lora_B.weight [out, r] */
    const int64_t *in, *out; /* [modules] */
    /* Writing only: names of all other modules of the model, in any order; those that contain a named one (its
     * dotted prefixes) may be left out. From 20 modules on they decide how target_modules is shortened. */
    int64_t other_count;
    const char **others;
};
/* FOLDER/adapter_model.safetensors (f32) and adapter_config.json in peft 0.18.1's fields and format;
 * target_modules as peft makes it from full module names, sorted. Fails: RT_ERR_IO, RT_ERR_OUTPUT. */
rt_status rt_peft_write(const char *folder, const struct rt_peft *peft, struct rt_error *err);
/* What target_modules comes to: *names (malloc'ed; the texts belong to peft), sorted. */
rt_status rt_peft_targets(const struct rt_peft *peft, const char ***names, int64_t *count,
                          struct rt_error *err);

struct rt_peft_in; /* an adapter read from a folder */
/* Checks peft_type LORA, that nothing is asked that we lack (use_dora, bias, modules_to_save, rank_pattern,
 * ...; any key that peft 0.18.1 does not know must be empty), and each module's A and B against r. Modules come
 * sorted by name; old names (transformers < 4.52) come out as new ones. Fails: RT_ERR_FILE. */
rt_status rt_peft_open(struct rt_peft_in **in, const char *folder, struct rt_error *err);
const struct rt_peft *rt_peft_get(const struct rt_peft_in *in);
void rt_peft_close(struct rt_peft_in *in);

/* ---- beside an adapter
 * --------------------------------------------------------------------------------------- */

/* What lets a folder with an adapter be used without looking at the base model's: tokenizer.json as it is,
 * tokenizer_config.json, chat_template.jinja and processor_config.json in the form of transformers 5, whichever
 * way the model folder writes them; what it lacks is lacking here too. Read once, kept in memory. Fails:
 * RT_ERR_FILE, RT_ERR_IO, RT_ERR_MEMORY. */
struct rt_beside;
rt_status rt_beside_read(struct rt_beside **beside, const char *model_folder, struct rt_error *err);
/* Fails: RT_ERR_IO, RT_ERR_OUTPUT. */
rt_status rt_beside_write(const struct rt_beside *beside, const char *folder, struct rt_error *err);
void rt_beside_free(struct rt_beside *beside);
uint64_t rt_beside_bytes(const struct rt_beside *beside); /* of all its files; NULL: 0 */

/* ---- state to resume from (HDF5)
 * ----------------------------------------------------------------------------- */

struct rt_state_item {
    const char *name; /* dataset path, e.g. "/lora/p" */
    enum { RT_STATE_F32, RT_STATE_F64, RT_STATE_I64, RT_STATE_BYTES } type;
    int64_t count; /* elements */
    void *data;    /* [count]; written from, or read into */
};
/* path as an HDF5 file made in memory (core driver; as much again as the items take), every dataset chunked
 * with fletcher32, every return value checked, then written aside, fsync'ed and renamed. The same items give
 * the same bytes. Fails: RT_ERR_IO with path and reason, RT_ERR_OUTPUT, RT_ERR_MEMORY. */
rt_status rt_state_write(const char *path, const struct rt_state_item *items, int64_t count,
                         struct rt_error *err);
/* Reads the items named; type and count must match the file's. Fails: RT_ERR_FILE naming file and dataset. */
rt_status rt_state_read(const char *path, struct rt_state_item *items, int64_t count, struct rt_error *err);
/* Elements of one dataset, or -1 if there is none. */
rt_status rt_state_count(const char *path, const char *name, int64_t *count, struct rt_error *err);
/* For `ranktune info`: each dataset as "/lora/p float32 [1234]" through emit(line, context), by name. */
rt_status rt_state_list(const char *path, void (*emit)(const char *line, void *context), void *context,
                        struct rt_error *err);

/* ---- checkpoint folders
 * -------------------------------------------------------------------------------------- */

/* At the start of a run that alone writes into output_dir: what a killed one left there (.tmp-..., .trash-...)
 * is removed, and a .old-checkpoint-N-... whose successor never came gets its name back. A folder that is not
 * there holds nothing. Fails: RT_ERR_IO, RT_ERR_OUTPUT. */
rt_status rt_checkpoint_tidy(const char *output_dir, struct rt_error *err);
/* Is there room for a checkpoint of so many bytes, a tenth more and 64 MiB? Else checkpoints beyond those that
 * save_total_limit lets stand beside a new one go, though never the newest good one and, from a limit of 2 on,
 * never the newest two. Fails: RT_ERR_IO (there is still no room), RT_ERR_OUTPUT. */
rt_status rt_checkpoint_room(const char *output_dir, uint64_t bytes, int64_t save_total_limit,
                             struct rt_error *err);
/* Start checkpoint-STEP: *folder (malloc'ed) is OUTPUT/.tmp-checkpoint-STEP-JOB, made empty, JOB the batch
 * system's job or, without one, the process; OUTPUT is made if it is not there. One writer at a time: tidies
 * first. Fails: RT_ERR_IO, RT_ERR_OUTPUT. */
rt_status rt_checkpoint_begin(const char *output_dir, int64_t step, char **folder, struct rt_error *err);
/* Finish it: fsync of every file, MANIFEST.json (its own digest, each file's size and xxh3-128, step, world
 * size, program version; under "run" the JSON object note_json, e.g. {"config": "..."}, which may be NULL),
 * fsync of it and of the folder, rename to checkpoint-STEP (one already there steps aside as .old-... until the
 * end), fsync of the parent; then everything is read back from the disk and checked; only then the file
 * OUTPUT/latest names it (written aside and renamed) and the oldest beyond save_total_limit (<= 0: keep all)
 * are deleted, so that a good one stands at every instant. A limit of 1 leaves the new one alone; from 2 on the
 * newest good one besides it stays too, even where bad ones fill the limit. Only folders with a MANIFEST.json
 * are ever deleted; what cannot be deleted is tried again later. folder holds plain files only. On failure
 * nothing new stands under a final name; the caller abandons folder. Fails: RT_ERR_IO, RT_ERR_OUTPUT. */
rt_status rt_checkpoint_commit(const char *output_dir, int64_t step, const char *folder, int world_size,
                               int64_t save_total_limit, const char *note_json, struct rt_error *err);
/* Remove an unfinished one, e.g. after a failed write. */
void rt_checkpoint_abandon(const char *folder);
/* Newest checkpoint-N in output_dir whose manifest and digests hold, or which LLaMA-Factory wrote and
 * rt_foreign_open can read; *folder NULL if there is none. Bad ones are passed over, each named through
 * note(text, context). An output_dir that is not there holds none. */
rt_status rt_checkpoint_newest(const char *output_dir, char **folder, int64_t *step,
                               void (*note)(const char *text, void *context), void *context,
                               struct rt_error *err);
/* Manifest and digests of one folder, and that a folder named checkpoint-N holds step N. Files that the
 * manifest does not name are no fault. One of LLaMA-Factory is read whole instead. Fails: RT_ERR_FILE naming
 * the file that is wrong. */
rt_status rt_checkpoint_verify(const char *folder, struct rt_error *err);
/* *json (malloc'ed): MANIFEST.json's text after its own digest held; keys "files", "program", "run", "step",
 * "world_size". Fails: RT_ERR_FILE. */
rt_status rt_checkpoint_manifest(const char *folder, char **json, struct rt_error *err);

/* ---- checkpoints of LLaMA-Factory
 * ------------------------------------------------------------------------------------ */

/* Is it a folder without a manifest that the Trainer of transformers wrote, as far as the names in it say? */
bool rt_checkpoint_foreign(const char *folder);

struct rt_foreign_facts {
    int64_t step;
    double epoch;
    int64_t train_batch_size; /* of a rank; 0: not known */
    int ranks;                /* whose generators are there */
    int64_t tensors;          /* of the adapter and of the optimizer's state */
    bool loraplus;            /* B learns at a rate of its own */
    double learning_rate[2];  /* of A and of B, before the schedule's factor */
    double next_rate;         /* of A in the step to come; NaN: not known */
    double weight_decay, adam_beta1, adam_beta2, adam_epsilon;
    const char *state; /* trainer_state.json's text */
};
struct rt_foreign;
/* A folder checkpoint-N with adapter_model.safetensors, adapter_config.json, optimizer.pt (torch's AdamW),
 * scheduler.pt, rng_state.pth or rng_state_K.pth and trainer_state.json: each is parsed, every number of the
 * optimizer's is read against the archive's check sum, and all must be of one step. Pickles are read as data:
 * nothing in them is called. Fails: RT_ERR_FILE naming folder, file and what is wrong, RT_ERR_IO,
 * RT_ERR_MEMORY. */
rt_status rt_foreign_open(struct rt_foreign **foreign, const char *folder, struct rt_error *err);
void rt_foreign_close(struct rt_foreign *foreign);
const struct rt_foreign_facts *rt_foreign_facts(const struct rt_foreign *foreign);
const struct rt_peft *rt_foreign_adapter(const struct rt_foreign *foreign);
/* AdamW's moments [rows, cols] of the parameter at this place: A of the model's module i (in the model's order,
 * not the file's) is 2 i and B 2 i + 1; there are twice the adapter's modules. Fails: RT_ERR_FILE (another
 * shape), RT_ERR_IO, RT_ERR_MEMORY. */
rt_status rt_foreign_moments(struct rt_foreign *foreign, int64_t place, int64_t rows, int64_t cols, float *m,
                             float *v, struct rt_error *err);

/* "1.10.8": HDF5 as it is loaded. Returns text. */
const char *rt_state_library(char text[32]);

#endif
