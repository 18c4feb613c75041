//! `brimful config`: what is set for good, what holds of it and where it comes from.

use std::process::ExitCode;

use anyhow::Result;

use super::arguments::LookupArguments;
use super::context::{self, Context};
use super::settings::Setting;
use super::{presets, stream};
use crate::located::PresetError;
use crate::preset::config::KEYS;

/// Prints every setting as a file that could be kept, with what it does and where its value comes from.
pub(super) fn run(context: &Context) -> Result<ExitCode> {
    let lookup = LookupArguments::default();
    let (library, mut problems) = presets::read(context, &lookup)?;
    let folders = context.folders(&lookup);
    let file = context::file().map_or_else(|| String::from("config.toml"), |path| path.display().to_string());
    let mut text = format!("# {file}\n");
    for (key, words) in KEYS {
        let setting = Setting::of(key, context, &library, &folders, &mut problems);
        text.extend(["\n# ", words, "\n", &setting.line(key), "\n"]);
    }
    let mut told: Vec<PresetError> = Vec::new();
    for problem in problems {
        if !told.contains(&problem) {
            stream::warn(&problem);
            told.push(problem);
        }
    }
    stream::finish(&text, ExitCode::SUCCESS)
}
