//! The rows of `[megatron]`: arguments of Megatron-LM by their own names.

use super::super::{Parameter, Step};
use super::applies::{
    by_muon, deferring, fusing_loss, in_fp8, interleaving, of_megatron, offloading_modules, piped, predicting,
    recomputing_by_megatron, selecting, sharding, unfused,
};

pub(super) const MEGATRON: &[Parameter] = &[
    row!(megatron.transformer_impl)
        .label("transformer impl")
        .when(of_megatron)
        .help("whose layers are built: Transformer Engine's, or its own"),
    row!(megatron.attention_backend)
        .label("attention backend")
        .when(of_megatron)
        .help("auto: as train.attention has it, of fused kernels cuDNN's on Hopper and FlashAttention elsewhere"),
    row!(megatron.masked_softmax_fusion)
        .label("softmax fusion")
        .when(unfused)
        .help("where attention is unfused: scaling, mask and softmax in one kernel"),
    row!(megatron.create_attention_mask_in_dataloader)
        .label("attention mask")
        .when(of_megatron)
        .help("the data loader makes a mask of b·s·s bytes"),
    row!(megatron.recompute_modules)
        .label("recompute modules")
        .when(selecting)
        .help("with selective recomputation: core_attn, layernorm, mla_up_proj, mlp, moe_act"),
    row!(megatron.recompute_method)
        .label("recompute method")
        .when(recomputing_by_megatron)
        .help("with full recomputation: all layers in groups (uniform), or some by themselves (block)"),
    row!(megatron.recompute_num_layers)
        .within([1, 1 << 20], Step::One)
        .label("recompute layers")
        .unit("layers")
        .when(recomputing_by_megatron)
        .help(
            "with full recomputation: layers of a group (uniform), or recomputed layers of each piece of a stage \
              (block)",
        ),
    row!(megatron.decoder_first_pipeline_num_layers)
        .within([1, 1 << 20], Step::One)
        .label("first stage")
        .unit("layers")
        .when(piped)
        .help("layers of the first stage, where it has a number of its own"),
    row!(megatron.decoder_last_pipeline_num_layers)
        .within([1, 1 << 20], Step::One)
        .label("last stage")
        .unit("layers")
        .when(piped)
        .help("layers of the last stage, where it has a number of its own"),
    row!(megatron.account_for_embedding_in_pipeline_split)
        .label("embedding as layer")
        .when(piped)
        .help("the embedding counts as a layer of the first stage"),
    row!(megatron.account_for_loss_in_pipeline_split)
        .label("loss as layer")
        .when(piped)
        .help("the loss counts as a layer of the last stage"),
    row!(megatron.pipeline_model_parallel_layout)
        .suggesting(&["Et*3|(tt|)*6L"])
        .label("pipeline layout")
        .when(piped)
        .help(
            "layers of every piece of the model: E embedding, t layer, m multi-token prediction, L loss, a \
             bar between pieces",
        ),
    row!(megatron.microbatch_group_size_per_virtual_pipeline_stage)
        .within([1, 1 << 20], Step::One)
        .label("micro batch group")
        .when(interleaving)
        .help("micro batches that one piece of the model takes in a row; unset: as many as there are stages"),
    row!(megatron.cross_entropy_loss_fusion)
        .label("loss fusion")
        .when(of_megatron)
        .help("the loss is a fused function"),
    row!(megatron.cross_entropy_fusion_impl)
        .label("loss fusion impl")
        .when(fusing_loss)
        .help("whose fused loss: PyTorch's compiler's, or Transformer Engine's"),
    row!(megatron.gradient_accumulation_fusion)
        .label("gradient fusion")
        .when(of_megatron)
        .help("products add to the gradient buffer themselves"),
    row!(megatron.grad_reduce_in_bf16)
        .label("bf16 gradients")
        .when(of_megatron)
        .help("gradients are kept and summed in bf16"),
    row!(megatron.num_distributed_optimizer_instances)
        .within([1, 1 << 20], Step::Double)
        .label("optimizer instances")
        .when(sharding)
        .help("copies of the divided optimizer states among the replicas"),
    row!(megatron.use_layer_wise_param_layout)
        .label("layer-wise layout")
        .when(by_muon)
        .help("Muon: states are divided layer by layer; else whole tensors go to ranks in turn"),
    row!(megatron.make_vocab_size_divisible_by)
        .within([1, 1 << 20], Step::Double)
        .label("vocabulary multiple")
        .unit("rows")
        .when(of_megatron)
        .help("rows of the vocabulary on each tensor-parallel rank are a multiple of this"),
    row!(megatron.tp_comm_overlap)
        .label("tp comm overlap")
        .when(of_megatron)
        .help("communication runs beside products, with a workspace for each stream"),
    row!(megatron.deterministic_mode)
        .label("deterministic")
        .when(of_megatron)
        .help("repeatable runs, for which cuBLAS takes 32 MiB on every card"),
    row!(megatron.defer_embedding_wgrad_compute)
        .label("defer wgrad")
        .when(of_megatron)
        .help("the head's weight gradients wait for the end of the step"),
    row!(megatron.wgrad_deferral_limit)
        .within([0, 1 << 20], Step::One)
        .label("deferral limit")
        .unit("micro batches")
        .when(deferring)
        .help("for how many micro batches they wait; 0: all"),
    row!(megatron.fp8_param_gather)
        .label("fp8 gather")
        .when(in_fp8)
        .help("weights are gathered in fp8, of which no copy is cached"),
    row!(megatron.moe_token_dispatcher_type)
        .label("token dispatcher")
        .when(of_megatron)
        .help("how tokens come to their experts"),
    row!(megatron.moe_grouped_gemm)
        .label("grouped GEMM")
        .when(of_megatron)
        .help("products of all experts in one kernel, with workspaces of four streams"),
    row!(megatron.moe_expert_capacity_factor)
        .suggesting(&["", "1.0", "1.25", "1.5", "2.0"])
        .label("capacity factor")
        .when(of_megatron)
        .help("tokens of an expert over its equal share, beyond which they are dropped; empty: none are"),
    row!(megatron.moe_router_load_balancing_type)
        .label("load balancing")
        .when(of_megatron)
        .help("what keeps experts equally loaded"),
    row!(megatron.moe_router_force_load_balancing)
        .label("force balance")
        .when(of_megatron)
        .help("every expert gets its equal share"),
    row!(megatron.use_fused_weighted_squared_relu)
        .label("fused squared ReLU")
        .when(of_megatron)
        .help("squared ReLU and the weights of experts in one kernel"),
    row!(megatron.overlap_moe_expert_parallel_comm)
        .label("overlap EP comm")
        .when(of_megatron)
        .help("tokens travel to experts beside another micro batch's products: one more layer in flight"),
    row!(megatron.fine_grained_activation_offloading)
        .label("offload modules")
        .when(of_megatron)
        .help("what the modules below keep waits in host memory"),
    row!(megatron.offload_modules)
        .label("offloaded")
        .when(offloading_modules)
        .help("attn_norm, qkv_linear, core_attn, attn_proj, mlp_norm, expert_fc1, moe_act"),
    row!(megatron.mtp_num_layers)
        .within([0, 64], Step::One)
        .label("MTP layers")
        .unit("layers")
        .when(of_megatron)
        .help("layers that predict tokens beyond the next"),
    row!(megatron.mtp_use_repeated_layer)
        .label("repeated MTP")
        .when(predicting)
        .help("one such layer does it for all of them"),
    row!(megatron.mtp_hybrid_override_pattern)
        .suggesting(&["", "*E", "*-"])
        .label("MTP pattern")
        .when(predicting)
        .help("what such a layer is made of in a hybrid stack: letters of M, *, -, E; empty: as the last layer"),
];
