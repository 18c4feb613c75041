//! Which attention a model's code has.

use crate::families::of_model;
use crate::ledger::EstimateError;
use crate::model::Model;
use crate::scenario::Attention;

/// An error where a fused kernel is asked for and none computes the attention of this family.
pub(super) fn check_attention(model: &Model, key: &'static str, attention: Attention) -> Result<(), EstimateError> {
    if attention == Attention::Flash && of_model(model).eager_only {
        let (value, covered) = (String::from("flash"), format!("eager, for {}", model.family.id));
        return Err(EstimateError::NotCovered { key, value, covered });
    }
    Ok(())
}
