//! The rows of the parameter table.

use super::{Kind, Parameter, Step};
use crate::scenario::choices::{
    AdapterKind, Attention, BaseWeights, Compile, Estimator, InitLoraWeights, KernelLibrary, Loss, Method, Objective,
    Optimizer, OptimizerImplementation, Placement, Precision, Recompute, Reference, Task,
};
use crate::scenario::profile::Framework;
use crate::scenario::{Scenario, Value};

/// More images than a sequence of any real run has.
const MOST_IMAGES: u64 = 1 << 16;

/// No batch, length or rank of a real run comes near this.
const LARGEST: u64 = 1 << 32;

const INFERENCE_WEIGHTS: &[&str] = &[
    "native",
    "fp32",
    "bf16",
    "fp16",
    "fp8",
    "int8",
    "nf4",
    "nf4-double-quant",
    "mxfp4",
    "gptq-int8",
    "gptq-int4",
    "awq-int4",
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
    "q3_k_l",
    "q3_k_m",
    "q3_k_s",
    "q2_k",
];
const KV_TYPES: &[&str] = &["fp32", "bf16", "fp16", "fp8", "int8", "q8_0", "q4_0"];

/// Every parameter of a scenario, in the order in which lists show them.
pub const PARAMETERS: &[Parameter] = &[
    Parameter {
        key: "model",
        label: "model",
        unit: "",
        help: "a preset id, or the path of a preset or config.json",
        kind: Kind::Word,
        applies: always,
        get: |s| Value::Word(s.model.clone()),
        set: |s, value| text(value).map(|text| s.model = text),
    },
    Parameter {
        key: "gpu",
        label: "gpu",
        unit: "",
        help: "the id of the card that capacity is taken from",
        kind: Kind::Word,
        applies: always,
        get: |s| s.gpu.clone().map_or(Value::Unset, Value::Word),
        set: |s, value| optional_text(value).map(|text| s.gpu = text),
    },
    Parameter {
        key: "gpus",
        label: "gpus",
        unit: "GPUs",
        help: "GPUs in the whole job",
        kind: Kind::Count { min: 1, max: 1 << 20, step: Step::Double, optional: false },
        applies: in_detail,
        get: |s| Value::Count(s.gpus),
        set: |s, value| count(value).map(|count| s.gpus = count),
    },
    Parameter {
        key: "task",
        label: "task",
        unit: "",
        help: "training or inference",
        kind: Kind::Choice { words: Task::WORDS, covered: &["train", "infer"], optional: false },
        applies: always,
        get: |s| Value::Word(s.task.word().to_owned()),
        set: |s, value| word(value, Task::from_word).map(|choice| s.task = choice),
    },
    Parameter {
        key: "framework",
        label: "framework",
        unit: "",
        help: "the implementation whose habits are described",
        kind: Kind::Framework,
        applies: in_detail,
        get: |s| Value::Word(s.framework.word().to_owned()),
        set: |s, value| {
            text(value).map(|word| {
                if word != s.framework.word() {
                    s.framework = Framework::named(&word);
                }
            })
        },
    },
    Parameter {
        key: "estimator",
        label: "estimator",
        unit: "",
        help: "every byte named, or the rule of thumb",
        kind: Kind::Choice { words: Estimator::WORDS, covered: &["ledger", "sketch"], optional: false },
        applies: always,
        get: |s| Value::Word(s.estimator.word().to_owned()),
        set: |s, value| word(value, Estimator::from_word).map(|choice| s.estimator = choice),
    },
    Parameter {
        key: "train.micro_batch_size",
        label: "micro batch",
        unit: "sequences",
        help: "sequences in one forward pass, b",
        kind: Kind::Count { min: 1, max: LARGEST, step: Step::One, optional: false },
        applies: training,
        get: |s| Value::Count(s.train.micro_batch_size),
        set: |s, value| count(value).map(|count| s.train.micro_batch_size = count),
    },
    Parameter {
        key: "train.sequence_length",
        label: "sequence",
        unit: "tokens",
        help: "tokens in a sequence, s; in each stack that reads tokens",
        kind: Kind::Count { min: 1, max: LARGEST, step: Step::Multiple(256), optional: false },
        applies: training,
        get: |s| Value::Count(s.train.sequence_length),
        set: |s, value| count(value).map(|count| s.train.sequence_length = count),
    },
    Parameter {
        key: "train.method",
        label: "method",
        unit: "",
        help: "what is trained",
        kind: Kind::Choice { words: Method::WORDS, covered: Method::WORDS, optional: false },
        applies: training_in_detail,
        get: |s| Value::Word(s.train.method.word().to_owned()),
        set: |s, value| word(value, Method::from_word).map(|choice| s.train.method = choice),
    },
    Parameter {
        key: "train.objective",
        label: "objective",
        unit: "",
        help: "what is learned: the head, the rows and the references follow from it",
        kind: Kind::Choice { words: Objective::WORDS, covered: Objective::WORDS, optional: false },
        applies: training_in_detail,
        get: |s| Value::Word(s.train.objective.word().to_owned()),
        set: |s, value| word(value, Objective::from_word).map(|choice| s.train.objective = choice),
    },
    Parameter {
        key: "train.reference",
        label: "reference",
        unit: "",
        help: "what a policy is held against: a copy, itself without adapters, or what was computed before",
        kind: Kind::Choice { words: Reference::WORDS, covered: Reference::WORDS, optional: false },
        applies: referring,
        get: |s| Value::Word(s.train.reference.word().to_owned()),
        set: |s, value| word(value, Reference::from_word).map(|choice| s.train.reference = choice),
    },
    Parameter {
        key: "train.completion_length",
        label: "completion",
        unit: "tokens",
        help: "tokens generated and scored of each sequence; the rest of it is the prompt",
        kind: Kind::Count { min: 1, max: LARGEST, step: Step::Multiple(256), optional: false },
        applies: writing,
        get: |s| Value::Count(s.train.completion_length),
        set: |s, value| count(value).map(|count| s.train.completion_length = count),
    },
    Parameter {
        key: "train.num_generations",
        label: "generations",
        unit: "sequences",
        help: "completions of one prompt; they are the rows of micro batches, however those are cut",
        kind: Kind::Count { min: 2, max: LARGEST, step: Step::Double, optional: false },
        applies: writing,
        get: |s| Value::Count(s.train.num_generations),
        set: |s, value| count(value).map(|count| s.train.num_generations = count),
    },
    Parameter {
        key: "train.precision",
        label: "precision",
        unit: "",
        help: "types of weights, gradients and arithmetic",
        kind: Kind::Choice {
            words: Precision::WORDS,
            covered: &["fp32", "bf16", "fp16", "bf16-autocast", "fp16-autocast", "bf16-mixed", "fp16-mixed"],
            optional: false,
        },
        applies: training,
        get: |s| Value::Word(s.train.precision.word().to_owned()),
        set: |s, value| word(value, Precision::from_word).map(|choice| s.train.precision = choice),
    },
    Parameter {
        key: "train.optimizer",
        label: "optimizer",
        unit: "",
        help: "what is kept for each parameter between steps",
        kind: Kind::Choice { words: Optimizer::WORDS, covered: Optimizer::WORDS, optional: false },
        applies: training_in_detail,
        get: |s| Value::Word(s.train.optimizer.word().to_owned()),
        set: |s, value| word(value, Optimizer::from_word).map(|choice| s.train.optimizer = choice),
    },
    Parameter {
        key: "train.optimizer_implementation",
        label: "optimizer kernel",
        unit: "",
        help: "fused makes no temporaries; foreach one more copy of what is trained",
        kind: Kind::Choice {
            words: OptimizerImplementation::WORDS,
            covered: &["fused", "foreach", "loop"],
            optional: false,
        },
        applies: training_by_choice,
        get: |s| Value::Word(s.train.optimizer_implementation.word().to_owned()),
        set: |s, value| {
            word(value, OptimizerImplementation::from_word).map(|choice| s.train.optimizer_implementation = choice)
        },
    },
    Parameter {
        key: "train.attention",
        label: "attention",
        unit: "",
        help: "flash is any fused kernel; eager stores the scores, b·a·s²",
        kind: Kind::Choice { words: Attention::WORDS, covered: &["flash", "eager"], optional: false },
        applies: training_by_choice,
        get: |s| Value::Word(s.train.attention.word().to_owned()),
        set: |s, value| word(value, Attention::from_word).map(|choice| s.train.attention = choice),
    },
    Parameter {
        key: "train.recompute",
        label: "recompute",
        unit: "",
        help: "full keeps only what enters each layer and computes the rest again",
        kind: Kind::Choice { words: Recompute::WORDS, covered: &["none", "full"], optional: false },
        applies: training_in_detail,
        get: |s| Value::Word(s.train.recompute.word().to_owned()),
        set: |s, value| word(value, Recompute::from_word).map(|choice| s.train.recompute = choice),
    },
    Parameter {
        key: "train.recompute_layers",
        label: "recomputed layers",
        unit: "layers",
        help: "with full: how many layers are recomputed; unset: all",
        kind: Kind::Count { min: 0, max: LARGEST, step: Step::One, optional: true },
        applies: recomputing,
        get: |s| s.train.recompute_layers.map_or(Value::Unset, Value::Count),
        set: |s, value| optional_count(value).map(|count| s.train.recompute_layers = count),
    },
    Parameter {
        key: "train.recompute_every",
        label: "recompute every",
        unit: "layers",
        help: "with full: of the layers that are recomputed the first and every n-th after it",
        kind: Kind::Count { min: 1, max: LARGEST, step: Step::One, optional: false },
        applies: recomputing,
        get: |s| Value::Count(s.train.recompute_every),
        set: |s, value| count(value).map(|count| s.train.recompute_every = count),
    },
    Parameter {
        key: "train.offload_activations",
        label: "offload activations",
        unit: "",
        help: "with full: whether what enters recomputed layers waits in host memory",
        kind: Kind::Flag,
        applies: recomputing,
        get: |s| Value::Flag(s.train.offload_activations),
        set: |s, value| flag(value).map(|on| s.train.offload_activations = on),
    },
    Parameter {
        key: "train.padding",
        label: "padding mask",
        unit: "",
        help: "whether batches carry a padding mask (torchtune: packed samples)",
        kind: Kind::Flag,
        applies: training_in_detail,
        get: |s| Value::Flag(s.train.padding),
        set: |s, value| flag(value).map(|on| s.train.padding = on),
    },
    Parameter {
        key: "train.dropout",
        label: "dropout",
        unit: "",
        help: "unset: what the model's own config says",
        kind: Kind::Fraction { optional: true },
        applies: training_in_detail,
        get: |s| s.train.dropout.map_or(Value::Unset, Value::Fraction),
        set: |s, value| optional_fraction(value).map(|fraction| s.train.dropout = fraction),
    },
    Parameter {
        key: "train.keep_outputs",
        label: "keep outputs",
        unit: "",
        help: "whether the loop holds the logits during backward; the Trainer does not",
        kind: Kind::Flag,
        applies: training_by_choice,
        get: |s| Value::Flag(s.train.keep_outputs),
        set: |s, value| flag(value).map(|on| s.train.keep_outputs = on),
    },
    Parameter {
        key: "train.keep_gradients",
        label: "keep gradients",
        unit: "",
        help: "whether gradients stay allocated between steps",
        kind: Kind::Flag,
        applies: training_by_choice,
        get: |s| Value::Flag(s.train.keep_gradients),
        set: |s, value| flag(value).map(|on| s.train.keep_gradients = on),
    },
    Parameter {
        key: "train.gradient_accumulation_steps",
        label: "accumulation",
        unit: "passes",
        help: "forward and backward passes before a step",
        kind: Kind::Count { min: 1, max: LARGEST, step: Step::One, optional: false },
        applies: training_in_detail,
        get: |s| Value::Count(s.train.gradient_accumulation_steps),
        set: |s, value| count(value).map(|count| s.train.gradient_accumulation_steps = count),
    },
    Parameter {
        key: "train.step_in_backward",
        label: "step in backward",
        unit: "",
        help: "whether the optimizer steps each parameter as its gradient comes, which then goes",
        kind: Kind::Flag,
        applies: training_in_detail,
        get: |s| Value::Flag(s.train.step_in_backward),
        set: |s, value| flag(value).map(|on| s.train.step_in_backward = on),
    },
    Parameter {
        key: "train.compile",
        label: "compile",
        unit: "",
        help: "what torch.compile makes one graph of",
        kind: Kind::Choice { words: Compile::WORDS, covered: Compile::WORDS, optional: false },
        applies: training_in_detail,
        get: |s| Value::Word(s.train.compile.word().to_owned()),
        set: |s, value| word(value, Compile::from_word).map(|choice| s.train.compile = choice),
    },
    Parameter {
        key: "train.kernels",
        label: "kernels",
        unit: "",
        help: "liger: norms, rotation, gate times up, and head with loss in Liger's kernels",
        kind: Kind::Choice { words: KernelLibrary::WORDS, covered: KernelLibrary::WORDS, optional: false },
        applies: training_in_detail,
        get: |s| Value::Word(s.train.kernels.word().to_owned()),
        set: |s, value| word(value, KernelLibrary::from_word).map(|choice| s.train.kernels = choice),
    },
    Parameter {
        key: "train.loss",
        label: "loss",
        unit: "",
        help: "how logits and loss are computed",
        kind: Kind::Choice { words: Loss::WORDS, covered: Loss::WORDS, optional: false },
        applies: over_words,
        get: |s| Value::Word(s.train.loss.word().to_owned()),
        set: |s, value| word(value, Loss::from_word).map(|choice| s.train.loss = choice),
    },
    Parameter {
        key: "train.scored_tokens",
        label: "scored tokens",
        unit: "tokens",
        help: "tokens of a micro batch whose labels count, as completions do; unset: all",
        kind: Kind::Count { min: 1, max: LARGEST, step: Step::Multiple(256), optional: true },
        applies: scoring,
        get: |s| s.train.scored_tokens.map_or(Value::Unset, Value::Count),
        set: |s, value| optional_count(value).map(|count| s.train.scored_tokens = count),
    },
    Parameter {
        key: "train.loss_chunks",
        label: "loss chunks",
        unit: "chunks",
        help: "chunks of a chunked loss",
        kind: Kind::Count { min: 1, max: LARGEST, step: Step::Double, optional: false },
        applies: chunking,
        get: |s| Value::Count(s.train.loss_chunks),
        set: |s, value| count(value).map(|count| s.train.loss_chunks = count),
    },
    Parameter {
        key: "train.gradient_dtype",
        label: "gradient type",
        unit: "",
        help: "unset: follows precision and framework",
        kind: Kind::Choice { words: &["fp32", "bf16", "fp16"], covered: &[], optional: true },
        applies: uncovered,
        get: |s| s.train.gradient_dtype.clone().map_or(Value::Unset, Value::Word),
        set: |s, value| optional_text(value).map(|text| s.train.gradient_dtype = text),
    },
    Parameter {
        key: "train.offload_optimizer",
        label: "offload optimizer",
        unit: "",
        help: "whether optimizer states live in host memory",
        kind: Kind::Flag,
        applies: training_in_detail,
        get: |s| Value::Flag(s.train.offload_optimizer),
        set: |s, value| flag(value).map(|on| s.train.offload_optimizer = on),
    },
    Parameter {
        key: "train.adapter",
        label: "adapter",
        unit: "",
        help: "what adapters are made of; ia3's own targets are k, v, down, and its vectors have no rank",
        kind: Kind::Choice { words: AdapterKind::WORDS, covered: AdapterKind::WORDS, optional: false },
        applies: adapting,
        get: |s| Value::Word(s.train.adapter.word().to_owned()),
        set: |s, value| word(value, AdapterKind::from_word).map(|kind| s.train.adapter = kind),
    },
    Parameter {
        key: "train.oft_block_size",
        label: "OFT block size",
        unit: "features",
        help: "features in each block that oft rotates, or the nearest divisor of a layer's; 0: train.lora_rank blocks",
        kind: Kind::Count { min: 0, max: LARGEST, step: Step::Double, optional: false },
        applies: rotating,
        get: |s| Value::Count(s.train.oft_block_size),
        set: |s, value| count(value).map(|count| s.train.oft_block_size = count),
    },
    Parameter {
        key: "train.lora_rank",
        label: "LoRA rank",
        unit: "",
        help: "rank of the adapters",
        kind: Kind::Count { min: 1, max: LARGEST, step: Step::Double, optional: false },
        applies: ranked,
        get: |s| Value::Count(s.train.lora_rank),
        set: |s, value| count(value).map(|count| s.train.lora_rank = count),
    },
    Parameter {
        key: "train.lora_targets",
        label: "LoRA targets",
        unit: "",
        help: "modules with adapters",
        kind: Kind::Words,
        applies: adapting,
        get: |s| Value::Words(s.train.lora_targets.clone()),
        set: |s, value| words(value).map(|list| s.train.lora_targets = list),
    },
    Parameter {
        key: "train.modules_to_save",
        label: "modules to save",
        unit: "",
        help: "modules of which a copy is trained whole beside adapters: lm_head, embed_tokens",
        kind: Kind::Words,
        applies: adapting_by_choice,
        get: |s| Value::Words(s.train.modules_to_save.clone()),
        set: |s, value| words(value).map(|list| s.train.modules_to_save = list),
    },
    Parameter {
        key: "train.trainable_token_indices",
        label: "trained tokens",
        unit: "tokens",
        help: "how many rows of the embedding are trained beside adapters",
        kind: Kind::Count { min: 0, max: LARGEST, step: Step::One, optional: false },
        applies: adapting_by_choice,
        get: |s| Value::Count(s.train.trainable_token_indices),
        set: |s, value| count(value).map(|count| s.train.trainable_token_indices = count),
    },
    Parameter {
        key: "train.images",
        label: "images",
        unit: "",
        help: "images of each sequence, or sounds, whose tokens lengthen it",
        kind: Kind::Count { min: 0, max: MOST_IMAGES, step: Step::One, optional: false },
        applies: training_by_choice,
        get: |s| Value::Count(s.train.images),
        set: |s, value| count(value).map(|count| s.train.images = count),
    },
    Parameter {
        key: "train.image_size",
        label: "image size",
        unit: "",
        help: "width and height of each image in pixels, as in 1280x720; its class may make it another size",
        kind: Kind::Text { suggestions: &["336x336", "512x512", "1024x1024", "1280x720", "1920x1080", "3840x2160"] },
        applies: seeing,
        get: |s| Value::Word(s.train.image_size.to_string()),
        set: |s, value| text(value)?.parse().map(|size| s.train.image_size = size),
    },
    Parameter {
        key: "train.train_tower",
        label: "train tower",
        unit: "",
        help: "whether the vision or audio tower is trained too; its projector always is, but beside adapters",
        kind: Kind::Flag,
        applies: training_by_choice,
        get: |s| Value::Flag(s.train.train_tower),
        set: |s, value| flag(value).map(|on| s.train.train_tower = on),
    },
    Parameter {
        key: "train.lora_dropout",
        label: "LoRA dropout",
        unit: "",
        help: "dropout before the adapters",
        kind: Kind::Fraction { optional: false },
        applies: dropping,
        get: |s| Value::Fraction(s.train.lora_dropout),
        set: |s, value| fraction(value).map(|fraction| s.train.lora_dropout = fraction),
    },
    Parameter {
        key: "train.lora_dtype",
        label: "LoRA type",
        unit: "",
        help: "type of the adapters; PEFT makes them fp32 whatever the base is",
        kind: Kind::Choice { words: &["fp32", "bf16", "fp16"], covered: &["fp32", "bf16"], optional: false },
        applies: adapting_by_choice,
        get: |s| Value::Word(s.train.lora_dtype.clone()),
        set: |s, value| text(value).map(|text| s.train.lora_dtype = text),
    },
    Parameter {
        key: "train.dora",
        label: "DoRA",
        unit: "",
        help: "weight-decomposed adapters",
        kind: Kind::Flag,
        applies: adapting,
        get: |s| Value::Flag(s.train.dora),
        set: |s, value| flag(value).map(|on| s.train.dora = on),
    },
    Parameter {
        key: "train.init_lora_weights",
        label: "LoRA start",
        unit: "",
        help: "what adapters begin with; pissa and olora decompose each matrix, on the card where that is",
        kind: Kind::Choice { words: InitLoraWeights::WORDS, covered: InitLoraWeights::WORDS, optional: false },
        applies: paired,
        get: |s| Value::Word(s.train.init_lora_weights.word().to_owned()),
        set: |s, value| word(value, InitLoraWeights::from_word).map(|start| s.train.init_lora_weights = start),
    },
    Parameter {
        key: "train.base_weights",
        label: "base weights",
        unit: "",
        help: "type of the quantized base",
        kind: Kind::Choice { words: BaseWeights::WORDS, covered: BaseWeights::WORDS, optional: false },
        applies: quantizing,
        get: |s| Value::Word(s.train.base_weights.word().to_owned()),
        set: |s, value| word(value, BaseWeights::from_word).map(|choice| s.train.base_weights = choice),
    },
    Parameter {
        key: "train.double_quant",
        label: "double quant",
        unit: "",
        help: "whether the base's scales are quantized too",
        kind: Kind::Flag,
        applies: quantizing_scales,
        get: |s| Value::Flag(s.train.double_quant),
        set: |s, value| flag(value).map(|on| s.train.double_quant = on),
    },
    Parameter {
        key: "runtime.alloc_conf",
        label: "alloc conf",
        unit: "",
        help: "PYTORCH_ALLOC_CONF, as in expandable_segments:True",
        kind: Kind::Text { suggestions: &["", "expandable_segments:True", "max_split_size_mb:128"] },
        applies: in_detail,
        get: |s| Value::Word(s.runtime.alloc_conf.clone()),
        set: |s, value| text(value).map(|text| s.runtime.alloc_conf = text),
    },
    Parameter {
        key: "runtime.placement",
        label: "placement",
        unit: "",
        help: "how weights come to the card: .to(\"cuda\"), from_pretrained(device_map=...), made there",
        kind: Kind::Choice { words: Placement::WORDS, covered: &["to", "device_map", "build"], optional: true },
        applies: in_detail,
        get: |s| s.runtime.placement.map_or(Value::Unset, |placement| Value::Word(placement.word().to_owned())),
        set: |s, value| match value {
            Value::Unset => {
                s.runtime.placement = None;
                Ok(())
            }
            value => word(value, Placement::from_word).map(|choice| s.runtime.placement = Some(choice)),
        },
    },
    Parameter {
        key: "runtime.context_mib",
        label: "cuda context",
        unit: "MiB",
        help: "what the process takes outside PyTorch's allocator: the CUDA context and loaded kernels",
        kind: Kind::Count { min: 0, max: 1 << 20, step: Step::Multiple(50), optional: true },
        applies: in_detail,
        get: |s| s.runtime.context_mib.map_or(Value::Unset, Value::Count),
        set: |s, value| optional_count(value).map(|count| s.runtime.context_mib = count),
    },
    Parameter {
        key: "runtime.margin_mib",
        label: "margin",
        unit: "MiB",
        help: "what is to stay free on the card",
        kind: Kind::Count { min: 0, max: 1 << 30, step: Step::Multiple(256), optional: false },
        applies: in_detail,
        get: |s| Value::Count(s.runtime.margin_mib),
        set: |s, value| count(value).map(|count| s.runtime.margin_mib = count),
    },
    Parameter {
        key: "parallel.tensor",
        label: "tensor parallel",
        unit: "",
        help: "tensor_model_parallel_size",
        kind: Kind::Count { min: 1, max: 1 << 20, step: Step::Double, optional: false },
        applies: uncovered,
        get: |s| Value::Count(s.parallel.tensor),
        set: |s, value| count(value).map(|count| s.parallel.tensor = count),
    },
    Parameter {
        key: "parallel.pipeline",
        label: "pipeline parallel",
        unit: "",
        help: "pipeline stages",
        kind: Kind::Count { min: 1, max: 1 << 20, step: Step::Double, optional: false },
        applies: uncovered,
        get: |s| Value::Count(s.parallel.pipeline),
        set: |s, value| count(value).map(|count| s.parallel.pipeline = count),
    },
    Parameter {
        key: "parallel.virtual_pipeline",
        label: "virtual pipeline",
        unit: "",
        help: "virtual stages per rank",
        kind: Kind::Count { min: 1, max: 1 << 20, step: Step::Double, optional: false },
        applies: uncovered,
        get: |s| Value::Count(s.parallel.virtual_pipeline),
        set: |s, value| count(value).map(|count| s.parallel.virtual_pipeline = count),
    },
    Parameter {
        key: "parallel.context",
        label: "context parallel",
        unit: "",
        help: "GPUs that share a sequence",
        kind: Kind::Count { min: 1, max: 1 << 20, step: Step::Double, optional: false },
        applies: uncovered,
        get: |s| Value::Count(s.parallel.context),
        set: |s, value| count(value).map(|count| s.parallel.context = count),
    },
    Parameter {
        key: "parallel.expert",
        label: "expert parallel",
        unit: "",
        help: "GPUs that share the experts",
        kind: Kind::Count { min: 1, max: 1 << 20, step: Step::Double, optional: false },
        applies: uncovered,
        get: |s| Value::Count(s.parallel.expert),
        set: |s, value| count(value).map(|count| s.parallel.expert = count),
    },
    Parameter {
        key: "parallel.expert_tensor",
        label: "expert tensor parallel",
        unit: "",
        help: "tensor parallel size of experts",
        kind: Kind::Count { min: 1, max: 1 << 20, step: Step::Double, optional: false },
        applies: uncovered,
        get: |s| Value::Count(s.parallel.expert_tensor),
        set: |s, value| count(value).map(|count| s.parallel.expert_tensor = count),
    },
    Parameter {
        key: "parallel.micro_batches",
        label: "micro batches",
        unit: "",
        help: "micro batches in flight per step",
        kind: Kind::Count { min: 1, max: 1 << 20, step: Step::Double, optional: false },
        applies: uncovered,
        get: |s| Value::Count(s.parallel.micro_batches),
        set: |s, value| count(value).map(|count| s.parallel.micro_batches = count),
    },
    Parameter {
        key: "parallel.zero",
        label: "zero",
        unit: "",
        help: "sharding stage of the data-parallel group; 3 is FSDP full shard",
        kind: Kind::Count { min: 0, max: 3, step: Step::One, optional: false },
        applies: uncovered,
        get: |s| Value::Count(s.parallel.zero),
        set: |s, value| count(value).map(|count| s.parallel.zero = count),
    },
    Parameter {
        key: "parallel.shard_size",
        label: "shard size",
        unit: "GPUs",
        help: "GPUs per shard group; unset: all",
        kind: Kind::Count { min: 1, max: 1 << 20, step: Step::Double, optional: true },
        applies: uncovered,
        get: |s| s.parallel.shard_size.map_or(Value::Unset, Value::Count),
        set: |s, value| optional_count(value).map(|count| s.parallel.shard_size = count),
    },
    Parameter {
        key: "parallel.sequence",
        label: "sequence parallel",
        unit: "",
        help: "sequence parallelism beside tensor parallelism",
        kind: Kind::Flag,
        applies: uncovered,
        get: |s| Value::Flag(s.parallel.sequence),
        set: |s, value| flag(value).map(|on| s.parallel.sequence = on),
    },
    Parameter {
        key: "infer.weights",
        label: "weights",
        unit: "",
        help: "type of the weights; native is the type they were published in",
        kind: Kind::Choice { words: INFERENCE_WEIGHTS, covered: INFERENCE_WEIGHTS, optional: false },
        applies: inferring,
        get: |s| Value::Word(s.infer.weights.clone()),
        set: |s, value| text(value).map(|text| s.infer.weights = text),
    },
    Parameter {
        key: "infer.kv_cache",
        label: "kv cache",
        unit: "",
        help: "type of keys and values in the cache",
        kind: Kind::Choice { words: KV_TYPES, covered: KV_TYPES, optional: false },
        applies: serving_in_detail,
        get: |s| Value::Word(s.infer.kv_cache.clone()),
        set: |s, value| text(value).map(|text| s.infer.kv_cache = text),
    },
    Parameter {
        key: "infer.context_length",
        label: "context",
        unit: "tokens",
        help: "tokens per sequence, prompt and answer",
        kind: Kind::Count { min: 1, max: LARGEST, step: Step::Multiple(256), optional: false },
        applies: inferring,
        get: |s| Value::Count(s.infer.context_length),
        set: |s, value| count(value).map(|count| s.infer.context_length = count),
    },
    Parameter {
        key: "infer.images",
        label: "images",
        unit: "",
        help: "images of each sequence, or sounds, whose tokens lengthen it",
        kind: Kind::Count { min: 0, max: MOST_IMAGES, step: Step::One, optional: false },
        applies: serving_in_detail,
        get: |s| Value::Count(s.infer.images),
        set: |s, value| count(value).map(|count| s.infer.images = count),
    },
    Parameter {
        key: "infer.image_size",
        label: "image size",
        unit: "",
        help: "width and height of each image in pixels, as in 1280x720; its class may make it another size",
        kind: Kind::Text { suggestions: &["336x336", "512x512", "1024x1024", "1280x720", "1920x1080", "3840x2160"] },
        applies: serving_images,
        get: |s| Value::Word(s.infer.image_size.to_string()),
        set: |s, value| text(value)?.parse().map(|size| s.infer.image_size = size),
    },
    Parameter {
        key: "infer.concurrency",
        label: "concurrency",
        unit: "sequences",
        help: "sequences at once",
        kind: Kind::Count { min: 1, max: LARGEST, step: Step::One, optional: false },
        applies: inferring,
        get: |s| Value::Count(s.infer.concurrency),
        set: |s, value| count(value).map(|count| s.infer.concurrency = count),
    },
    Parameter {
        key: "infer.prefill_tokens",
        label: "prefill",
        unit: "tokens",
        help: "tokens of all prompts; unset: the context but for its last token",
        kind: Kind::Count { min: 1, max: LARGEST, step: Step::Multiple(256), optional: true },
        applies: serving_in_detail,
        get: |s| s.infer.prefill_tokens.map_or(Value::Unset, Value::Count),
        set: |s, value| optional_count(value).map(|count| s.infer.prefill_tokens = count),
    },
    Parameter {
        key: "infer.prefill_chunk_size",
        label: "prefill chunk",
        unit: "tokens",
        help: "tokens of each prompt in one forward pass; unset: the whole prompt",
        kind: Kind::Count { min: 1, max: LARGEST, step: Step::Multiple(256), optional: true },
        applies: serving_in_detail,
        get: |s| s.infer.prefill_chunk_size.map_or(Value::Unset, Value::Count),
        set: |s, value| optional_count(value).map(|count| s.infer.prefill_chunk_size = count),
    },
    Parameter {
        key: "infer.attention",
        label: "attention",
        unit: "",
        help: "flash is any fused kernel; eager makes the scores, b·a·s²",
        kind: Kind::Choice { words: Attention::WORDS, covered: &["flash", "eager"], optional: false },
        applies: serving_in_detail,
        get: |s| Value::Word(s.infer.attention.word().to_owned()),
        set: |s, value| word(value, Attention::from_word).map(|choice| s.infer.attention = choice),
    },
    Parameter {
        key: "infer.do_sample",
        label: "sampling",
        unit: "",
        help: "whether tokens are drawn by their probabilities; else the likeliest is taken",
        kind: Kind::Flag,
        applies: serving_in_detail,
        get: |s| Value::Flag(s.infer.do_sample),
        set: |s, value| flag(value).map(|on| s.infer.do_sample = on),
    },
    Parameter {
        key: "infer.gpu_memory_utilization",
        label: "utilization",
        unit: "",
        help: "share of the card that vLLM takes",
        kind: Kind::Fraction { optional: false },
        applies: uncovered,
        get: |s| Value::Fraction(s.infer.gpu_memory_utilization),
        set: |s, value| fraction(value).map(|fraction| s.infer.gpu_memory_utilization = fraction),
    },
    Parameter {
        key: "infer.block_size",
        label: "block size",
        unit: "tokens",
        help: "tokens in a cache block of vLLM",
        kind: Kind::Count { min: 1, max: LARGEST, step: Step::Double, optional: false },
        applies: uncovered,
        get: |s| Value::Count(s.infer.block_size),
        set: |s, value| count(value).map(|count| s.infer.block_size = count),
    },
    Parameter {
        key: "infer.max_num_seqs",
        label: "max sequences",
        unit: "sequences",
        help: "most sequences that vLLM schedules",
        kind: Kind::Count { min: 1, max: LARGEST, step: Step::Double, optional: false },
        applies: uncovered,
        get: |s| Value::Count(s.infer.max_num_seqs),
        set: |s, value| count(value).map(|count| s.infer.max_num_seqs = count),
    },
];

