//! What an optimizer keeps for one tensor.

use crate::model::parameters::{Block, BlockParameters, Role, Tensor};
use crate::model::part::{Codes, Piece};
use crate::scenario::Optimizer;
use crate::units::Bits;

/// Below so many elements bitsandbytes and torchao keep states as they are.
const QUANTIZED_FROM: u64 = 4096;
/// Elements that share a scale: bitsandbytes' own, and what the Trainer sets for torchao.
pub(crate) const BLOCK: u64 = 256;
/// From so many elements on paged states live in memory that moves to the host.
pub(crate) const PAGED_FROM: u64 = 100_000;
/// The rank of the Trainer's `GaLore` and APOLLO where `optim_args` says nothing.
const RANK: u64 = 128;

/// One state of one tensor.
pub(crate) struct State {
    pub(crate) name: &'static str,
    pub(crate) rows: u64,
    pub(crate) columns: u64,
    pub(crate) bits: u32,
    /// Whether it is in memory that PyTorch's allocator does not hand out.
    pub(crate) paged: bool,
}

impl State {
    pub(crate) const fn like(tensor: &Tensor, name: &'static str, bits: u32) -> Self {
        Self::matrix(name, [tensor.rows, tensor.columns], bits)
    }

    const fn matrix(name: &'static str, [rows, columns]: [u64; 2], bits: u32) -> Self {
        Self { name, rows, columns, bits, paged: false }
    }
}

/// Bits of what is kept in the type of the weights.
pub(crate) fn own(weights: Bits) -> u32 {
    if weights == Bits::whole(16) { 16 } else { 32 }
}

/// How many moments of a gradient are kept.
pub(crate) const fn moments(optimizer: Optimizer) -> u64 {
    match optimizer {
        Optimizer::Sgd => 0,
        Optimizer::SgdMomentum | Optimizer::Lion | Optimizer::Lion8bit => 1,
        _ => 2,
    }
}

