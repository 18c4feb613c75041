//! What keys can do: one table, from which keys are looked up and help, footer and README are printed.

use super::keymap::Chord;
use super::screen::View as Screen;

/// Something that a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// To the row above, round at the top.
    Up,
    /// To the row below, round at the bottom.
    Down,
    /// Several rows up.
    FarUp,
    /// Several rows down.
    FarDown,
    /// To the first row.
    First,
    /// To the last row.
    Last,
    /// Less, or the choice before.
    Less,
    /// More, or the next choice.
    More,
    /// Much less.
    MuchLess,
    /// Much more.
    MuchMore,
    /// Types an exact value, or opens what the row chooses from.
    Edit,
    /// Opens the model picker.
    PickModel,
    /// Opens the card picker.
    PickGpu,
    /// Training or inference.
    FlipTask,
    /// Ledger or sketch.
    FlipEstimator,
    /// First step or steady step.
    FlipStep,
    /// GiB or GB.
    FlipUnit,
    /// Shows a view.
    Show(Screen),
    /// Gives the arrow keys to the parameters or to the view.
    SwitchFocus,
    /// Sorts the rows of the view in another way.
    Order,
    /// Cards of the next vendor, or entries in other groups.
    Group,
    /// Keeps the scenario to compare others with.
    Pin,
    /// Lets go of the pin under the cursor.
    Unpin,
    /// Copies the row under the cursor.
    Copy,
    /// Copies the scenario as a command line.
    CopyCommand,
    /// Copies the scenario as a file.
    CopyScenario,
    /// Saves the scenario.
    Save,
    /// Reads the scenario's file again.
    Reload,
    /// Opens the list of everything that can be done.
    Palette,
    /// Marks a row of a list.
    Mark,
    /// Finds the furthest value that fits.
    Solve,
    /// Lists single changes that make it fit.
    Fixes,
    /// Filters the list that has the arrow keys.
    Filter,
    /// Takes the last change back.
    Undo,
    /// Makes an undone change again.
    Redo,
    /// Takes what is typed or chosen.
    Accept,
    /// Backs out.
    Back,
    /// Removes the character before the cursor.
    Erase,
    /// Removes the character under the cursor.
    Delete,
    /// Removes all that was typed.
    Clear,
    /// Cursor left.
    CursorLeft,
    /// Cursor right.
    CursorRight,
    /// Cursor to the start.
    CursorStart,
    /// Cursor to the end.
    CursorEnd,
    /// Shows every key.
    Help,
    /// Draws the screen afresh.
    Repaint,
    /// Stops until the shell resumes the program.
    Suspend,
    /// Ends the program.
    Quit,
}

/// Where keys are pressed: each place has its own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// The parameters and a view.
    View,
    /// A picker with a filter that is typed into.
    Picker,
    /// A popup list of a few words.
    Choices,
    /// An exact value is typed.
    Value,
    /// The filter of a list is typed.
    Filter,
    /// The list of keys.
    Help,
}

impl Context {
    /// Every place.
    pub const ALL: [Self; 6] = [Self::View, Self::Picker, Self::Choices, Self::Value, Self::Filter, Self::Help];

    /// Whether letters are text here.
    pub const fn takes_text(self) -> bool {
        matches!(self, Self::Picker | Self::Value | Self::Filter)
    }
}

/// A row of the table.
#[derive(Debug)]
pub struct Binding {
    /// What is done.
    pub action: Action,
    /// Its stable id.
    pub id: &'static str,
    /// The keys that do it, the one to show first.
    pub keys: &'static [&'static str],
    /// What it does, in words.
    pub words: &'static str,
    /// A word or two for the footer; empty: not shown there.
    pub short: &'static str,
    /// The heading under which help lists it.
    pub section: &'static str,
    /// Where these keys do it.
    pub contexts: &'static [Context],
}

use Context::{Choices, Filter, Help, Picker, Value, View};

