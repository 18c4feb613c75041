//! Single changes that would make it fit.

use super::Look;
use crate::memory::Verdict;
use crate::solve::Fix;

/// Most lines of changes; the cheapest come first.
const MOST: usize = 8;

/// The changes, one a line, or that there is none.
pub fn fixes(found: &[Fix], look: Look) -> String {
    if found.is_empty() {
        return look.finish(String::from("\nno single change makes it fit\n"));
    }
    let flags: Vec<String> = found.iter().take(MOST).map(flags).collect();
    let width = flags.iter().map(|flags| flags.chars().count()).max().unwrap_or(0);
    let mut text = String::from("\nany of these makes it fit:\n");
    for (flags, fix) in flags.iter().zip(found) {
        let total = look.unit.show(fix.needs);
        text.extend([&format!("  {flags:<width$}  {total:>10}  "), fix.cost.words(), tight(fix), "\n"]);
    }
    look.finish(text)
}

/// Says so where the whole range of the total does not fit, but its centre does.
const fn tight(fix: &Fix) -> &'static str {
    if matches!(fix.verdict, Verdict::Fits) { "" } else { ", tight" }
}

/// A change as the flags that make it.
fn flags(fix: &Fix) -> String {
    let flags: Vec<String> = fix.changes.iter().map(|(key, value)| format!("--set {key}={value}")).collect();
    flags.join(" ")
}
