//! Clicks on what is drawn.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{COLOUR, app, press, text};
use crate::memory::Category;
use crate::scenario::parameter::PARAMETERS;
use crate::tui::action::Action;
use crate::tui::app::{App, Overlay};
use crate::tui::message::{Effect, Message};
use crate::tui::screen::{Focus, View};
use crate::tui::spot::{Sheet, Spot, Spots};
use crate::tui::update::update;
use crate::tui::view;

fn spots(app: &App, (width, height): (u16, u16)) -> Spots {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view::draw(app, COLOUR, &mut Sheet::new(&mut buffer))
}

/// Clicks on the middle of a spot, as the terminal would tell of it.
fn click(app: &mut App, spot: &Spot) -> Option<Effect> {
    let spots = spots(app, (120, 40));
    let cell = spots.find(spot).unwrap_or_else(|| panic!("{spot:?} is not on the screen"));
    let hit = spots.at(cell).cloned().unwrap();
    update(app, Message::Click(hit))
}

fn index(key: &str) -> usize {
    PARAMETERS.iter().position(|parameter| parameter.key == key).unwrap()
}

#[test]
fn rows_are_gone_to_and_then_entered() {
    let mut app = app();
    let length = Spot::Parameter(index("train.sequence_length"));
    click(&mut app, &length);
    assert_eq!(app.focused().unwrap().key, "train.sequence_length");
    assert!(app.overlay.is_none());
    click(&mut app, &length);
    assert!(matches!(app.overlay, Some(Overlay::Value { .. })));
    // Beside it is out of it.
    let outside = spots(&app, (120, 40)).at((1, 1)).cloned();
    assert_eq!(outside, Some(Spot::Do(Action::Back)));
    update(&mut app, Message::Click(Spot::Do(Action::Back)));
    assert!(app.overlay.is_none());
    let before = app.scenario.train.sequence_length;
    click(&mut app, &Spot::Do(Action::More));
    assert!(app.scenario.train.sequence_length > before);
    click(&mut app, &Spot::Do(Action::Less));
    assert_eq!(app.scenario.train.sequence_length, before);
}

#[test]
fn tabs_show_views_and_bars_their_entries() {
    let mut app = app();
    for view in [View::Cards, View::Compare, View::Sweep, View::Timeline, View::Ledger, View::Fit] {
        click(&mut app, &Spot::Do(Action::Show(view)));
        assert_eq!(app.view, view);
    }
    click(&mut app, &Spot::Category(Category::Activations));
    assert_eq!(app.view, View::Ledger);
    let row = app.entry_rows()[app.entries.cursor].clone();
    assert!(matches!(row, crate::tui::app::EntryRow::Group { name, .. } if name == "Activations"));
    press(&mut app, "1");
    click(&mut app, &Spot::Category(Category::Gradients));
    assert!(text(&app).contains("Gradients has no entry at the peak"), "{}", text(&app));
}

#[test]
fn rows_of_views_are_taken_where_one_is() {
    let mut app = app();
    press(&mut app, "2");
    let cards = app.card_rows().len();
    let here = app.card_row(&app.card_rows());
    let other = (0..cards).find(|row| *row != here).unwrap();
    let word = app.card_rows()[other].word.to_owned();
    click(&mut app, &Spot::Row(other));
    assert_eq!(app.cards.cursor.as_deref(), Some(word.as_str()));
    assert_ne!(app.scenario.gpu.as_ref(), Some(&word));
    click(&mut app, &Spot::Row(other));
    assert_eq!(app.scenario.gpu.as_ref(), Some(&word));
    press(&mut app, "1");
    click(&mut app, &Spot::Card(String::from("rtx-4090")));
    assert_eq!(app.scenario.gpu.as_deref(), Some("rtx-4090"));
    press(&mut app, "p right p 3");
    click(&mut app, &Spot::Row(1));
    assert_eq!((app.pins.cursor, app.scenario.train.micro_batch_size), (1, 2));
    click(&mut app, &Spot::Row(0));
    click(&mut app, &Spot::Row(0));
    assert_eq!(app.scenario.train.micro_batch_size, 1);
    press(&mut app, "6");
    click(&mut app, &Spot::Row(1));
    assert!(app.overlay.is_none());
    click(&mut app, &Spot::Row(1));
    assert!(matches!(app.overlay, Some(Overlay::Explanation(_))));
}

#[test]
fn lists_over_the_view_are_chosen_from() {
    let mut app = app();
    click(&mut app, &Spot::Do(Action::PickModel));
    click(&mut app, &Spot::Choice(2));
    assert!(matches!(&app.overlay, Some(Overlay::Picker(picker)) if picker.selected == 2));
    click(&mut app, &Spot::Choice(2));
    assert_eq!((app.scenario.model.as_str(), app.overlay.is_none()), ("llama-3.1-70b", true));
    press(&mut app, "f");
    if matches!(app.overlay, Some(Overlay::Advice { .. })) {
        click(&mut app, &Spot::Choice(1));
        click(&mut app, &Spot::Choice(1));
        assert!(app.overlay.is_none());
    }
    // A filter that is being typed stays when another row is clicked.
    press(&mut app, "1 esc / \"micro\"");
    click(&mut app, &Spot::Parameter(index("train.micro_batch_size")));
    assert_eq!((app.filter.text(), app.overlay.is_none()), ("micro", true));
}

#[test]
fn a_click_on_the_plot_goes_to_that_value() {
    let mut app = app();
    press(&mut app, "4");
    let value = app.sweep.values[3];
    click(&mut app, &Spot::Value(value));
    assert_eq!(app.scenario.train.micro_batch_size, value);
    press(&mut app, "u");
    assert_eq!(app.scenario.train.micro_batch_size, 1);
}

#[test]
fn the_wheel_moves_in_what_it_is_over() {
    let mut app = app();
    let first = app.focused().unwrap().key;
    let spots = spots(&app, (120, 40));
    assert_eq!((spots.panel((3, 5)), spots.panel((80, 5))), (Some(Focus::Parameters), Some(Focus::View)));
    update(&mut app, Message::Wheel(Some(Focus::Parameters), false));
    assert_ne!(app.focused().unwrap().key, first);
    update(&mut app, Message::Wheel(Some(Focus::Parameters), true));
    assert_eq!(app.focused().unwrap().key, first);
    press(&mut app, "6");
    update(&mut app, Message::Wheel(Some(Focus::View), false));
    assert_eq!(app.entries.cursor, 3);
    press(&mut app, "?");
    update(&mut app, Message::Wheel(None, false));
    assert!(matches!(app.overlay, Some(Overlay::Help { scroll: 3, .. })));
}

/// Whatever is clicked, whenever: nothing breaks.
#[test]
fn storms_of_clicks() {
    let mut app = app();
    let mut seed = 7_u64;
    let mut next = |below: u16| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u16::try_from((u64::from(below) * (seed >> 33)) >> 31).unwrap()
    };
    for round in 0..600 {
        let size = [(80, 24), (120, 40), (60, 20), (41, 13)][round % 4];
        let spots = spots(&app, size);
        let cell = (next(size.0), next(size.1));
        let message = match next(5) {
            0 => Message::Wheel(spots.panel(cell), next(2) == 0),
            _ => match spots.at(cell) {
                Some(spot) => Message::Click(spot.clone()),
                None => continue,
            },
        };
        update(&mut app, message);
    }
}
