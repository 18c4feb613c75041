//! Of which runs of torchtitan it is known what they hold.

use crate::frameworks::Job;
use crate::ledger::{Asked, EstimateError};
use crate::model::Output;
use crate::model::family::{PositionKind, QkNorm};
use crate::parallel::Layout;
use crate::parallel::layout::nearest_words;
use crate::scenario::{
    Attention, Compile, KernelLibrary, Loss, Method, Objective, Optimizer, Precision, Recompute, Reference,
};

/// An error for the first thing that is not known.
pub(super) fn check(job: &Job<'_>, layout: &Layout) -> Result<(), EstimateError> {
    check_model(job)?;
    let train = &job.scenario.train;
    let accumulated = train.gradient_accumulation_steps;
    let asked: [Asked<'_>; 16] = [
        (matches!(layout.zero, 2 | 3), "parallel.zero", &layout.zero, "2, 3: fully_shard without and with resharding"),
        (layout.pipeline == 1, "parallel.pipeline", &layout.pipeline, "1"),
        (layout.context == 1, "parallel.context", &layout.context, "1"),
        (train.method == Method::Full, "train.method", &train.method.word(), "full"),
        (
            matches!(train.precision, Precision::Bf16 | Precision::Bf16Mixed),
            "train.precision",
            &train.precision.word(),
            "bf16, bf16-mixed: training.dtype",
        ),
        (train.attention == Attention::Flash, "train.attention", &train.attention.word(), "flash: flexible attention"),
        (train.objective == Objective::Lm, "train.objective", &train.objective.word(), "lm"),
        (train.reference == Reference::None, "train.reference", &train.reference.word(), "none"),
        (matches!(train.loss, Loss::Eager | Loss::Chunked), "train.loss", &train.loss.word(), "eager, chunked"),
        (train.kernels == KernelLibrary::None, "train.kernels", &train.kernels.word(), "none"),
        (train.compile == Compile::None, "train.compile", &train.compile.word(), "none"),
        (train.optimizer == Optimizer::Adamw, "train.optimizer", &train.optimizer.word(), "adamw"),
        (accumulated == 1, "train.gradient_accumulation_steps", &accumulated, "1"),
        (!train.offload_optimizer, "train.offload_optimizer", &train.offload_optimizer, "false"),
        (!train.padding, "train.padding", &train.padding, "false"),
        (train.recompute_layers.is_none(), "train.recompute_layers", &"some", "all of them"),
    ];
    EstimateError::first_unknown(&asked, "under torchtitan")?;
    if train.recompute == Recompute::Full && train.recompute_every > 1 {
        let value = train.recompute_every.to_string();
        let covered = String::from("1, under torchtitan");
        return Err(EstimateError::NotCovered { key: "train.recompute_every", value, covered });
    }
    let (length, chunks) = (train.sequence_length, train.loss_chunks);
    if train.loss == Loss::Chunked && !length.is_multiple_of(chunks.max(1)) {
        let problem = format!("{chunks} does not divide {length} tokens; {}", nearest_words(length, chunks));
        return Err(EstimateError::Invalid { key: "train.loss_chunks", problem });
    }
    Ok(())
}

/// Llamas and what is like them.
fn check_model(job: &Job<'_>) -> Result<(), EstimateError> {
    let (model, architecture) = (job.model, &job.model.architecture);
    let refuse = |what: &str| Err(job.not_covered(format!("transformers, for {}: {what}", model.id)));
    if architecture.output != Output::Own || architecture.tower.is_some() {
        return refuse("torchtitan is known for decoders of words alone");
    }
    if architecture.positions != PositionKind::Rotary || architecture.lm_head_bias {
        return refuse("torchtitan's decoders rotate positions and have no bias on the head");
    }
    let plain = architecture.attentions().all(|attention| {
        let biased = attention.qkv_bias || attention.output_bias;
        let whole = attention.rotary_dim == attention.head_dim && attention.sliding_window.is_none();
        matches!(attention.qk_norm, QkNorm::None) && !biased && whole
    });
    if plain { Ok(()) } else { refuse("torchtitan's attention of this kind was not measured") }
}
