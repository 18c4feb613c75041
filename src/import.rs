//! Models from files that others wrote.

mod assume;
mod blocks;
mod bloom;
mod compressed;
pub mod config;
mod deepseek;
mod ernie;
mod falcon;
mod gemma;
mod gpt;
mod hybrid;
mod json;
mod keys;
mod kimi;
mod layers;
mod llama;
mod mimo;
mod minimax;
mod mpt;
mod published;
mod python;
mod seq2seq;
mod step;
mod tower;
mod twins;
mod vision;
mod whole;
