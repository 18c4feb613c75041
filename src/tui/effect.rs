//! What updates ask for is done here: files, the terminal, its clipboard.

use std::path::Path;

use super::app::App;
use super::message::{Effect, Message, Opened, SaveFailure};
use super::taste::Dress;
use super::terminal::Session;
use super::update::update;
use crate::located::PresetError;
use crate::open::{self, Input};
use crate::preset::save::SaveError;
use crate::preset::{self, Library};
use crate::scenario::Scenario;

/// Takes a message in and does what it asks for; whether the explorer ends.
pub(super) fn perform(
    app: &mut App,
    library: &Library,
    (session, dress): (&mut Session, &mut Dress),
    message: Message,
) -> anyhow::Result<bool> {
    match update(app, message) {
        None => {}
        Some(Effect::Quit) => return Ok(true),
        Some(Effect::Suspend) => session.suspend()?,
        Some(Effect::Repaint) => session.forget(),
        Some(Effect::Copy(text)) => session.copy(&text, app.multiplexer)?,
        Some(Effect::Theme(name)) => {
            if let Err(error) = dress.put_on(&name) {
                app.refuse(error.to_string());
            }
        }
        Some(Effect::Save(path, replace)) => {
            let place = preset::at_home(&path);
            let saved = preset::save::save(library, &app.scenario, Path::new(&place), replace);
            let saved = saved.map_err(|error| match error {
                SaveError::Exists(_) => SaveFailure::Exists,
                // The path stands in the field above.
                SaveError::Io { source, .. } => SaveFailure::Because(format!("not saved: {source}")),
            });
            update(app, Message::Saved(path, saved));
        }
        Some(Effect::Open(path)) => {
            let path = preset::at_home(&path);
            let opened = read(library, &path).map_err(|error| error.to_string());
            let path = match &opened {
                Ok(Opened::Model(model)) if open::of_hub(library, &path, Path::new("")).is_some() => model.id.clone(),
                Ok(Opened::Model(_)) if library.model(&path).is_err() => open::path_word(Path::new(&path)),
                _ => path,
            };
            update(app, Message::Opened(path, opened));
        }
    }
    Ok(false)
}

/// The model or the scenario that a file holds.
pub(super) fn read(library: &Library, path: &str) -> Result<Opened, PresetError> {
    Ok(match open::what_is(library, path)? {
        Input::Model => Opened::Model(Box::new(open::find_model(library, path, Path::new("."))?)),
        Input::Arguments(reading) => Opened::Arguments(reading),
        Input::Scenario(scenario, _) => {
            let (word, model) = open::model_of(library, Path::new(path), &scenario)?;
            // What the library has is listed already.
            let listed = library.model(&word).is_ok();
            let scenario = Scenario { model: word.clone(), ..*scenario };
            Opened::Scenario(Box::new(scenario), (!listed).then(|| (word, Box::new(model))))
        }
    })
}
