//! How text and tables look, and what of a catalogue is shown.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Result;

use super::arguments::{Format, OutputArguments};
use super::context::Context;
use super::stream;
use crate::report::table::Table;
use crate::report::text::Look;
use crate::scenario::parameter::nearest;

/// How text is written to this stdout, in this locale.
pub(super) fn look(context: &Context, arguments: &OutputArguments) -> Look {
    let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    Look {
        unit: context.unit(&arguments.lookup),
        color: io::stdout().is_terminal() && !plain && !dumb,
        ascii: !utf8_locale(),
    }
}

/// The first of these that is set decides, as in setlocale(3); none set is the C locale.
fn utf8_locale() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| env::var(name).ok().filter(|v| !v.is_empty()));
    set.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Prints a table in the format asked for; an empty one is no heading in text, and still a document for programs.
pub(super) fn print_table(context: &Context, table: &Table, arguments: &OutputArguments) -> Result<ExitCode> {
    let text = match arguments.format {
        Format::Text if table.is_empty() => String::new(),
        Format::Text => look(context, arguments).finish(table.text()),
        Format::Json => table.json()?,
        Format::Csv => table.csv(),
    };
    stream::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Whether each word of the filter stands in any of these, in whatever case.
pub(super) fn matches<const N: usize>(filter: Option<&str>, fields: [&str; N]) -> bool {
    let Some(filter) = filter.map(str::to_lowercase) else { return true };
    let fields = fields.map(str::to_lowercase);
    filter.split_whitespace().all(|word| fields.iter().any(|field| field.contains(word)))
}

/// Says that a filter left nothing, and names the nearest id.
pub(super) fn nothing_matches<'a>(what: &str, filter: &str, ids: impl IntoIterator<Item = &'a str>) {
    let near = nearest(filter, ids).map(|near| format!("; the nearest is `{near}`")).unwrap_or_default();
    let _ = writeln!(io::stderr(), "no {what} matches `{filter}`{near}");
}
