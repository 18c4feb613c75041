//! The top line: what is run, on what.

use std::borrow::Cow;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::text;
use crate::memory::{Step, omitted};
use crate::scenario::Estimator;
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::spot::{Sheet, Spot};
use crate::tui::theme::Theme;

/// Cells of a card's name below which it says nothing.
const SHORTEST_CARD: u16 = 14;

pub(super) fn draw(app: &App, theme: Theme, frame: &mut Sheet, area: Rect) {
    let capacity = capacity(app);
    let room = area.width.saturating_sub(text::width(&capacity));
    text::right(frame, area, &capacity, theme.strong());
    let card = card(app, theme);
    let what = what(app, theme);
    let name = " brimful  ";
    let left = room.saturating_sub(text::width(name) + text::width(&what) + 2);
    let card = match text::width(&card) {
        wanted if wanted <= left => card,
        _ if left >= SHORTEST_CARD => text::cut(card.trim_end(), left - 2, theme) + "  ",
        _ => String::new(),
    };
    let room = room.saturating_sub(text::width(&card));
    text::right(frame, Rect { width: area.width - text::width(&capacity).min(area.width), ..area }, &card, theme.dim());
    frame.spot(area, Spot::Do(Action::PickGpu));
    frame.spot(Rect { width: room, ..area }, Spot::Do(Action::PickModel));
    let what = text::cut(&what, room.saturating_sub(text::width(name) + 1), theme);
    let line = Line::from(vec![Span::styled(name, theme.key()), Span::raw(what)]);
    text::left(frame, Rect { width: room, ..area }, line);
}

fn what(app: &App, theme: Theme) -> String {
    let scenario = &app.scenario;
    let model = app.model_of(scenario).map_or(Cow::Borrowed("no model"), |model| match &model.card.assumed {
        Some(_) => format!("{}, taken for {}", model.name, model.family.id).into(),
        None if !omitted(model, scenario).is_empty() => format!("{}, not all of it", model.name).into(),
        None => Cow::Borrowed(&*model.name),
    });
    // The rule of thumb knows no framework.
    let how = match scenario.estimator {
        Estimator::Ledger => scenario.framework.word(),
        Estimator::Sketch => scenario.estimator.word(),
    };
    let mut words = vec![&*model, scenario.task.word(), how];
    if app.step == Step::First {
        words.push("first step");
    }
    words.join(&format!(" {} ", theme.glyphs.dot))
}

fn card(app: &App, theme: Theme) -> String {
    let gpus = app.scenario.gpus;
    match (app.gpu_of(&app.scenario), &app.scenario.gpu) {
        (Some(gpu), _) => {
            // What a name explains in brackets is for lists.
            let name = gpu.name.split(" (").next().unwrap_or_default();
            format!("{gpus} {} {name}  ", theme.glyphs.times)
        }
        (None, Some(id)) => format!("there is no card `{id}`  "),
        (None, None) => String::from("no card  "),
    }
}

fn capacity(app: &App) -> String {
    let capacity = app.gpu_of(&app.scenario).and_then(|gpu| gpu.capacity().ok());
    capacity.map(|capacity| format!("{} ", app.unit.show(capacity))).unwrap_or_default()
}
