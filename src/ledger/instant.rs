//! The instants at which memory is added up.

use super::category::Categories;
use crate::units::Bytes;

/// A named instant of a training step or of serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Instant {
    /// The heaviest moment of the forward pass, where that lies before its end.
    Forward,
    /// The loss has been computed.
    ForwardEnd,
    /// The gradient of the log-softmax.
    LossBackward,
    /// The heaviest moment between the loss and the embedding.
    Backward,
    /// The embedding's gradient.
    BackwardEnd,
    /// Inside the optimizer.
    OptimizerStep,
    /// Weights are in place.
    Load,
    /// The prompt goes through.
    Prefill,
    /// One token at a time.
    Decode,
}

impl Instant {
    /// The instants of a training step, in order.
    pub const TRAINING: [Self; 6] =
        [Self::Forward, Self::ForwardEnd, Self::LossBackward, Self::Backward, Self::BackwardEnd, Self::OptimizerStep];

    /// The instants of serving, in order.
    pub const SERVING: [Self; 3] = [Self::Load, Self::Prefill, Self::Decode];

    /// The stable id.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::ForwardEnd => "forward_end",
            Self::LossBackward => "loss_backward",
            Self::Backward => "backward",
            Self::BackwardEnd => "backward_end",
            Self::OptimizerStep => "optimizer_step",
            Self::Load => "load",
            Self::Prefill => "prefill",
            Self::Decode => "decode",
        }
    }

    /// What happens then, in one sentence.
    pub const fn explains(self) -> &'static str {
        match self {
            Self::Forward => "the heaviest moment of the forward pass, where that is not its end",
            Self::ForwardEnd => "the loss is computed: all that backward needs is kept",
            Self::LossBackward => "backward begins: the gradient of the logits stands beside all that is kept",
            Self::Backward => "the heaviest moment between the loss and the embedding",
            Self::BackwardEnd => "the embedding's gradient is there, and with it all gradients",
            Self::OptimizerStep => "the optimizer steps: gradients, states and its temporaries",
            Self::Load => "the weights are in place, and nothing has run yet",
            Self::Prefill => "prompts are read, many tokens in a pass",
            Self::Decode => "tokens are generated, one at a time, with the caches full",
        }
    }
}

/// The first step has no optimizer states before its optimizer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// The very first.
    First,
    /// Every later one.
    Steady,
}

impl Step {
    /// `first` or `steady`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Steady => "steady",
        }
    }
}

/// One instant of one step, added up.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// Which instant.
    pub instant: Instant,
    /// Of which step.
    pub step: Step,
    /// What is alive, by category.
    pub by_category: Categories,
    /// Their sum.
    pub total: Bytes,
    /// Where exactly within the instant, in words: `layer 31, feed-forward activation`.
    pub at: String,
}
