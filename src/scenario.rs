//! A scenario: one model, run one way, on one kind of card. The unit of saving, sharing and comparing.
//!
//! The fields mirror a scenario file; [`parameter`] is the one table of their dotted keys, from which files,
//! `--set`, the explorer's list and the JSON are read and written.

pub mod arguments;
pub mod choices;
pub mod command;
mod follow;
mod image_size;
pub mod megatron;
pub mod parameter;
pub mod profile;
mod value;

use serde::Serialize;

pub use choices::{
    AdapterKind, Attention, AttentionBackend, BaseWeights, Compile, Estimator, FusionImpl, InitLoraWeights,
    KernelLibrary, LoadBalancing, Loss, MambaCacheMode, Method, Objective, Optimizer, OptimizerImplementation,
    Placement, Precision, Recompute, RecomputeMethod, ReduceDtype, Reference, StateDtype, Strategy, Task,
    TokenDispatcher, TransformerImpl, Wrap,
};
pub use follow::LEADING;
pub use image_size::ImageSize;
pub use megatron::Megatron;
pub use profile::{Framework, Profile, Profiles};
pub use value::Value;

/// One model, run one way, on one kind of card.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scenario {
    /// A preset id, or the path of a preset or `config.json`. Empty: none chosen yet.
    pub model: String,
    /// The id of a card.
    pub gpu: Option<String>,
    /// GPUs in the whole job.
    pub gpus: u64,
    /// Training or inference.
    pub task: Task,
    /// The implementation whose habits are described.
    pub framework: Framework,
    /// The ledger, or the rule of thumb.
    pub estimator: Estimator,
    /// How it is trained.
    pub train: Train,
    /// What the process around it does with memory.
    pub runtime: Runtime,
    /// How it is spread over GPUs.
    pub parallel: Parallel,
    /// What Megatron alone has words for.
    pub megatron: Megatron,
    /// How it is served.
    pub infer: Infer,
}

/// The `[train]` table.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the switches of the file format")]
pub struct Train {
    /// What is trained.
    pub method: Method,
    /// What is learned.
    pub objective: Objective,
    /// What a policy is held against.
    pub reference: Reference,
    /// Tokens generated and scored of each sequence.
    pub completion_length: u64,
    /// Completions of one prompt.
    pub num_generations: u64,
    /// Types of weights and arithmetic.
    pub precision: Precision,
    /// Type of gradients; unset: follows precision and framework.
    pub gradient_dtype: Option<String>,
    /// Which optimizer kernel steps.
    pub optimizer_implementation: OptimizerImplementation,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Sequences in one forward pass, `b`.
    pub micro_batch_size: u64,
    /// Tokens in a sequence, `s`; where a decoder stands beside an encoder, in a sequence of either.
    pub sequence_length: u64,
    /// Forward and backward passes before a step.
    pub gradient_accumulation_steps: u64,
    /// The attention kernel.
    pub attention: Attention,
    /// Whether batches carry a padding mask.
    pub padding: bool,
    /// Whether the loop still holds the model's outputs during backward.
    pub keep_outputs: bool,
    /// Whether gradients stay allocated between steps.
    pub keep_gradients: bool,
    /// What is recomputed in backward instead of kept.
    pub recompute: Recompute,
    /// With full recomputation: how many layers; unset: all.
    pub recompute_layers: Option<u64>,
    /// With full recomputation: every n-th layer alone.
    pub recompute_every: u64,
    /// Whether what checkpoints keep lies in host memory.
    pub offload_activations: bool,
    /// Whether the optimizer steps each parameter as its gradient comes.
    pub step_in_backward: bool,
    /// What `torch.compile` makes one graph of.
    pub compile: Compile,
    /// Whose kernels take the place of the model's own operations.
    pub kernels: KernelLibrary,
    /// How logits and loss are computed.
    pub loss: Loss,
    /// Dropout everywhere; unset: what the model's own config says.
    pub dropout: Option<f64>,
    /// What adapters are made of.
    pub adapter: AdapterKind,
    /// Features in each block that is rotated; 0: as many blocks as the rank says.
    pub oft_block_size: u64,
    /// Rank of adapters.
    pub lora_rank: u64,
    /// Modules with adapters.
    pub lora_targets: Vec<String>,
    /// Modules of which a copy is trained whole beside adapters.
    pub modules_to_save: Vec<String>,
    /// Tokens whose rows of the embedding are trained beside adapters.
    pub trainable_token_indices: u64,
    /// Dropout before adapters.
    pub lora_dropout: f64,
    /// Type of adapters.
    pub lora_dtype: String,
    /// Weight-decomposed adapters.
    pub dora: bool,
    /// What adapters begin with.
    pub init_lora_weights: InitLoraWeights,
    /// Type of a quantized base.
    pub base_weights: BaseWeights,
    /// Whether a quantized base's scales are quantized too.
    pub double_quant: bool,
    /// Images of each sequence, or sounds.
    pub images: u64,
    /// Width and height of each.
    pub image_size: ImageSize,
    /// Whether the tower that reads them is trained.
    pub train_tower: bool,
    /// Tokens of a micro batch whose labels count; unset: all.
    pub scored_tokens: Option<u64>,
    /// Chunks of a chunked loss.
    pub loss_chunks: u64,
    /// Whether optimizer states live in host memory.
    pub offload_optimizer: bool,
}

