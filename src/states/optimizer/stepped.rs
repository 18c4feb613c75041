//! The steps of optimizers, tensor by tensor, in the order of their code.

use super::kept::{BLOCK, Projection, State, by_muon, moments, of_tensor, own, projects};
use super::step::{Act, Step, Variable};
use super::{counts_steps, is_8bit, orthogonal};
use crate::gpu::kernels::Kernels;
use crate::model::parameters::{BlockParameters, Tensor};
use crate::scenario::{Optimizer, OptimizerImplementation};
use crate::states::weights::Set;
use crate::units::{Bits, Overflow};

/// A tensor that is stepped.
struct Stepped<'a> {
    block: &'a BlockParameters,
    tensor: &'a Tensor,
    /// Bytes of its states, in the order in which the first step makes them.
    states: Vec<u64>,
    /// Its elements.
    elements: u64,
    /// Bytes of one.
    width: u64,
}

/// Two steps: the first, which makes the states, and one like all others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) first: Vec<Act>,
    pub(crate) later: Vec<Act>,
}

/// What the optimizer asks for in its steps over these tensors; without kernels, nothing that no tensor is.
pub(crate) fn steps(
    trained: &Set<'_>,
    (optimizer, implementation): (Optimizer, OptimizerImplementation),
    kernels: Option<Kernels>,
) -> Result<Steps, Overflow> {
    let tensors = tensors(*trained, optimizer, implementation)?;
    let of = |first| {
        let mut step = Step::new(first, kernels);
        record(&mut step, &tensors, optimizer, implementation)?;
        Ok(step.finish())
    };
    Ok(Steps { first: of(true)?, later: of(false)? })
}

/// What the optimizer steps, in the order of the parameters; of those that project gradients first what they do not.
fn tensors(
    trained: Set<'_>,
    optimizer: Optimizer,
    implementation: OptimizerImplementation,
) -> Result<Vec<Stepped<'_>>, Overflow> {
    let mut tensors = Vec::new();
    let mut maps = is_8bit(optimizer);
    for block in trained.blocks {
        for _ in 0..block.copies {
            for tensor in &block.tensors {
                let states = of_tensor(optimizer, block, tensor, trained.bits_of(tensor));
                let mut sizes = Vec::with_capacity(states.len() + 1);
                if counts_steps(optimizer, block, tensor) && implementation == OptimizerImplementation::Fused {
                    sizes.push(4);
                }
                if states.iter().any(|state| state.bits == 8) && std::mem::take(&mut maps) {
                    sizes.extend((0..moments(optimizer)).map(|_| 1024));
                }
                for state in states.iter().filter(|state| !state.paged) {
                    sizes.push(bytes_of(state)?);
                }
                let elements = tensor.parameters()?.get();
                let width = u64::from(own(trained.bits_of(tensor)) / 8);
                tensors.push(Stepped { block, tensor, states: sizes, elements, width });
            }
        }
    }
    if matches!(optimizer, Optimizer::Galore | Optimizer::Apollo) {
        tensors.sort_by_key(|it| projects(it.block, it.tensor));
    }
    Ok(tensors)
}

fn bytes_of(state: &State) -> Result<u64, Overflow> {
    Ok(Bits::whole(state.bits).bytes(state.rows.checked_mul(state.columns).ok_or(Overflow)?)?.get())
}

