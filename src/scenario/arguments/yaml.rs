//! The plain part of YAML: names and values, indented blocks, lists. Anchors, texts of several lines and tags are not read.

use super::Fault;
use super::literal::{Item, Literal, bare};

/// Deeper no configuration goes.
const DEEPEST: usize = 16;

/// A line with something in it.
struct Line<'a> {
    number: usize,
    indent: usize,
    text: &'a str,
}

/// The names and values of a text.
pub(super) fn table(text: &str) -> Result<Vec<Item>, Fault> {
    let lines: Vec<Line<'_>> = text
        .lines()
        .enumerate()
        .map(|(index, line)| {
            let text = uncommented(line);
            let bare = text.trim_start_matches(' ');
            Line { number: index + 1, indent: text.len() - bare.len(), text: bare.trim_end() }
        })
        .filter(|line| !line.text.is_empty() && line.text != "---" && line.text != "...")
        .collect();
    let mut at = 0;
    let items = block(&lines, &mut at, lines.first().map_or(0, |line| line.indent), 0)?;
    match lines.get(at) {
        None => Ok(items),
        Some(line) => Err(Fault::at(line.number, "indented like nothing before it")),
    }
}

/// A line without its comment.
fn uncommented(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, letter) in line.char_indices() {
        match (quote, letter) {
            (None, '#') if before == ' ' || before == '\t' => return &line[..at],
            (None, '"' | '\'') if " :[,\t".contains(before) => quote = Some(letter),
            (Some(open), letter) if open == letter => quote = None,
            _ => {}
        }
        before = letter;
    }
    line
}

fn block(lines: &[Line<'_>], at: &mut usize, indent: usize, depth: usize) -> Result<Vec<Item>, Fault> {
    let mut items = Vec::new();
    while let Some(line) = lines.get(*at).filter(|line| line.indent == indent && !line.text.starts_with("- ")) {
        if depth > DEEPEST {
            return Err(Fault::at(line.number, "nested too deeply"));
        }
        if line.text.contains('\t') && line.text.starts_with('\t') {
            return Err(Fault::at(line.number, "indented by a tab"));
        }
        let Some((name, rest)) = line.text.split_once(':').filter(|(_, rest)| rest.is_empty() || rest.starts_with(' '))
        else {
            return Err(Fault::at(line.number, "expected `name: value`"));
        };
        let (number, rest) = (line.number, rest.trim());
        *at += 1;
        let inner = lines.get(*at).map(|next| (next.indent, next.text == "-" || next.text.starts_with("- ")));
        let value = match (rest, inner) {
            ("", Some((deeper, true))) if deeper >= indent => list(lines, at, deeper),
            ("", Some((deeper, false))) if deeper > indent => Literal::Table(block(lines, at, deeper, depth + 1)?),
            (text, _) => {
                // What is indented below a value belongs to it, and is of a kind that is not read.
                let own = skipped(lines, at, indent);
                if own { Literal::Other(format!("{text} …")) } else { scalar(text) }
            }
        };
        items.push(Item { name: unquoted(name.trim()).to_owned(), value, line: number });
    }
    Ok(items)
}

/// Goes over what is indented deeper; whether there was any.
fn skipped(lines: &[Line<'_>], at: &mut usize, indent: usize) -> bool {
    let before = *at;
    while lines.get(*at).is_some_and(|line| line.indent > indent) {
        *at += 1;
    }
    *at > before
}

fn list(lines: &[Line<'_>], at: &mut usize, indent: usize) -> Literal {
    let (mut items, mut plain) = (Vec::new(), true);
    while let Some(line) = lines.get(*at).filter(|line| line.indent == indent && line.text.starts_with('-')) {
        let text = line.text.trim_start_matches('-').trim();
        plain &= !text.contains(": ") && !text.ends_with(':');
        items.push(scalar(text));
        *at += 1;
        plain &= !skipped(lines, at, indent);
    }
    if plain { Literal::List(items) } else { Literal::Other(String::from("a list of tables")) }
}

fn scalar(text: &str) -> Literal {
    if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        let items = inner.split(',').map(str::trim).filter(|item| !item.is_empty());
        return Literal::List(items.map(scalar).collect());
    }
    match text {
        "{}" => Literal::Table(Vec::new()),
        _ if text.starts_with(['&', '*', '!', '|', '>', '{']) => Literal::Other(text.to_owned()),
        _ if unquoted(text) != text => Literal::Text(unquoted(text).to_owned()),
        _ => match bare(text) {
            Literal::Name(name) => Literal::Text(name),
            other => other,
        },
    }
}

fn unquoted(text: &str) -> &str {
    let inner = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}
