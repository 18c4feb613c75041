//! Which keys do what.

mod chord;

pub use chord::Chord;

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
        let mut given: Vec<&str> = Vec::new();
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
                if !read.contains(&chord) {
                    read.push(chord);
                }
            }
            chords[place] = read;
            given.push(BINDINGS[place].id);
        }
        let keymap = Self { chords };
        // Of two actions at odds, the one that the rows name is at fault; of two of those, the later.
        keymap.check().map_err(|(ids, message)| (given.iter().rposition(|id| ids.contains(id)), message))?;
        Ok(keymap)
    }

    /// No key may do two things in one place, and whoever is in a place must be able to leave it; else the ids of the
    /// actions at fault, and why.
    fn check(&self) -> Result<(), (Vec<&'static str>, String)> {
        for context in Context::ALL {
            let here = || BINDINGS.iter().zip(&self.chords).filter(|(binding, _)| binding.contexts.contains(&context));
            let mut seen: Vec<(Chord, &Binding)> = Vec::new();
            for (binding, chord) in
                here().flat_map(|(binding, chords)| chords.iter().map(move |chord| (binding, *chord)))
            {
                if let Some((_, other)) = seen.iter().find(|(known, _)| *known == chord) {
                    let key = chord.written();
                    let message = format!("`{key}` is given to both `{}` and `{}`", other.id, binding.id);
                    return Err((vec![other.id, binding.id], message));
                }
                seen.push((chord, binding));
            }
            for action in [Action::Back, Action::Quit] {
                if !here().any(|(binding, chords)| binding.action == action && !chords.is_empty()) {
                    let all = here().filter(|(binding, _)| binding.action == action).map(|(binding, _)| binding.id);
                    let message = String::from("`back` and `interrupt` need a key each, or there is no way out");
                    return Err((all.collect(), message));
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

    /// The name of the first key that does something in a place, in plain letters: `Enter`, `^R`.
    pub fn name(&self, context: Context, action: Action) -> Option<String> {
        let here = BINDINGS.iter().filter(|it| it.action == action && it.contexts.contains(&context));
        here.flat_map(|binding| self.keys(binding)).next().map(|chord| chord.show(false))
    }

    /// The keys of a row of the table of actions.
    pub fn keys(&self, binding: &Binding) -> &[Chord] {
        let row = BINDINGS.iter().position(|known| known.id == binding.id);
        row.and_then(|row| self.chords.get(row)).map_or(&[], Vec::as_slice)
    }

    /// The key list of `docs/keys.md`.
    pub fn markdown(&self) -> String {
        let mut text = String::from("| keys | do |\n| --- | --- |\n");
        for section in Action::sections() {
            text.extend(["| **", section, "** | |\n"]);
            for binding in BINDINGS.iter().filter(|binding| binding.section == section) {
                let keys: Vec<String> =
                    self.keys(binding).iter().map(|chord| format!("`{}`", chord.show(true))).collect();
                text.extend(["| ", &keys.join(" "), " | ", binding.words, " |\n"]);
            }
        }
        text
    }

    /// Every key.
    #[cfg(test)]
    pub(crate) fn chords(&self) -> impl Iterator<Item = Chord> + '_ {
        self.chords.iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(rows: &[(&str, &[&str])]) -> Result<Keymap, (Option<usize>, String)> {
        let rows: Vec<(&str, Vec<String>)> =
            rows.iter().map(|(id, keys)| (*id, keys.iter().map(|key| (*key).to_owned()).collect())).collect();
        crate::tui::standard_keys().with(rows.iter().map(|(id, keys)| (*id, keys.as_slice())))
    }

    /// The keymap as a file, read again, is the keymap.
    #[test]
    fn what_is_written_is_read_again() {
        let standard = crate::tui::standard_keys();
        for chord in standard.chords() {
            assert_eq!(Chord::parse(&chord.written()), Some(chord));
        }
        let rows: Vec<(&str, Vec<String>)> = BINDINGS
            .iter()
            .map(|binding| (binding.id, standard.keys(binding).iter().map(|chord| chord.written()).collect()))
            .collect();
        let again = Keymap::default().with(rows.iter().map(|(id, keys)| (*id, keys.as_slice()))).unwrap();
        assert_eq!(again, *standard);
    }

    /// Every action has a key that does it wherever it may be done, and stands in every list of keys.
    #[test]
    fn every_action_can_be_reached_and_is_documented() {
        let standard = crate::tui::standard_keys();
        let table = standard.markdown();
        for binding in BINDINGS {
            let keys = standard.keys(binding);
            assert!(!keys.is_empty(), "{} has a key", binding.id);
            for (context, key) in binding.contexts.iter().flat_map(|context| keys.iter().map(move |key| (context, key)))
            {
                assert_eq!(standard.action(*context, *key), Some(binding.action), "{} {}", binding.id, key.written());
            }
            assert!(table.contains(&format!("| {} |", binding.words)), "{}", binding.id);
        }
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
