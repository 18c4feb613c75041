//! Muon's update: a matrix made orthogonal by five iterations in bf16.

use super::step::{Step, Variable};
use super::tensor::times;
use crate::model::parameters::Tensor;
use crate::units::Overflow;

/// Iterations of Newton and Schulz.
const ITERATIONS: usize = 5;

/// The step of one matrix of PyTorch's Muon, in whose type the momentum is.
pub(super) fn muon(step: &mut Step, tensor: &Tensor, width: u64) -> Result<(), Overflow> {
    let elements = tensor.parameters()?.get();
    let (own, narrow) = (times(&[elements, width])?, times(&[elements, 2])?);
    let short = tensor.rows.min(tensor.columns);
    let square = times(&[short, short, 2])?;
    step.put(Variable::Update, own);
    let mut orthogonal = step.make(narrow);
    let mut squares: [Option<usize>; 2] = [None; 2];
    for iteration in 0..ITERATIONS {
        // `ortho @ ortho.T`, and a polynomial of that.
        for (index, old) in squares.iter_mut().enumerate() {
            let new = step.make(square);
            step.works(|kernels| if index == 0 { kernels.product } else { kernels.product_with_bias });
            if let Some(old) = old.replace(new) {
                step.let_go(old);
            }
        }
        let new = step.make(narrow);
        // A tall matrix is transposed, which cuBLASLt adds to nothing.
        let transposed = iteration == 0 && tensor.rows > tensor.columns;
        step.works(|kernels| if transposed { kernels.product } else { kernels.product_with_bias });
        step.let_go(std::mem::replace(&mut orthogonal, new));
    }
    squares.into_iter().flatten().for_each(|square| step.let_go(square));
    step.assign(Variable::Update, orthogonal);
    Ok(())
}
