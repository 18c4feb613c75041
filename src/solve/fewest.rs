//! The fewest cards on which a run fits, and the layout in which it does.

use super::bisect;
use super::layouts::{Shape, least_common_multiple, shapes};
use super::plan::{Range, plan};
use crate::gpu::Gpu;
use crate::memory::{EstimateError, Fit, fits, played, totals};
use crate::model::Model;
use crate::scenario::Scenario;
use crate::units::Bytes;

/// The fewest cards.
#[derive(Debug, Clone, PartialEq)]
pub struct Fewest {
    /// The run on so many, in the layout that is the fastest of those that fit, by estimate; nothing where no number is enough.
    pub run: Option<Box<Scenario>>,
    /// What that needs of each; where nothing fits, what the leanest layout needs on as many as are looked at.
    pub needs: Bytes,
    /// What the leanest layout needs on the next smaller number that has one.
    pub fewer: Option<(u64, Bytes)>,
}

/// More cards than any job has.
const MOST: u64 = 1 << 17;

/// The fewest cards, of so many that a job would be given: up to a node's any, then whole nodes. What is kept, by the
/// range, is in the layout as the run has it.
///
/// More replicas never hold more of a shape of groups, so that the fewest of every shape are found by halving.
///
/// # Errors
/// Where the run has no legal layout.
pub fn fewest(model: &Model, scenario: &Scenario, gpu: &Gpu, range: &Range) -> Result<Fewest, EstimateError> {
    let on = |gpus| Scenario { gpus, ..scenario.clone() };
    let shapes = shapes(model, scenario, &range.kept);
    let search = Search { model, scenario, gpu, shapes: &shapes };
    let gpus = if fits(model, &on(1), gpu) == Ok(true) { Some(1) } else { search.fewest() };
    if let Some(gpus) = gpus
        && let Some(planned) = plan(model, &on(gpus), gpu, (range, 1), &|| false)?.fitting.pop()
    {
        let (needs, run) = (planned.fit.needs, Some(Box::new(planned.scenario)));
        return Ok(Fewest { run, needs, fewer: search.fewer(gpus)? });
    }
    if shapes.is_empty() {
        Shape::own(scenario).check(model, scenario)?;
    }
    let most = |shape: &Shape| Some(shape.on(Counts::of(shape.fewest, gpu.node(), MOST + 1).last()?, scenario));
    let fit = match search.leanest(shapes.iter().filter_map(most).chain([on(1)]))? {
        Some(fit) => fit,
        // Why not even the run itself has a ledger.
        None => Fit::of(&played(model, &on(1), Some(gpu))?, gpu)?,
    };
    Ok(Fewest { run: None, needs: fit.needs, fewer: None })
}

/// A search through every shape.
struct Search<'a> {
    model: &'a Model,
    scenario: &'a Scenario,
    gpu: &'a Gpu,
    shapes: &'a [Shape],
}

impl Search<'_> {
    /// The fewest on which it fits in any shape.
    fn fewest(&self) -> Option<u64> {
        let fewer = |best: Option<u64>, shape| self.fewest_of(shape, best.unwrap_or(MOST + 1)).or(best);
        self.shapes.iter().fold(None, fewer)
    }

    /// The fewest on which it fits in a shape, where those are below a number.
    fn fewest_of(&self, shape: &Shape, below: u64) -> Option<u64> {
        let counts = Counts::of(shape.fewest, self.gpu.node(), below);
        let last = counts.len.checked_sub(1)?;
        let on = |index| shape.on(counts.nth(index), self.scenario);
        let capacity = self.gpu.capacity().ok()?;
        // Where tensors alone are too much, the allocator need not be played.
        let may_fit = |run: &Scenario| total(self.model, run, self.gpu).is_ok_and(|total| total <= capacity);
        let fits = |run: &Scenario| fits(self.model, run, self.gpu) == Ok(true);
        if !may_fit(&on(last)) || !fits(&on(last)) {
            return None;
        }
        let first = bisect::first(0, last, |index| may_fit(&on(index)));
        Some(counts.nth(bisect::first(first, last, |index| fits(&on(index)))))
    }

    /// What the leanest layout needs on the next smaller number that has one.
    fn fewer(&self, gpus: u64) -> Result<Option<(u64, Bytes)>, EstimateError> {
        let node = self.gpu.node();
        let below = |gpus: &u64| match gpus.checked_sub(1)? {
            0 => None,
            below => Some(if *gpus > node { below / node * node } else { below }),
        };
        for gpus in std::iter::successors(below(&gpus), below) {
            let shapes = self.shapes.iter().filter(|shape| gpus.is_multiple_of(shape.fewest));
            if let Some(fit) = self.leanest(shapes.map(|shape| shape.on(gpus, self.scenario)))? {
                return Ok(Some((gpus, fit.needs)));
            }
        }
        Ok(None)
    }

    /// Of some runs the one whose tensors are least, against the card.
    fn leanest(&self, runs: impl Iterator<Item = Scenario>) -> Result<Option<Fit>, EstimateError> {
        let totals = runs.filter_map(|run| Some((total(self.model, &run, self.gpu).ok()?, run)));
        let Some((_, run)) = totals.min_by_key(|(total, _)| *total) else { return Ok(None) };
        Ok(Some(Fit::of(&played(self.model, &run, Some(self.gpu))?, self.gpu)?))
    }
}

