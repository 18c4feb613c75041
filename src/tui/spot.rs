//! What a click on each part of the screen means. Views write it down while they draw; [`super::update()`] makes it
//! true.

use std::ops::{Deref, DerefMut};

use ratatui::Frame;
use ratatui::layout::{Position, Rect};

use super::action::Action;
use super::screen::Focus;
use crate::memory::Category;

/// What a click means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Spot {
    /// The same as a key.
    Do(Action),
    /// A panel between its rows.
    Panel(Focus),
    /// A parameter, as an index into the table.
    Parameter(usize),
    /// A row of the view, counted from the first one that could be shown.
    Row(usize),
    /// A row of the list that lies over the view.
    Choice(usize),
    /// The bar of a category.
    Category(Category),
    /// A card, by the word by which scenarios name it.
    Card(String),
    /// A value of the parameter that is swept.
    Value(u64),
    /// What lies over the view, where it has no rows.
    Popup,
}

/// The spots of a frame; later ones lie over earlier ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spots(Vec<(Rect, Spot)>);

impl Spots {
    /// What lies at a cell.
    pub(crate) fn at(&self, (x, y): (u16, u16)) -> Option<&Spot> {
        self.under((x, y)).last()
    }

    /// The panel at a cell, whatever lies over it.
    pub(crate) fn panel(&self, (x, y): (u16, u16)) -> Option<Focus> {
        self.under((x, y)).find_map(|spot| if let Spot::Panel(panel) = spot { Some(*panel) } else { None })
    }

    /// The middle of a spot, where it is on the screen.
    #[cfg(test)]
    pub(crate) fn find(&self, wanted: &Spot) -> Option<(u16, u16)> {
        let (area, _) = self.0.iter().rev().find(|(_, spot)| spot == wanted)?;
        Some((area.x + area.width / 2, area.y + area.height / 2))
    }

    fn under(&self, (x, y): (u16, u16)) -> impl Iterator<Item = &Spot> {
        let here = move |(area, _): &&(Rect, Spot)| area.contains(Position { x, y });
        self.0.iter().filter(here).map(|(_, spot)| spot)
    }
}

/// A frame that is drawn on, and the spots of what is drawn.
pub(crate) struct Sheet<'a, 'frame> {
    frame: &'a mut Frame<'frame>,
    spots: Spots,
}

impl<'a, 'frame> Sheet<'a, 'frame> {
    /// A frame on which there is nothing yet.
    pub(crate) fn new(frame: &'a mut Frame<'frame>) -> Self {
        Self { frame, spots: Spots::default() }
    }

    /// Says what a click on an area means.
    pub(crate) fn spot(&mut self, area: Rect, spot: Spot) {
        if !area.is_empty() {
            self.spots.0.push((area, spot));
        }
    }

    /// Everything that was said.
    pub(crate) fn into_spots(self) -> Spots {
        self.spots
    }
}

impl<'frame> Deref for Sheet<'_, 'frame> {
    type Target = Frame<'frame>;

    fn deref(&self) -> &Self::Target {
        self.frame
    }
}

impl DerefMut for Sheet<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_said_lies_on_top() {
        let spots = Spots(vec![
            (Rect::new(0, 0, 10, 10), Spot::Panel(Focus::View)),
            (Rect::new(2, 2, 3, 1), Spot::Row(7)),
            (Rect::new(2, 2, 1, 1), Spot::Popup),
        ]);
        assert_eq!(spots.at((4, 2)), Some(&Spot::Row(7)));
        assert_eq!(spots.at((2, 2)), Some(&Spot::Popup));
        assert_eq!(spots.at((5, 2)), Some(&Spot::Panel(Focus::View)));
        assert_eq!(spots.panel((2, 2)), Some(Focus::View));
        assert_eq!(spots.at((10, 2)), None);
    }
}