/// Everything that is kept for a tensor.
pub(crate) fn of_tensor(optimizer: Optimizer, block: &BlockParameters, tensor: &Tensor, weights: Bits) -> Vec<State> {
    let own = own(weights);
    let two = |bits| vec![State::like(tensor, "first moment", bits), State::like(tensor, "second moment", bits)];
    let one = |bits| vec![State::like(tensor, "momentum", bits)];
    match optimizer {
        Optimizer::Sgd => Vec::new(),
        Optimizer::SgdMomentum | Optimizer::Lion => one(own),
        Optimizer::Adamw32bit => two(32),
        Optimizer::Adamw8bit => quantized(tensor, two(32), false),
        Optimizer::PagedAdamw8bit => quantized(tensor, two(32), true),
        Optimizer::Lion8bit => quantized(tensor, one(32), false),
        Optimizer::Adamw8bitTorchao => in_blocks(tensor, two(own), 8, BLOCK),
        Optimizer::Adamw4bitTorchao => in_blocks(tensor, two(own), 4, BLOCK),
        Optimizer::Adafactor if tensor.columns > 1 => vec![
            State::matrix("second moment by row", [tensor.rows, 1], 32),
            State::matrix("second moment by column", [matrices(tensor) * tensor.columns, 1], 32),
            State::matrix("root of the mean square", [1, 1], 32),
        ],
        Optimizer::Adafactor => {
            vec![State::like(tensor, "second moment", 32), State::matrix("root of the mean square", [1, 1], 32)]
        }
        Optimizer::Muon if by_muon(block, tensor) => one(own),
        Optimizer::Galore | Optimizer::Apollo if projects(block, tensor) => projected(optimizer, tensor, own),
        Optimizer::ScheduleFree => {
            vec![State::like(tensor, "averaged point", own), State::like(tensor, "second moment", own)]
        }
        Optimizer::Adamw | Optimizer::Muon | Optimizer::Galore | Optimizer::Apollo => two(own),
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
pub(crate) fn by_muon(block: &BlockParameters, tensor: &Tensor) -> bool {
    matches!(block.block, Block::Group(_)) && tensor.role == Role::Linear
}

/// Whether `GaLore` and APOLLO project a tensor's gradient: those of linear layers inside layers, which is what
/// `optim_target_modules` names for attention and feed-forward networks. Experts in one stack and routers are none.
pub(crate) fn projects(block: &BlockParameters, tensor: &Tensor) -> bool {
    let linear = matches!(tensor.part.codes(), Codes::Always | Codes::AtLoading) && tensor.piece == Piece::Weight;
    matches!(block.block, Block::Group(_)) && tensor.role == Role::Linear && linear
}

/// The sides of a projected gradient and of what projects it. The longer side stays, the other becomes the rank: of as many
/// singular vectors as there are, or of a random matrix of any size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Projection {
    pub(crate) long: u64,
    pub(crate) short: u64,
    pub(crate) rank: u64,
}

impl Projection {
    pub(crate) fn of(optimizer: Optimizer, tensor: &Tensor) -> Self {
        let (long, short) = (tensor.rows.max(tensor.columns), tensor.rows.min(tensor.columns));
        let rank = if optimizer == Optimizer::Galore { RANK.min(short) } else { RANK };
        Self { long, short, rank }
    }
}

/// Both moments of the projected gradient, and what projects it: singular vectors of an fp32 gradient are a view, which
/// keeps the whole factor.
fn projected(optimizer: Optimizer, tensor: &Tensor, own: u32) -> Vec<State> {
    let Projection { long, short, rank } = Projection::of(optimizer, tensor);
    let kept = if optimizer == Optimizer::Galore && own == 32 { short } else { rank };
    let moment = |name| State::matrix(name, [long, rank], own);
    let mut states = vec![
        State::matrix("projection", [kept, short], own),
        moment("projected first moment"),
        moment("projected second moment"),
    ];
    if optimizer == Optimizer::Apollo {
        states.push(State::matrix("length of the last update", [1, 1], own));
    }
    states
}

/// Bitsandbytes' 8-bit states with a scale for each block; small tensors stay in 32 bits, and the Trainer keeps embeddings
/// so too.
fn quantized(tensor: &Tensor, states: Vec<State>, paged: bool) -> Vec<State> {
    let elements = tensor.rows.saturating_mul(tensor.columns);
    let moves = paged && elements >= PAGED_FROM;
    let small = elements < QUANTIZED_FROM || tensor.role == Role::Table;
    let scales = ["scales of the first moment", "scales of the second moment"];
    let scales: Vec<State> = states
        .iter()
        .zip(scales)
        .filter(|_| !small)
        .map(|(_, name)| State::matrix(name, [elements.div_ceil(BLOCK), 1], 32))
        .collect();
    let bits = if small { 32 } else { 8 };
    states.into_iter().map(|state| State { bits, paged: moves, ..state }).chain(scales).collect()
}

/// torchao's states in codes of so many bits, a scale for each block and a table of what codes stand for with each tensor;
/// what is small or not whole blocks stays in the type of the weights.
pub(crate) fn in_blocks(tensor: &Tensor, states: Vec<State>, bits: u32, block: u64) -> Vec<State> {
    let elements = tensor.rows.saturating_mul(tensor.columns);
    if elements < QUANTIZED_FROM || !elements.is_multiple_of(block) {
        return states;
    }
    let beside = [
        ["scales of the first moment", "codes of the first moment"],
        ["scales of the second moment", "codes of the second moment"],
    ];
    let in_codes = |(state, [scales, codes]): (State, [&'static str; 2])| {
        let scales = State::matrix(scales, [elements / block, 1], 32);
        [State { bits, ..state }, scales, State::matrix(codes, [1 << bits, 1], 32)]
    };
    states.into_iter().zip(beside).flat_map(in_codes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::part::Part;
    use serde_json::Value;

    fn matrix(rows: u64, columns: u64, role: Role) -> Tensor {
        Tensor { part: Part::Up, piece: Piece::Weight, rows, columns, pieces: 1, role }
    }

    /// Of bitsandbytes the measured bytes count each tensor's quantization maps, which all tensors of a model share.
    #[test]
    fn states_have_the_bytes_that_optimizers_make() {
        let cases: Vec<Value> = serde_json::from_str(include_str!("../../../tests/reference/optimizers.json")).unwrap();
        assert!(cases.len() >= 180);
        for case in cases {
            let optimizer = Optimizer::from_word(case["optimizer"].as_str().unwrap()).unwrap();
            let shape: Vec<u64> = case["shape"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap()).collect();
            let columns = if shape.len() > 1 { shape[shape.len() - 1] } else { 1 };
            let rows = shape.iter().product::<u64>() / columns;
            let role = if shape.len() == 2 { Role::Linear } else { Role::Norm };
            let tensor = matrix(rows, columns, role);
            let block = BlockParameters { block: Block::Group(0), copies: 1, span: [0, 0], tensors: Vec::new() };
            let bits = Bits::whole(if case["dtype"] == "bf16" { 16 } else { 32 });
            let states = of_tensor(optimizer, &block, &tensor, bits);
            let bytes: u64 = states.iter().map(|state| state.rows * state.columns * u64::from(state.bits) / 8).sum();
            let eight = |state: &&State| state.bits == 8 && optimizer != Optimizer::Adamw8bitTorchao;
            let maps = states.iter().filter(eight).count() as u64;
            // The root of the mean square was not counted.
            let scalar = if optimizer == Optimizer::Adafactor { 4 } else { 0 };
            assert_eq!(Some(bytes + maps * 1024 - scalar), case["bytes"].as_u64(), "{case}");
        }
    }

    #[test]
    fn small_and_embedding_tensors_stay_in_32_bits_and_pages_are_nobodys() {
        let states = |rows, role| {
            let tensor = matrix(rows, 64, role);
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

    #[test]
    fn a_rank_ends_at_the_shorter_side_where_vectors_are_singular() {
        let tensor = matrix(300, 100, Role::Linear);
        assert_eq!(Projection::of(Optimizer::Galore, &tensor).rank, 100);
        assert_eq!(Projection::of(Optimizer::Apollo, &tensor).rank, 128);
    }
}
