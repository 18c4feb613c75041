//! Saving from the explorer where the disk is full or cannot be written, and the mouse, in a real terminal.

use std::fs;
use std::path::PathBuf;

use super::session::Session;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("brimful-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Where the system takes no byte more, what was saved before is whole, what was changed is still there, and it can be
/// saved elsewhere or printed.
#[test]
fn a_full_disk_loses_nothing() {
    let folder = folder("full");
    let file = folder.join("run.toml");
    let before = "model = \"gpt2\"\n\n[train]\nmicro_batch_size = 3\n";
    fs::write(&file, before).expect("a file");
    // No file may grow beyond nothing: writing fails as on a full disk.
    let script = format!(
        "trap '' XFSZ; cd {}; (ulimit -f 0; exec \"$BRIMFUL\" run.toml); echo \"ended $?\"; stty -a; echo done",
        folder.display()
    );
    let mut session = Session::shell(&script, (100, 30));
    session.wait_for("Parameters");
    session.press("l");
    let changed =
        |session: &Session| session.screen().lines().any(|line| line.contains("micro batch") && line.contains(" 4 "));
    session.wait_until("the change", changed);
    session.press("w");
    session.wait_for("Save the run");
    session.press("\r");
    session.wait_for("is there already");
    session.press("\r");
    session.wait_for("not saved: ");
    session.wait_for("too large");
    assert_eq!(fs::read_to_string(&file).expect("it is there"), before);
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1, "nothing is left beside it");
    session.press("\u{1b}");
    session.wait_until("the view alone", |session| !session.screen().contains("Save the run"));
    assert!(changed(&session), "{}", session.screen());
    session.press("q");
    session.assert_restored("ended 0");
    fs::remove_dir_all(folder).expect("the folder is there");
}

/// A file system that takes no files says so, and the name can be mended.
#[cfg(target_os = "linux")]
#[test]
fn a_read_only_disk_is_told_of() {
    let folder = folder("readonly");
    let mut session = Session::start();
    session.press("w");
    session.wait_for("Save the run");
    // Nobody may make a file here, not even root.
    session.press("\u{15}/proc/run.toml\r");
    session.wait_for("not saved: ");
    session.press(&format!("\u{15}{}/run.toml\r", folder.display()));
    session.wait_for("saved as");
    let saved = fs::read_to_string(folder.join("run.toml")).expect("it is saved");
    assert!(saved.contains("model = \"llama-3.1-8b\""), "{saved}");
    session.press("q");
    session.assert_restored("ended 0");
    fs::remove_dir_all(folder).expect("the folder is there");
}

/// The codes of the mouse: buttons and wheel, in numbers.
const CODES: [&str; 2] = ["\u{1b}[?1000h", "\u{1b}[?1006h"];

#[test]
fn without_being_asked_for_the_mouse_is_left_alone() {
    let mut session = Session::start();
    session.press("q");
    session.assert_restored("ended 0");
    let bytes = String::from_utf8_lossy(&session.bytes()).into_owned();
    assert!(!bytes.contains("\u{1b}[?1000") && !bytes.contains("\u{1b}[?1003"), "{bytes:?}");
}

#[test]
fn the_mouse_clicks_and_is_given_back() {
    let mut session = Session::shell("\"$BRIMFUL\" --mouse; echo \"ended $?\"; stty -a; echo done", (100, 30));
    session.wait_for("? help");
    let place = |session: &Session, text: &str| {
        let screen = session.screen();
        let find = |(row, line): (usize, &str)| line.find(text).map(|at| (line[..at].chars().count() + 1, row + 1));
        screen.lines().enumerate().find_map(find).expect("it is on the screen")
    };
    let (column, row) = place(&session, "Sweep");
    session.press(&format!("\u{1b}[<0;{column};{row}M\u{1b}[<0;{column};{row}m"));
    session.wait_for("Memory against micro batch");
    let (column, row) = place(&session, "recompute");
    session.press(&format!("\u{1b}[<0;{column};{row}M\u{1b}[<0;{column};{row}m"));
    session.wait_until("the row", |session| session.screen().lines().any(|line| line.contains("▸ recompute")));
    // The wheel, over the parameters.
    session.press("\u{1b}[<64;5;10M");
    session.wait_until("another row", |session| !session.screen().lines().any(|line| line.contains("▸ recompute")));
    session.press("q");
    session.assert_restored("ended 0");
    let bytes = String::from_utf8_lossy(&session.bytes()).into_owned();
    for code in CODES {
        let off = code.replace('h', "l");
        assert!(bytes.find(code) < bytes.rfind(&off), "{code:?} is taken back");
    }
}

