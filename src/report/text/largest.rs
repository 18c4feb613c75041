//! How far a parameter goes.

use super::Look;
use crate::gpu::Gpu;
use crate::solve::{Largest, Stop};
use crate::units::grouped;

/// The largest value that fits, and what stops the next; the largest that surely fits, where that is another.
pub fn largest(key: &str, found: &Largest, sure: Option<u64>, gpu: &Gpu, look: Look) -> String {
    let total = look.unit.show(found.needs);
    let mut text = match (found.value, &found.stopped_by) {
        (None, _) => format!("{key}: none fits {}; the smallest needs {total}\n", gpu.name),
        (Some(value), Stop::Capacity(next)) => format!(
            "{key}: {} fits {} with {total}; {} would be over by {}\n",
            grouped(value),
            gpu.name,
            grouped(value.saturating_add(1)),
            look.show(next.saturating_sub(gpu.capacity().unwrap_or_default())),
        ),
        (Some(value), Stop::End(reason)) => {
            format!("{key}: {} fits {} with {total}; it ends there: {reason}\n", grouped(value), gpu.name)
        }
    };
    if found.value.is_some() && sure != found.value {
        let surely = sure.map_or_else(|| String::from("no value"), |sure| format!("up to {}", grouped(sure)));
        text.extend([&surely, " surely fits; that is by the centre of the estimate\n"]);
    }
    look.finish(text)
}
