//! What an optimizer keeps for each tensor it steps, and what its step needs beside that.

mod stepped;

use std::borrow::Cow;

use super::weights::Set;
use crate::ledger::{Alive, Category, Entry, Exactness, Lifetime, Origin, Place};
use crate::model::parameters::{Block, BlockParameters, Role, Tensor};
use crate::scenario::{Optimizer, OptimizerImplementation};
use crate::shape::{Dim, Shape};
use crate::units::{Bits, Bytes, Overflow};

pub(crate) use stepped::{Stepped, stepped};

const TORCH: &str = "torch.optim of PyTorch 2.15, states by shape";
const BITSANDBYTES: &str = "bitsandbytes 0.50, states by shape";
const ADAFACTOR: &str = "Adafactor of Transformers 5.23, states by shape";
const LION: &str = "lion_pytorch, states by shape";

/// Below so many elements bitsandbytes keeps 32-bit states.
const QUANTIZED_FROM: u64 = 4096;
/// Elements that share a scale.
const BLOCK: u64 = 256;
/// From so many elements on paged states live in memory that moves to the host.
pub(crate) const PAGED_FROM: u64 = 100_000;

/// One state of one tensor.
struct State {
    name: &'static str,
    rows: u64,
    columns: u64,
    bits: u32,
    /// Whether it is in memory that PyTorch's allocator does not hand out.
    paged: bool,
}

impl State {
    fn like(tensor: &Tensor, name: &'static str, bits: u32) -> Self {
        Self { name, rows: tensor.rows, columns: tensor.columns, bits, paged: false }
    }
}

/// The states of everything that is trained, and what they share.
pub(crate) fn states(
    trained: &Set<'_>,
    optimizer: Optimizer,
    implementation: OptimizerImplementation,
    alive: Alive,
) -> Result<Vec<Entry>, Overflow> {
    let of_block = |block| move |tensor| of_tensor(optimizer, block, tensor, trained.bits);
    let states = trained.blocks.iter().flat_map(|block| block.tensors.iter().map(of_block(block)));
    let states: Vec<Vec<State>> = states.collect();
    let most = states.iter().map(Vec::len).max().unwrap_or(0);
    let mut entries = Vec::with_capacity(states.len() * most + 2);
    for which in 0..most {
        let mut states = states.iter();
        entries.append(&mut trained.entries(|_, tensor| {
            let state = states.next()?.get(which).filter(|state| !state.paged)?;
            Some(entry(state, tensor, optimizer, alive))
        })?);
    }
    let pieces = |block: &BlockParameters| block.tensors.iter().map(|tensor| tensor.pieces).sum::<u64>();
    let tensors: u64 = trained.blocks.iter().map(|block| block.copies * pieces(block)).sum();
    if optimizer == Optimizer::Adamw && implementation != OptimizerImplementation::Loop {
        entries.push(shared("step counter of each tensor", &[("tensors", tensors)], optimizer, alive)?);
    }
    if is_8bit(optimizer) && states.iter().flatten().any(|state| state.bits == 8) {
        let maps = moments(optimizer);
        entries.push(shared("quantization maps", &[("", maps), ("", 256)], optimizer, alive)?);
    }
    Ok(entries)
}

const fn is_8bit(optimizer: Optimizer) -> bool {
    matches!(optimizer, Optimizer::Adamw8bit | Optimizer::PagedAdamw8bit | Optimizer::Lion8bit)
}

const fn moments(optimizer: Optimizer) -> u64 {
    match optimizer {
        Optimizer::Sgd => 0,
        Optimizer::SgdMomentum | Optimizer::Lion | Optimizer::Lion8bit => 1,
        _ => 2,
    }
}

const fn source(optimizer: Optimizer) -> &'static str {
    match optimizer {
        Optimizer::Adamw32bit | Optimizer::Adamw8bit | Optimizer::PagedAdamw8bit | Optimizer::Lion8bit => BITSANDBYTES,
        Optimizer::Adafactor => ADAFACTOR,
        Optimizer::Lion => LION,
        Optimizer::Adamw | Optimizer::Muon | Optimizer::Sgd | Optimizer::SgdMomentum => TORCH,
    }
}

fn of_tensor(optimizer: Optimizer, block: &BlockParameters, tensor: &Tensor, weights: Bits) -> Vec<State> {
    let own = if weights == Bits::whole(16) { 16 } else { 32 };
    let two = |bits| vec![State::like(tensor, "first moment", bits), State::like(tensor, "second moment", bits)];
    let one = |bits| vec![State::like(tensor, "momentum", bits)];
    match optimizer {
        Optimizer::Sgd => Vec::new(),
        Optimizer::SgdMomentum | Optimizer::Lion => one(own),
        Optimizer::Adamw32bit => two(32),
        Optimizer::Adamw8bit => quantized(tensor, two(32), false),
        Optimizer::PagedAdamw8bit => quantized(tensor, two(32), true),
        Optimizer::Lion8bit => quantized(tensor, one(32), false),
        Optimizer::Adafactor if tensor.columns > 1 => vec![
            State { name: "second moment by row", rows: tensor.rows, columns: 1, bits: 32, paged: false },
            State {
                name: "second moment by column",
                rows: matrices(tensor) * tensor.columns,
                columns: 1,
                bits: 32,
                paged: false,
            },
        ],
        Optimizer::Adafactor => vec![State::like(tensor, "second moment", 32)],
        Optimizer::Muon if by_muon(block, tensor) => one(own),
        Optimizer::Adamw | Optimizer::Muon => two(own),
    }
}

