//! The one table of parameters: dotted key, words, range, and how to read and write it.
//!
//! Scenario files, `--set`, the explorer's list, completions and documentation are all read from here.

mod awakening;
mod document;
mod nearest;
mod table;
pub mod words;

use super::{Scenario, Value};
use crate::gpu::made::mib_of;

pub use nearest::nearest;
pub use table::PARAMETERS;

/// One parameter of a scenario.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its dotted key: `train.micro_batch_size`.
    pub key: &'static str,
    /// A short name for lists: `micro batch`.
    pub label: &'static str,
    /// The unit of its values: `tokens`; empty where there is none.
    pub unit: &'static str,
    /// One line that says what it does.
    pub help: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// Whether it changes anything in this scenario.
    pub applies: fn(&Scenario) -> bool,
    get: fn(&Scenario) -> Value,
    set: fn(&mut Scenario, Value) -> Result<(), String>,
}

/// What a parameter may hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A whole number in a range.
    Count {
        /// The smallest value.
        min: u64,
        /// The largest value.
        max: u64,
        /// How a key press moves it.
        step: Step,
        /// Whether it may be unset.
        optional: bool,
    },
    /// A number from 0 to 1.
    Fraction {
        /// Whether it may be unset.
        optional: bool,
    },
    /// On or off.
    Flag,
    /// One of these words.
    Choice {
        /// Every word that a file may hold.
        words: &'static [&'static str],
        /// Those that the estimator covers today; keys cycle through these.
        covered: &'static [&'static str],
        /// Whether it may be unset.
        optional: bool,
    },
    /// The word of a framework, which the loaded profiles know.
    Framework,
    /// A free word: a preset id or a path, chosen in a picker.
    Word,
    /// A text that is written out; keys cycle through what people often write.
    Text {
        /// That.
        suggestions: &'static [&'static str],
    },
    /// A list of words.
    Words,
}

/// How arrow keys move a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// By one; big steps by ten.
    One,
    /// To the next multiple; big steps to the next power of two.
    Multiple(u64),
    /// To the next power of two; big steps by three of them.
    Double,
}

/// Why a value was not taken: what was found, what would be right, the nearest valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParameterError {
    /// The whole message without the place, which the caller knows.
    pub message: String,
}

