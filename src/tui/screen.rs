//! Which view is on the screen, and whose keys the arrows are.

/// The views, in the order of their keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum View {
    /// Bars by category against the card.
    #[default]
    Fit,
    /// Every card as a bar.
    Cards,
    /// Pinned scenarios side by side.
    Compare,
    /// Memory against one parameter.
    Sweep,
    /// Memory through one step.
    Timeline,
    /// Every entry.
    Ledger,
    /// Layouts for the GPUs of the run.
    Plan,
    /// Every model on the card.
    Models,
}

impl View {
    /// Every view.
    pub const ALL: [Self; 8] =
        [Self::Fit, Self::Cards, Self::Compare, Self::Sweep, Self::Timeline, Self::Ledger, Self::Plan, Self::Models];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fit => "Fit",
            Self::Cards => "Cards",
            Self::Compare => "Compare",
            Self::Sweep => "Sweep",
            Self::Timeline => "Timeline",
            Self::Ledger => "Ledger",
            Self::Plan => "Plan",
            Self::Models => "Models",
        }
    }

    /// Its name where there is little room.
    pub(crate) const fn short(self) -> &'static str {
        match self {
            Self::Compare => "Comp",
            Self::Timeline => "Time",
            other => other.name(),
        }
    }
}

/// The panel in which arrow keys move.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Focus {
    /// The list of parameters.
    #[default]
    Parameters,
    /// The view beside it.
    View,
}

/// The first of `length` rows to show so that `selected` is among the `shown` ones, near the middle.
pub(super) fn first_shown(selected: usize, length: usize, shown: usize) -> usize {
    selected.saturating_sub(shown / 2).min(length.saturating_sub(shown))
}

/// A place in a list after a step; single steps go round, longer ones stop at the ends.
pub(super) fn moved(from: usize, length: usize, step: isize) -> usize {
    let last = length.saturating_sub(1);
    match step {
        -1 if from == 0 => last,
        1 if from >= last => 0,
        _ => from.saturating_add_signed(step).min(last),
    }
}
