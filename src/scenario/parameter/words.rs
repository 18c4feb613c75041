//! Words of other tools for what a parameter may hold: `adamw_bnb_8bit`, `sdpa`, `FULL_SHARD`, `Q4_K_M`.
//!
//! Case, hyphens and underscores never matter. What a tool has and nothing here describes is refused by its name.

mod synonyms;
mod table;

use super::{Kind, PARAMETERS, Parameter};
use crate::scenario::Value;

use table::ALIASES;

/// A word of another tool.
#[derive(Debug, Clone, Copy)]
pub struct Alias {
    /// The parameters that are given it; none: every choice that has the word that it stands for.
    pub keys: &'static [&'static str],
    /// The word, in its spellings.
    pub words: &'static [&'static str],
    /// Whose word it is.
    pub tool: &'static str,
    /// What it stands for.
    pub means: Means,
}

/// What a word of another tool stands for.
#[derive(Debug, Clone, Copy)]
pub enum Means {
    /// A word of the parameter's own.
    Same(&'static str),
    /// Values of several parameters, or of others than the one that is given it; and what is to be said of them.
    Sets(&'static [(&'static str, &'static str)], &'static str),
    /// Nothing that is described: what to take instead, where anything comes near.
    NotCovered(&'static str),
}

/// A text without what does not matter in a name: case, hyphens, underscores and spaces, and PyTorch's own name before a
/// type.
pub fn plain(text: &str) -> String {
    let text = text.trim().to_lowercase();
    text.strip_prefix("torch.").unwrap_or(&text).replace(['-', '_', ' '], "")
}

/// Whether two names differ in nothing that matters.
pub fn alike(one: &str, other: &str) -> bool {
    one == other || plain(one) == plain(other)
}

/// The first of these that is a name, but for what does not matter in one.
pub fn among<'a>(name: &str, mut known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = plain(name);
    known.find(|known| plain(known) == name)
}

impl Alias {
    /// The word of a framework that this is another word for.
    pub fn of_framework(word: &str) -> Option<&'static str> {
        let alias = ALIASES.iter().find(|alias| alias.keys.contains(&"framework") && alias.has(word))?;
        match alias.means {
            Means::Same(word) => Some(word),
            Means::Sets(..) | Means::NotCovered(_) => None,
        }
    }

    fn has(&self, word: &str) -> bool {
        let word = plain(word);
        self.words.iter().any(|known| plain(known) == word)
    }

    /// Whether it is a word of this parameter.
    fn is_of(&self, parameter: &Parameter) -> bool {
        let own = self.keys.contains(&parameter.key);
        let shared = |words: &[&str]| match self.means {
            Means::Same(word) => words.contains(&word),
            Means::Sets(..) | Means::NotCovered(_) => false,
        };
        own || self.keys.is_empty() && matches!(parameter.kind, Kind::Choice { words, .. } if shared(words))
    }
}

/// The list of words in `docs/parameters.md`.
pub fn table_markdown() -> String {
    let mut text = String::from("| key | word | of | is |\n| --- | --- | --- | --- |\n");
    for alias in ALIASES {
        let keys = alias.keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let keys = if keys.is_empty() { String::from("any type") } else { keys };
        let words = alias.words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let is = match alias.means {
            Means::Same(word) => format!("`{word}`"),
            Means::Sets(sets, note) => {
                let pairs = sets.iter().map(|(key, word)| format!("`{key}={word}`")).collect::<Vec<_>>().join(", ");
                if note.is_empty() { pairs } else { format!("{pairs}; {note}") }
            }
            Means::NotCovered("") => String::from("not covered"),
            Means::NotCovered(instead) => format!("not covered; {instead}"),
        };
        text.extend(["| ", &keys, " | ", &words, " | ", alias.tool, " | ", &is, " |\n"]);
    }
    text
}

/// What a value stands for that is a word of another tool and sets more than its own parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Understood {
    /// The parameters that it sets.
    pub keys: Vec<&'static str>,
    /// What it was taken for, in words.
    pub words: String,
}

