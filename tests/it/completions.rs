//! Completions as a real bash asks for them, and the manual as a reader sees it.

use std::process::Command;

use crate::support::binary::Place;

/// What bash offers for a line, whose words it cuts as it does at a prompt: at blanks, and at `=` where that breaks words.
fn offered(script: &str, line: &str, breaks: &str) -> Vec<String> {
    let cut = if breaks.contains('=') { line.replace('=', " = ") } else { line.to_owned() };
    let open = line.ends_with(' ');
    let mut words: Vec<&str> = cut.split_whitespace().collect();
    if open {
        words.push("");
    }
    let last = words.len() - 1;
    // What the cursor stands behind is not yet a word after `=`.
    let current = if words[last] == "=" { "" } else { words[last] };
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let run = format!(
        "source '{script}'; COMP_WORDBREAKS='{breaks}'; COMP_WORDS=({}); COMP_CWORD={last}; COMP_LINE='{line}'\n\
         function=$(complete -p brimful | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n\
         $function brimful '{current}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        words[last - 1],
    );
    let output = Command::new("bash").args(["--norc", "-c", &run]).output().unwrap();
    assert!(output.stderr.is_empty(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().filter(|line| !line.is_empty()).map(String::from).collect()
}

#[test]
fn bash_completes_behind_an_equals_sign() {
    if Command::new("bash").arg("--version").output().is_err() {
        return;
    }
    let place = Place::new();
    let script = place.write("brimful.bash", &place.run(&["completions", "bash"]).out);
    let script = script.to_str().expect("a path in UTF-8");
    let (usual, whole) = ("\"><=;|&(:", "\"><;|&(");
    for (line, breaks, first) in [
        ("brimful --set train.optimizer=adafa", usual, "adafactor"),
        ("brimful --set=train.optimizer=adafa", usual, "adafactor"),
        ("brimful --set train.optimizer=adafa", whole, "train.optimizer=adafactor"),
        ("brimful --set=train.optimizer=adafa", whole, "--set=train.optimizer=adafactor"),
        ("brimful --gpu=h100-s", usual, "h100-sxm-80"),
        ("brimful --gpu=h100-s", whole, "--gpu=h100-sxm-80"),
        ("brimful --gpu h100-s", usual, "h100-sxm-80"),
        ("brimful check --gpu=h100-s", usual, "h100-sxm-80"),
        ("brimful check --gpu=l4 --set gpu=h100-s", usual, "h100-sxm-80"),
        ("brimful --set model=gpt2-x", usual, "gpt2-xl"),
        ("brimful --set train.micro_b", usual, "train.micro_batch_size="),
        ("brimful --task=", usual, "train"),
        ("brimful --zero ", usual, "0"),
        ("brimful compare gpt2 gpt2-x", usual, "gpt2-xl"),
        #[cfg(feature = "tui")]
        ("brimful render --view ti", usual, "timeline"),
    ] {
        let found = offered(script, line, breaks);
        assert_eq!(found.first().map(String::as_str), Some(first), "{line} offers {found:?}");
    }
}

/// The page stands alone: no other is named, and a formatter has nothing to say about it.
#[test]
fn the_manual_describes_every_command() {
    let place = Place::new();
    let page = place.run(&["man"]).out;
    for section in ["SYNOPSIS", "COMMANDS", "EXIT STATUS", "FILES", "ENVIRONMENT"] {
        assert!(
            page.contains(&format!(".SH \"{section}\"")) || page.contains(&format!(".SH {section}\n")),
            "{section}"
        );
    }
    let plain = page.replace('\\', "");
    assert!(!plain.contains("brimful-check"), "{page}");
    for words in ["brimful check", "--ledger", "--cases <PATH>", "<QUANTITY>", "BRIMFUL_THEME", "config.toml"] {
        assert!(plain.contains(words), "{words}: {plain}");
    }
    if cfg!(feature = "tui") {
        assert!(plain.contains("--view <VIEW>") && plain.contains("One of text, ansi, svg. text by default."));
    }
    let path = place.write("brimful.1", &page);
    let Ok(formatted) = Command::new("groff").args(["-man", "-Tutf8", "-ww"]).arg(path).output() else { return };
    assert_eq!(String::from_utf8_lossy(&formatted.stderr), "");
}
