//! What recurrent mixers hold from step to step: states of each sequence in serving, and constants of the model.

use std::borrow::Cow;

use crate::families::Implementation;
use crate::ledger::{Alive, Category, Division, Entry, Exactness, Lifetime, Origin, Place};
use crate::model::architecture::Architecture;
use crate::model::recurrent::{Recurrent, StateNorms};
use crate::shape::{Dim, Shape};
use crate::states::weights::places;
use crate::units::{Bits, Overflow};

const STATES: &str = "LinearAttentionLayer of Transformers 5.23's DynamicCache, measured";
const CONSTANTS: &str = "buffers of the Hugging Face classes, Transformers 5.23, measured";

/// The states of so many sequences, layer by layer: their size does not depend on the sequence.
pub(crate) fn states(
    architecture: &Architecture,
    sequences: u64,
    weights: Bits,
    alive: Alive,
) -> Result<Vec<Entry>, Overflow> {
    let mut entries = Vec::new();
    for (group, place) in places(architecture) {
        let Some(recurrent) = group.layer.recurrent() else { continue };
        for state in recurrent.states(architecture.hidden_size) {
            let mut dims = vec![Dim { symbol: "b", size: sequences }];
            dims.extend(state.dims.iter().map(|(symbol, size)| Dim { symbol, size: *size }));
            let bits = if state.wide { Bits::whole(32) } else { weights };
            let entry = Entry { category: Category::KvCache, source: STATES, alive, ..plain(state.name, place, bits) };
            entries.push(sized(entry, &dims, group.layers)?);
        }
    }
    Ok(entries)
}

/// Constants that each layer holds: decays of lightning attention's blocks, Falcon-H1's multipliers.
pub(crate) fn constants(
    architecture: &Architecture,
    code: &Implementation,
    weights: Bits,
    alive: Alive,
) -> Result<Vec<Entry>, Overflow> {
    let mut entries = Vec::new();
    for (group, place) in places(architecture) {
        let dim = |size| Dim { symbol: "", size };
        let constants = match group.layer.recurrent() {
            Some(Recurrent::Lightning(lightning)) => {
                let (heads, block) = (dim(lightning.heads), dim(lightning.block));
                vec![
                    ("mixer.slopes", vec![heads]),
                    ("mixer.decay of queries", vec![heads, block]),
                    ("mixer.decay of keys", vec![heads, block]),
                    ("mixer.decay within a block", vec![heads, block, block]),
                ]
            }
            Some(Recurrent::Mamba(mamba)) if mamba.norms == StateNorms::Weightless => {
                let state = vec![dim(2 * mamba.state)];
                vec![("mixer.ones of time steps", vec![dim(mamba.width)]), ("mixer.ones of states", state)]
            }
            Some(Recurrent::Mamba2(mamba)) if code.scaled_mixer => {
                vec![("mixer.multipliers", vec![dim(mamba.projected())])]
            }
            _ => continue,
        };
        for (name, dims) in constants {
            let entry = Entry { source: CONSTANTS, alive, ..plain(name, place, weights) };
            entries.push(sized(entry, &dims, group.layers)?);
        }
    }
    Ok(entries)
}

fn plain(name: &'static str, place: Place, bits: Bits) -> Entry {
    Entry {
        category: Category::Workspace,
        name: Cow::Borrowed(name),
        place,
        shape: Shape::new(&[]),
        bits,
        count: 1,
        divided: Division::NONE,
        bytes: crate::units::Bytes::ZERO,
        lifetime: Lifetime::Persistent,
        alive: Alive::NEVER,
        exactness: Exactness::Exact,
        source: STATES,
        origin: Origin::Shapes,
    }
}

fn sized(entry: Entry, dims: &[Dim], layers: u64) -> Result<Entry, Overflow> {
    let shape = Shape::new(dims);
    let bytes = entry.bits.bytes(shape.elements()?)?.checked_mul(layers)?;
    Ok(Entry { shape, count: layers, bytes, ..entry })
}
