//! The real binary in a real terminal: it starts, answers keys, and gives the terminal back however it ends.
#![cfg(all(unix, feature = "tui"))]
#![expect(clippy::expect_used, reason = "a test that cannot begin has failed")]

use std::thread;
use std::time::Duration;

mod session;
mod settings;
mod sharing;

use portable_pty::PtySize;
use session::{Session, cells};

#[test]
fn a_key_changes_the_numbers_and_q_gives_the_terminal_back() {
    let mut session = Session::start();
    session.wait_for("micro batch");
    let total = |session: &Session| {
        let screen = session.screen();
        screen.lines().find(|line| line.contains("Total")).unwrap_or_default().to_owned()
    };
    // An 8 B model with AdamW just fits in 80 GB. The last row is drawn last: with it the frame is whole.
    session.wait_for("? help");
    session.wait_until("a total that fits", |session| {
        let played = session.screen().contains("fits: ") || session.screen().contains("tight: ");
        played && total(session).contains("free")
    });
    let before = total(&session);
    session.press("l");
    session.wait_until("another total", |session| total(session) != before && !total(session).is_empty());
    let row = |session: &Session| {
        session.screen().lines().find(|line| line.contains("micro batch")).unwrap_or_default().to_owned()
    };
    session.wait_until("two sequences", |session| row(session).contains(" 2 "));
    session.press("u");
    session.wait_until("the first total", |session| total(session) == before);
    session.press("q");
    session.assert_restored("ended 0");
}

#[test]
fn ctrl_c_quits_from_a_text_field_too() {
    let mut session = Session::start();
    session.press("m");
    session.wait_for("type to filter");
    session.press("\u{3}");
    session.assert_restored("ended 0");
}

#[test]
fn a_signal_gives_the_terminal_back() {
    for (signal, ended) in [("TERM", "ended 143"), ("HUP", "ended 129"), ("INT", "ended 130")] {
        let session = Session::start();
        session.signal(signal);
        session.assert_restored(ended);
    }
}

#[test]
fn ctrl_z_stops_and_fg_comes_back() {
    let script = "set -m; \"$BRIMFUL\"; echo \"stopped\"; stty -a; sleep 0.3; echo \"back\"; fg; echo \"ended $?\"; stty -a; echo done";
    let mut session = Session::shell(script, (100, 30));
    session.wait_for("Parameters");
    session.press("l");
    session.wait_for("over by");
    session.press("\u{1a}");
    session.wait_until("the shell", |session| String::from_utf8_lossy(&session.bytes()).contains("stopped"));
    session.wait_until("sane modes in between", |session| {
        let text = String::from_utf8_lossy(&session.bytes()).into_owned();
        text.split("stopped").nth(1).is_some_and(|after| after.contains(" icanon"))
    });
    // Everything is there again, what was changed included.
    session.wait_until("the view", |session| {
        let seen = session.seen.lock().expect("no reader panics");
        seen.1.screen().alternate_screen() && seen.1.screen().contents().contains("over by")
    });
    session.press("q");
    session.assert_restored("ended 0");
}

#[test]
fn a_pasted_text_fires_no_keys() {
    let mut session = Session::start();
    session.press("\u{1b}[200~qqq\u{1b}[201~");
    session.wait_for("nothing to paste into here");
    session.press("q");
    session.assert_restored("ended 0");
}

#[test]
fn nothing_is_written_while_nothing_happens() {
    let session = Session::start();
    thread::sleep(Duration::from_millis(300));
    let before = session.bytes().len();
    thread::sleep(Duration::from_millis(700));
    assert_eq!(session.bytes().len(), before);
}

#[test]
fn a_tiny_terminal_is_met_calmly_and_can_grow() {
    let mut session = Session::shell("\"$BRIMFUL\"; echo \"ended $?\"; stty -a; echo done", (30, 8));
    session.wait_for("needs at least");
    let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
    session.seen.lock().expect("no reader panics").1.screen_mut().set_size(cells(24), cells(80));
    session.master.resize(size).expect("the terminal grows");
    session.wait_for("Parameters");
    session.press("q");
    session.assert_restored("ended 0");
}

#[test]
fn without_a_terminal_one_line_says_what_to_use() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_brimful")).output().expect("the binary runs");
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("brimful check") && text.trim_end().lines().count() == 1, "{text}");
}

