//! Scenarios that were kept to compare others with.

use super::{App, Bar, Estimate};
use crate::memory::{Category, Step};
use crate::scenario::Scenario;
use crate::scenario::parameter::{Parameter, differing};
use crate::units::Bytes;

/// Most pins: more bars of one category no longer fit a screen.
pub(crate) const MOST: usize = 6;

/// What is compared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pins {
    /// The pins, first kept first.
    pub(crate) list: Vec<Pin>,
    /// The one under the cursor.
    pub(crate) cursor: usize,
    /// Lines of the comparison that are scrolled away.
    pub(crate) scroll: usize,
}

/// A scenario that was kept, with its memory.
#[derive(Debug, Clone)]
pub(crate) struct Pin {
    /// The scenario.
    pub(crate) scenario: Scenario,
    /// Its memory, or why there is none.
    pub(crate) estimate: Result<Estimate, String>,
}

impl App {
    /// Everything that is compared: the pins, then the present scenario.
    pub(crate) fn compared(&self) -> Vec<(&Scenario, Result<&Estimate, &String>)> {
        let pins = self.pins.list.iter().map(|pin| (&pin.scenario, pin.estimate.as_ref()));
        pins.chain([(&self.scenario, self.estimate.as_ref())]).collect()
    }

    /// The parameters in which the compared scenarios differ, with the value in each; those of the present task.
    pub(crate) fn differences(&self) -> Vec<(&'static Parameter, Vec<String>)> {
        let scenarios: Vec<&Scenario> = self.compared().into_iter().map(|(scenario, _)| scenario).collect();
        differing(&scenarios, |parameter, scenario| {
            scenario.task == self.scenario.task && (parameter.applies)(scenario)
        })
    }

    /// The categories that any of the compared scenarios has bytes in, and the bar of each.
    pub(crate) fn compared_categories(&self) -> Vec<(Category, Vec<Option<Bar>>)> {
        let all = self.compared();
        let of = |category| {
            let none = Bar { category, bytes: Bytes::ZERO, elsewhere: None };
            let bar = |estimate: &Estimate| {
                estimate.bars(Step::Steady).into_iter().find(|bar| bar.category == category).unwrap_or(none)
            };
            all.iter().map(|(_, estimate)| estimate.ok().map(bar)).collect::<Vec<_>>()
        };
        let present = |values: &[Option<Bar>]| values.iter().flatten().any(|bar| !bar.bytes.is_zero());
        let rows = Category::ALL.into_iter().map(|category| (category, of(category)));
        rows.filter(|(_, values)| present(values)).collect()
    }
}

/// `A`, `B`, … for pins, and a sign for the present scenario.
pub(crate) fn letter(index: usize, pins: usize) -> String {
    if index >= pins {
        return String::from("*");
    }
    u8::try_from(index).map_or_else(|_| String::from("?"), |index| char::from(b'A' + index).to_string())
}