/// The `[runtime]` table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Runtime {
    /// What is set in `PYTORCH_ALLOC_CONF`.
    pub alloc_conf: String,
    /// How weights come to the card; unset: as the method has it.
    pub placement: Option<Placement>,
    /// Mebibytes that the process takes outside PyTorch's allocator; unset: what is usual.
    pub context_mib: Option<u64>,
    /// Mebibytes that are to stay free.
    pub margin_mib: u64,
    /// Mebibytes that are free of the card now, where others hold the rest; unset: all of it.
    pub free_mib: Option<u64>,
    /// Mebibytes that Metal may wire, as `iogpu.wired_limit_mb` says; unset: its own share of RAM.
    pub wired_limit_mib: Option<u64>,
}

/// The `[parallel]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the switches of the file format")]
pub struct Parallel {
    /// Tensor parallel size.
    pub tensor: u64,
    /// Sequence parallelism beside tensor parallelism.
    pub sequence: bool,
    /// Whether the loss is computed of logits that stay divided by words: PyTorch's `loss_parallel`.
    pub loss_parallel: bool,
    /// Pipeline parallel size.
    pub pipeline: u64,
    /// Virtual pipeline stages per rank.
    pub virtual_pipeline: u64,
    /// Context parallel size.
    pub context: u64,
    /// Expert parallel size.
    pub expert: u64,
    /// Expert tensor parallel size; unset: the tensor parallel size.
    pub expert_tensor: Option<u64>,
    /// Sharding stage of the data-parallel group, 0 to 3.
    pub zero: u64,
    /// GPUs per shard group; unset: all.
    pub shard_size: Option<u64>,
    /// Micro batches of a step on each replica; how many of them are in flight at once the pipeline's schedule says.
    pub micro_batches: u64,
    /// What spreads a step over the data-parallel group.
    pub strategy: Strategy,
    /// Elements that DeepSpeed reduces at once; unset: as its integration in the Trainer has it.
    pub reduce_bucket_size: Option<u64>,
    /// Whether it reduces one bucket while the next is filled.
    pub overlap_comm: bool,
    /// Parameters that ZeRO-3 may have gathered at once.
    pub stage3_max_live_parameters: u64,
    /// Elements below which a tensor stays whole under ZeRO-3; unset: ten times the hidden size.
    pub stage3_param_persistence_threshold: Option<u64>,
    /// Elements that ZeRO-3's optimizer steps at once.
    pub sub_group_size: u64,
    /// Whether weights wait in host memory.
    pub offload_params: bool,
    /// Whether FSDP1 gathers the next layer before this one goes back.
    pub backward_prefetch: bool,
    /// What FSDP2 gathers together.
    pub wrap: Wrap,
    /// In which type gradients are reduced; unset: as the framework has it.
    pub reduce_dtype: Option<ReduceDtype>,
    /// Whether DDP's gradients are views of its buckets.
    pub gradient_as_bucket_view: bool,
}

/// The `[infer]` table.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the switches of the file format")]
pub struct Infer {
    /// Type of the weights.
    pub weights: String,
    /// Type of the cache.
    pub kv_cache: String,
    /// Tokens per sequence.
    pub context_length: u64,
    /// Sequences at once.
    pub concurrency: u64,
    /// Tokens of all prompts; where it is not set, all of the context but for the last token of each sequence.
    pub prefill_tokens: Option<u64>,
    /// Tokens of a prompt in one forward pass of `generate()`; where it is not set, all.
    pub prefill_chunk_size: Option<u64>,
    /// The attention kernel.
    pub attention: Attention,
    /// Images of each sequence, or sounds.
    pub images: u64,
    /// Width and height of each.
    pub image_size: ImageSize,
    /// Whether tokens are drawn by their probabilities.
    pub do_sample: bool,
    /// Type of cached values under llama.cpp; unset: that of the keys.
    pub cache_type_v: Option<String>,
    /// Share of the card that an engine takes for itself; unset: by SGLang's own rule.
    pub gpu_memory_utilization: Option<f64>,
    /// Bytes of vLLM's pool of blocks, where they are said and not what its share leaves.
    pub kv_cache_memory_bytes: Option<u64>,
    /// Tokens in a cache block of vLLM.
    pub block_size: u64,
    /// Most sequences that vLLM schedules; unset: by the card.
    pub max_num_seqs: Option<u64>,
    /// Whether vLLM schedules a batch while the one before still runs.
    pub async_scheduling: bool,
    /// Which states of recurrent layers vLLM keeps for prefixes that come again.
    pub mamba_cache_mode: MambaCacheMode,
    /// Type of recurrent states.
    pub mamba_ssm_cache_dtype: StateDtype,
    /// Layers that llama.cpp keeps on the card, the last ones first, the output layer among them.
    pub gpu_layers: u64,
    /// Layers whose experts llama.cpp keeps on the host, the first ones first.
    pub cpu_moe_layers: u64,
    /// Whether llama.cpp keeps all tokens of layers with a window.
    pub swa_full: bool,
    /// Whether all sequences of llama.cpp share one cache.
    pub kv_unified: bool,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            model: String::new(),
            gpu: None,
            gpus: 1,
            task: Task::Train,
            framework: Framework::default(),
            estimator: Estimator::Ledger,
            train: Train::default(),
            runtime: Runtime::default(),
            parallel: Parallel::default(),
            megatron: Megatron::default(),
            infer: Infer::default(),
        }
    }
}

