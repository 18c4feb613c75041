//! Who may use whom: the arrows of the design, read off the sources.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::uses::Uses;

/// Folders in floors; a file may use those of its own folder and of floors above it.
const FLOORS: &[&str] = &[
    "units",
    "shape",
    "model",
    "gpu",
    "families",
    "scenario",
    "allocator",
    "ledger",
    "parallel",
    "tape",
    "states",
    "layers",
    "sequence",
    "frameworks",
    "legal",
    "memory",
    "solve",
    "validate",
    "located",
    "preset",
    "import",
    "open",
    "report",
    "tui",
    "cli",
];

/// Modules that are pure: no files, no environment, no clock, no streams, no terminal, no arguments.
const DOMAIN: usize = 18;

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
const PRESET_USERS: &[&str] = &["cli", "tui.rs", "tui/effect", "preset", "import", "open"];

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

    /// `ledger::entry` of `ledger/entry.rs`.
    fn path_of_module(&self) -> String {
        let path = self.path.trim_end_matches(".rs");
        if path == "lib" { String::new() } else { path.replace('/', "::") }
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

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|folder| *folder == module.split("::").next().unwrap_or_default())
}

fn uses() -> Uses {
    let files = sources().into_iter().filter(|source| source.path != "main.rs");
    Uses::of(&files.map(|source| (source.path_of_module(), source.code)).collect::<Vec<_>>())
}

#[test]
fn every_module_has_its_place() {
    for source in sources().iter().filter(|source| !["lib", "main"].contains(&source.module())) {
        assert!(floor(source.module()).is_some(), "{} stands on no floor", source.path);
    }
}

#[test]
fn arrows_point_one_way() {
    let uses = uses();
    let mut pairs = 0;
    for (file, used) in uses.pairs().filter(|(file, used)| !file.is_empty() && !used.is_empty()) {
        let [own, other] = [file, used].map(|module| floor(module).unwrap());
        assert!(other <= own, "{file} uses {used}, which stands on a floor above it");
        pairs += 1;
    }
    assert!(pairs > 1000, "uses were found: {pairs}");
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    assert_eq!(uses().circles(), Vec::<Vec<&str>>::new());
}

#[test]
fn the_domain_touches_nothing_outside() {
    for source in sources().iter().filter(|source| floor(source.module()).is_some_and(|floor| floor < DOMAIN)) {
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
        let in_pane = source.path.strip_prefix("tui/panes/").is_some_and(|path| path.contains('/'));
        let decides = source.path.starts_with("tui/update") || in_pane && source.path.ends_with("/keys.rs");
        let looks = source.path.starts_with("tui/view") || source.path.starts_with("tui/widget") || in_pane && !decides;
        let forbidden: &[&str] = if looks {
            &["crossterm", "std::fs", "std::env", "std::io", "&mut App"]
        } else if decides {
            &["ratatui", "crossterm", "std::fs", "std::env", "std::io", "std::time"]
        } else {
            continue;
        };
        for word in forbidden {
            assert!(!source.code.contains(word), "{} mentions `{word}`", source.path);
        }
    }
}

/// A name and a source are for people to read: what depends on a tensor asks its part, what on an entry its origin.
#[test]
fn no_name_and_no_text_decides_anything() {
    let folders = ["model", "tape", "states", "layers", "sequence", "frameworks", "ledger", "allocator"];
    let asks = [".name.starts_with(", ".name.ends_with(", ".name.contains(", ".name == ", ".name() == ", "source == "];
    for source in sources().iter().filter(|source| folders.contains(&source.module())) {
        for (line, text) in source.code.lines().enumerate() {
            // Lines of the ledger that are to become one have one source.
            let joins = source.path == "ledger/gather.rs" && text.contains("known.source == entry.source");
            let asked = asks.iter().find(|asked| text.contains(*asked)).filter(|_| !joins);
            assert_eq!(asked, None, "{}, about line {line}: {text}", source.path);
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