fn always(_: &Scenario) -> bool {
    true
}

fn training(scenario: &Scenario) -> bool {
    scenario.task == Task::Train
}

/// The rule of thumb reads neither framework nor options.
fn in_detail(scenario: &Scenario) -> bool {
    scenario.estimator == Estimator::Ledger
}

fn training_in_detail(scenario: &Scenario) -> bool {
    training(scenario) && in_detail(scenario)
}

/// Some scripts leave these no choice.
fn training_by_choice(scenario: &Scenario) -> bool {
    training_in_detail(scenario) && !scenario.framework.training().is_some_and(|it| it.fixed_options)
}

fn serving_in_detail(scenario: &Scenario) -> bool {
    inferring(scenario) && in_detail(scenario)
}

fn inferring(scenario: &Scenario) -> bool {
    scenario.task == Task::Infer
}

fn recomputing(scenario: &Scenario) -> bool {
    training_in_detail(scenario) && scenario.train.recompute == Recompute::Full
}

/// Scores of classes and vectors have no head over the vocabulary.
fn over_words(scenario: &Scenario) -> bool {
    training_in_detail(scenario) && scenario.train.objective.is_of_words()
}

fn referring(scenario: &Scenario) -> bool {
    training_in_detail(scenario) && scenario.train.objective.has_reference()
}

