//! What torchtune's single-device recipes have no option for, and what is not known of them, is refused.

use crate::ledger::EstimateError;
use crate::model::Architecture;
use crate::scenario::{
    AdapterKind, Attention, KernelLibrary, Loss, Method, Objective, Optimizer, Precision, Recompute, Train,
};

/// An error for the first value that the recipes have no option for, or whose memory is not known.
pub(crate) fn check(architecture: &Architecture, train: &Train) -> Result<(), EstimateError> {
    let refuse = |key: &'static str, value: &str, covered: &str| {
        let (value, covered) = (value.to_owned(), format!("{covered}, under torchtune"));
        Err(EstimateError::NotCovered { key, value, covered })
    };
    let off = |on: bool, key| if on { refuse(key, "true", "false") } else { Ok(()) };
    if train.objective != Objective::Lm {
        return refuse("train.objective", train.objective.word(), "lm");
    }
    if train.method == Method::Qlora {
        return refuse("train.method", "qlora", "full, lora");
    }
    if train.precision != Precision::Bf16 {
        return refuse("train.precision", train.precision.word(), "bf16");
    }
    if !matches!(train.optimizer, Optimizer::Adamw | Optimizer::Adamw8bit | Optimizer::PagedAdamw8bit) {
        return refuse("train.optimizer", train.optimizer.word(), "adamw, adamw-8bit, paged-adamw-8bit");
    }
    if !matches!(train.recompute, Recompute::None | Recompute::Full) {
        return refuse("train.recompute", train.recompute.word(), "none, full");
    }
    let some = train.recompute_layers.filter(|layers| *layers < architecture.num_hidden_layers());
    if let (Recompute::Full, Some(layers)) = (train.recompute, some) {
        return refuse("train.recompute_layers", &layers.to_string(), "all layers");
    }
    if train.recompute == Recompute::Full && train.recompute_every > 1 {
        return refuse("train.recompute_every", &train.recompute_every.to_string(), "1");
    }
    if train.kernels != KernelLibrary::None {
        return refuse("train.kernels", train.kernels.word(), "none");
    }
    off(train.recompute == Recompute::Full && train.offload_activations, "train.offload_activations")?;
    off(train.step_in_backward, "train.step_in_backward")?;
    if !matches!(train.loss, Loss::Eager | Loss::Chunked) {
        return refuse("train.loss", train.loss.word(), "eager, chunked");
    }
    let capped = architecture.attentions().any(|attention| attention.softcap);
    if train.attention != Attention::Flash && !capped {
        return refuse("train.attention", train.attention.word(), "flash");
    }
    if train.padding && capped {
        return refuse("train.padding", "true", "false for capped scores");
    }
    off(train.offload_optimizer, "train.offload_optimizer")?;
    off(train.keep_gradients, "train.keep_gradients")?;
    off(train.keep_outputs, "train.keep_outputs")?;
    off(train.dora, "train.dora")?;
    if train.adapter != AdapterKind::Lora {
        return refuse("train.adapter", train.adapter.word(), "lora");
    }
    if train.dropout.is_some_and(|probability| probability > 0.0) {
        return refuse("train.dropout", "above 0", "0");
    }
    Ok(())
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
