//! What an input names: a preset, a file, a folder; and the cases that predictions are held against.

pub mod case;
mod find;

pub use find::{Input, find_model, model_of, named_in, path_word, what_is};
