//! The steps of optimizers, tensor by tensor, in the order of their code.

use super::kept::{BLOCK, State, by_muon, moments, of_tensor, own, projects};
use super::projected::{apollo, galore};
use super::step::{Act, Step, Variable};
use super::tensor::{Stepped, times};
use super::{counts_steps, is_8bit, orthogonal};
use crate::gpu::kernels::Kernels;
use crate::scenario::{Optimizer, OptimizerImplementation};
use crate::states::weights::Set;
use crate::units::{Bits, Overflow};

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
        // AdamW comes behind Muon, an optimizer of its own, and takes what that does not step.
        let of_muon = |it: &Stepped<'_>| optimizer != Optimizer::Muon || by_muon(it.block, it.tensor);
        let (own, rest): (Vec<&Stepped<'_>>, Vec<&Stepped<'_>>) = tensors.iter().partition(|it| of_muon(it));
        record(&mut step, &own, optimizer, implementation)?;
        record(&mut step, &rest, Optimizer::Adamw, implementation)?;
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

/// One optimizer's step over its tensors, whose variables are gone then.
fn record(
    step: &mut Step,
    tensors: &[&Stepped<'_>],
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
    if !as_it_goes {
        tensors.iter().flat_map(|it| &it.states).for_each(|bytes| step.state(*bytes));
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
            (Optimizer::Muon, _) => orthogonal::muon(step, it.tensor, width)?,
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
    step.clear_all();
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
