//! What happens to the explorer, and what it asks the world for.

use super::action::Action;
use super::app::Done;
use super::keymap::Chord;
use super::screen::Focus;
use super::spot::Spot;
use crate::model::Model;
use crate::scenario::Scenario;
use crate::scenario::arguments::Reading;

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Message {
    /// A key of the table.
    Do(Action),
    /// A letter, where text is typed.
    Type(char),
    /// A pasted text.
    Paste(String),
    /// The mouse was clicked on this.
    Click(Spot),
    /// The wheel was turned, up or down, over a panel.
    Wheel(Option<Focus>, bool),
    /// A key that is bound to nothing here.
    Unbound(Chord),
    /// The outcome of [`Effect::Open`].
    Opened(String, Result<Opened, String>),
    /// The outcome of [`Effect::Save`].
    Saved(String, Result<(), SaveFailure>),
    /// What came of a job.
    Done(Done),
}

/// Why a file was not saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SaveFailure {
    /// There is one already.
    Exists,
    /// For this reason.
    Because(String),
}

/// Something that the run loop must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// End the program.
    Quit,
    /// Stop until the shell resumes it.
    Suspend,
    /// Draw every cell afresh.
    Repaint,
    /// Send a text to the clipboard of the terminal.
    Copy(String),
    /// Put on the theme of this name.
    Theme(String),
    /// Write the scenario to a file, in place of another only if so asked, and answer with [`Message::Saved`].
    Save(String, bool),
    /// Read a model or a scenario from a file and answer with [`Message::Opened`].
    Open(String),
}

/// What a file held.
#[derive(Debug, Clone)]
pub(crate) enum Opened {
    /// A model.
    Model(Box<Model>),
    /// A trainer's configuration.
    Arguments(Box<Reading>),
    /// A scenario, and the model that it names with its word, where that is not one of the library's.
    Scenario(Box<Scenario>, Option<(String, Box<Model>)>),
}
