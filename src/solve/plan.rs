//! All legal layouts of a run, those that fit first, in the order of what a token takes by an estimate.

pub mod cost;
pub mod flags;

use std::sync::Arc;

use self::cost::{Cost, Rates};
use super::layouts::{Laid, keys, layouts};
use crate::gpu::Gpu;
use crate::memory::{EstimateError, Fit, Ledger, check, estimate, totals, with_allocator};
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

/// A layout and what is tried beside it, by their numbers.
type Run = (usize, usize);

/// A candidate, with its cost and the total of its tensors.
#[derive(Debug, Clone, PartialEq)]
struct Candidate {
    run: Run,
    cost: Cost,
    total: Bytes,
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
    search.found(model, scenario, gpu)?;
    Ok(search.plan)
}

/// A run with what is tried beside its layout.
fn with(run: &Scenario, (recompute, micro_batch_size): (Recompute, u64)) -> Scenario {
    let mut run = run.clone();
    (run.train.recompute, run.train.micro_batch_size) = (recompute, micro_batch_size);
    run
}

/// Whether something is recomputed that with the same micro batch saves nothing.
fn is_in_vain(beside: &[(Recompute, u64)], totals: &[Result<Bytes, EstimateError>], index: usize) -> bool {
    let (recompute, micro_batch_size) = beside[index];
    let without = beside.iter().position(|other| *other == (Recompute::None, micro_batch_size));
    let saves = |without: usize| totals[index].as_ref().ok() < totals[without].as_ref().ok();
    recompute != Recompute::None && without.is_some_and(|without| totals[without].is_ok() && !saves(without))
}

/// The run in every layout that is tried.
pub fn tried(model: &Model, scenario: &Scenario, range: &Range) -> Vec<Scenario> {
    layouts(model, scenario, &range.kept).iter().map(|laid| laid.of(scenario)).collect()
}

/// A search that is gone on with layout by layout: first the tensors of each with everything that is tried beside it, then
/// the allocators of those that may fit, the fastest first; where none does, of the one that comes nearest.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    scenario: Scenario,
    layouts: Arc<[Laid]>,
    /// What is tried beside each.
    beside: Arc<[(Recompute, u64)]>,
    /// The runs of the layout that was looked at last, of which the next is made.
    runs: Vec<Scenario>,
    rates: Option<Rates>,
    looked_at: usize,
    /// Those whose tensors fit: as they were found, and once all are looked at the fastest last.
    within: Vec<Candidate>,
    /// Of the others the one whose tensors are least.
    beyond: Option<(Run, Bytes)>,
    most: usize,
    plan: Plan,
}

impl Search {
    /// One that has looked at nothing yet.
    pub fn new(model: &Model, scenario: &Scenario, (range, most): (&Range, usize)) -> Self {
        let plan = Plan { fitting: Vec::new(), tried: 0, over: 0, nearest: None };
        let layouts: Arc<[Laid]> = layouts(model, scenario, &range.kept).into();
        // What the framework does not do in one layout it does in none.
        let first = layouts.first().map(|laid| laid.of(scenario));
        let is_legal =
            |beside: &(Recompute, u64)| first.as_ref().is_some_and(|run| check(model, &with(run, *beside)).is_ok());
        let beside = range.beside().into_iter().filter(is_legal).collect();
        let beside: Arc<[(Recompute, u64)]> = beside;
        let (runs, scenario) = (beside.iter().map(|beside| with(scenario, *beside)).collect(), scenario.clone());
        let (within, beyond) = (Vec::new(), None);
        Self { scenario, layouts, beside, runs, rates: None, looked_at: 0, within, beyond, most, plan }
    }

    /// A candidate as the run would be.
    fn run(&self, (layout, beside): Run) -> Scenario {
        with(&self.layouts[layout].of(&self.scenario), self.beside[beside])
    }

    /// What is found so far.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How many candidates were looked at, of how many: layouts with everything that is tried beside each.
    pub fn looked_at(&self) -> (usize, usize) {
        (self.looked_at * self.beside.len(), self.layouts.len() * self.beside.len())
    }

    /// Of how many layouts that may fit the allocator is still to be played out.
    pub const fn to_be_played(&self) -> usize {
        self.within.len()
    }

