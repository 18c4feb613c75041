//! The verdict with its bars.

use super::{Ink, Look, bar, card, headline, ratio, wrap_sentence};
use crate::memory::{Category, Fit, Ledger, Verdict, notes_of_card};
use crate::report::Report;
use crate::report::serving::serving;
use crate::report::stages::{StageRow, chart, fullest_stage};
use crate::scenario::{Estimator, Task};
use crate::units::Bytes;

/// Most rows of stages.
const STAGES: usize = 8;

/// The verdict, a bar for each category, the total against capacity, and where the peak is.
pub fn check(report: &Report, look: Look) -> String {
    let mut lines = vec![headline(report)];
    lines.extend(card(report, look));
    lines.push(String::new());
    let capacity = report.fit.as_ref().map_or(Bytes::ZERO, |fit| fit.capacity);
    let scale = report.ledger.total().max(capacity);
    lines.extend(shown(report).map(|category| category_bar(report, category, scale, look)));
    if let Some(fit) = &report.fit {
        lines.push(total_bar(report, fit, scale, look));
        lines.push(String::new());
        lines.push(verdict(fit, look));
        lines.extend(allocator(report, fit, look));
    }
    let answers = serving(report.model, report.scenario, report.gpu, &report.ledger);
    lines.extend(answers.iter().flat_map(|answers| answers.sentences(look.unit)).map(|line| wrap_sentence(&line)));
    let peak = report.ledger.peak();
    // Serving has no steps of which one is the first.
    let trains = report.scenario.task == Task::Train;
    let step = if trains { format!(" of the {} step", peak.step.id()) } else { String::new() };
    let stage = fullest_stage(&report.ledger).map(|stage| format!(" on {stage}")).unwrap_or_default();
    lines.push(wrap_sentence(&format!("peak at {}{step}{stage}: {}", peak.instant.id(), peak.at)));
    lines.extend(stages(&report.ledger, scale, look));
    lines.extend(ratio(report));
    lines.extend(holds_for(report));
    look.finish(lines.join("\n") + "\n")
}

/// What each stage of a pipeline holds at its own peak; nothing where there is one.
fn stages(ledger: &Ledger, scale: Bytes, look: Look) -> Vec<String> {
    let rows = chart(ledger, STAGES);
    let row = |row: StageRow| match row {
        StageRow::One { stage, total, fullest } => {
            let (bar, mark) = (bar::single(total, scale), if fullest { "  the fullest" } else { "" });
            let label = format!("stage {stage}");
            format!("{label:<11} {bar:<width$} {:>12}{mark}", look.show(total), width = bar::WIDTH + 1)
        }
        StageRow::Others { count, least, most } if least == most => format!("{count} others  {} each", look.show(most)),
        StageRow::Others { count, least, most } => {
            format!("{count} others  {} to {}", look.size(least), look.show(most))
        }
    };
    let blank = (!rows.is_empty()).then(String::new);
    let heading = (!rows.is_empty()).then(|| String::from("stages of the pipeline, each at its own peak, by tensors:"));
    let after = blank.clone();
    blank.into_iter().chain(heading).chain(rows.into_iter().map(row)).chain(after).collect()
}

/// The release that was described, where it was, and what this card makes otherwise.
fn holds_for(report: &Report) -> Vec<String> {
    let described = report.scenario.framework.profile().filter(|_| report.scenario.estimator == Estimator::Ledger);
    let version = described.map(|profile| format!("holds for {}", profile.version));
    let of_card = report.gpu.into_iter().flat_map(|gpu| notes_of_card(report.scenario, gpu));
    version.into_iter().chain(of_card).map(|line| wrap_sentence(&line)).collect()
}

/// The categories that hold anything in the steady step; in training always those that people look for first.
pub(super) fn shown<'a>(report: &'a Report) -> impl Iterator<Item = Category> + 'a {
    Category::ALL.into_iter().filter(|category| {
        let expected = match category {
            Category::Parameters => true,
            Category::Gradients | Category::Activations => report.scenario.task == Task::Train,
            _ => false,
        };
        expected || !report.ledger.largest(*category).0.is_zero()
    })
}

fn category_bar(report: &Report, category: Category, scale: Bytes, look: Look) -> String {
    let bytes = report.ledger.peak().by_category.get(category);
    let (largest, instant) = report.ledger.largest(category);
    let label = category.label();
    if bytes.is_zero() && !largest.is_zero() {
        let bar = bar::absent(largest, scale);
        let note = format!("{} at {}", look.size(largest), instant.id());
        return look.paint(Ink::Dim, &format!("{label:<11} {bar} {note}"));
    }
    let bar = bar::single(bytes, scale);
    format!("{label:<11} {bar:<width$} {:>12}", look.show(bytes), width = bar::WIDTH + 1)
}

fn total_bar(report: &Report, fit: &Fit, scale: Bytes, look: Look) -> String {
    let unusable = report.ledger.unusable();
    let bar = bar::stacked(&report.ledger.peak().by_category, unusable, fit.capacity, scale);
    let total = look.show(report.ledger.total());
    format!("{:<11} {bar:<width$} {total:>12} of {}", "Total", look.size(fit.capacity), width = bar::WIDTH + 1)
}

/// What the needs are made of, what `nvidia-smi` will show, and why the allocator holds more than is used.
fn allocator(report: &Report, fit: &Fit, look: Look) -> Vec<String> {
    let (Some(reserve), Some(with_room)) = (report.ledger.reserve(), fit.with_room) else { return Vec::new() };
    let context = with_room.saturating_sub(reserve.reserved);
    let unusable = report.ledger.unusable();
    let of_which = if unusable.is_zero() { String::new() } else { format!(" ({} unusable: ▚)", look.size(unusable)) };
    let lines = [
        format!(
            "needs {}: {} for PyTorch{of_which}, {} for {}",
            look.show(fit.needs),
            look.size(reserve.least),
            look.size(context),
            if report.scenario.gpus > 1 { "the CUDA context and NCCL" } else { "the CUDA context" }
        ),
        format!(
            "with room PyTorch reserves {} and nvidia-smi shows about {}",
            look.show(reserve.reserved),
            look.show(with_room)
        ),
        reserve.explanation(look.unit),
    ];
    lines.iter().map(|line| wrap_sentence(line)).collect()
}

/// `fits: 12.3 GiB are left (it needs 66.1 to 67.4)`.
pub(super) fn verdict(fit: &Fit, look: Look) -> String {
    let ink = match fit.verdict {
        Verdict::Fits => Ink::Green,
        Verdict::Tight => Ink::Yellow,
        Verdict::Over => Ink::Red,
    };
    let amount = look.show(fit.headroom.magnitude());
    let rest = if fit.fits() { "free" } else { "missing" };
    let (low, high) = fit.band;
    let band =
        if low == high { String::new() } else { format!(" (it needs {} to {})", look.size(low), look.show(high)) };
    format!("{}: {amount} {rest}{band}", look.paint(ink, fit.verdict.id()))
}
