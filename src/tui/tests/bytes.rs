//! What goes over the wire.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use ratatui::layout::Size;

use super::{COLOUR, MONO, app, card, listed, press};
use crate::tui::terminal::Screen;
use crate::tui::view;

/// Keeps every write apart.
#[derive(Clone, Default)]
struct Wire(Rc<RefCell<Vec<Vec<u8>>>>);

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire {
    fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.0.borrow_mut())
    }
}

const LARGE: Size = Size::new(120, 40);

#[test]
fn a_key_costs_one_small_bracketed_write() {
    let wire = Wire::default();
    let mut screen = Screen::new(wire.clone(), Some(LARGE)).unwrap();
    let mut app = app();
    screen.draw(|frame| drop(view::draw(&app, COLOUR, frame))).unwrap();
    let first = wire.take();
    assert_eq!(first.len(), 1);
    assert!(first[0].len() <= 6_000, "{} bytes for the first frame", first[0].len());
    for key in [
        "right", "right", "down", "L", "down", "right", "u", "ctrl-r", "i", "z", "left", "b", "s", "s", "t", "t", "end",
    ] {
        press(&mut app, key);
        screen.draw(|frame| drop(view::draw(&app, COLOUR, frame))).unwrap();
        let writes = wire.take();
        assert_eq!(writes.len(), 1, "{key}");
        let bytes = &writes[0];
        assert!(bytes.starts_with(b"\x1b[?2026h") && bytes.ends_with(b"\x1b[?2026l"), "{key}");
        let most = if ["s", "t", "b"].contains(&key) { 4_000 } else { 2_000 };
        assert!(bytes.len() <= most, "{key}: {} bytes", bytes.len());
        assert!(!bytes.windows(4).any(|four| four == b"\x1b[6n"), "{key} asks for the cursor");
    }
}

/// Keys that change a value or move the cursor cost little in every view; going to another view draws its panel once.
#[test]
fn no_view_is_dear_on_a_slow_line() {
    for size in [LARGE, Size::new(200, 60)] {
        for view in ["1", "2", "3", "4", "5", "6"] {
            let wire = Wire::default();
            let mut screen = Screen::new(wire.clone(), Some(size)).unwrap();
            let mut app = app();
            // As many cards as the catalogue has.
            let more = (0..120).map(|index| format!("gpu-{index}"));
            app.gpus.extend(more.zip(0..).map(|(id, index)| listed([&id, &id], card(&id, &id, 8_000 + 2_000 * index))));
            press(&mut app, "p right p");
            press(&mut app, view);
            screen.draw(|frame| drop(view::draw(&app, COLOUR, frame))).unwrap();
            wire.take();
            for key in [
                "right", "right", "left", "left", "L", "H", "u", "ctrl-r", "down", "down", "up", "tab", "down", "tab",
                "z",
            ] {
                press(&mut app, key);
                screen.draw(|frame| drop(view::draw(&app, COLOUR, frame))).unwrap();
                let writes = wire.take();
                assert!(writes.len() <= 1, "{view} {key}");
                let sent = writes.concat().len();
                assert!(sent <= 2_000, "view {view}, {key} at {size}: {sent} bytes");
            }
        }
    }
}

#[test]
fn a_repaint_draws_every_cell_again() {
    let wire = Wire::default();
    let mut screen = Screen::new(wire.clone(), Some(LARGE)).unwrap();
    let app = app();
    screen.draw(|frame| drop(view::draw(&app, COLOUR, frame))).unwrap();
    let first = wire.take().concat().len();
    screen.draw(|frame| drop(view::draw(&app, COLOUR, frame))).unwrap();
    assert!(wire.take().concat().len() < 100, "nothing has changed");
    screen.forget();
    screen.draw(|frame| drop(view::draw(&app, COLOUR, frame))).unwrap();
    assert!(wire.take().concat().len() >= first);
    screen.resize(Size::new(60, 20));
    screen.draw(|frame| drop(view::draw(&app, COLOUR, frame))).unwrap();
    assert!(wire.take().concat().len() > 1000);
}

#[test]
fn without_colour_no_colour_is_sent() {
    let wire = Wire::default();
    let mut screen = Screen::new(wire.clone(), Some(LARGE)).unwrap();
    let app = app();
    screen.draw(|frame| drop(view::draw(&app, MONO, frame))).unwrap();
    let text = String::from_utf8(wire.take().concat()).unwrap();
    assert!(!text.contains("38;5;") && !text.contains("48;5;"));
    let sequences = text.split("\u{1b}[").skip(1).filter_map(|rest| rest.split_once(|end: char| end.is_alphabetic()));
    let styles = sequences.filter(|(codes, _)| text.contains(&format!("\u{1b}[{codes}m")));
    let codes: Vec<&str> = styles.flat_map(|(codes, _)| codes.split(';')).collect();
    assert!(codes.iter().all(|code| ["", "0", "1", "2", "7", "22", "27"].contains(code)), "{codes:?}");
    assert!(codes.contains(&"7"), "the row under the cursor is reversed");
}
