//! A scenario file that was read: its text is kept, so that what is asked of it later is not read again.

use std::io::Read;
use std::path::Path;

use super::{keys, leaves, parse, taken};
use crate::located::{self, Document, PresetError};
use crate::scenario::Scenario;

/// What messages call standard input.
const STDIN: &str = "<stdin>";

/// The text of a scenario, and what messages call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    origin: String,
    text: String,
}

impl Written {
    /// That of a file.
    pub fn read(path: &Path) -> Result<Self, PresetError> {
        Ok(Self { origin: path.display().to_string(), text: located::read(path)? })
    }

    /// What comes through standard input, which can be read once.
    pub fn of_stdin(stdin: impl Read) -> Result<Self, PresetError> {
        Ok(Self { origin: String::from(STDIN), text: located::text_of(stdin, STDIN)? })
    }

    /// The scenario in it.
    pub fn scenario(&self) -> Result<Scenario, PresetError> {
        parse(&self.text, &self.origin)
    }

    /// Whether it has a value for a key.
    pub fn says(&self, key: &str) -> bool {
        self.document().parse().is_ok_and(|root| keys(root.get_ref()).iter().any(|known| known == key))
    }

    /// What words of other tools in it were taken for, where they say more than one thing.
    pub fn understood(&self) -> Vec<String> {
        let document = self.document();
        let Ok(root) = document.parse() else { return Vec::new() };
        leaves("", root.get_ref()).iter().filter_map(taken).map(|taken| taken.words).collect()
    }

    /// An error about the value of a key: where it stands, as far as it does.
    pub fn error(&self, key: &str, message: &str) -> PresetError {
        let document = self.document();
        let Ok(root) = document.parse() else { return PresetError::file(&self.origin, message) };
        let leaves = leaves("", root.get_ref());
        let span = leaves.iter().find(|leaf| leaf.key == key).map_or(0..0, |leaf| leaf.span.clone());
        document.error(span, key, message)
    }

    fn document(&self) -> Document<'_> {
        Document { origin: &self.origin, text: &self.text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_text_names_its_place() {
        let text = "model = \"gpt2\"\n[train]\nmicro_batch_size = 4\n";
        let written = Written::of_stdin(text.as_bytes()).unwrap();
        assert_eq!(written.scenario().unwrap().train.micro_batch_size, 4);
        assert!(written.says("train.micro_batch_size") && !written.says("train.sequence_length"));
        let error = written.error("train.micro_batch_size", "too large").to_string();
        assert_eq!(error, "<stdin>:3:1: train.micro_batch_size: too large");
        let broken = Written::of_stdin("model = ".as_bytes()).unwrap();
        assert!(broken.scenario().unwrap_err().to_string().starts_with("<stdin>:1:"), "{broken:?}");
        assert!(Written::of_stdin(&[0xff_u8][..]).is_err());
    }
}
