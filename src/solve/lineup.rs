//! Every model of a catalogue on one card, run one way: what fits there, and how far it goes.

use std::cmp::{Ordering, Reverse};

use super::{By, Points, bisect, largest};
use crate::gpu::Gpu;
use crate::memory::{EstimateError, Fit, Suited, beyond_positions, suit};
use crate::model::Model;
use crate::scenario::parameter::Parameter;
use crate::scenario::{Scenario, Task};

/// A model on a card.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The run, made one that the model can do.
    pub scenario: Scenario,
    /// What was made of it for that.
    pub suited: Vec<Suited>,
    /// That its sequences are longer than those that the model was made for.
    pub beyond: Option<String>,
    /// The run against the card, or why it has no ledger.
    pub fit: Result<Fit, EstimateError>,
}

impl Candidate {
    /// A run with another model, which scenarios name by `word`; what was asked for, by its key, stays as it is.
    pub fn of((word, model): (&str, &Model), run: &Scenario, gpu: &Gpu, by: By, asked: impl Fn(&str) -> bool) -> Self {
        let mut scenario = Scenario { model: word.to_owned(), ..run.clone() };
        let suited = suit(model, &mut scenario, asked);
        let ledger = by.ledger(model, &scenario, Some(gpu));
        let fit = ledger.and_then(|ledger| Ok(Fit::of(&ledger, gpu)?));
        let beyond = beyond_positions(model, &scenario);
        Self { scenario, suited, beyond, fit }
    }

    /// What is to be said of it: why it has no ledger, what was made of it, or that it is longer than the model was made for.
    pub fn note(&self) -> Option<String> {
        let of_ledger = self.fit.as_ref().err().map(ToString::to_string);
        let of_suit = || self.suited.iter().copied().map(Suited::words);
        let words = of_ledger.map_or_else(|| of_suit().chain(self.beyond.clone()).collect(), |reason| vec![reason]);
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// Whether it fits, by the central estimate.
    pub fn fits(&self) -> bool {
        self.fit.as_ref().is_ok_and(Fit::fits)
    }
}

/// What grows until a card is full, where nothing else is asked for: what trains takes a batch, what serves a context.
pub const fn usual_quantity(task: Task) -> &'static str {
    match task {
        Task::Train => "train.micro_batch_size",
        Task::Infer => "infer.context_length",
    }
}

/// Lengths, of which a model has learned so many and no more.
const LENGTHS: [&str; 2] = ["train.sequence_length", "infer.context_length"];

/// The largest value of a parameter with which a run fits a card, by the central estimate; of a length no more than the
/// model was made for. None where not even the smallest fits.
///
/// # Errors
/// Where the run has no ledger with the smallest value, or the search is cancelled.
pub fn most(
    model: &Model,
    scenario: &Scenario,
    gpu: &Gpu,
    key: &str,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Option<u64>, EstimateError> {
    let parameter = Parameter::by_key(key);
    let parameter = parameter.map_err(|error| EstimateError::Invalid { key: "model", problem: error.message })?;
    let made_for = Some(model.architecture.max_position_embeddings).filter(|it| *it > 0 && LENGTHS.contains(&key));
    let points = |by| {
        let mut points = Points::of(model, scenario, Some(gpu), parameter, by)?.until(is_cancelled);
        points.ends[1] = made_for.unwrap_or(u64::MAX).min(points.ends[1]).max(points.ends[0]);
        Ok::<_, EstimateError>(points)
    };
    // Tensors are quick and never less than the allocator allows: it is played out below them alone.
    let Some(end) = largest(&points(By::Tensors)?)?.value else { return Ok(None) };
    let played = points(By::Allocator)?;
    let found = bisect::last_before(played.ends[0], end, |value| played.fits(value));
    played.go_on()?;
    Ok(found)
}

/// In which order models on a card are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// What fills the card most and fits comes first, then what is over by least.
    #[default]
    Fullest,
    /// What needs least comes first.
    Smallest,
    /// What was released last comes first.
    Newest,
    /// By name.
    Name,
}

/// What a model is sorted by.
#[derive(Debug, Clone, Copy)]
pub struct Rank<'a> {
    /// The run against the card, where it is known.
    pub fit: Option<&'a Fit>,
    /// `2024-07`.
    pub released: Option<&'a str>,
    /// The name that people use.
    pub name: &'a str,
}