const LISTS: &[Context] = &[View, Choices, Help];
const TEXTS: &[Context] = &[Picker, Value, Filter];
const EVERYWHERE: &[Context] = &Context::ALL;

/// One row of [`BINDINGS`].
const fn row(
    action: Action,
    id: &'static str,
    keys: &'static [&'static str],
    words: &'static str,
    short: &'static str,
    section: &'static str,
    contexts: &'static [Context],
) -> Binding {
    Binding { action, id, keys, words, short, section, contexts }
}

/// Every key of the explorer, in the order in which help and footer show them.
pub const BINDINGS: &[Binding] = &[
    row(Action::Less, "less", &["left", "h"], "less, or the choice before", "adjust", "Adjust", &[View]),
    row(Action::More, "more", &["right", "l"], "more, or the next choice", "adjust", "Adjust", &[View]),
    row(Action::MuchLess, "much_less", &["shift-left", "H"], "much less", "", "Adjust", &[View]),
    row(Action::MuchMore, "much_more", &["shift-right", "L"], "much more", "", "Adjust", &[View]),
    row(
        Action::Edit,
        "edit",
        &["enter"],
        "type an exact value (8k, 128Ki, 1e6), or open the list",
        "type",
        "Adjust",
        &[View],
    ),
    row(
        Action::Solve,
        "solve",
        &["x"],
        "the furthest value of the parameter that fits",
        "largest that fits",
        "Adjust",
        &[View],
    ),
    row(Action::Fixes, "fixes", &["f"], "single changes that make it fit", "fixes", "Adjust", &[View]),
    row(Action::PickModel, "model", &["m"], "choose a model, or open a file", "model", "Adjust", &[View]),
    row(Action::PickGpu, "gpu", &["g"], "choose a card", "gpu", "Adjust", &[View]),
    row(Action::FlipTask, "task", &["t"], "training or inference", "train/infer", "Adjust", &[View]),
    row(Action::Up, "up", &["up", "k"], "one row up", "", "Move", LISTS),
    row(Action::Down, "down", &["down", "j"], "one row down", "", "Move", LISTS),
    row(Action::FarUp, "far_up", &["shift-up", "K", "pageup"], "several rows up", "", "Move", LISTS),
    row(Action::FarDown, "far_down", &["shift-down", "J", "pagedown"], "several rows down", "", "Move", LISTS),
    row(Action::First, "first", &["home"], "to the first row", "", "Move", LISTS),
    row(Action::Last, "last", &["end", "G"], "to the last row", "", "Move", LISTS),
    row(
        Action::SwitchFocus,
        "focus",
        &["tab"],
        "from the parameters to the rows of the view, and back",
        "rows",
        "Move",
        &[View],
    ),
    row(
        Action::Filter,
        "filter",
        &["/"],
        "filter the list: words; for cards also fits, >=24",
        "filter",
        "Move",
        &[View],
    ),
    row(
        Action::Show(Screen::Fit),
        "view_fit",
        &["1"],
        "Fit: bars by category against the card",
        "views",
        "Views",
        &[View],
    ),
    row(Action::Show(Screen::Cards), "view_cards", &["2"], "Cards: the run on every card", "views", "Views", &[View]),
    row(
        Action::Show(Screen::Compare),
        "view_compare",
        &["3"],
        "Compare: pinned scenarios side by side",
        "views",
        "Views",
        &[View],
    ),
    row(
        Action::Show(Screen::Sweep),
        "view_sweep",
        &["4"],
        "Sweep: memory against one parameter",
        "views",
        "Views",
        &[View],
    ),
    row(
        Action::Show(Screen::Timeline),
        "view_timeline",
        &["5"],
        "Timeline: memory through one step",
        "views",
        "Views",
        &[View],
    ),
    row(
        Action::Show(Screen::Ledger),
        "view_ledger",
        &["6"],
        "Ledger: every entry with its formula",
        "views",
        "Views",
        &[View],
    ),
    row(Action::Pin, "pin", &["p"], "pin the scenario, to compare others with", "pin", "Views", &[View]),
    row(Action::Unpin, "unpin", &["d", "delete"], "let go of the pin under the cursor", "unpin", "Views", &[View]),
    row(Action::Copy, "copy", &["c"], "send the entry to the clipboard (OSC 52)", "copy", "Views", &[View, Help]),
    row(Action::CopyCommand, "copy_command", &["y"], "send the run as a command line (OSC 52)", "", "Share", &[View]),
    row(
        Action::CopyScenario,
        "copy_scenario",
        &["Y"],
        "send the run as a scenario file (OSC 52)",
        "",
        "Share",
        &[View],
    ),
    row(Action::Save, "save", &["w"], "save the run as a scenario file", "save", "Share", &[View]),
    row(Action::Reload, "reload", &["R"], "read the scenario file again; what was changed stays", "", "Share", &[View]),
    row(Action::Palette, "palette", &[":"], "every action and parameter, by name", "", "Move", &[View]),
    row(
        Action::Order,
        "order",
        &["o"],
        "sort the rows in another way; sweep on another scale",
        "order",
        "Views",
        &[View],
    ),
    row(
        Action::Group,
        "group",
        &["v"],
        "cards of the next vendor; entries by category or place",
        "group",
        "Views",
        &[View],
    ),
    row(
        Action::FlipEstimator,
        "estimator",
        &["s"],
        "ledger (every byte named), sketch (rule of thumb)",
        "sketch",
        "See",
        &[View],
    ),
    row(Action::FlipStep, "step", &["i"], "the steady step, or the first one", "first step", "See", &[View]),
    row(Action::FlipUnit, "unit", &["b"], "GiB or GB", "GiB/GB", "See", &[View]),
    row(Action::Repaint, "repaint", &["ctrl-l"], "draw the screen afresh", "", "See", EVERYWHERE),
    row(Action::Up, "list_up", &["up", "ctrl-p"], "one row up", "", "In lists and fields", &[Picker, Filter]),
    row(Action::Down, "list_down", &["down", "ctrl-n"], "one row down", "", "In lists and fields", &[Picker, Filter]),
    row(
        Action::FarUp,
        "list_far_up",
        &["pageup", "shift-up"],
        "several rows up",
        "",
        "In lists and fields",
        &[Picker, Filter],
    ),
    row(
        Action::FarDown,
        "list_far_down",
        &["pagedown", "shift-down"],
        "several rows down",
        "",
        "In lists and fields",
        &[Picker, Filter],
    ),
    row(
        Action::Mark,
        "mark",
        &["tab"],
        "mark a model; Enter then pins all marked ones",
        "mark",
        "In lists and fields",
        &[Picker],
    ),
    row(
        Action::Accept,
        "accept",
        &["enter"],
        "take it",
        "take it",
        "In lists and fields",
        &[Picker, Choices, Value, Filter],
    ),
    row(
        Action::Erase,
        "erase",
        &["backspace", "ctrl-h"],
        "remove the character before",
        "",
        "In lists and fields",
        TEXTS,
    ),
    row(Action::Delete, "delete", &["delete"], "remove the character here", "", "In lists and fields", TEXTS),
    row(Action::Clear, "clear", &["ctrl-u"], "remove all that was typed", "clear", "In lists and fields", TEXTS),
    row(Action::CursorLeft, "cursor_left", &["left", "ctrl-b"], "cursor left", "", "In lists and fields", TEXTS),
    row(Action::CursorRight, "cursor_right", &["right", "ctrl-f"], "cursor right", "", "In lists and fields", TEXTS),
    row(
        Action::CursorStart,
        "cursor_start",
        &["home", "ctrl-a"],
        "cursor to the start",
        "",
        "In lists and fields",
        TEXTS,
    ),
    row(Action::CursorEnd, "cursor_end", &["end", "ctrl-e"], "cursor to the end", "", "In lists and fields", TEXTS),
    row(Action::Back, "back", &["esc"], "back out; never quits", "back", "Leave", EVERYWHERE),
    row(Action::Undo, "undo", &["u"], "take the last change back", "undo", "Adjust", &[View]),
    row(Action::Redo, "redo", &["ctrl-r"], "make it again", "redo", "Adjust", &[View]),
    row(Action::Help, "help", &["?", "f1"], "every key", "help", "Leave", &[View]),
    row(Action::Back, "close_help", &["?", "f1", "q"], "close this list", "", "Leave", &[Help]),
    row(Action::Suspend, "suspend", &["ctrl-z"], "to the shell; `fg` comes back", "", "Leave", EVERYWHERE),
    row(Action::Quit, "quit", &["q"], "quit", "quit", "Leave", &[View]),
    row(Action::Quit, "interrupt", &["ctrl-c"], "quit", "", "Leave", EVERYWHERE),
];

