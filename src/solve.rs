//! Questions answered by running the ledger again: what single change would make it fit, how far a parameter goes.

mod bisect;
pub mod fixes;
pub mod largest;

pub use fixes::{Fix, fixes};
pub use largest::{Largest, Stop, largest};
