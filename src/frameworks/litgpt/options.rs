//! What LitGPT's scripts have no option for, and what is not known of them, is refused.

use crate::ledger::{Asked, EstimateError};
use crate::scenario::{
    AdapterKind, BaseWeights, Compile, KernelLibrary, Loss, Method, Objective, Optimizer, Precision, Recompute, Train,
};

/// An error for the first value that LitGPT has no option for, or whose memory is not known.
pub(crate) fn check(train: &Train) -> Result<(), EstimateError> {
    let codes = train.method != Method::Qlora || matches!(train.base_weights, BaseWeights::Nf4 | BaseWeights::Fp4);
    let adapter = train.method == Method::Full || train.adapter == AdapterKind::Lora;
    let asked: [Asked<'_>; 15] = [
        (train.objective == Objective::Lm, "train.objective", &train.objective.word(), "lm"),
        (codes, "train.base_weights", &train.base_weights.word(), "nf4, fp4"),
        (train.precision == Precision::Bf16, "train.precision", &train.precision.word(), "bf16"),
        (train.optimizer == Optimizer::Adamw, "train.optimizer", &train.optimizer.word(), "adamw"),
        (train.recompute == Recompute::None, "train.recompute", &train.recompute.word(), "none"),
        (train.loss == Loss::Eager, "train.loss", &train.loss.word(), "eager"),
        (!train.padding, "train.padding", &true, "false"),
        (!train.offload_optimizer, "train.offload_optimizer", &true, "false"),
        (!train.step_in_backward, "train.step_in_backward", &true, "false"),
        (train.kernels == KernelLibrary::None, "train.kernels", &train.kernels.word(), "none"),
        (train.compile == Compile::None, "train.compile", &train.compile.word(), "none"),
        (adapter, "train.adapter", &train.adapter.word(), "lora"),
        (train.images == 0, "train.images", &train.images, "0"),
        (!train.dora, "train.dora", &true, "false"),
        (train.dropout.is_none_or(|probability| probability <= 0.0), "train.dropout", &"above 0", "0"),
    ];
    EstimateError::first_unknown(&asked, "under litgpt")
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
