//! Questions answered by running the ledger again: what single change would make it fit, how far a parameter goes.

mod bisect;
pub mod fewest;
pub mod fixes;
pub mod furthest;
mod judge;
pub mod largest;
mod layouts;
pub mod lineup;
pub mod plan;
mod points;

pub use fewest::{Fewest, fewest};
pub use fixes::{Cost, Fix, fixes};
pub use furthest::{Furthest, furthest};
pub use judge::By;
pub use largest::{Largest, Stop, largest, surely};
pub use layouts::{keys as layout_keys, without_layout};
pub use points::Points;
