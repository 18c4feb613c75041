//! Where the time of a step goes by estimate, and what launches the run so.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::report::plan::shares;
use crate::solve::plan::Planned;
use crate::solve::plan::flags::Launch;
use crate::tui::app::App;
use crate::tui::spot::Sheet;
use crate::tui::theme::Theme;
use crate::tui::view::text;

/// Cells of a term's name, and of its bar at most.
const NAME: u16 = 10;
const BAR: u16 = 40;

/// Most rows of what launches it.
const LAUNCH: u16 = 5;

/// Bars where there is room for them, or one line.
pub(super) fn draw(app: &App, planned: &Planned, theme: Theme, frame: &mut Sheet, area: Rect) {
    let shares = shares(planned);
    let bars = u16::try_from(shares.len()).unwrap_or(u16::MAX);
    if area.height < bars.saturating_add(2) {
        let words: Vec<String> = shares.iter().map(|(term, share)| format!("{term} {}", percent(*share))).collect();
        let line = format!("*{}", words.join(", "));
        let last = text::row(area, area.height.saturating_sub(1));
        return text::left(frame, last, Line::styled(text::cut(&line, last.width, theme), theme.dim()));
    }
    text::left(frame, text::row(area, 1), Line::styled("A step's time, by estimate", theme.strong()));
    for ((term, share), position) in shares.iter().zip(2..area.height) {
        bar((term, *share), theme, frame, text::row(area, position));
    }
    let below = area.height - bars - 2;
    if below > 3 {
        let area = Rect { y: area.y + bars + 3, height: (below - 1).min(LAUNCH), ..area };
        launch(app, planned, theme, frame, area);
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// `recompute  ███████ 22 %`.
fn bar((term, share): (&str, f64), theme: Theme, frame: &mut Sheet, area: Rect) {
    let most = area.width.saturating_sub(NAME + 8).min(BAR);
    // Half a cell and more is a cell.
    let filled = (0..most).filter(|cell| f64::from(*cell) + 0.5 < share * f64::from(most)).count();
    let bar = theme.glyphs.full.repeat(filled);
    let gap = if filled > 0 { " " } else { "" };
    let name = usize::from(NAME);
    text::left(frame, area, Line::raw(format!("{term:<name$} {bar}{gap}{}", percent(share))));
}

fn launch(app: &App, planned: &Planned, theme: Theme, frame: &mut Sheet, area: Rect) {
    let scenario = &planned.scenario;
    let (Some(model), Some(gpu)) = (app.model_of(scenario), app.gpu_of(scenario)) else { return };
    let Some(Launch { command, file, unsaid }) = Launch::of(model, scenario, gpu.node()) else { return };
    let with: Vec<String> = file.map(|(name, _)| format!("with {name}")).into_iter().collect();
    let without = (!unsaid.is_empty()).then(|| format!("no flag says {}", unsaid.join(", ")));
    let beside: Vec<String> = with.into_iter().chain(without).collect();
    let needs = if beside.is_empty() { String::new() } else { format!(" ({})", beside.join("; ")) };
    text::left(frame, area, Line::styled(format!("Launched by{needs}"), theme.strong()));
    let area = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    text::wrapped(frame, area, &command, Style::new(), theme);
}
