//! `brimful completions` and `brimful man`: what shells and readers of manuals need, from the same tables as the rest.

use std::process::ExitCode;

use anyhow::Result;
use clap::builder::PossibleValue;
use clap::{Arg, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::roff::{Roff, bold, roman};

use super::{Cli, stream};
use crate::preset::config::KEYS;
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
    let mut cli = Cli::command();
    cli.build();
    let man = clap_mangen::Man::new(cli.clone());
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    synopsis(&mut cli).to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    commands(&cli).to_writer(&mut text)?;
    let mut roff = Roff::new();
    section(
        &mut roff,
        "SCENARIO PARAMETERS",
        PARAMETERS.iter().map(|parameter| (parameter.key.to_owned(), described(parameter))),
    );
    #[cfg(feature = "tui")]
    section(&mut roff, "KEYS OF THE EXPLORER", keys().map(|(keys, words)| (keys, words.to_owned())));
    let owned = |(name, words): &(&str, &str)| ((*name).to_owned(), (*words).to_owned());
    section(&mut roff, "EXIT STATUS", EXITS.iter().map(owned));
    section(&mut roff, "FILES", FILES.iter().map(owned));
    section(&mut roff, "SETTINGS IN config.toml", KEYS.iter().map(owned));
    section(&mut roff, "ENVIRONMENT", ENVIRONMENT.iter().map(owned));
    roff.to_writer(&mut text)?;
    man.render_version_section(&mut text)?;
    print(&text)
}

/// What stands below the help of the whole program.
pub(super) const AFTER_HELP: &str = "\
Examples:
  brimful                                             the explorer
  brimful check llama-3.1-8b --gpu rtx-4090           does this fine-tune fit?
  brimful check run.toml --strict && sbatch run.sh    queue only what surely fits
  brimful max seq qwen3-8b --gpu 24GB --method lora   the longest sequence that fits
  brimful models --gpu rtx-4090 --fits                what can this card run?
  brimful check - --format json < run.toml            for scripts

Exit codes:
  0  done; check: it fits
  1  check: it does not fit (--strict: nor if it is tight); max, min, plan: nothing fits; validate: a promise is broken
  2  the arguments or a file were not understood; with --format json the error is an object of JSON on standard error";

/// The same of `check`.
pub(super) const AFTER_CHECK: &str = "\
Examples:
  brimful check llama-3.1-8b --gpu rtx-4090 --method lora --recompute full
  brimful check run.toml --strict && sbatch run.sh
  brimful check - --format json < run.toml

Exit codes: 0 it fits, 1 it does not (--strict: nor if it is tight), 2 the question was not understood";

const EXITS: [(&str, &str); 4] = [
    ("0", "Done; the run fits; every promise is kept."),
    (
        "1",
        "check: it does not fit, or with --strict is tight. max, min, plan: nothing fits. validate: a promise is not kept.",
    ),
    (
        "2",
        "The arguments or a file were not understood. With --format json what goes wrong stands on standard error, an \
         object of JSON a line: {\"schema\":1,\"error\":{\"message\", \"file\", \"line\", \"column\", \"key\", \"nearest\"}}, \
         and warnings as {\"schema\":1,\"warning\":{\"message\"}}; what is not known is null.",
    ),
    ("128+N", "The explorer was ended by signal N."),
];

const FILES: [(&str, &str); 4] = [
    ("$XDG_CONFIG_HOME/brimful/config.toml", "What is set for good; `brimful config` prints what holds."),
    ("$XDG_CONFIG_HOME/brimful/keys.toml", "Keys of the explorer that differ from everybody's."),
    (
        "$XDG_CONFIG_HOME/brimful/{models,gpus,frameworks,themes}/*.toml",
        "Presets and themes of one's own; --presets names another folder with these in it.",
    ),
    ("$HOME/.config/brimful", "The folder where XDG_CONFIG_HOME is not set."),
];

const ENVIRONMENT: [(&str, &str); 6] = [
    ("BRIMFUL_THEME", "The theme, before that of config.toml and after --theme."),
    ("XDG_CONFIG_HOME, HOME", "Where the files of one's own are."),
    ("NO_COLOR", "Takes colours away where it is not empty."),
    ("COLORTERM", "truecolor or 24bit: the terminal has every colour."),
    ("TERM", "A name with 256color or direct says how many colours there are; dumb has none."),
    ("LC_ALL, LC_CTYPE, LANG", "The first that is set: without UTF-8 only signs of ASCII are written."),
];

/// Every flag of the explorer with its value, then how each command is called.
fn synopsis(cli: &mut Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    let (flags, inputs): (Vec<&Arg>, Vec<&Arg>) = cli.get_arguments().partition(|argument| !argument.is_positional());
    let flags = flags.iter().map(|flag| format!("[{flag}]"));
    let words: Vec<String> = flags.chain(inputs.iter().map(ToString::to_string)).collect();
    roff.text([bold("brimful "), roman(words.join(" "))]);
    for command in cli.get_subcommands_mut().filter(|command| command.get_name() != "help") {
        let usage = command.render_usage().to_string();
        roff.control("br", []).text([roman(usage.trim_start_matches("Usage: "))]);
    }
    roff
}

/// What each command does, and which arguments it takes beside those of the explorer.
fn commands(cli: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    let shared = |argument: &Arg| {
        let same = |other: &&Arg| other.get_id() == argument.get_id();
        cli.get_arguments().find(same).is_some_and(|other| words(other) == words(argument))
    };
    for command in cli.get_subcommands().filter(|command| command.get_name() != "help") {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        roff.control("SS", [format!("brimful {}", command.get_name()).as_str()]).text([roman(about)]);
        for argument in command.get_arguments().filter(|argument| !shared(argument)) {
            roff.control("TP", []).text([bold(argument.to_string())]).text([roman(words(argument))]);
        }
    }
    roff
}

/// What an argument does, and what it takes.
fn words(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let takes = argument.get_action().takes_values() && !argument.is_hide_possible_values_set();
    let values = if takes { argument.get_possible_values() } else { Vec::new() };
    let values: Vec<&str> = values.iter().map(PossibleValue::get_name).collect();
    let default: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let given = argument.get_action().takes_values() && !default.is_empty();
    let values = if values.is_empty() { values.concat() } else { format!(" One of {}.", values.join(", ")) };
    let default = if given { format!(" {} by default.", default.join(" ")) } else { String::new() };
    format!("{help}.{values}{default}")
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
    stream::finish(&String::from_utf8_lossy(text), ExitCode::SUCCESS)
}
