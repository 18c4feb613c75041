//! Keys and clicks in the view of sweeps.

use crate::scenario::Value;
use crate::scenario::parameter::PARAMETERS;
use crate::tui::app::App;

/// Puts a value into the parameter that is swept.
pub(in crate::tui) fn go_to(app: &mut App, value: u64) {
    let Some(parameter) = app.swept() else { return };
    app.cursor = PARAMETERS.iter().position(|known| known.key == parameter.key).unwrap_or(app.cursor);
    if let Err(reason) = app.set(parameter, Value::Count(value), false) {
        app.refuse(reason);
    }
}
