//! Keys as people write them, both ways, and what they do.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::action::{Action, BINDINGS, Binding, Context, RENAMED};
use crate::scenario::parameter::nearest;

/// Which keys do what: for each row of the table of actions its keys, the one to show first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keymap {
    chords: Vec<Vec<Chord>>,
}

impl Keymap {
    /// These keys in place of those of another keymap, for the actions that are named.
    ///
    /// # Errors
    /// The index of the row at fault, or none where all together are, and why.
    pub fn with<'a>(
        &self,
        rows: impl IntoIterator<Item = (&'a str, &'a [String])>,
    ) -> Result<Self, (Option<usize>, String)> {
        let mut chords = self.chords.clone();
        chords.resize(BINDINGS.len(), Vec::new());
        for (index, (id, keys)) in rows.into_iter().enumerate() {
            let wrong = |message: String| (Some(index), message);
            let id = RENAMED.iter().find(|(old, _)| *old == id).map_or(id, |(_, new)| new);
            let place = BINDINGS.iter().position(|binding| binding.id == id).ok_or_else(|| {
                let near = nearest(id, BINDINGS.iter().map(|binding| binding.id));
                let hint = near.map(|near| format!("; the nearest is `{near}`")).unwrap_or_default();
                wrong(format!("there is no action `{id}`{hint}"))
            })?;
            let texts = BINDINGS[place].contexts.iter().any(|context| context.takes_text());
            let mut read = Vec::with_capacity(keys.len());
            for key in keys {
                let chord = Chord::parse(key).ok_or_else(|| {
                    wrong(format!("there is no key `{key}`; keys are written like left, ctrl-r, shift-up, H or f1"))
                })?;
                if texts && chord.typed().is_some() {
                    return Err(wrong(format!("`{key}` is typed where `{id}` works; it needs another key")));
                }
                read.push(chord);
            }
            chords[place] = read;
        }
        let keymap = Self { chords };
        keymap.check()?;
        Ok(keymap)
    }

    /// No key may do two things in one place, and whoever is in a place must be able to leave it.
    fn check(&self) -> Result<(), (Option<usize>, String)> {
        for context in Context::ALL {
            let here = || BINDINGS.iter().zip(&self.chords).filter(|(binding, _)| binding.contexts.contains(&context));
            let mut seen: Vec<(Chord, &Binding)> = Vec::new();
            for (binding, chord) in
                here().flat_map(|(binding, chords)| chords.iter().map(move |chord| (binding, *chord)))
            {
                if let Some((_, other)) = seen.iter().find(|(known, _)| *known == chord) {
                    let key = chord.show(false);
                    return Err((None, format!("`{key}` is given to both `{}` and `{}`", other.id, binding.id)));
                }
                seen.push((chord, binding));
            }
            for action in [Action::Back, Action::Quit] {
                if !here().any(|(binding, chords)| binding.action == action && !chords.is_empty()) {
                    return Err((None, String::from("`back` and `interrupt` need a key each, or there is no way out")));
                }
            }
        }
        Ok(())
    }

    /// What a key does in a place.
    pub fn action(&self, context: Context, chord: Chord) -> Option<Action> {
        let mut rows = BINDINGS.iter().zip(&self.chords);
        rows.find(|(binding, chords)| binding.contexts.contains(&context) && chords.contains(&chord))
            .map(|(binding, _)| binding.action)
    }

    /// The keys of a row of the table of actions.
    pub fn keys(&self, binding: &Binding) -> &[Chord] {
        let row = BINDINGS.iter().position(|known| known.id == binding.id);
        row.and_then(|row| self.chords.get(row)).map_or(&[], Vec::as_slice)
    }

    /// Every key.
    #[cfg(test)]
    pub(crate) fn chords(&self) -> impl Iterator<Item = Chord> + '_ {
        self.chords.iter().flatten().copied()
    }
}

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

    /// Terminals differ in whether `H` comes with Shift held, and in the case of a letter with Ctrl.
    fn normal(mut self) -> Self {
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

    fn with(rows: &[(&str, &[&str])]) -> Result<Keymap, (Option<usize>, String)> {
        let rows: Vec<(&str, Vec<String>)> =
            rows.iter().map(|(id, keys)| (*id, keys.iter().map(|key| (*key).to_owned()).collect())).collect();
        crate::tui::standard_keys().with(rows.iter().map(|(id, keys)| (*id, keys.as_slice())))
    }

    #[test]
    fn old_names_of_actions_still_do() {
        let keymap = with(&[("vendor", &["V"])]).unwrap();
        assert_eq!(keymap.action(Context::View, Chord::letter('V')), Some(Action::Group));
        assert_eq!(keymap.action(Context::View, Chord::letter('v')), None);
    }

    #[test]
    fn an_action_gets_other_keys_and_the_rest_keep_theirs() {
        let keymap = with(&[("pin", &["P", "ctrl-p"]), ("less", &[])]).unwrap();
        let does = |key: &str| keymap.action(Context::View, Chord::parse(key).unwrap());
        assert_eq!(
            [does("P"), does("ctrl-p"), does("right")],
            [Some(Action::Pin), Some(Action::Pin), Some(Action::More)]
        );
        assert_eq!([does("p"), does("left"), does("h")], [None; 3]);
    }

    #[test]
    fn mistakes_name_what_is_wrong() {
        let message = |rows: &[(&str, &[&str])]| with(rows).unwrap_err();
        let (row, text) = message(&[("pin", &["P"]), ("unpn", &["U"])]);
        assert!(row == Some(1) && text.contains("`unpn`") && text.contains("`unpin`"), "{text}");
        assert!(message(&[("pin", &["ctrl-nosuch"])]).1.contains("no key `ctrl-nosuch`"));
        let both = message(&[("pin", &["x"])]).1;
        assert!(both.contains("`x`") && both.contains("`solve`") && both.contains("`pin`"), "{both}");
        assert!(message(&[("accept", &["y"])]).1.contains("is typed"));
        assert!(message(&[("back", &[])]).1.contains("no way out"));
    }

    #[test]
    fn no_letter_is_taken_from_a_text_and_every_place_can_be_left() {
        let keymap = crate::tui::standard_keys();
        for context in Context::ALL {
            assert_eq!(keymap.action(context, Chord::parse("esc").unwrap()), Some(Action::Back));
            assert_eq!(keymap.action(context, Chord::parse("ctrl-c").unwrap()), Some(Action::Quit));
            for letter in (' '..='~').filter(|_| context.takes_text()) {
                assert_eq!(keymap.action(context, Chord::letter(letter)), None, "{letter} in {context:?}");
            }
        }
        assert!(BINDINGS.iter().all(|binding| !keymap.keys(binding).is_empty()), "every action can be reached");
    }
}
