//! What a loop feeds of images and sounds, as a processor makes it.

use crate::layers::tower::Seen;
use crate::ledger::{Alive, Entry, Place};
use crate::shape::{Dim, Shape};
use crate::states::weights;
use crate::units::Overflow;

/// Where the numbers beside pixels are read.
const PROCESSOR: &str = "the image processor of the class, Transformers 5.23";

/// Pixels or spectrograms of so many sequences of so many tokens; for a decoder that attends to its images what shapes they
/// have, which of their tiles are used, and which of those each token sees.
pub(super) fn fed(seen: &Seen, [batch, sequence]: [u64; 2], alive: Alive) -> Result<Vec<Entry>, Overflow> {
    let mut entries = vec![weights::pixels(seen.inputs(batch), seen.tower.modality(), alive)?];
    if !seen.tower.is_attended_to() {
        return Ok(entries);
    }
    let dim = |symbol, size| Dim { symbol, size };
    let (b, s) = (dim("b", batch), dim("s", sequence));
    let (images, tiles) = (dim("i", seen.images), dim("t", seen.tower.tiles()));
    for (name, dims) in [
        ("shapes of images", vec![b, images]),
        ("tiles that are used", vec![b, images, tiles]),
        ("tiles that tokens see", vec![b, s, images, tiles]),
    ] {
        entries.push(weights::plain(name, Place::Model, Shape::new(&dims), 64, alive, PROCESSOR)?);
    }
    Ok(entries)
}
