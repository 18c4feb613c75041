//! All legal layouts of a run, those that fit first, in the order of what a token takes by an estimate.

pub mod cost;
pub mod flags;
mod search;

use self::cost::Cost;
pub use self::search::Search;
use super::layouts::{keys, layouts};
use crate::gpu::Gpu;
use crate::memory::{EstimateError, Fit};
use crate::model::Model;
use crate::scenario::{Estimator, Recompute, Scenario, Task};
use crate::units::Bytes;

/// Why there is nothing to plan for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPlan {
    /// It serves.
    Serves,
    /// It is told by the rule of thumb.
    Sketched,
}

impl NoPlan {
    /// Why nothing is planned for a run, where nothing is.
    pub fn of(scenario: &Scenario) -> Option<Self> {
        if scenario.task != Task::Train {
            return Some(Self::Serves);
        }
        (scenario.estimator == Estimator::Sketch).then_some(Self::Sketched)
    }

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Serves => "a plan is of training, and serving is described on one GPU",
            Self::Sketched => "the rule of thumb knows no layouts",
        }
    }
}

/// What is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Sequences of a micro batch.
    pub micro_batches: Vec<u64>,
    /// What is recomputed.
    pub recompute: Vec<Recompute>,
    /// The keys of a layout that stay as the run has them.
    pub kept: Vec<&'static str>,
}

impl Range {
    /// What a run itself says, or everything that is usual.
    pub fn of(scenario: &Scenario, keeps: impl Fn(&str) -> bool) -> Self {
        let train = &scenario.train;
        let kept = keys(&scenario.framework).iter().copied().filter(|key| keeps(key)).collect();
        let micro_batches =
            if keeps("train.micro_batch_size") { vec![train.micro_batch_size] } else { vec![1, 2, 4, 8, 16] };
        let recompute = if keeps("train.recompute") {
            vec![train.recompute]
        } else {
            vec![Recompute::None, Recompute::Selective, Recompute::Full]
        };
        Self { micro_batches, recompute, kept }
    }

    /// What is tried beside a layout.
    fn beside(&self) -> Vec<(Recompute, u64)> {
        let micro_batches = |recompute| self.micro_batches.iter().map(move |size| (recompute, *size));
        self.recompute.iter().copied().flat_map(micro_batches).collect()
    }

    /// The same with nothing else than layouts being tried.
    pub fn of_layouts(scenario: &Scenario, keeps: impl Fn(&str) -> bool) -> Self {
        Self::of(scenario, |key| key.starts_with("train.") || keeps(key))
    }
}

/// A layout with what it needs and takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The run.
    pub scenario: Scenario,
    /// What it needs of a card.
    pub fit: Fit,
    /// The fullest stage of its pipeline.
    pub stage: u64,
    /// What a step takes.
    pub cost: Cost,
}

/// A search for layouts.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Those that fit, the fastest by estimate first; no more than were asked for.
    pub fitting: Vec<Planned>,
    /// How many layouts were looked at.
    pub tried: usize,
    /// How many of them need more than a card has by their tensors alone.
    pub over: usize,
    /// Where nothing fits, what comes nearest, and what it needs.
    pub nearest: Option<(Scenario, Bytes)>,
}

