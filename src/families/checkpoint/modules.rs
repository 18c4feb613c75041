//! Modules by their names in a `quantization_config`: in full, by some of their words, by shell patterns and by regular
//! expressions.

use std::collections::HashMap;

use regex_lite::Regex;

use super::Matrix;
use crate::model::ArchitectureError;

/// Words of modules that are no decoder's.
const OTHERS: [&str; 8] = ["vis", "audio", "projector", "mtp", "encoder", "tower", "speech", "draft"];

/// Names that differ by more than a number: the longest list that was seen has 12.
const MOST_NAMES: usize = 256;

/// Modules, by name.
pub(super) struct Modules {
    /// Whether they are all that are not named elsewhere.
    pub(super) is_any: bool,
    named: Vec<Named>,
}

/// Modules of the same name in some layers.
struct Named {
    layers: Vec<Layers>,
    name: Name,
}

/// Layers, by number.
enum Layers {
    All,
    Some([u64; 2]),
    /// Those whose number begins so.
    Beginning(String),
}

/// A name, or what names look like.
enum Name {
    /// Words of it, from the layer on where its number was said.
    Words(Vec<String>),
    /// All of what follows the layer's number.
    Pattern(Regex),
    /// The whole name; and whether a layer's number decides.
    Whole(Regex, bool),
}

impl Modules {
    pub(super) fn of(patterns: Option<&[String]>) -> Result<Self, ArchitectureError> {
        let classes = ["Linear", "FusedMoE", "MoEGate"];
        let is_any = patterns.is_none_or(|patterns| patterns.iter().any(|pattern| classes.contains(&pattern.as_str())));
        let mut named: HashMap<String, Vec<Layers>> = HashMap::new();
        let mut modules = Self { is_any, named: Vec::new() };
        for pattern in patterns.unwrap_or_default().iter().map(|pattern| any_expert(pattern)) {
            let pattern = pattern.as_str();
            if let Some(expression) = pattern.strip_prefix("re:") {
                let numbered = expression.chars().any(|c| c.is_ascii_digit());
                let whole = compiled(pattern, &format!("^(?:{expression})"))?;
                modules.named.push(Named { layers: vec![Layers::All], name: Name::Whole(whole, numbered) });
                continue;
            }
            match numbered(pattern) {
                Some((before, ..)) if OTHERS.iter().any(|word| before.contains(word)) => {}
                Some((_, number, rest)) => {
                    named.entry(rest.to_owned()).or_default().extend(layers(number));
                }
                None if is_glob(pattern) => {
                    let whole = compiled(pattern, &globbed(pattern))?;
                    modules.named.push(Named { layers: vec![Layers::All], name: Name::Whole(whole, false) });
                }
                None => {
                    let name = Name::Words(pattern.split('.').map(str::to_owned).collect());
                    modules.named.push(Named { layers: vec![Layers::All], name });
                }
            }
        }
        for (rest, layers) in named {
            let name = if is_glob(&rest) {
                Name::Pattern(compiled(&rest, &globbed(&rest))?)
            } else {
                Name::Words(std::iter::once("").chain(rest.split('.')).map(str::to_owned).collect())
            };
            modules.named.push(Named { layers, name });
        }
        if modules.named.len() > MOST_NAMES {
            let problem = format!("{} names of modules; at most {MOST_NAMES} are told apart", modules.named.len());
            return Err(ArchitectureError { key: "quantization_config", problem });
        }
        Ok(modules)
    }

    /// How many of them are expressions that may say something else of each layer.
    pub(super) fn expressions(&self) -> u64 {
        self.named.iter().filter(|named| matches!(named.name, Name::Whole(_, true))).map(|_| 1).sum()
    }

    /// Those that the module of a matrix may be, as far as its name says.
    pub(super) fn near<'a>(&'a self, matrix: &'a Matrix) -> Near<'a> {
        Near { matrix, named: self.named.iter().filter(|named| named.name.may_be(matrix)).collect() }
    }
}

/// Modules of a matrix, in some layers.
pub(super) struct Near<'a> {
    matrix: &'a Matrix,
    named: Vec<&'a Named>,
}

impl Near<'_> {
    /// Whether that of a layer is one.
    pub(super) fn has(&self, layer: u64) -> bool {
        let is = |named: &&Named| {
            (self.matrix.is_outside() || named.layers.iter().any(|layers| layers.has(layer)))
                && named.name.is(self.matrix, layer)
        };
        self.named.iter().any(is)
    }
}

impl Layers {
    fn has(&self, layer: u64) -> bool {
        match self {
            Self::All => true,
            Self::Some([first, last]) => (*first..=*last).contains(&layer),
            Self::Beginning(digits) => layer.to_string().starts_with(digits),
        }
    }
}

impl Name {
    /// Whether a matrix's module has it, in a layer that it names.
    fn may_be(&self, matrix: &Matrix) -> bool {
        match self {
            Self::Words(words) => match words.split_first() {
                // From the layer on.
                Some((first, rest)) if first.is_empty() => {
                    let all = rest == [""];
                    !matrix.is_outside() && matrix.paths.iter().any(|path| all || begins(path, rest))
                }
                _ => matrix.paths.iter().any(|path| holds(path, words)),
            },
            Self::Pattern(pattern) => !matrix.is_outside() && matrix.paths.iter().any(|path| pattern.is_match(path)),
            Self::Whole(pattern, false) => matrix.names(matrix.first()).any(|name| pattern.is_match(&name)),
            Self::Whole(_, true) => true,
        }
    }