impl Scenario {
    /// Whether its framework has words for several GPUs in this task; Transformers serves on one.
    pub fn is_spread(&self) -> bool {
        self.task == Task::Train || self.framework.is_engine()
    }

    /// How weights come to the card: quantized ones by `from_pretrained(device_map=…)`, which quantizes them there.
    pub fn placement(&self) -> Placement {
        let quantized = self.task == Task::Train && self.train.method == Method::Qlora;
        let usual = if quantized || self.task == Task::Infer { Placement::DeviceMap } else { Placement::To };
        self.runtime.placement.filter(|_| !quantized).unwrap_or(usual)
    }
}

impl Default for Train {
    fn default() -> Self {
        Self {
            method: Method::Full,
            objective: Objective::Lm,
            reference: Reference::None,
            completion_length: 1024,
            num_generations: 8,
            precision: Precision::Bf16,
            gradient_dtype: None,
            optimizer_implementation: OptimizerImplementation::Fused,
            optimizer: Optimizer::Adamw,
            micro_batch_size: 1,
            sequence_length: 4096,
            gradient_accumulation_steps: 1,
            attention: Attention::Flash,
            padding: false,
            keep_outputs: false,
            keep_gradients: false,
            recompute: Recompute::None,
            recompute_layers: None,
            recompute_every: 1,
            offload_activations: false,
            step_in_backward: false,
            compile: Compile::None,
            kernels: KernelLibrary::None,
            loss: Loss::Eager,
            dropout: None,
            adapter: AdapterKind::Lora,
            oft_block_size: 32,
            lora_rank: 16,
            lora_targets: ["q", "k", "v", "o", "gate", "up", "down"].map(String::from).to_vec(),
            modules_to_save: Vec::new(),
            trainable_token_indices: 0,
            lora_dropout: 0.0,
            lora_dtype: String::from("fp32"),
            dora: false,
            init_lora_weights: InitLoraWeights::Default,
            base_weights: BaseWeights::Nf4,
            double_quant: true,
            images: 0,
            image_size: ImageSize::default(),
            train_tower: false,
            scored_tokens: None,
            loss_chunks: 8,
            offload_optimizer: false,
        }
    }
}

impl Default for Parallel {
    fn default() -> Self {
        Self {
            tensor: 1,
            sequence: false,
            pipeline: 1,
            virtual_pipeline: 1,
            context: 1,
            expert: 1,
            expert_tensor: None,
            zero: 0,
            shard_size: None,
            micro_batches: 8,
            strategy: Strategy::Ddp,
            reduce_bucket_size: None,
            overlap_comm: true,
            stage3_max_live_parameters: 1_000_000_000,
            stage3_param_persistence_threshold: None,
            sub_group_size: 1_000_000_000,
            offload_params: false,
            backward_prefetch: true,
            wrap: Wrap::Units,
            reduce_dtype: None,
            gradient_as_bucket_view: false,
            loss_parallel: false,
        }
    }
}

impl Infer {
    /// Tokens of each sequence's prompt: unless they are known, all of the context but for the last, which is generated.
    pub fn prompt(&self) -> u64 {
        let all = self.context_length;
        self.prefill_tokens
            .map_or(all.saturating_sub(1), |tokens| tokens / self.concurrency.max(1))
            .clamp(1, all.max(1))
    }
}

impl Default for Infer {
    fn default() -> Self {
        Self {
            weights: String::from("bf16"),
            kv_cache: String::from("bf16"),
            context_length: 8192,
            concurrency: 1,
            prefill_tokens: None,
            prefill_chunk_size: None,
            attention: Attention::Flash,
            images: 0,
            image_size: ImageSize::default(),
            do_sample: false,
            cache_type_v: None,
            gpu_memory_utilization: None,
            kv_cache_memory_bytes: None,
            block_size: 16,
            max_num_seqs: None,
            async_scheduling: true,
            mamba_cache_mode: MambaCacheMode::Align,
            mamba_ssm_cache_dtype: StateDtype::Auto,
            gpu_layers: 999,
            cpu_moe_layers: 0,
            swa_full: false,
            kv_unified: false,
        }
    }
}
