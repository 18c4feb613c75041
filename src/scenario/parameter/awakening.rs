//! What would make a parameter count that a scenario does not read.

use super::{Kind, PARAMETERS, Parameter};
use crate::scenario::Scenario;

impl Parameter {
    /// The choice that makes it count, where one change is enough: a parameter and the word that it takes.
    pub fn awakening(&self, scenario: &Scenario) -> Option<(&'static Self, &'static str)> {
        PARAMETERS.iter().find_map(|other| {
            let words: &[&str] = match other.kind {
                Kind::Choice { covered, .. } => covered,
                Kind::Flag => &["true", "false"],
                _ => &[],
            };
            let wakes = |word: &&&str| {
                let mut changed = scenario.clone();
                let set = other.parse(word).and_then(|value| other.set(&mut changed, value));
                set.is_ok() && (self.applies)(&changed)
            };
            words.iter().find(wakes).map(|word| (other, *word))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Method, Task};

    #[test]
    fn a_quantized_base_counts_with_the_method_that_has_one() {
        let mut scenario = Scenario::default();
        let awakening = |key, scenario: &Scenario| {
            Parameter::by_key(key).unwrap().awakening(scenario).map(|(other, word)| (other.key, word))
        };
        for method in [Method::Full, Method::Lora] {
            scenario.train.method = method;
            assert_eq!(awakening("train.base_weights", &scenario), Some(("train.method", "qlora")));
        }
        scenario.task = Task::Infer;
        assert_eq!(awakening("train.optimizer", &scenario), Some(("task", "train")));
        assert_eq!(awakening("infer.block_size", &scenario), None, "nothing reads it");
    }
}
