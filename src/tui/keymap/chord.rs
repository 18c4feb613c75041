//! One key press, as terminals tell of it, as people write it and as it is shown.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// One key with what is held down with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

/// Names of keys in the table, the glyph that stands for each, and its code.
const NAMES: &[(&str, &str, KeyCode)] = &[
    ("left", "←", KeyCode::Left),
    ("right", "→", KeyCode::Right),
    ("up", "↑", KeyCode::Up),
    ("down", "↓", KeyCode::Down),
    ("enter", "⏎", KeyCode::Enter),
    ("esc", "Esc", KeyCode::Esc),
    ("backspace", "Backspace", KeyCode::Backspace),
    ("delete", "Delete", KeyCode::Delete),
    ("home", "Home", KeyCode::Home),
    ("end", "End", KeyCode::End),
    ("pageup", "PgUp", KeyCode::PageUp),
    ("pagedown", "PgDn", KeyCode::PageDown),
    ("tab", "Tab", KeyCode::Tab),
    ("space", "Space", KeyCode::Char(' ')),
    ("f1", "F1", KeyCode::F(1)),
    ("f2", "F2", KeyCode::F(2)),
    ("f3", "F3", KeyCode::F(3)),
    ("f4", "F4", KeyCode::F(4)),
    ("f5", "F5", KeyCode::F(5)),
    ("f6", "F6", KeyCode::F(6)),
    ("f7", "F7", KeyCode::F(7)),
    ("f8", "F8", KeyCode::F(8)),
    ("f9", "F9", KeyCode::F(9)),
    ("f10", "F10", KeyCode::F(10)),
    ("f11", "F11", KeyCode::F(11)),
    ("f12", "F12", KeyCode::F(12)),
];

impl Chord {
    /// A letter, digit or sign alone.
    pub const fn letter(letter: char) -> Self {
        Self { code: KeyCode::Char(letter), modifiers: KeyModifiers::NONE }
    }

    /// The chord of a key press; nothing for releases and for keys that only modify.
    pub fn of(event: KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release || matches!(event.code, KeyCode::Modifier(_) | KeyCode::Null) {
            return None;
        }
        let relevant = KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT;
        Some(Self { code: event.code, modifiers: event.modifiers & relevant }.normal())
    }

    /// Reads `q`, `H`, `ctrl-c`, `shift-left`, `?`.
    pub fn parse(text: &str) -> Option<Self> {
        let (modifiers, name) = if let Some(rest) = text.strip_prefix("ctrl-") {
            (KeyModifiers::CONTROL, rest)
        } else if let Some(rest) = text.strip_prefix("shift-") {
            (KeyModifiers::SHIFT, rest)
        } else if let Some(rest) = text.strip_prefix("alt-") {
            (KeyModifiers::ALT, rest)
        } else {
            (KeyModifiers::NONE, text)
        };
        let mut letters = name.chars();
        let code = match (letters.next(), letters.next()) {
            (Some(letter), None) => KeyCode::Char(letter),
            _ => NAMES.iter().find(|(known, _, _)| *known == name)?.2,
        };
        Some(Self { code, modifiers }.normal())
    }

    /// How files write it: `ctrl-r`, as [`Self::parse`] reads it.
    pub fn written(self) -> String {
        let held = match self.modifiers {
            held if held.contains(KeyModifiers::CONTROL) => "ctrl-",
            held if held.contains(KeyModifiers::ALT) => "alt-",
            held if held.contains(KeyModifiers::SHIFT) => "shift-",
            _ => "",
        };
        let name = NAMES.iter().find(|(_, _, code)| *code == self.code).map(|(name, ..)| (*name).to_owned());
        match (name, self.code) {
            (Some(name), _) => format!("{held}{name}"),
            (None, KeyCode::Char(letter)) => format!("{held}{letter}"),
            // No file can name it.
            (None, code) => format!("{held}{code:?}"),
        }
    }