/// Lines of the list of keys: every row, and a heading and a blank line for each section but the first.
pub fn help_lines() -> usize {
    (BINDINGS.len() + 2 * Action::sections().len()).saturating_sub(1)
}

impl Action {
    /// What a key does in a place.
    pub fn of(context: Context, chord: Chord) -> Option<Self> {
        BINDINGS
            .iter()
            .filter(|binding| binding.contexts.contains(&context))
            .find(|binding| binding.keys.iter().any(|key| Chord::parse(key) == Some(chord)))
            .map(|binding| binding.action)
    }

    /// The headings of help, in order.
    pub fn sections() -> Vec<&'static str> {
        let mut sections: Vec<&str> = Vec::new();
        for binding in BINDINGS {
            if !sections.contains(&binding.section) {
                sections.push(binding.section);
            }
        }
        sections
    }

    /// The key list of the README.
    pub fn table_markdown() -> String {
        let mut text = String::from("| keys | do |\n| --- | --- |\n");
        for section in Self::sections() {
            text.extend(["| **", section, "** | |\n"]);
            for binding in BINDINGS.iter().filter(|binding| binding.section == section) {
                let keys: Vec<String> = binding
                    .keys
                    .iter()
                    .filter_map(|key| Some(format!("`{}`", Chord::parse(key)?.show(true))))
                    .collect();
                text.extend(["| ", &keys.join(" "), " | ", binding.words, " |\n"]);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_can_be_read_and_no_place_has_one_twice() {
        for context in Context::ALL {
            let mut seen: Vec<(Chord, &str)> = Vec::new();
            for binding in BINDINGS.iter().filter(|binding| binding.contexts.contains(&context)) {
                for key in binding.keys {
                    let chord = Chord::parse(key).unwrap_or_else(|| panic!("{key}"));
                    let other = seen.iter().find(|(other, _)| *other == chord);
                    assert_eq!(other, None, "{key} in {context:?}: {}", binding.id);
                    seen.push((chord, binding.id));
                }
            }
        }
    }

    #[test]
    fn ids_are_unique_and_words_are_there() {
        for (index, binding) in BINDINGS.iter().enumerate() {
            assert!(BINDINGS[..index].iter().all(|other| other.id != binding.id), "{}", binding.id);
            assert!(!binding.words.is_empty() && !binding.contexts.is_empty() && !binding.keys.is_empty());
        }
    }

    #[test]
    fn no_letter_is_taken_from_a_text() {
        for context in Context::ALL.into_iter().filter(|context| context.takes_text()) {
            for letter in ' '..='~' {
                assert_eq!(Action::of(context, Chord::letter(letter)), None, "{letter} in {context:?}");
            }
        }
    }

    #[test]
    fn esc_never_quits_and_ctrl_c_always_does() {
        for context in Context::ALL {
            assert_eq!(Action::of(context, Chord::parse("esc").unwrap()), Some(Action::Back));
            assert_eq!(Action::of(context, Chord::parse("ctrl-c").unwrap()), Some(Action::Quit));
        }
    }
}