/// Matrices that a tensor holds: one for each expert, or for each channel of a convolution.
const fn matrices(tensor: &Tensor) -> u64 {
    match tensor.role {
        Role::Experts { count, .. } => count,
        Role::Convolution => tensor.rows,
        Role::Linear | Role::Bias | Role::Norm | Role::Table | Role::ExpertBiases { .. } => 1,
    }
}

/// Muon steps the matrices inside layers; embedding, head, norms and biases go to AdamW.
fn by_muon(block: &BlockParameters, tensor: &Tensor) -> bool {
    matches!(block.block, Block::Group(_)) && tensor.role == Role::Linear
}

/// 8-bit states with a scale for each block; small tensors stay in 32 bits, and the Trainer keeps embeddings so too.
fn quantized(tensor: &Tensor, states: Vec<State>, paged: bool) -> Vec<State> {
    let elements = tensor.rows.saturating_mul(tensor.columns);
    let moves = paged && elements >= PAGED_FROM;
    let small = elements < QUANTIZED_FROM || tensor.role == Role::Table;
    let scales = ["scales of the first moment", "scales of the second moment"];
    let scales: Vec<State> = states
        .iter()
        .zip(scales)
        .filter(|_| !small)
        .map(|(_, name)| State { name, rows: elements.div_ceil(BLOCK), columns: 1, bits: 32, paged: false })
        .collect();
    let bits = if small { 32 } else { 8 };
    states.into_iter().map(|state| State { bits, paged: moves, ..state }).chain(scales).collect()
}

fn entry(state: &State, tensor: &Tensor, optimizer: Optimizer, alive: Alive) -> Entry {
    named(Cow::Owned([state.name, " of ", tensor.name()].concat()), state, optimizer, alive)
}

fn named(name: Cow<'static, str>, state: &State, optimizer: Optimizer, alive: Alive) -> Entry {
    let dims = [state.rows, state.columns].map(|size| Dim { symbol: "", size });
    Entry {
        category: Category::Optimizer,
        name,
        place: Place::Optimizer,
        shape: Shape::new(if state.columns == 1 { &dims[..1] } else { &dims }),
        bits: Bits::whole(state.bits),
        count: 1,
        divided_by: 1,
        bytes: Bytes::ZERO,
        lifetime: Lifetime::Persistent,
        alive,
        exactness: Exactness::Exact,
        source: source(optimizer),
        origin: Origin::Shapes,
    }
}

