//! Comma-separated values: a header, then one row a line, sizes in bytes.

use super::Report;
use crate::memory::{Category, Exactness, Step};

/// One row: the verdict.
pub fn check(report: &Report) -> String {
    let mut header = [
        "model",
        "gpu",
        "verdict",
        "fits",
        "capacity",
        "total",
        "allocated",
        "headroom",
        "low",
        "high",
        "instant",
        "needs",
        "reserved",
    ]
    .to_vec();
    header.extend(Category::ALL.map(Category::id));
    let peak = report.ledger.peak();
    let number = |text: Option<String>| text.unwrap_or_default();
    let fit = report.fit.as_ref();
    let mut row = vec![
        report.model.id.clone(),
        number(fit.map(|fit| fit.gpu.clone())),
        number(fit.map(|fit| fit.verdict.id().to_owned())),
        number(fit.map(|fit| fit.fits().to_string())),
        number(fit.map(|fit| fit.capacity.get().to_string())),
        report.ledger.total().get().to_string(),
        report.ledger.allocated().get().to_string(),
        number(fit.map(|fit| fit.headroom.get().to_string())),
        number(fit.map(|fit| fit.band.0.get().to_string())),
        number(fit.map(|fit| fit.band.1.get().to_string())),
        peak.instant.id().to_owned(),
        number(fit.map(|fit| fit.needs.get().to_string())),
        number(report.ledger.reserve().map(|reserve| reserve.reserved.get().to_string())),
    ];
    row.extend(peak.by_category.iter().map(|(_, bytes)| bytes.get().to_string()));
    write(&header, [row])
}

/// A row for each instant and category.
pub fn estimate(report: &Report) -> String {
    let peak = report.ledger.peak();
    let rows = report.ledger.moments().iter().flat_map(|moment| {
        moment.by_category.iter().map(move |(category, bytes)| {
            vec![
                moment.step.id().to_owned(),
                moment.instant.id().to_owned(),
                category.id().to_owned(),
                bytes.get().to_string(),
                (moment.step == peak.step && moment.instant == peak.instant).to_string(),
            ]
        })
    });
    write(&["step", "instant", "category", "bytes", "peak"], rows)
}

/// A row for each entry of the steady step.
pub fn ledger(report: &Report) -> String {
    let header = [
        "category",
        "name",
        "where",
        "count",
        "shape",
        "bits",
        "bytes",
        "divided_by",
        "lifetime",
        "instants",
        "exact",
        "formula",
        "source",
    ];
    let alive = report.ledger.entries().iter().filter(|entry| entry.alive.in_step(Step::Steady));
    let rows = alive.map(|entry| {
        vec![
            entry.category.id().to_owned(),
            entry.name.clone().into_owned(),
            entry.place.to_string(),
            entry.count.to_string(),
            entry.shape.to_string(),
            entry.bits.to_string(),
            entry.bytes.get().to_string(),
            entry.divided.ways().to_string(),
            entry.lifetime.id().to_owned(),
            super::instants_of(&report.ledger, entry).join(" "),
            (entry.exactness == Exactness::Exact).to_string(),
            entry.formula_in_numbers(),
            entry.source.to_owned(),
        ]
    });
    write(&header, rows)
}

/// Header and rows, each field quoted where it has to be.
pub(super) fn write(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = header.join(",");
    text.push('\n');
    for row in rows {
        let fields: Vec<String> = row.iter().map(|field| quote(field)).collect();
        text.push_str(&fields.join(","));
        text.push('\n');
    }
    text
}

/// RFC 4180: fields with a comma, a quote or a line break stand in quotes, and quotes inside are doubled.
fn quote(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_have_to_be() {
        let rows = [vec![String::from("a,b"), String::from("say \"hi\""), String::from("plain")]];
        assert_eq!(write(&["x", "y", "z"], rows), "x,y,z\n\"a,b\",\"say \"\"hi\"\"\",plain\n");
    }
}
