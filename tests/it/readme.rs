//! What the README and `docs` print from tables is what the tables say, what they show is what is drawn today, and where
//! they lead there is something.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::support::binary::Place;

use brimful::preset::Library;
use brimful::scenario::parameter::{Parameter, words};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The README, and every page in `docs`.
fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect();
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

fn is_to_be_written() -> bool {
    std::env::var_os("BRIMFUL_UPDATE").is_some()
}

/// A part of a page between two comments is what a table prints; asked to, it is written anew.
fn assert_printed(page: &str, marker: &str, table: &str) {
    let path = root().join(page);
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {marker} -->\n"), format!("<!-- /{marker} -->"));
    let (before, rest) = text.split_once(&begin).expect("a marker");
    let (shown, after) = rest.split_once(&end).expect("the marker's end");
    if is_to_be_written() {
        fs::write(&path, format!("{before}{begin}{table}{end}{after}")).unwrap();
        return;
    }
    assert!(shown == table, "{page}: BRIMFUL_UPDATE=1 cargo test --test it readme writes it anew");
}

/// Held by whoever reads the pages to write them anew.
static WRITER: Mutex<()> = Mutex::new(());

#[test]
fn their_lists_are_the_tables() {
    let _alone = WRITER.lock().unwrap();
    assert_printed("docs/keys.md", "keys", &brimful::tui::standard_keys().markdown());
    assert_printed("docs/parameters.md", "parameters", &Parameter::table_markdown());
    assert_printed("docs/parameters.md", "words", &words::table_markdown());
    let library = Library::embedded();
    let (models, cards) = (library.model_listings().len(), library.gpu_listings().len());
    let brought = format!("brimful brings {models} models and {cards} accelerators, each with its sources.\n");
    assert_printed("docs/presets.md", "brought", &brought);
}

#[test]
fn their_pictures_are_drawn_by_the_commands_that_stand_above_them() {
    let _alone = WRITER.lock().unwrap();
    let mut pictures = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for part in text.split("<!-- render: ").skip(1) {
            let (arguments, rest) = part.split_once(" -->").expect("the comment ends");
            let (_, rest) = rest.split_once("](").expect("a picture follows");
            let (path, _) = rest.split_once(')').expect("its path ends");
            let arguments: Vec<&str> = ["render", "--format", "svg"].into_iter().chain(arguments.split(' ')).collect();
            let drawn = Place::new().run(&arguments);
            assert_eq!(drawn.code, 0, "{}", drawn.err);
            let path = page.parent().unwrap().join(path);
            if is_to_be_written() {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, &drawn.out).unwrap();
            }
            let shown = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                shown == drawn.out,
                "{} is not current: BRIMFUL_UPDATE=1 cargo test --test it readme",
                path.display()
            );
            pictures += 1;
        }
    }
    assert!(pictures >= 6, "the pages show what the explorer looks like");
}

/// A block that begins with `$ brimful …` shows what that command prints.
#[test]
fn their_examples_are_what_the_commands_print() {
    let _alone = WRITER.lock().unwrap();
    let place = Place::new();
    let mut examples = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let mut fresh = String::new();
        let mut rest = text.as_str();
        while let Some((before, block)) = rest.split_once("```text\n$ brimful ") {
            let (command, block) = block.split_once('\n').expect("the command ends");
            let (_, after) = block.split_once("```").expect("the block ends");
            let printed = place.run(&command.split(' ').collect::<Vec<_>>()).out;
            fresh.extend([before, "```text\n$ brimful ", command, "\n", &printed, "```"]);
            rest = after;
            examples += 1;
        }
        fresh.push_str(rest);
        if is_to_be_written() {
            fs::write(&page, fresh).unwrap();
            continue;
        }
        let page = page.display();
        assert!(fresh == text, "{page}: BRIMFUL_UPDATE=1 cargo test --test it readme writes the examples anew");
    }
    assert!(examples >= 3);
}

/// A block whose first line is `# models/…`, `# gpus/…` or the name of a scenario is a file that works as it stands.
#[test]
fn their_files_are_read() {
    let place = Place::new();
    let mut files = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for block in text.split("```toml\n# ").skip(1) {
            let (file, _) = block.split_once("\n```").expect("the block ends");
            let (path, file) = file.split_once('\n').expect("a first line");
            place.write(path, file);
            let is_preset = path.contains('/');
            let subject = if is_preset {
                file.lines().find_map(|line| line.strip_prefix("id = \"")?.strip_suffix('"')).expect("an id")
            } else {
                path
            };
            let arguments = match path.split('/').next() {
                Some("gpus") => vec!["check", "gpt2", "--gpu", subject, "--presets", "."],
                Some("frameworks") => vec!["estimate", "gpt2", "--framework", subject, "--presets", "."],
                _ => vec!["check", subject, "--gpu", "h200-nvl-141", "--presets", "."],
            };
            let said = place.run(&arguments);
            assert_eq!((said.code, said.err.as_str()), (0, ""), "{}: {path}", page.display());
            files += 1;
        }
    }
    assert!(files >= 4, "a scenario, a model, a card and a framework");
}

#[test]
fn their_links_lead_somewhere() {
    let _alone = WRITER.lock().unwrap();
    let mut links = 0;
    for page in pages().into_iter().chain([root().join("CHANGELOG.md"), root().join("tests/reference/README.md")]) {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1) {
            let (link, _) = link.split_once(')').expect("a link ends");
            if link.starts_with("https://") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: {link}", page.display());
            if !heading.is_empty() {
                let headings = fs::read_to_string(&target).unwrap();
                let mut headings = headings.lines().filter(|line| line.starts_with('#'));
                let is_meant =
                    |line: &str| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-") == heading;
                assert!(headings.any(is_meant), "{}: {link}", page.display());
            }
            links += 1;
        }
    }
    assert!(links >= 10, "{links} links");
}

/// What newcomers run is near the top, and the README is short.
#[test]
fn the_readme_is_short_and_begins_with_how_to_start() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(text.lines().count() < 200, "what is long belongs to docs");
    for command in ["```sh\ncargo run --release\n```", "```sh\ncargo test\n```"] {
        let (before, _) = text.split_once(command).expect("a command");
        assert!(before.lines().count() < 40, "{command}");
    }
}