impl Order {
    /// The next one, round and round.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Fullest => Self::Smallest,
            Self::Smallest => Self::Newest,
            Self::Newest => Self::Name,
            Self::Name => Self::Fullest,
        }
    }

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Fullest => "fullest first",
            Self::Smallest => "smallest first",
            Self::Newest => "newest first",
            Self::Name => "by name",
        }
    }

    /// Which of two models comes first.
    pub fn compare(self, one: &Rank<'_>, other: &Rank<'_>) -> Ordering {
        match self {
            Self::Fullest => fullness(one.fit).cmp(&fullness(other.fit)),
            Self::Smallest => needs(one.fit).cmp(&needs(other.fit)),
            Self::Newest => Reverse(one.released).cmp(&Reverse(other.released)),
            Self::Name => one.name.to_lowercase().cmp(&other.name.to_lowercase()),
        }
    }
}

/// What fits comes first, then what does not, then what is not known; each the nearer to capacity the sooner.
fn fullness(fit: Option<&Fit>) -> (u8, u64) {
    let near = |fit: &Fit| fit.headroom.magnitude().get();
    match fit {
        Some(fit) => (u8::from(!fit.fits()), near(fit)),
        None => (2, 0),
    }
}

fn needs(fit: Option<&Fit>) -> (bool, u64) {
    (fit.is_none(), fit.map_or(0, |fit| fit.needs.get()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Library;

    #[test]
    fn a_model_is_made_to_run_unless_somebody_asked_otherwise() {
        let library = Library::embedded();
        let (model, gpu) = (library.model("gpt2").unwrap(), library.gpu("t4").unwrap());
        let run = |asked: bool| Candidate::of(("gpt2", model), &Scenario::default(), gpu, By::Allocator, |_| asked);
        let adapted = run(false);
        assert_eq!(adapted.scenario.train.sequence_length, 1024);
        assert_eq!(adapted.suited, [Suited::Length { tokens: 1024, image: false }]);
        assert!(adapted.fits());
        let asked = run(true);
        assert!(!asked.fits() && asked.suited.is_empty());
        assert!(matches!(asked.fit, Err(EstimateError::Invalid { key: "train.sequence_length", .. })));
    }

    #[test]
    fn the_most_is_the_largest_that_fits_and_no_longer_than_was_learned() {
        let library = Library::embedded();
        let (scenario, gpu) = (Scenario::default(), library.gpu("rtx-4090").unwrap());
        let model = library.model("llama-3.2-1b").unwrap();
        for key in ["train.micro_batch_size", "train.sequence_length"] {
            let parameter = Parameter::by_key(key).unwrap();
            let points = Points::of(model, &scenario, Some(gpu), parameter, By::Allocator).unwrap();
            let found = most(model, &scenario, gpu, key, &|| false).unwrap();
            assert_eq!(found, largest(&points).unwrap().value, "{key}");
        }
        let (large, serving) =
            (library.gpu("h200-sxm-141").unwrap(), Scenario { task: Task::Infer, ..scenario.clone() });
        assert_eq!(most(model, &serving, large, usual_quantity(Task::Infer), &|| false), Ok(Some(131_072)));
        let huge = library.model("llama-3.1-405b").unwrap();
        assert_eq!(most(huge, &scenario, gpu, usual_quantity(Task::Train), &|| false), Ok(None));
        let cancelled = most(model, &scenario, gpu, usual_quantity(Task::Train), &|| true);
        assert_eq!(cancelled, Err(EstimateError::Cancelled));
    }

    #[test]
    fn the_fullest_that_fits_comes_first_and_what_is_unknown_last() {
        let library = Library::embedded();
        let gpu = library.gpu("rtx-4090").unwrap();
        let ids = ["llama-3.1-405b", "smollm2-135m", "llama-3.2-1b", "llama-3.1-8b"];
        let run = |id: &&str| {
            let model = library.model(id).unwrap();
            Candidate::of((*id, model), &Scenario::default(), gpu, By::Tensors, |_| false).fit.unwrap()
        };
        let fits: Vec<Fit> = ids.iter().map(run).collect();
        let mut ranks: Vec<Rank<'_>> =
            ids.iter().zip(&fits).map(|(name, fit)| Rank { fit: Some(fit), released: None, name }).collect();
        ranks.insert(0, Rank { fit: None, released: Some("2030-01"), name: "unknown" });
        let sorted = |order: Order| {
            let mut ranks = ranks.clone();
            ranks.sort_by(|one, other| order.compare(one, other));
            ranks.iter().map(|rank| rank.name).collect::<Vec<_>>()
        };
        assert_eq!(sorted(Order::Fullest)[..3], ["llama-3.2-1b", "smollm2-135m", "llama-3.1-8b"]);
        assert_eq!(sorted(Order::Smallest)[..2], ["smollm2-135m", "llama-3.2-1b"]);
        assert_eq!(sorted(Order::Fullest)[4], "unknown");
        assert_eq!(sorted(Order::Newest)[0], "unknown");
        assert_eq!(sorted(Order::Name)[3], "smollm2-135m");
        assert_eq!([Order::default(); 1].map(|it| it.next().next().next().next()), [Order::Fullest]);
    }
}
