//! A list to choose from: models, cards, or the words of a parameter.

use super::{App, Listed};
use crate::model::hub;
use crate::scenario::Value;
use crate::scenario::parameter::Parameter;
use crate::scenario::parameter::words::alike;
use crate::tui::field::Field;
use crate::tui::fuzzy;
use crate::tui::screen::{first_shown, moved};

/// What is chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// The model.
    Model,
    /// The card.
    Gpu,
    /// A word of a parameter.
    Choice(&'static Parameter),
    /// An action, or a parameter to go to.
    Palette,
}

/// Most rows that a screen shows.
pub(crate) const SHOWN: u16 = 26;

/// A row of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Item {
    /// The word that the scenario takes.
    pub(crate) word: String,
    /// The name that people use.
    pub(crate) name: String,
    /// Another name, by which it is found too.
    pub(crate) alias: String,
    /// What other tools call it.
    pub(crate) others: String,
    /// Its size, parameters or memory, once that has been asked for.
    pub(crate) size: Option<String>,
    /// What the run would take with it, once that has been asked for.
    pub(crate) total: Option<String>,
    /// When it was released, as far as that is said.
    pub(crate) released: String,
    /// Whether it is the user's own.
    pub(crate) own: bool,
    /// Whether it counts for nothing now.
    pub(crate) idle: bool,
    /// Whether it stands in no list, and is offered for what was typed.
    pub(crate) offered: bool,
}

impl Item {
    /// It as a row that is found by word and alias, then by name.
    fn named(&self) -> fuzzy::Row {
        fuzzy::Row {
            name: format!("{} {}", self.word, self.alias),
            others: self.others.clone(),
            words: self.name.clone(),
            idle: self.idle,
        }
    }
}

/// A list to choose from, with what was typed to narrow it.
#[derive(Debug, Clone)]
pub(crate) struct Picker {
    /// What is chosen.
    pub(crate) target: Target,
    /// What was typed.
    pub(crate) query: Field,
    /// Every row.
    pub(crate) items: Vec<Item>,
    /// The rows that match, best first.
    pub(crate) matches: Vec<usize>,
    /// Which of those is under the cursor.
    pub(crate) selected: usize,
    /// Words of the rows that were marked.
    pub(crate) marked: Vec<String>,
    /// Why the last choice was not taken.
    pub(crate) error: Option<String>,
}

impl Picker {
    /// Every model, cursor on the present one.
    pub(crate) fn models(app: &App) -> Self {
        let items = app.models.iter().map(|listed| Item {
            word: listed.word.clone(),
            name: listed.listing.name().to_owned(),
            released: listed.listing.facts().ok().and_then(|facts| facts.released).unwrap_or_default().to_owned(),
            own: listed.own,
            ..Item::default()
        });
        Self::new(Target::Model, items.collect(), &app.scenario.model)
    }

    /// Every card, cursor on the present one.
    pub(crate) fn gpus(app: &App) -> Self {
        let items = app.gpus.iter().map(|listed| Item {
            word: listed.word.clone(),
            name: listed.listing.name().to_owned(),
            own: listed.own,
            ..Item::default()
        });
        Self::new(Target::Gpu, items.collect(), app.scenario.gpu.as_deref().unwrap_or_default())
    }

    /// The covered words of a parameter, cursor on the present one; nothing for other kinds.
    pub(crate) fn choices(app: &App, parameter: &'static Parameter) -> Option<Self> {
        let (words, optional) = app.choices(parameter)?;
        let words = words.into_iter().chain(optional.then_some("-"));
        let item = |word: &str| Item {
            word: word.to_owned(),
            others: parameter.aliases_of(word).join(" "),
            ..Item::default()
        };
        let now = parameter.get(&app.scenario).to_string();
        Some(Self::new(Target::Choice(parameter), words.map(item).collect(), &now))
    }

    pub(super) fn new(target: Target, items: Vec<Item>, now: &str) -> Self {
        let selected = items.iter().position(|item| item.word == now).unwrap_or(0);
        let matches = (0..items.len()).collect();
        Self { target, query: Field::default(), items, matches, selected, marked: Vec::new(), error: None }
    }

    /// The row under the cursor.
    pub(crate) fn chosen(&self) -> Option<&Item> {
        self.matches.get(self.selected).map(|index| &self.items[*index])
    }

    /// Marks the row under the cursor, or takes its mark away, and goes on to the next; what is typed after that begins anew.
    pub(crate) fn mark(&mut self) {
        self.query.select();
        let Some(word) = self.chosen().map(|item| item.word.clone()) else { return };
        match self.marked.iter().position(|marked| *marked == word) {
            Some(at) => drop(self.marked.remove(at)),
            None => self.marked.push(word),
        }
        self.go(1);
    }

