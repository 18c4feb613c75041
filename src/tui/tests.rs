//! The whole explorer without a terminal: screens, storms of keys, bytes on the wire.

mod advising;
mod asked;
mod bytes;
mod cards;
mod compare;
mod entries;
mod journeys;
mod models;
mod mouse;
mod panic;
mod pictures;
mod plan;
mod played;
mod screens;
mod serving;
mod share;
mod solve;
mod storm;
mod sweep;
mod words;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::app::{App, Listed};
use super::keymap::Chord;
use super::message::{Effect, Message};
use super::spot::Sheet;
use super::theme::Theme;
use super::update::update;
use super::{message, view};
use crate::gpu::Gpu;
use crate::model::{Architecture, ArchitectureKeys, Model};
use crate::preset::Library;
use crate::preset::Listing;
use crate::scenario::Scenario;
use crate::units::{Parameters, Unit};

/// A model of the Llama family, without any preset file.
pub(super) fn llama(id: &str, hidden: u64, layers: u64, declared: u64) -> Model {
    let family = crate::families::family("llama").expect("a family of this crate");
    let keys = ArchitectureKeys {
        hidden_size: Some(hidden),
        num_hidden_layers: Some(layers),
        num_attention_heads: Some(32),
        num_key_value_heads: Some(8),
        intermediate_size: Some(hidden * 7 / 2),
        vocab_size: Some(128_256),
        max_position_embeddings: Some(131_072),
        ..ArchitectureKeys::default()
    };
    Model {
        id: id.to_owned(),
        name: id.replace('-', " "),
        family,
        card: crate::model::Card::default(),
        declared: Some(Parameters::new(declared)),
        confirmed: false,
        architecture: Architecture::resolve(family, &keys).expect("keys of a real model"),
        stored: None,
    }
}

pub(super) fn card(id: &str, name: &str, usable_mib: u64) -> Gpu {
    Gpu::bare([id, name, "nvidia"], usable_mib)
}

fn listed<T: Clone + Send + 'static>([id, name]: [&str; 2], item: T) -> Listed<T> {
    Listed { own: false, ..Listed::new(&Listing::custom(id, name, item)) }
}

/// The explorer on an 8 B model and an 80 GB card, with a few others to choose from.
pub(super) fn app() -> App {
    let models = [
        llama("llama-3.1-8b", 4096, 32, 8_030_261_248),
        llama("llama-3.2-1b", 2048, 16, 1_235_814_400),
        llama("llama-3.1-70b", 8192, 80, 70_553_706_496),
    ];
    let gpus = [
        card("rtx-4090", "GeForce RTX 4090", 24_080),
        card("l40s", "L40S 48GB", 45_468),
        card("h100-sxm-80", "H100 SXM 80GB", 81_080),
        card("h200-sxm-141", "H200 SXM 141GB", 143_156),
        card("b200-sxm", "B200 SXM (180GB usable)", 182_642),
    ];
    let scenario =
        Scenario { model: String::from("llama-3.1-8b"), gpu: Some(String::from("h100-sxm-80")), ..Scenario::default() };
    let models = models.into_iter().map(|model| listed([&model.id.clone(), &model.name.clone()], model)).collect();
    let gpus = gpus.into_iter().map(|gpu| listed([&gpu.id.clone(), &gpu.name.clone()], gpu)).collect();
    let mut app = App::new((models, gpus, Library::embedded().profiles()), scenario, Unit::Gib);
    app.settle();
    app
}

/// Presses keys by their names, waiting for the answer of each; a text in quotes is typed letter by letter.
fn press(app: &mut App, keys: &str) -> Option<Effect> {
    let mut effect = None;
    for chord in chords(keys) {
        effect = hit(app, chord);
        if app.asked.is_some() {
            app.settle();
        }
    }
    app.settle();
    effect
}

/// Presses keys faster than anything is computed.
fn hurry(app: &mut App, keys: &str) -> Option<Effect> {
    chords(keys).fold(None, |_, chord| hit(app, chord))
}

fn hit(app: &mut App, chord: Chord) -> Option<Effect> {
    let message = message(app, chord);
    update(app, message)
}

fn chords(keys: &str) -> impl Iterator<Item = Chord> {
    keys.split_whitespace().flat_map(|key| match key.strip_prefix('"') {
        Some(text) => text.trim_end_matches('"').chars().map(Chord::letter).collect(),
        None => vec![Chord::parse(key).unwrap_or_else(|| panic!("no key `{key}`"))],
    })
}

/// What the screen shows.
fn screen(app: &App, theme: Theme, (width, height): (u16, u16)) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test backend never fails");
    let draw = |frame: &mut ratatui::Frame| {
        let mut sheet = Sheet::new(frame.buffer_mut());
        view::draw(app, theme, &mut sheet);
        if let Some(cursor) = sheet.cursor() {
            frame.set_cursor_position(cursor);
        }
    };
    terminal.draw(draw).expect("a test backend never fails");
    terminal
}

fn text(app: &App) -> String {
    screen(app, COLOUR, (80, 24)).backend().to_string()
}

fn paste(app: &mut App, text: &str) {
    update(app, Message::Paste(text.to_owned()));
}

const COLOUR: Theme = Theme::new(true, true);
const MONO: Theme = Theme::new(false, true);
const ASCII: Theme = Theme::new(false, false);
