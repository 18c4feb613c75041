//! A single line of text that is being typed.

/// A line of text and where the cursor stands in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Field {
    text: String,
    /// Characters before the cursor.
    cursor: usize,
    /// Whether what is typed next takes the place of the whole text.
    selected: bool,
}

/// Nobody types more; a paste may try.
const LONGEST: usize = 1024;

impl Field {
    /// A line that already holds a text, cursor at its end.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text: String = text.into();
        let cursor = text.chars().count();
        Self { text, cursor, selected: false }
    }

    /// The same, and what is typed next takes its place; keys that move the cursor keep it.
    pub(crate) fn selected(text: impl Into<String>) -> Self {
        let field = Self::new(text);
        Self { selected: !field.text.is_empty(), ..field }
    }

    /// Has what is typed next take the place of the whole text.
    pub(crate) const fn select(&mut self) {
        self.selected = !self.text.is_empty();
    }

    /// Whether what is typed next takes the place of the whole text.
    pub(crate) const fn is_selected(&self) -> bool {
        self.selected
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
        if character.is_control() {
            return;
        }
        self.replace();
        if self.text.len() + character.len_utf8() > LONGEST {
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
        if !self.replace() && self.cursor > 0 {
            self.cursor -= 1;
            self.text.remove(self.at(self.cursor));
        }
    }

    /// Removes the character under the cursor.
    pub(crate) fn delete(&mut self) {
        if !self.replace() && self.cursor < self.text.chars().count() {
            self.text.remove(self.at(self.cursor));
        }
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Removes what is selected; whether anything was.
    fn replace(&mut self) -> bool {
        let selected = self.selected;
        if selected {
            self.clear();
        }
        selected
    }

    /// Moves the cursor left.
    pub(crate) const fn left(&mut self) {
        self.selected = false;
        self.cursor = self.cursor.saturating_sub(1);
    }

    /// Moves the cursor right.
    pub(crate) fn right(&mut self) {
        self.selected = false;
        self.cursor = (self.cursor + 1).min(self.text.chars().count());
    }

    /// Moves the cursor to the start.
    pub(crate) const fn home(&mut self) {
        self.selected = false;
        self.cursor = 0;
    }

    /// Moves the cursor to the end.
    pub(crate) fn end(&mut self) {
        self.selected = false;
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
    fn what_is_selected_is_replaced_unless_the_cursor_moves() {
        for typed in [Field::insert as fn(&mut Field, char), |field, letter| field.paste(&letter.to_string())] {
            let mut field = Field::selected("4096");
            typed(&mut field, '8');
            typed(&mut field, 'k');
            assert_eq!((field.text(), field.cursor()), ("8k", 2));
        }
        for moved in [Field::left as fn(&mut Field), Field::right, Field::home, Field::end] {
            let mut field = Field::selected("4096");
            moved(&mut field);
            field.end();
            field.insert('0');
            assert_eq!(field.text(), "40960");
        }
        for removed in [Field::erase as fn(&mut Field), Field::delete, Field::clear] {
            let mut field = Field::selected("4096");
            removed(&mut field);
            assert_eq!(field, Field::default());
        }
        assert!(!Field::selected("").is_selected());
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
