//! Reports for people, 80 columns wide.

mod advice;
mod bar;
mod check;
mod estimate;
mod largest;
mod ledger;
mod plan;

pub use advice::advice;
pub use check::check;
pub use estimate::estimate;
pub use largest::largest;
pub use ledger::ledger;
pub use plan::{fewest, plan};

use super::Report;
use crate::model::Model;
use crate::model::tower::Modality;
use crate::scenario::{Estimator, ImageSize, KernelLibrary, Objective, Recompute, Scenario, Task};
use crate::units::{Bytes, Unit, grouped};

/// The width that text is made for.
const COLUMNS: usize = 80;

/// How text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The unit of every size.
    pub unit: Unit,
    /// Whether the terminal takes colours.
    pub color: bool,
    /// Whether nothing but ASCII may be printed.
    pub ascii: bool,
}

/// A colour of the terminal's own palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ink {
    Green,
    Yellow,
    Red,
    Dim,
}

impl Look {
    /// Text in a colour, where there are colours; words and patterns say the same without.
    fn paint(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Green => 32,
            Ink::Yellow => 33,
            Ink::Red => 31,
            Ink::Dim => 2,
        };
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A size without its unit.
    pub(super) fn size(self, bytes: Bytes) -> String {
        self.unit.number(bytes)
    }

    /// A size with its unit.
    fn show(self, bytes: Bytes) -> String {
        format!("{} {}", self.size(bytes), self.unit.label())
    }

    /// The finished text in the characters that the terminal has.
    pub fn finish(self, text: String) -> String {
        if self.ascii { to_ascii(&text) } else { text }
    }
}

/// Every character as one of ASCII that looks or means the same; in bars and tables columns stay where they are.
fn to_ascii(text: &str) -> String {
    let swap = |character: char| match character {
        c if c.is_ascii() => c,
        '█' | '▉' | '▊' | '▋' | '▌' => '#',
        '▍' | '▎' | '▏' => ' ',
        '▓' => '=',
        '░' => '.',
        '▒' => '+',
        '▚' => '%',
        '│' => '|',
        '▲' => '^',
        '·' => '*',
        '×' => 'x',
        '÷' => '/',
        '–' | '—' => '-',
        '≤' => '<',
        '≥' => '>',
        _ => '?',
    };
    text.replace(" · ", ", ").replace('²', "^2").replace('≫', ">>").chars().map(swap).collect()
}

/// What is run, in a line or two: `Llama 3.1 8B · train full · transformers · …`.
fn headline(report: &Report) -> String {
    let scenario = report.scenario;
    let mut words = vec![report.model.name.clone()];
    match scenario.task {
        Task::Train => training(report.model, scenario, &mut words),
        Task::Infer => serving(report.model, scenario, &mut words),
    }
    if scenario.estimator == Estimator::Sketch {
        words.push(String::from("sketch"));
    }
    let decided = scenario.decided_by_framework();
    if decided.is_empty() || scenario.estimator == Estimator::Sketch {
        return wrap(&words);
    }
    let decided = decided.iter().map(|(parameter, value)| format!("{}={value}", parameter.key));
    let own = format!("{}'s own defaults: {}", scenario.framework.word(), decided.collect::<Vec<_>>().join(" "));
    format!("{}\n{}", wrap(&words), wrap_sentence(&own))
}

/// Words with a dot between them, in lines of at most 80 columns.
fn wrap(words: &[String]) -> String {
    flow(words.iter().map(String::as_str), " · ")
}

/// A sentence in lines of at most 80 columns.
fn wrap_sentence(sentence: &str) -> String {
    flow(sentence.split(' '), " ")
}

