//! What goes over the wire.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use proptest::prelude::*;
use ratatui::layout::{Rect, Size};
use ratatui::style::{Color, Style};
use ratatui::text::Line;

use super::{COLOUR, MONO, app, card, listed, press};
use crate::preset::Library;
use crate::scenario::{Scenario, Task};
use crate::tui::Start;
use crate::tui::opening::started;
use crate::tui::spot::Sheet;
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
    let mut dear = Vec::new();
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
                if sent > 2_000 {
                    dear.push(format!("view {view}, {key} at {size}: {sent} bytes"));
                }
            }
        }
    }
    assert!(dear.is_empty(), "{}", dear.join("\n"));
}

/// The same with models that are not like each other, as the explorer opens on them.
#[test]
fn no_preset_is_dear_on_a_slow_line() {
    let (library, size) = (Library::embedded(), Size::new(200, 60));
    let mut dear = Vec::new();
    for (model, task) in [
        ("deepseek-v3", Task::Train),
        ("gemma-3-27b-it", Task::Train),
        ("qwen3-30b-a3b", Task::Infer),
        ("qwen3-next-80b-a3b-instruct", Task::Train),
        ("bert-base-uncased", Task::Train),
        ("llama-3.1-405b", Task::Infer),
    ] {
        for view in ["1", "2", "4", "5", "6"] {
            let wire = Wire::default();
            let mut screen = Screen::new(wire.clone(), Some(size)).unwrap();
            let scenario = Scenario { model: String::from(model), task, ..Scenario::default() };
            let mut app = started(&library, Start { scenario, ..Start::default() });
            press(&mut app, view);
            screen.draw(|frame| drop(view::draw(&app, COLOUR, frame))).unwrap();
            wire.take();
            for key in ["right", "right", "left", "L", "H", "u", "ctrl-r", "down", "up"] {
                press(&mut app, key);
                screen.draw(|frame| drop(view::draw(&app, COLOUR, frame))).unwrap();
                let sent = wire.take().concat().len();
                if sent > 2_000 {
                    dear.push(format!("{model}, view {view}, {key}: {sent} bytes"));
                }
            }
        }
    }
    assert!(dear.is_empty(), "{}", dear.join("\n"));
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

proptest! {
    /// Whatever is drawn where, one frame after another, a terminal shows the same as one that saw the last frame alone.
    #[test]
    fn only_what_is_drawn_on_is_looked_at_and_that_is_enough(
        frames in proptest::collection::vec(
            (proptest::collection::vec((0_u16..30, 0_u16..5, "[ ab█]{0,20}|漢字 x", 0_u8..3), 0..5), any::<bool>()),
            1..6,
        ),
    ) {
        let size = Size::new(24, 4);
        let cells = |cells| std::num::NonZero::new(cells).unwrap();
        let seen = |bytes: &[u8]| {
            let mut parser = vt100::Parser::new(cells(size.height), cells(size.width), 0);
            parser.process(bytes);
            let looks = |cell: &vt100::Cell| {
                let sign = if cell.has_contents() { cell.contents() } else { " " };
                (sign.to_owned(), Some(cell.fgcolor()).filter(|_| sign != " "), cell.inverse())
            };
            let places = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (y, x)));
            places.map(|(y, x)| looks(parser.screen().cell(y, x).unwrap())).collect::<Vec<_>>()
        };
        let styles = [Style::new(), Style::new().fg(Color::Red), Style::new().reversed()];
        let (wire, mut last) = (Wire::default(), Vec::new());
        let mut screen = Screen::new(wire.clone(), Some(size)).unwrap();
        for (lines, forget) in frames {
            if forget {
                screen.forget();
            }
            let draw = |sheet: &mut Sheet| {
                for (x, y, text, style) in &lines {
                    let area = Rect { x: *x, y: *y, width: 20, height: 1 }.intersection(sheet.area());
                    sheet.draw_line(&Line::styled(text.as_str(), styles[usize::from(*style)]), area);
                }
            };
            screen.draw(draw).unwrap();
            let alone = Wire::default();
            Screen::new(alone.clone(), Some(size)).unwrap().draw(draw).unwrap();
            last = alone.take().concat();
        }
        prop_assert_eq!(seen(&wire.take().concat()), seen(&last));
    }
}
