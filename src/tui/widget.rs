//! Widgets of our own.

pub mod bar;
