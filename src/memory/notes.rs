//! What is worth saying of a run that has a ledger all the same.

use crate::gpu::Gpu;
use crate::model::Model;
use crate::scenario::{Estimator, Scenario, Task};
use crate::units::grouped;

/// Says so where sequences are longer than those that the model was made for. Such a run takes the memory that it is
/// said to; what comes of it is another question.
pub fn beyond_positions(model: &Model, scenario: &Scenario) -> Option<String> {
    let tokens = match scenario.task {
        Task::Train => scenario.train.sequence_length,
        Task::Infer => scenario.infer.context_length,
    };
    let most = model.architecture.max_position_embeddings;
    (tokens > most).then(|| format!("{} was made for sequences of {} tokens", model.name, grouped(most)))
}

/// Says so where a card is none that the described program runs on as it stands: what is compared is memory alone.
pub fn other_runtime(gpu: &Gpu) -> Option<String> {
    let is_cuda = gpu.vendor.eq_ignore_ascii_case("nvidia");
    (!is_cuda)
        .then(|| format!("{} is no CUDA card: its memory alone is compared, the runtime is that of CUDA", gpu.name))
}

/// Says so where prompts are shorter than the context: the rest is generated.
pub fn short_prompt(model: &Model, scenario: &Scenario) -> Option<String> {
    let infer = &scenario.infer;
    // An encoder reads all there is.
    let generates = model.architecture.encoder.is_none() && scenario.task == Task::Infer;
    let said = infer.prefill_tokens.is_some() && scenario.estimator == Estimator::Ledger;
    let (prompt, all) = (infer.prompt(), infer.context_length);
    let rest = all.saturating_sub(prompt);
    (generates && said && rest > 1).then(|| {
        let (prompt, rest) = (grouped(prompt), grouped(rest));
        format!("prompts of {prompt} tokens are read, and the other {rest} of each sequence are generated")
    })
}
