//! What the words and signs on the screen mean.

use super::theme::Theme;
use crate::memory::{Category, Instant};

/// What people meet besides categories and instants.
const SIZES: [(&str, &str); 5] = [
    ("allocated", "all tensors that the program makes, at the peak"),
    ("reserved", "what PyTorch's allocator has taken from the driver: tensors, and what lies between them"),
    ("needs", "the least capacity on which the run completes, the CUDA context with it: verdicts go by it"),
    ("capacity", "what CUDA can hand out on the card: less than the number on its box"),
    ("unusable", "what the allocator holds in pieces too small for what is asked"),
];
const VERDICTS: [(&str, &str); 3] = [
    ("fits", "even the upper end of the range does"),
    ("tight", "the card ends inside of the range, or the allocator must give memory back for the run to go on"),
    ("over", "not even the lower end of the range fits"),
];
const SKETCH: [(&str, &str); 5] = [
    ("B", "sequences at once: micro batch"),
    ("N", "attention heads"),
    ("T", "tokens of a sequence"),
    ("D", "head size; C is N times D"),
    ("sketch", "a rule of thumb about training: scores of every layer, T by T, are kept for backward"),
];

/// A heading or a word with what it means.
pub(crate) enum Line {
    /// A heading.
    Heading(&'static str),
    /// A blank line.
    Blank,
    /// A word and what it means.
    Word(String, &'static str),
}

/// Every line.
pub(crate) fn of(theme: Theme) -> Vec<Line> {
    let glyphs = theme.glyphs;
    let word = |(word, means): (&str, &'static str)| Line::Word(word.to_owned(), means);
    let bars = Category::ALL.map(|category| (category.label(), category.explains()));
    let instants = Instant::TRAINING.into_iter().chain(Instant::SERVING);
    let signs = [
        (glyphs.absent, "not there at the peak, but at the instant that is named"),
        (glyphs.over, "what lies beyond the card's capacity"),
        (glyphs.unusable, "what the allocator holds and cannot use"),
        (glyphs.tick, "the card's capacity"),
        (glyphs.maybe, "tight; before an entry: an estimate, with its range"),
        ("!", "a note that a command would warn of"),
    ];
    let mut lines = vec![Line::Heading("Bars")];
    lines.extend(bars.map(word));
    lines.extend([Line::Blank, Line::Heading("Instants of a step")]);
    lines.extend(instants.map(|instant| word((instant.id(), instant.explains()))));
    lines.extend([Line::Blank, Line::Heading("Sizes and verdicts")]);
    lines.extend(SIZES.into_iter().chain(VERDICTS).map(word));
    lines.extend([Line::Blank, Line::Heading("Signs")]);
    lines.extend(signs.map(word));
    lines.extend([Line::Blank, Line::Heading("The sketch")]);
    lines.extend(SKETCH.map(word));
    lines
}

/// How many lines there are, whatever the theme.
pub(crate) fn lines() -> usize {
    of(Theme::new(false, false)).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrolling_knows_how_long_the_list_is() {
        assert_eq!(of(Theme::new(true, true)).len(), lines());
    }
}
