//! What a user sets for good: what holds, and that every mistake in it is told.

use crate::support::binary::{Place, said};

const CONFIG: &str = "config/brimful/config.toml";

#[test]
fn every_setting_that_cannot_be_used_is_told() {
    let place = Place::new();
    place.write(CONFIG, "theme = \"nope\"\nkeys = \"nokeys.toml\"\n\ngpu = \"h100\"\npresets = \"none\"\n");
    place.write("config/brimful/models/bad.toml", "id = 3\n");
    let said = place.run(&["config"]);
    assert_eq!(said.code, 0);
    for says in [
        "config.toml:1:1: theme: there is no theme `nope`; allowed are default, ",
        "config.toml:2:1: keys: ",
        "nokeys.toml: No such file",
        "config.toml:4:1: gpu: there is no GPU `h100`; the nearest are `h100-",
        "config.toml:5:1: presets: ",
        "bad.toml:1:1: ",
    ] {
        assert_eq!(said.err.matches(says).count(), 1, "{says}: {}", said.err);
    }
    assert_eq!(said.err.lines().count(), 5, "each once: {}", said.err);
    for line in [
        "theme = \"default\"  # the default; \"nope\" of this file cannot be used",
        "gpu = \"h100-sxm-80\"  # the default; \"h100\" of this file cannot be used",
        "# presets =  # the default; \"",
    ] {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
}

#[test]
fn the_environment_comes_before_the_file() {
    let place = Place::new();
    place.write(CONFIG, "theme = \"light\"\n");
    let config = |theme: &str| said(place.command(&["config"]).env("BRIMFUL_THEME", theme).output().unwrap());
    assert!(config("mono").out.contains("theme = \"mono\"  # BRIMFUL_THEME\n"));
    let broken = config("nope");
    assert!(broken.err.contains("BRIMFUL_THEME: there is no theme `nope`"), "{}", broken.err);
    assert!(broken.out.contains("theme = \"light\"  # this file; \"nope\" of BRIMFUL_THEME cannot be used\n"));
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_are_told_of() {
    let place = Place::new();
    place.write("config/brimful/themes/kept.toml", "");
    let folder = place.write("config/brimful/models/.kept", "").parent().unwrap().parent().unwrap().to_owned();
    for name in ["config.toml", "keys.toml"] {
        std::os::unix::fs::symlink("nowhere", folder.join(name)).unwrap();
    }
    let said = place.run(&["config"]);
    for name in ["config.toml", "keys.toml"] {
        assert!(said.err.contains(&format!("{name}: a link that leads nowhere")), "{}", said.err);
    }
}

#[test]
fn paths_of_settings_start_from_their_file_or_from_home() {
    let place = Place::new();
    place.write(CONFIG, "theme = \"mine.toml\"\nkeys = \"~/k.toml\"\npresets = \"~/pd\"\n");
    place.write("config/brimful/mine.toml", "[styles]\ndim = \"dim\"\n");
    place.write("k.toml", "pin = [\"P\"]\n");
    place.write("pd/models/.kept", "");
    let said = place.run(&["config"]);
    assert_eq!(said.err, "");
    for line in ["config/brimful/mine.toml\"  # this", "/k.toml\"  # this", "/pd\"  # this"] {
        assert!(said.out.contains(line) && !said.out.contains('~'), "{line}: {}", said.out);
    }
}

#[cfg(feature = "tui")]
#[test]
fn a_picture_looks_as_the_explorer_would() {
    let place = Place::new();
    place.write(CONFIG, "theme = \"light\"\ngpu = \"l4\"\nkeys = \"k.toml\"\n");
    place.write("config/brimful/k.toml", "quit = [\"Q\"]\n");
    let render = |format: &str, pairs: &[(&str, &str)]| {
        let mut command = place.command(&["render", "gpt2", "--size", "100x30", "--format", format]);
        let said = said(command.envs(pairs.iter().copied()).output().unwrap());
        assert_eq!(said.code, 0, "{}", said.err);
        said
    };
    let text = render("text", &[]).out;
    assert!(text.contains("1 × L4") && text.contains("Q quit"), "{text}");
    assert!(render("svg", &[]).out.contains("#1f5fbf"), "light by the file");
    assert!(!render("svg", &[("BRIMFUL_THEME", "default")]).out.contains("#1f5fbf"), "the environment before it");
    let flagged = place.run(&["render", "gpt2", "--size", "100x30", "--format", "svg", "--theme", "colour-blind"]);
    assert!(flagged.out.contains("#0072b2"), "a flag before both");
    let broken = render("svg", &[("BRIMFUL_THEME", "nope")]);
    assert!(broken.err.contains("warning: BRIMFUL_THEME: there is no theme `nope`"), "{}", broken.err);
    // Colours and signs are those of the terminal.
    assert!(render("ansi", &[("COLORTERM", "truecolor")]).out.contains("38;2;31;95;191"));
    assert!(render("ansi", &[("TERM", "xterm-256color")]).out.contains("38;5;"));
    let sixteen = render("ansi", &[("TERM", "linux")]).out;
    assert!(!sixteen.contains("38;2;") && sixteen.contains("\u{1b}[34m"), "{sixteen}");
    let ascii = render("ansi", &[("LC_ALL", "C")]).out;
    assert!(ascii.is_ascii() && ascii.contains('#'), "{ascii}");
    assert!(!render("ansi", &[("NO_COLOR", "1")]).out.contains("34m"));
}
