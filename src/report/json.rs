//! The JSON of `check` and `estimate`: keys are only ever added.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::Report;
use super::serving::serving;
use crate::memory::{self, Categories, Entry, Exactness, Ledger, Moment, Step};
use crate::scenario::{Scenario, Value};
use crate::solve::Fix;
use crate::units::{Bytes, Parameters, Unit};

/// The version of the format.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    scenario: &'a Scenario,
    model: Model<'a>,
    memory: Memory,
    peak: Peak,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stages: Vec<Stage>,
    instants: Vec<InstantTotals>,
    fit: Option<Fit<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serving: Option<super::serving::Document>,
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<Vec<Change>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<Vec<Change>>,
    estimator: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sketch: Option<Sketch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger: Option<Vec<Line<'a>>>,
}

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    /// The family that an unknown `model_type` was taken for.
    assumed: Option<&'a str>,
    /// Parts of the published model that are not counted.
    omitted: Vec<String>,
    parameters: Parameters,
    active_parameters: Parameters,
    trainable_parameters: Option<Parameters>,
}

#[derive(Serialize)]
struct Memory {
    #[serde(flatten)]
    by_category: ByCategory,
    total: Bytes,
    allocated: Bytes,
    /// Nothing where the allocator is not played out.
    reserved: Option<Bytes>,
}

/// Bytes under the stable id of each category, zeros too.
struct ByCategory(Categories);

impl Serialize for ByCategory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (category, bytes) in self.0.iter() {
            map.serialize_entry(category.id(), &bytes)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Peak {
    instant: &'static str,
    rank: Rank,
}

#[derive(Serialize)]
struct Rank {
    pipeline: u64,
}

#[derive(Serialize)]
struct InstantTotals {
    id: &'static str,
    step: &'static str,
    total: Bytes,
    by_category: ByCategory,
}

/// What one stage of a pipeline holds at its own peak.
#[derive(Serialize)]
struct Stage {
    pipeline: u64,
    total: Bytes,
    instant: &'static str,
}

#[derive(Serialize)]
struct Fit<'a> {
    gpu: &'a str,
    capacity: Bytes,
    needs: Bytes,
    headroom: i64,
    fits: bool,
    verdict: &'static str,
    band: [Bytes; 2],
}

/// Changes of the scenario, and what it needs with them.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the keys of the format")]
struct Change {
    changes: BTreeMap<&'static str, serde_json::Value>,
    needs: Bytes,
    headroom: i64,
    fits: bool,
    verdict: &'static str,
    slower: bool,
    same_result: bool,
    same_card: bool,
}

#[derive(Serialize)]
struct Sketch {
    ratio: f64,
    long_sequence_ratio: f64,
}

#[derive(Serialize)]
struct Line<'a> {
    category: &'static str,
    name: &'a str,
    r#where: String,
    count: u64,
    shape: String,
    bits: serde_json::Value,
    bytes: Bytes,
    divided_by: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    divided_over: BTreeMap<&'static str, u64>,
    lifetime: &'static str,
    instants: Vec<&'static str>,
    exact: bool,
    formula: String,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
}

/// The report as one JSON document; `with_ledger` lists the entries of the steady step.
pub fn report(report: &Report, with_ledger: bool) -> Result<String, serde_json::Error> {
    let document = Document {
        schema: SCHEMA,
        scenario: report.scenario,
        model: Model {
            id: &report.model.id,
            assumed: report.model.card.assumed.as_ref().map(|_| report.model.family.id),
            omitted: memory::omitted(report.model, report.scenario),
            parameters: report.counts.total,
            active_parameters: report.counts.active,
            trainable_parameters: report.counts.trainable,
        },
        memory: Memory {
            by_category: ByCategory(report.ledger.peak().by_category),
            total: report.ledger.total(),
            allocated: report.ledger.allocated(),
            reserved: reserved(&report.ledger),
        },
        peak: Peak {
            instant: report.ledger.peak().instant.id(),
            rank: Rank { pipeline: report.ledger.rank().pipeline },
        },
        stages: report.ledger.stages().iter().map(stage).collect(),
        instants: report.ledger.moments().iter().map(instant_totals).collect(),
        fit: report.fit.as_ref().map(fit),
        serving: serving(report.model, report.scenario, report.gpu, &report.ledger).map(|it| it.document()),
        warnings: report.warnings,
        advice: report.advice.as_ref().map(|advice| advice.fixes.iter().chain(&advice.nearest).map(change).collect()),
        room: report.advice.as_ref().map(|advice| advice.room.iter().map(change).collect()),
        estimator: report.scenario.estimator.word(),
        sketch: report
            .sketch
            .map(|sketch| Sketch { ratio: sketch.ratio, long_sequence_ratio: sketch.long_sequence_ratio }),
        ledger: with_ledger.then(|| lines(&report.ledger)),
    };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}

