//! The rows of `[infer]`.

use super::super::{Parameter, Step};
use super::applies::{by_budget, by_llama_cpp, by_transformers, by_vllm, inferring, serving_images, serving_in_detail};
use super::{LARGEST, MOST_IMAGES};

const INFERENCE_WEIGHTS: &[&str] = &[
    "native",
    "fp32",
    "bf16",
    "fp16",
    "fp8",
    "fp8-channel",
    "fp8-tensor",
    "int8",
    "w8a8",
    "torchao-int8",
    "mxfp8",
    "nf4",
    "nf4-double-quant",
    "mxfp4",
    "mxfp4-linear",
    "nvfp4",
    "gptq-int8",
    "gptq-int4",
    "awq-int4",
    "w4a16",
    "w4a16-asym",
    "q8_0",
    "q6_k",
    "q5_1",
    "q5_k_m",
    "q5_k_s",
    "q5_0",
    "q4_1",
    "q4_k_m",
    "q4_k_s",
    "q4_0",
    "iq4_nl",
    "iq4_xs",
    "mxfp4_moe",
    "q3_k_l",
    "q3_k_m",
    "q3_k_s",
    "iq3_m",
    "iq3_s",
    "iq3_xs",
    "iq3_xxs",
    "q2_k",
    "q2_k_s",
    "iq2_m",
    "iq2_s",
    "iq2_xs",
    "iq2_xxs",
    "tq2_0",
    "tq1_0",
    "iq1_m",
    "iq1_s",
    "mlx-8bit",
    "mlx-mxfp8",
    "mlx-6bit",
    "mlx-4bit",
    "mlx-nvfp4",
    "mlx-mxfp4",
    "mlx-3bit",
];
const KV_TYPES: &[&str] = &[
    "fp32",
    "bf16",
    "fp16",
    "fp8",
    "int8",
    "fp8_per_token_head",
    "int8_per_token_head",
    "int4_per_token_head",
    "nvfp4",
    "turboquant_k8v4",
    "turboquant_4bit_nc",
    "turboquant_k3v4_nc",
    "turboquant_3bit_nc",
    "q8_0",
    "q5_1",
    "q5_0",
    "q4_1",
    "q4_0",
    "iq4_nl",
];
/// The types that llama.cpp caches in.
const GGML_TYPES: &[&str] = &["fp32", "bf16", "fp16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"];

pub(super) const INFER: &[Parameter] = &[
    row!(infer.weights)
        .one_of(INFERENCE_WEIGHTS, false)
        .label("weights")
        .when(inferring)
        .help("type of the weights; native is the type they were published in"),
    row!(infer.kv_cache)
        .one_of(KV_TYPES, false)
        .label("kv cache")
        .when(serving_in_detail)
        .help("type of keys and values in the cache"),
    row!(infer.context_length)
        .within([1, LARGEST], Step::Multiple(256))
        .label("context")
        .unit("tokens")
        .when(inferring)
        .help("tokens per sequence, prompt and answer"),
    row!(infer.images)
        .within([0, MOST_IMAGES], Step::One)
        .label("images")
        .when(by_transformers)
        .help("images of each sequence, or sounds, whose tokens lengthen it"),
    row!(infer.image_size)
        .label("image size")
        .when(serving_images)
        .help("width and height of each image in pixels, as in 1280x720; its class may make it another size"),
    row!(infer.concurrency)
        .within([1, LARGEST], Step::One)
        .label("concurrency")
        .unit("sequences")
        .when(inferring)
        .help("sequences at once"),
    row!(infer.prefill_tokens)
        .within([1, LARGEST], Step::Multiple(256))
        .label("prefill")
        .unit("tokens")
        .when(serving_in_detail)
        .help("tokens of all prompts; of an engine: in one forward pass (max_num_batched_tokens, n_ubatch); unset: its own rule"),
    row!(infer.prefill_chunk_size)
        .within([1, LARGEST], Step::Multiple(256))
        .label("prefill chunk")
        .unit("tokens")
        .when(by_transformers)
        .help("tokens of each prompt in one forward pass; unset: the whole prompt"),
    row!(infer.attention)
        .label("attention")
        .covered(&["flash", "eager"])
        .when(serving_in_detail)
        .help("flash is any fused kernel; eager makes the scores, b·a·s²"),
    row!(infer.do_sample)
        .label("sampling")
        .when(by_transformers)
        .help("whether tokens are drawn by their probabilities; else the likeliest is taken"),
    row!(infer.cache_type_v)
        .one_of(GGML_TYPES, true)
        .label("cache type v")
        .when(by_llama_cpp)
        .help("type of cached values (--cache-type-v); unset: that of keys"),
    row!(infer.gpu_memory_utilization)
        .label("utilization")
        .when(by_budget)
        .help("share of the card that the engine takes (mem_fraction_static of SGLang; unset there: its own rule)"),
    row!(infer.kv_cache_memory_bytes)
        .within([1, 1 << 50], Step::Double)
        .label("pool bytes")
        .unit("bytes")
        .when(by_vllm)
        .help("bytes of the pool of blocks (--kv-cache-memory-bytes); unset: what the share of the card leaves"),
    row!(infer.block_size)
        .within([1, LARGEST], Step::Double)
        .label("block size")
        .unit("tokens")
        .when(by_vllm)
        .help("tokens in a cache block; kernels and recurrent layers may ask for more"),
    row!(infer.max_num_seqs)
        .within([1, LARGEST], Step::Double)
        .label("max sequences")
        .unit("sequences")
        .when(by_vllm)
        .help("most sequences that are scheduled; unset: by the card"),
    row!(infer.async_scheduling)
        .label("async scheduling")
        .when(by_vllm)
        .help("a batch is scheduled while the one before still runs: windows reserve tokens of both"),
    row!(infer.mamba_cache_mode)
        .label("mamba cache")
        .when(by_vllm)
        .help("which states of recurrent layers are kept for prefixes that come again"),
    row!(infer.mamba_ssm_cache_dtype)
        .label("state type")
        .when(by_budget)
        .help("type of recurrent states; auto: as the config and the engine say"),
    row!(infer.gpu_layers)
        .within([0, LARGEST], Step::One)
        .label("gpu layers")
        .unit("layers")
        .when(by_llama_cpp)
        .help("layers on the card, the last first, the output among them (-ngl); the rest stays on the host"),
    row!(infer.cpu_moe_layers)
        .within([0, LARGEST], Step::One)
        .label("cpu moe layers")
        .unit("layers")
        .when(by_llama_cpp)
        .help("layers whose experts stay on the host, the first ones first (--n-cpu-moe)"),
    row!(infer.swa_full)
        .label("swa full")
        .when(by_llama_cpp)
        .help("layers with a window keep all tokens (--swa-full; the library's own default)"),
    row!(infer.kv_unified)
        .label("kv unified")
        .when(by_llama_cpp)
        .help("all sequences share one cache (--kv-unified)"),
];
