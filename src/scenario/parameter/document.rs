//! What the table of parameters says in lists for people: manual, `docs/parameters.md`, help of the explorer, completions of shells.

use super::{Kind, PARAMETERS, Parameter};
use crate::scenario::{Scenario, Value};
use crate::units::grouped;

impl Parameter {
    /// What it may hold, in words; of choices those that are covered. Nothing for free texts.
    pub fn values(&self) -> String {
        match self.kind {
            Kind::Count { min, max, .. } => format!("{} to {}", grouped(min), power(max)),
            Kind::Fraction { .. } => String::from("0 to 1"),
            Kind::Flag => String::from("true, false"),
            Kind::Choice { covered, .. } => covered.join(", "),
            Kind::Framework => String::from("what `brimful frameworks` lists"),
            Kind::Word | Kind::Words | Kind::Text { .. } => String::new(),
        }
    }

    /// What it holds where nobody sets it; nothing where it is unset.
    pub fn default(&self) -> Option<String> {
        match self.get(&Scenario::default()) {
            Value::Unset => None,
            Value::Word(word) if word.is_empty() => None,
            value => Some(value.to_string()),
        }
    }

    /// `KEY=VALUE` for every value that is a word, `KEY=` for the rest: what `--set` takes.
    pub fn settings() -> impl Iterator<Item = String> {
        PARAMETERS.iter().flat_map(|parameter| {
            let words: &[&str] = match parameter.kind {
                Kind::Choice { covered, .. } => covered,
                Kind::Flag => &["true", "false"],
                _ => &[""],
            };
            words.iter().map(|word| format!("{}={word}", parameter.key))
        })
    }

    /// The words that a parameter may hold, where it is a choice.
    pub fn words(key: &str) -> &'static [&'static str] {
        match Self::by_key(key).map(|parameter| parameter.kind) {
            Ok(Kind::Choice { covered, .. }) => covered,
            _ => &[],
        }
    }

    /// The parameter list of `docs/parameters.md`.
    pub fn table_markdown() -> String {
        let mut text = String::from("| key | is | may be | default |\n| --- | --- | --- | --- |\n");
        for parameter in PARAMETERS {
            let said = parameter.help.contains(parameter.unit);
            let unit = if said { String::new() } else { format!(" ({})", parameter.unit) };
            let default = parameter.default().map(|value| format!("`{value}`")).unwrap_or_default();
            let cells =
                [&format!("`{}`", parameter.key), &(parameter.help.to_owned() + &unit), &parameter.values(), &default];
            text.extend(["| ", &cells.map(|cell| cell.replace('|', "\\|")).join(" | "), " |\n"]);
        }
        text
    }
}

/// A large power of two as such, any other number in full.
fn power(number: u64) -> String {
    if number.is_power_of_two() && number > 1 << 24 { format!("2^{}", number.ilog2()) } else { grouped(number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a shell offers can be set.
    #[test]
    fn settings_are_taken() {
        for setting in Parameter::settings() {
            let (key, value) = setting.split_once('=').unwrap();
            let parameter = Parameter::by_key(key).unwrap();
            if !value.is_empty() {
                let value = parameter.parse(value).unwrap();
                parameter.set(&mut Scenario::default(), value).unwrap();
            }
        }
        assert!(Parameter::settings().any(|setting| setting == "train.precision=bf16-mixed"));
        assert!(Parameter::settings().any(|setting| setting == "train.micro_batch_size="));
    }

    #[test]
    fn every_parameter_is_documented() {
        let table = Parameter::table_markdown();
        for parameter in PARAMETERS {
            assert!(table.contains(&format!("| `{}` | {}", parameter.key, parameter.help)), "{}", parameter.key);
        }
        let row = table.lines().find(|line| line.starts_with("| `train.optimizer` ")).unwrap();
        assert!(row.contains("paged-adamw-8bit") && row.ends_with("| `adamw` |"), "{row}");
    }
}
