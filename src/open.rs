//! What an input names: a preset, a file, a folder; and the cases that predictions are held against, with what
//! other estimators say of them.

pub mod case;
mod find;
mod folder;
pub mod others;
mod weights;

pub use find::{Input, arguments_of, find_model, model_of, named_by, named_in, of_hub, path_word, what_is};
pub use folder::config_of;
pub use weights::import;
