//! Which file of the sources uses which, read off their `use` declarations and the paths in their code.

use std::collections::{BTreeMap, BTreeSet};

/// Files by their module path (`ledger::entry`), each with those that it uses.
pub(crate) struct Uses(BTreeMap<String, BTreeSet<String>>);

/// What is re-exported: by module and name, the path that it has where it is from.
type Exports = BTreeMap<(String, String), String>;

impl Uses {
    /// Of files with their module paths and their code, comments and tests taken out.
    pub(crate) fn of(files: &[(String, String)]) -> Self {
        let known: BTreeSet<&str> = files.iter().map(|(module, _)| module.as_str()).collect();
        let mut exports = Exports::new();
        for (module, code) in files {
            for declared in declarations(code).filter(|declared| declared.public) {
                for leaf in leaves(declared.tree) {
                    let (path, name) = named(&leaf);
                    if let Some(path) = absolute(&known, module, &path) {
                        exports.insert((module.clone(), name), path);
                    }
                }
            }
        }
        let uses = files.iter().map(|(module, code)| {
            let declared = declarations(code).flat_map(|declared| leaves(declared.tree)).map(|leaf| named(&leaf).0);
            let written = written(code);
            let paths = declared.chain(written).filter_map(|path| absolute(&known, module, &path));
            let used = paths.filter_map(|path| file_of(&known, &exports, &path)).filter(|used| used != module);
            (module.clone(), used.collect())
        });
        Self(uses.collect())
    }

    /// Every use of one file by another.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(module, used)| used.iter().map(|used| (module.as_str(), used.as_str())))
    }

    /// Files that use each other in a ring, a parent and its children apart: each is reached from itself.
    pub(crate) fn circles(&self) -> Vec<Vec<&str>> {
        let all: BTreeMap<&str, BTreeSet<&str>> =
            self.0.keys().map(|module| (module.as_str(), self.reached(module))).collect();
        let mut circles = Vec::new();
        let mut told = BTreeSet::new();
        for (module, seen) in all.iter().filter(|(module, seen)| seen.contains(**module)) {
            let ring: Vec<&str> = seen.iter().copied().filter(|other| all[other].contains(module)).collect();
            if told.insert(ring[0]) {
                circles.push(ring);
            }
        }
        circles
    }

    fn reached(&self, start: &str) -> BTreeSet<&str> {
        let (mut seen, mut left) = (BTreeSet::new(), vec![start.to_owned()]);
        while let Some(module) = left.pop() {
            let used = self.0[&module].iter().map(String::as_str).filter(|used| !related(used, &module));
            left.extend(used.filter(|used| seen.insert(*used)).map(str::to_owned));
        }
        seen
    }
}

/// Whether one is the parent of the other, at any distance.
fn related(one: &str, other: &str) -> bool {
    let below = |child: &str, parent: &str| child.strip_prefix(parent).is_some_and(|rest| rest.starts_with("::"));
    one.is_empty() || other.is_empty() || below(one, other) || below(other, one)
}

/// A `use` declaration.
struct Declared<'a> {
    public: bool,
    tree: &'a str,
}

fn declarations(code: &str) -> impl Iterator<Item = Declared<'_>> {
    let starts = code.match_indices("use ").filter(|(at, _)| {
        let line = code[..*at].rsplit('\n').next().unwrap_or_default().trim();
        line.is_empty() || (line.starts_with("pub") && !line.contains('{'))
    });
    starts.filter_map(|(at, word)| {
        let public = code[..at].rsplit('\n').next().is_some_and(|line| line.contains("pub"));
        let rest = &code[at + word.len()..];
        Some(Declared { public, tree: &rest[..rest.find(';')?] })
    })
}

/// Each path of a use tree.
fn leaves(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((before, rest)) = tree.split_once('{') else { return vec![tree.to_owned()] };
    let inside = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (at, letter) in inside.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inside[start..]);
    let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty());
    let whole = |leaf: String| match leaf.as_str() {
        "self" => before.trim_end_matches("::").trim().to_owned(),
        leaf => format!("{}{leaf}", before.trim()),
    };
    parts.flat_map(leaves).map(whole).collect()
}

/// The path of a leaf, and the name that it is given.
fn named(leaf: &str) -> (String, String) {
    let (path, alias) = leaf.split_once(" as ").map_or((leaf, None), |(path, alias)| (path, Some(alias)));
    let path: String = path.split_whitespace().collect();
    let name = alias.unwrap_or_else(|| path.rsplit("::").next().unwrap_or_default()).trim().to_owned();
    (path, name)
}

/// Paths in the code that say where they begin.
fn written(code: &str) -> impl Iterator<Item = String> + '_ {
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    ["crate::", "super::", "self::"].into_iter().flat_map(move |start| {
        let begins = move |at: &usize| !code[..*at].ends_with(word);
        code.match_indices(start).map(|(at, _)| at).filter(begins).map(move |at| {
            let rest = &code[at..];
            rest[..rest.find(|letter| !word(letter)).unwrap_or(rest.len())].trim_end_matches(':').to_owned()
        })
    })
}

/// A path from the root, as a module writes it; nothing where it leads out of the crate.
fn absolute(known: &BTreeSet<&str>, module: &str, path: &str) -> Option<String> {
    let mut base: Vec<&str> = module.split("::").filter(|part| !part.is_empty()).collect();
    let mut parts: Vec<&str> = path.split("::").collect();
    match *parts.first()? {
        "crate" => {
            base.clear();
            parts.remove(0);
        }
        "self" => {
            parts.remove(0);
        }
        "super" => {
            while parts.first() == Some(&"super") {
                parts.remove(0);
                base.pop();
            }
        }
        first => {
            let child = base.iter().copied().chain([first]).collect::<Vec<_>>().join("::");
            if !known.contains(child.as_str()) {
                return None;
            }
        }
    }
    base.extend(parts);
    Some(base.join("::"))
}

/// The file in which a path ends, re-exports followed.
fn file_of(known: &BTreeSet<&str>, exports: &Exports, path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split("::").collect();
    let (file, rest) = (0..=parts.len()).rev().find_map(|end| {
        let file = parts[..end].join("::");
        known.contains(file.as_str()).then(|| (file, &parts[end..]))
    })?;
    let Some(exported) = rest.first().and_then(|name| exports.get(&(file.clone(), (*name).to_owned()))) else {
        return Some(file);
    };
    if exported == path {
        return Some(file);
    }
    file_of(
        known,
        exports,
        &[exported.as_str()].into_iter().chain(rest[1..].iter().copied()).collect::<Vec<_>>().join("::"),
    )
}
