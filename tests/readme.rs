//! What the README prints from tables is what the tables say, and what it shows is what is drawn today.

#![cfg(feature = "tui")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "shared with other journeys")]
#[path = "support/brimful.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use support::Place;

use brimful::scenario::parameter::Parameter;
use brimful::tui::action::Action;

/// A part of the README between two comments is what a table prints; asked to, it is written anew.
fn assert_printed(marker: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {marker} -->\n"), format!("<!-- /{marker} -->"));
    let (before, rest) = readme.split_once(&begin).expect("a marker");
    let (shown, after) = rest.split_once(&end).expect("the marker's end");
    if std::env::var_os("BRIMFUL_UPDATE").is_some() {
        fs::write(&path, format!("{before}{begin}{table}{end}{after}")).unwrap();
        return;
    }
    assert!(shown == table, "BRIMFUL_UPDATE=1 cargo test --test readme writes it anew");
}

/// Held by whoever reads the README to write it anew.
static WRITER: Mutex<()> = Mutex::new(());

#[test]
fn its_lists_are_the_tables() {
    let _alone = WRITER.lock().unwrap();
    assert_printed("keys", &Action::table_markdown(&brimful::tui::standard_keys()));
    assert_printed("parameters", &Parameter::table_markdown());
}

#[test]
fn its_pictures_are_drawn_by_the_command_that_stands_above_them() {
    let _alone = WRITER.lock().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let mut pictures = 0;
    for part in readme.split("<!-- render: ").skip(1) {
        let (arguments, rest) = part.split_once(" -->").expect("the comment ends");
        let (_, rest) = rest.split_once("](").expect("a picture follows");
        let (path, _) = rest.split_once(')').expect("its path ends");
        let arguments: Vec<&str> = ["render", "--format", "svg"].into_iter().chain(arguments.split(' ')).collect();
        let drawn = Place::new().run(&arguments);
        assert_eq!(drawn.code, 0, "{}", drawn.err);
        let path = root.join(path);
        if std::env::var_os("BRIMFUL_UPDATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &drawn.out).unwrap();
        }
        let shown = fs::read_to_string(&path).unwrap_or_default();
        assert!(shown == drawn.out, "{} is not current: BRIMFUL_UPDATE=1 cargo test --test readme", path.display());
        pictures += 1;
    }
    assert!(pictures >= 3, "the README shows what the explorer looks like");
}

/// A block that begins with `$ brimful …` shows what that command prints.
#[test]
fn its_examples_are_what_the_commands_print() {
    let _alone = WRITER.lock().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let place = Place::new();
    let mut fresh = String::new();
    let mut examples = 0;
    let mut rest = readme.as_str();
    while let Some((before, block)) = rest.split_once("```text\n$ brimful ") {
        let (command, block) = block.split_once('\n').expect("the command ends");
        let (_, after) = block.split_once("```").expect("the block ends");
        let printed = place.run(&command.split(' ').collect::<Vec<_>>()).out;
        fresh.extend([before, "```text\n$ brimful ", command, "\n", &printed, "```"]);
        rest = after;
        examples += 1;
    }
    fresh.push_str(rest);
    assert!(examples >= 3);
    if std::env::var_os("BRIMFUL_UPDATE").is_some() {
        fs::write(&path, fresh).unwrap();
        return;
    }
    assert!(fresh == readme, "BRIMFUL_UPDATE=1 cargo test --test readme writes the examples anew");
}
