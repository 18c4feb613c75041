//! The rows of `[infer]`.

use super::super::{Parameter, Step};
use super::applies::{inferring, serving_images, serving_in_detail, uncovered};
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
const KV_TYPES: &[&str] = &["fp32", "bf16", "fp16", "fp8", "int8", "q8_0", "q4_0"];

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
        .when(serving_in_detail)
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
        .help("tokens of all prompts; unset: the context but for its last token"),
    row!(infer.prefill_chunk_size)
        .within([1, LARGEST], Step::Multiple(256))
        .label("prefill chunk")
        .unit("tokens")
        .when(serving_in_detail)
        .help("tokens of each prompt in one forward pass; unset: the whole prompt"),
    row!(infer.attention)
        .label("attention")
        .covered(&["flash", "eager"])
        .when(serving_in_detail)
        .help("flash is any fused kernel; eager makes the scores, b·a·s²"),
    row!(infer.do_sample)
        .label("sampling")
        .when(serving_in_detail)
        .help("whether tokens are drawn by their probabilities; else the likeliest is taken"),
    row!(infer.gpu_memory_utilization).label("utilization").when(uncovered).help("share of the card that vLLM takes"),
    row!(infer.block_size)
        .within([1, LARGEST], Step::Double)
        .label("block size")
        .unit("tokens")
        .when(uncovered)
        .help("tokens in a cache block of vLLM"),
    row!(infer.max_num_seqs)
        .within([1, LARGEST], Step::Double)
        .label("max sequences")
        .unit("sequences")
        .when(uncovered)
        .help("most sequences that vLLM schedules"),
];
