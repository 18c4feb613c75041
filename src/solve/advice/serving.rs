//! What makes a run that serves fit: shorter or fewer sequences, narrower types, and what an engine can keep elsewhere.

use super::{Cost, Lever, apply};
use crate::gpu::Gpu;
use crate::memory::{Fit, estimate};
use crate::model::Model;
use crate::scenario::{Scenario, Task, Value};
use crate::solve::bisect;

/// Types that caches come in, the wider first; of those that an engine does not have there is no ledger.
const CACHES: [&str; 3] = ["fp8", "q8_0", "q4_0"];
/// The same of weights, some of them one engine's own.
const WEIGHTS: [(Option<&str>, &[&str]); 3] = [
    (None, &["bf16", "fp8", "int8", "w4a16", "awq-int4", "nf4"]),
    (Some("llama.cpp"), &["q8_0", "q6_k", "q4_k_m"]),
    (Some("mlx"), &["mlx-8bit", "mlx-4bit"]),
];

/// The changes that are tried, the better first of what sets the same parameters.
pub(super) fn serving(model: &Model, scenario: &Scenario, gpu: &Gpu) -> Vec<Lever> {
    let infer = &scenario.infer;
    let count = |key, value| Lever::one(key, Value::Count(value), Cost::SPEED);
    let word = |key, word: &str| Lever::word(key, word, Cost::RESULT);
    let mut levers = vec![
        count("infer.prefill_chunk_size", infer.prefill_chunk_size.unwrap_or(4096) / 2),
        count("infer.concurrency", infer.concurrency / 2),
        Lever::one("infer.context_length", Value::Count(infer.context_length / 2), Cost::RESULT),
    ];
    levers.extend(CACHES.map(|it| word("infer.kv_cache", it)));
    let its_own = |(engine, _): &(Option<&str>, _)| engine.is_none_or(|engine| scenario.framework.builds_by(engine));
    let weights = WEIGHTS.into_iter().filter(its_own).flat_map(|(_, words)| words);
    levers.extend(weights.map(|it| word("infer.weights", it)));
    if scenario.task == Task::Infer && scenario.framework.builds_by("vllm") {
        levers.extend([count("infer.max_num_seqs", 128), count("infer.prefill_tokens", 2048)]);
    }
    if scenario.is_spread() && scenario.framework.is_engine() {
        let ways = (1..=6).map(|power| 1_u64 << power).filter(|ways| scenario.gpus.is_multiple_of(*ways));
        levers.extend(ways.filter(|ways| *ways > scenario.parallel.tensor).map(|it| count("parallel.tensor", it)));
    }
    if scenario.framework.builds_by("llama.cpp") {
        levers.extend(offloaded(model, scenario, gpu));
    }
    levers
}

/// As many layers on the card as fit; and all of them, but for the experts of as few as must wait on the host.
fn offloaded(model: &Model, scenario: &Scenario, gpu: &Gpu) -> Vec<Lever> {
    let layers = model.architecture.num_hidden_layers();
    let fits = |key, value| {
        let changed = apply(scenario, &[(key, Value::Count(value))]);
        let ledger = changed.and_then(|changed| estimate(model, &changed, Some(gpu)).ok());
        ledger.and_then(|ledger| Fit::of(&ledger, gpu).ok()).is_some_and(|fit| fit.fits())
    };
    let (mut found, [on_card, on_host]) = (Vec::new(), ["infer.gpu_layers", "infer.cpu_moe_layers"]);
    if fits(on_card, 0) {
        let most = bisect::last(0, layers + 1, |value| fits(on_card, value));
        found.push(Lever::one(on_card, Value::Count(most), Cost::SPEED));
    }
    if fits(on_host, layers) {
        let fewest = bisect::first(1, layers, |value| fits(on_host, value));
        found.push(Lever::one(on_host, Value::Count(fewest), Cost::SPEED));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::fits;
    use crate::preset::Library;
    use crate::solve::{Subject, advice};

    #[test]
    fn what_does_not_fit_waits_on_the_host() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("qwen3-30b-a3b").unwrap(), library.gpu("rtx-4090").unwrap());
        let framework = library.framework("llama.cpp").unwrap();
        let mut scenario = Scenario { task: Task::Infer, framework, ..Scenario::default() };
        scenario.follow_framework(|_| false);
        let now = estimate(model, &scenario, Some(gpu)).unwrap();
        let subject = Subject { model, scenario: &scenario, gpu, is_cancelled: &|| false };
        let found = advice(subject, now, []).fixes;
        for (key, step) in [("infer.gpu_layers", 1), ("infer.cpu_moe_layers", -1)] {
            let fix = found.iter().find(|fix| fix.changes[0].0 == key).unwrap();
            let [(_, Value::Count(value))] = fix.changes[..] else { panic!("{fix:?}") };
            let with = |value: u64| apply(&scenario, &[(key, Value::Count(value))]).unwrap();
            assert_eq!(fits(model, &with(value), gpu), Ok(true), "{key} {value}");
            assert_eq!(fits(model, &with(value.checked_add_signed(step).unwrap()), gpu), Ok(false), "{key} {value}");
        }
    }
}
