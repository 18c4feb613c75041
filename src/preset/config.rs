//! What a user has set for good: a small file beside the user's presets.

use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::at_home;
use super::theme::is_path;
use crate::located::{self, Document, PresetError, suggestion};
use crate::units::Unit;

/// The card that the explorer opens on where nothing else is asked for.
pub const FIRST_GPU: &str = "h100-sxm-80";

/// Every key, what it does, and what it may hold.
pub const KEYS: [(&str, &str); 6] = [
    ("unit", "the unit of sizes: \"gib\" or \"gb\""),
    ("theme", "the theme of the explorer: its name, or the path of one"),
    ("keys", "a file of keys for the explorer, in place of keys.toml beside this file"),
    ("gpu", "the card that the explorer opens on"),
    ("fits_on", "the cards of the explorer's line `Fits on`: ids with commas between them"),
    ("presets", "a folder of presets, read after the user's own"),
];

/// What is set; what is not has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The unit of sizes.
    pub unit: Option<Unit>,
    /// The theme of the explorer.
    pub theme: Option<String>,
    /// A file of keys.
    pub keys: Option<PathBuf>,
    /// The card that the explorer opens on.
    pub gpu: Option<String>,
    /// The cards that every run is held against, with commas between them.
    pub fits_on: Option<String>,
    /// A folder of presets.
    pub presets: Option<PathBuf>,
}

impl Config {
    /// The value of a key as it would be written.
    pub fn get(&self, key: &str) -> Option<String> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        match key {
            "unit" => self.unit.map(|unit| unit.label().to_lowercase()),
            "theme" => self.theme.clone(),
            "keys" => path(&self.keys),
            "gpu" => self.gpu.clone(),
            "fits_on" => self.fits_on.clone(),
            "presets" => path(&self.presets),
            _ => None,
        }
    }
}

/// Reads the file; paths in it start from its folder.
pub fn read(path: &Path) -> Result<Config, PresetError> {
    parse(&located::read(path)?, &path.display().to_string(), path.parent().unwrap_or(Path::new("")))
}

fn parse(text: &str, origin: &str, base: &Path) -> Result<Config, PresetError> {
    let document = Document { origin, text };
    let root = document.parse()?;
    let mut config = Config::default();
    let from = |path: &str| base.join(at_home(path));
    for (key, value) in root.get_ref() {
        let wrong = |message: String| document.error(key.span(), key.get_ref().as_ref(), message);
        let known = KEYS.map(|(key, _)| key);
        if !known.contains(&key.get_ref().as_ref()) {
            return Err(wrong(format!("unknown; {}", suggestion(key.get_ref(), &known))));
        }
        let text = match value.get_ref() {
            DeValue::String(text) => text.clone().into_owned(),
            DeValue::Array(cards) if key.get_ref() == "fits_on" => {
                let words: Vec<&str> = cards.iter().filter_map(|card| card.get_ref().as_str()).collect();
                words.join(", ")
            }
            _ => return Err(wrong(String::from("expected a text"))),
        };
        match key.get_ref().as_ref() {
            "unit" => {
                let unit = match text.as_str() {
                    "gib" => Unit::Gib,
                    "gb" => Unit::Gb,
                    _ => return Err(wrong(format!("found `{text}`, expected \"gib\" or \"gb\""))),
                };
                config.unit = Some(unit);
            }
            "theme" if is_path(&text) => config.theme = Some(from(&text).display().to_string()),
            "theme" => config.theme = Some(text),
            "keys" => config.keys = Some(from(&text)),
            "gpu" => config.gpu = Some(text),
            "fits_on" => config.fits_on = Some(text),
            _ => config.presets = Some(from(&text)),
        }
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_and_shown() {
        let text = "unit = \"gb\"\ntheme = \"light\"\nkeys = \"mine.toml\"\ngpu = \"l4\"\nfits_on = [\"l4\", \"a10\"]\npresets = \"/presets\"\n";
        let config = parse(text, "config.toml", Path::new("/home/me")).unwrap();
        let shown: Vec<String> = KEYS.iter().filter_map(|(key, _)| config.get(key)).collect();
        assert_eq!(shown, ["gb", "light", "/home/me/mine.toml", "l4", "l4, a10", "/presets"]);
    }

    #[test]
    fn paths_begin_in_the_folder_or_from_home() {
        let text = "theme = \"mine.toml\"\nkeys = \"~/k.toml\"\npresets = \"~me\"\n";
        let config = parse(text, "config.toml", Path::new("/etc/brimful")).unwrap();
        assert_eq!(config.theme.as_deref(), Some("/etc/brimful/mine.toml"));
        assert_eq!(config.keys, Some(PathBuf::from(at_home("~/k.toml"))));
        assert_eq!(config.presets, Some(PathBuf::from("/etc/brimful/~me")), "of others' homes only a shell knows");
    }

    #[test]
    fn mistakes_are_located() {
        let error = |text| parse(text, "config.toml", Path::new("")).unwrap_err().to_string();
        assert!(error("unit = \"kib\"\n").starts_with("config.toml:1:1: unit: found `kib`"));
        assert!(
            error("\nthem = \"light\"\n").contains("2:1: them: unknown; ") && error("them = 1\n").contains("`theme`")
        );
        assert!(error("gpu = 3\n").contains("expected a text"));
    }
}
