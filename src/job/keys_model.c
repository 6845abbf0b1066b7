/* keys_model.c - the keys of LLaMA-Factory's ModelArguments: the model, its pictures, export and inference. */
#include "config.h"

#include "job/key_rows.h"

#define HUB "models are read from local folders"
#define INFER "nothing is generated while training"
#define EXPORT "it is for export, not for training"
#define VIDEO "this version trains on pictures, not on video"
#define RECOMPUTE "the memory plan and gradient_checkpointing decide what is computed again"
#define VOCAB                                                                                                  \
    "the vocabulary stays as the model folder has it; add tokens to the folder first and remove this key"
#define NOT_QUANTIZED "only quantized weights read it"
#define KT "only KTransformers reads it"

static const struct rt_key keys[] = {
    KEY_STR("model_name_or_path", "null", DONE(model.model_name_or_path), "folder of the model to train"),
    KEY_LIST("adapter_name_or_path", "null", DONE_LIST(model.adapter_name_or_path, model.adapters),
             "LoRA adapters, with commas between: all but the last are merged, the last is trained on"),
    KEY_STR("adapter_folder", "null", REFUSED,
            "adapters are named by their whole path; put it behind adapter_name_or_path and remove this key"),
    KEY_STR("cache_dir", "null", TAKEN, HUB),
    KEY_BOOL("use_fast_tokenizer", "true", DONE(data.use_fast_tokenizer),
             "true: pictures are resized as torchvision does it; false: as Pillow does"),
    KEY_BOOL("resize_vocab", "false", REFUSED, VOCAB),
    KEY_BOOL("split_special_tokens", "false", DONE(data.split_special_tokens),
             "special tokens that stand in the text are split like other text"),
    KEY_LIST("add_tokens", "null", REFUSED, VOCAB),
    KEY_LIST("add_special_tokens", "null", REFUSED, VOCAB),
    KEY_STR("new_special_tokens_config", "null", REFUSED, VOCAB),
    KEY_CHOICE("init_special_tokens", "noise_init", "noise_init|desc_init|desc_init_w_noise", TAKEN,
               "no token is added"),
    KEY_STR("model_revision", "main", TAKEN, HUB),
    KEY_BOOL("low_cpu_mem_usage", "true", TAKEN, "how weights are loaded is settled here"),
    KEY_CHOICE("rope_scaling", "null", "linear|dynamic|yarn|llama3", REFUSED,
               "positions are those of the model's config.json; remove this key"),
    KEY_CHOICE("flash_attn", "auto", "auto|disabled|sdpa|fa2|fa3", TAKEN, "there is one attention here"),
    KEY_BOOL("shift_attn", "false", REFUSED, "attention is the model's own; remove this key"),
    KEY_CHOICE("mixture_of_depths", "null", "convert|load", REFUSED,
               "the model's layers are all used; remove this key"),
    KEY_BOOL("use_unsloth", "false", TAKEN, "it is about speed only"),
    KEY_BOOL("use_unsloth_gc", "false", TAKEN, RECOMPUTE),
    KEY_BOOL("enable_liger_kernel", "false", TAKEN,
             "it is about speed only, and the operations here are fused anyway"),
    KEY_NUM("moe_aux_loss_coef", "null", "0.001", -ANYTHING, ANYTHING, TAKEN, "these models have no experts"),
    KEY_BOOL(
        "disable_gradient_checkpointing", "false", PLACED,
        "true: no layer runs again in the backward, and what does not fit so is an error; false: as "
        "gradient_checkpointing: true; null or not given: the memory plan lets layers run again as far as memory is "
        "short"),
    KEY_BOOL("use_reentrant_gc", "true", TAKEN, RECOMPUTE),
    KEY_BOOL("upcast_layernorm", "false", TAKEN, "norms are computed in fp32 anyway"),
    KEY_BOOL("upcast_lmhead_output", "false", TAKEN, "the loss is computed in fp32 anyway"),
    KEY_BOOL("train_from_scratch", "false", REFUSED,
             "this version trains LoRA adapters on given weights; remove this key"),
    KEY_CHOICE("infer_backend", "huggingface", "huggingface|vllm|sglang", REFUSED,
               "it is no way to train, for LLaMA-Factory either; remove this key"),
    KEY_STR("offload_folder", "offload", TAKEN, INFER),
    KEY_BOOL("use_kv_cache", "true", TAKEN, INFER),
    KEY_BOOL("use_v1_kernels", "false", TAKEN, "it is about speed only"),
    KEY_CHOICE("infer_dtype", "auto", "auto|float16|bfloat16|float32", TAKEN, EXPORT),
    KEY_STR("hf_hub_token", "null", TAKEN, HUB),
    KEY_STR("ms_hub_token", "null", TAKEN, HUB),
    KEY_STR("om_hub_token", "null", TAKEN, HUB),
    KEY_BOOL("print_param_status", "false", TAKEN, "the start log says what is trained"),
    KEY_BOOL("trust_remote_code", "false", TAKEN, "no code is ever loaded from a model folder"),
    KEY_CHOICE("quantization_method", "bnb", "bnb|gptq|awq|aqlm|quanto|eetq|hqq|mxfp4|fp8", TAKEN,
               NOT_QUANTIZED),
    KEY_INT("quantization_bit", "null", "4", 1, 16, REFUSED,
            "frozen weights are held in bf16 or fp32; remove this key (a 7B model in bf16 takes 17 GB)"),
    KEY_CHOICE("quantization_type", "nf4", "fp4|nf4", TAKEN, NOT_QUANTIZED),
    KEY_BOOL("double_quantization", "true", TAKEN, NOT_QUANTIZED),
    KEY_CHOICE("quantization_device_map", "null", "auto", TAKEN, NOT_QUANTIZED),
    KEY_INT("image_max_pixels", "589824", "589824", 1, MANY, DONE(data.image_max_pixels),
            "pictures with more pixels are made smaller first"),
    KEY_INT("image_min_pixels", "1024", "1024", 1, MANY, DONE(data.image_min_pixels),
            "pictures with fewer pixels are made larger first"),
    KEY_BOOL("image_do_pan_and_scan", "false", TAKEN, "these models do not crop pictures"),
    KEY_BOOL("crop_to_patches", "false", TAKEN, "these models do not crop pictures"),
    KEY_INT("video_max_pixels", "65536", "65536", 1, MANY, TAKEN, VIDEO),
    KEY_INT("video_min_pixels", "256", "256", 1, MANY, TAKEN, VIDEO),
    KEY_NUM("video_fps", "2.0", "2.0", 0, ANYTHING, TAKEN ABOVE, VIDEO),
    KEY_INT("video_maxlen", "128", "128", 1, MANY, TAKEN, VIDEO),
    KEY_BOOL("use_audio_in_video", "false", TAKEN, VIDEO),
    KEY_INT("audio_sampling_rate", "16000", "16000", 1, MANY, TAKEN, "these models do not hear"),
    KEY_STR("export_dir", "null", TAKEN, EXPORT),
    KEY_INT("export_size", "5", "5", 1, MANY, TAKEN, EXPORT),
    KEY_CHOICE("export_device", "cpu", "cpu|auto", TAKEN, EXPORT),
    KEY_INT("export_quantization_bit", "null", "4", 1, 16, TAKEN, EXPORT),
    KEY_STR("export_quantization_dataset", "null", TAKEN, EXPORT),
    KEY_INT("export_quantization_nsamples", "128", "128", 1, MANY, TAKEN, EXPORT),
    KEY_INT("export_quantization_maxlen", "1024", "1024", 1, MANY, TAKEN, EXPORT),
    KEY_BOOL("export_legacy_format", "false", TAKEN, EXPORT),
    KEY_STR("export_hub_model_id", "null", TAKEN, EXPORT),
    KEY_BOOL("use_kt", "false", REFUSED, "these models have no experts to keep on the host; remove this key"),
    KEY_STR("kt_weight_path", "null", TAKEN, KT),
    KEY_STR("kt_expert_checkpoint_path", "null", TAKEN, KT),
    KEY_BOOL("kt_use_lora_experts", "null", TAKEN, KT),
    KEY_INT("kt_lora_expert_num", "null", "1", 0, MANY, TAKEN, KT),
    KEY_INT("kt_lora_expert_intermediate_size", "null", "1", 0, MANY, TAKEN, KT),
    KEY_INT("vllm_maxlen", "4096", "4096", 1, MANY, TAKEN, INFER),
    KEY_NUM("vllm_gpu_util", "0.7", "0.7", 0, 1, TAKEN, INFER),
    KEY_BOOL("vllm_enforce_eager", "false", TAKEN, INFER),
    KEY_INT("vllm_max_lora_rank", "32", "32", 1, MANY, TAKEN, INFER),
    KEY_ANY("vllm_config", TAKEN, INFER),
    KEY_INT("sglang_maxlen", "4096", "4096", 1, MANY, TAKEN, INFER),
    KEY_NUM("sglang_mem_fraction", "0.7", "0.7", 0, 1, TAKEN, INFER),
    KEY_INT("sglang_tp_size", "-1", "-1", -1, MANY, TAKEN, INFER),
    KEY_ANY("sglang_config", TAKEN, INFER),
    KEY_CHOICE("sglang_lora_backend", "triton", "triton|flashinfer", TAKEN, INFER),
};

const struct rt_key_class rt_keys_model = { "model", keys, COUNT(keys) };
