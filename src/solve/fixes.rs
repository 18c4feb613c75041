//! Single changes that would make a run fit, each judged by a ledger of the changed scenario.

mod serving;

use super::layouts::{STRATEGIES, keys};
use super::plan::{NoPlan, Range, plan};
use crate::gpu::Gpu;
use crate::memory::{Category, Fit, Ledger, Verdict, elsewhere, estimate, with_allocator};
use crate::model::{Model, parameters};
use crate::scenario::parameter::Parameter;
use crate::scenario::{Estimator, Method, Objective, Reference, Scenario, Strategy, Task, Value};
use crate::units::{Bytes, Parameters};

/// A change of a scenario after which it fits.
#[derive(Debug, Clone, PartialEq)]
pub struct Fix {
    /// The parameters it sets, by dotted key, with their new values.
    pub changes: Vec<(&'static str, Value)>,
    /// The least capacity afterwards.
    pub needs: Bytes,
    /// What to make of it: fits, or may.
    pub verdict: Verdict,
    /// What it costs.
    pub cost: Cost,
}

/// What a change costs, cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// Neither speed nor result.
    Nothing,
    /// The run is slower; its result is the same.
    Speed,
    /// The result of the run is another.
    Result,
    /// Another card.
    Card,
}

impl Cost {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Nothing => "costs nothing",
            Self::Speed => "slower, same result",
            Self::Result => "changes the result",
            Self::Card => "another card",
        }
    }
}

/// The single changes after which a scenario fits a card and takes less than `now`, its ledger played out on that card;
/// cheapest first, of each cost those that surely fit and then the roomiest first; last the smallest of `others` on which
/// it fits as it is. Not all of them where that is cancelled.
pub fn fixes<'g>(
    now: Ledger,
    model: &Model,
    scenario: &Scenario,
    gpu: &Gpu,
    others: impl IntoIterator<Item = (&'g str, &'g Gpu)>,
    is_cancelled: &dyn Fn() -> bool,
) -> Vec<Fix> {
    let before = Fit::of(&now, gpu).map_or(now.total(), |fit| fit.needs.max(now.total()));
    let less = |needs| needs < before;
    let capacity = gpu.capacity().unwrap_or(Bytes::MAX);
    let mut found: Vec<Fix> = candidates(model, scenario, gpu)
        .into_iter()
        .chain(std::iter::once_with(|| laid_out(model, scenario, gpu, is_cancelled)).flatten())
        .take_while(|_| !is_cancelled())
        // The rule of thumb counts other weights than the model has, and takes no time.
        .filter(|(changes, _)| scenario.estimator == Estimator::Sketch || may_fit(&now, model, changes, capacity))
        .filter_map(|(changes, cost)| {
            let changed = apply(scenario, &changes)?;
            // Where tensors alone are too much, the allocator need not be played.
            let ledger = estimate(model, &changed, Some(gpu)).ok()?;
            if ledger.total() > capacity || !less(ledger.total()) {
                return None;
            }
            let fit = Fit::of(&with_allocator(ledger, model, &changed, Some(gpu)).ok()?, gpu).ok()?;
            let Fit { needs, verdict, .. } = fit;
            (fit.fits() && less(needs)).then_some(Fix { changes, needs, verdict, cost })
        })
        .collect();
    // What is changed in vain beside another change is no advice.
    let simpler = |one: &Fix, other: &Fix| {
        let within = one.changes.len() < other.changes.len() && one.changes.iter().all(|it| other.changes.contains(it));
        within && one.needs <= other.needs
    };
    let in_vain: Vec<bool> = found.iter().map(|fix| found.iter().any(|other| simpler(other, fix))).collect();
    let mut in_vain = in_vain.into_iter();
    found.retain(|_| !in_vain.next().unwrap_or(false));
    found.sort_by_key(|fix| (fix.cost, fix.verdict != Verdict::Fits, fix.needs));
    if Fit::of(&now, gpu).is_ok_and(|fit| !fit.fits()) {
        found.extend(roomier(now, model, scenario, gpu, others, is_cancelled));
    }
    found
}

/// Keys that change what weights take.
const OF_WEIGHTS: [&str; 5] =
    ["train.precision", "train.method", "train.lora_targets", "train.reference", "infer.weights"];

/// Keys that leave weights on the host.
const OFFLOADING: [&str; 2] = ["infer.gpu_layers", "infer.cpu_moe_layers"];

