//! Snapshots of every view.

use super::{ASCII, COLOUR, MONO, app, press, screen};

macro_rules! snapshot {
    ($name:literal, $app:expr, $theme:expr, $size:expr) => {
        insta::assert_snapshot!($name, screen(&$app, $theme, $size).backend())
    };
}

#[test]
fn ascii_is_enough() {
    snapshot!("fit_80x24_ascii", app(), ASCII, (80, 24));
}

#[test]
fn little_room_shows_what_matters() {
    snapshot!("fit_40x12", app(), COLOUR, (40, 12));
    snapshot!("fit_60x20", app(), COLOUR, (60, 20));
    snapshot!("small_20x5", app(), COLOUR, (20, 5));
    snapshot!("small_1x1", app(), COLOUR, (1, 1));
}

/// Every view at the sizes of the design, in colour and without.
#[test]
fn every_view() {
    for (name, keys) in [
        ("fit", ""),
        ("cards", "2"),
        ("compare", "p right p down L 3"),
        ("sweep", "p down right 4"),
        ("timeline", "5"),
        ("ledger", "6 down down"),
        ("models", "8 down"),
    ] {
        let mut app = app();
        press(&mut app, keys);
        for (size, theme, look) in [
            ((80, 24), COLOUR, ""),
            ((80, 24), MONO, "_mono"),
            ((120, 40), COLOUR, ""),
            ((120, 40), MONO, "_mono"),
            ((200, 60), COLOUR, ""),
            ((200, 60), MONO, "_mono"),
        ] {
            let name = format!("{name}_{}x{}{look}", size.0, size.1);
            insta::assert_snapshot!(name, screen(&app, theme, size).backend());
        }
    }
}

#[test]
fn colours_are_where_they_should_be() {
    let mut app = app();
    press(&mut app, "right");
    let terminal = screen(&app, COLOUR, (80, 24));
    insta::assert_snapshot!("fit_80x24_styles", format!("{:?}", terminal.backend().buffer()));
}

#[test]
fn other_states() {
    let mut over = app();
    press(&mut over, "right");
    snapshot!("over_80x24", over, COLOUR, (80, 24));
    snapshot!("over_120x40_ascii", over, ASCII, (120, 40));
    let mut first = app();
    press(&mut first, "i b");
    snapshot!("first_step_gb", first, COLOUR, (80, 24));
    let mut sketch = app();
    press(&mut sketch, "s");
    snapshot!("sketch", sketch, COLOUR, (80, 24));
    let mut inference = app();
    press(&mut inference, "t");
    snapshot!("inference", inference, COLOUR, (80, 24));
}

#[test]
fn what_lies_over_the_view() {
    for (name, keys) in [
        ("model_picker", "m \"70\""),
        ("gpu_picker", "g down"),
        ("choices", "down down down enter"),
        ("exact_value", "enter \"x\" enter"),
        ("filter", "/ \"opt\""),
        ("help", "? down"),
        ("fixes", "L f down"),
        ("explanation", "6 down enter"),
        ("marked_models", "m tab tab"),
        ("typed_value", "enter \"8\""),
        ("beyond_positions", "down enter \"1M\""),
        ("bars", "tab down down down"),
        ("words", "? tab"),
        ("room", "down H H f"),
        ("nearest", "m \"70\" enter L f"),
        ("types", "t k down"),
    ] {
        let mut app = app();
        press(&mut app, keys);
        insta::assert_snapshot!(name, screen(&app, COLOUR, (80, 24)).backend());
    }
}

/// No view panics at any size, with anything over it.
#[test]
fn every_size_can_be_drawn() {
    for keys in [
        "up",
        "2",
        "2 / \"h\"",
        "p right 3",
        "4",
        "5",
        "6",
        "6 down enter",
        "7",
        "L f",
        "m",
        "g \"h\"",
        "down down down enter",
        "enter \"12345\"",
        "/ \"a\"",
        "?",
        "s",
        "s t",
        "i",
        "? tab down",
        "tab down",
        "t k right",
        "down enter \"9M\"",
        "down enter \"9M\" enter n",
        "6 ] z",
    ] {
        let mut app = app();
        press(&mut app, keys);
        for width in (1..=90).step_by(3).chain([40, 72, 80]) {
            for height in [1, 2, 5, 11, 12, 13, 17, 20, 24, 31] {
                screen(&app, COLOUR, (width, height));
                screen(&app, ASCII, (width, height));
            }
        }
    }
}

/// In ASCII nothing else is shown, wherever one looks.
#[test]
fn ascii_is_ascii() {
    for keys in [
        "up",
        "2",
        "p right 3",
        "4",
        "5",
        "6",
        "6 down enter",
        "7",
        "L f",
        "m",
        "g",
        "enter",
        "/ \"o\"",
        "?",
        "s",
        "left",
        "f",
        "? tab",
        "tab",
        "t k",
        "t s",
        "down enter \"9M\"",
    ] {
        let mut app = app();
        press(&mut app, keys);
        let text = screen(&app, ASCII, (200, 60)).backend().to_string();
        assert!(text.is_ascii(), "{keys}: {text}");
    }
}