impl Parameter {
    /// Every word of other tools that this parameter is given.
    pub fn aliases(&self) -> impl Iterator<Item = &'static Alias> {
        ALIASES.iter().filter(|alias| alias.is_of(self))
    }

    /// The words of other tools that stand for one of its own, and for nothing else.
    pub fn aliases_of(&self, word: &str) -> Vec<&'static str> {
        let own = |alias: &&Alias| match alias.means {
            Means::Same(same) => same == word,
            Means::Sets(sets, _) => sets.iter().any(|(key, value)| *key == self.key && *value == word),
            Means::NotCovered(_) => false,
        };
        let of_others = ALIASES.iter().filter(|alias| !alias.is_of(self)).filter(|alias| match alias.means {
            Means::Sets(sets, _) => sets.first() == Some(&(self.key, word)),
            Means::Same(_) | Means::NotCovered(_) => false,
        });
        self.aliases().filter(own).chain(of_others).flat_map(|alias| alias.words).copied().collect()
    }

    /// Names that other tools have for it.
    pub fn synonyms(&self) -> &'static [&'static str] {
        synonyms::of(self.key)
    }

    /// The parameter that other tools know by this name.
    pub(super) fn by_synonym(name: &str) -> Option<&'static Self> {
        PARAMETERS.iter().find(|parameter| parameter.synonyms().iter().any(|known| alike(known, name)))
    }

    /// The word of its own that a text is, but for what does not matter in a name.
    fn own_word(&self, text: &str) -> Option<&'static str> {
        match self.kind {
            Kind::Choice { words, .. } => {
                words.iter().find(|word| **word == text).copied().or_else(|| among(text, words.iter().copied()))
            }
            _ => None,
        }
    }

    /// The word of another tool that a text is.
    pub(super) fn alias(&self, text: &str) -> Option<&'static Alias> {
        if self.own_word(text).is_some() || self.kind == Kind::Framework {
            return None;
        }
        let word = plain(text);
        let is = |alias: &&Alias| alias.words.iter().any(|known| plain(known) == word);
        // A parameter's own come before what is a word of all.
        let of = |own: bool| ALIASES.iter().filter(move |alias| alias.keys.is_empty() != own && alias.is_of(self));
        of(true).find(is).or_else(|| of(false).find(is))
    }

    /// A word as the parameter's own, where it is one in any spelling.
    pub(super) fn spelt(&self, value: Value) -> Value {
        match (&self.kind, value) {
            (Kind::Choice { .. }, value @ (Value::Word(_) | Value::Flag(_) | Value::Count(_))) => {
                let text = value.to_string();
                let own = self.own_word(&text).or_else(|| match self.alias(&text)?.means {
                    Means::Same(word) => Some(word),
                    Means::Sets(..) | Means::NotCovered(_) => None,
                });
                own.map_or(value, |word| Value::Word(word.to_owned()))
            }
            (Kind::Count { .. }, Value::Word(text)) => match self.alias(&text).map(|alias| alias.means) {
                Some(Means::Same(number)) => number.parse().map_or(Value::Word(text), Value::Count),
                _ => Value::Word(text),
            },
            (_, value) => value,
        }
    }

    /// What a value sets that is a word of another tool, and says more than the parameter itself can.
    pub(super) fn sets(&self, value: &Value) -> Option<&'static [(&'static str, &'static str)]> {
        match self.alias(&worded(value)?)?.means {
            Means::Sets(sets, _) => Some(sets),
            Means::Same(_) | Means::NotCovered(_) => None,
        }
    }

    /// Which parameters a value sets that is a word of another tool, and how it was taken; nothing where it is no more than
    /// a value of this one.
    pub fn understood(&self, value: &Value) -> Option<Understood> {
        let text = worded(value)?;
        let alias = self.alias(&text)?;
        let Means::Sets(sets, note) = alias.means else { return None };
        let pairs: Vec<String> = sets.iter().map(|(key, word)| format!("{key}={word}")).collect();
        let note = if note.is_empty() { String::new() } else { format!("; {note}") };
        let words = format!("`{text}` of {} is {}{note}", alias.tool, pairs.join(", "));
        Some(Understood { keys: sets.iter().map(|(key, _)| *key).collect(), words })
    }

    /// That a word of another tool stands for nothing that is described.
    pub(super) fn not_covered(&self, text: &str) -> Option<String> {
        let alias = self.alias(text)?;
        let Means::NotCovered(instead) = alias.means else { return None };
        let instead = if instead.is_empty() { String::new() } else { format!("{instead}; ") };
        Some(format!("`{text}` of {} is not covered; {instead}covered: {}", alias.tool, self.values()))
    }

    /// What comes nearest to a word that is none: of its own words and of those of other tools.
    pub(super) fn nearest_word(&self, text: &str, own: &[&'static str]) -> Option<String> {
        let of_others = self.aliases().filter(|alias| !matches!(alias.means, Means::NotCovered(_)));
        let words = own.iter().copied().chain(of_others.flat_map(|alias| alias.words.iter().copied()));
        super::nearest(text, words).map(String::from)
    }
}

