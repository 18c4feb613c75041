//! What to change, as flags to copy.

use super::{COLUMNS, Look};
use crate::memory::Verdict;
use crate::scenario::command::setting;
use crate::scenario::parameter::Parameter;
use crate::scenario::{Scenario, Task, Value};
use crate::solve::{Advice, Fix};
use crate::units::grouped;

/// Most lines of changes; the cheapest come first.
const MOST: usize = 8;

/// Columns before the flags.
const MARGIN: usize = 42;

/// What makes it fit, what comes nearest where nothing does, or what the room buys; a change a line, its flags last.
pub fn advice(advice: &Advice, fits: bool, scenario: &Scenario, look: Look) -> String {
    let mut lines = Vec::new();
    let task = scenario.task;
    if fits {
        lines.extend(room(advice, scenario, look));
    } else if advice.fixes.is_empty() && advice.nearest.is_empty() {
        lines.push(String::from("no change makes it fit"));
    } else if advice.fixes.is_empty() || !advice.nearest.is_empty() {
        let other = if advice.fixes.is_empty() { "" } else { " on this card" };
        lines.push(format!("no three changes make it fit{other}; these come nearest:"));
        lines.extend(advice.nearest.iter().map(|fix| {
            let missing = format!("still {} over", look.unit.number(fix.headroom.magnitude()));
            row(fix, &missing, task, look)
        }));
    }
    if !fits && !advice.fixes.is_empty() {
        lines.push(String::from(if advice.nearest.is_empty() { "any of these makes it fit:" } else { "this fits:" }));
        let words = |fix: &Fix| format!("{}{}", fix.cost.words(), tight(fix));
        // Another card is the last of them, and no less worth knowing for that.
        let shown = advice.fixes.len().min(MOST) - 1;
        let told = advice.fixes[..shown].iter().chain(advice.fixes.last());
        lines.extend(told.map(|fix| row(fix, &words(fix), task, look)));
    }
    let text: String = lines.into_iter().map(|line| line + "\n").collect();
    look.finish(if text.is_empty() { text } else { format!("\n{text}") })
}

/// What each parameter could be by itself.
fn room(advice: &Advice, scenario: &Scenario, look: Look) -> Option<String> {
    let one = |fix: &Fix| {
        let [(key, value @ Value::Count(count))] = &fix.changes[..] else { return None };
        let parameter = Parameter::by_key(key).ok()?;
        let flags = setting(scenario.task, key, value).join(" ");
        let value = grouped(*count);
        Some(format!("  {:<18} {value:>12}  {:>10}  {flags}", parameter.label, look.show(fix.needs)))
    };
    let rows: Vec<String> = advice.room.iter().filter_map(one).collect();
    (!rows.is_empty()).then(|| format!("the room is enough for any one of:\n{}", rows.join("\n")))
}

/// Says so where the whole range of the total does not fit, but its centre does.
const fn tight(fix: &Fix) -> &'static str {
    if matches!(fix.verdict, Verdict::Fits) { "" } else { ", tight" }
}

/// What is needed, in words what that means, and the flags that make it so, in more than one line where there are many.
fn row(fix: &Fix, words: &str, task: Task, look: Look) -> String {
    let mut lines = vec![format!("  {:>10}  {words:<28}", look.show(fix.needs))];
    for (key, value) in &fix.changes {
        let flag = setting(task, key, value).join(" ");
        match lines.last_mut() {
            Some(line) if line.chars().count() == MARGIN || line.chars().count() + flag.len() < COLUMNS => {
                line.push(' ');
                line.push_str(&flag);
            }
            _ => lines.push(format!("{:MARGIN$} {flag}", "")),
        }
    }
    lines.join("\n")
}
