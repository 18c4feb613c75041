//! Presets and scenario files: TOML in, domain types out.
//!
//! Those embedded in the binary and those in a user's folder are read by the same code; every complaint says where.

pub mod config;
mod facts;
mod framework;
mod gpu;
pub(crate) mod hub;
pub mod keys;
mod library;
mod listing;
pub(crate) mod model;
mod rows;
pub mod save;
pub mod scenario;
pub mod theme;
pub mod write;

use std::ffi::OsStr;
use std::path::PathBuf;

pub use crate::located::{Place, PresetError};
pub use facts::Facts;
pub use library::Library;
pub use listing::Listing;
pub use rows::Row;

/// Where this user's own presets, keys, themes and settings are, by the environment.
pub fn own_folder() -> Option<PathBuf> {
    user_dir(std::env::var_os("XDG_CONFIG_HOME").as_deref(), std::env::var_os("HOME").as_deref())
}

/// A path that somebody wrote, in which `~/` stands for the home folder, as in a shell.
pub fn at_home(path: &str) -> String {
    match (path.strip_prefix("~/"), std::env::var("HOME")) {
        (Some(rest), Ok(home)) => format!("{home}/{rest}"),
        _ => path.to_owned(),
    }
}

/// Where a user's own presets live, from the values of `XDG_CONFIG_HOME` and `HOME`: `$XDG_CONFIG_HOME/brimful`, else
/// `$HOME/.config/brimful`. An empty or relative `XDG_CONFIG_HOME` counts as unset, as the XDG specification has it.
pub fn user_dir(xdg_config_home: Option<&OsStr>, home: Option<&OsStr>) -> Option<PathBuf> {
    let config = xdg_config_home.map(PathBuf::from).filter(|path| path.is_absolute());
    let home = home.filter(|home| !home.is_empty()).map(|home| PathBuf::from(home).join(".config"));
    config.or(home).map(|folder| folder.join("brimful"))
}