/// A folder that has the name of a command is written so that it is none.
#[test]
fn a_model_in_a_folder_is_named_as_a_path() {
    let folder = folder("path");
    fs::create_dir_all(folder.join("config")).expect("a folder");
    fs::write(folder.join("config/config.json"), "{\"model_type\": \"qwen3\"}").expect("a file");
    let script =
        format!("cd {}; \"$BRIMFUL\" --model config --print; echo ended; stty -a; echo done", folder.display());
    let mut session = Session::shell(&script, (100, 40));
    session.wait_for("? help");
    session.press("q");
    session.assert_restored("ended");
    assert!(session.screen().contains("model = \"./config\""), "{}", session.screen());
    fs::remove_dir_all(folder).expect("the folder is there");
}

/// What is printed goes where standard output leads, and nothing else does.
#[test]
fn the_run_is_printed_to_a_file() {
    let folder = folder("print");
    let script = format!(
        "cd {}; \"$BRIMFUL\" gpt2 --print > run.toml; echo \"ended $?\"; stty -a; \
         echo \"batch $(\"$BRIMFUL\" gpt2 --print | grep batch)\"; echo done",
        folder.display()
    );
    let mut session = Session::shell(&script, (100, 40));
    session.wait_for("micro batch");
    session.press("l#");
    session.wait_for("# does nothing here");
    session.press("q");
    session.wait_until("the end", |session| String::from_utf8_lossy(&session.bytes()).contains("ended 0"));
    session.wait_for("micro batch");
    session.press("llq");
    session.assert_restored("batch micro_batch_size = 3");
    assert!(session.screen().contains("ended 0"), "{}", session.screen());
    let printed = fs::read_to_string(folder.join("run.toml")).expect("a file");
    assert!(printed.starts_with("model = \"gpt2\"\n") && printed.contains("micro_batch_size = 2\n"), "{printed}");
    assert!(!printed.contains('\u{1b}'), "{printed}");
    let script = "\"$BRIMFUL\" gpt2 > /dev/null; echo \"ended $?\"; stty -a; echo done";
    let session = Session::shell(script, (100, 40));
    session.wait_for("the explorer needs a terminal");
    session.assert_restored("ended 2");
    fs::remove_dir_all(folder).expect("the folder is there");
}

/// From "over by" to a run that fits, in two keys.
#[test]
fn what_does_not_fit_is_changed_until_it_does() {
    let run = "llama-3.1-8b --gpu rtx-4090 --seq 8k --method lora";
    let script = format!("\"$BRIMFUL\" {run}; echo \"ended $?\"; stty -a; echo done");
    let mut session = Session::shell(&script, (100, 30));
    session.wait_for("over by");
    session.press("f");
    session.wait_for("It fits after any of these");
    session.press("\r");
    session.wait_for("u takes it back");
    session.wait_for("fits: ");
    session.press("q");
    session.assert_restored("ended 0");
}

/// Inside of tmux the line that is copied is shown as well, from edge to edge, and sent on in tmux's own wrapping.
#[test]
fn inside_of_tmux_a_copy_can_be_selected() {
    let script = "TMUX=/tmp/t,1,0 \"$BRIMFUL\" gpt2 --gpu l4; echo \"ended $?\"; stty -a; echo done";
    let mut session = Session::shell(script, (80, 24));
    session.wait_for("micro batch");
    session.press("y");
    session.wait_for("set-clipboard on");
    assert!(session.screen().lines().any(|line| line.starts_with("brimful gpt2 --gpu l4")), "{}", session.screen());
    let bytes = session.bytes();
    let has = |wanted: &[u8]| bytes.windows(wanted.len()).any(|some| some == wanted);
    assert!(has(b"\x1b]52;c;") && has(b"\x1bPtmux;\x1b\x1b]52;c;"));
    session.press("q");
    session.wait_until("the text to be closed", |session| !session.screen().contains("set-clipboard on"));
    session.press("q");
    session.assert_restored("ended 0");
}

#[test]
fn a_terminal_without_a_screen_is_told_of_the_commands() {
    let script = "TERM=dumb \"$BRIMFUL\" gpt2; echo \"ended $?\"; stty -a; echo done";
    let session = Session::shell(script, (100, 30));
    session.wait_for("TERM=dumb has no screen");
    session.assert_restored("ended 2");
}
