//! What stands beside parameters and states: rotary tables, the batch, the mask of packed documents.

use crate::frameworks::step::always;
use crate::layers::Run;
use crate::ledger::{Entry, Place};
use crate::shape::{Dim, Shape};
use crate::states::weights::{self, plain};
use crate::units::Overflow;

const READ: &str = "torchtitan 0.3: its decoders' buffers, its loader's batches, PyTorch's BlockMask";

/// Tokens in a block of the mask.
const BLOCK: u64 = 128;

/// Every layer has a table of its own for the run's length.
pub(super) fn entries(run: &Run<'_>) -> Result<Vec<Entry>, Overflow> {
    let dim = |symbol, size| Dim { symbol, size };
    let (batch, tokens) = (run.b(), run.s());
    let mut entries = weights::batch([batch.size, tokens.size], &["input ids", "labels", "positions"], always())?;
    for (index, group) in run.architecture.groups.iter().enumerate() {
        let Some(attention) = group.layer.attention() else { continue };
        let table = Shape::new(&[tokens, dim("d/2", attention.head_dim / 2)]);
        let place = weights::place(run.architecture, index);
        let mut entry = plain("rotary table of complex numbers", place, table, 64, always(), READ)?;
        (entry.count, entry.bytes) = (group.layers, entry.bytes.checked_mul(group.layers)?);
        entries.push(entry);
    }
    let blocks = dim("s/128", tokens.size.div_ceil(BLOCK));
    let four = dim("", 4);
    for (name, dims) in [
        ("ends of documents", &[batch, tokens][..]),
        ("blocks of the mask, counted", &[four, batch, blocks]),
        ("blocks of the mask", &[four, batch, blocks, blocks]),
    ] {
        entries.push(plain(name, Place::Model, Shape::new(dims), 32, always(), READ)?);
    }
    Ok(entries)
}
