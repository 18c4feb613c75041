//! How full a GPU gets: which bytes a transformer needs, when, why, and what to change so that it fits.
//!
//! ```text
//!  presets ─► model ─┐
//!  gpus ───► gpu ────┼─► memory (the ledger) ─► report ─► cli
//!  files, keys ─► scenario ─┘                └─► tui (views)
//! ```
//!
//! Data flows one way. The memory model knows no terminal and no files; the terminal knows no formula.

mod allocator;
pub mod cli;
pub mod families;
mod frameworks;
pub mod gpu;
pub mod import;
mod layers;
mod ledger;
mod legal;
mod located;
pub mod memory;
pub mod model;
pub mod open;
mod parallel;
pub mod preset;
pub mod report;
pub mod scenario;
mod sequence;
mod shape;
pub mod solve;
mod states;
mod tape;
#[cfg(feature = "tui")]
pub mod tui;
pub mod units;
pub mod validate;
