//! Who may use whom: the arrows of the design, read off the sources.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

/// Modules in layers; a module may use those of its own row and of rows above it.
const LAYERS: &[&[&str]] = &[
    &["units"],
    &["model", "gpu"],
    &["scenario", "families", "framework"],
    &["memory"],
    &["solve", "validate"],
    &["preset", "import", "report"],
    &["tui"],
    &["cli"],
];

/// Modules that are pure: no files, no environment, no clock, no streams, no terminal, no arguments.
const DOMAIN: &[&str] = &["units", "model", "gpu", "scenario", "families", "framework", "memory", "solve", "validate"];

const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::time",
    "std::net",
    "std::process",
    "std::thread",
    "io::std",
    "ratatui",
    "crossterm",
    "clap",
];

/// Files that only the explorer's edge may touch presets through.
const PRESET_USERS: &[&str] = &["cli", "tui.rs", "tui/effect", "preset", "import"];

struct Source {
    /// Relative to `src`, with `/`.
    path: String,
    /// Without comments and without the tests below the code.
    code: String,
}

impl Source {
    fn module(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap_or_default()
    }

    /// The modules of this crate that it names.
    fn uses(&self) -> Vec<&str> {
        let name = |rest: &'_ str| rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let prefixes = ["crate::", "brimful::"];
        let rests = prefixes.into_iter().flat_map(|prefix| self.code.split(prefix).skip(1));
        rests.map(|rest| &rest[..name(rest)]).filter(|name| !name.is_empty()).collect()
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 20, "the sources were found");
    let read = |file: &PathBuf| {
        let path = file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        let text = fs::read_to_string(file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        Source { path, code }
    };
    files.iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

#[test]
fn every_module_has_its_place() {
    for source in sources().iter().filter(|source| !["lib", "main"].contains(&source.module())) {
        assert!(layer(source.module()).is_some(), "{} stands in no layer", source.path);
    }
}

#[test]
fn arrows_point_one_way() {
    for source in sources() {
        let Some(own) = layer(source.module()) else { continue };
        for used in source.uses() {
            let Some(other) = layer(used) else { continue };
            assert!(other <= own, "{} uses `{used}`, which stands above it", source.path);
        }
    }
}

#[test]
fn the_domain_touches_nothing_outside() {
    for source in sources().iter().filter(|source| DOMAIN.contains(&source.module())) {
        for word in IMPURE {
            assert!(!source.code.contains(word), "{} mentions `{word}`", source.path);
        }
    }
}

#[test]
fn reports_are_returned_and_not_printed() {
    for source in sources().iter().filter(|source| source.module() == "report") {
        for word in IMPURE {
            assert!(!source.code.contains(word), "{} mentions `{word}`", source.path);
        }
    }
}

#[test]
fn presets_are_loaded_at_the_edges() {
    for source in sources() {
        let edge = PRESET_USERS.iter().any(|prefix| source.path.starts_with(prefix));
        for module in ["preset", "import"] {
            let loads = source.code.contains("Library::load") || source.code.contains("preset::scenario::read");
            assert!(edge || !loads, "{} reads files through `{module}`", source.path);
        }
    }
}

#[test]
fn views_only_look_and_updates_only_decide() {
    for source in sources() {
        let forbidden: &[&str] = if source.path.starts_with("tui/view") || source.path.starts_with("tui/widget") {
            &["crossterm", "std::fs", "std::env", "std::io", "&mut App"]
        } else if source.path.starts_with("tui/update") {
            &["ratatui", "crossterm", "std::fs", "std::env", "std::io", "std::time"]
        } else {
            continue;
        };
        for word in forbidden {
            assert!(!source.code.contains(word), "{} mentions `{word}`", source.path);
        }
    }
}

/// What a family is like stands in its row.
#[test]
fn only_rows_know_families_by_name() {
    for source in sources().iter().filter(|source| source.module() != "families") {
        for word in ["family.id ==", "family.id !=", "match family.id", "matches!(family.id", "family.id.starts_with"] {
            assert!(!source.code.contains(word), "{} asks with `{word}` which family it has", source.path);
        }
    }
}

#[test]
fn nothing_opens_a_socket() {
    for source in sources() {
        for word in ["std::net", "TcpStream", "UdpSocket", "UnixStream"] {
            assert!(!source.code.contains(word), "{} mentions `{word}`", source.path);
        }
    }
}