/// What the tensors of a run come to on its fullest card.
fn total(model: &Model, run: &Scenario, gpu: &Gpu) -> Result<Bytes, EstimateError> {
    totals(model, std::slice::from_ref(run), Some(gpu)).swap_remove(0)
}

/// The multiples of a number of GPUs that a job would be given: any up to a node's, then whole nodes.
struct Counts {
    of: u64,
    /// How many of them are up to a node's.
    within: u64,
    /// The least that is whole nodes.
    nodes: u64,
    /// How many times that the first is that is more than a node's.
    begin: u64,
    /// How many there are.
    len: u64,
}

impl Counts {
    /// Those below a number.
    fn of(of: u64, node: u64, below: u64) -> Self {
        let nodes = least_common_multiple(of, node);
        let (within, begin) = (node.min(below - 1) / of, node / nodes + 1);
        let beyond = ((below - 1) / nodes + 1).saturating_sub(begin);
        Self { of, within, nodes, begin, len: within + beyond }
    }

    fn nth(&self, index: u64) -> u64 {
        match index.checked_sub(self.within) {
            None => self.of * (index + 1),
            Some(beyond) => self.nodes * (self.begin + beyond),
        }
    }

    fn last(&self) -> Option<u64> {
        Some(self.nth(self.len.checked_sub(1)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Library;
    use crate::scenario::Recompute;

    #[test]
    fn a_job_is_given_part_of_a_node_or_whole_ones() {
        let all = |of, below| {
            let counts = Counts::of(of, 8, below);
            (0..counts.len).map(|index| counts.nth(index)).collect::<Vec<_>>()
        };
        assert_eq!(all(1, 25), [1, 2, 3, 4, 5, 6, 7, 8, 16, 24]);
        assert_eq!(all(3, 73), [3, 6, 24, 48, 72]);
        assert_eq!(all(16, 64), [16, 32, 48]);
        assert_eq!(all(12, 12), Vec::<u64>::new());
        assert_eq!(all(4, 8), [4]);
    }

    fn on_h100(id: &str, framework: &str, (sequence_length, recompute): (u64, Recompute)) -> (Fewest, Scenario, Range) {
        let library = Library::embedded();
        let (model, gpu) = (library.model(id).unwrap(), library.gpu("h100-sxm-80").unwrap());
        let mut scenario = Scenario { framework: library.framework(framework).unwrap(), ..Scenario::default() };
        scenario.follow_framework(|_| false);
        (scenario.train.sequence_length, scenario.train.recompute) = (sequence_length, recompute);
        let range = Range::of_layouts(&scenario, |_| false);
        (fewest(model, &scenario, gpu, &range).unwrap(), scenario, range)
    }

    /// On no number below is there a layout that a plan finds to fit, and on that one there is.
    #[test]
    fn plans_on_fewer_find_nothing() {
        let library = Library::embedded();
        let gpu = library.gpu("h100-sxm-80").unwrap();
        for (id, framework, run) in [
            ("llama-3.1-8b", "transformers", (8192, Recompute::None)),
            ("llama-3.1-8b", "megatron", (8192, Recompute::None)),
            ("qwen3-30b-a3b", "megatron", (4096, Recompute::Full)),
        ] {
            let (found, scenario, range) = on_h100(id, framework, run);
            let model = library.model(id).unwrap();
            let gpus = found.run.unwrap().gpus;
            assert!(gpus > 1, "{id} under {framework}");
            for fewer in (1..gpus).filter(|gpus| *gpus <= gpu.node() || gpus.is_multiple_of(gpu.node())) {
                let below = plan(model, &Scenario { gpus: fewer, ..scenario.clone() }, gpu, (&range, 1), &|| false);
                let Ok(below) = below else { continue };
                assert!(below.fitting.is_empty(), "{id} under {framework} on {fewer}");
                if let Some((_, needs)) = found.fewer.filter(|(gpus, _)| *gpus == fewer) {
                    assert_eq!(below.nearest.map(|(_, least)| least), Some(needs), "{id} under {framework}");
                }
            }
        }
    }

    /// In no power of two, and with stages that do not divide the layers.
    #[test]
    fn the_fewest_are_found_whatever_their_factors() {
        let (found, ..) = on_h100("llama-3.1-405b", "megatron", (4096, Recompute::Full));
        let run = found.run.unwrap();
        assert_eq!((run.gpus, run.parallel.tensor, run.parallel.pipeline), (104, 8, 13));
        assert_eq!(found.fewer.map(|(gpus, _)| gpus), Some(96));
    }

    /// `Illegal` is not `too little`.
    #[test]
    fn what_cannot_be_spread_is_refused() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("llama-3.1-8b").unwrap(), library.gpu("rtx-4090").unwrap());
        let scenario = Scenario { framework: library.framework("litgpt").unwrap(), ..Scenario::default() };
        let range = Range::of_layouts(&scenario, |_| false);
        let error = fewest(model, &scenario, gpu, &range).unwrap_err().to_string();
        assert!(error.starts_with("gpus"), "{error}");
    }
}
