//! The order of words on the command line: flags may stand before the command, which the parser wants first; and what is
//! wrong with words that it would misread.

use std::ffi::OsString;

use anyhow::{Error, anyhow};
use clap::{Command, CommandFactory};

use super::Cli;
use crate::preset::Library;
use crate::scenario::parameter::nearest;

/// The arguments with the command in front of flags that were given before it.
///
/// # Errors
/// Where more than one word would be taken for the scenario or the model, which is most often a misspelt command.
pub(super) fn command_first(mut arguments: Vec<OsString>) -> Result<Vec<OsString>, Error> {
    let mut cli = Cli::command();
    cli.build();
    let Some(words) = free_words(&cli, &arguments) else { return Ok(arguments) };
    let text = |at: usize| arguments[at].to_string_lossy().into_owned();
    match words[..] {
        [first, ..] if cli.find_subcommand(text(first)).is_some() => {
            let command = arguments.remove(first);
            arguments.insert(1, command);
        }
        [first, second, ..] => return Err(one_too_many(&cli, &text(first), &text(second))),
        [_] | [] => {}
    }
    Ok(arguments)
}

/// Where words stand that are neither flags nor their values, the program's own name not counted; none where a flag is
/// unknown, of which the parser knows more to say.
fn free_words(cli: &Command, arguments: &[OsString]) -> Option<Vec<usize>> {
    let mut found = Vec::new();
    let mut is_value = false;
    for (at, argument) in arguments.iter().enumerate().skip(1) {
        if std::mem::take(&mut is_value) {
            continue;
        }
        let word = argument.to_string_lossy();
        let Some(flag) = word.strip_prefix("--") else {
            if word.starts_with('-') && word.len() > 1 {
                return None;
            }
            found.push(at);
            // From here on the command's own parser counts.
            if cli.find_subcommand(word.as_ref()).is_some() {
                break;
            }
            continue;
        };
        is_value = takes_value(cli, flag.split('=').next()?)? && !flag.contains('=');
    }
    Some(found)
}

/// Whether a flag of the explorer or of any command has a value; none where there is no such flag.
fn takes_value(cli: &Command, flag: &str) -> Option<bool> {
    let own = cli.get_arguments().find(|argument| argument.get_long() == Some(flag));
    let own = own.map(|argument| argument.get_action().takes_values());
    own.or_else(|| cli.get_subcommands().find_map(|command| takes_value(command, flag)))
}

fn one_too_many(cli: &Command, first: &str, second: &str) -> Error {
    if cli.find_subcommand(second).is_some() {
        return anyhow!("the command comes before what it is about: `brimful {second} {first} …`");
    }
    let commands: Vec<&str> = cli.get_subcommands().map(Command::get_name).collect();
    let models: Vec<&str> = Library::embedded_model_ids().collect();
    let is_path = first.contains(['.', '/', '\\']) || models.contains(&first);
    match nearest(first, models.iter().chain(&commands).copied()).filter(|_| !is_path) {
        Some(near) if commands.contains(&near) => {
            anyhow!("there is no command `{first}`; the nearest is `{near}`\nhint: `brimful {near} {second} …`")
        }
        None if !is_path => {
            anyhow!("there is neither a command nor a model `{first}`\nhint: `brimful --help` lists the commands")
        }
        _ => anyhow!(
            "`{second}` is one too many: one scenario or model is opened, which is `{first}`\n\
             hint: `brimful compare {first} {second}` puts them side by side"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(line: &str) -> Result<String, String> {
        let words = line.split_whitespace().map(OsString::from).collect();
        let ordered = command_first(words).map_err(|error| error.to_string())?;
        Ok(ordered.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_command_goes_in_front_of_flags_and_nothing_else_moves() {
        for (given, wanted) in [
            ("brimful --unit gb check gpt2 --gpu t4", "brimful check --unit gb gpt2 --gpu t4"),
            ("brimful --gpu t4 check gpt2", "brimful check --gpu t4 gpt2"),
            ("brimful --gpu=t4 --ledger estimate gpt2", "brimful estimate --gpu=t4 --ledger gpt2"),
            ("brimful check gpt2 estimate", "brimful check gpt2 estimate"),
            ("brimful --model check", "brimful --model check"),
            ("brimful gpt2 --mouse", "brimful gpt2 --mouse"),
            ("brimful --methd lora chek gpt2", "brimful --methd lora chek gpt2"),
            ("brimful -h", "brimful -h"),
            ("brimful", "brimful"),
        ] {
            assert_eq!(ordered(given).as_deref(), Ok(wanted));
        }
    }

    #[test]
    fn a_second_word_says_what_was_meant() {
        for (given, words) in [
            ("brimful chek llama-3.1-8b", "there is no command `chek`; the nearest is `check`"),
            ("brimful --unit gb chek llama-3.1-8b", "there is no command `chek`; the nearest is `check`"),
            ("brimful gpt2 check", "`brimful check gpt2 …`"),
            ("brimful ok.toml extra", "`extra` is one too many"),
            ("brimful gpt2 gpt2-xl", "`brimful compare gpt2 gpt2-xl`"),
            ("brimful qqqqqqqqqq gpt2", "neither a command nor a model `qqqqqqqqqq`"),
        ] {
            let said = ordered(given).unwrap_err();
            assert!(said.contains(words), "{given}: {said}");
        }
    }
}
