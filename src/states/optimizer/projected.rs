//! Steps over gradients that are projected to a rank.

use super::kept::Projection;
use super::step::{Step, Variable};
use super::tensor::{Stepped, times};
use crate::scenario::Optimizer;
use crate::units::Overflow;

/// `GaLore`: AdamW over a gradient that singular vectors project, which the first step finds and every 200th anew.
pub(super) fn galore(step: &mut Step, it: &Stepped<'_>, width: u64) -> Result<(), Overflow> {
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
pub(super) fn apollo(step: &mut Step, it: &Stepped<'_>, width: u64) -> Result<(), Overflow> {
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
