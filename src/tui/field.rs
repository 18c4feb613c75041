//! A single line of text that is being typed.

/// A line of text and where the cursor stands in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Field {
    text: String,
    /// Characters before the cursor.
    cursor: usize,
}

/// Nobody types more; a paste may try.
const LONGEST: usize = 1024;

impl Field {
    /// A line that already holds a text, cursor at its end.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text: String = text.into();
        let cursor = text.chars().count();
        Self { text, cursor }
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Characters before the cursor.
    pub(crate) const fn cursor(&self) -> usize {
        self.cursor
    }

    /// Puts a character in at the cursor; control characters are left out.
    pub(crate) fn insert(&mut self, character: char) {
        if character.is_control() || self.text.len() + character.len_utf8() > LONGEST {
            return;
        }
        self.text.insert(self.at(self.cursor), character);
        self.cursor += 1;
    }

    /// Puts the first line of a pasted text in.
    pub(crate) fn paste(&mut self, text: &str) {
        // Terminals send a line's end as the Enter key does.
        for character in text.split(['\r', '\n']).next().unwrap_or_default().chars() {
            self.insert(character);
        }
    }

    /// Removes the character before the cursor.
    pub(crate) fn erase(&mut self) {
        if self.cursor > 0 {
            self.cursor -= 1;
            self.text.remove(self.at(self.cursor));
        }
    }

    /// Removes the character under the cursor.
    pub(crate) fn delete(&mut self) {
        if self.cursor < self.text.chars().count() {
            self.text.remove(self.at(self.cursor));
        }
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Moves the cursor left.
    pub(crate) const fn left(&mut self) {
        self.cursor = self.cursor.saturating_sub(1);
    }

    /// Moves the cursor right.
    pub(crate) fn right(&mut self) {
        self.cursor = (self.cursor + 1).min(self.text.chars().count());
    }

    /// Moves the cursor to the start.
    pub(crate) const fn home(&mut self) {
        self.cursor = 0;
    }

    /// Moves the cursor to the end.
    pub(crate) fn end(&mut self) {
        self.cursor = self.text.chars().count();
    }

    fn at(&self, character: usize) -> usize {
        self.text.char_indices().nth(character).map_or(self.text.len(), |(byte, _)| byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_go_in_and_out_at_the_cursor() {
        let mut field = Field::new("8é");
        field.left();
        field.insert('ü');
        assert_eq!(field.text(), "8üé");
        field.erase();
        field.delete();
        assert_eq!((field.text(), field.cursor()), ("8", 1));
        field.delete();
        field.right();
        assert_eq!((field.text(), field.cursor()), ("8", 1));
    }

    #[test]
    fn a_paste_brings_one_line_and_no_control_characters() {
        let mut field = Field::default();
        field.paste("12\u{7}8k\nq");
        assert_eq!(field.text(), "128k");
        field.paste("\rq");
        field.paste("4\rq\rq");
        assert_eq!(field.text(), "128k4");
        field.paste(&"9".repeat(5000));
        assert_eq!(field.text().len(), LONGEST);
    }
}
