//! Entries that stand from step to step: weights, buffers, inputs, optimizer states, and the optimizer's temporaries.

use std::borrow::Cow;

use super::category::Category;
use super::entry::{Alive, Dim, Entry, Exactness, Lifetime, Place, Shape};
use crate::model::architecture::Architecture;
use crate::model::family::PositionKind;
use crate::model::parameters::{Block, BlockParameters, Tensor, blocks};
use crate::scenario::{Optimizer, OptimizerImplementation};
use crate::units::{Bits, Overflow};

const PARAMETERS: &str = "shapes of the Hugging Face classes, Transformers 5.23";
const INPUTS: &str = "tensors that the training loop feeds, PyTorch 2.15";
const OPTIMIZER: &str = "torch.optim of PyTorch 2.15, states by shape";

/// The place of a block of parameters.
pub(super) fn place(architecture: &Architecture, block: Block) -> Place {
    match block {
        Block::Embedding => Place::Embedding,
        Block::FinalNorm => Place::FinalNorm,
        Block::Head => Place::Head,
        Block::Group(index) => {
            let first: u64 = architecture.groups[..index].iter().map(|group| group.layers).sum();
            Place::Layers(first, first + architecture.groups[index].layers - 1)
        }
    }
}

fn shape(tensor: &Tensor) -> Shape {
    let dim = |size| Dim { symbol: "", size };
    if tensor.columns == 1 {
        Shape::new(&[dim(tensor.rows)])
    } else {
        Shape::new(&[dim(tensor.rows), dim(tensor.columns)])
    }
}

/// One entry for each parameter tensor of the model.
pub(super) fn parameters(architecture: &Architecture, bits: Bits, alive: Alive) -> Result<Vec<Entry>, Overflow> {
    each_tensor(architecture, |block, tensor, place| {
        Ok(Entry {
            category: Category::Parameters,
            name: Cow::Borrowed(tensor.name),
            place,
            shape: shape(tensor),
            bits,
            count: block.copies,
            divided_by: 1,
            bytes: bits.bytes(tensor.parameters()?.get())?.checked_mul(block.copies)?,
            lifetime: Lifetime::Persistent,
            alive,
            exactness: Exactness::Exact,
            source: PARAMETERS,
        })
    })
}

fn each_tensor(
    architecture: &Architecture,
    mut entry: impl FnMut(&BlockParameters, &Tensor, Place) -> Result<Entry, Overflow>,
) -> Result<Vec<Entry>, Overflow> {
    let mut entries = Vec::with_capacity(32);
    for block in blocks(architecture) {
        let place = place(architecture, block.block);
        for tensor in &block.tensors {
            entries.push(entry(&block, tensor, place)?);
        }
    }
    Ok(entries)
}

/// Gradients that stand from an earlier micro batch or step.
pub(super) fn standing_gradients(
    architecture: &Architecture,
    bits: Bits,
    alive: Alive,
) -> Result<Vec<Entry>, Overflow> {
    let mut entries = parameters(architecture, bits, alive)?;
    for entry in &mut entries {
        entry.category = Category::Gradients;
        entry.name = Cow::Owned(format!("gradient of {}", entry.name));
        entry.source = "gradients accumulate in place, PyTorch 2.15";
    }
    Ok(entries)
}

/// Input ids and labels, and the mask where there is one, as the training loop made them.
pub(super) fn batch([batch, sequence]: [u64; 2], padding: bool, alive: Alive) -> Result<Vec<Entry>, Overflow> {
    let shape = Shape::new(&[Dim { symbol: "b", size: batch }, Dim { symbol: "s", size: sequence }]);
    let names = ["input ids", "labels", "padding mask"];
    let names = if padding { &names[..] } else { &names[..2] };
    names.iter().map(|name| plain(name, Place::Model, shape, 64, alive, INPUTS)).collect()
}

