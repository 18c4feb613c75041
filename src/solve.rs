//! Questions answered by running the ledger again: what single change would make it fit.

pub mod fixes;

pub use fixes::{Fix, fixes};
