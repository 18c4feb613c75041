//! A panic leaves the terminal before it prints.

use std::io::Read;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::{COLOUR, app};
use crate::tui::terminal::Session;
use crate::tui::view;

const NAME: &str = "tui::tests::panic::child_that_panics";

/// Only run by the test below, in a terminal of its own.
#[test]
#[ignore = "needs a terminal, and panics"]
fn child_that_panics() {
    let mut session = Session::enter(true).unwrap();
    let app = app();
    session.draw(|frame| drop(view::draw(&app, COLOUR, frame))).unwrap();
    session.draw(|_| panic!("in the middle of a frame")).unwrap();
}

#[test]
fn a_panic_gives_the_terminal_back_and_is_read_there() {
    let pair = native_pty_system().openpty(PtySize { rows: 30, cols: 100, pixel_width: 0, pixel_height: 0 }).unwrap();
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["--exact", NAME, "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("RUST_BACKTRACE", "0");
    let mut child = pair.slave.spawn_command(command).unwrap();
    let mut output = pair.master.try_clone_reader().unwrap();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // The end of a pseudo terminal reads as an error on Linux.
        let _ = output.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    assert!(!child.wait().unwrap().success());
    drop(pair);
    let text = reader.join().unwrap();
    assert!(text.contains("Parameters"), "it was drawn: {text}");
    let message = text.rfind("in the middle of a frame").unwrap();
    for restored in ["\u{1b}[?1049l", "\u{1b}[?25h", "\u{1b}[?2004l", "\u{1b}[?2026l"] {
        let place = text.rfind(restored).unwrap_or_else(|| panic!("{restored:?} is missing"));
        assert!(place < message, "{restored:?} comes after the message");
    }
    assert_eq!(text.matches("\u{1b}[?1049l").count(), 1, "left once");
}
