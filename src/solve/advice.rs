//! What to change: what makes a run fit, what comes nearest where nothing does, and what the room buys where it fits. Each
//! answer is a ledger of the changed run.

mod cards;
mod combine;
mod levers;
mod room;
mod serving;
mod trial;

use crate::gpu::Gpu;
use crate::memory::{Fit, Ledger, Verdict};
use crate::model::Model;
use crate::scenario::parameter::Parameter;
use crate::scenario::{LEADING, Scenario, Task, Value};
use crate::units::{Bytes, SignedBytes};

pub use self::room::room;

use self::combine::combined;
use self::trial::Trials;

/// Changes of a scenario, and what it needs afterwards.
#[derive(Debug, Clone, PartialEq)]
pub struct Fix {
    /// The parameters they set, by dotted key, with their new values.
    pub changes: Vec<(&'static str, Value)>,
    /// How many things are changed, of which one may take two parameters.
    pub steps: usize,
    /// The least capacity afterwards.
    pub needs: Bytes,
    /// Capacity less needs and margin; negative: what is still missing.
    pub headroom: SignedBytes,
    /// What to make of it.
    pub verdict: Verdict,
    /// What it costs.
    pub cost: Cost,
}

impl Fix {
    /// Whether the run fits with it, by the central estimate.
    pub const fn fits(&self) -> bool {
        !self.headroom.is_negative()
    }
}

/// What changes cost: the less, the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    /// Another card is needed.
    pub other_card: bool,
    /// The result of the run is another.
    pub other_result: bool,
    /// The run is slower.
    pub slower: bool,
}

impl Cost {
    const NOTHING: Self = Self { other_card: false, other_result: false, slower: false };
    const SPEED: Self = Self { slower: true, ..Self::NOTHING };
    const RESULT: Self = Self { other_result: true, ..Self::NOTHING };
    const CARD: Self = Self { other_card: true, ..Self::NOTHING };

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self { other_card: true, .. } => "another card",
            Self { other_result: true, slower: true, .. } => "slower, other result",
            Self { other_result: true, .. } => "changes the result",
            Self { slower: true, .. } => "slower, same result",
            _ => "costs nothing",
        }
    }

    const fn and(self, other: Self) -> Self {
        Self {
            other_card: self.other_card || other.other_card,
            other_result: self.other_result || other.other_result,
            slower: self.slower || other.slower,
        }
    }
}

/// One thing that can be changed.
#[derive(Debug, Clone, PartialEq)]
struct Lever {
    changes: Vec<(&'static str, Value)>,
    cost: Cost,
}

impl Lever {
    fn one(key: &'static str, value: Value, cost: Cost) -> Self {
        Self { changes: vec![(key, value)], cost }
    }

    fn word(key: &'static str, word: &str, cost: Cost) -> Self {
        Self::one(key, Value::Word(word.to_owned()), cost)
    }

    fn keys(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.changes.iter().map(|(key, _)| *key)
    }
}

/// What is known of a run, against a card.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The model.
    pub model: &'a Model,
    /// How it is run.
    pub scenario: &'a Scenario,
    /// The card.
    pub gpu: &'a Gpu,
    /// Whether nobody waits for the answer any more.
    pub is_cancelled: &'a dyn Fn() -> bool,
}

/// What can be said of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Advice {
    /// Changes after which it fits and needs less: of the same result before others, each time as few together as are
    /// enough, the cheaper first; last the smallest other card.
    pub fixes: Vec<Fix>,
    /// Where there are none, or none but another card: changes that come nearest.
    pub nearest: Vec<Fix>,
    /// Where it fits: how far each of these goes by itself.
    pub room: Vec<Fix>,
}

/// Which part of an advice a change stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Changes after which a run fits that does not.
    Fits,
    /// Those that come nearest.
    Nearest,
    /// Values that the room is enough for.
    Room,
    /// Changes after which a run that fits needs less.
    Less,
}

impl Advice {
    /// All of it in the order in which it is told.
    pub fn told(self, fits: bool) -> Vec<(Told, Fix)> {
        let Self { fixes, nearest, room } = self;
        let of = |told: Told, list: Vec<Fix>| list.into_iter().map(move |fix| (told, fix));
        let changes = of(if fits { Told::Less } else { Told::Fits }, fixes);
        of(Told::Nearest, nearest).chain(of(Told::Room, room)).chain(changes).collect()
    }
}

