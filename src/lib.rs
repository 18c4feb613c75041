//! How full a GPU gets: which bytes a transformer needs, when, why, and what to change so that it fits.
//!
//! ```text
//!  presets ─► model ─┐
//!  gpus ───► gpu ────┼─► memory (the ledger) ─► report ─► cli
//!  files, keys ─► scenario ─┘                └─► tui (views)
//! ```
//!
//! Data flows one way. The memory model knows no terminal and no files; the terminal knows no formula.

pub mod cli;
pub mod families;
pub mod framework;
pub mod gpu;
pub mod import;
pub mod memory;
pub mod model;
pub mod preset;
pub mod report;
pub mod scenario;
pub mod solve;
#[cfg(feature = "tui")]
pub mod tui;
pub mod units;
pub mod validate;
