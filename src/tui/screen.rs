//! Which view is on the screen, and whose keys the arrows are.

/// The views, in the order of their keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum View {
    /// Bars by category against the card.
    #[default]
    Fit,
    /// Every card as a bar.
    Cards,
}

impl View {
    /// Every view.
    pub const ALL: [Self; 2] = [Self::Fit, Self::Cards];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fit => "Fit",
            Self::Cards => "Cards",
        }
    }

    /// Whether it has rows of its own to move through.
    pub(crate) const fn has_rows(self) -> bool {
        match self {
            Self::Fit => false,
            Self::Cards => true,
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