    /// The letter that this types, where it types one.
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(letter) if self.modifiers.is_empty() => Some(letter),
            _ => None,
        }
    }

    /// How it is shown: `←`, `^R`, `⇧←`, or in ASCII `Left`, `^R`, `S-Left`.
    pub fn show(self, glyphs: bool) -> String {
        let name = match self.code {
            KeyCode::Char(letter) if self.modifiers.contains(KeyModifiers::CONTROL) => {
                letter.to_uppercase().to_string()
            }
            KeyCode::Char(letter) if letter != ' ' => letter.to_string(),
            code => NAMES.iter().find(|(_, _, known)| *known == code).map_or_else(
                || format!("{code:?}"),
                |(name, glyph, _)| if glyphs || glyph.is_ascii() { (*glyph).to_owned() } else { capital(name) },
            ),
        };
        let held = match self.modifiers {
            held if held.contains(KeyModifiers::CONTROL) => "^",
            held if held.contains(KeyModifiers::ALT) => "Alt-",
            held if held.contains(KeyModifiers::SHIFT) => {
                if glyphs {
                    "⇧"
                } else {
                    "S-"
                }
            }
            _ => "",
        };
        format!("{held}{name}")
    }

    /// Terminals differ in whether `H` comes with Shift held, and in the case of a letter with Ctrl; and some keys are
    /// others under another name.
    fn normal(mut self) -> Self {
        let same = match self.code {
            KeyCode::BackTab => Some(KeyCode::Tab),
            KeyCode::Char(letter) if self.modifiers == KeyModifiers::CONTROL => match letter.to_ascii_lowercase() {
                'm' => Some(KeyCode::Enter),
                'i' => Some(KeyCode::Tab),
                '[' => Some(KeyCode::Esc),
                _ => None,
            },
            _ => None,
        };
        if let Some(code) = same {
            let shifted = self.code == KeyCode::BackTab;
            return Self { code, modifiers: if shifted { KeyModifiers::SHIFT } else { KeyModifiers::NONE } };
        }
        if let KeyCode::Char(letter) = self.code {
            if self.modifiers.contains(KeyModifiers::CONTROL) {
                self.code = KeyCode::Char(letter.to_ascii_lowercase());
            } else if self.modifiers.contains(KeyModifiers::SHIFT) {
                self.code = KeyCode::Char(letter.to_ascii_uppercase());
            }
            self.modifiers.remove(KeyModifiers::SHIFT);
        }
        self
    }
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shift_is_part_of_a_letter() {
        let pressed = |code, modifiers| Chord::of(KeyEvent::new(code, modifiers)).unwrap();
        let held = Chord::parse("H").unwrap();
        assert_eq!(pressed(KeyCode::Char('H'), KeyModifiers::SHIFT), held);
        assert_eq!(pressed(KeyCode::Char('H'), KeyModifiers::NONE), held);
        assert_eq!(pressed(KeyCode::Char('h'), KeyModifiers::SHIFT), held);
        assert_eq!(pressed(KeyCode::Char('?'), KeyModifiers::SHIFT), Chord::letter('?'));
        assert_eq!(pressed(KeyCode::Char('C'), KeyModifiers::CONTROL), Chord::parse("ctrl-c").unwrap());
        assert_ne!(pressed(KeyCode::Left, KeyModifiers::SHIFT), Chord::parse("left").unwrap());
    }

    #[test]
    fn one_key_has_one_name() {
        for (one, other) in [("ctrl-m", "enter"), ("ctrl-i", "tab"), ("ctrl-[", "esc"), ("ctrl-R", "ctrl-r")] {
            assert_eq!(Chord::parse(one), Chord::parse(other), "{one}");
        }
        let back = Chord::of(KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT));
        assert_eq!(back, Chord::parse("shift-tab"));
        assert_eq!(back.unwrap().show(true), "⇧Tab");
        assert_ne!(back, Chord::parse("tab"));
    }

    #[test]
    fn releases_are_no_presses() {
        let release = KeyEvent::new_with_kind(KeyCode::Char('q'), KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(Chord::of(release), None);
    }

    #[test]
    fn every_bound_key_is_shown_in_plain_letters_too() {
        for chord in crate::tui::standard_keys().chords() {
            assert!(chord.show(false).is_ascii(), "{chord:?}");
            assert!(!chord.show(true).contains("Char"), "{chord:?}");
        }
        assert_eq!(Chord::parse("shift-left").unwrap().show(true), "⇧←");
        assert_eq!(Chord::parse("ctrl-r").unwrap().show(false), "^R");
        assert_eq!(Chord::parse("nosuchkey"), None);
    }
}
