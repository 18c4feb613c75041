//! Models from files that others wrote.

pub mod config;
mod experts;
mod json;
mod legacy;