/// The model writes what it learns from.
fn writing(scenario: &Scenario) -> bool {
    training_in_detail(scenario) && scenario.train.objective == Objective::Grpo
}

fn chunking(scenario: &Scenario) -> bool {
    over_words(scenario) && scenario.train.loss == Loss::Chunked
}

/// Only TRL's head leaves out what does not count.
fn scoring(scenario: &Scenario) -> bool {
    training_in_detail(scenario) && scenario.train.loss == Loss::Trl
}

fn adapting(scenario: &Scenario) -> bool {
    training_in_detail(scenario) && scenario.train.method != Method::Full
}

fn rotating(scenario: &Scenario) -> bool {
    adapting(scenario) && scenario.train.adapter == AdapterKind::Oft
}

/// Learned vectors have no rank, and rotations have as many blocks as one of their sizes leaves room for.
fn ranked(scenario: &Scenario) -> bool {
    adapting(scenario)
        && match scenario.train.adapter {
            AdapterKind::Lora | AdapterKind::Rslora | AdapterKind::Vera => true,
            AdapterKind::Oft => scenario.train.oft_block_size == 0,
            AdapterKind::Ia3 => false,
        }
}

/// Nothing is dropped before learned vectors and rotations.
fn dropping(scenario: &Scenario) -> bool {
    adapting(scenario) && !matches!(scenario.train.adapter, AdapterKind::Ia3 | AdapterKind::Oft)
}

