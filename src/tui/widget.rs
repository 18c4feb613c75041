//! Widgets of our own.

pub(crate) mod bar;
pub(crate) mod gauge;
