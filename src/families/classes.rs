//! Which families have a class of Transformers 5.23 that scores sequences or tokens, and how it is written.

use super::{Member, checkpoint, member};
use crate::model::architecture::{FirstActivation, Output, Purpose, ScoreHead, Scores};
use crate::model::{Architecture, ArchitectureError, ArchitectureKeys, Family};

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

    /// Those of encoders that score the first token.
    const fn first_token(activation: FirstActivation) -> Self {
        Self { sequences: Some(ScoreHead::FirstToken(activation)), dropout: None, ..Self::BOTH }
    }

    /// RoBERTa's and those of its kin.
    const FIRST_TOKEN: Self = Self::first_token(FirstActivation::Tangent);

    /// Whether dropout acts before the scores, where a run says another probability or none.
    pub fn drops(&self, architecture: &Architecture, of_run: Option<f64>, head: ScoreHead) -> bool {
        let own = architecture.classifier_dropout.or(self.dropout).unwrap_or(architecture.dropout.hidden);
        let may = !matches!(head, ScoreHead::LastToken | ScoreHead::Discriminator);
        may && of_run.unwrap_or(own) > 0.0
    }
}

/// The architecture that `keys` describe, with what the class that they name has on top.
pub fn resolve(family: &'static Family, keys: &ArchitectureKeys) -> Result<Architecture, ArchitectureError> {
    let architecture = Architecture::resolve(family, keys)?;
    let output = output(family, keys.architectures.as_deref().unwrap_or_default(), &architecture)?;
    let quantized = keys.quantization_config.as_deref().unwrap_or_default();
    let checkpoint = checkpoint::resolve(family, &architecture, quantized)?;
    Ok(Architecture { checkpoint, output, ..architecture })
}

/// What the named class gives for each token. Every decoder is taken to have a class that scores: those that are not
/// in the table have the same matrix there, and are not trained.
fn output(family: &Family, named: &[String], architecture: &Architecture) -> Result<Output, ArchitectureError> {
    let Some(class) = named.first() else { return Ok(Output::Own) };
    let own: &[_] = family.encoder.as_ref().map_or(&[], |defaults| &defaults.classes);
    // Those with classes of their own have looked at them already.
    if family.image.is_some() || family.seq2seq.is_some() || own.contains(&class.as_str()) {
        return Ok(Output::Own);
    }
    let classes = member(family).classes();
    let scores = |labels, head: ScoreHead| Scores { labels, head, dropout: classes.drops(architecture, None, head) };
    let of_tokens = |labels| scores(labels, classes.tokens.unwrap_or(ScoreHead::EachToken));
    let of_sequences = |labels| scores(labels, classes.sequences.unwrap_or(ScoreHead::LastToken));
    Ok(match Purpose::of(class)? {
        Purpose::Words => Output::Own,
        Purpose::Hidden => Output::Hidden,
        Purpose::Sequences => Output::Sequences(of_sequences(architecture.labels)),
        Purpose::Reward => Output::Sequences(of_sequences(1)),
        Purpose::Tokens => Output::Tokens(of_tokens(architecture.labels)),
        Purpose::Answers => Output::Answers(of_tokens(2)),
        Purpose::Replaced => Output::Tokens(scores(1, ScoreHead::Discriminator)),
    })
}

/// BERT's pooler.
const POOLED: ScoreHead = ScoreHead::Pooled(FirstActivation::Tangent);

/// By `model_type`. Older families write these classes in their own way.
const CLASSES: &[(&str, Classes)] = &[
    ("albert", Classes { sequences: Some(POOLED), ..Classes::BOTH }),
    ("apertus", Classes::TOKENS),
    ("arcee", Classes::BOTH),
    ("bert", Classes { sequences: Some(POOLED), dropout: None, ..Classes::BOTH }),
    ("camembert", Classes::FIRST_TOKEN),
    ("data2vec-text", Classes::FIRST_TOKEN),
    (
        "deberta-v2",
        Classes { sequences: Some(ScoreHead::Pooled(FirstActivation::Gelu)), dropout: None, ..Classes::BOTH },
    ),
    ("deepseek_v2", Classes::SEQUENCES),
    ("deepseek_v3", Classes::BOTH),
    ("distilbert", Classes::first_token(FirstActivation::Relu)),
    ("electra", Classes::first_token(FirstActivation::Gelu)),
    ("ernie", Classes { sequences: Some(POOLED), dropout: None, ..Classes::BOTH }),
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
    ("mpnet", Classes::FIRST_TOKEN),
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
    ("roberta", Classes::FIRST_TOKEN),
    ("seed_oss", Classes::BOTH),
    ("smollm3", Classes::BOTH),
    // Its config has a `hidden_dropout`, which the class reads.
    ("stablelm", Classes { dropout: None, ..Classes::BOTH }),
    ("starcoder2", Classes::BOTH),
    ("xlm-roberta", Classes::FIRST_TOKEN),
];

impl Member {
    /// Whether its architecture looks at the names of classes itself.
    pub const fn names_own_classes(&self) -> bool {
        self.family.encoder.is_some() || self.family.seq2seq.is_some() || self.family.image.is_some()
    }

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
