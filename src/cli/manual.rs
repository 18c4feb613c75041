//! `brimful completions` and `brimful man`: what shells and readers of manuals need, from the same tables as the rest.

use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::roff::{Roff, bold, roman};

use super::{Cli, closed_pipe, output};
use crate::scenario::parameter::{PARAMETERS, Parameter};

/// Prints completions for a shell.
pub(super) fn completions(shell: Shell) -> Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "brimful", &mut text);
    print(&if shell == Shell::Bash { joined(&text) } else { text })
}

/// Completions for bash, behind a function that joins the words that bash has cut.
fn joined(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text).replace("complete -F _brimful ", "complete -F _brimful_joined ");
    (text + include_str!("joined.bash")).into_bytes()
}

/// Prints the manual page: the commands, the parameters of a scenario, and the keys of the explorer.
pub(super) fn page() -> Result<ExitCode> {
    let man = clap_mangen::Man::new(Cli::command());
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    man.render_subcommands_section(&mut text)?;
    let mut roff = Roff::new();
    section(
        &mut roff,
        "SCENARIO PARAMETERS",
        PARAMETERS.iter().map(|parameter| (parameter.key.to_owned(), described(parameter))),
    );
    #[cfg(feature = "tui")]
    section(&mut roff, "KEYS OF THE EXPLORER", keys().map(|(keys, words)| (keys, words.to_owned())));
    roff.to_writer(&mut text)?;
    man.render_version_section(&mut text)?;
    print(&text)
}

/// What a parameter is, what it may hold, and what it holds by default.
fn described(parameter: &Parameter) -> String {
    let unit = if parameter.unit.is_empty() { String::new() } else { format!(", in {}", parameter.unit) };
    let values = Some(parameter.values()).filter(|values| !values.is_empty());
    let values = values.map(|values| format!("; {values}")).unwrap_or_default();
    let default = parameter.default().map(|value| format!("; {value} by default")).unwrap_or_default();
    format!("{}{unit}{values}{default}", parameter.help)
}

/// A heading and a paragraph for each row.
fn section(roff: &mut Roff, heading: &str, rows: impl Iterator<Item = (String, String)>) {
    roff.control("SH", [heading]);
    for (name, words) in rows {
        roff.control("TP", []).text([bold(name)]).text([roman(words)]);
    }
}

#[cfg(feature = "tui")]
fn keys() -> impl Iterator<Item = (String, &'static str)> {
    use crate::tui::action::BINDINGS;
    let keymap = crate::tui::standard_keys();
    BINDINGS.iter().map(move |binding| {
        let keys = keymap.keys(binding).iter().map(|chord| chord.show(false));
        (keys.collect::<Vec<_>>().join(", "), binding.words)
    })
}

fn print(text: &[u8]) -> Result<ExitCode> {
    match output::print(&String::from_utf8_lossy(text)) {
        Err(error) if !closed_pipe(&error) => Err(error),
        _ => Ok(ExitCode::SUCCESS),
    }
}
