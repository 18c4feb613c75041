//! Models from files that others wrote.

mod assume;
mod blocks;
mod compressed;
pub mod config;
mod encoders;
mod experts;
mod hybrid;
mod json;
mod kimi;
mod legacy;
mod mixtures;
mod modern;
mod seq2seq;
mod sparse;
mod vision;