    /// Whether there is nothing left to look at.
    pub fn is_done(&self) -> bool {
        let fitting = self.plan.fitting.len();
        let nothing_left = self.within.is_empty() && (fitting > 0 || self.beyond.is_none());
        self.looked_at == self.layouts.len() && (nothing_left || fitting >= self.most)
    }

    /// What is found at the end.
    ///
    /// # Errors
    /// Where no layout has a ledger: why not even the run itself has one.
    pub fn found(&self, model: &Model, scenario: &Scenario, gpu: &Gpu) -> Result<&Plan, EstimateError> {
        if self.plan.tried == 0 {
            check(model, scenario)?;
            estimate(model, scenario, Some(gpu))?;
        }
        Ok(&self.plan)
    }

    /// Looks at one more layout.
    ///
    /// # Errors
    /// Where the allocator of one whose tensors fit cannot be played out.
    pub fn go_on(&mut self, model: &Model, gpu: &Gpu) -> Result<(), EstimateError> {
        if self.looked_at < self.layouts.len() {
            self.look_at(self.looked_at, model, gpu);
            self.looked_at += 1;
            if self.looked_at == self.layouts.len() {
                // The last is played first. Of equally fast ones that is the leanest, and of those the first found.
                self.within.reverse();
                self.within.sort_by(|one, other| {
                    let rates = [one, other].map(|candidate| candidate.cost.tokens_per_gpu());
                    rates[0].total_cmp(&rates[1]).then(other.total.cmp(&one.total))
                });
            }
            return Ok(());
        }
        match (self.within.pop(), self.beyond.take()) {
            (Some(candidate), beyond) => {
                self.beyond = beyond;
                self.play(&candidate, model, gpu)
            }
            (None, Some((run, _))) => {
                let (_, fit) = self.held(run, model, gpu)?;
                self.is_over(run, fit.needs);
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    /// Counts the tensors of a layout, with everything that is tried beside it.
    fn look_at(&mut self, layout: usize, model: &Model, gpu: &Gpu) {
        let rates = *self.rates.get_or_insert_with(|| Rates::of(model, gpu));
        self.runs.iter_mut().for_each(|run| self.layouts[layout].lay(run));
        let totals = totals(model, &self.runs, Some(gpu));
        for (beside, scenario) in self.runs.iter().enumerate() {
            let (Ok(total), Some(cost)) = (totals[beside].clone(), rates.cost(model, scenario)) else { continue };
            let run = (layout, beside);
            self.plan.tried += 1;
            if total <= gpu.capacity().unwrap_or(Bytes::MAX) {
                // What is computed again and saves nothing is slower for nothing.
                if !is_in_vain(&self.beside, &totals, beside) {
                    self.within.push(Candidate { run, cost, total });
                }
                continue;
            }
            self.plan.over += 1;
            if self.beyond.is_none_or(|(_, least)| total < least) {
                self.beyond = Some((run, total));
            }
        }
    }

    /// Plays the allocator of a layout out.
    fn play(&mut self, candidate: &Candidate, model: &Model, gpu: &Gpu) -> Result<(), EstimateError> {
        let Candidate { run, cost, .. } = *candidate;
        let (ledger, fit) = self.held(run, model, gpu)?;
        if fit.fits() {
            let stage = ledger.rank().pipeline;
            self.plan.nearest = None;
            self.plan.fitting.push(Planned { stage, scenario: self.run(run), fit, cost });
        } else {
            self.is_over(run, fit.needs);
        }
        Ok(())
    }

    /// The ledger of a layout with what the allocator holds, against the card.
    fn held(&self, run: Run, model: &Model, gpu: &Gpu) -> Result<(Ledger, Fit), EstimateError> {
        let run = self.run(run);
        let ledger = with_allocator(estimate(model, &run, Some(gpu))?, model, &run, Some(gpu))?;
        let fit = Fit::of(&ledger, gpu)?;
        Ok((ledger, fit))
    }

    fn is_over(&mut self, run: Run, needs: Bytes) {
        let nearer = self.plan.nearest.as_ref().is_none_or(|(_, least)| needs < *least);
        if self.plan.fitting.is_empty() && nearer {
            self.plan.nearest = Some((self.run(run), needs));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::played;
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
