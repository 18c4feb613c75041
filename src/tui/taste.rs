//! What a user has chosen for good: keys and looks, from files that say only what differs from everybody's.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use super::keymap::Keymap;
use super::theme::Theme;
use super::theme::colour::Depth;
use super::theme::styles::Styles;
use crate::located::PresetError;
use crate::preset::{Row, keys, theme as themes};

/// The keys that everybody has.
pub fn standard_keys() -> Arc<Keymap> {
    static STANDARD: LazyLock<Arc<Keymap>> =
        LazyLock::new(|| Arc::new(keymap_of(keys::embedded(), &Keymap::default()).unwrap_or_default()));
    Arc::clone(&STANDARD)
}

/// The keys of a file, in place of others.
fn keymap_of(rows: Result<Vec<Row>, PresetError>, others: &Keymap) -> Result<Keymap, PresetError> {
    let rows = rows?;
    others.with(rows.iter().map(|row| (row.name.as_str(), row.texts.as_slice()))).map_err(|(index, message)| {
        // Where all rows together are at fault, the last may stand for them.
        match index.or_else(|| rows.len().checked_sub(1)).and_then(|index| rows.get(index)) {
            Some(row) => row.error(message),
            None => PresetError::plain(message),
        }
    })
}

/// The styles that everybody has.
pub(crate) fn standard_styles() -> &'static Styles {
    static STANDARD: LazyLock<Styles> =
        LazyLock::new(|| styles_of(themes::find("default", &[]), Depth::Sixteen).unwrap_or(Styles::PLAIN));
    &STANDARD
}

/// The styles of a theme; roles that it does not name have none.
fn styles_of(rows: Result<Vec<Row>, PresetError>, depth: Depth) -> Result<Styles, PresetError> {
    let rows = rows?;
    let styles = Styles::PLAIN.with(rows.iter().map(|row| (row.name.as_str(), row.texts.as_slice())), depth);
    styles.map_err(|(index, message)| match rows.get(index) {
        Some(row) => row.error(message),
        None => PresetError::plain(message),
    })
}

/// The look of a theme by its name or path, in the colours of a terminal of this depth.
pub(super) fn look(name: &str, folders: &[PathBuf], base: Theme, depth: Depth) -> Result<Theme, PresetError> {
    let styles = styles_of(themes::find(name, folders), depth)?;
    Ok(base.in_styles(Box::leak(Box::new(styles))))
}

/// The look that is on, and what others are made of.
pub(super) struct Dress {
    /// It.
    pub(super) theme: Theme,
    base: Theme,
    depth: Depth,
    folders: Vec<PathBuf>,
    /// Themes that have been put on: their styles live as long as the program.
    known: Vec<(String, Theme)>,
}

impl Dress {
    /// A theme by its name or path, or everybody's.
    pub(super) fn of(
        name: Option<&str>,
        folders: &[PathBuf],
        (base, depth): (Theme, Depth),
    ) -> Result<Self, PresetError> {
        let mut dress = Self { theme: base, base, depth, folders: folders.to_vec(), known: Vec::new() };
        name.map_or(Ok(()), |name| dress.put_on(name)).map(|()| dress)
    }

    /// Puts another theme on; where it cannot be read, the one that is on stays.
    pub(super) fn put_on(&mut self, name: &str) -> Result<(), PresetError> {
        if let Some((_, theme)) = self.known.iter().find(|(known, _)| known == name) {
            self.theme = *theme;
            return Ok(());
        }
        self.theme = look(name, &self.folders, self.base, self.depth)?;
        self.known.push((name.to_owned(), self.theme));
        Ok(())
    }
}

/// Everybody's keys, but for what a file says.
///
/// # Errors
/// Where the file cannot be read, or what it says cannot be.
pub fn keys_of(path: &Path) -> Result<Arc<Keymap>, PresetError> {
    keymap_of(keys::read(path), &standard_keys()).map(Arc::new)
}

/// What is wrong with a file of keys.
pub(crate) fn check_keys(path: &Path) -> Result<(), PresetError> {
    keys_of(path).map(drop)
}

/// What is wrong with a theme.
pub(crate) fn check_theme(name: &str, folders: &[PathBuf]) -> Result<(), PresetError> {
    styles_of(themes::find(name, folders), Depth::True).map(drop)
}
