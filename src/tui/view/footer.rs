//! The bottom line: the answer to the last key, or the keys that work here and now.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use super::text;
use crate::memory::Step;
use crate::scenario::parameter::Kind;
use crate::scenario::{Estimator, Task};
use crate::solve::{Furthest, Largest};
use crate::tui::action::{Action, BINDINGS, Binding};
use crate::tui::app::{App, Asked, Overlay, Target};
use crate::tui::spot::{Sheet, Spot};
use crate::tui::theme::Theme;
use crate::units::grouped;

pub(super) fn draw(app: &App, theme: Theme, frame: &mut Sheet, area: Rect) {
    if let Some(notice) = &app.notice {
        let style = if notice.refusal { theme.refusal() } else { theme.notice() };
        return answer(&notice.text, style, theme, frame, area);
    }
    if let Some(asked) = &app.asked {
        return answer(&looking(asked), theme.notice(), theme, frame, area);
    }
    let mut hints = hints(app, theme);
    let width = |hints: &[Hint]| hints.iter().map(|hint| hint.width() + 2).sum::<u16>();
    // What leads out and what explains the rest stay; the least of the others go first.
    while width(&hints) > area.width {
        let least = |action| match action {
            Action::Show(_) => EXPENDABLE.len(),
            action => EXPENDABLE.iter().position(|one| *one == action).unwrap_or(EXPENDABLE.len() + 1),
        };
        let Some(index) = (0..hints.len()).rev().min_by_key(|index| least(hints[*index].action)) else { break };
        hints.remove(index);
    }
    let mut line = Line::raw(" ");
    let mut left = area.x + 1;
    for hint in hints {
        if !hint.merged {
            let place = Rect { x: left, width: hint.width(), ..area }.intersection(area);
            frame.spot(place, Spot::Do(hint.action));
        }
        left += hint.width() + 2;
        line.push_span(Span::styled(hint.keys, theme.key()));
        line.push_span(Span::raw(format!(" {}  ", hint.words)));
    }
    text::left(frame, area, line);
}

/// What is looked for, and what is known of it already.
fn looking(asked: &Asked) -> String {
    let known = match &asked.by_tensors {
        Some(Furthest::Largest(Largest { value: Some(most), .. })) => format!(": at most {}", grouped(*most)),
        Some(Furthest::Smallest(Largest { value: Some(least), .. })) => format!(": at least {}", grouped(*least)),
        _ => String::new(),
    };
    format!("looking for {}{known}; the next key cancels", asked.question.words())
}

/// Most rows of an answer.
const ROWS: u16 = 3;

/// The answer to the last key. A long one takes rows of the panels above: its end may be what matters.
fn answer(words: &str, style: Style, theme: Theme, frame: &mut Sheet, area: Rect) {
    let room = area.width.saturating_sub(2).max(1);
    let rows = text::rows(words, room, ROWS.min(area.y + 1), theme);
    let height = u16::try_from(rows.len()).unwrap_or(1);
    let area = Rect { y: (area.y + 1).saturating_sub(height), height, ..area };
    frame.render_widget(Clear, area);
    for (row, place) in rows.iter().zip(0..height) {
        text::left(frame, text::row(area, place), Line::styled(format!(" {row}"), style));
    }
}

/// What goes first where there is no room for all.
const EXPENDABLE: &[Action] = &[
    Action::Clear,
    Action::Save,
    Action::Redo,
    Action::FlipUnit,
    Action::FlipStep,
    Action::Copy,
    Action::Filter,
    Action::Undo,
    Action::FlipEstimator,
    Action::FlipTask,
    Action::Group,
    Action::Unpin,
    Action::Order,
    Action::SwitchFocus,
    Action::FoldAll,
    // The row under the cursor has its own sign for these.
    Action::Less,
    Action::More,
    Action::Pin,
    Action::PickGpu,
    Action::PickModel,
    Action::Fixes,
    Action::Solve,
    Action::CopyCommand,
    Action::Palette,
];

struct Hint {
    action: Action,
    keys: String,
    words: &'static str,
    /// Whether it stands for several actions.
    merged: bool,
}

impl Hint {
    fn width(&self) -> u16 {
        text::width(&self.keys) + text::width(self.words) + 1
    }
}

fn hints(app: &App, theme: Theme) -> Vec<Hint> {
    let context = app.context();
    let mut hints: Vec<Hint> = Vec::new();
    for binding in BINDINGS.iter().filter(|binding| binding.contexts.contains(&context)) {
        let words = words(app, binding);
        let Some(chord) = app.keymap.keys(binding).first() else { continue };
        if words.is_empty() || app.refusal(binding.action).is_some() || useless(app, binding.action) {
            continue;
        }
        let keys = chord.show(theme.glyphs.unicode);
        if let (Action::Show(_), Some(Hint { action: Action::Show(_), keys: all, merged, .. })) =
            (binding.action, hints.last_mut())
        {
            *merged = true;
            *all = together(all, &keys);
            continue;
        }
        match hints.last_mut() {
            Some(last) if last.words == words => {
                let between = if theme.glyphs.unicode { "" } else { "/" };
                last.keys = format!("{}{between}{keys}", last.keys);
                last.merged |= last.action != binding.action;
            }
            _ => hints.push(Hint { keys, words, action: binding.action, merged: false }),
        }
    }
    hints
}

/// Keys that go on from each other as a range, others one after the other: `1-7`, `1 F2 3-4`.
fn together(all: &str, key: &str) -> String {
    let (before, range) = all.split_at(all.rfind(' ').map_or(0, |space| space + 1));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    match (first.parse::<u8>(), last.parse::<u8>(), key.parse::<u8>()) {
        (Ok(first), Ok(last), Ok(next)) if last + 1 == next => format!("{before}{first}-{next}"),
        _ => format!("{all} {key}"),
    }
}

/// A word or two, for what the key would do now.
fn words(app: &App, binding: &Binding) -> &'static str {
    match binding.action {
        Action::FlipTask if app.scenario.task == Task::Train => "infer",
        Action::FlipTask => "train",
        Action::FlipEstimator if app.scenario.estimator == Estimator::Sketch => "ledger",
        Action::FlipStep if app.step == Step::First => "steady step",
        Action::FlipUnit => app.unit.flipped().label(),
        Action::CopyCommand if app.launches() => "copy launch",
        Action::SwitchFocus if app.in_view() => "parameters",
        Action::Group => app.pane().group.map_or(binding.short, |group| (group.words)(app)),
        Action::Edit if app.in_view() => app.pane().rows.map_or(binding.short, |rows| rows.takes),
        Action::Edit => match app.focused().map(|parameter| parameter.kind) {
            Some(Kind::Word | Kind::Choice { .. } | Kind::Framework) => "choose",
            Some(Kind::Flag) => "flip",
            _ => binding.short,
        },
        _ => binding.short,
    }
}

/// Backing out of nothing is no help.
fn useless(app: &App, action: Action) -> bool {
    let nothing = app.overlay.is_none() && app.active_filter().text().is_empty() && !app.in_view();
    let models = matches!(&app.overlay, Some(Overlay::Picker(picker)) if matches!(picker.target, Target::Model));
    if action == Action::Mark && !models {
        return true;
    }
    let adjusts = matches!(action, Action::Less | Action::More);
    (action == Action::Back && nothing) || (adjusts && app.in_view())
}