/// Buffers of the model: rotary frequencies, twice for each table, and the embedding's scale where that is one.
pub(super) fn buffers(
    architecture: &Architecture,
    tables: u64,
    embedding_scale: Option<Bits>,
    alive: Alive,
) -> Result<Vec<Entry>, Overflow> {
    let mut entries = Vec::with_capacity(3);
    if architecture.positions == PositionKind::Rotary {
        for name in ["rotary frequencies", "rotary frequencies as made"] {
            let shape = Shape::new(&[Dim { symbol: "d/2", size: architecture.rotary_dim().div_ceil(2) }]);
            let mut frequencies = plain(name, Place::Embedding, shape, 32, alive, PARAMETERS)?;
            frequencies.count = tables;
            frequencies.bytes = frequencies.bytes.checked_mul(tables)?;
            entries.push(frequencies);
        }
    }
    if let Some(bits) = embedding_scale {
        let mut scale = plain("embedding scale", Place::Embedding, Shape::new(&[]), 8, alive, PARAMETERS)?;
        (scale.bits, scale.bytes) = (bits, bits.bytes(1)?);
        entries.push(scale);
    }
    Ok(entries)
}

fn plain(
    name: &'static str,
    place: Place,
    shape: Shape,
    bits: u32,
    alive: Alive,
    source: &'static str,
) -> Result<Entry, Overflow> {
    let bits = Bits::whole(bits);
    Ok(Entry {
        category: Category::Workspace,
        name: Cow::Borrowed(name),
        place,
        shape,
        bits,
        count: 1,
        divided_by: 1,
        bytes: bits.bytes(shape.elements()?)?,
        lifetime: Lifetime::Persistent,
        alive,
        exactness: Exactness::Exact,
        source,
    })
}

/// The states of an optimizer whose states have the shapes of parameters.
pub(super) fn optimizer_states(
    architecture: &Architecture,
    optimizer: Optimizer,
    implementation: OptimizerImplementation,
    bits: Bits,
    alive: Alive,
) -> Result<Vec<Entry>, Overflow> {
    let states: &[&str] = match optimizer {
        Optimizer::Adamw => &["first moment", "second moment"],
        Optimizer::SgdMomentum => &["momentum"],
        _ => &[],
    };
    let mut entries = Vec::with_capacity(64);
    for state in states {
        let mut of_state = parameters(architecture, bits, alive)?;
        for entry in &mut of_state {
            entry.category = Category::Optimizer;
            entry.name = Cow::Owned(format!("{state} of {}", entry.name));
            entry.source = OPTIMIZER;
        }
        entries.append(&mut of_state);
    }
    if optimizer == Optimizer::Adamw && implementation != OptimizerImplementation::Loop {
        let pieces = |block: &BlockParameters| block.tensors.iter().map(|tensor| tensor.pieces).sum::<u64>();
        let tensors: u64 = blocks(architecture).iter().map(|block| block.copies * pieces(block)).sum();
        let shape = Shape::new(&[Dim { symbol: "tensors", size: tensors }]);
        let mut steps = plain("step counter of each tensor", Place::Optimizer, shape, 32, alive, OPTIMIZER)?;
        steps.category = Category::Optimizer;
        entries.push(steps);
    }
    Ok(entries)
}

/// What the optimizer's kernel needs beside its states while it steps.
pub(super) fn optimizer_temporaries(
    architecture: &Architecture,
    optimizer: Optimizer,
    implementation: OptimizerImplementation,
    bits: Bits,
    alive: Alive,
) -> Result<Vec<Entry>, Overflow> {
    if optimizer != Optimizer::Adamw {
        return Ok(Vec::new());
    }
    match implementation {
        OptimizerImplementation::Fused => Ok(Vec::new()),
        OptimizerImplementation::Foreach => {
            let mut entries = parameters(architecture, bits, alive)?;
            for entry in &mut entries {
                entry.category = Category::Workspace;
                entry.lifetime = Lifetime::Transient;
                entry.name = Cow::Owned(format!("square root for {}", entry.name));
                entry.source = OPTIMIZER;
            }
            Ok(entries)
        }
        OptimizerImplementation::Loop => {
            let blocks = blocks(architecture);
            let sizes = blocks
                .iter()
                .flat_map(|block| &block.tensors)
                .map(|tensor| (tensor.rows.saturating_mul(tensor.columns), tensor));
            let Some((_, largest)) = sizes.max_by_key(|(size, _)| *size) else { return Ok(Vec::new()) };
            let mut entry = plain(
                "square root and quotient for the largest tensor",
                Place::Optimizer,
                shape(largest),
                8,
                alive,
                OPTIMIZER,
            )?;
            entry.bits = bits;
            entry.count = 2;
            entry.bytes = bits.bytes(largest.parameters()?.get())?.checked_mul(2)?;
            entry.lifetime = Lifetime::Transient;
            Ok(vec![entry])
        }
    }
}