/// A journey through each view, in a terminal of the design's size.
#[test]
fn every_view_answers_its_question() {
    let mut session = Session::shell("\"$BRIMFUL\"; echo \"ended $?\"; stty -a; echo done", (80, 24));
    session.wait_for("micro batch");
    session.press("2");
    session.wait_for("each line is the card's");
    session.press("/h200-sxm\r");
    session.wait_until("one row or two", |session| !session.screen().contains("RTX"));
    session.press("\r");
    session.wait_for("the card is h200");
    session.press("\u{1b}");
    session.wait_for("each line is the card's");
    session.press("pl3");
    session.wait_for("micro batch: A 1  * 2");
    session.press("\r");
    session.wait_for("A is the present scenario now");
    session.press("4");
    session.wait_for("fits up to");
    session.press("5");
    session.wait_for("peak: ");
    session.press("6");
    session.wait_for("Ledger at");
    session.press("j\r");
    session.wait_for("in numbers");
    session.press("\u{1b}");
    session.wait_until("the view again", |session| !session.screen().contains("in numbers"));
    session.press("7");
    session.wait_for("gpus in the parameters");
    session.press("1x");
    session.wait_for("is the largest micro batch that fits");
    let scenario = std::env::temp_dir().join(format!("brimful-{}.toml", std::process::id()));
    std::fs::write(&scenario, "model = \"gpt2\"\ngpu = \"l4\"\n[train]\nmicro_batch_size = 3\n").expect("a file");
    session.press(&format!("m\u{1b}[200~{}\u{1b}[201~\r", scenario.display()));
    session.wait_until("the scenario", |session| {
        let screen = session.screen();
        screen.contains("GPT-2") && screen.contains("1 × L4") && screen.contains("micro batch           3")
    });
    std::fs::remove_file(&scenario).expect("the file is there");
    session.press("u");
    session.wait_for("Llama 3.1 8B");
    session.press("lf");
    session.wait_for("It fits after any of these");
    session.press("\r");
    session.wait_for("u takes it back");
    session.press("q");
    session.assert_restored("ended 0");
}

/// However many keys arrive at once, all are taken in, and the one that quits is heard.
#[test]
fn a_burst_of_keys_is_read_whole() {
    let mut session = Session::start();
    session.press(&"\u{1b}[C\u{1b}[D".repeat(1500));
    session.press("q");
    session.assert_restored("ended 0");
}

/// Keys of one's own stand in the footer and work; a file with a mistake is reported, and everybody's keys work.
#[test]
fn keys_of_ones_own() {
    let folder = std::env::temp_dir().join(format!("brimful-keys-{}", std::process::id()));
    let file = folder.join("brimful/keys.toml");
    std::fs::create_dir_all(folder.join("brimful")).expect("a folder");
    let script = format!("XDG_CONFIG_HOME={} \"$BRIMFUL\"; echo \"ended $?\"; stty -a; echo done", folder.display());
    std::fs::write(&file, "quit = [\"Q\"]\n").expect("a file");
    let mut session = Session::shell(&script, (100, 30));
    session.wait_for("Q quit");
    session.press("q");
    session.wait_for("q does nothing here");
    session.press("Q");
    session.assert_restored("ended 0");
    std::fs::write(&file, "pin = [\"P\"]\nsolv = [\"X\"]\n").expect("a file");
    let mut session = Session::shell(&script, (100, 30));
    session.wait_for("`solve`");
    assert!(session.screen().contains("keys.toml:2:1"), "{}", session.screen());
    session.press("q");
    session.assert_restored("ended 0");
    std::fs::remove_dir_all(folder).expect("the folder is there");
}

#[test]
fn a_scenario_comes_through_a_pipe_and_keys_from_the_terminal() {
    let scenario = "printf 'model = \"llama-3.2-1b\"\\n[train]\\nmicro_batch_size = 3\\n'";
    let script = format!("{scenario} | \"$BRIMFUL\" -; echo \"ended $?\"; stty -a; echo done");
    let mut session = Session::shell(&script, (100, 30));
    let row = |session: &Session| {
        session.screen().lines().find(|line| line.contains("micro batch")).unwrap_or_default().to_owned()
    };
    session.wait_until("three sequences", |session| row(session).contains(" 3 "));
    session.press("l");
    session.wait_until("four sequences", |session| row(session).contains(" 4 "));
    session.press("q");
    session.assert_restored("ended 0");
}
