//! Whether a model's training step fits a card, asked through the library: `cargo run --release --example fit`, or with
//! other presets `cargo run --release --example fit -- qwen3-8b h200-sxm-141`.

#![expect(clippy::print_stdout, reason = "an example shows its answer")]

use std::env;
use std::error::Error;

use brimful::memory::{Fit, played};
use brimful::preset::Library;
use brimful::scenario::{Recompute, Scenario};
use brimful::units::Unit;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let library = Library::embedded();
    let model = library.model(&arguments.next().unwrap_or_else(|| "llama-3.1-8b".into()))?;
    let gpu = library.gpu(&arguments.next().unwrap_or_else(|| "h100-sxm-80".into()))?;

    let mut scenario = Scenario::default();
    scenario.train.sequence_length = 8192;
    scenario.train.recompute = Recompute::Full;

    let fit = Fit::of(&played(model, &scenario, Some(gpu))?, gpu)?;
    let [needs, capacity] = [fit.needs, fit.capacity].map(|bytes| Unit::Gib.show(bytes));
    println!("{} on {}: needs {needs} of {capacity}: {}", model.name, gpu.name, fit.verdict.id());
    Ok(())
}
