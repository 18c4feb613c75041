//! Every ledger as it was: names, formulas, bytes, instants and sources of each measured case and of each preset, folded
//! into a line, so that a change of code that is to change no number can be seen to change none.
//!
//! `BRIMFUL_UPDATE=1 cargo test --test ledgers` writes the lines anew; what differs is then a diff.

#![expect(clippy::unwrap_used, reason = "a test fails where a case cannot be read")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use brimful::gpu::Gpu;
use brimful::memory::{self, Entry, EstimateError, Exactness, Instant, Ledger, Step};
use brimful::model::Model;
use brimful::open::case;
use brimful::preset::Library;
use brimful::scenario::Scenario;
use brimful::scenario::parameter::Parameter;
use brimful::units::Bytes;

const LINES: &str = "tests/reference/ledgers.txt";

/// How each preset is looked at: parameters and what they are set to.
const SETTINGS: &[(&str, &[(&str, &str)])] = &[
    ("full", &[]),
    ("lora", &[("train.method", "lora"), ("train.precision", "bf16-autocast"), ("train.sequence_length", "512")]),
    ("qlora", &[("train.method", "qlora"), ("train.recompute", "full"), ("train.optimizer", "adamw-8bit")]),
    ("mixed", &[("train.precision", "bf16-mixed"), ("train.attention", "eager"), ("train.sequence_length", "256")]),
    ("infer", &[("task", "infer")]),
    ("litgpt", &[("framework", "litgpt"), ("train.sequence_length", "512")]),
    ("torchtune", &[("framework", "torchtune"), ("train.sequence_length", "512")]),
    (
        "megatron",
        &[
            ("framework", "megatron"),
            ("train.precision", "bf16-master"),
            ("gpus", "16"),
            ("parallel.zero", "1"),
            ("parallel.tensor", "2"),
            ("parallel.sequence", "true"),
            ("parallel.pipeline", "2"),
        ],
    ),
];

#[test]
fn no_ledger_changes_unseen() {
    let library = Library::embedded();
    let mut lines = BTreeMap::new();
    for case in case::embedded(&library).unwrap() {
        let id = case.id.rsplit_once('/').map_or(case.id.as_str(), |(id, _)| id);
        lines.entry(format!("case {id}")).or_insert_with(|| match &case.subject {
            Ok(subject) => line(memory::played(&subject.model, &subject.scenario, subject.gpu.as_ref())),
            Err(reason) => reason.replace('\n', " "),
        });
    }
    let gpu = library.gpu("h100-sxm-80").unwrap();
    for model in library.models() {
        for (name, settings) in SETTINGS {
            let scenario = Scenario::default();
            let line = preset(&library, model, scenario, settings, gpu);
            lines.insert(format!("preset {} {name}", model.id), line);
        }
    }
    let mut text = String::new();
    for (id, line) in &lines {
        writeln!(text, "{id}\t{line}").unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(LINES);
    if std::env::var_os("BRIMFUL_UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let (known, now): (Vec<&str>, Vec<&str>) = (known.lines().collect(), text.lines().collect());
    let changed: Vec<&&str> = now.iter().filter(|line| !known.contains(line)).collect();
    let shown = &changed[..changed.len().min(20)];
    assert!(changed.is_empty() && known.len() == now.len(), "{} ledgers changed: {shown:#?}", changed.len());
}

fn preset(library: &Library, model: &Model, mut scenario: Scenario, settings: &[(&str, &str)], gpu: &Gpu) -> String {
    for (key, value) in settings {
        let parameter = Parameter::by_key(key).unwrap();
        let value = parameter.parse(value).unwrap();
        parameter.set(&mut scenario, value).unwrap();
    }
    library.profiles().settle(&mut scenario).unwrap();
    memory::suit(model, &mut scenario, |key| key != "infer.attention");
    line(memory::estimate(model, &scenario, Some(gpu)))
}

/// Entries, what they come to, and a digest of all that is said of them; or the refusal.
fn line(ledger: Result<Ledger, EstimateError>) -> String {
    let ledger = match ledger {
        Ok(ledger) => ledger,
        Err(error) => return format!("{error}").replace('\n', " "),
    };
    let mut digest = Digest::new();
    for entry in ledger.entries() {
        digest.take(&said(entry));
    }
    let played = ledger.reserve().map_or([0; 4], |reserve| {
        digest.take(reserve.taken.name);
        [reserve.requested, reserve.allocated, reserve.reserved, reserve.least].map(Bytes::get)
    });
    digest.take(&format!("{played:?}"));
    let reserved = played[2];
    format!("{:016x} {} {} {reserved}", digest.0, ledger.entries().len(), ledger.total().get())
}

/// Everything that is said of an entry.
fn said(entry: &Entry) -> String {
    let instants = [Step::First, Step::Steady].map(|step| {
        let instants = Instant::TRAINING.into_iter().chain(Instant::SERVING);
        instants.filter(|instant| entry.alive.contains(step, *instant)).map(Instant::id).collect::<Vec<_>>()
    });
    let range = match entry.exactness {
        Exactness::Exact => String::from("exact"),
        Exactness::Estimated { low, high } => format!("{} to {}", low.get(), high.get()),
    };
    format!(
        "{} {} {} {} {} {} {} {} {range} {instants:?} {}",
        entry.category.id(),
        entry.name,
        entry.place,
        entry.formula(),
        entry.formula_in_numbers(),
        entry.bits,
        entry.divided,
        entry.lifetime.id(),
        entry.source,
    )
}

/// FNV-1a in 64 bits: stable over versions of Rust.
struct Digest(u64);

impl Digest {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn take(&mut self, text: &str) {
        for byte in text.bytes().chain([b'\n']) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
