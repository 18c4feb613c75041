//! What the optimizer asks of an allocator, tensor by tensor.

use super::{by_muon, is_8bit, made_in_a_step, moments, of_tensor};
use crate::model::parameters::BlockParameters;
use crate::scenario::{Optimizer, OptimizerImplementation};
use crate::units::{Bits, Overflow};

/// What an optimizer makes for one tensor that it steps, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stepped {
    /// Its states, in the order in which the first step makes them.
    pub(crate) states: Vec<u64>,
    /// What every step makes for it and lets go.
    pub(crate) temporaries: Vec<u64>,
    /// Whether that stays until all tensors have been stepped.
    pub(crate) together: bool,
}

/// What the optimizer makes for each tensor, in the order of the parameters.
pub(crate) fn stepped(
    blocks: &[BlockParameters],
    bits: Bits,
    optimizer: Optimizer,
    implementation: OptimizerImplementation,
) -> Result<Vec<Stepped>, Overflow> {
    let mut tensors = Vec::new();
    let mut maps = is_8bit(optimizer);
    for block in blocks {
        for _ in 0..block.copies {
            for tensor in &block.tensors {
                let states = of_tensor(optimizer, block, tensor, bits);
                let quantized = states.iter().any(|state| state.bits == 8);
                let mut sizes = Vec::with_capacity(states.len() + 1);
                if optimizer == Optimizer::Adamw && implementation == OptimizerImplementation::Fused {
                    sizes.push(4);
                }
                if quantized && std::mem::take(&mut maps) {
                    sizes.extend((0..moments(optimizer)).map(|_| 1024));
                }
                for state in states.iter().filter(|state| !state.paged) {
                    sizes.push(
                        Bits::whole(state.bits).bytes(state.rows.checked_mul(state.columns).ok_or(Overflow)?)?.get(),
                    );
                }
                let (each, times) = made_in_a_step(optimizer, implementation, bits);
                let made = match optimizer {
                    Optimizer::Muon if by_muon(block, tensor) => vec![16, 16, 2 * each - 32],
                    Optimizer::Muon => Vec::new(),
                    _ => (0..times).map(|_| each).collect(),
                };
                let size = |bits| Ok(Bits::whole(bits).bytes(tensor.parameters()?.get())?.get());
                let temporaries = made.into_iter().map(size).collect::<Result<_, Overflow>>()?;
                let together = optimizer == Optimizer::Adamw && implementation == OptimizerImplementation::Foreach;
                tensors.push(Stepped { states: sizes, temporaries, together });
            }
        }
    }
    Ok(tensors)
}