fn record(
    step: &mut Step,
    tensors: &[Stepped<'_>],
    optimizer: Optimizer,
    implementation: OptimizerImplementation,
) -> Result<(), Overflow> {
    // These make each tensor's states as they come to it.
    let as_it_goes = matches!(
        optimizer,
        Optimizer::Adafactor
            | Optimizer::Lion
            | Optimizer::Galore
            | Optimizer::Apollo
            | Optimizer::Adamw8bitTorchao
            | Optimizer::Adamw4bitTorchao
    );
    // AdamW comes behind Muon, an optimizer of its own.
    let later = |it: &&Stepped<'_>| optimizer == Optimizer::Muon && !by_muon(it.block, it.tensor);
    if !as_it_goes {
        let now = tensors.iter().filter(|it| !later(it));
        now.flat_map(|it| &it.states).for_each(|bytes| step.state(*bytes));
    }
    let mut held = Vec::new();
    for it in tensors {
        let width = it.width;
        let size = times(&[it.elements, width])?;
        match (optimizer, implementation) {
            (Optimizer::Adamw, OptimizerImplementation::Foreach) | (Optimizer::ScheduleFree, _) => {
                held.push(step.make(size));
            }
            (Optimizer::Adamw, OptimizerImplementation::Loop) => adam(step, size),
            (Optimizer::Lion, _) => lion(step, it, size),
            (Optimizer::Adafactor, _) => adafactor(step, it, width)?,
            (Optimizer::Muon, _) if by_muon(it.block, it.tensor) => orthogonal::muon(step, it.tensor, width)?,
            (Optimizer::Galore, _) if projects(it.block, it.tensor) => galore(step, it, width)?,
            (Optimizer::Apollo, _) if projects(it.block, it.tensor) => apollo(step, it, width)?,
            (Optimizer::Galore | Optimizer::Apollo, _) => {
                it.states.iter().for_each(|bytes| step.state(*bytes));
                step.put(Variable::Denominator, size);
                step.put(Variable::Update, size);
            }
            (Optimizer::Adamw8bitTorchao | Optimizer::Adamw4bitTorchao, _) => compiled(step, it, optimizer)?,
            _ => {}
        }
    }
    for made in held {
        step.let_go(made);
    }
    step.clear(Variable::Update);
    tensors.iter().filter(later).flat_map(|it| &it.states).for_each(|bytes| step.state(*bytes));
    Ok(())
}

/// Square root, and the quotient that takes its place.
fn adam(step: &mut Step, size: u64) {
    let root = step.make(size);
    let quotient = step.make(size);
    step.let_go(root);
    step.assign(Variable::Denominator, quotient);
}

/// The moment's copy and its sum with the gradient.
fn lion(step: &mut Step, it: &Stepped<'_>, size: u64) {
    it.states.iter().for_each(|bytes| step.state(*bytes));
    let copy = step.make(size);
    let sum = step.make(size);
    step.let_go(copy);
    step.let_go(sum);
}

/// Transformers' Adafactor computes in fp32.
fn adafactor(step: &mut Step, it: &Stepped<'_>, width: u64) -> Result<(), Overflow> {
    let wide = times(&[it.elements, 4])?;
    step.clear(Variable::Gradient);
    if width == 2 {
        step.put(Variable::Gradient, wide);
    }
    let (root, moments) = it.states.split_last().map_or((4, &[][..]), |(root, moments)| (*root, moments));
    for bytes in moments {
        step.state(*bytes);
    }
    step.clear(Variable::Weights);
    if width == 2 {
        step.put(Variable::Weights, wide);
    }
    step.state(root);
    let square = step.make(wide);
    let sum = step.make(wide);
    step.let_go(square);
    step.assign(Variable::Update, sum);
    if let [rows, columns] = *moments {
        // The mean of the rows of a matrix; of a stack's a sum by itself for each.
        let mean = step.make(columns);
        if columns == times(&[it.tensor.columns, 4])? {
            step.sums_rows([it.tensor.rows, it.tensor.columns]);
        }
        step.let_go(mean);
        let by_row = step.make(rows);
        let by_column = step.make(columns);
        let product = step.make(wide);
        step.let_go(by_row);
        step.let_go(by_column);
        step.assign(Variable::Update, product);
    } else {
        step.put(Variable::Update, wide);
    }
    // Its negative.
    step.passing(wide);
    Ok(())
}

/// `GaLore`: AdamW over a gradient that singular vectors project, which the first step finds and every 200th anew.
fn galore(step: &mut Step, it: &Stepped<'_>, width: u64) -> Result<(), Overflow> {
    let (Projection { long, short, rank }, full) = (Projection::of(Optimizer::Galore, it.tensor), it.elements);
    let projected = times(&[long, rank, width])?;
    step.clear(Variable::Gradient);
    if step.first {
        let (wide, square) = (times(&[full, 4])?, times(&[short, short, 4])?);
        let gradient = (width == 2).then(|| step.make(wide));
        // The driver destroys what it is given, a copy.
        let copy = step.make(wide);
        let (of_long, values) = (step.make(wide), step.make(times(&[short, 4])?));
        let of_short = (width == 2).then(|| step.make(square));
        if width == 4 {
            step.state(it.states[0]);
        }
        step.let_go(copy);
        let diagonal = step.make(times(&[rank, rank, 4])?);
        // The other factor times the singular values, which nobody reads.
        let scaled = step.make(times(&[long, rank, 4])?);
        step.works(|kernels| kernels.product);
        step.let_go(diagonal);
        if width == 2 {
            step.state(it.states[0]);
        }
        for made in [Some(scaled), of_short, Some(values), Some(of_long), gradient].into_iter().flatten() {
            step.let_go(made);
        }
    }
    step.put(Variable::Gradient, projected);
    step.works(|kernels| kernels.product);
    it.states[1..].iter().for_each(|bytes| step.state(*bytes));
    step.put(Variable::Denominator, projected);
    step.put(Variable::Update, projected);
    let back = step.make(times(&[full, width])?);
    step.works(|kernels| kernels.product);
    let scaled = step.make(times(&[full, width])?);
    step.let_go(back);
    step.assign(Variable::Update, scaled);
    Ok(())
}

/// APOLLO: AdamW over a gradient that a random matrix projects, which tells by how much to scale each channel of the
/// gradient itself; the first step draws the matrix and every 200th anew.
fn apollo(step: &mut Step, it: &Stepped<'_>, width: u64) -> Result<(), Overflow> {
    let (Projection { long, short, rank }, full) = (Projection::of(Optimizer::Apollo, it.tensor), it.elements);
    let projected = times(&[long, rank, width])?;
    let [projection, moment, second, length] = it.states[..] else { return Ok(()) };
    step.clear(Variable::Gradient);
    if step.first {
        let gradient = if width == 2 { Some(step.make(times(&[full, 4])?)) } else { None };
        let drawn = step.make(times(&[rank, short, 4])?);
        if width == 2 {
            let scaled = step.make(times(&[rank, short, 4])?);
            step.let_go(drawn);
            step.state(projection);
            step.let_go(scaled);
        } else {
            step.state(projection);
            step.let_go(drawn);
        }
        if let Some(gradient) = gradient {
            step.let_go(gradient);
        }
    }
    step.put(Variable::Gradient, projected);
    step.works(|kernels| kernels.product);
    step.state(moment);
    step.state(second);
    step.put(Variable::Denominator, projected);
    step.put(Variable::Update, projected);
    let channels = times(&[long, width])?;
    let [of_update, of_gradient, more] = [(); 3].map(|()| step.make(channels));
    step.let_go(of_gradient);
    let factor = step.make(channels);
    for made in [of_update, more] {
        step.let_go(made);
    }
    step.assign(Variable::Factor, factor);
    step.put(Variable::Scaled, times(&[full, width])?);
    if step.first {
        step.state(length);
    } else {
        step.put(Variable::Length, width);
        step.put(Variable::Limit, width);
        step.put(Variable::Scaled, times(&[full, width])?);
        step.passing(width);
    }
    // The update is the scaled gradient itself from here on.
    step.clear(Variable::Update);
    Ok(())
}

/// torchao's step is compiled. Of states in 8 bits nothing is made where blocks and rows of a matrix divide each other;
/// else new moments in fp32. Of those in 4 bits both moments in fp32, and their codes as 64-bit integers before they are
/// packed. Blocks have their scales.
fn compiled(step: &mut Step, it: &Stepped<'_>, optimizer: Optimizer) -> Result<(), Overflow> {
    it.states.iter().for_each(|bytes| step.state(*bytes));
    let columns = if it.tensor.columns == 1 { it.tensor.rows } else { it.tensor.columns };
    let divides = columns.is_multiple_of(BLOCK) || BLOCK.is_multiple_of(columns);
    let quantized = it.states.len() > 2;
    if !quantized || optimizer == Optimizer::Adamw8bitTorchao && divides {
        return Ok(());
    }
    let mut made = vec![times(&[it.elements / BLOCK, 4])?; 2];
    made.extend([times(&[it.elements, 4])?; 2]);
    if optimizer == Optimizer::Adamw4bitTorchao {
        made.extend([times(&[it.elements, 8])?; 2]);
    }
    let made: Vec<usize> = made.into_iter().map(|bytes| step.make(bytes)).collect();
    for made in made {
        step.let_go(made);
    }
    Ok(())
}

/// Sizes multiplied.
pub(super) fn times(sizes: &[u64]) -> Result<u64, Overflow> {
    sizes.iter().try_fold(1_u64, |product, size| product.checked_mul(*size)).ok_or(Overflow)
}
