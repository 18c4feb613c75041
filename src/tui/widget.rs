//! Widgets of our own.

pub(crate) mod bar;
