//! Widgets of our own.

pub(crate) mod bar;
pub(crate) mod gauge;
pub(crate) mod line;
pub(crate) mod panel;
