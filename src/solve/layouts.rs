//! The ways in which a framework can divide a run among its GPUs.

mod shapes;
mod stages;

use crate::memory::check;
use crate::model::Model;
use crate::model::architecture::FeedForward;
use crate::parallel::layout::divisors;
use crate::scenario::parameter::Parameter;
use crate::scenario::{Framework, Megatron, Parallel, Scenario, Strategy};

use self::stages::{OF_STAGES, Stages};
pub(super) use shapes::{Shape, least_common_multiple, shapes};

/// What a framework that has strategies is tried with, and what any other is.
const BY_STRATEGY: [&str; 2] = ["parallel.strategy", "parallel.zero"];
const BY_AXES: [&str; 10] = [
    "parallel.tensor",
    "parallel.sequence",
    "parallel.pipeline",
    "parallel.virtual_pipeline",
    "parallel.context",
    "parallel.expert",
    "parallel.expert_tensor",
    OF_STAGES[0],
    OF_STAGES[1],
    OF_STAGES[2],
];

/// The keys that layouts of a framework differ in.
pub fn keys(framework: &Framework) -> &'static [&'static str] {
    if framework.lays_out("strategy") { &BY_STRATEGY } else { &BY_AXES }
}

/// The strategies with the stages of each, those that exchange least first.
pub(super) const STRATEGIES: [(Strategy, u64); 8] = [
    (Strategy::Ddp, 0),
    (Strategy::Deepspeed, 1),
    (Strategy::Deepspeed, 2),
    (Strategy::Fsdp2, 2),
    (Strategy::Fsdp2, 3),
    (Strategy::Deepspeed, 3),
    (Strategy::Fsdp1, 2),
    (Strategy::Fsdp1, 3),
];

/// Groups beyond these sizes are in nobody's runs.
const MOST_TENSOR: u64 = 64;
const MOST_CONTEXT: u64 = 256;

/// Every layout of a training run on its GPUs that divides them and is legal, found without a ledger. What is `kept`, by its
/// key, is in all of them as the run has it.
pub(super) fn layouts(model: &Model, scenario: &Scenario, kept: &[&str]) -> Vec<Laid> {
    let all = if scenario.framework.lays_out("strategy") {
        by_strategy(scenario, kept)
    } else {
        let (axes, gpus) = (Axes::of(model, scenario, kept), scenario.gpus);
        axes.combined(&axes.dividing(&divisors(gpus)), |replica| gpus.is_multiple_of(replica))
    };
    let mut run = scenario.clone();
    let mut is_legal = |laid: &Laid| {
        laid.lay(&mut run);
        check(model, &run).is_ok()
    };
    all.into_iter().filter(|laid| is_legal(laid)).collect()
}

/// What a layout makes of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Laid {
    parallel: Parallel,
    stages: Stages,
}

impl Laid {
    /// The run in this layout.
    pub(super) fn of(&self, scenario: &Scenario) -> Scenario {
        let mut run = scenario.clone();
        self.lay(&mut run);
        run
    }

    /// Lays a run out so.
    pub(super) fn lay(&self, run: &mut Scenario) {
        run.parallel.clone_from(&self.parallel);
        self.stages.deal(run);
    }
}

/// A run without what tells layouts apart.
pub fn without_layout(scenario: &Scenario) -> Scenario {
    let (mut run, usual) = (scenario.clone(), Scenario::default());
    for parameter in keys(&scenario.framework).iter().filter_map(|key| Parameter::by_key(key).ok()) {
        // A default is a value of its parameter.
        let _ = parameter.set(&mut run, parameter.get(&usual));
    }
    run
}

fn by_strategy(scenario: &Scenario, kept: &[&str]) -> Vec<Laid> {
    let stages = Stages::own(scenario);
    if scenario.gpus == 1 {
        return vec![Laid { parallel: scenario.parallel.clone(), stages }];
    }
    let [strategy_is_kept, stage_is_kept] = BY_STRATEGY.map(|key| kept.contains(&key));
    let (own, stage) = (scenario.parallel.strategy, scenario.parallel.zero);
    let is_tried = |strategy: Strategy, zero: u64| {
        // FSDP1 is what FSDP2 replaces: tried where it is asked for.
        let of_strategy = if strategy_is_kept { strategy == own } else { strategy != Strategy::Fsdp1 };
        // Stage 0 is a strategy's own.
        of_strategy && (!stage_is_kept || zero == stage || stage == 0 && zero == strategy.stages()[0])
    };
    let tried = STRATEGIES.into_iter().filter(|(strategy, zero)| is_tried(*strategy, *zero));
    let parallel = |(strategy, zero)| Parallel { zero, strategy, ..scenario.parallel.clone() };
    tried.map(|tried| Laid { parallel: parallel(tried), stages }).collect()
}

