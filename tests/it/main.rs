//! Everything that is tested from outside, in one program that is linked once.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod adapters;
mod architecture;
mod blocks;
mod capacity;
mod checkpoints;
mod commands;
#[cfg(unix)]
mod completions;
mod compressed;
mod encoders;
mod engines;
mod files;
mod found;
mod gguf;
mod images;
mod import;
mod invariants;
mod kernels;
mod kimi;
mod legal;
mod litgpt;
mod megatron;
mod mixtures;
mod mutations;
mod objectives;
mod options;
mod others;
mod parallel;
mod presets;
#[cfg(feature = "tui")]
mod readme;
mod recurrent;
mod reference;
mod safetensors;
mod scripts;
mod seq2seq;
mod serving;
mod settings;
mod stored;
mod support;
mod torchtune;
mod towers;
mod trainers;
mod validate;
mod words;
mod zoo;
