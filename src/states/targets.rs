//! The words of `train.lora_targets` for trainers that adapt the feed-forward network whole or not at all.

use crate::ledger::EstimateError;
use crate::model::Model;
use crate::model::architecture::FeedForward;
use crate::model::family::MlpKind;
use crate::scenario::Train;
use crate::scenario::parameter::nearest;

const KEY: &str = "train.lora_targets";

/// Query, key, value, output projection; the feed-forward network, which is all of the next three; the head.
const WORDS: [&str; 8] = ["q", "k", "v", "o", "gate", "up", "down", "head"];

/// What has adapters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Targets {
    /// Whether query, key and value have one.
    pub(crate) projected: [bool; 3],
    /// Whether the output projection has one.
    pub(crate) output: bool,
    /// Whether the feed-forward network's matrices have one.
    pub(crate) mlp: bool,
    /// Whether the head has one.
    pub(crate) head: bool,
}

impl Targets {
    /// What a run of `program` asks for.
    pub(crate) fn of(model: &Model, train: &Train, program: &str) -> Result<Self, EstimateError> {
        let targets = &train.lora_targets;
        if let Some(unknown) = targets.iter().find(|target| !WORDS.contains(&target.as_str())) {
            let near = nearest(unknown, WORDS).map_or(String::new(), |near| format!(" (did you mean `{near}`?)"));
            return invalid(format!("{program} has no `{unknown}`{near}; it has {}", WORDS.join(", ")));
        }
        if targets.is_empty() {
            return invalid(format!("empty; {program} has {}", WORDS.join(", ")));
        }
        let named = |word: &str| targets.iter().any(|target| target == word);
        let plain = model.architecture.groups.iter().all(|group| match &group.layer.feed_forward {
            FeedForward::Dense(mlp) => mlp.kind == MlpKind::Plain,
            FeedForward::Experts(_) | FeedForward::Linear | FeedForward::None => false,
        });
        let network = if plain { &["up", "down"][..] } else { &["gate", "up", "down"] };
        let mlp = network.iter().all(|word| named(word));
        if !mlp && network.iter().any(|word| named(word)) {
            let all = network.join(", ");
            return invalid(format!(
                "a part of the feed-forward network; {program} adapts all of it or none: name {all}"
            ));
        }
        if plain && named("gate") && targets.len() == 1 {
            return invalid(format!("{} has no `gate`", model.id));
        }
        Ok(Self { projected: ["q", "k", "v"].map(named), output: named("o"), mlp, head: named("head") })
    }
}

/// An error about the targets.
pub(crate) fn invalid<T>(problem: String) -> Result<T, EstimateError> {
    Err(EstimateError::Invalid { key: KEY, problem })
}