impl ParameterError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl Parameter {
    /// The parameter of a dotted key, or an error that names the nearest one.
    pub fn by_key(key: &str) -> Result<&'static Self, ParameterError> {
        let spelt = || PARAMETERS.iter().find(|parameter| words::alike(parameter.key, key));
        PARAMETERS.iter().find(|parameter| parameter.key == key).or_else(spelt).ok_or_else(|| {
            let named = Self::by_synonym(key).map(|parameter| parameter.key);
            let near = named.or_else(|| nearest(key, PARAMETERS.iter().map(|parameter| parameter.key)));
            let hint = near.map(|near| format!("; the nearest is `{near}`")).unwrap_or_default();
            ParameterError::new(format!("there is no parameter `{key}`{hint}"))
        })
    }

    /// Its value in a scenario.
    pub fn get(&self, scenario: &Scenario) -> Value {
        (self.get)(scenario)
    }

    /// Puts a value into the scenario, which stays as it was where the value is wrong. A word of another tool sets all that
    /// it stands for: [`Self::understood`] says what.
    pub fn set(&self, scenario: &mut Scenario, value: Value) -> Result<(), ParameterError> {
        if let Some(sets) = self.sets(&value) {
            for (key, word) in sets {
                let parameter = Self::by_key(key)?;
                parameter.put(scenario, parameter.parse(word)?)?;
            }
            return Ok(());
        }
        self.put(scenario, value)
    }

    fn put(&self, scenario: &mut Scenario, value: Value) -> Result<(), ParameterError> {
        let value = self.check(self.spelt(value))?;
        (self.set)(scenario, value).map_err(ParameterError::new)
    }

    /// Reads what a person typed: `4`, `8k`, `128Ki`, `1e6`, `true`, `bf16`, `q,k,v`, `-` for unset.
    pub fn parse(&self, text: &str) -> Result<Value, ParameterError> {
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        if self.optional() && matches!(lower.as_str(), "" | "-" | "none" | "null" | "unset" | "auto") {
            return Ok(Value::Unset);
        }
        match self.kind {
            Kind::Count { .. } if self.alias(text).is_some() => Ok(Value::Word(text.to_owned())),
            Kind::Count { .. } => {
                parse_count(text, self.thousand()).or_else(|| self.in_mib(text)).map(Value::Count).ok_or_else(|| {
                    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                    let fault = if digits { "too large" } else { "not a whole number such as 4, 8k, 128Ki or 1e6" };
                    ParameterError::new(format!("`{text}` is {fault}"))
                })
            }
            Kind::Fraction { .. } => text
                .parse()
                .ok()
                .map(Value::Fraction)
                .ok_or_else(|| ParameterError::new(format!("`{text}` is not a number from 0 to 1"))),
            Kind::Flag => match lower.as_str() {
                "true" | "on" | "yes" | "1" => Ok(Value::Flag(true)),
                "false" | "off" | "no" | "0" => Ok(Value::Flag(false)),
                _ => Err(ParameterError::new(format!("`{text}` is neither true nor false"))),
            },
            Kind::Choice { .. } | Kind::Framework | Kind::Word | Kind::Text { .. } => Ok(Value::Word(text.to_owned())),
            Kind::Words => Ok(Value::Words(listed(text))),
        }
    }

    /// What the `k` of `8k` stands for: of tokens, which come in powers of two, 1,024; of anything else 1,000.
    pub fn thousand(&self) -> u64 {
        if self.unit == "tokens" { 1 << 10 } else { 1_000 }
    }

    /// Mebibytes of a size that names its unit, where those are what it counts.
    fn in_mib(&self, text: &str) -> Option<u64> {
        if self.unit == "MiB" { mib_of(text) } else { None }
    }

    /// Whether it may be unset.
    pub const fn optional(&self) -> bool {
        match self.kind {
            Kind::Count { optional, .. } | Kind::Fraction { optional } | Kind::Choice { optional, .. } => optional,
            Kind::Word => true,
            Kind::Flag | Kind::Framework | Kind::Words | Kind::Text { .. } => false,
        }
    }

    fn check(&self, value: Value) -> Result<Value, ParameterError> {
        let wrong =
            |expected: &str| Err(ParameterError::new(format!("found {}, expected {expected}", describe(&value))));
        match (self.kind, &value) {
            (_, Value::Unset) if self.optional() => Ok(value),
            (Kind::Count { min, max, .. }, Value::Count(count)) if !(min..=max).contains(count) => {
                Err(ParameterError::new(format!("{count} is not between {min} and {max}")))
            }
            (Kind::Fraction { .. }, Value::Fraction(fraction)) if !(0.0..=1.0).contains(fraction) => {
                Err(ParameterError::new(format!("{fraction} is not between 0 and 1")))
            }
            (Kind::Fraction { .. }, Value::Count(count @ (0 | 1))) => {
                Ok(Value::Fraction(if *count == 0 { 0.0 } else { 1.0 }))
            }
            (Kind::Choice { words, .. }, Value::Word(word)) if !words.contains(&word.as_str()) => {
                if let Some(message) = self.not_covered(word) {
                    return Err(ParameterError::new(message));
                }
                let near = self.nearest_word(word, words);
                let hint = near.map(|near| format!("; the nearest is `{near}`")).unwrap_or_default();
                Err(ParameterError::new(format!("`{word}` is none of {}{hint}", words.join(", "))))
            }
            (Kind::Count { .. }, Value::Count(_))
            | (Kind::Fraction { .. }, Value::Fraction(_))
            | (Kind::Flag, Value::Flag(_))
            | (Kind::Choice { .. } | Kind::Framework | Kind::Word | Kind::Text { .. }, Value::Word(_))
            | (Kind::Words, Value::Words(_)) => Ok(value),
            (Kind::Count { .. }, _) => wrong("a whole number"),
            (Kind::Fraction { .. }, _) => wrong("a number from 0 to 1"),
            (Kind::Flag, _) => wrong("true or false"),
            (Kind::Choice { words, .. }, _) => wrong(&format!("one of {}", words.join(", "))),
            (Kind::Framework | Kind::Word | Kind::Text { .. }, _) => wrong("a text"),
            (Kind::Words, _) => wrong("a list of texts"),
        }
    }
}

/// The parameters that are not the same in all of these scenarios, with the value in each; of those that `matters`
/// finds to count for one of them.
pub fn differing(
    scenarios: &[&Scenario],
    matters: impl Fn(&Parameter, &Scenario) -> bool,
) -> Vec<(&'static Parameter, Vec<String>)> {
    let counts = |parameter: &&Parameter| scenarios.iter().any(|scenario| matters(parameter, scenario));
    let differing = PARAMETERS.iter().filter(counts).filter_map(|parameter| {
        let values: Vec<String> = scenarios.iter().map(|scenario| parameter.get(scenario).to_string()).collect();
        values.iter().any(|value| *value != values[0]).then_some((parameter, values))
    });
    differing.collect()
}

