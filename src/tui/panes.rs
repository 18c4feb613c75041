//! The views beside the parameters: what each shows and what keys do in it, as one row.

pub(super) mod cards;
mod compare;
mod fit;
pub(super) mod ledger;
mod models;
mod plan;
pub(super) mod sweep;
mod timeline;

use ratatui::layout::Rect;
use ratatui::widgets::Borders;

use super::app::App;
use super::field::Field;
use super::message::Effect;
use super::screen::{Focus, View};
use super::spot::Sheet;
use super::theme::Theme;
use crate::scenario::Scenario;

/// The row of a view.
pub(super) const fn of(view: View) -> &'static Pane {
    match view {
        View::Fit => &fit::PANE,
        View::Cards => &cards::PANE,
        View::Compare => &compare::PANE,
        View::Sweep => &sweep::PANE,
        View::Timeline => &timeline::PANE,
        View::Ledger => &ledger::PANE,
        View::Plan => &plan::PANE,
        View::Models => &models::PANE,
    }
}

/// What a view is. What it has not got, keys are refused for.
#[derive(Debug)]
pub(super) struct Pane {
    /// Draws it: it only looks.
    pub(super) draw: fn(&App, Theme, &mut Sheet, Rect, Borders),
    /// Rows to move through.
    pub(super) rows: Option<Rows>,
    /// Puts what it shows in another order, or on another scale.
    pub(super) order: Option<fn(&mut App)>,
    /// Puts what it shows in other groups.
    pub(super) group: Option<Group>,
    /// Sends the row under the cursor to the clipboard.
    pub(super) copy: Option<fn(&mut App) -> Option<Effect>>,
    /// Sends what launches the row under the cursor to the clipboard, where the run as a command line is sent elsewhere.
    pub(super) launch: Option<fn(&mut App) -> Option<Effect>>,
    /// What is pinned in the place of the run: the row under the cursor.
    pub(super) pinned: Option<fn(&App) -> Option<Scenario>>,
    /// Lets go of the pin under the cursor.
    pub(super) unpin: Option<fn(&mut App)>,
    /// Goes so many groups of rows on.
    pub(super) to_group: Option<fn(&mut App, isize)>,
    /// Folds every group, or unfolds them where all are.
    pub(super) fold: Option<fn(&mut App)>,
}

impl Pane {
    /// One that is looked at, and no more.
    const fn drawn_by(draw: fn(&App, Theme, &mut Sheet, Rect, Borders)) -> Self {
        Self {
            draw,
            rows: None,
            order: None,
            group: None,
            copy: None,
            launch: None,
            pinned: None,
            unpin: None,
            to_group: None,
            fold: None,
        }
    }
}

/// The rows of a view.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    /// What they are.
    pub(super) name: &'static str,
    /// What narrows them.
    pub(super) filter: Option<Filter>,
    /// The row that one is on, counted as [`Spot::Row`](super::spot::Spot::Row) counts.
    pub(super) at: fn(&App) -> usize,
    /// Goes to a row, counted so.
    pub(super) go_to: fn(&mut App, usize),
    /// Moves the cursor by so many rows.
    pub(super) go: fn(&mut App, isize),
    /// Takes the row under the cursor.
    pub(super) take: fn(&mut App),
    /// What that does, in a word or two.
    pub(super) takes: &'static str,
    /// Whether they have the arrow keys as soon as the view is shown.
    pub(super) at_once: bool,
}

/// A text that narrows rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter {
    /// It.
    pub(super) of: fn(&App) -> &Field,
    /// The same, to be changed.
    pub(super) of_mut: fn(&mut App) -> &mut Field,
}

/// Groups that what is shown may be in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    /// Goes on to the next.
    pub(super) next: fn(&mut App),
    /// What that does now, in a word or two.
    pub(super) words: fn(&App) -> &'static str,
}

impl App {
    /// The row of the view that is shown.
    pub(super) const fn pane(&self) -> &'static Pane {
        of(self.view)
    }

    /// Whether the arrow keys move in the view.
    pub(super) fn in_view(&self) -> bool {
        self.focus == Focus::View && self.pane().rows.is_some()
    }

    /// Whether the row under the cursor is something that is launched.
    pub(super) fn launches(&self) -> bool {
        self.in_view() && self.pane().launch.is_some()
    }

    /// What narrows the rows of the view, where those have the arrow keys.
    fn filter_in_view(&self) -> Option<Filter> {
        self.pane().rows.filter(|_| self.in_view())?.filter
    }

    /// The filter of the list that has the arrow keys.
    pub(super) fn active_filter(&self) -> &Field {
        self.filter_in_view().map_or(&self.filter, |filter| (filter.of)(self))
    }

    /// The same, to be changed.
    pub(super) fn active_filter_mut(&mut self) -> &mut Field {
        match self.filter_in_view() {
            Some(filter) => (filter.of_mut)(self),
            None => &mut self.filter,
        }
    }
}