/// A value that may be a word of another tool, as a text.
fn worded(value: &Value) -> Option<String> {
    match value {
        Value::Word(_) | Value::Flag(_) | Value::Count(_) => Some(value.to_string()),
        Value::Unset | Value::Fraction(_) | Value::Words(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Optimizer, OptimizerImplementation, Recompute, Scenario};

    fn set(key: &str, text: &str) -> Result<Scenario, String> {
        let parameter = Parameter::by_key(key).unwrap();
        let mut scenario = Scenario::default();
        let value = parameter.parse(text).map_err(|error| error.message)?;
        parameter.set(&mut scenario, value).map_err(|error| error.message)?;
        Ok(scenario)
    }

    /// The value that a text is taken for.
    fn taken(key: &str, text: &str) -> String {
        let scenario = set(key, text).unwrap_or_else(|error| panic!("{key}={text}: {error}"));
        Parameter::by_key(key).unwrap().get(&scenario).to_string()
    }

    #[test]
    fn case_and_hyphens_do_not_matter() {
        for parameter in PARAMETERS {
            let Kind::Choice { words, .. } = parameter.kind else { continue };
            for word in words {
                for text in [word.to_uppercase(), word.replace('-', "_"), word.replace('_', "-")] {
                    assert_eq!(parameter.own_word(&text), Some(*word), "{}={text}", parameter.key);
                }
            }
        }
        assert_eq!(taken("infer.weights", "Q4_K_M"), "q4_k_m");
        assert_eq!(taken("train.precision", "BF16"), "bf16");
    }

    #[test]
    fn words_of_other_tools_are_taken() {
        for (key, text, word) in [
            ("train.precision", "torch.bfloat16", "bf16"),
            ("train.precision", "half", "fp16"),
            ("train.optimizer", "adamw_bnb_8bit", "adamw-8bit"),
            ("train.optimizer", "paged_adamw_8bit", "paged-adamw-8bit"),
            ("train.attention", "flash_attention_2", "flash"),
            ("infer.attention", "sdpa", "flash"),
            ("train.recompute", "True", "full"),
            ("train.recompute", "1", "full"),
            ("train.recompute", "False", "none"),
            ("train.loss", "liger", "fused"),
            ("train.method", "4bit", "qlora"),
            ("train.base_weights", "int4", "nf4"),
            ("train.lora_dtype", "float32", "fp32"),
            ("infer.kv_cache", "fp8_e5m2", "fp8"),
            ("infer.kv_cache", "f16", "fp16"),
            ("infer.kv_cache", "auto", "bf16"),
            ("infer.weights", "F16", "fp16"),
            ("parallel.zero", "FULL_SHARD", "3"),
            ("parallel.zero", "zero2", "2"),
            ("train.padding", "1", "true"),
            ("train.padding", "No", "false"),
            ("train.lora_targets", "[\"q\", 'v']", "q,v"),
        ] {
            assert_eq!(taken(key, text), word, "{key}={text}");
        }
    }

    #[test]
    fn a_word_that_says_two_things_sets_both_and_says_so() {
        let parameter = Parameter::by_key("train.optimizer").unwrap();
        let scenario = set("train.optimizer", "adamw_torch").unwrap();
        assert_eq!(scenario.train.optimizer_implementation, OptimizerImplementation::Foreach);
        assert_eq!(scenario.train.optimizer, Optimizer::Adamw);
        let said = parameter.understood(&Value::Word(String::from("adamw_torch"))).unwrap();
        assert_eq!(said.keys, ["train.optimizer", "train.optimizer_implementation"]);
        assert!(said.words.contains("Transformers") && said.words.contains("foreach"), "{}", said.words);
        assert_eq!(parameter.understood(&Value::Word(String::from("AdamW"))), None, "no more than a spelling");
        let scenario = set("train.recompute", "unsloth").unwrap();
        assert_eq!((scenario.train.recompute, scenario.train.offload_activations), (Recompute::Full, true));
    }

    #[test]
    fn what_is_not_described_is_refused_by_name() {
        let error = set("train.optimizer", "rmsprop").unwrap_err();
        assert!(error.contains("`rmsprop` of Transformers is not covered; covered: adamw"), "{error}");
        let error = set("infer.weights", "int4").unwrap_err();
        assert!(error.contains("awq-int4"), "{error}");
        let error = set("train.optimizer", "adamw_tosch").unwrap_err();
        assert!(error.contains("the nearest is `adamw_torch`"), "{error}");
    }

    /// Whatever stands in the table can be set, and is no word that means something already.
    #[test]
    fn every_alias_holds() {
        for alias in ALIASES {
            for key in alias.keys {
                let parameter = Parameter::by_key(key).unwrap();
                for word in alias.words {
                    assert_eq!(parameter.own_word(word), None, "{key}={word} is a word of its own");
                    let twice = parameter.aliases().filter(|other| !other.keys.is_empty() && other.has(word)).count();
                    assert_eq!(twice, 1, "{key}={word}");
                    if !matches!(alias.means, Means::NotCovered(_)) && parameter.kind != Kind::Framework {
                        assert!(set(key, word).is_ok(), "{key}={word}: {:?}", set(key, word));
                    }
                }
            }
            if let Means::Sets(sets, _) = alias.means {
                for (key, word) in sets {
                    assert!(set(key, word).is_ok(), "{key}={word}");
                }
            }
        }
    }

    #[test]
    fn synonyms_belong_to_parameters() {
        for (key, names) in synonyms::SYNONYMS {
            assert!(PARAMETERS.iter().any(|parameter| parameter.key == *key), "{key}");
            assert!(!names.is_empty());
        }
        assert_eq!(Parameter::by_synonym("gradient-checkpointing").unwrap().key, "train.recompute");
    }
}
