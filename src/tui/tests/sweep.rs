//! Journeys in the views of sweeps and of the step.

use super::{app, press, text};
use crate::memory::{self, Step};
use crate::solve::Furthest;
use crate::tui::screen::View;
use crate::units::Bytes;

#[test]
fn the_parameter_under_the_cursor_is_swept_and_its_crossing_is_exact() {
    let mut app = app();
    press(&mut app, "4");
    assert_eq!((app.view, app.swept().unwrap().key), (View::Sweep, "train.micro_batch_size"));
    assert!(text(&app).contains("fits up to 1; 2 needs"), "{}", text(&app));
    press(&mut app, "down p right");
    assert_eq!(app.swept().unwrap().key, "train.sequence_length");
    assert_eq!(app.sweep.curves.len(), 2);
    let Some(Ok(Furthest::Largest(found))) = &app.sweep.curves[1].furthest else { panic!("no crossing") };
    let value = found.value.unwrap();
    for (length, fits) in [(value, true), (value + 1, false)] {
        let mut scenario = app.scenario.clone();
        scenario.train.sequence_length = length;
        let (model, gpu) = (app.model_of(&scenario).unwrap(), app.gpu_of(&scenario).unwrap());
        assert_eq!(memory::fits(model, &scenario, gpu), Ok(fits));
    }
    press(&mut app, "down down");
    assert_eq!(app.swept().unwrap().key, "train.sequence_length", "what is no number is not swept");
}

#[test]
fn both_scales_hold_the_present_value_and_the_crossing() {
    let mut app = app();
    press(&mut app, "down 4");
    for _ in 0..2 {
        let values = &app.sweep.values;
        assert!(values.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(*values.first().unwrap() <= 4096 && *values.last().unwrap() >= 4096);
        // What the allocator holds may fall a little while the tensors grow.
        let grows = |pair: &[Option<Bytes>]| pair[1].unwrap().get() > pair[0].unwrap().get() / 20 * 19;
        assert!(app.sweep.curves.iter().all(|curve| curve.totals.windows(2).all(grows)));
        press(&mut app, "o");
    }
}

#[test]
fn the_step_shows_its_peak_and_the_first_one() {
    let mut app = app();
    press(&mut app, "5");
    let shown = text(&app);
    assert!(shown.contains("peak: ") && shown.contains("loss_backward") && shown.contains("forward"), "{shown}");
    press(&mut app, "i");
    assert_eq!(app.step, Step::First);
    assert!(text(&app).contains("Timeline of the first step"));
    press(&mut app, "t");
    assert!(text(&app).contains("no course"), "serving has no way back: {}", text(&app));
}
