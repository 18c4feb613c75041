//! The rows of `[parallel]`.

use super::super::{Parameter, Step};
use super::applies::{bucketing, deepspeed, divided, dividing, gathering, laid_out, offloading, prefetching, wrapping};

pub(super) const PARALLEL: &[Parameter] = &[
    row!(parallel.strategy)
        .label("strategy")
        .when(|s| laid_out(s, "strategy"))
        .help("what spreads a training step over GPUs: DDP, FSDP, or DeepSpeed's ZeRO"),
    row!(parallel.zero)
        .within([0, 3], Step::One)
        .label("zero")
        .when(|s| laid_out(s, "zero"))
        .help("sharding stage of the data-parallel group; 3 is FSDP full shard"),
    row!(parallel.shard_size)
        .within([1, 1 << 20], Step::Double)
        .label("shard size")
        .unit("GPUs")
        .when(divided)
        .help("GPUs per shard group; unset: all"),
    row!(parallel.tensor)
        .within([1, 1 << 20], Step::Double)
        .label("tensor parallel")
        .when(|s| laid_out(s, "tensor"))
        .help("tensor_model_parallel_size"),
    row!(parallel.sequence)
        .label("sequence parallel")
        .when(|s| dividing(s, "sequence"))
        .help("sequence parallelism beside tensor parallelism"),
    row!(parallel.loss_parallel)
        .label("loss parallel")
        .when(|s| dividing(s, "loss_parallel"))
        .help("the loss is computed of logits that stay divided by words: loss_parallel of PyTorch"),
    row!(parallel.pipeline)
        .within([1, 1 << 20], Step::Double)
        .label("pipeline parallel")
        .when(|s| laid_out(s, "pipeline"))
        .help("pipeline stages"),
    row!(parallel.virtual_pipeline)
        .within([1, 1 << 20], Step::Double)
        .label("virtual pipeline")
        .when(|s| laid_out(s, "virtual_pipeline"))
        .help("virtual stages per rank"),
    row!(parallel.context)
        .within([1, 1 << 20], Step::Double)
        .label("context parallel")
        .when(|s| laid_out(s, "context"))
        .help("GPUs that share a sequence"),
    row!(parallel.expert)
        .within([1, 1 << 20], Step::Double)
        .label("expert parallel")
        .when(|s| laid_out(s, "expert"))
        .help("GPUs that share the experts"),
    row!(parallel.expert_tensor)
        .within([1, 1 << 20], Step::Double)
        .label("expert tensor parallel")
        .when(|s| laid_out(s, "expert_tensor"))
        .help("tensor parallel size of experts; unset: that of the rest"),
    row!(parallel.micro_batches)
        .within([1, 1 << 20], Step::Double)
        .label("micro batches")
        .when(|s| laid_out(s, "micro_batches"))
        .help("micro batches of a step, for pipeline schedules"),
    row!(parallel.reduce_bucket_size)
        .within([1, 1 << 40], Step::Double)
        .label("reduce bucket")
        .unit("elements")
        .when(deepspeed)
        .help("DeepSpeed: elements that are reduced at once; unset: 5e8, for ZeRO-3 the square of the hidden size"),
    row!(parallel.overlap_comm)
        .label("overlap comm")
        .when(deepspeed)
        .help("DeepSpeed: reduce one bucket while the next is filled"),
    row!(parallel.stage3_max_live_parameters)
        .within([0, 1 << 40], Step::Double)
        .label("live parameters")
        .unit("parameters")
        .when(gathering)
        .help("DeepSpeed ZeRO-3: parameters that may be gathered at once"),
    row!(parallel.stage3_param_persistence_threshold)
        .within([0, 1 << 40], Step::Double)
        .label("persistence threshold")
        .unit("elements")
        .when(gathering)
        .help(
            "DeepSpeed ZeRO-3: tensors with fewer elements stay whole on every GPU; unset: ten times the \
             hidden size",
        ),
    row!(parallel.sub_group_size)
        .within([1, 1 << 40], Step::Double)
        .label("sub group")
        .unit("elements")
        .when(gathering)
        .help("DeepSpeed ZeRO-3: elements that the optimizer steps at once"),
    row!(parallel.offload_params).label("offload parameters").when(offloading).help(
        "weights wait in host memory: offload_param of ZeRO-3, cpu_offload of FSDP, which takes \
             gradients and states along",
    ),
    row!(parallel.backward_prefetch)
        .label("backward prefetch")
        .when(prefetching)
        .help("FSDP1: BACKWARD_PRE, gather the next layer before this one goes back"),
    row!(parallel.wrap)
        .label("wrap")
        .when(wrapping)
        .help("FSDP2: what is gathered together; units are the embedding, each layer, and the last norm with the head"),
    row!(parallel.reduce_dtype)
        .label("reduce dtype")
        .when(wrapping)
        .help("FSDP2: the type in which gradients are reduced; unset: that of the computation"),
    row!(parallel.gradient_as_bucket_view)
        .label("bucket view")
        .when(bucketing)
        .help("DDP: gradients are views of its buckets"),
];
