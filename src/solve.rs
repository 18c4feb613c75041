//! Questions answered by running the ledger again: what single change would make it fit, how far a parameter goes.

mod bisect;
pub mod fixes;
pub mod furthest;
pub mod largest;

pub use fixes::{Cost, Fix, fixes};
pub use furthest::{Furthest, furthest};
pub use largest::{Largest, Stop, largest, surely};
