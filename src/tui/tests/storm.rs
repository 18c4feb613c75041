//! Whatever is pressed, pasted and resized, in whatever order: no panic, and the state holds together.

use super::{ASCII, COLOUR, MONO, app, paste, screen};
use crate::tui::action::{Action, Context};
use crate::tui::app::{App, Job, Overlay};
use crate::tui::keymap::Chord;
use crate::tui::message;
use crate::tui::message::{Effect, Message, SaveFailure};
use crate::tui::screen::View;
use crate::tui::update::update;

/// The same storm every time.
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }
}

const PASTES: &[&str] =
    &["8k", "1e6", "999999999999", "", "\u{1b}[2J\u{7}", "日本語", "a\nb", "-", "0.5", "\u{301}e", "👩‍👩‍👧"];

fn check(app: &App) {
    let rows = app.rows();
    assert!(rows.is_empty() || app.row(&rows) < rows.len());
    match &app.overlay {
        Some(Overlay::Picker(picker)) => {
            assert!(picker.selected < picker.matches.len().max(1));
            assert!(picker.matches.iter().all(|index| *index < picker.items.len()));
        }
        Some(Overlay::Advice { list, selected }) => assert!(*selected < list.len()),
        Some(Overlay::Value { field, .. }) => assert!(field.cursor() <= field.text().chars().count()),
        _ => {}
    }
    assert!(app.pins.list.len() <= 6 && app.pins.cursor <= app.pins.list.len().saturating_sub(1));
    for pin in &app.pins.list {
        assert_eq!(pin.estimate.is_ok(), app.estimate_of(&pin.scenario).is_ok());
    }
    if app.view == View::Sweep {
        assert!(app.sweep.curves.iter().all(|curve| curve.totals.len() == app.sweep.values.len()));
    }
    if let Ok(estimate) = &app.estimate {
        let fresh = app.estimate_of(&app.scenario).unwrap();
        assert_eq!(fresh.ledger.total(), estimate.ledger.total(), "the bars are those of the scenario");
        let shown: u64 =
            estimate.bars(app.step).iter().filter(|bar| bar.elsewhere.is_none()).map(|bar| bar.bytes.get()).sum();
        assert_eq!(shown, estimate.peak(app.step).total.get(), "bars sum to the total");
    }
}

#[test]
fn a_hundred_thousand_events() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut app = app();
    let mut size = (80, 24);
    let keys: Vec<Chord> = app.keymap.chords().collect();
    let (mut quits, mut late) = (0, None);
    for turn in 0..100_000 {
        let effect = match dice.roll(20) {
            0 => {
                paste(&mut app, dice.pick(PASTES));
                None
            }
            1 => {
                size = (u16::try_from(dice.roll(140)).unwrap() + 1, u16::try_from(dice.roll(60)).unwrap() + 1);
                None
            }
            2..6 => {
                let letter = dice.pick(&['0', '1', '8', 'k', 'z', '.', '/', 'é', '-', 'b']);
                let message = message(&app, Chord::letter(letter));
                update(&mut app, message)
            }
            _ => {
                let message = message(&app, dice.pick(&keys));
                update(&mut app, message)
            }
        };
        match effect {
            Some(Effect::Quit) => quits += 1,
            Some(Effect::Open(path)) => {
                update(&mut app, Message::Opened(path, Err(String::from("no such file"))));
            }
            Some(Effect::Save(path, replace)) => {
                let outcome = if replace { Ok(()) } else { Err(SaveFailure::Exists) };
                update(&mut app, Message::Saved(path, outcome));
            }
            Some(Effect::Suspend | Effect::Repaint | Effect::Copy(_) | Effect::Theme(_)) | None => {}
        }
        // Now and then something is computed; what comes of it comes when the screen may be another.
        if turn % 256 == 0 {
            if let Some(done) = late.take() {
                update(&mut app, Message::Done(done));
            }
            late = app.wanted().map(Job::run);
        }
        if turn % 32 == 0 {
            check(&app);
            screen(&app, dice.pick(&[COLOUR, MONO, ASCII]), size);
        }
    }
    assert!(quits > 0);
    // From wherever the storm has left it, Esc leads back to the view.
    while app.overlay.is_some() {
        assert_eq!(app.keymap.action(app.context(), Chord::parse("esc").unwrap()), Some(Action::Back));
        update(&mut app, Message::Do(Action::Back));
    }
    assert_eq!(app.context(), Context::View);
}