/// Plans a run on its GPUs: at most `most` layouts that fit.
///
/// # Errors
/// Where no layout is legal, or nobody waits for it any more.
pub fn plan(
    model: &Model,
    scenario: &Scenario,
    gpu: &Gpu,
    (range, most): (&Range, usize),
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Plan, EstimateError> {
    let mut search = Search::new(model, scenario, (range, most));
    while !search.is_done() {
        if is_cancelled() {
            return Err(EstimateError::Cancelled);
        }
        search.go_on(model, gpu)?;
    }
    search.found(model, scenario, gpu).cloned()
}

/// The run in every layout that is tried.
pub fn tried(model: &Model, scenario: &Scenario, range: &Range) -> Vec<Scenario> {
    layouts(model, scenario, &range.kept).iter().map(|laid| laid.of(scenario)).collect()
}

#[cfg(test)]
mod tests {
    use super::search::with;
    use super::*;
    use crate::memory::{check, played};
    use crate::preset::Library;

    #[test]
    fn what_is_planned_fits_and_is_in_order() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("llama-3.1-8b").unwrap(), library.gpu("h100-sxm-80").unwrap());
        let framework = library.framework("transformers").unwrap();
        let scenario = Scenario { gpus: 8, framework, ..Scenario::default() };
        let recompute = vec![Recompute::None, Recompute::Full];
        let range = Range { micro_batches: vec![1, 2], recompute, kept: Vec::new() };
        let plan = plan(model, &scenario, gpu, (&range, 4), &|| false).unwrap();
        assert_eq!(plan.fitting.len(), 4);
        for planned in &plan.fitting {
            let ledger = played(model, &planned.scenario, Some(gpu)).unwrap();
            assert_eq!(Fit::of(&ledger, gpu).unwrap(), planned.fit);
            assert!(planned.fit.fits());
        }
        let rates: Vec<f64> = plan.fitting.iter().map(|planned| planned.cost.tokens_per_gpu()).collect();
        assert!(rates.is_sorted_by(|one, other| one >= other), "{rates:?}");
        let cancelled = super::plan(model, &scenario, gpu, (&range, 4), &|| true);
        assert_eq!(cancelled, Err(EstimateError::Cancelled));
        let mut search = Search::new(model, &scenario, (&range, 4));
        let (_, all) = search.looked_at();
        assert_eq!(all % 4, 0, "two micro batches and recomputation or none");
        for layout in 0..all / 4 {
            assert_eq!((search.looked_at(), search.plan().fitting.len()), ((4 * layout, all), 0));
            search.go_on(model, gpu).unwrap();
        }
        while !search.is_done() {
            search.go_on(model, gpu).unwrap();
        }
        assert_eq!(search.plan(), &plan, "step by step it is the same");
    }

    /// So that it is asked once.
    #[test]
    fn what_is_tried_beside_a_layout_is_legal_in_all_or_in_none() {
        let library = Library::embedded();
        for (id, framework) in
            [("llama-3.2-1b", "transformers"), ("qwen3-30b-a3b", "megatron"), ("llama-3.2-1b", "trl")]
        {
            let model = library.model(id).unwrap();
            let framework = library.framework(framework).unwrap();
            let mut scenario = Scenario { gpus: 16, framework, ..Scenario::default() };
            scenario.follow_framework(|_| false);
            let range = Range::of(&scenario, |_| false);
            let all = tried(model, &scenario, &range);
            for beside in range.beside() {
                let legal = all.iter().filter(|run| check(model, &with(run, beside)).is_ok()).count();
                assert!(legal == 0 || legal == all.len(), "{id}: {beside:?} in {legal} of {}", all.len());
            }
        }
    }

    /// Whatever the model, its schedule, its optimizer and what divides its states.
    #[test]
    fn totals_are_those_of_ledgers() {
        use crate::memory::{estimate, totals};
        use crate::scenario::parameter::Parameter;

        let library = Library::embedded();
        let gpu = library.gpu("h100-sxm-80").unwrap();
        for (id, gpus, set) in [
            ("llama-3.1-8b", 64, &[][..]),
            ("llama-3.1-405b", 256, &[]),
            ("llama-3.1-8b", 16, &[("parallel.zero", "3"), ("megatron.gradient_accumulation_fusion", "false")]),
            ("llama-3.1-8b", 32, &[("train.optimizer", "muon"), ("megatron.use_layer_wise_param_layout", "false")]),
            ("llama-3.2-1b", 32, &[("megatron.recompute_method", "block"), ("megatron.recompute_num_layers", "2")]),
            ("deepseek-v3", 128, &[("megatron.mtp_num_layers", "1"), ("parallel.micro_batches", "64")]),
            ("deepseek-v3", 64, &[("megatron.moe_expert_capacity_factor", "1.25"), ("train.precision", "fp8-master")]),
            (
                "mixtral-8x7b-v0.1",
                32,
                &[
                    ("megatron.fine_grained_activation_offloading", "true"),
                    ("megatron.offload_modules", "expert_fc1,qkv_linear"),
                ],
            ),
            ("nvidia-nemotron-3-nano-30b-a3b-bf16", 32, &[]),
        ] {
            let model = library.model(id).unwrap();
            let framework = library.framework("megatron").unwrap();
            let mut scenario = Scenario { gpus, framework, ..Scenario::default() };
            scenario.follow_framework(|_| false);
            for (key, word) in set {
                let parameter = Parameter::by_key(key).unwrap();
                parameter.set(&mut scenario, parameter.parse(word).unwrap()).unwrap();
            }
            let kept = Range::of_layouts(&scenario, |_| false).kept;
            let all = tried(model, &scenario, &Range { micro_batches: vec![1], recompute: Vec::new(), kept });
            assert!(all.len() > 5, "{id} {set:?}: {}", all.len());
            for laid in all.iter().step_by(all.len() / 40 + 1) {
                let runs: Vec<Scenario> = [(Recompute::None, 1), (Recompute::Selective, 3), (Recompute::Full, 2)]
                    .map(|beside| with(laid, beside))
                    .into_iter()
                    .filter(|run| check(model, run).is_ok())
                    .collect();
                let ledgers: Vec<Result<Bytes, EstimateError>> =
                    runs.iter().map(|run| Ok(estimate(model, run, Some(gpu))?.total())).collect();
                assert_eq!(totals(model, &runs, Some(gpu)), ledgers, "{id} {set:?} {:?}", laid.parallel);
            }
        }
    }

    /// Where attention is a kernel, selective recomputation has nothing to leave out.
    #[test]
    fn what_is_recomputed_in_vain_is_no_row() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("llama-3.1-8b").unwrap(), library.gpu("h100-sxm-80").unwrap());
        let framework = library.framework("megatron").unwrap();
        let mut scenario = Scenario { gpus: 8, framework, ..Scenario::default() };
        scenario.follow_framework(|_| false);
        let rows = |range: &Range| {
            let found = plan(model, &scenario, gpu, (range, 40), &|| false).unwrap();
            found.fitting.iter().filter(|row| row.scenario.train.recompute == Recompute::Selective).count()
        };
        assert_eq!(rows(&Range::of(&scenario, |_| false)), 0);
        scenario.train.recompute = Recompute::Selective;
        let asked = Range { recompute: vec![Recompute::Selective], ..Range::of(&scenario, |_| false) };
        let found = plan(model, &scenario, gpu, (&asked, 1), &|| false).unwrap();
        assert_eq!(found.fitting.len(), 1, "where it is asked for it is planned");
    }

    #[test]
    fn what_comes_nearest_needs_what_its_own_check_says() {
        let library = Library::embedded();
        let framework = library.framework("transformers").unwrap();
        for (id, card) in [("llama-3.1-8b", "rtx-4090"), ("llama-3.1-8b", "a100-sxm-40")] {
            let (model, gpu) = (library.model(id).unwrap(), library.gpu(card).unwrap());
            let scenario = Scenario { gpus: 2, framework: framework.clone(), ..Scenario::default() };
            let range = Range::of_layouts(&scenario, |_| false);
            let found = plan(model, &scenario, gpu, (&range, 4), &|| false).unwrap();
            assert!(found.fitting.is_empty() && found.over <= found.tried);
            let (nearest, needs) = found.nearest.unwrap();
            assert_eq!(Fit::of(&played(model, &nearest, Some(gpu)).unwrap(), gpu).unwrap().needs, needs);
        }
    }
}
