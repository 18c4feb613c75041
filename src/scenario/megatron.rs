//! The `[megatron]` table: arguments of Megatron-LM that change what a GPU holds and that no other key has, by their own
//! names in snake case and with their own defaults.

use serde::Serialize;

use super::choices::{AttentionBackend, FusionImpl, LoadBalancing, RecomputeMethod, TokenDispatcher, TransformerImpl};

/// The `[megatron]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the switches of the program")]
pub struct Megatron {
    /// Whose layers are built.
    pub transformer_impl: TransformerImpl,
    /// Which kernel computes attention.
    pub attention_backend: AttentionBackend,
    /// Whether scaling, mask and softmax are one kernel, where attention is unfused.
    pub masked_softmax_fusion: bool,
    /// Whether the data loader makes a mask of `b·s·s` bytes.
    pub create_attention_mask_in_dataloader: bool,
    /// What selective recomputation leaves out.
    pub recompute_modules: Vec<String>,
    /// Which layers full recomputation groups.
    pub recompute_method: RecomputeMethod,
    /// Layers of a group (uniform), or recomputed layers of a piece of the model (block).
    pub recompute_num_layers: u64,
    /// Layers of the first stage, where it has a number of its own.
    pub decoder_first_pipeline_num_layers: Option<u64>,
    /// Layers of the last stage, where it has a number of its own.
    pub decoder_last_pipeline_num_layers: Option<u64>,
    /// Whether the embedding counts as a layer of the first stage.
    pub account_for_embedding_in_pipeline_split: bool,
    /// Whether the loss counts as a layer of the last stage.
    pub account_for_loss_in_pipeline_split: bool,
    /// Layers of every piece of the model, as in `Et*3|(tt|)*6L`; empty: none said.
    pub pipeline_model_parallel_layout: String,
    /// Micro batches that one piece takes in a row; unset: as many as there are stages.
    pub microbatch_group_size_per_virtual_pipeline_stage: Option<u64>,
    /// Whether the loss is a compiled function.
    pub cross_entropy_loss_fusion: bool,
    /// Whose.
    pub cross_entropy_fusion_impl: FusionImpl,
    /// Whether products add to the gradient buffer themselves.
    pub gradient_accumulation_fusion: bool,
    /// Whether gradients are summed in bf16.
    pub grad_reduce_in_bf16: bool,
    /// Copies of the optimizer's states among the replicas.
    pub num_distributed_optimizer_instances: u64,
    /// Whether Muon's states are laid out layer by layer; else whole tensors go to ranks in turn.
    pub use_layer_wise_param_layout: bool,
    /// What the rows of the vocabulary on each tensor-parallel rank are a multiple of.
    pub make_vocab_size_divisible_by: u64,
    /// Whether communication runs beside products.
    pub tp_comm_overlap: bool,
    /// Whether runs are repeatable, which asks for a large workspace of cuBLAS.
    pub deterministic_mode: bool,
    /// Whether the head's weight gradients wait for the end of the step.
    pub defer_embedding_wgrad_compute: bool,
    /// For how many micro batches; 0: all.
    pub wgrad_deferral_limit: u64,
    /// Whether weights are gathered in fp8.
    pub fp8_param_gather: bool,
    /// How tokens come to their experts.
    pub moe_token_dispatcher_type: TokenDispatcher,
    /// Whether products of all experts are one kernel.
    pub moe_grouped_gemm: bool,
    /// Tokens of an expert over its equal share, beyond which they are dropped; empty: none are.
    pub moe_expert_capacity_factor: String,
    /// What keeps experts equally loaded.
    pub moe_router_load_balancing_type: LoadBalancing,
    /// Whether every expert gets its equal share.
    pub moe_router_force_load_balancing: bool,
    /// Whether the squared activation and the weights of experts are one kernel.
    pub use_fused_weighted_squared_relu: bool,
    /// Whether tokens travel to experts beside other layers' products.
    pub overlap_moe_expert_parallel_comm: bool,
    /// Whether what modules keep waits in host memory.
    pub fine_grained_activation_offloading: bool,
    /// Which modules.
    pub offload_modules: Vec<String>,
    /// Layers that predict tokens beyond the next.
    pub mtp_num_layers: u64,
    /// Whether one such layer does it for all of them.
    pub mtp_use_repeated_layer: bool,
    /// What such a layer is made of in a hybrid stack, by its letters; empty: as the last layer.
    pub mtp_hybrid_override_pattern: String,
}

impl Megatron {
    /// Micro batches that one piece of the model takes in a row, in a pipeline of so many stages.
    pub(crate) const fn micro_batch_group(&self, stages: u64) -> u64 {
        match self.microbatch_group_size_per_virtual_pipeline_stage {
            Some(group) => group,
            None => stages,
        }
    }

    /// Whether the stages of a pipeline are told to have unequal numbers of layers.
    pub fn has_unequal_stages(&self) -> bool {
        self.decoder_first_pipeline_num_layers.is_some()
            || self.decoder_last_pipeline_num_layers.is_some()
            || self.account_for_embedding_in_pipeline_split
            || self.account_for_loss_in_pipeline_split
            || !self.pipeline_model_parallel_layout.is_empty()
    }
}

impl Default for Megatron {
    fn default() -> Self {
        Self {
            transformer_impl: TransformerImpl::TransformerEngine,
            attention_backend: AttentionBackend::Auto,
            masked_softmax_fusion: true,
            create_attention_mask_in_dataloader: true,
            recompute_modules: vec![String::from("core_attn")],
            recompute_method: RecomputeMethod::Uniform,
            recompute_num_layers: 1,
            decoder_first_pipeline_num_layers: None,
            decoder_last_pipeline_num_layers: None,
            account_for_embedding_in_pipeline_split: false,
            account_for_loss_in_pipeline_split: false,
            pipeline_model_parallel_layout: String::new(),
            microbatch_group_size_per_virtual_pipeline_stage: None,
            cross_entropy_loss_fusion: false,
            cross_entropy_fusion_impl: FusionImpl::Native,
            gradient_accumulation_fusion: true,
            grad_reduce_in_bf16: false,
            num_distributed_optimizer_instances: 1,
            use_layer_wise_param_layout: true,
            make_vocab_size_divisible_by: 128,
            tp_comm_overlap: false,
            deterministic_mode: false,
            defer_embedding_wgrad_compute: false,
            wgrad_deferral_limit: 0,
            fp8_param_gather: false,
            moe_token_dispatcher_type: TokenDispatcher::Allgather,
            moe_grouped_gemm: false,
            moe_expert_capacity_factor: String::new(),
            moe_router_load_balancing_type: LoadBalancing::AuxLoss,
            moe_router_force_load_balancing: false,
            use_fused_weighted_squared_relu: false,
            overlap_moe_expert_parallel_comm: false,
            fine_grained_activation_offloading: false,
            offload_modules: Vec::new(),
            mtp_num_layers: 0,
            mtp_use_repeated_layer: false,
            mtp_hybrid_override_pattern: String::new(),
        }
    }
}
