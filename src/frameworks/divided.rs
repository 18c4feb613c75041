//! Matrices that several GPUs divide, in any framework: what one GPU has of the model, and how its entries are parts of
//! whole tensors.

use crate::layers::divided::Divided;
use crate::ledger::{Axis, Category, Entry, EstimateError, Place};
use crate::model::architecture::FeedForward;
use crate::model::{Architecture, Model};
use crate::parallel::Layout;
use crate::parallel::layout::{greatest_common_divisor, nearest_words};
use crate::scenario::Scenario;
use crate::shape::{Dim, Shape};
use crate::units::Overflow;

/// The model as one GPU of a tensor-parallel group has it, and how it is divided.
///
/// # Errors
/// Where a size is not divisible by the group's.
pub(super) fn of(model: &Model, scenario: &Scenario, layout: &Layout) -> Result<(Model, Divided), EstimateError> {
    let (ways, architecture) = (layout.tensor, &model.architecture);
    check_sizes(architecture, ways)?;
    let length = scenario.train.sequence_length;
    if layout.sequence && !length.is_multiple_of(ways) {
        let problem = format!("{ways} does not divide {length} tokens; {}", nearest_words(length, ways));
        return Err(EstimateError::Invalid { key: "parallel.tensor", problem });
    }
    let words = [architecture.vocab_size, architecture.embedded_tokens()];
    let divided = Divided { ways, sequence: layout.sequence, loss: scenario.parallel.loss_parallel, words };
    Ok((Model { architecture: architecture.local(ways), ..model.clone() }, divided))
}

/// An error where a size of the model is not divisible.
fn check_sizes(architecture: &Architecture, ways: u64) -> Result<(), EstimateError> {
    let sizes = architecture.divisible();
    let Some((what, size)) = sizes.iter().find(|(_, size)| !size.is_multiple_of(ways)) else { return Ok(()) };
    let common = sizes.iter().fold(0, |common, (_, size)| greatest_common_divisor(common, *size));
    let problem =
        format!("{ways} does not divide {size} {what}; of sizes that divide all, {}", nearest_words(common, ways));
    Err(EstimateError::Invalid { key: "parallel.tensor", problem })
}

/// Says of every entry of which whole tensor it is a part.
pub(super) fn whole(
    entries: &mut [Entry],
    architecture: &Architecture,
    divided: Divided,
    tokens: u64,
) -> Result<(), Overflow> {
    let parts = parts(architecture, divided, tokens);
    for entry in entries {
        let mut ways = 1;
        let of_whole = |dim: &Dim| {
            if !parts.contains(dim) {
                return Ok(*dim);
            }
            ways = divided.ways;
            Ok(Dim { size: dim.size.checked_mul(divided.ways).ok_or(Overflow)?, ..*dim })
        };
        let dims = entry.shape.dims().iter().map(of_whole).collect::<Result<Vec<Dim>, Overflow>>()?;
        if ways > 1 {
            entry.shape = Shape::new(&dims);
            entry.divided = entry.divided.over(Axis::Tensor, ways);
        }
    }
    Ok(())
}

/// The dimensions that a GPU has part of, by their symbols.
fn parts(local: &Architecture, divided: Divided, tokens: u64) -> Vec<Dim> {
    let dim = |symbol, size| Dim { symbol, size };
    let mut parts = vec![dim("V", local.vocab_size), dim("V", local.embedded_tokens())];
    if divided.sequence {
        parts.push(dim("s", tokens / divided.ways));
    }
    for group in &local.groups {
        if let Some(attention) = group.layer.attention() {
            parts.extend([("a", attention.heads), ("k", attention.kv_heads)].map(|(symbol, size)| dim(symbol, size)));
            let (q, kv) = (attention.query_size(), attention.kv_size());
            let widths = [("q", q), ("kv", kv), ("(q+2kv)", q + 2 * kv)];
            parts.extend(widths.map(|(symbol, size)| dim(symbol, size)));
        }
        if let FeedForward::Dense(mlp) = &group.layer.feed_forward {
            parts.push(dim("f", mlp.intermediate_size));
        }
    }
    parts
}

/// The gradient of the embedding stands for all rows of it, though a GPU has some.
pub(super) fn widen_embedding(entries: &mut [Entry], divided: Divided) -> Result<(), Overflow> {
    let of_embedding = |entry: &&mut Entry| entry.category == Category::Gradients && entry.place == Place::Embedding;
    for entry in entries.iter_mut().filter(of_embedding) {
        let mut dims = entry.shape.dims().to_vec();
        if let Some(rows) = dims.first_mut().filter(|rows| rows.size < divided.words[1]) {
            rows.size = divided.words[1];
            entry.shape = Shape::new(&dims);
            entry.bytes = entry.bits.bytes(entry.shape.elements()?)?;
        }
    }
    Ok(())
}
