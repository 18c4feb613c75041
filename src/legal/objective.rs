//! What is learned of a model, and the class that it is learned with.

use crate::families;
use crate::ledger::EstimateError;
use crate::model::Model;
use crate::model::architecture::{Output, ScoreHead, Scores};
use crate::scenario::{Loss, Method, Objective, Reference, Scenario, Train};

/// What the class gives that a training run takes, where there is one; an error where there is none, or its training is
/// not described.
pub(crate) fn output(model: &Model, scenario: &Scenario) -> Result<Output, EstimateError> {
    let train = &scenario.train;
    let architecture = &model.architecture;
    let own = if architecture.image.is_some() { Objective::Classification } else { Objective::Mlm };
    let has_own = architecture.image.is_some() || architecture.encoder.is_some();
    match train.objective {
        Objective::Lm if matches!(architecture.output, Output::Answers(_)) => {
            return refuse(
                train,
                "token-classification, embedding, for a class that finds answers: its loss is not described",
            );
        }
        Objective::Lm if architecture.output.scores().is_some_and(|it| it.head == ScoreHead::Discriminator) => {
            return refuse(
                train,
                "mlm, classification, token-classification, embedding, for a class that tells replaced tokens: its loss \
                 is not described",
            );
        }
        Objective::Lm => return Ok(Output::Own),
        objective if objective == own && has_own => return Ok(Output::Own),
        Objective::Mlm => return refuse(train, "lm, for a model whose tokens do not see those after them"),
        _ if architecture.image.is_some() => return refuse(train, "lm, classification, for a model of images"),
        _ if architecture.seq2seq.is_some() => return refuse(train, "lm, for an encoder with a decoder"),
        _ => {}
    }
    let classes = families::member(model.family).classes();
    let scored = |labels, head: Option<ScoreHead>| {
        head.map(|head| Scores { labels, head, dropout: classes.drops(architecture, train.dropout, head) })
    };
    let class = |made: Option<Output>, name: &str| match made {
        Some(output) => Ok(output),
        None => refuse(train, &format!("lm, for {}: {name} is not described", model.family.id)),
    };
    match train.objective {
        Objective::Embedding => Ok(Output::Hidden),
        Objective::Reward => {
            let decoders = classes.sequences.filter(|head| *head == ScoreHead::LastToken);
            class(scored(1, decoders).map(Output::Sequences), "a score of its sequences")
        }
        Objective::TokenClassification => {
            class(scored(architecture.labels, classes.tokens).map(Output::Tokens), "a class for its tokens")
        }
        Objective::Classification => {
            class(scored(architecture.labels, classes.sequences).map(Output::Sequences), "a class for its sequences")
        }
        _ if architecture.encoder.is_some() => {
            refuse(train, "lm, mlm, classification, token-classification, embedding, for an encoder")
        }
        _ => by_trl(train).map(|()| Output::Own),
    }
}

/// An error where TRL's trainers do not learn so.
fn by_trl(train: &Train) -> Result<(), EstimateError> {
    let objective = train.objective.word();
    let refuse =
        |key, value: &str, covered: String| Err(EstimateError::NotCovered { key, value: value.to_owned(), covered });
    if train.loss != Loss::Trl {
        return refuse(
            "train.loss",
            train.loss.word(),
            format!("trl, for {objective}: TRL's trainers have their own head"),
        );
    }
    let own = if train.method == Method::Full { Reference::Copy } else { Reference::Adapter };
    let covered: &[Reference] = match train.objective {
        Objective::Grpo => &[Reference::None, own],
        Objective::Sft => return Ok(()),
        _ => &[own, Reference::Precomputed],
    };
    if !covered.contains(&train.reference) {
        let words: Vec<&str> = covered.iter().map(|reference| reference.word()).collect();
        let covered = format!("{}, for {objective} of {}", words.join(", "), train.method.word());
        return refuse("train.reference", train.reference.word(), covered);
    }
    if train.objective == Objective::Grpo && train.completion_length >= train.sequence_length {
        let problem = format!(
            "{} tokens, but a prompt and its completion are {} together (train.sequence_length): use fewer",
            train.completion_length, train.sequence_length
        );
        return Err(EstimateError::Invalid { key: "train.completion_length", problem });
    }
    Ok(())
}

/// What a policy is held against where nobody says: a copy of the model, or the model without its adapters.
pub(crate) fn usual_reference(train: &Train) -> Option<Reference> {
    let needs = matches!(train.objective, Objective::Dpo | Objective::Kto) && train.reference == Reference::None;
    needs.then_some(if train.method == Method::Full { Reference::Copy } else { Reference::Adapter })
}

/// What a model of its class learns where nobody says, where that is nothing over its vocabulary.
pub(crate) fn usual(model: &Model) -> Option<Objective> {
    match model.architecture.output {
        Output::Own | Output::Answers(_) => None,
        Output::Sequences(Scores { labels: 1, head: ScoreHead::LastToken, .. }) => Some(Objective::Reward),
        // What tells replaced tokens is fine-tuned to tell sequences apart.
        Output::Sequences(_) | Output::Tokens(Scores { head: ScoreHead::Discriminator, .. }) => {
            Some(Objective::Classification)
        }
        Output::Tokens(_) => Some(Objective::TokenClassification),
        Output::Hidden => Some(Objective::Embedding),
    }
}

fn refuse(train: &Train, covered: &str) -> Result<Output, EstimateError> {
    let (value, covered) = (train.objective.word().to_owned(), covered.to_owned());
    Err(EstimateError::NotCovered { key: "train.objective", value, covered })
}
