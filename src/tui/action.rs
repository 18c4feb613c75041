//! What can be done: one table, from which help, footer, palette, manual and `docs/keys.md` are printed. Which keys do
//! it is the [`Keymap`](super::keymap::Keymap)'s to say.

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
    /// Copies the scenario as arguments of Transformers.
    CopyArguments,
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
    /// Lists changes that make it fit.
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
    /// Goes to the next group of rows.
    NextGroup,
    /// Goes to the group of rows before.
    PreviousGroup,
    /// Folds every group of rows, or unfolds them.
    FoldAll,
    /// Shows the run under each type of weights and of caches.
    Types,
    /// Shows what is to be known of the run.
    Notes,
    /// Puts the next theme on.
    NextTheme,
    /// Turns to the other page of help.
    Turn,
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
    words: &'static str,
    short: &'static str,
    section: &'static str,
    contexts: &'static [Context],
) -> Binding {
    Binding { action, id, words, short, section, contexts }
}

/// Every action of the explorer, in the order in which help and footer show them.
pub const BINDINGS: &[Binding] = &[
    row(Action::Less, "less", "less, or the choice before", "adjust", "Adjust", &[View]),
    row(Action::More, "more", "more, or the next choice", "adjust", "Adjust", &[View]),
    row(Action::MuchLess, "much_less", "much less", "", "Adjust", &[View]),
    row(Action::MuchMore, "much_more", "much more", "", "Adjust", &[View]),
    row(Action::Edit, "edit", "type an exact value (8k, 128Ki, 1e6), or open the list", "type", "Adjust", &[View]),
    row(Action::Solve, "solve", "the furthest value of the parameter that fits", "max", "Adjust", &[View]),
    row(
        Action::Fixes,
        "fixes",
        "changes that make it fit, up to three together; what its room is enough for",
        "fix",
        "Adjust",
        &[View],
    ),
    row(Action::Types, "types", "the run under each type of weights and of caches", "", "Adjust", &[View]),
    row(Action::PickModel, "model", "choose a model, or open a file", "model", "Adjust", &[View]),
    row(Action::PickGpu, "gpu", "choose a card", "gpu", "Adjust", &[View]),
    row(Action::FlipTask, "task", "training or inference", "train/infer", "Adjust", &[View]),
    row(Action::Up, "up", "one row up", "", "Move", &[View]),
    row(Action::Up, "popup_up", "the same over a view", "", "Move", &[Choices, Help]),
    row(Action::Down, "down", "one row down", "", "Move", LISTS),
    row(Action::FarUp, "far_up", "several rows up", "", "Move", LISTS),
    row(Action::FarDown, "far_down", "several rows down", "", "Move", LISTS),
    row(Action::First, "first", "to the first row", "", "Move", LISTS),
    row(Action::Last, "last", "to the last row", "", "Move", LISTS),
    row(Action::SwitchFocus, "focus", "from the parameters to the rows of the view, and back", "rows", "Move", &[View]),
    row(
        Action::Filter,
        "filter",
        "filter the list: words; for cards and models also fits, >=24, models <=8b",
        "filter",
        "Move",
        &[View],
    ),
    row(Action::Show(Screen::Fit), "view_fit", "Fit: bars by category against the card", "views", "Views", &[View]),
    row(Action::Show(Screen::Cards), "view_cards", "Cards: the run on every card", "views", "Views", &[View]),
    row(
        Action::Show(Screen::Compare),
        "view_compare",
        "Compare: pinned scenarios side by side",
        "views",
        "Views",
        &[View],
    ),
    row(Action::Show(Screen::Sweep), "view_sweep", "Sweep: memory against one parameter", "views", "Views", &[View]),
    row(
        Action::Show(Screen::Timeline),
        "view_timeline",
        "Timeline: memory through one step",
        "views",
        "Views",
        &[View],
    ),
    row(Action::Show(Screen::Ledger), "view_ledger", "Ledger: every entry with its formula", "views", "Views", &[View]),
    row(
        Action::Show(Screen::Plan),
        "view_plan",
        "Plan: layouts on so many GPUs that fit, the fastest first",
        "views",
        "Views",
        &[View],
    ),
    row(
        Action::Show(Screen::Models),
        "view_models",
        "Models: the run with every model, on this card",
        "views",
        "Views",
        &[View],
    ),
    row(
        Action::Pin,
        "pin",
        "pin the scenario, or the layout or model under the cursor, to compare others with",
        "pin",
        "Views",
        &[View],
    ),
    row(Action::Unpin, "unpin", "let go of the pin under the cursor", "unpin", "Views", &[View]),
    row(Action::Copy, "copy", "send the row to the clipboard (OSC 52)", "copy", "Views", &[View, Help]),
    row(
        Action::CopyCommand,
        "copy_command",
        "send the run as a command line (OSC 52); in Plan what launches the row",
        "",
        "Share",
        &[View],
    ),
    row(
        Action::CopyArguments,
        "copy_arguments",
        "send the run as arguments of Transformers, TRL and PEFT (OSC 52), and show them",
        "",
        "Share",
        &[View],
    ),
    row(Action::CopyScenario, "copy_scenario", "send the run as a scenario file (OSC 52)", "", "Share", &[View]),
    row(Action::Save, "save", "save the run as a scenario file", "save", "Share", &[View]),
    row(Action::Reload, "reload", "read the scenario file again; what was changed stays", "", "Share", &[View]),
    row(Action::Palette, "palette", "every action and parameter, by name", "find", "Move", &[View]),
    row(Action::Order, "order", "sort the rows in another way; sweep on another scale", "order", "Views", &[View]),
    row(Action::Group, "group", "cards of the next vendor; entries by category or place", "group", "Views", &[View]),
    row(Action::NextGroup, "next_group", "to the next category of the ledger", "", "Views", &[View]),
    row(Action::PreviousGroup, "previous_group", "to the one before", "", "Views", &[View]),
    row(Action::FoldAll, "fold", "fold every category, or unfold all", "fold", "Views", &[View]),
    row(
        Action::FlipEstimator,
        "estimator",
        "ledger (every byte named), sketch (rule of thumb)",
        "sketch",
        "See",
        &[View],
    ),
    row(Action::FlipStep, "step", "the steady step, or the first one", "first step", "See", &[View]),
    row(Action::FlipUnit, "unit", "GiB or GB", "GiB/GB", "See", &[View]),
    row(Action::Notes, "notes", "what commands would warn of in this run", "", "See", &[View]),
    row(Action::NextTheme, "theme", "the next theme", "", "See", &[View]),
    row(Action::Repaint, "repaint", "draw the screen afresh", "", "See", EVERYWHERE),
    row(Action::Up, "list_up", "one row up", "", "In lists and fields", &[Picker, Filter]),
    row(Action::Down, "list_down", "one row down", "", "In lists and fields", &[Picker, Filter]),
    row(Action::FarUp, "list_far_up", "several rows up", "", "In lists and fields", &[Picker, Filter]),
    row(Action::FarDown, "list_far_down", "several rows down", "", "In lists and fields", &[Picker, Filter]),
    row(Action::Less, "column_left", "one column left, in a table", "", "In lists and fields", &[Choices]),
    row(Action::More, "column_right", "one column right, in a table", "", "In lists and fields", &[Choices]),
    row(
        Action::Mark,
        "mark",
        "mark a model; Enter then pins all marked ones",
        "mark",
        "In lists and fields",
        &[Picker],
    ),
    row(Action::Accept, "accept", "take it", "take it", "In lists and fields", &[Picker, Choices, Value, Filter]),
    row(Action::Erase, "erase", "remove the character before", "", "In lists and fields", TEXTS),
    row(Action::Delete, "delete", "remove the character here", "", "In lists and fields", TEXTS),
    row(Action::Clear, "clear", "remove all that was typed", "clear", "In lists and fields", TEXTS),
    row(Action::CursorLeft, "cursor_left", "cursor left", "", "In lists and fields", TEXTS),
    row(Action::CursorRight, "cursor_right", "cursor right", "", "In lists and fields", TEXTS),
    row(Action::CursorStart, "cursor_start", "cursor to the start", "", "In lists and fields", TEXTS),
    row(Action::CursorEnd, "cursor_end", "cursor to the end", "", "In lists and fields", TEXTS),
    row(Action::Back, "back", "back out; never quits", "back", "Leave", EVERYWHERE),
    row(Action::Undo, "undo", "take the last change back", "undo", "Adjust", &[View]),
    row(Action::Redo, "redo", "make it again", "redo", "Adjust", &[View]),
    row(Action::Help, "help", "every key", "help", "Leave", &[View]),
    row(Action::Turn, "turn", "the other page: keys, or words and signs", "", "Leave", &[Help]),
    row(Action::Back, "close_help", "close this list", "", "Leave", &[Help]),
    row(Action::Suspend, "suspend", "to the shell; `fg` comes back", "", "Leave", EVERYWHERE),
    row(Action::Quit, "quit", "quit", "quit", "Leave", &[View]),
    row(Action::Quit, "interrupt", "quit", "", "Leave", EVERYWHERE),
];

/// Ids that actions had in earlier versions, and those that they have now: files of keys may say either.
pub const RENAMED: &[(&str, &str)] = &[("vendor", "group")];

/// Lines of the list of keys: every row, and a heading and a blank line for each section but the first.
pub fn help_lines() -> usize {
    (BINDINGS.len() + 2 * Action::sections().len()).saturating_sub(1)
}

impl Action {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_words_are_there() {
        for (index, binding) in BINDINGS.iter().enumerate() {
            assert!(BINDINGS[..index].iter().all(|other| other.id != binding.id), "{}", binding.id);
            assert!(!binding.words.is_empty() && !binding.contexts.is_empty());
        }
        let known = |id: &str| BINDINGS.iter().any(|binding| binding.id == id);
        assert!(RENAMED.iter().all(|(old, new)| !known(old) && known(new)));
    }
}
