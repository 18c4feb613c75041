//! What torchtune's single-device recipes have no option for, and what is not known of them, is refused.

use crate::ledger::{Asked, EstimateError};
use crate::model::Architecture;
use crate::scenario::{
    AdapterKind, Attention, Compile, KernelLibrary, Loss, Method, Objective, Optimizer, Precision, Recompute, Train,
};

/// An error for the first value that the recipes have no option for, or whose memory is not known.
pub(crate) fn check(architecture: &Architecture, train: &Train) -> Result<(), EstimateError> {
    let optimizers = matches!(train.optimizer, Optimizer::Adamw | Optimizer::Adamw8bit | Optimizer::PagedAdamw8bit);
    let recomputes = train.recompute == Recompute::Full;
    let known = recomputes || train.recompute == Recompute::None;
    let layers = train.recompute_layers.filter(|layers| recomputes && *layers < architecture.num_hidden_layers());
    let every = !recomputes || train.recompute_every == 1;
    let capped = architecture.attentions().any(|attention| attention.softcap);
    let attends = train.attention == Attention::Flash || capped;
    let adapter = train.method == Method::Full || train.adapter == AdapterKind::Lora;
    let asked: [Asked<'_>; 21] = [
        (train.objective == Objective::Lm, "train.objective", &train.objective.word(), "lm"),
        (train.method != Method::Qlora, "train.method", &train.method.word(), "full, lora"),
        (train.precision == Precision::Bf16, "train.precision", &train.precision.word(), "bf16"),
        (optimizers, "train.optimizer", &train.optimizer.word(), "adamw, adamw-8bit, paged-adamw-8bit"),
        (known, "train.recompute", &train.recompute.word(), "none, full"),
        (layers.is_none(), "train.recompute_layers", &layers.unwrap_or_default(), "all layers"),
        (every, "train.recompute_every", &train.recompute_every, "1"),
        (train.kernels == KernelLibrary::None, "train.kernels", &train.kernels.word(), "none"),
        (train.compile == Compile::None, "train.compile", &train.compile.word(), "none"),
        (!recomputes || !train.offload_activations, "train.offload_activations", &true, "false"),
        (!train.step_in_backward, "train.step_in_backward", &true, "false"),
        (matches!(train.loss, Loss::Eager | Loss::Chunked), "train.loss", &train.loss.word(), "eager, chunked"),
        (attends, "train.attention", &train.attention.word(), "flash"),
        (!train.padding || !capped, "train.padding", &true, "false for capped scores"),
        (!train.offload_optimizer, "train.offload_optimizer", &true, "false"),
        (!train.keep_gradients, "train.keep_gradients", &true, "false"),
        (!train.keep_outputs, "train.keep_outputs", &true, "false"),
        (train.images == 0, "train.images", &train.images, "0"),
        (!train.dora, "train.dora", &true, "false"),
        (adapter, "train.adapter", &train.adapter.word(), "lora"),
        (train.dropout.is_none_or(|probability| probability <= 0.0), "train.dropout", &"above 0", "0"),
    ];
    EstimateError::first_unknown(&asked, "under torchtune")
}

/// The decoder refuses sequences longer than its tables.
pub(crate) fn check_length(architecture: &Architecture, train: &Train) -> Result<(), EstimateError> {
    let (tokens, most) = (train.sequence_length, architecture.max_position_embeddings);
    if tokens <= most {
        return Ok(());
    }
    let problem = format!("{tokens} tokens, but torchtune builds this model for {most}: use at most {most}");
    Err(EstimateError::Invalid { key: "train.sequence_length", problem })
}

/// Each chunk of logits is recorded.
pub(crate) fn check_chunks(train: &Train) -> Result<(), EstimateError> {
    const MOST: u64 = 4096;
    if train.loss != Loss::Chunked || train.loss_chunks <= MOST {
        return Ok(());
    }
    let problem = format!("{}; torchtune's loss is recorded for at most {MOST} chunks", train.loss_chunks);
    Err(EstimateError::Invalid { key: "train.loss_chunks", problem })
}