/// Fewer bits than a weight takes in any format that is tried.
const LEAST_BITS: u128 = 4;

/// Whether weights alone leave room at all: where they do not, no ledger is needed to see that a change is of no use.
fn may_fit(now: &Ledger, model: &Model, changes: &[(&'static str, Value)], capacity: Bytes) -> bool {
    // What is divided among GPUs may be less on each, and what waits on the host is none.
    if changes.iter().any(|(key, _)| key.starts_with("parallel.") || OFFLOADING.contains(key)) {
        return true;
    }
    let count = u128::from(parameters::count(&model.architecture).map_or(0, Parameters::get));
    let (weights, _) = now.largest(Category::Parameters);
    let same_weights = changes.iter().all(|(key, _)| !OF_WEIGHTS.contains(key));
    count * LEAST_BITS / 8 <= u128::from(capacity.get()) && !(same_weights && weights > capacity)
}

/// The smallest card on which the run fits: of the same vendor and with memory no slower, where there is one.
fn roomier<'g>(
    mut now: Ledger,
    model: &Model,
    scenario: &Scenario,
    gpu: &Gpu,
    others: impl IntoIterator<Item = (&'g str, &'g Gpu)>,
    is_cancelled: &dyn Fn() -> bool,
) -> Option<Fix> {
    let fits = |now: &Ledger, card: &Gpu| Fit::of(now, card).ok().filter(Fit::fits);
    // Where tensors alone are too much, the allocator need not be played.
    let may = others.into_iter().filter_map(|(id, card)| Some((id, card, fits(&now, card)?.capacity)));
    let mut cards: Vec<(&str, &Gpu, Bytes)> = may.collect();
    cards.sort_by_key(|(id, card, capacity)| {
        (card.vendor != gpu.vendor, card.bandwidth_gb_s < gpu.bandwidth_gb_s, *capacity, *id)
    });
    for (id, card, _) in cards {
        if is_cancelled() {
            return None;
        }
        now = elsewhere(now, model, scenario, [card]).ok()?;
        let surely = fits(&now, card).filter(|fit| fit.verdict == Verdict::Fits);
        if let Some(Fit { needs, verdict, .. }) = surely {
            let changes = vec![("gpu", Value::Word(id.to_owned()))];
            return Some(Fix { changes, needs, verdict, cost: Cost::Card });
        }
    }
    None
}

/// Adapters of attention alone, which leave experts and feed-forward networks as they are.
const ATTENTION: [&str; 4] = ["q", "k", "v", "o"];

type Candidate = (Vec<(&'static str, Value)>, Cost);

/// The scenario with these changes; none where a value is no change or is wrong.
pub fn apply(scenario: &Scenario, changes: &[(&'static str, Value)]) -> Option<Scenario> {
    let mut after = scenario.clone();
    for (key, value) in changes {
        Parameter::by_key(key).ok()?.set(&mut after, value.clone()).ok()?;
    }
    (after != *scenario).then_some(after)
}

fn candidates(model: &Model, scenario: &Scenario, gpu: &Gpu) -> Vec<Candidate> {
    match scenario.task {
        Task::Train => training(scenario),
        Task::Infer => serving::candidates(model, scenario, gpu),
    }
}

fn training(scenario: &Scenario) -> Vec<Candidate> {
    let train = &scenario.train;
    let word = |key, word: &str, cost| (vec![(key, Value::Word(word.to_owned()))], cost);
    let on = Value::Flag(true);
    let mut candidates = vec![
        word("runtime.alloc_conf", "expandable_segments:True", Cost::Nothing),
        word("train.optimizer_implementation", "fused", Cost::Nothing),
        word("train.attention", "flash", Cost::Nothing),
        (vec![("train.keep_outputs", Value::Flag(false))], Cost::Nothing),
        (vec![("train.keep_gradients", Value::Flag(false))], Cost::Nothing),
        word("train.kernels", "liger", Cost::Nothing),
        word("train.loss", "fused", Cost::Nothing),
        word("train.loss", "chunked", Cost::Speed),
        word("train.recompute", "full", Cost::Speed),
        (
            vec![("train.recompute", Value::Word("full".to_owned())), ("train.offload_activations", on.clone())],
            Cost::Speed,
        ),
        (vec![("train.offload_optimizer", on.clone())], Cost::Speed),
        // A kernel for each parameter instead of one for all.
        (vec![("train.step_in_backward", on)], Cost::Speed),
        word("train.optimizer", "adamw-8bit", Cost::Result),
        word("train.optimizer", "adafactor", Cost::Result),
        word("train.optimizer", "sgd-momentum", Cost::Result),
        word("train.precision", "bf16", Cost::Result),
        word("train.method", "lora", Cost::Result),
        word("train.method", "qlora", Cost::Result),
    ];
    if train.method != Method::Full && train.lora_targets != ATTENTION {
        let attention = ATTENTION.map(String::from).to_vec();
        candidates.push((vec![("train.lora_targets", Value::Words(attention))], Cost::Result));
    }
    if train.objective.has_reference() && train.reference == Reference::Copy {
        for method in ["lora", "qlora"] {
            let adapters = [("train.method", method), ("train.reference", "adapter")];
            let changes = adapters.map(|(key, word)| (key, Value::Word(word.to_owned()))).to_vec();
            candidates.push((changes, Cost::Result));
        }
        candidates.push(word("train.reference", "precomputed", Cost::Speed));
    }
    // Vectors learn from all others of their micro batch.
    let of_smaller_batches = if train.objective == Objective::Embedding { Cost::Result } else { Cost::Speed };
    // The largest smaller micro batch with as many passes as keep the batch of a step.
    for divisor in (2..=train.micro_batch_size).filter(|divisor| train.micro_batch_size.is_multiple_of(*divisor)) {
        let passes = train.gradient_accumulation_steps.saturating_mul(divisor);
        let changes = vec![
            ("train.micro_batch_size", Value::Count(train.micro_batch_size / divisor)),
            ("train.gradient_accumulation_steps", Value::Count(passes)),
        ];
        candidates.push((changes, of_smaller_batches));
        if divisor > 64 {
            break;
        }
    }
    let half = Value::Count(train.sequence_length / 2);
    candidates.push((vec![("train.sequence_length", half)], Cost::Result));
    candidates.append(&mut sharding(scenario));
    candidates
}

/// Ways in which the GPUs of a job could divide what each has whole.
fn sharding(scenario: &Scenario) -> Vec<Candidate> {
    if scenario.gpus == 1 || !scenario.framework.lays_out("strategy") {
        return Vec::new();
    }
    let changes = |(strategy, zero): (Strategy, u64)| {
        let strategy = ("parallel.strategy", Value::Word(strategy.word().to_owned()));
        (vec![strategy, ("parallel.zero", Value::Count(zero))], Cost::Speed)
    };
    let divides = |(strategy, _): &(Strategy, u64)| !matches!(strategy, Strategy::Ddp | Strategy::Fsdp1);
    let mut candidates: Vec<Candidate> = STRATEGIES.into_iter().filter(divides).map(changes).collect();
    let (mut both, cost) = changes((Strategy::Fsdp2, 3));
    both.push(("train.recompute", Value::Word(String::from("full"))));
    candidates.push((both, cost));
    candidates
}

/// The layout along other axes that a plan of the same run puts first.
fn laid_out(model: &Model, scenario: &Scenario, gpu: &Gpu, is_cancelled: &dyn Fn() -> bool) -> Option<Candidate> {
    let by_axes = !scenario.framework.lays_out("strategy") && scenario.framework.lays_out("tensor");
    if scenario.gpus == 1 || !by_axes || NoPlan::of(scenario).is_some() {
        return None;
    }
    let range = Range::of_layouts(scenario, |_| false);
    let run = plan(model, scenario, gpu, (&range, 1), is_cancelled).ok()?.fitting.pop()?.scenario;
    let parameters = keys(&scenario.framework).iter().filter_map(|key| Parameter::by_key(key).ok());
    let changed = parameters.filter(|parameter| parameter.get(&run) != parameter.get(scenario));
    Some((changed.map(|parameter| (parameter.key, parameter.get(&run))).collect(), Cost::Speed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::played;
    use crate::preset::Library;
    use crate::scenario::Recompute;

    #[test]
    fn every_fix_fits_and_the_cheapest_comes_first() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("llama-3.1-8b").unwrap(), library.gpu("h100-sxm-80").unwrap());
        let mut scenario = Scenario::default();
        scenario.train.sequence_length = 8192;
        let cards = library.gpus().into_iter().map(|gpu| (gpu.id.as_str(), gpu));
        let now = played(model, &scenario, Some(gpu)).unwrap();
        let found = fixes(now, model, &scenario, gpu, cards, &|| false);
        let other = found.last().unwrap();
        assert_eq!((other.cost, other.changes[0].0), (Cost::Card, "gpu"));
        assert!(
            found
                .iter()
                .any(|fix| fix.changes == [("train.recompute", Value::Word("full".into()))] && fix.cost == Cost::Speed)
        );
        assert!(found.windows(2).all(|pair| pair[0].cost <= pair[1].cost));
        for fix in found.iter().filter(|fix| fix.cost != Cost::Card) {
            let ledger = played(model, &apply(&scenario, &fix.changes).unwrap(), Some(gpu)).unwrap();
            assert_eq!(ledger.total(), fix.needs);
            assert!(ledger.total() <= gpu.capacity().unwrap());
        }
    }

    #[test]
    fn a_layout_that_fits_is_one_change() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("llama-3.1-70b").unwrap(), library.gpu("h100-sxm-80").unwrap());
        let framework = library.framework("megatron").unwrap();
        let mut scenario = Scenario { gpus: 32, framework, ..Scenario::default() };
        scenario.follow_framework(|_| false);
        let now = played(model, &scenario, Some(gpu)).unwrap();
        let found = fixes(now, model, &scenario, gpu, [], &|| false);
        let laid = found.iter().find(|fix| fix.changes.iter().any(|(key, _)| *key == "parallel.tensor")).unwrap();
        let run = apply(&scenario, &laid.changes).unwrap();
        let ledger = played(model, &run, Some(gpu)).unwrap();
        assert_eq!(ledger.total(), laid.needs);
        assert!(run.parallel.tensor > 1 && laid.needs <= gpu.capacity().unwrap());
    }

    /// Though the weights alone are more than a card has where each has them all.
    #[test]
    fn weights_that_are_too_many_are_sharded() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("llama-3.1-70b").unwrap(), library.gpu("h200-sxm-141").unwrap());
        let mut scenario = Scenario { gpus: 16, ..Scenario::default() };
        scenario.framework = library.framework("transformers").unwrap();
        scenario.train.recompute = Recompute::Full;
        let now = played(model, &scenario, Some(gpu)).unwrap();
        let found = fixes(now, model, &scenario, gpu, [], &|| false);
        let sharded = [("parallel.strategy", Value::Word("fsdp2".into())), ("parallel.zero", Value::Count(3))];
        assert!(found.iter().any(|fix| fix.changes == sharded), "{found:?}");
    }

    /// It counts other weights than the model has, by which nothing is passed over.
    #[test]
    fn the_rule_of_thumb_leaves_no_change_untried() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("qwen3-235b-a22b").unwrap(), library.gpu("h100-sxm-80").unwrap());
        let mut scenario = Scenario { task: Task::Infer, estimator: Estimator::Sketch, ..Scenario::default() };
        scenario.infer.context_length = 512;
        let now = played(model, &scenario, Some(gpu)).unwrap();
        let found = fixes(now, model, &scenario, gpu, [], &|| false);
        let shorter = [("infer.context_length", Value::Count(256))];
        assert!(found.iter().any(|fix| fix.changes == shorter), "{found:?}");
    }

    /// What is passed over without a ledger would not have fitted.
    #[test]
    fn no_fix_is_missed_where_weights_are_large() {
        let library = Library::embedded();
        for (id, card, task) in [
            ("llama-3.1-70b", "h100-sxm-80", Task::Infer),
            ("llama-3.1-70b", "h200-sxm-141", Task::Train),
            ("llama-3.1-8b", "rtx-4090", Task::Infer),
            ("llama-3.1-8b", "t4", Task::Train),
            ("kimi-k3", "h100-sxm-80", Task::Infer),
        ] {
            let (model, gpu) = (library.model(id).unwrap(), library.gpu(card).unwrap());
            let scenario = Scenario { task, ..Scenario::default() };
            let now = played(model, &scenario, Some(gpu)).unwrap();
            let found = fixes(now.clone(), model, &scenario, gpu, [], &|| false);
            let fits = |(changes, _): &Candidate| {
                let changed = apply(&scenario, changes)?;
                let ledger = played(model, &changed, Some(gpu)).ok()?;
                Some(Fit::of(&ledger, gpu).ok()?.fits() && ledger.total() < now.total())
            };
            let wanted =
                candidates(model, &scenario, gpu).iter().filter(|candidate| fits(candidate) == Some(true)).count();
            assert_eq!(found.len(), wanted, "{id} {card}");
        }
    }
}
