//! The words, by parameter, as the documentation of each tool has them: Transformers 5.23, PEFT 0.21, accelerate 1.15,
//! DeepSpeed, TRL 1.16, vLLM, SGLang, llama.cpp, Lightning, Megatron-LM.

use super::{Alias, Means};
use Means::{NotCovered, Same, Sets};

const fn row(keys: &'static [&'static str], words: &'static [&'static str], tool: &'static str, means: Means) -> Alias {
    Alias { keys, words, tool, means }
}

const ANY: &[&str] = &[];
const METHOD: &[&str] = &["train.method"];
const OBJECTIVE: &[&str] = &["train.objective"];
const PRECISION: &[&str] = &["train.precision"];
const OPTIMIZER: &[&str] = &["train.optimizer"];
const ATTENTION: &[&str] = &["train.attention", "infer.attention"];
const RECOMPUTE: &[&str] = &["train.recompute"];
const LOSS: &[&str] = &["train.loss"];
const BASE: &[&str] = &["train.base_weights"];
const WEIGHTS: &[&str] = &["infer.weights"];
const CACHE: &[&str] = &["infer.kv_cache"];
const STRATEGY: &[&str] = &["parallel.strategy"];
const SHARDING: &[&str] = &["parallel.strategy", "parallel.zero"];

const HF: &str = "Transformers";
const TORCH: &str = "PyTorch";
const BNB: &str = "bitsandbytes";
const GGML: &str = "llama.cpp";

/// What adapters over a base in so many bits are.
const QLORA_4: Means = Sets(&[("train.method", "qlora"), ("train.base_weights", "nf4")], "");
const QLORA_8: Means = Sets(&[("train.method", "qlora"), ("train.base_weights", "int8")], "");
const IN_HOST: &str = "its states are counted on the card, from where paged ones may move to the host";
const WHICH_4: &str = "say whose: nf4 (bitsandbytes), awq-int4, gptq-int4, w4a16, q4_k_m (llama.cpp) or mlx-4bit";

