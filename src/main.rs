//! The `brimful` command.

use brimful::preset::Library;

fn main() -> anyhow::Result<()> {
    let outcome = brimful::tui::run(Library::embedded(), brimful::tui::Start::default())?;
    if let Some(signal) = outcome.signal {
        std::process::exit(128 + signal);
    }
    Ok(())
}
