//! The stages of a pipeline as a small chart: all of them, or those that matter where there is no room for all.

use crate::memory::{Filled, Ledger};
use crate::units::Bytes;

/// A row of the chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageRow {
    /// A stage.
    One {
        /// Which, from 0.
        stage: u64,
        /// What it holds at its own peak.
        total: Bytes,
        /// Whether the ledger is of this one.
        fullest: bool,
    },
    /// All that have no row.
    Others {
        /// How many.
        count: usize,
        /// What the emptiest of them holds.
        least: Bytes,
        /// What the fullest of them holds.
        most: Bytes,
    },
}

/// The stage that a ledger is of: `stage 0 of 8`; nothing where there is one stage.
pub fn fullest_stage(ledger: &Ledger) -> Option<String> {
    let stages = ledger.stages().len();
    (stages > 0).then(|| format!("stage {} of {stages}", ledger.rank().pipeline))
}

/// The stages in so many rows: all of them, or the first, the fullest, the last and the others together.
pub fn chart(ledger: &Ledger, rows: usize) -> Vec<StageRow> {
    let (stages, fullest) = (ledger.stages(), ledger.rank());
    let one = |filled: &Filled| StageRow::One {
        stage: filled.rank.pipeline,
        total: filled.total,
        fullest: filled.rank == fullest,
    };
    if stages.len() <= rows {
        return stages.iter().map(one).collect();
    }
    let mut kept = vec![stages.first(), stages.iter().find(|filled| filled.rank == fullest), stages.last()];
    kept.dedup();
    if kept.len() >= rows {
        kept.retain(|filled| filled.is_some_and(|filled| filled.rank == fullest));
    }
    let matters = |filled: &&Filled| kept.contains(&Some(*filled));
    let others = || stages.iter().filter(|filled| !matters(filled)).map(|filled| filled.total);
    let (count, least, most) = (others().count(), others().min(), others().max());
    let (least, most) = (least.unwrap_or_default(), most.unwrap_or_default());
    let shown = stages.iter().filter(matters).map(one);
    shown.chain([StageRow::Others { count, least, most }]).take(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{EstimateError, Rank, estimate};
    use crate::preset::Library;
    use crate::scenario::Scenario;

    /// A pipeline by hand: longer sequences stand for fuller stages.
    fn ledger(lengths: &[u64]) -> Ledger {
        let library = Library::embedded();
        let model = library.model("llama-3.2-1b").unwrap();
        let on = |rank: Rank| {
            let mut scenario = Scenario::default();
            scenario.train.sequence_length = lengths[usize::try_from(rank.pipeline).unwrap()];
            Ok::<_, EstimateError>(estimate(model, &scenario, None)?.of_rank(rank))
        };
        Ledger::fullest(lengths.len() as u64, on).unwrap()
    }

    fn words(ledger: &Ledger, rows: usize) -> Vec<String> {
        let word = |row| match row {
            StageRow::One { stage, fullest, .. } => format!("{stage}{}", if fullest { "!" } else { "" }),
            StageRow::Others { count, least, most } => format!("+{count}{}", if least == most { "=" } else { "" }),
        };
        chart(ledger, rows).into_iter().map(word).collect()
    }

    #[test]
    fn what_has_no_room_is_folded_and_the_fullest_stays() {
        let stages = ledger(&[256, 128, 512, 128, 128, 256]);
        assert_eq!(fullest_stage(&stages).unwrap(), "stage 2 of 6");
        assert_eq!(words(&stages, 6), ["0", "1", "2!", "3", "4", "5"]);
        assert_eq!(words(&stages, 5), ["0", "2!", "5", "+3="]);
        assert_eq!(words(&stages, 4), ["0", "2!", "5", "+3="]);
        assert_eq!(words(&stages, 3), ["2!", "+5"]);
        assert_eq!(words(&stages, 2), ["2!", "+5"]);
        assert_eq!(words(&stages, 1), ["2!"]);
        assert_eq!(words(&ledger(&[512, 128, 128, 256]), 3), ["0!", "3", "+2="]);
        assert_eq!(words(&ledger(&[512, 128, 128]), 2), ["0!", "+2="]);
        let one = ledger(&[128]);
        assert_eq!((fullest_stage(&one), chart(&one, 5)), (None, Vec::new()));
    }
}
