//! What LitGPT's scripts have no option for, and what is not known of them, is refused.

use crate::ledger::EstimateError;
use crate::scenario::{
    AdapterKind, BaseWeights, KernelLibrary, Loss, Method, Objective, Optimizer, Precision, Recompute, Train,
};

/// An error for the first value that LitGPT has no option for, or whose memory is not known.
pub(crate) fn check(train: &Train) -> Result<(), EstimateError> {
    let refuse = |key: &'static str, value: &str, covered: &str| {
        let (value, covered) = (value.to_owned(), format!("{covered}, under litgpt"));
        Err(EstimateError::NotCovered { key, value, covered })
    };
    if train.objective != Objective::Lm {
        return refuse("train.objective", train.objective.word(), "lm");
    }
    if train.method == Method::Qlora && !matches!(train.base_weights, BaseWeights::Nf4 | BaseWeights::Fp4) {
        return refuse("train.base_weights", train.base_weights.word(), "nf4, fp4");
    }
    if train.precision != Precision::Bf16 {
        return refuse("train.precision", train.precision.word(), "bf16");
    }
    if train.optimizer != Optimizer::Adamw {
        return refuse("train.optimizer", train.optimizer.word(), "adamw");
    }
    if train.recompute != Recompute::None {
        return refuse("train.recompute", train.recompute.word(), "none");
    }
    if train.loss != Loss::Eager {
        return refuse("train.loss", train.loss.word(), "eager");
    }
    if train.padding {
        return refuse("train.padding", "true", "false");
    }
    if train.offload_optimizer {
        return refuse("train.offload_optimizer", "true", "false");
    }
    if train.step_in_backward {
        return refuse("train.step_in_backward", "true", "false");
    }
    if train.kernels != KernelLibrary::None {
        return refuse("train.kernels", train.kernels.word(), "none");
    }
    if train.adapter != AdapterKind::Lora {
        return refuse("train.adapter", train.adapter.word(), "lora");
    }
    if train.dora {
        return refuse("train.dora", "true", "false");
    }
    if train.dropout.is_some_and(|probability| probability > 0.0) {
        return refuse("train.dropout", "above 0", "0");
    }
    Ok(())
}

/// The loss is taken 128 tokens at a time, and each is recorded: of all tokens, or with adapters of each sequence.
pub(crate) fn check_chunks(train: &Train) -> Result<(), EstimateError> {
    const MOST: u64 = 1 << 21;
    let sequences = if train.method == Method::Full { train.micro_batch_size } else { 1 };
    let tokens = train.sequence_length.saturating_mul(sequences);
    if tokens <= MOST {
        return Ok(());
    }
    let problem = format!("{tokens} tokens; LitGPT's loss, 128 tokens at a time, is recorded for at most {MOST}");
    Err(EstimateError::Invalid { key: "train.sequence_length", problem })
}
