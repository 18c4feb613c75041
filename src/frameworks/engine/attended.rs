//! What a layer remembers of a sequence, whichever engine keeps it.

use crate::families::of_model;
use crate::model::Model;
use crate::model::architecture::{Attention, KeyValues, Layer};
use crate::model::recurrent::StateKind;

/// Which tokens of a sequence a layer still reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kept {
    /// All.
    Full,
    /// Those of a window that moves with the sequence.
    Window(u64),
    /// Those of a chunk that begins anew after so many.
    Chunk(u64),
}

/// Keys and values of one token in a layer, as one GPU has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Attended {
    /// Which tokens are kept.
    pub(crate) kept: Kept,
    /// Heads that are cached.
    pub(crate) heads: u64,
    /// Channels of a key; of latent attention its compressed vector with what rotates.
    pub(crate) key: u64,
    /// Channels of a value; none where keys are all there is.
    pub(crate) value: u64,
    /// Whether it is one latent vector.
    pub(crate) latent: bool,
    /// Channels of the indexer's key beside it.
    pub(crate) indexer: Option<u64>,
}

/// Elements that a recurrent layer remembers of one sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Remembered {
    /// Channels that are convolved.
    pub(crate) channels: u64,
    /// Tokens that the convolution sees.
    pub(crate) kernel: u64,
    /// Elements of the recurrent state.
    pub(crate) state: u64,
}

impl Remembered {
    /// Elements of the convolution's state: the last tokens but the one that comes.
    pub(crate) const fn convolution(&self) -> u64 {
        self.channels * self.kernel.saturating_sub(1)
    }
}

/// What a layer with attention of its own keeps, on one of so many GPUs that share its heads.
pub(crate) fn attended(model: &Model, attention: &Attention, ways: u64) -> Option<Attended> {
    let variant = &attention.variant;
    // What a tower gives is none of the sequence, and an earlier layer's keys are cached there.
    if matches!(variant.key_values, KeyValues::Earlier | KeyValues::OfTower) {
        return None;
    }
    let kept = match attention.sliding_window {
        Some(window) if of_model(model).chunked_windows => Kept::Chunk(window),
        Some(window) => Kept::Window(window),
        None => Kept::Full,
    };
    let indexer = variant.indexer.map(|indexer| indexer.head_dim);
    Some(match attention.latent {
        Some(latent) => {
            Attended { kept, heads: 1, key: latent.kv_rank + latent.rope_head_dim, value: 0, latent: true, indexer }
        }
        None => Attended {
            kept,
            heads: attention.cached_heads().div_ceil(ways),
            key: attention.head_dim,
            value: attention.value_head_dim(),
            latent: false,
            indexer,
        },
    })
}

/// What a recurrent layer remembers, on one of so many GPUs that share its heads.
pub(crate) fn remembered(layer: &Layer, hidden: u64, ways: u64) -> Option<Remembered> {
    let mut remembered = Remembered { channels: 0, kernel: 0, state: 0 };
    for state in layer.recurrent()?.states(hidden) {
        let sizes: Vec<u64> = state.dims.iter().map(|(_, size)| *size).collect();
        match (state.kind, &sizes[..]) {
            (StateKind::Convolution, [channels, kernel]) => {
                (remembered.channels, remembered.kernel) = (channels / ways, *kernel);
            }
            (_, sizes) => remembered.state = sizes.iter().product::<u64>() / ways,
        }
    }
    Some(remembered)
}
