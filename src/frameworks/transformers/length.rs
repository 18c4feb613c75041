//! How long sequences may be.

use crate::families::code::ScoreCode;
use crate::families::implementation;
use crate::ledger::EstimateError;
use crate::model::Model;
use crate::model::family::PositionKind;

/// An error where positions are learned, or have a bias made for the longest sequence, and a sequence is longer.
pub(crate) fn check_length(model: &Model, key: &'static str, tokens: u64) -> Result<(), EstimateError> {
    let most = model.architecture.max_position_embeddings;
    let learned = model.architecture.positions == PositionKind::Learned;
    let biased = implementation(model.family).scores == ScoreCode::BiasedThenFilled;
    if (learned || biased) && tokens > most {
        let kind = if learned { "learned positions" } else { "a bias of positions" };
        let problem = format!("{tokens} tokens, but {} has {kind} for {most}: use at most {most}", model.id);
        return Err(EstimateError::Invalid { key, problem });
    }
    Ok(())
}