/// The words of a list with commas between them, which may be written as Python and JSON do: `["q", "v"]`.
fn listed(text: &str) -> Vec<String> {
    let inner = [('[', ']'), ('(', ')')].iter().find_map(|(begin, end)| text.strip_prefix(*begin)?.strip_suffix(*end));
    let quotes: &[char] = &['"', '\''];
    let word = |word: &str| word.trim().trim_matches(quotes).to_owned();
    match inner {
        // A list may end with a comma, or hold nothing.
        Some(inner) => inner.split(',').map(word).filter(|word| !word.is_empty()).collect(),
        None => text.split(',').map(word).collect(),
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Word(word) => format!("the text `{word}`"),
        Value::Words(_) => String::from("a list"),
        Value::Unset => String::from("nothing"),
        Value::Count(_) | Value::Fraction(_) | Value::Flag(_) => format!("`{value}`"),
    }
}

/// `8192`, `8_192`, `8k`, `8Ki` (8 × 1024), `2M`, `1e6`, `1.5k`; nothing else. A `k` is a `thousand`, an `M` a thousand of
/// those.
pub fn parse_count(text: &str, thousand: u64) -> Option<u64> {
    let text = text.replace(['_', ','], "");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() && c != 'e' && c != 'E');
    let factor: u64 = match text.get(digits.len()..)? {
        "" => 1,
        "k" | "K" => thousand,
        "m" | "M" => thousand.checked_pow(2)?,
        "b" | "B" | "g" | "G" => thousand.checked_pow(3)?,
        "ki" | "Ki" | "KiB" => 1 << 10,
        "mi" | "Mi" => 1 << 20,
        _ => return None,
    };
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<u32>().ok().filter(|e| *e <= 19)?),
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || fraction.len() > 9 || !(whole.to_owned() + fraction).bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let number: u128 = (whole.to_owned() + fraction).parse().ok()?;
    let product = number.checked_mul(10_u128.pow(exponent))?.checked_mul(u128::from(factor))?;
    if product % scale == 0 { u64::try_from(product / scale).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_as_people_write_them() {
        assert_eq!(parse_count("8k", 1000), Some(8000));
        assert_eq!(parse_count("8k", 1024), Some(8192));
        assert_eq!(parse_count("1M", 1024), Some(1 << 20));
        assert_eq!(parse_count("128Ki", 1000), Some(131_072));
        assert_eq!(parse_count("1e6", 1024), Some(1_000_000));
        assert_eq!(parse_count("1.5k", 1000), Some(1500));
        assert_eq!(parse_count("4_096", 1000), Some(4096));
        for wrong in ["", "k", "-1", "1.5", "1e", "e5", "0x10", "1e99", "9e19", "1..5", "12q"] {
            assert_eq!(parse_count(wrong, 1000), None, "{wrong}");
        }
    }

    #[test]
    fn a_thousand_tokens_are_1024() {
        let read = |key, text| Parameter::by_key(key).unwrap().parse(text);
        for key in ["train.sequence_length", "infer.context_length", "infer.prefill_tokens"] {
            assert_eq!(read(key, "32k"), Ok(Value::Count(32_768)), "{key}");
        }
        assert_eq!(read("train.micro_batch_size", "1k"), Ok(Value::Count(1000)));
    }

    #[test]
    fn sizes_name_their_unit() {
        let free = Parameter::by_key("runtime.free_mib").unwrap();
        assert_eq!(free.parse("17GiB"), Ok(Value::Count(17 << 10)));
        assert_eq!(free.parse("500"), Ok(Value::Count(500)));
        assert_eq!(free.parse("-"), Ok(Value::Unset));
        let batch = Parameter::by_key("train.micro_batch_size").unwrap();
        assert!(batch.parse("17GiB").is_err());
    }

    #[test]
    fn keys_are_unique_and_every_default_is_valid() {
        let scenario = Scenario::default();
        for (index, parameter) in PARAMETERS.iter().enumerate() {
            assert!(PARAMETERS[..index].iter().all(|other| other.key != parameter.key), "{}", parameter.key);
            let mut copy = scenario.clone();
            parameter.set(&mut copy, parameter.get(&scenario)).unwrap();
            assert_eq!(copy, scenario, "{}", parameter.key);
        }
    }

    #[test]
    fn every_row_has_a_name_and_says_what_it_does() {
        for parameter in PARAMETERS {
            assert!(!parameter.label.is_empty() && !parameter.help.is_empty(), "{}", parameter.key);
        }
    }

    #[test]
    fn a_misspelt_key_names_the_nearest() {
        let error = Parameter::by_key("train.micro_bathsize").unwrap_err();
        assert!(error.message.contains("`train.micro_batch_size`"), "{error}");
        let error = Parameter::by_key("sequence_length").unwrap_err();
        assert!(error.message.contains("`train.sequence_length`"), "{error}");
    }

    #[test]
    fn a_wrong_value_leaves_the_scenario_alone() {
        let mut scenario = Scenario::default();
        let precision = Parameter::by_key("train.precision").unwrap();
        let error = precision.set(&mut scenario, Value::Word("bf61".into())).unwrap_err();
        assert!(error.message.contains("the nearest is `bf16`"), "{error}");
        assert_eq!(scenario, Scenario::default());
    }
}
