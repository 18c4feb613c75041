//! Every entry of the steady step, with its formula in numbers and its source.

use std::fmt::Write;

use super::Look;
use crate::memory::{Category, Entry, Exactness, Step};
use crate::report::{Report, instants_of};

/// The entries alive at any instant of the steady step, by category.
pub fn ledger(report: &Report, look: Look) -> String {
    let mut text = String::new();
    for category in Category::ALL {
        let alive = |entry: &&Entry| entry.category == category && entry.alive.in_step(Step::Steady);
        for (index, entry) in report.ledger.entries().iter().filter(alive).enumerate() {
            if index == 0 {
                let _ = writeln!(text, "{}", category.label());
            }
            text.push_str(&lines(report, entry, look));
        }
    }
    look.finish(text)
}

fn lines(report: &Report, entry: &Entry, look: Look) -> String {
    let alive = instants_of(&report.ledger, entry);
    let steady = report.ledger.moments().iter().filter(|moment| moment.step == Step::Steady).count();
    let instants = if alive.len() == steady { String::from("at every instant") } else { alive.join(" ") };
    let exact = match entry.exactness {
        Exactness::Exact => String::new(),
        Exactness::Estimated { low, high } => {
            format!(", estimated between {} and {}", look.size(low), look.show(high))
        }
    };
    format!(
        "  {:<44} {:<14} {:>12}\n    {} {} bit: {}\n    {}: {instants}{exact}\n    {}\n",
        entry.name,
        entry.place,
        look.show(entry.bytes),
        entry.shape,
        entry.bits,
        entry.formula_in_numbers(),
        entry.lifetime.id(),
        entry.source,
    )
}