/// What to change of a run that does not fit, up to three things together, its ledger `now` played out on that card; of one
/// that fits the single changes after which it needs less, and what the room buys. Less than that where it is cancelled.
pub fn advice<'g>(subject: Subject<'_>, now: Ledger, others: impl IntoIterator<Item = (&'g str, &'g Gpu)>) -> Advice {
    let Subject { model, scenario, gpu, is_cancelled } = subject;
    let Ok(fit) = Fit::of(&now, gpu) else { return Advice::default() };
    let levers = match scenario.task {
        Task::Train => levers::training(scenario),
        Task::Infer => serving::serving(model, scenario, gpu),
    };
    let mut trials = Trials::of(subject, &now, &fit, levers);
    if !fit.fits() && !is_cancelled() {
        trials.add(levers::laid_out(model, scenario, gpu, is_cancelled));
    }
    let mut advice = combined(&mut trials, fit.fits());
    if fit.fits() {
        advice.room = room(subject, &now);
    } else {
        advice.fixes.extend(cards::roomier(subject, now, others));
    }
    advice
}

/// The scenario with these changes, and what follows from a method among them; none where a value is no change or is wrong.
pub fn apply(scenario: &Scenario, changes: &[(&'static str, Value)]) -> Option<Scenario> {
    let mut after = scenario.clone();
    for leads in [true, false] {
        for (key, value) in changes.iter().filter(|(key, _)| LEADING.contains(key) == leads) {
            Parameter::by_key(key).ok()?.set(&mut after, value.clone()).ok()?;
            if leads {
                after.follow_in_place_of(scenario, key);
            }
        }
    }
    (after != *scenario).then_some(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{estimate, played};
    use crate::preset::Library;
    use crate::scenario::{Estimator, Recompute};

    /// The advice for a run of a model on a card.
    pub(super) fn advised(model: &str, gpu: &str, scenario: &Scenario, others: bool) -> (Ledger, Advice) {
        let library = Library::embedded();
        let (model, gpu) = (library.model(model).unwrap(), library.gpu(gpu).unwrap());
        let now = played(model, scenario, Some(gpu)).unwrap();
        let cards = library.gpus().into_iter().filter(|_| others).map(|gpu| (gpu.id.as_str(), gpu));
        (now.clone(), advice(Subject { model, scenario, gpu, is_cancelled: &|| false }, now, cards))
    }

    fn holds(model: &str, gpu: &str, scenario: &Scenario, fix: &Fix) {
        let library = Library::embedded();
        let (model, gpu) = (library.model(model).unwrap(), library.gpu(gpu).unwrap());
        let ledger = played(model, &apply(scenario, &fix.changes).unwrap(), Some(gpu)).unwrap();
        let fit = Fit::of(&ledger, gpu).unwrap();
        assert_eq!((fit.needs, fit.verdict), (fix.needs, fix.verdict), "{fix:?}");
        assert_eq!(fit.fits(), fix.fits(), "{fix:?}");
    }

    fn word<'a>(fix: &'a Fix, key: &str) -> Option<&'a Value> {
        fix.changes.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    #[test]
    fn every_fix_fits_and_the_cheapest_comes_first() {
        let mut scenario = Scenario::default();
        scenario.train.sequence_length = 8192;
        let subject = ("llama-3.1-8b", "h100-sxm-80");
        let (_, found) = advised(subject.0, subject.1, &scenario, true);
        let other = found.fixes.last().unwrap();
        assert_eq!((other.cost, other.changes[0].0), (Cost::CARD, "gpu"));
        let recompute = [("train.recompute", Value::Word("full".into()))];
        assert!(found.fixes.iter().any(|fix| fix.changes == recompute && fix.cost == Cost::SPEED));
        assert!(found.fixes.windows(2).all(|pair| pair[0].cost <= pair[1].cost));
        assert!(found.nearest.is_empty() && found.room.is_empty());
        for fix in found.fixes.iter().filter(|fix| !fix.cost.other_card) {
            holds(subject.0, subject.1, &scenario, fix);
            assert!(fix.fits());
        }
    }

    /// The commonest question, to which a single change has no answer.
    #[test]
    fn two_changes_make_it_fit_where_none_does() {
        let mut scenario = Scenario::default();
        scenario.train.sequence_length = 8192;
        scenario.train.method = crate::scenario::Method::Lora;
        let subject = ("llama-3.1-8b", "rtx-4090");
        let (_, found) = advised(subject.0, subject.1, &scenario, false);
        let first = &found.fixes[0];
        assert_eq!((first.steps, first.cost), (2, Cost::SPEED), "{found:?}");
        assert_eq!(word(first, "train.recompute"), Some(&Value::Word("full".into())), "{found:?}");
        assert!(found.fixes.iter().any(|fix| word(fix, "train.loss") == Some(&Value::Word("fused".into()))));
        assert!(found.fixes.iter().any(|fix| fix.cost.other_result));
        found.fixes.iter().for_each(|fix| holds(subject.0, subject.1, &scenario, fix));
    }

    #[test]
    fn what_comes_nearest_says_what_is_still_missing() {
        let (scenario, subject) = (Scenario::default(), ("llama-3.1-405b", "rtx-4090"));
        let (now, found) = advised(subject.0, subject.1, &scenario, false);
        assert!(found.fixes.is_empty() && !found.nearest.is_empty());
        assert!(found.nearest.iter().any(|fix| fix.steps == 3));
        assert!(found.nearest.windows(2).all(|pair| pair[0].needs <= pair[1].needs));
        for fix in &found.nearest {
            holds(subject.0, subject.1, &scenario, fix);
            assert!(fix.headroom.is_negative() && fix.needs < now.total());
        }
    }

    #[test]
    fn the_room_is_enough_for_what_it_is_said_to_buy() {
        let mut scenario = Scenario::default();
        scenario.train.method = crate::scenario::Method::Lora;
        scenario.train.sequence_length = 1024;
        let subject = ("llama-3.2-1b", "rtx-4090");
        let (_, found) = advised(subject.0, subject.1, &scenario, false);
        let keys: Vec<&str> = found.room.iter().map(|fix| fix.changes[0].0).collect();
        assert_eq!(keys, ["train.micro_batch_size", "train.sequence_length", "train.lora_rank"]);
        found.room.iter().for_each(|fix| holds(subject.0, subject.1, &scenario, fix));
        let mut scenario = Scenario { task: Task::Infer, ..Scenario::default() };
        scenario.infer.context_length = 4096;
        let subject = ("llama-3.1-8b", "rtx-4090");
        let (_, found) = advised(subject.0, subject.1, &scenario, false);
        let values: Vec<_> = found.room.iter().map(|fix| fix.changes[0].clone()).collect();
        assert!(
            matches!(values[..], [("infer.concurrency", Value::Count(2..)), ("infer.context_length", _)]),
            "{values:?}"
        );
        found.room.iter().for_each(|fix| holds(subject.0, subject.1, &scenario, fix));
    }

    /// A method brings along what its framework has for it, as choosing it does.
    #[test]
    fn a_method_is_followed() {
        let library = Library::embedded();
        let scenario = Scenario { framework: library.framework("peft").unwrap(), ..Scenario::default() };
        let qlora = apply(&scenario, &[("train.method", Value::Word("qlora".into()))]).unwrap();
        assert_eq!(qlora.train.recompute, Recompute::Full);
        let changes = [("train.recompute", Value::Word("none".into())), ("train.method", Value::Word("qlora".into()))];
        let mut asked = apply(&scenario, &changes).unwrap();
        assert_eq!(asked.train.recompute, Recompute::None);
        asked.train.recompute = Recompute::Full;
        assert_eq!(asked, qlora);
    }

    #[test]
    fn a_layout_that_fits_is_one_change() {
        let library = Library::embedded();
        let framework = library.framework("megatron").unwrap();
        let mut scenario = Scenario { gpus: 32, framework, ..Scenario::default() };
        scenario.follow_framework(|_| false);
        let (_, found) = advised("llama-3.1-70b", "h100-sxm-80", &scenario, false);
        let laid = found.fixes.iter().find(|fix| word(fix, "parallel.tensor").is_some()).unwrap();
        holds("llama-3.1-70b", "h100-sxm-80", &scenario, laid);
        assert!(apply(&scenario, &laid.changes).unwrap().parallel.tensor > 1 && !laid.headroom.is_negative());
    }

    /// Though the weights alone are more than a card has where each has them all.
    #[test]
    fn weights_that_are_too_many_are_sharded() {
        let library = Library::embedded();
        let mut scenario = Scenario { gpus: 16, ..Scenario::default() };
        scenario.framework = library.framework("transformers").unwrap();
        scenario.train.recompute = Recompute::Full;
        let (_, found) = advised("llama-3.1-70b", "h200-sxm-141", &scenario, false);
        let sharded = [("parallel.strategy", Value::Word("fsdp2".into())), ("parallel.zero", Value::Count(3))];
        assert!(found.fixes.iter().any(|fix| fix.changes == sharded), "{found:?}");
    }

    /// It counts other weights than the model has, by which nothing is passed over.
    #[test]
    fn the_rule_of_thumb_leaves_no_change_untried() {
        let mut scenario = Scenario { task: Task::Infer, estimator: Estimator::Sketch, ..Scenario::default() };
        scenario.infer.context_length = 512;
        let (_, found) = advised("qwen3-235b-a22b", "h100-sxm-80", &scenario, false);
        let shorter = [("infer.context_length", Value::Count(256))];
        assert!(found.fixes.iter().any(|fix| fix.changes == shorter), "{found:?}");
    }

    /// The levers of a run, and whether it fits by its tensors with some of them moved.
    struct Exhaustive {
        scenario: Scenario,
        model: Model,
        gpu: Gpu,
        levers: Vec<Lever>,
    }

    impl Exhaustive {
        fn of(model: &str, gpu: &str, scenario: &Scenario) -> Self {
            let library = Library::embedded();
            let (model, gpu) = (library.model(model).unwrap().clone(), library.gpu(gpu).unwrap().clone());
            let levers = match scenario.task {
                Task::Train => levers::training(scenario),
                Task::Infer => serving::serving(&model, scenario, &gpu),
            };
            Self { scenario: scenario.clone(), model, gpu, levers }
        }

        fn fits(&self, moved: &[usize], by_allocator: bool) -> bool {
            let mut keys: Vec<&str> = moved.iter().flat_map(|lever| self.levers[*lever].keys()).collect();
            let all = keys.len();
            keys.sort_unstable();
            keys.dedup();
            let changes: Vec<_> = moved.iter().flat_map(|lever| self.levers[*lever].changes.clone()).collect();
            let by = if by_allocator { played } else { estimate };
            let ledger = |run: Scenario| by(&self.model, &run, Some(&self.gpu)).ok();
            let fit = apply(&self.scenario, &changes).and_then(ledger).and_then(|it| Fit::of(&it, &self.gpu).ok());
            keys.len() == all && fit.is_some_and(|fit| fit.fits())
        }

        /// The sets of so many levers, with the same result or another, that fit.
        fn sets(&self, size: usize, other_result: bool, by_allocator: bool) -> Vec<Vec<usize>> {
            let mut sets = vec![Vec::new()];
            for _ in 0..size {
                let more = |set: &Vec<usize>| {
                    let first = set.last().map_or(0, |last| last + 1);
                    (first..self.levers.len()).map(|lever| [&set[..], &[lever]].concat()).collect::<Vec<_>>()
                };
                sets = sets.iter().flat_map(more).collect();
            }
            let is = |set: &Vec<usize>| set.iter().any(|lever| self.levers[*lever].cost.other_result) == other_result;
            sets.into_iter().filter(|set| is(set) && self.fits(set, by_allocator)).collect()
        }
    }

    /// What is passed over without a ledger would not have fitted.
    #[test]
    fn no_single_fix_is_missed_where_weights_are_large() {
        for (id, card, task) in [
            ("llama-3.1-70b", "h100-sxm-80", Task::Infer),
            ("llama-3.1-70b", "h200-sxm-141", Task::Train),
            ("llama-3.1-8b", "rtx-4090", Task::Infer),
            ("kimi-k3", "h100-sxm-80", Task::Infer),
        ] {
            let scenario = Scenario { task, ..Scenario::default() };
            let (now, found) = advised(id, card, &scenario, false);
            let all = Exhaustive::of(id, card, &scenario);
            let singles = [false, true].map(|other| all.sets(1, other, true)).concat();
            let less = |set: &&Vec<usize>| {
                let changed = apply(&scenario, &all.levers[set[0]].changes).unwrap();
                played(&all.model, &changed, Some(&all.gpu)).unwrap().total() < now.total()
            };
            let wanted = singles.iter().filter(less).count();
            assert_eq!(found.fixes.iter().filter(|fix| fix.steps == 1).count(), wanted, "{id} {card}");
        }
    }

    /// Where two or three changes are enough by anybody's trying, they are found, and no more of them than there need be.
    #[test]
    fn as_few_changes_as_are_enough() {
        let run = |method: &str, tokens: u64| {
            let mut scenario = Scenario::default();
            scenario.train.method = crate::scenario::Method::from_word(method).unwrap();
            scenario.train.sequence_length = tokens;
            scenario
        };
        for (id, card, scenario) in [
            ("llama-3.1-8b", "rtx-4090", run("lora", 8192)),
            ("llama-3.1-8b", "rtx-4090", run("full", 4096)),
            ("qwen3-8b", "l40s", run("full", 8192)),
            ("gpt2", "t4", run("full", 1024)),
        ] {
            let (_, found) = advised(id, card, &scenario, false);
            let all = Exhaustive::of(id, card, &scenario);
            for other in [false, true] {
                let told = found.fixes.iter().filter(|fix| fix.cost.other_result == other).map(|fix| fix.steps).min();
                let enough = (1..=3).find(|size| !all.sets(*size, other, false).is_empty());
                let enough =
                    enough.filter(|_| told.is_some() || !other || !found.fixes.iter().any(|fix| fix.steps == 1));
                // By tensors there may be fewer: what the allocator adds is then too much.
                assert_eq!(told.is_some(), enough.is_some(), "{id} {card} {other}: {told:?} {enough:?}");
                assert!(told >= enough, "{id} {card} {other}: {told:?} {enough:?}");
            }
        }
    }
}