/// What the allocator holds; of an engine that takes a share of the card all of it, its pool included.
fn reserved(ledger: &Ledger) -> Option<Bytes> {
    let of_pool = || {
        let pool = ledger.pool()?;
        let (caches, _) = ledger.largest(memory::Category::KvCache);
        ledger.total().saturating_sub(caches).checked_add(pool.bytes).ok()
    };
    ledger.reserve().map(|reserve| reserve.reserved).or_else(of_pool)
}

fn instant_totals(moment: &Moment) -> InstantTotals {
    InstantTotals {
        id: moment.instant.id(),
        step: moment.step.id(),
        total: moment.total,
        by_category: ByCategory(moment.by_category),
    }
}

fn fit(fit: &crate::memory::Fit) -> Fit<'_> {
    Fit {
        gpu: &fit.gpu,
        capacity: fit.capacity,
        needs: fit.needs,
        headroom: fit.headroom.get(),
        fits: fit.fits(),
        verdict: fit.verdict.id(),
        band: [fit.band.0, fit.band.1],
    }
}

fn change(fix: &Fix) -> Change {
    Change {
        changes: fix.changes.iter().map(|(key, value)| (*key, as_json(value))).collect(),
        needs: fix.needs,
        headroom: fix.headroom.get(),
        fits: fix.fits(),
        verdict: fix.verdict.id(),
        slower: fix.cost.slower,
        same_result: !fix.cost.other_result,
        same_card: !fix.cost.other_card,
    }
}

/// A value as a scenario in JSON has it.
fn as_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Unset => serde_json::Value::Null,
        Value::Count(count) => (*count).into(),
        Value::Fraction(fraction) => (*fraction).into(),
        Value::Flag(on) => (*on).into(),
        Value::Word(word) => word.as_str().into(),
        Value::Words(words) => words.as_slice().into(),
    }
}

fn lines(ledger: &Ledger) -> Vec<Line<'_>> {
    let alive = ledger.entries().iter().filter(|entry| entry.alive.in_step(Step::Steady));
    alive.map(|entry| line(ledger, entry)).collect()
}

fn stage(filled: &memory::Filled) -> Stage {
    Stage { pipeline: filled.rank.pipeline, total: filled.total, instant: filled.instant.id() }
}

fn line<'a>(ledger: &Ledger, entry: &'a Entry) -> Line<'a> {
    Line {
        category: entry.category.id(),
        name: &entry.name,
        r#where: entry.place.to_string(),
        count: entry.count,
        shape: entry.shape.to_string(),
        // `16`, and `4.5` for a block format: the shortest digits that say it.
        bits: serde_json::from_str(&entry.bits.to_string()).unwrap_or_default(),
        bytes: entry.bytes,
        divided_by: entry.divided.ways(),
        divided_over: entry.divided.axes().map(|(axis, ways)| (axis.word(), ways)).collect(),
        lifetime: entry.lifetime.id(),
        instants: super::instants_of(ledger, entry),
        exact: entry.exactness == Exactness::Exact,
        formula: entry.formula_in_numbers(),
        source: entry.source,
        because: ledger.because(entry, Unit::Gib),
    }
}