fn shared(
    name: &'static str,
    dims: &[(&'static str, u64)],
    optimizer: Optimizer,
    alive: Alive,
) -> Result<Entry, Overflow> {
    let dims: Vec<Dim> = dims.iter().map(|(symbol, size)| Dim { symbol, size: *size }).collect();
    let (shape, bits) = (Shape::new(&dims), Bits::whole(32));
    let state = State { name, rows: 1, columns: 1, bits: 32, paged: false };
    let entry = named(Cow::Borrowed(name), &state, optimizer, alive);
    Ok(Entry { shape, bytes: bits.bytes(shape.elements()?)?, ..entry })
}

/// What a step makes for each tensor beside its states: bits for each element, and how often. Of `AdamW` square root and
/// quotient, of Lion the update and its sign, of Adafactor the gradient and the weights in fp32 where they are not, the squared
/// gradient and the update, of Muon a matrix in bf16 twice and in the weights' type, in two equal parts.
fn made_in_a_step(optimizer: Optimizer, implementation: OptimizerImplementation, weights: Bits) -> (u32, u64) {
    let narrow = weights == Bits::whole(16);
    let own = if narrow { 16 } else { 32 };
    match (optimizer, implementation) {
        (Optimizer::Adamw, OptimizerImplementation::Foreach) => (own, 1),
        (Optimizer::Adamw, OptimizerImplementation::Loop) | (Optimizer::Lion, _) => (own, 2),
        (Optimizer::Adafactor, _) => (32, if narrow { 4 } else { 2 }),
        (Optimizer::Muon, _) => (if narrow { 24 } else { 32 }, 2),
        _ => (0, 0),
    }
}

/// What the optimizer's step needs beside its states.
pub(crate) fn temporaries(
    trained: &Set<'_>,
    optimizer: Optimizer,
    implementation: OptimizerImplementation,
    alive: Alive,
) -> Result<Vec<Entry>, Overflow> {
    let (bits, count) = made_in_a_step(optimizer, implementation, trained.bits);
    let of_largest = |name, exact| largest(trained, |_, _| true, (name, bits, count, exact), optimizer, alive);
    match (optimizer, implementation) {
        (Optimizer::Adamw, OptimizerImplementation::Foreach) => trained.entries(|_, tensor| {
            let state = State::like(tensor, "square root", bits);
            let entry = entry(&state, tensor, optimizer, alive);
            let name = Cow::Owned(["square root for ", tensor.name()].concat());
            Some(Entry { category: Category::Workspace, lifetime: Lifetime::Transient, name, ..entry })
        }),
        (Optimizer::Adamw, OptimizerImplementation::Loop) => {
            of_largest("square root and quotient for the largest tensor", true)
        }
        (Optimizer::Lion, _) => of_largest("update and its sign for the largest tensor", false),
        (Optimizer::Adafactor, _) => of_largest("update of the largest tensor in fp32", false),
        (Optimizer::Muon, _) => {
            let name = "orthogonal update of the largest matrix, in bf16 twice and in the weights' type";
            largest(trained, by_muon, (name, bits, count, false), optimizer, alive)
        }
        _ => Ok(Vec::new()),
    }
}

fn largest(
    trained: &Set<'_>,
    counts: impl Fn(&BlockParameters, &Tensor) -> bool,
    (name, bits, count, exact): (&'static str, u32, u64, bool),
    optimizer: Optimizer,
    alive: Alive,
) -> Result<Vec<Entry>, Overflow> {
    let tensors = trained.blocks.iter().flat_map(|block| block.tensors.iter().map(move |tensor| (block, tensor)));
    let sizes = tensors
        .filter(|(block, tensor)| counts(block, tensor))
        .map(|(_, tensor)| (tensor.rows.saturating_mul(tensor.columns), tensor));
    let Some((_, tensor)) = sizes.max_by_key(|(size, _)| *size) else { return Ok(Vec::new()) };
    let bits_per = Bits::whole(bits);
    let bytes = bits_per.bytes(tensor.parameters()?.get())?.checked_mul(count)?;
    let state = State::like(tensor, name, bits);
    let entry = entry(&state, tensor, optimizer, alive);
    let exactness = if exact { Exactness::Exact } else { Exactness::Estimated { low: Bytes::ZERO, high: bytes } };
    let (category, lifetime) = (Category::Workspace, Lifetime::Transient);
    Ok(vec![Entry { category, lifetime, name: Cow::Borrowed(name), count, bytes, exactness, ..entry }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::part::{Part, Piece};
    use serde_json::Value;

    /// The measured bytes count each tensor's quantization maps, which all tensors of a model share.
    #[test]
    fn states_have_the_bytes_that_optimizers_make() {
        let cases: Vec<Value> = serde_json::from_str(include_str!("../../tests/reference/optimizers.json")).unwrap();
        assert!(cases.len() >= 100);
        for case in cases {
            let optimizer = Optimizer::from_word(case["optimizer"].as_str().unwrap()).unwrap();
            let shape: Vec<u64> = case["shape"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap()).collect();
            let columns = if shape.len() > 1 { shape[shape.len() - 1] } else { 1 };
            let rows = shape.iter().product::<u64>() / columns;
            let tensor = Tensor { part: Part::Up, piece: Piece::Weight, rows, columns, pieces: 1, role: Role::Linear };
            let block = BlockParameters { block: Block::Group(0), copies: 1, span: [0, 0], tensors: Vec::new() };
            let bits = Bits::whole(if case["dtype"] == "bf16" { 16 } else { 32 });
            let states = of_tensor(optimizer, &block, &tensor, bits);
            let maps = states.iter().filter(|state| state.bits == 8).count() as u64;
            let bytes: u64 = states.iter().map(|state| state.rows * state.columns * u64::from(state.bits) / 8).sum();
            assert_eq!(Some(bytes + maps * 1024), case["bytes"].as_u64(), "{case}");
        }
    }

    #[test]
    fn small_and_embedding_tensors_stay_in_32_bits_and_pages_are_nobodys() {
        let states = |rows, role| {
            let tensor = Tensor { part: Part::Up, piece: Piece::Weight, rows, columns: 64, pieces: 1, role };
            quantized(&tensor, vec![State::like(&tensor, "first moment", 32)], true)
        };
        assert_eq!(states(63, Role::Linear).len(), 1);
        assert_eq!(states(63, Role::Linear)[0].bits, 32);
        assert_eq!(states(64, Role::Linear)[0].bits, 8);
        assert!(!states(64, Role::Linear)[0].paged);
        assert!(states(4096, Role::Linear)[0].paged);
        assert!(!states(4096, Role::Linear)[1].paged);
        assert_eq!(states(4096, Role::Table)[0].bits, 32);
    }
}
