//! The list of everything that can be done: every action of the view, and every parameter.

use super::App;
use super::picker::{Item, Picker, Target};
use crate::scenario::parameter::PARAMETERS;
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
            size: Some(String::new()),
            idle: !app.matters(parameter),
            ..Item::default()
        });
        let mut items: Vec<Item> = actions.chain(parameters).collect();
        items.sort_by_key(|item| item.idle);
        Self::new(Target::Palette, items, "")
    }
}
