//! Which families have a class of Transformers 5.23 that scores sequences or tokens, and how it is written.

use super::Member;
use crate::model::architecture::ScoreHead;

/// The classes of a family beside that with a head over its vocabulary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Classes {
    /// What scores sequences.
    pub sequences: Option<ScoreHead>,
    /// What scores tokens.
    pub tokens: Option<ScoreHead>,
    /// Dropout before those scores; unset: as before residuals. The class for sequences of a decoder has none.
    pub dropout: Option<f64>,
}

impl Classes {
    const NONE: Self = Self { sequences: None, tokens: None, dropout: None };

    /// `GenericForSequenceClassification` and, where there is one, `GenericForTokenClassification`.
    const SEQUENCES: Self = Self { sequences: Some(ScoreHead::LastToken), ..Self::NONE };
    const BOTH: Self = Self { tokens: Some(ScoreHead::EachToken), dropout: Some(0.1), ..Self::SEQUENCES };
    const TOKENS: Self = Self { sequences: None, ..Self::BOTH };
}

/// By `model_type`. Older families write these classes in their own way.
const CLASSES: &[(&str, Classes)] = &[
    ("apertus", Classes::TOKENS),
    ("arcee", Classes::BOTH),
    ("bert", Classes { sequences: Some(ScoreHead::Pooled), dropout: None, ..Classes::BOTH }),
    ("deepseek_v2", Classes::SEQUENCES),
    ("deepseek_v3", Classes::BOTH),
    ("exaone4", Classes::BOTH),
    ("gemma", Classes::BOTH),
    ("gemma2", Classes::BOTH),
    ("gemma3_text", Classes::SEQUENCES),
    ("glm", Classes::BOTH),
    ("glm4", Classes::BOTH),
    ("gpt_oss", Classes::BOTH),
    ("hunyuan_v1_dense", Classes::SEQUENCES),
    ("hunyuan_v1_moe", Classes::SEQUENCES),
    ("jamba", Classes::SEQUENCES),
    ("llama", Classes::BOTH),
    ("minimax", Classes::BOTH),
    ("ministral3", Classes::BOTH),
    ("mistral", Classes::BOTH),
    ("mistral4", Classes::BOTH),
    ("mixtral", Classes::BOTH),
    (
        "modernbert",
        Classes { sequences: Some(ScoreHead::Transformed), tokens: Some(ScoreHead::Transformed), dropout: Some(0.0) },
    ),
    ("nemotron", Classes::BOTH),
    ("olmo", Classes::SEQUENCES),
    ("olmo2", Classes::SEQUENCES),
    ("olmo3", Classes::SEQUENCES),
    ("phi", Classes::BOTH),
    ("phi3", Classes::BOTH),
    ("phimoe", Classes::SEQUENCES),
    ("qwen2", Classes::BOTH),
    ("qwen2_moe", Classes::BOTH),
    ("qwen3", Classes::BOTH),
    ("qwen3_moe", Classes::BOTH),
    ("qwen3_next", Classes::BOTH),
    ("roberta", Classes { sequences: Some(ScoreHead::FirstToken), dropout: None, ..Classes::BOTH }),
    ("seed_oss", Classes::BOTH),
    ("smollm3", Classes::BOTH),
    // Its config has a `hidden_dropout`, which the class reads.
    ("stablelm", Classes { dropout: None, ..Classes::BOTH }),
    ("starcoder2", Classes::BOTH),
    ("xlm-roberta", Classes { sequences: Some(ScoreHead::FirstToken), dropout: None, ..Classes::BOTH }),
];

impl Member {
    /// The classes of this family.
    pub fn classes(&self) -> Classes {
        let row = CLASSES.iter().find(|(family, _)| *family == self.family.id);
        row.map_or(Classes::NONE, |(_, classes)| *classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families;

    #[test]
    fn every_row_is_of_a_family_and_in_order() {
        assert!(CLASSES.is_sorted_by_key(|(family, _)| *family));
        for (family, classes) in CLASSES {
            let member = families::find(family).unwrap();
            assert_eq!(member.classes(), *classes, "{family}");
        }
        assert_eq!(families::find("granite").unwrap().classes(), Classes::NONE);
    }
}