    /// The path that was typed instead of a name, in the model picker.
    pub(crate) fn path(&self) -> Option<&str> {
        let text = self.query.text().trim();
        let ends = [".json", ".toml", ".gguf", ".safetensors"].iter().any(|end| text.ends_with(end));
        (matches!(self.target, Target::Model) && (text.contains('/') || ends)).then_some(text)
    }

    /// Asks for the sizes of the rows that can be seen: until then nobody has read them.
    pub(in crate::tui) fn ask(&mut self, app: &App) {
        self.offer(app);
        for index in self.seen().collect::<Vec<_>>() {
            let item = &mut self.items[index];
            if item.size.is_none() {
                item.size = Some(size(app, self.target, &item.word).unwrap_or_default());
                let is_model = matches!(self.target, Target::Model);
                item.total = is_model.then(|| app.known_needs(&item.word)).flatten();
            }
        }
    }

    /// The words of models that can be seen and of which it is not known what the run would take with them.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &str> {
        let models = matches!(self.target, Target::Model);
        let items = self.seen().map(|index| &self.items[index]);
        items.filter(move |item| models && item.total.is_none()).map(|item| item.word.as_str())
    }

    /// Offers cards that stand in no list for what was typed.
    fn offer(&mut self, app: &App) {
        if !matches!(self.target, Target::Gpu) || self.items.iter().any(|item| item.offered) {
            return;
        }
        for (place, gpu) in app.offered(self.query.text(), !self.matches.is_empty()).into_iter().enumerate() {
            self.matches.insert(place, self.items.len());
            self.items.push(Item { word: gpu.id, name: gpu.name, offered: true, ..Item::default() });
        }
    }

    /// The rows that can be seen.
    fn seen(&self) -> impl Iterator<Item = usize> {
        let from = first_shown(self.selected, self.matches.len(), usize::from(SHOWN));
        self.matches.iter().skip(from).take(usize::from(SHOWN)).copied()
    }

    /// Finds the matches anew after the query has changed.
    pub(crate) fn narrow(&mut self) {
        self.items.retain(|item| !item.offered);
        let (query, items) = (self.query.text(), self.items.iter());
        let text = |item: &Item| format!("{} {} {}", item.word, item.name, item.others);
        self.matches = match self.target {
            Target::Palette => fuzzy::rank_named(query, items.map(Item::named)),
            Target::Model => fuzzy::rank_newest(query, items.map(|item| (text(item), item.released.clone()))),
            Target::Gpu | Target::Choice(_) => fuzzy::rank(query, items.map(text)),
        };
        if matches!(self.target, Target::Model) && self.matches.is_empty() {
            // A name of the hub speaks of the shapes of a preset.
            let same = hub::same_shapes(query, self.items.iter().map(|item| item.word.as_str()));
            self.matches = self.items.iter().position(|item| same == Some(item.word.as_str())).into_iter().collect();
        }
        if matches!(self.target, Target::Palette) && self.query.text().trim().is_empty() {
            self.matches.retain(|index| !self.items[*index].word.contains('='));
        }
        // A whole id is that id, however well others fit, and so is a word of a parameter; other words come last.
        let query = self.query.text().trim().to_lowercase();
        self.matches.sort_by_key(|index| {
            let Item { word, idle, .. } = &self.items[*index];
            match word.split_once('=') {
                _ if word.to_lowercase() == query => 0,
                Some((_, value)) if !idle && alike(value, &query) => 1,
                None => 2,
                Some(_) => 3,
            }
        });
        self.selected = 0;
        self.error = None;
    }

    /// Moves the cursor by so many rows; steps of one go round.
    pub(crate) fn go(&mut self, step: isize) {
        self.selected = moved(self.selected, self.matches.len(), step);
    }

    /// The value that a chosen word stands for.
    pub(crate) fn value(word: &str) -> Value {
        if word == "-" { Value::Unset } else { Value::Word(word.to_owned()) }
    }
}

/// What the row of a model or a card says of its size.
fn size(app: &App, target: Target, word: &str) -> Option<String> {
    match target {
        Target::Model => Some(item(&app.models, word)?.declared?.to_string()),
        Target::Gpu => {
            let listed = item(&app.gpus, word).cloned();
            Some(app.unit.show(listed.or_else(|| app.offered_card(word))?.capacity().ok()?))
        }
        Target::Choice(_) | Target::Palette => None,
    }
}

fn item<'a, T: Clone>(list: &'a [Listed<T>], word: &str) -> Option<&'a T> {
    list.iter().find(|listed| listed.word == word)?.item()
}
