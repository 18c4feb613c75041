//! What an optimizer keeps for each tensor it steps, and what its step needs beside that.

mod kept;
mod orthogonal;
mod projected;
mod step;
mod stepped;
mod tensor;

use std::borrow::Cow;

use super::weights::Set;
use crate::gpu::kernels::Kernels;
use crate::ledger::{Alive, Category, Division, Entry, Exactness, Instant, Lifetime, Origin, Place, Step as Of};
use crate::model::parameters::{BlockParameters, Tensor};
use crate::scenario::{Optimizer, OptimizerImplementation};
use crate::shape::{Dim, Shape};
use crate::units::{Bits, Bytes, Overflow};
use kept::{State, moments, of_tensor, own};

pub(crate) use kept::PAGED_FROM;
pub(crate) use step::{Act, For};
pub(crate) use stepped::{Steps, steps};

const TORCH: &str = "torch.optim of PyTorch 2.15, states by shape";
const BITSANDBYTES: &str = "bitsandbytes 0.50, states by shape";
const ADAFACTOR: &str = "Adafactor of Transformers 5.23, states by shape";
const LION: &str = "lion_pytorch, states by shape";
const TORCHAO: &str = "torchao 0.18 in blocks of 256, which the Trainer of Transformers 5.23 sets";
const GALORE: &str = "galore_torch 1.0 over attention and feed-forward networks, rank 128, the Trainer's own";
const APOLLO: &str = "apollo_torch 1.0.3 over attention and feed-forward networks, rank 128, the Trainer's own";
const SCHEDULE_FREE: &str = "schedulefree 1.4.1, AdamW, states by shape";

/// The states of everything that is trained, and what they share.
pub(crate) fn states(
    trained: &Set<'_>,
    optimizer: Optimizer,
    implementation: OptimizerImplementation,
    alive: Alive,
) -> Result<Vec<Entry>, Overflow> {
    let of_block = |block| move |tensor| of_tensor(optimizer, block, tensor, trained.bits_of(tensor));
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
    let pieces = |block: &BlockParameters| {
        let counting = block.tensors.iter().filter(|tensor| counts_steps(optimizer, block, tensor));
        counting.map(|tensor| tensor.pieces).sum::<u64>()
    };
    let tensors: u64 = trained.blocks.iter().map(|block| block.copies * pieces(block)).sum();
    if tensors > 0 && implementation != OptimizerImplementation::Loop {
        entries.push(shared("step counter of each tensor", &[("tensors", tensors)], optimizer, alive)?);
    }
    if is_8bit(optimizer) && states.iter().flatten().any(|state| state.bits == 8) {
        let maps = moments(optimizer);
        entries.push(shared("quantization maps", &[("", maps), ("", 256)], optimizer, alive)?);
    }
    Ok(entries)
}

/// Whether PyTorch's `AdamW` steps a tensor, which counts the steps of each.
fn counts_steps(optimizer: Optimizer, block: &BlockParameters, tensor: &Tensor) -> bool {
    optimizer == Optimizer::Adamw || optimizer == Optimizer::Muon && !kept::by_muon(block, tensor)
}

const fn is_8bit(optimizer: Optimizer) -> bool {
    matches!(optimizer, Optimizer::Adamw8bit | Optimizer::PagedAdamw8bit | Optimizer::Lion8bit)
}

const fn source(optimizer: Optimizer) -> &'static str {
    match optimizer {
        Optimizer::Adamw32bit | Optimizer::Adamw8bit | Optimizer::PagedAdamw8bit | Optimizer::Lion8bit => BITSANDBYTES,
        Optimizer::Adafactor => ADAFACTOR,
        Optimizer::Lion => LION,
        Optimizer::Adamw8bitTorchao | Optimizer::Adamw4bitTorchao => TORCHAO,
        Optimizer::Galore => GALORE,
        Optimizer::Apollo => APOLLO,
        Optimizer::ScheduleFree => SCHEDULE_FREE,
        Optimizer::Adamw | Optimizer::Muon | Optimizer::Sgd | Optimizer::SgdMomentum => TORCH,
    }
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
        divided: Division::NONE,
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

/// What the optimizer's step needs beside its states; `stepped` has the same tensors in the order in which it comes to them.
pub(crate) fn temporaries(
    trained: &Set<'_>,
    stepped: &[BlockParameters],
    (optimizer, implementation): (Optimizer, OptimizerImplementation),
    kernels: Option<Kernels>,
) -> Result<Vec<Entry>, Overflow> {
    let both = Alive::at([Instant::OptimizerStep]);
    let each = match (optimizer, implementation) {
        (Optimizer::Adamw, OptimizerImplementation::Foreach) => "square root for ",
        (Optimizer::ScheduleFree, _) => "denominator for ",
        _ => {
            let name = match (optimizer, implementation) {
                (Optimizer::Adamw, OptimizerImplementation::Loop) => "square roots and quotients of the step",
                (Optimizer::Lion, _) => "updates of the step",
                (Optimizer::Adafactor, _) => "gradients, weights and updates of the step in fp32",
                (Optimizer::Muon, _) => "orthogonal updates of the step, in bf16 and in the weights' type",
                (Optimizer::Galore, _) => "gradients of the step, projected and whole",
                (Optimizer::Apollo, _) => "gradients of the step, projected and scaled",
                (Optimizer::Adamw8bitTorchao | Optimizer::Adamw4bitTorchao, _) => {
                    "moments of the step in fp32 and codes"
                }
                _ => return Ok(Vec::new()),
            };
            let steps = steps(&Set { blocks: stepped, ..*trained }, (optimizer, implementation), kernels)?;
            let [first, later] = [&steps.first, &steps.later].map(|acts| step::most_beside_states(acts));
            let [first, later] = [first?, later?];
            let in_step = |of, bytes| transient(name, bytes, optimizer, Alive::NEVER.with(of, Instant::OptimizerStep));
            return if first == later {
                Ok(vec![transient(name, later, optimizer, both)])
            } else {
                Ok(vec![in_step(Of::First, first), in_step(Of::Steady, later)])
            };
        }
    };
    trained.entries(|_, tensor| {
        let state = State::like(tensor, each, own(trained.bits_of(tensor)));
        let entry = entry(&state, tensor, optimizer, both);
        let name = Cow::Owned([each, tensor.name()].concat());
        Some(Entry { category: Category::Workspace, lifetime: Lifetime::Transient, name, ..entry })
    })
}

/// The most of what a step makes and lets go.
fn transient(name: &'static str, bytes: u64, optimizer: Optimizer, alive: Alive) -> Entry {
    let state = State { name, rows: bytes, columns: 1, bits: 8, paged: false };
    let (bytes, none) = (Bytes::new(bytes), Bytes::ZERO);
    let exactness = match optimizer {
        // What cuSOLVER works with is not known; what a compiler fuses may differ from card to card.
        Optimizer::Galore | Optimizer::Adamw8bitTorchao | Optimizer::Adamw4bitTorchao => {
            Exactness::Estimated { low: none, high: bytes }
        }
        _ => Exactness::Exact,
    };
    let entry = named(Cow::Borrowed(name), &state, optimizer, alive);
    Entry { category: Category::Workspace, lifetime: Lifetime::Transient, bytes, exactness, ..entry }
}