fn adapting_by_choice(scenario: &Scenario) -> bool {
    adapting(scenario) && !scenario.framework.training().is_some_and(|it| it.adapters_as_model)
}

fn seeing(scenario: &Scenario) -> bool {
    training_by_choice(scenario) && scenario.train.images > 0
}

fn serving_images(scenario: &Scenario) -> bool {
    serving_in_detail(scenario) && scenario.infer.images > 0
}

/// Adapters are two matrices each.
fn paired(scenario: &Scenario) -> bool {
    adapting_by_choice(scenario) && matches!(scenario.train.adapter, AdapterKind::Lora | AdapterKind::Rslora)
}

fn quantizing(scenario: &Scenario) -> bool {
    training_in_detail(scenario) && scenario.train.method == Method::Qlora
}

fn quantizing_scales(scenario: &Scenario) -> bool {
    quantizing(scenario) && matches!(scenario.train.base_weights, BaseWeights::Nf4 | BaseWeights::Fp4)
}

/// Accepted in files at its default; no covered framework reads it yet.
fn uncovered(_: &Scenario) -> bool {
    false
}

fn count(value: Value) -> Result<u64, String> {
    optional_count(value)?.ok_or_else(|| String::from("a whole number is needed"))
}

fn optional_count(value: Value) -> Result<Option<u64>, String> {
    match value {
        Value::Count(count) => Ok(Some(count)),
        Value::Unset => Ok(None),
        other => Err(format!("`{other}` is not a whole number")),
    }
}