/// What is known of the axes of a run before its GPUs are divided.
struct Axes<'a> {
    scenario: &'a Scenario,
    kept: &'a [&'a str],
    layers: u64,
    /// Experts of a layer; 1 where it has none.
    experts: u64,
}

/// What is combined: the sizes of each axis.
struct Sizes {
    tensor: Vec<u64>,
    stages: Vec<Stages>,
    context: Vec<u64>,
    expert: Vec<u64>,
}

impl<'a> Axes<'a> {
    fn of(model: &Model, scenario: &'a Scenario, kept: &'a [&'a str]) -> Self {
        let experts = model.architecture.groups.iter().filter_map(|group| match &group.layer.feed_forward {
            FeedForward::Experts(experts) => Some(experts.count),
            _ => None,
        });
        let (layers, experts) = (model.architecture.num_hidden_layers(), experts.max().unwrap_or(1));
        Self { scenario, kept, layers, experts }
    }

    /// Those of some sizes that an axis can have: its own where that is kept, 1 where the framework has no such axis.
    fn sizes(&self, key: &'static str, own: u64, most: u64, of: &[u64]) -> Vec<u64> {
        if self.kept.contains(&key) {
            vec![own]
        } else if key.strip_prefix("parallel.").is_some_and(|key| self.scenario.framework.lays_out(key)) {
            of.iter().copied().filter(|size| *size <= most).collect()
        } else {
            vec![1]
        }
    }

    /// The sizes that each axis can have, of these.
    fn dividing(&self, of: &[u64]) -> Sizes {
        let own = &self.scenario.parallel;
        let pipelines = self.sizes("parallel.pipeline", own.pipeline, self.layers, of);
        Sizes {
            tensor: self.sizes("parallel.tensor", own.tensor, MOST_TENSOR, of),
            stages: pipelines.into_iter().flat_map(|pipeline| self.stages(pipeline)).collect(),
            context: self.sizes("parallel.context", own.context, MOST_CONTEXT, of),
            expert: self.sizes("parallel.expert", own.expert, self.experts, of),
        }
    }

    /// How layers are dealt to so many stages, with as few pieces each first.
    fn stages(&self, pipeline: u64) -> Vec<Stages> {
        let own = self.scenario.parallel.virtual_pipeline;
        let keeps = OF_STAGES.iter().any(|key| self.kept.contains(key));
        let Megatron { pipeline_model_parallel_layout: written, decoder_first_pipeline_num_layers: first, .. } =
            &self.scenario.megatron;
        let way = if keeps || !written.is_empty() || first.is_some() {
            Some(Stages { pipeline, ..Stages::own(self.scenario) })
        } else {
            Stages::of(self.layers, pipeline)
        };
        let pieces = |way: Stages| self.sizes("parallel.virtual_pipeline", own, u64::MAX, &way.pieces(self.layers));
        way.into_iter().flat_map(|way| pieces(way).into_iter().map(move |pieces| Stages { pieces, ..way })).collect()
    }

    /// Over how many GPUs an expert's matrices are divided: as many as all others, or none.
    fn of_experts(&self, tensor: u64) -> Vec<Option<u64>> {
        let own = self.scenario.parallel.expert_tensor;
        let chooses = tensor > 1 && self.experts > 1 && self.scenario.framework.lays_out("expert_tensor");
        if own.is_some() || !chooses || self.kept.contains(&"parallel.expert_tensor") {
            vec![own]
        } else {
            vec![None, Some(1)]
        }
    }

    /// Every combination of these sizes in which GPUs of so many replicas can be had.
    fn combined(&self, sizes: &Sizes, divides: impl Fn(u64) -> bool) -> Vec<Laid> {
        let mut all = Vec::new();
        for tensor in sizes.tensor.iter().copied() {
            for stages in sizes.stages.iter().copied() {
                for context in sizes.context.iter().copied() {
                    if !divides(tensor.saturating_mul(stages.pipeline).saturating_mul(context)) {
                        continue;
                    }
                    for expert in sizes.expert.iter().copied() {
                        all.extend(self.of_experts(tensor).into_iter().map(|expert_tensor| {
                            let own = self.scenario.parallel.clone();
                            self.with(&Parallel { tensor, context, expert, expert_tensor, ..own }, stages)
                        }));
                    }
                }
            }
        }
        all
    }

    /// Such groups and stages. Tokens are divided wherever matrices are, unless something else is asked for.
    fn with(&self, parallel: &Parallel, stages: Stages) -> Laid {
        let kept = self.kept.contains(&"parallel.sequence");
        let sequence = if kept { parallel.sequence } else { parallel.tensor > 1 };
        let (pipeline, virtual_pipeline) = (stages.pipeline, stages.pieces);
        Laid { parallel: Parallel { sequence, pipeline, virtual_pipeline, ..parallel.clone() }, stages }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Layout;
    use crate::preset::Library;

    fn on(gpus: u64, framework: &str) -> Scenario {
        let framework = Library::embedded().framework(framework).unwrap();
        let mut scenario = Scenario { gpus, framework, ..Scenario::default() };
        scenario.follow_framework(|_| false);
        scenario
    }

    #[test]
    fn every_strategy_is_tried_and_what_is_kept_stays() {
        let library = Library::embedded();
        let model = library.model("llama-3.2-1b").unwrap();
        let tried = |set: &dyn Fn(&mut Parallel), kept: &[&str]| {
            let mut scenario = on(8, "transformers");
            set(&mut scenario.parallel);
            let of = |laid: &Laid| (laid.parallel.strategy, Layout::of(&laid.of(&scenario)).unwrap().zero);
            layouts(model, &scenario, kept).iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(tried(&|_| (), &[]), STRATEGIES[..6]);
        let flat = tried(&|it| it.strategy = Strategy::Fsdp1, &["parallel.strategy"]);
        assert_eq!(flat, [(Strategy::Fsdp1, 2), (Strategy::Fsdp1, 3)]);
        let every: usize = [Strategy::Ddp, Strategy::Fsdp1, Strategy::Fsdp2, Strategy::Deepspeed]
            .map(|strategy| strategy.stages().len())
            .iter()
            .sum();
        assert_eq!(STRATEGIES.len(), every);
        assert!(STRATEGIES.iter().all(|(strategy, stage)| strategy.stages().contains(stage)));
        let second = tried(&|it| it.zero = 2, &["parallel.zero"]);
        assert_eq!(second, [(Strategy::Deepspeed, 2), (Strategy::Fsdp2, 2)]);
    }

    #[test]
    fn axes_divide_the_gpus_and_what_is_kept_stays() {
        let library = Library::embedded();
        let model = library.model("qwen3-30b-a3b").unwrap();
        let mut scenario = on(16, "megatron");
        let all = layouts(model, &scenario, &[]);
        assert!(all.iter().all(|laid| Layout::of(&laid.of(&scenario)).is_ok_and(|layout| layout.world == 16)));
        let has = |is: &dyn Fn(&Parallel) -> bool| all.iter().any(|laid| is(&laid.parallel));
        assert!(has(&|it| it.tensor == 4 && it.expert_tensor == Some(1) && it.expert == 8));
        assert!(has(&|it| it.tensor == 1 && it.context == 2 && it.pipeline == 8 && it.virtual_pipeline == 3));
        scenario.parallel.tensor = 4;
        let kept = layouts(model, &scenario, &["parallel.tensor"]);
        let of_four = all.iter().filter(|laid| laid.parallel.tensor == 4);
        assert_eq!(kept, of_four.cloned().collect::<Vec<_>>());
    }

    #[test]
    fn a_run_without_its_layout_is_the_same_whatever_that_was() {
        let sharded = ("transformers", [("parallel.strategy", "fsdp2"), ("parallel.zero", "3")]);
        let piped = ("megatron", [("parallel.pipeline", "4"), ("megatron.decoder_last_pipeline_num_layers", "3")]);
        for (framework, layout) in [sharded, piped] {
            let plain = on(16, framework);
            let mut laid_out = plain.clone();
            for (key, word) in layout {
                let parameter = Parameter::by_key(key).unwrap();
                parameter.set(&mut laid_out, parameter.parse(word).unwrap()).unwrap();
            }
            assert_ne!(laid_out, plain);
            assert_eq!(without_layout(&laid_out), plain);
        }
    }
}
