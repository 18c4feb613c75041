//! The list of everything that can be done: every action of the view, and every parameter.

use super::App;
use super::picker::{Item, Picker, Target};
use crate::scenario::parameter::{PARAMETERS, Parameter};
use crate::tui::action::{Action, BINDINGS, Binding, Context};

impl Picker {
    /// Every action of the view, and every parameter; those that count for nothing in this run come last.
    pub(crate) fn palette(app: &App) -> Self {
        let own = |binding: &&Binding| binding.contexts.contains(&Context::View) && binding.action != Action::Palette;
        let keys =
            |binding: &Binding| app.keymap.keys(binding).first().map(|chord| chord.show(true)).unwrap_or_default();
        let actions = BINDINGS.iter().filter(own).map(|binding| Item {
            word: binding.id.to_owned(),
            name: binding.words.to_owned(),
            size: Some(keys(binding)),
            ..Item::default()
        });
        let parameters = PARAMETERS.iter().map(|parameter| Item {
            word: parameter.key.to_owned(),
            name: parameter.help.to_owned(),
            alias: parameter.label.to_owned(),
            others: parameter.synonyms().join(" "),
            size: Some(String::new()),
            idle: !app.matters(parameter),
            ..Item::default()
        });
        let choices = PARAMETERS.iter().flat_map(|parameter| choices(app, parameter));
        let mut items: Vec<Item> = actions.chain(parameters).collect();
        items.sort_by_key(|item| item.idle);
        // Words of parameters are found by what is typed; unasked they would be most of the list.
        items.extend(choices);
        let mut picker = Self::new(Target::Palette, items, "");
        picker.narrow();
        picker
    }
}

/// A row for each word that a parameter may hold, found by that of other tools too.
fn choices<'a>(app: &'a App, parameter: &'static Parameter) -> impl Iterator<Item = Item> + 'a {
    let (words, _) = app.choices(parameter).unwrap_or_default();
    let idle = !app.matters(parameter);
    let words: Vec<String> = words.into_iter().map(String::from).collect();
    words.into_iter().map(move |word| Item {
        name: format!("{} {word}", parameter.label),
        others: parameter.aliases_of(&word).join(" "),
        size: Some(String::new()),
        idle,
        word: format!("{}={word}", parameter.key),
        ..Item::default()
    })
}
