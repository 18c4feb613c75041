//! Questions answered by running the ledger again: what single change would make it fit, how far a parameter goes.

mod bisect;
pub mod fixes;
pub mod furthest;
mod judge;
pub mod largest;
mod points;

pub use fixes::{Cost, Fix, fixes};
pub use furthest::{Furthest, furthest};
pub use judge::By;
pub use largest::{Largest, Stop, largest, surely};
pub use points::Points;
