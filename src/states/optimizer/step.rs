//! A step of an optimizer as what it asks of an allocator: states, temporaries, workspaces of its products.

use crate::gpu::kernels::Kernels;
use crate::tape::kernels::sum_of_rows;
use crate::units::Overflow;

/// What an allocation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// A state, which stays.
    State,
    /// A value that some variable has for a while.
    Temporary,
    /// What a product of matrices works with.
    Workspace,
}

/// One thing that a step asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// So many bytes.
    Allocate(For, u64),
    /// What was allocated after so many others of this step goes back.
    Release(usize),
}

/// The variables of an optimizer's loop over tensors, as far as they hold memory of their own. What one holds lasts until
/// something else is put into it, also through the next tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variable {
    /// The gradient in fp32, or projected.
    Gradient,
    /// The weights in fp32.
    Weights,
    /// What is added to the weights.
    Update,
    /// The root of the second moment.
    Denominator,
    /// What APOLLO scales a gradient by.
    Factor,
    /// The gradient that it scaled.
    Scaled,
    /// Its length.
    Length,
    /// What keeps that from growing.
    Limit,
}

/// The step while it is written down.
pub(crate) struct Step {
    acts: Vec<Act>,
    made: usize,
    held: [Option<usize>; 8],
    kernels: Option<Kernels>,
    /// Whether it is the first, which makes the states.
    pub(crate) first: bool,
}

impl Step {
    pub(crate) const fn new(first: bool, kernels: Option<Kernels>) -> Self {
        Self { acts: Vec::new(), made: 0, held: [None; 8], kernels, first }
    }

    /// A value that stands alone until it is put somewhere or let go.
    pub(crate) fn make(&mut self, bytes: u64) -> usize {
        self.allocate(For::Temporary, bytes)
    }

    pub(crate) fn let_go(&mut self, made: usize) {
        self.acts.push(Act::Release(made));
    }

    /// A value that an expression makes and nobody keeps.
    pub(crate) fn passing(&mut self, bytes: u64) {
        let made = self.make(bytes);
        self.let_go(made);
    }

    /// A new value of a variable, whose old one goes when the new one is there.
    pub(crate) fn put(&mut self, variable: Variable, bytes: u64) {
        let made = self.make(bytes);
        self.assign(variable, made);
    }

    /// Gives a variable a value that is there.
    pub(crate) fn assign(&mut self, variable: Variable, made: usize) {
        self.clear(variable);
        self.held[variable as usize] = Some(made);
    }

    /// The variable names something of somebody else's now.
    pub(crate) fn clear(&mut self, variable: Variable) {
        if let Some(made) = self.held[variable as usize].take() {
            self.let_go(made);
        }
    }

    /// A state, in the first step.
    pub(crate) fn state(&mut self, bytes: u64) {
        if self.first {
            self.allocate(For::State, bytes);
        }
    }

    /// A product has its result and works with so much until it is done.
    pub(crate) fn works(&mut self, workspace: impl Fn(&Kernels) -> u64) {
        if let Some(bytes) = self.kernels.as_ref().map(workspace) {
            let made = self.allocate(For::Workspace, bytes);
            self.let_go(made);
        }
    }

    /// A sum over the rows of a matrix in fp32 has its result and takes partial sums until it is done.
    pub(crate) fn sums_rows(&mut self, matrix: [u64; 2]) {
        let scratch = self.kernels.as_ref().and_then(|kernels| sum_of_rows(matrix, kernels));
        let made: Vec<usize> =
            scratch.into_iter().flatten().map(|bytes| self.allocate(For::Workspace, bytes)).collect();
        for made in made {
            self.let_go(made);
        }
    }

    fn allocate(&mut self, purpose: For, bytes: u64) -> usize {
        self.acts.push(Act::Allocate(purpose, bytes));
        self.made += 1;
        self.made - 1
    }

    /// The variables are gone.
    pub(crate) fn clear_all(&mut self) {
        for made in std::mem::take(&mut self.held).into_iter().flatten() {
            self.let_go(made);
        }
    }

    /// What it asked for, when its variables are gone.
    pub(crate) fn finish(mut self) -> Vec<Act> {
        self.clear_all();
        self.acts
    }
}

/// The most that a step has beyond all of its states: it may be before the last of them are there.
pub(crate) fn most_beside_states(acts: &[Act]) -> Result<u64, Overflow> {
    let (mut sizes, mut now, mut most, mut states) = (Vec::with_capacity(acts.len()), 0_u64, 0_u64, 0_u64);
    for act in acts {
        match act {
            Act::Allocate(purpose, bytes) => {
                sizes.push(*bytes);
                now = now.checked_add(*bytes).ok_or(Overflow)?;
                if *purpose == For::State {
                    states = states.checked_add(*bytes).ok_or(Overflow)?;
                }
            }
            Act::Release(made) => now -= sizes.get(*made).copied().unwrap_or(0).min(now),
        }
        most = most.max(now);
    }
    Ok(most.saturating_sub(states))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_lasts_until_it_has_another_value() {
        let mut step = Step::new(true, None);
        step.state(100);
        step.put(Variable::Update, 8);
        step.put(Variable::Update, 4);
        step.works(|kernels| kernels.product);
        step.passing(1);
        let acts = step.finish();
        let released = |made| acts.iter().position(|act| *act == Act::Release(made)).unwrap();
        assert!(released(1) > acts.iter().position(|act| *act == Act::Allocate(For::Temporary, 4)).unwrap());
        assert_eq!(most_beside_states(&acts), Ok(12));
        assert_eq!(Step::new(false, None).finish(), []);
    }

    #[test]
    fn what_comes_before_the_last_state_counts_less() {
        let mut step = Step::new(true, None);
        step.passing(50);
        step.state(30);
        step.passing(10);
        assert_eq!(most_beside_states(&step.finish()), Ok(20));
    }
}
