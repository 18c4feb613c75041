//! The programs that are described, each by its own rules, and what they have in common.

pub(crate) mod litgpt;
pub(crate) mod step;
pub(crate) mod torchtune;
pub(crate) mod transformers;