fn flow<'a>(words: impl Iterator<Item = &'a str>, between: &str) -> String {
    let width = |text: &str| text.chars().count();
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if width(line) + width(between) + width(word) <= COLUMNS => {
                line.push_str(between);
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

fn training(model: &Model, scenario: &Scenario, words: &mut Vec<String>) {
    let train = &scenario.train;
    words.push(match train.objective {
        Objective::Lm => format!("train {}", train.method.word()),
        objective => format!("train {} {}", train.method.word(), objective.word()),
    });
    words.push(scenario.framework.word().to_owned());
    words.push(train.precision.word().to_owned());
    words.push(train.optimizer.word().to_owned());
    words.push(format!("batch {} × {} tokens", grouped(train.micro_batch_size), grouped(train.sequence_length)));
    words.extend(images(model, train.images, train.image_size));
    if train.images > 0 && train.train_tower {
        words.push(String::from("tower trained"));
    }
    words.push(format!("{} attention", train.attention.word()));
    if train.recompute != Recompute::None {
        words.push(format!("recompute {}", train.recompute.word()));
    }
    if train.kernels != KernelLibrary::None {
        words.push(format!("{} kernels", train.kernels.word()));
    }
    if scenario.gpus > 1 {
        words.push(super::plan::layout_words(scenario));
    }
}

fn serving(model: &Model, scenario: &Scenario, words: &mut Vec<String>) {
    let infer = &scenario.infer;
    words.push(String::from("infer"));
    words.push(scenario.framework.word().to_owned());
    words.push(format!("{} weights", infer.weights));
    if model.architecture.encoder.is_none() {
        words.push(format!("{} cache", infer.kv_cache));
    }
    words.push(format!("{} × {} tokens", grouped(infer.concurrency), grouped(infer.context_length)));
    words.extend(images(model, infer.images, infer.image_size));
}

/// What each sequence has beside its words: `2 images, 512 tokens more`.
fn images(model: &Model, images: u64, size: ImageSize) -> Option<String> {
    if let Some(sounds) = model.architecture.seq2seq.and_then(|seq2seq| seq2seq.sounds) {
        return Some(format!("a sound of {} tokens each", grouped(sounds.positions)));
    }
    let tower = model.architecture.tower.as_ref().filter(|_| images > 0)?;
    let tokens = tower.text_tokens(images, size.sides());
    let what = match tower.modality() {
        Modality::Audio => "sound",
        Modality::Vision => "image",
    };
    let [of_images, of_tokens] = [images, tokens].map(|number| if number == 1 { "" } else { "s" });
    Some(format!("{} {what}{of_images}, {} token{of_tokens} more", grouped(images), grouped(tokens)))
}

/// The card: `on 1 × H100 SXM 80GB, 79.18 GiB usable`.
fn card(report: &Report, look: Look) -> Option<String> {
    let (gpu, fit) = (report.gpu?, report.fit.as_ref()?);
    let estimated = if gpu.usable_estimated { " (estimated)" } else { "" };
    Some(format!("on {} × {}, {} usable{estimated}", report.scenario.gpus, gpu.name, look.show(fit.capacity)))
}

/// What the rule of thumb adds: the ratio, and where it tends.
fn ratio(report: &Report) -> Option<String> {
    let sketch = report.sketch?;
    Some(format!(
        "activations / model = B·T·(T + 2D) / (4·N·D²) = {:.2}\nfor T ≫ D it tends to B·T² / (4·N·D²) = {:.2}",
        sketch.ratio, sketch.long_sequence_ratio
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_keeps_every_column() {
        assert_eq!(to_ascii("█▌▒│ 2 × 3·4"), "##+| 2 x 3*4");
        assert_eq!(to_ascii("train · bf16"), "train, bf16");
        assert_eq!(to_ascii("T ≫ D, D²"), "T >> D, D^2");
    }

    #[test]
    fn lines_are_broken_between_words() {
        let words = ["a".repeat(40), "b".repeat(37), "c".to_owned()];
        assert_eq!(wrap(&words), format!("{} · {}\nc", words[0], words[1]));
    }

    #[test]
    fn what_is_small_is_not_nothing() {
        let look = Look { unit: Unit::Gib, color: false, ascii: false };
        assert_eq!(look.show(Bytes::new(8192)), "<0.001 GiB");
        assert_eq!(look.show(Bytes::ZERO), "0.00 GiB");
    }

    #[test]
    fn without_colour_nothing_is_escaped() {
        let look = Look { unit: Unit::Gib, color: false, ascii: false };
        assert_eq!(look.paint(Ink::Red, "over"), "over");
        assert_eq!(Look { color: true, ..look }.paint(Ink::Red, "over"), "\x1b[31mover\x1b[0m");
    }
}
