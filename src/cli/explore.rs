//! `brimful` alone: the explorer.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::resolve::Draft;
use super::{RunArguments, presets};

/// The card where none is named.
const DEFAULT_GPU: &str = "h100-sxm-80";

/// Opens the explorer on the scenario; what is not named is the first preset and a usual card.
pub(super) fn run(arguments: &RunArguments) -> Result<ExitCode> {
    let library = presets::load(&arguments.output)?;
    let mut draft = Draft::read(&library, &arguments.scenario)?;
    if draft.scenario.model.is_empty() {
        draft.scenario.model = library.models().first().map(|model| model.id.clone()).unwrap_or_default();
    }
    if draft.scenario.gpu.is_none() {
        draft.scenario.gpu = library.gpu(DEFAULT_GPU).ok().map(|gpu| gpu.id.clone());
    }
    let resolved = draft.resolve(&library)?;
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        bail!("the explorer needs a terminal; without one use `brimful check` or `brimful estimate`");
    }
    bail!("the explorer is not built yet; use `brimful check` or `brimful estimate`")
}
