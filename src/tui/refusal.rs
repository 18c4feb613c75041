//! Why a key would do nothing now.

use super::action::Action;
use super::app::{App, Overlay};
use super::panes::{self, Pane};
use super::screen::View;
use crate::memory::Step;
use crate::scenario::Task;
use crate::scenario::parameter::Kind;

impl App {
    /// That a key does something in other views alone, which are named with their keys.
    fn only_where(&self, has: impl Fn(&Pane) -> bool) -> Option<String> {
        if has(self.pane()) {
            return None;
        }
        let views: Vec<View> = View::ALL.into_iter().filter(|view| has(panes::of(*view))).collect();
        let named = |view: &View| view.name().to_lowercase() + &self.with_key(Action::Show(*view), " ({})");
        let listed = views.iter().map(named).collect::<Vec<_>>().join(", ");
        Some(format!("only in {}: {listed}", if views.len() == 1 { "this view" } else { "these views" }))
    }

    /// Why a key would do nothing now.
    pub(crate) fn refusal(&self, action: Action) -> Option<String> {
        match action {
            Action::Undo if !self.history.can_undo() => Some(String::from("nothing to undo")),
            Action::Redo if !self.history.can_redo() => Some(String::from("nothing to redo")),
            Action::FlipStep if self.first_step_is_the_same() => {
                Some(String::from("the first step is like every other here"))
            }
            Action::SwitchFocus if self.pane().rows.is_none() => {
                Some(format!("{} has no rows to move in", self.view.name()))
            }
            Action::Group => self.only_where(|pane| pane.group.is_some()),
            Action::Order => self.only_where(|pane| pane.order.is_some()),
            Action::Reload if self.file.is_none() => {
                let opens = self.with_key(Action::PickModel, ": {} opens one");
                let saves = self.with_key(Action::Save, ", {} saves one");
                Some(format!("no scenario file is open{opens}{saves}"))
            }
            Action::Copy if matches!(self.overlay, Some(Overlay::Help { .. })) => {
                Some(String::from("nothing to copy here"))
            }
            Action::Copy if matches!(self.overlay, Some(Overlay::Reading(_))) => None,
            Action::CopyArguments
                if self.scenario.task != Task::Train || !self.scenario.framework.builds_by("transformers") =>
            {
                Some(String::from("only training under transformers, trl and peft has arguments of theirs"))
            }
            Action::Copy => self.only_where(|pane| pane.copy.is_some()),
            Action::NextGroup | Action::PreviousGroup => self.only_where(|pane| pane.to_group.is_some()),
            Action::FoldAll => self.only_where(|pane| pane.fold.is_some()),
            Action::Types if self.scenario.task == Task::Train => {
                let flips = self.with_key(Action::FlipTask, ", which {} turns to");
                Some(format!("types of weights and caches are of serving{flips}"))
            }
            Action::Less | Action::More
                if matches!(self.overlay, Some(Overlay::Picker(_) | Overlay::Advice { .. })) =>
            {
                Some(String::from("there is one column here"))
            }
            Action::Turn if !matches!(self.overlay, Some(Overlay::Help { .. })) => {
                Some(String::from("there is one page here"))
            }
            Action::Unpin => self.only_where(|pane| pane.unpin.is_some()),
            Action::Filter => self.pane().rows.filter(|rows| self.in_view() && rows.filter.is_none()).map(|rows| {
                let goes = self.with_key(Action::SwitchFocus, "; {} goes to the parameters");
                format!("{} are not filtered{goes}", rows.name)
            }),
            Action::Solve => self.focused().and_then(|parameter| match parameter.kind {
                Kind::Count { .. } => None,
                _ => Some(format!("{} is no whole number that could be made as large as fits", parameter.label)),
            }),
            Action::Less | Action::More | Action::MuchLess | Action::MuchMore | Action::Edit
                if self.overlay.is_none() && !self.in_view() && self.focused().is_none() =>
            {
                Some(format!("no parameter matches `{}`", self.filter.text()))
            }
            _ => None,
        }
    }

    fn first_step_is_the_same(&self) -> bool {
        self.step == Step::Steady && self.estimate.as_ref().is_ok_and(|estimate| !estimate.first_step_differs())
    }
}
