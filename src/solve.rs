//! Questions answered by running the ledger again: what changes would make it fit, how far a parameter goes.

pub mod advice;
mod bisect;
pub mod fewest;
pub mod furthest;
mod judge;
pub mod largest;
mod layouts;
pub mod lineup;
pub mod plan;
mod points;
pub mod types;

pub use advice::{Advice, Cost, Fix, Subject, Told, advice, apply, room};
pub use fewest::{Fewest, fewest};
pub use furthest::{Furthest, furthest};
pub use judge::By;
pub use largest::{Largest, Stop, largest, surely};
pub use layouts::{keys as layout_keys, without_layout};
pub use points::Points;