/// Every word.
pub(super) const ALIASES: &[Alias] = &[
    // Types, wherever a choice has them.
    row(ANY, &["bfloat16"], TORCH, Same("bf16")),
    row(ANY, &["float16", "half", "f16"], TORCH, Same("fp16")),
    row(ANY, &["float32", "float", "f32"], TORCH, Same("fp32")),
    row(ANY, &["bf16"], TORCH, Same("bfloat16")),
    row(ANY, &["fp16", "half", "f16"], TORCH, Same("float16")),
    row(ANY, &["fp32", "float", "f32"], TORCH, Same("float32")),
    // What runs.
    row(&["task"], &["training", "finetune", "finetuning", "fine-tuning"], "people", Same("train")),
    row(&["task"], &["inference", "serve", "serving", "generate", "generation"], "people", Same("infer")),
    row(&["framework"], &["hf", "huggingface", "hf-transformers", "trainer"], "Hugging Face", Same("transformers")),
    row(&["framework"], &["megatron-lm", "megatron-core", "mcore"], "NVIDIA", Same("megatron")),
    row(&["framework"], &["llamacpp", "llama-server", "llama-cpp"], GGML, Same("llama.cpp")),
    row(&["framework"], &["mlx-lm"], "MLX", Same("mlx")),
    // What is trained.
    row(METHOD, &["fft", "full-finetuning", "full-finetune", "full-parameter", "none"], "trainers", Same("full")),
    row(METHOD, &["peft", "adapter", "adapters"], "PEFT", Same("lora")),
    row(METHOD, &["4bit", "load_in_4bit", "int4", "nf4", "bnb-4bit"], BNB, QLORA_4),
    row(METHOD, &["8bit", "load_in_8bit", "int8", "bnb-8bit"], BNB, QLORA_8),
    row(METHOD, &["dora"], "PEFT", Sets(&[("train.method", "lora"), ("train.dora", "true")], "")),
    row(METHOD, &["rslora"], "PEFT", Sets(&[("train.method", "lora"), ("train.adapter", "rslora")], "")),
    row(METHOD, &["vera"], "PEFT", Sets(&[("train.method", "lora"), ("train.adapter", "vera")], "")),
    row(METHOD, &["oft"], "PEFT", Sets(&[("train.method", "lora"), ("train.adapter", "oft")], "")),
    row(METHOD, &["ia3"], "PEFT", Sets(&[("train.method", "lora"), ("train.adapter", "ia3")], "")),
    row(
        METHOD,
        &["freeze", "prompt-tuning", "prefix-tuning", "p-tuning", "adalora", "loha", "lokr", "bitfit"],
        "PEFT",
        NotCovered(""),
    ),
    row(&["train.adapter"], &["use_rslora"], "PEFT", Same("rslora")),
    row(&["train.adapter"], &["adalora", "loha", "lokr", "boft", "hra", "fourierft", "xlora"], "PEFT", NotCovered("")),
    row(&["train.init_lora_weights"], &["true", "gaussian"], "PEFT", Same("default")),
    row(&["train.init_lora_weights"], &["pissa_niter_4", "pissa_niter_16"], "PEFT", Same("pissa")),
    row(&["train.init_lora_weights"], &["eva", "corda", "loftq", "lora_ga", "orthogonal"], "PEFT", NotCovered("")),
    row(OBJECTIVE, &["causal_lm", "clm", "pretraining", "pt"], HF, Same("lm")),
    row(OBJECTIVE, &["seq_cls", "sequence-classification"], "PEFT", Same("classification")),
    row(OBJECTIVE, &["token_cls"], "PEFT", Same("token-classification")),
    row(OBJECTIVE, &["masked_lm"], HF, Same("mlm")),
    row(OBJECTIVE, &["rm", "reward_modeling"], "TRL", Same("reward")),
    row(OBJECTIVE, &["ppo", "rloo", "orpo", "cpo", "simpo", "gkd", "online_dpo"], "TRL", NotCovered("")),
    // Types of a training step.
    row(PRECISION, &["bf16-true", "pure_bf16"], "Lightning", Same("bf16")),
    row(PRECISION, &["16-true"], "Lightning", Same("fp16")),
    row(PRECISION, &["32-true", "32"], "Lightning", Same("fp32")),
    row(PRECISION, &["16-mixed"], "Lightning", Same("fp16-mixed")),
    row(PRECISION, &["tf32"], TORCH, Sets(&[("train.precision", "fp32")], "TF32 keeps its tensors in 32 bits")),
    row(PRECISION, &["fp8", "fp8_e4m3", "fp8-hybrid"], "Transformer Engine", Same("fp8-master")),
    row(PRECISION, &["4bit", "load_in_4bit", "int4", "nf4"], BNB, QLORA_4),
    row(PRECISION, &["8bit", "load_in_8bit", "int8"], BNB, QLORA_8),
    row(PRECISION, &["nvfp4", "mxfp8", "fp4"], "Transformer Engine", NotCovered("")),
    // Optimizers: `OptimizerNames` of Transformers.
    row(
        OPTIMIZER,
        &["adamw_torch_fused"],
        HF,
        Sets(&[("train.optimizer", "adamw"), ("train.optimizer_implementation", "fused")], ""),
    ),
    row(
        OPTIMIZER,
        &["adamw_torch"],
        HF,
        Sets(
            &[("train.optimizer", "adamw"), ("train.optimizer_implementation", "foreach")],
            "PyTorch's own AdamW steps lists of tensors; `adamw_torch_fused` is the Trainer's default",
        ),
    ),
    row(
        OPTIMIZER,
        &["adamw_hf"],
        HF,
        Sets(
            &[("train.optimizer", "adamw"), ("train.optimizer_implementation", "loop")],
            "it stepped tensor by tensor",
        ),
    ),
    row(OPTIMIZER, &["adamw_bnb_8bit", "adam8bit"], BNB, Same("adamw-8bit")),
    row(OPTIMIZER, &["paged_adamw_32bit", "paged_adamw"], HF, Sets(&[("train.optimizer", "adamw-32bit")], IN_HOST)),
    row(OPTIMIZER, &["adamw_torch_8bit", "ao_adamw_8bit"], HF, Same("adamw-8bit-torchao")),
    row(OPTIMIZER, &["adamw_torch_4bit", "ao_adamw_4bit"], HF, Same("adamw-4bit-torchao")),
    row(OPTIMIZER, &["adafactor_torch"], TORCH, NotCovered("`adafactor` is that of Transformers")),
    row(OPTIMIZER, &["paged_lion_8bit"], HF, Sets(&[("train.optimizer", "lion-8bit")], IN_HOST)),
    row(OPTIMIZER, &["lion_32bit", "paged_lion_32bit"], HF, NotCovered("`lion` keeps its moment in the weights' type")),
    row(OPTIMIZER, &["lion_pytorch"], "lion_pytorch", Same("lion")),
    row(OPTIMIZER, &["galore_adamw"], HF, Same("galore")),
    row(OPTIMIZER, &["apollo_adamw"], HF, Same("apollo")),
    row(OPTIMIZER, &["schedule_free_adamw"], HF, Same("schedule-free")),
    row(
        OPTIMIZER,
        &[
            "rmsprop",
            "rmsprop_bnb",
            "rmsprop_bnb_8bit",
            "rmsprop_bnb_32bit",
            "adagrad",
            "ademamix",
            "ademamix_8bit",
            "paged_ademamix_32bit",
            "paged_ademamix_8bit",
            "adamw_torch_xla",
            "adamw_torch_npu_fused",
            "adamw_apex_fused",
            "adamw_anyprecision",
            "galore_adamw_8bit",
            "galore_adafactor",
            "galore_adamw_layerwise",
            "galore_adamw_8bit_layerwise",
            "galore_adafactor_layerwise",
            "apollo_adamw_layerwise",
            "lomo",
            "adalomo",
            "grokadamw",
            "stable_adamw",
            "schedule_free_radam",
            "schedule_free_sgd",
        ],
        HF,
        NotCovered(""),
    ),
    row(OPTIMIZER, &["came", "sophia", "shampoo", "lamb", "adam_mini", "1bit-adam"], "trainers", NotCovered("")),
    row(&["train.optimizer_implementation"], &["for-loop", "forloop", "single-tensor"], TORCH, Same("loop")),
    // Attention: `attn_implementation`, and backends of engines.
    row(
        ATTENTION,
        &[
            "sdpa",
            "flash_attention_2",
            "flash_attention_3",
            "flash_attention",
            "flash_attn",
            "fa2",
            "fa3",
            "kernels-community/flash-attn2",
            "kernels-community/flash-attn3",
            "kernels-community/flash-attn",
        ],
        HF,
        Same("flash"),
    ),
    row(ATTENTION, &["xformers", "flashinfer", "triton_attn", "on", "true", "auto"], "engines", Same("flash")),
    row(ATTENTION, &["math", "off", "false"], TORCH, Same("eager")),
    row(ATTENTION, &["flex_attention", "paged_attention", "sage_attention"], HF, NotCovered("")),
    // What is recomputed.
    row(
        RECOMPUTE,
        &["true", "1", "yes", "on", "gradient_checkpointing", "activation_checkpointing", "checkpointing", "all"],
        HF,
        Same("full"),
    ),
    row(RECOMPUTE, &["false", "0", "no", "off"], HF, Same("none")),
    row(
        RECOMPUTE,
        &["unsloth", "offload"],
        "Unsloth",
        Sets(&[("train.recompute", "full"), ("train.offload_activations", "true")], ""),
    ),
    // Loss, kernels, compilation.
    row(
        LOSS,
        &["liger", "fused_linear_cross_entropy", "use_liger_kernel", "liger_kernel"],
        "Liger Kernel",
        Sets(&[("train.loss", "fused")], "train.kernels=liger puts in all of Liger's kernels"),
    ),
    row(LOSS, &["cross_entropy", "none", "false"], TORCH, Same("eager")),
    row(LOSS, &["chunked_nll", "chunked_cross_entropy"], "trainers", Same("chunked")),
    row(LOSS, &["cut_cross_entropy", "cce"], "Cut Cross-Entropy", NotCovered("`fused` makes no logits either")),
    row(&["train.kernels"], &["true", "1", "yes", "on", "use_liger_kernel", "liger_kernel"], HF, Same("liger")),
    row(&["train.kernels"], &["false", "0", "no", "off"], HF, Same("none")),
    row(&["train.kernels"], &["unsloth"], "Unsloth", NotCovered("`liger` comes closest")),
    row(&["train.compile"], &["true", "1", "yes", "on", "torch_compile", "inductor"], HF, Same("model")),
    row(&["train.compile"], &["regional", "use_regional_compilation"], "accelerate", Same("layers")),
    row(&["train.compile"], &["false", "0", "no", "off", "eager"], HF, Same("none")),
    // Quantized weights.
    row(BASE, &["4bit", "int4", "load_in_4bit", "bnb-4bit"], BNB, Same("nf4")),
    row(BASE, &["8bit", "load_in_8bit", "llm.int8", "bnb-8bit"], BNB, Same("int8")),
    row(BASE, &["gptq"], HF, Same("gptq-int4")),
    row(BASE, &["awq", "awq-int4", "aqlm", "hqq", "eetq", "quanto", "mxfp4"], HF, NotCovered("")),
    row(WEIGHTS, &["auto", "model"], "vLLM", Same("native")),
    row(
        WEIGHTS,
        &["4bit", "load_in_4bit", "bnb-4bit", "bitsandbytes", "bnb"],
        BNB,
        Sets(&[("infer.weights", "nf4")], "4 bits of others are awq-int4, gptq-int4, w4a16, q4_k_m or mlx-4bit"),
    ),
    row(WEIGHTS, &["8bit", "load_in_8bit", "llm.int8", "bnb-8bit"], BNB, Same("int8")),
    row(WEIGHTS, &["int4", "uint4"], "engines", NotCovered(WHICH_4)),
    row(WEIGHTS, &["awq", "awq_marlin"], "vLLM", Same("awq-int4")),
    row(WEIGHTS, &["gptq", "gptq_marlin"], "vLLM", Same("gptq-int4")),
    row(WEIGHTS, &["fp8_e4m3", "float8_e4m3fn", "float8"], TORCH, Same("fp8")),
    row(WEIGHTS, &["w8a8-int8", "int8-w8a8"], "vLLM", Same("w8a8")),
    row(WEIGHTS, &["fp8_e5m2", "compressed-tensors", "exl2", "exl3", "hqq", "aqlm"], "vLLM", NotCovered("")),
    row(WEIGHTS, &["q5_k"], GGML, Same("q5_k_m")),
    row(WEIGHTS, &["q4_k"], GGML, Same("q4_k_m")),
    row(WEIGHTS, &["q3_k"], GGML, Same("q3_k_m")),
    // Caches: `--kv-cache-dtype`, `--cache-type-k`.
    row(CACHE, &["fp8_e4m3", "fp8_e5m2", "fp8_inc", "float8_e4m3fn"], "vLLM", Same("fp8")),
    row(CACHE, &["auto", "model"], "vLLM", Sets(&[("infer.kv_cache", "bf16")], "auto is the type of the model")),
    row(CACHE, &["fp8_ds_mla", "fp4_e2m1", "fp8_e8m0"], "vLLM", NotCovered("")),
    // What is sharded: FSDP's words of accelerate, and DeepSpeed's stages.
    row(STRATEGY, &["multi_gpu", "distributed_data_parallel", "none"], "accelerate", Same("ddp")),
    row(
        SHARDING,
        &["full_shard"],
        "FSDP1",
        Sets(&[("parallel.strategy", "fsdp1"), ("parallel.zero", "3")], "fsdp2 has another memory"),
    ),
    row(
        SHARDING,
        &["shard_grad_op"],
        "FSDP1",
        Sets(&[("parallel.strategy", "fsdp1"), ("parallel.zero", "2")], "fsdp2 has another memory"),
    ),
    row(SHARDING, &["no_shard"], "FSDP1", Sets(&[("parallel.strategy", "ddp"), ("parallel.zero", "0")], "")),
    row(
        SHARDING,
        &["hybrid_shard", "hybrid_shard_zero2"],
        "FSDP1",
        NotCovered("set parallel.strategy=fsdp1, and parallel.shard_size to the GPUs of a node"),
    ),
    row(STRATEGY, &["fsdp", "fully_shard"], TORCH, Sets(&[("parallel.strategy", "fsdp2"), ("parallel.zero", "3")], "")),
    row(
        STRATEGY,
        &["zero1", "zero_1"],
        "DeepSpeed",
        Sets(&[("parallel.strategy", "deepspeed"), ("parallel.zero", "1")], ""),
    ),
    row(STRATEGY, &["zero2"], "DeepSpeed", Sets(&[("parallel.strategy", "deepspeed"), ("parallel.zero", "2")], "")),
    row(STRATEGY, &["zero3"], "DeepSpeed", Sets(&[("parallel.strategy", "deepspeed"), ("parallel.zero", "3")], "")),
    row(&["parallel.zero"], &["zero0", "stage0"], "DeepSpeed", Same("0")),
    row(&["parallel.zero"], &["zero1", "stage1"], "DeepSpeed", Same("1")),
    row(&["parallel.zero"], &["zero2", "stage2"], "DeepSpeed", Same("2")),
    row(&["parallel.zero"], &["zero3", "stage3"], "DeepSpeed", Same("3")),
];