fn fraction(value: Value) -> Result<f64, String> {
    optional_fraction(value)?.ok_or_else(|| String::from("a number from 0 to 1 is needed"))
}

fn optional_fraction(value: Value) -> Result<Option<f64>, String> {
    match value {
        Value::Fraction(fraction) => Ok(Some(fraction)),
        Value::Unset => Ok(None),
        other => Err(format!("`{other}` is not a number from 0 to 1")),
    }
}

fn flag(value: Value) -> Result<bool, String> {
    match value {
        Value::Flag(on) => Ok(on),
        other => Err(format!("`{other}` is neither true nor false")),
    }
}

fn text(value: Value) -> Result<String, String> {
    optional_text(value)?.ok_or_else(|| String::from("a text is needed"))
}

fn optional_text(value: Value) -> Result<Option<String>, String> {
    match value {
        Value::Word(word) => Ok(Some(word)),
        Value::Unset => Ok(None),
        other => Err(format!("`{other}` is not a text")),
    }
}

fn words(value: Value) -> Result<Vec<String>, String> {
    match value {
        Value::Words(words) => Ok(words),
        other => Err(format!("`{other}` is not a list of texts")),
    }
}

fn word<T>(value: Value, from_word: impl Fn(&str) -> Option<T>) -> Result<T, String> {
    let text = text(value)?;
    from_word(&text).ok_or_else(|| format!("`{text}` is not a choice here"))
}
