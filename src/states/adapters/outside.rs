//! What is trained of embedding and head beside adapters in layers: copies of their matrices, or adapters of their own.

use super::nearest;
use crate::families;
use crate::ledger::EstimateError;
use crate::model::parameters::{Block, BlockParameters, Role, Tensor};
use crate::model::part::{Part, Piece};
use crate::model::{Architecture, Model};
use crate::scenario::{Loss, Train};

const SAVED: &str = "train.modules_to_save";
const ROWS: &str = "train.trainable_token_indices";
const TARGETS: &str = "train.lora_targets";

/// The parts outside the layers, in the order of modules.
const PARTS: [Part; 2] = [Part::TokenEmbedding, Part::Head];

/// Whether a model has an embedding and a head as a decoder has them.
pub(super) const fn is_covered(architecture: &Architecture) -> bool {
    let decodes = architecture.encoder.is_none() && architecture.seq2seq.is_none() && architecture.image.is_none();
    decodes && architecture.embedding_size == architecture.hidden_size
}

/// The head's matrix of a model that has the embedding's for it: what is adapted or copied of it is the head's own.
pub(super) fn tied_head(architecture: &Architecture) -> Option<BlockParameters> {
    let ties = architecture.tie_word_embeddings && is_covered(architecture);
    let (rows, columns) = (architecture.vocab_size, architecture.embedding_size);
    let matrix = Tensor { part: Part::Head, piece: Piece::Weight, rows, columns, pieces: 1, role: Role::Linear };
    ties.then(|| BlockParameters::outside(Block::Head, vec![matrix]))
}

/// The parts of which `train.modules_to_save` names a copy.
pub(super) fn saved(model: &Model, train: &Train) -> Result<Vec<Part>, EstimateError> {
    let modules = families::member(model.family).modules;
    let of_module = |name: &String| PARTS.into_iter().find(|part| modules.of(*part).contains(&name.as_str()));
    let named = |word: &String| {
        of_module(word).filter(|_| is_covered(&model.architecture)).ok_or_else(|| {
            let names = PARTS.iter().flat_map(|part| modules.of(*part).iter().copied());
            let names: Vec<&str> = names.filter(|_| is_covered(&model.architecture)).collect();
            let near =
                nearest(word, names.iter().copied()).map_or(String::new(), |near| format!(" (did you mean `{near}`?)"));
            let covered = if names.is_empty() { String::from("none") } else { names.join(", ") };
            EstimateError::NotCovered {
                key: SAVED,
                value: word.clone(),
                covered: format!("{covered}, for {}{near}", model.id),
            }
        })
    };
    let saved = train.modules_to_save.iter().map(named).collect::<Result<Vec<Part>, _>>()?;
    Ok(PARTS.into_iter().filter(|part| saved.contains(part)).collect())
}

/// What is not known of training some rows, and what PEFT refuses.
fn check_rows(model: &Model, train: &Train, adapted: &[Part], saved: &[Part]) -> Result<(), EstimateError> {
    let (rows, vocabulary) = (train.trainable_token_indices, model.architecture.vocab_size);
    if rows > vocabulary {
        let problem = format!("{rows}, but {} has {vocabulary} tokens", model.id);
        return Err(EstimateError::Invalid { key: ROWS, problem });
    }
    let refuse = |covered: &str| {
        Err(EstimateError::NotCovered { key: ROWS, value: rows.to_string(), covered: format!("0, {covered}") })
    };
    if !is_covered(&model.architecture) {
        return refuse(&format!("for {}", model.id));
    }
    if !adapted.is_empty() || !saved.is_empty() {
        return refuse("where embedding or head have an adapter or a copy");
    }
    if model.architecture.tie_word_embeddings && model.architecture.lm_head_bias {
        return refuse("for a tied head with a bias");
    }
    Ok(())
}

/// What is not known of training outside the layers, and what PEFT refuses.
pub(super) fn check(model: &Model, train: &Train, targets: &[Part], saved: &[Part]) -> Result<(), EstimateError> {
    let adapted: Vec<Part> = PARTS.into_iter().filter(|part| targets.contains(part)).collect();
    let rows = train.trainable_token_indices;
    if rows > 0 {
        check_rows(model, train, &adapted, saved)?;
    } else if adapted.is_empty() && saved.is_empty() {
        return Ok(());
    }
    if let Some(both) = adapted.iter().find(|part| saved.contains(part)) {
        let problem =
            format!("the {} too, of which `{SAVED}` has a copy trained: name it in one of both", both.words());
        return Err(EstimateError::Invalid { key: TARGETS, problem });
    }
    let refuse = |key, value: String, covered: &str| {
        Err(EstimateError::NotCovered {
            key,
            value,
            covered: format!("{covered}, where embedding or head are trained"),
        })
    };
    if train.dora && !adapted.is_empty() {
        return refuse("train.dora", String::from("true"), "false");
    }
    if train.loss != Loss::Eager {
        return refuse("train.loss", train.loss.word().to_owned(), "eager");
    }
    let key = if saved.is_empty() { TARGETS } else { SAVED };
    let named = if saved.is_empty() { &train.lora_targets } else { &train.modules_to_save };
    let outside = || named.join(", ");
    if model.architecture.lm_head_bias && saved.contains(&Part::Head) {
        return refuse(key, outside(), "heads without a bias");
    }
    Ok(())
}