    /// Whether that of this layer does, which may be.
    fn is(&self, matrix: &Matrix, layer: u64) -> bool {
        match self {
            Self::Whole(pattern, true) => matrix.names(layer).any(|name| pattern.is_match(&name)),
            _ => true,
        }
    }
}

/// Whether the words of a path begin with these.
fn begins(path: &str, words: &[String]) -> bool {
    let mut path = path.split('.');
    words.iter().all(|word| path.next() == Some(word))
}

/// Whether these words stand in a path, one after the other, or end with it where they begin before it.
fn holds(path: &str, words: &[String]) -> bool {
    let path: Vec<&str> = path.split('.').collect();
    let same = |run: &[&str]| run.iter().zip(words).all(|(one, other)| one == other);
    let within = path.len() >= words.len() && path.windows(words.len()).any(same);
    within || (path.len() == 1 && words.last().is_some_and(|last| *last == path[0]) && words.len() > 1)
}

fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

/// A shell pattern as a regular expression.
fn globbed(pattern: &str) -> String {
    let mut expression = String::from("^");
    for c in pattern.chars() {
        match c {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            other => expression.push_str(&regex_lite::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    expression + "$"
}

fn compiled(pattern: &str, expression: &str) -> Result<Regex, ArchitectureError> {
    Regex::new(expression).map_err(|error| ArchitectureError {
        key: "quantization_config",
        problem: format!("`{pattern}` names modules in a way that is not understood: {error}"),
    })
}

/// What stands before the number of a layer in a name, that number, and what follows it.
fn numbered(pattern: &str) -> Option<(&str, &str, &str)> {
    let at = ["layers.", ".h.", "blocks."].into_iter().find_map(|word| Some(pattern.find(word)? + word.len()))?;
    let (before, number) = pattern.split_at(at);
    let end = match number.find('}') {
        Some(close) if number.starts_with('{') => close + 1,
        _ => number.find('.').unwrap_or(number.len()),
    };
    let (number, rest) = number.split_at(end);
    Some((before, number, rest.strip_prefix('.').unwrap_or(rest)))
}

/// The layers of a number, of `{0..3,5}`, of `1*` or `*`.
fn layers(number: &str) -> Vec<Layers> {
    if let Some(listed) = number.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return listed.split(',').flat_map(layers).collect();
    }
    if let Some(beginning) = number.strip_suffix('*') {
        let beginning = beginning.to_owned();
        return vec![if beginning.is_empty() { Layers::All } else { Layers::Beginning(beginning) }];
    }
    let (first, last) = number.split_once("..").unwrap_or((number, number));
    first.parse().ok().zip(last.parse().ok()).map(|(first, last)| Layers::Some([first, last])).into_iter().collect()
}

/// Names that differ by the number of a layer or of an expert alone, as one each: `layers.{0..3,5}.self_attn`.
pub(super) fn merged(patterns: &[String]) -> Vec<String> {
    let mut order: Vec<(String, String)> = Vec::new();
    let mut numbers: HashMap<(String, String), Vec<u64>> = HashMap::new();
    for pattern in patterns {
        let pattern = any_expert(pattern);
        let found = numbered(&pattern).filter(|_| !pattern.starts_with("re:"));
        let layer = found.and_then(|(_, number, _)| number.parse::<u64>().ok());
        let key = match (found, layer) {
            (Some((before, _, rest)), Some(_)) => (before.to_owned(), rest.to_owned()),
            _ => (pattern.clone(), String::new()),
        };
        let known = numbers.entry(key.clone()).or_insert_with(|| {
            order.push(key);
            Vec::new()
        });
        known.extend(layer);
    }
    let written = order.into_iter().map(|key| {
        let (before, rest) = &key;
        match ranges(&numbers[&key]) {
            None => before.clone(),
            Some(numbers) if rest.is_empty() => format!("{before}{numbers}"),
            Some(numbers) => format!("{before}{numbers}.{rest}"),
        }
    });
    written.collect()
}

/// A name in which the number of an expert stands, for all of them.
fn any_expert(pattern: &str) -> String {
    let Some(at) = pattern.find("experts.").map(|at| at + "experts.".len()) else { return pattern.to_owned() };
    let digits = pattern[at..].chars().take_while(char::is_ascii_digit).count();
    if digits == 0 { pattern.to_owned() } else { format!("{}*{}", &pattern[..at], &pattern[at + digits..]) }
}

/// Numbers as `7`, or as `{0..3,5}`.
fn ranges(numbers: &[u64]) -> Option<String> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut runs: Vec<[u64; 2]> = Vec::new();
    for number in sorted {
        match runs.last_mut() {
            Some(run) if run[1] + 1 == number => run[1] = number,
            _ => runs.push([number; 2]),
        }
    }
    let words = |[first, last]: &[u64; 2]| if first == last { first.to_string() } else { format!("{first}..{last}") };
    match &runs[..] {
        [] => None,
        [[first, last]] if first == last => Some(first.to_string()),
        runs => Some(format!("{{{}}}", runs.iter().map(words).collect::<Vec<_>>().join(","))),
    }
}
