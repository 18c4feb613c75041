//! Hugging Face Transformers 5.23 under PyTorch 2.15: which operations each family's modelling code is made of.
//!
//! Read off that code and measured with autograd's own saved tensors; the models it was checked on are the cases of
//! `tests/reference`. The rows of the families stand in [`crate::families`].

use crate::families;
use crate::model::{Family, Model};

pub use crate::families::code::*;
pub use crate::families::implementation;

/// The version that is described, as entries name it.
pub const SOURCE: &str = "Transformers 5.23 modelling code under PyTorch 2.15 autograd, measured";

/// The same for families on which no step was measured.
pub const DERIVED: &str = "Transformers 5.23 modelling code, derived from its tensors, not measured";

/// The modelling code of a model: that of its family, unmeasured where its structure was only assumed.
pub fn of_model(model: &Model) -> Implementation {
    let code = implementation(model.family);
    Implementation { measured: code.measured && model.card.assumed.is_none(), ..code }
}

/// The names that modules of a family have for a linear layer, by which PEFT finds its targets.
pub fn module_names(family: &Family, linear: &str) -> &'static [&'static str] {
    families::member(family).modules.of(linear)
}

/// Whether PEFT reads `gate_proj`, `up_proj` and `down_proj` as the stacked matrices of this family's experts.
pub fn adapts_experts(family: &Family) -> bool {
    families::member(family).modules.stacked_experts
}
