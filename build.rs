//! Embeds the presets and the reference cases: sorted tables of texts, which `preset` reads like a user's files.
//!
//! Of a model and of a card the table also has the id and the name, and of a model what a catalogue says of it, so that a
//! list can be shown, and one of it found, before any of it is read.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What each card of a file stands under.
const CARD: &str = "[[gpu]]\n";

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=presets");
    println!("cargo:rerun-if-changed=tests/reference/cases");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("models.rs"), models(&root)?)?;
    fs::write(out.join("gpus.rs"), cards(&root)?)?;
    fs::write(out.join("frameworks.rs"), texts(&root, "presets", "frameworks")?)?;
    others(&root, &out)?;
    fs::write(out.join("cases.rs"), packed(&root, &out)?)
}

/// A row for each file: its path below `parent`, and its text.
fn texts(root: &Path, parent: &str, folder: &str) -> io::Result<String> {
    let mut table = String::from("&[\n");
    for path in files(&root.join(parent).join(folder))? {
        let _ =
            writeln!(table, "    ({:?}, include_str!({:?})),", format!("{folder}/{}", name_of(&path)), path.display());
    }
    Ok(table + "]\n")
}

/// All cases in one text, deflated, and a row for each file: its path, and where it ends in that text. Files of the same
/// runs stand beside each other, which makes the text small; only `brimful validate` reads it.
fn packed(root: &Path, out: &Path) -> io::Result<String> {
    let mut paths = files(&root.join("tests/reference/cases"))?;
    paths.sort_by_key(|path| {
        let name = name_of(path);
        let (measured, family) =
            (name.split('-').next().map(str::to_owned), name.rsplit('-').next().map(str::to_owned));
        (measured, family, name)
    });
    let (mut table, mut whole) = (String::from("&[\n"), String::new());
    for path in paths {
        whole.push_str(&fs::read_to_string(&path)?);
        let _ = writeln!(table, "    ({:?}, {}),", format!("cases/{}", name_of(&path)), grouped(whole.len()));
    }
    deflate(&whole, &out.join("cases.deflated"))?;
    Ok(table + "]\n")
}

/// What other estimators say of the cases, deflated.
fn others(root: &Path, out: &Path) -> io::Result<()> {
    deflate(&fs::read_to_string(root.join("tests/reference/cases/others.json"))?, &out.join("others.deflated"))
}

fn deflate(text: &str, to: &Path) -> io::Result<()> {
    fs::write(to, miniz_oxide::deflate::compress_to_vec(text.as_bytes(), 9))
}

/// A number as code has it: `1_234_567`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// A row for each file of a model.
fn models(root: &Path) -> io::Result<String> {
    let mut table = String::from("&[\n");
    for path in files(&root.join("presets/models"))? {
        let text = format!("include_str!({:?})", path.display());
        let preset = fs::read_to_string(&path)?;
        let facts = facts(&preset).ok_or_else(|| not_plain(&path, "models", "family, parameters or card"))?;
        row(&mut table, &path, "models", &preset, &text, &facts)?;
    }
    Ok(table + "]\n")
}

/// A row for each card, whose text is its part of the file.
fn cards(root: &Path) -> io::Result<String> {
    let mut table = String::from("&[\n");
    for path in files(&root.join("presets/gpus"))? {
        let text = fs::read_to_string(&path)?;
        for card in text.split(CARD).skip(1) {
            row(&mut table, &path, "gpus", card, &format!("{:?}", format!("{CARD}{card}")), "None")?;
        }
    }
    Ok(table + "]\n")
}

fn row(table: &mut String, path: &Path, folder: &str, head: &str, text: &str, facts: &str) -> io::Result<()> {
    let word = |key| word(head, key).ok_or_else(|| not_plain(path, folder, key));
    let (id, name) = (word("id")?, word("name")?);
    let file = format!("{folder}/{}", name_of(path));
    let _ =
        writeln!(table, "    Embedded {{ id: {id:?}, name: {name:?}, file: {file:?}, text: {text}, facts: {facts} }},");
    Ok(())
}

fn not_plain(path: &Path, folder: &str, key: &str) -> io::Error {
    io::Error::other(format!("presets/{folder}/{}: no plain `{key}`", name_of(path)))
}

/// What a catalogue says of a model; nothing where a key that is there is not written plainly.
fn facts(preset: &str) -> Option<String> {
    let head = preset.split("\n[").next()?;
    let value = |key: &str| head.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
    let plain = |key: &str| value(key).map(|value| value.split('#').next().unwrap_or_default().trim());
    let mut facts = String::from("Some(Facts { ");
    for key in ["id", "name", "family"] {
        let _ = write!(facts, "{key}: {}, ", literal(value(key)?)?);
    }
    // A number that both write alike, with its separators.
    let count = plain("parameters").filter(|count| count.replace('_', "").parse::<u64>().is_ok())?;
    let confirmed: bool = plain("confirmed").unwrap_or("true").parse().ok()?;
    let _ = write!(facts, "parameters: Some({count}), confirmed: {confirmed}");
    for key in ["organization", "released", "license", "source"] {
        let _ = match value(key) {
            Some(value) => write!(facts, ", {key}: Some({})", literal(value)?),
            None => write!(facts, ", {key}: None"),
        };
    }
    // The class of a tower names what it is.
    let composite =
        preset.split("\n[architecture.tower]\n").nth(1).and_then(|tower| tower.strip_prefix("composite = "));
    let _ = match composite {
        Some(value) => write!(facts, ", composite: Some({})", literal(value)?),
        None => write!(facts, ", composite: None"),
    };
    Some(facts + " })")
}

/// The text that a value begins with, in its quotes, where TOML and Rust read the same from it.
fn literal(value: &str) -> Option<&str> {
    let mut letters = value.char_indices();
    letters.next().filter(|(_, first)| *first == '"')?;
    while let Some((end, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next().filter(|(_, escaped)| ['\\', '"'].contains(escaped))?),
            '"' => return value.get(..=end),
            _ => {}
        }
    }
    None
}

/// The text after `key = ` at the head of a preset. Presets of this repository write it plainly; a test holds the tables
/// to what the reader of presets makes of the same texts.
fn word<'a>(head: &'a str, key: &str) -> Option<&'a str> {
    let head = head.split("\n[").next()?;
    let value = head.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.split_once('"'))?.0;
    (!value.contains('\\')).then_some(value)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The presets directly in a folder, sorted.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
