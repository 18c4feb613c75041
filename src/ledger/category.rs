//! The bars: which category a byte belongs to.

use crate::units::{Bytes, Overflow};

/// A category of memory, in display order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// Weights and buffers of the model, and what is fed to it.
    Parameters,
    /// Gradients of parameters.
    Gradients,
    /// Optimizer states and master weights.
    Optimizer,
    /// What forward keeps for backward.
    Activations,
    /// Head output and loss.
    Logits,
    /// Keys and values of served tokens.
    KvCache,
    /// Transients alive at the peak: casts, scratch, temporaries.
    Workspace,
    /// What no tensor of the program is.
    Runtime,
}

impl Category {
    /// Every category, in display order.
    pub const ALL: [Self; 8] = [
        Self::Parameters,
        Self::Gradients,
        Self::Optimizer,
        Self::Activations,
        Self::Logits,
        Self::KvCache,
        Self::Workspace,
        Self::Runtime,
    ];

    /// The stable id that files and JSON use.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Parameters => "parameters",
            Self::Gradients => "gradients",
            Self::Optimizer => "optimizer",
            Self::Activations => "activations",
            Self::Logits => "logits",
            Self::KvCache => "kv_cache",
            Self::Workspace => "workspace",
            Self::Runtime => "runtime",
        }
    }

    /// The word on the bar.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Parameters => "Model",
            Self::Gradients => "Gradients",
            Self::Optimizer => "Optimizer",
            Self::Activations => "Activations",
            Self::Logits => "Logits",
            Self::KvCache => "KV cache",
            Self::Workspace => "Workspace",
            Self::Runtime => "Runtime",
        }
    }

    /// What it holds, in one sentence.
    pub const fn explains(self) -> &'static str {
        match self {
            Self::Parameters => "the model's weights and buffers, and what is fed to it",
            Self::Gradients => "what backward computes for each trained parameter, until the step or the next pass",
            Self::Optimizer => {
                "what the optimizer keeps of each trained parameter: moments, and wider copies of weights"
            }
            Self::Activations => {
                "what forward keeps for backward: it grows with batch and sequence, and recomputation gives it back"
            }
            Self::Logits => {
                "scores over the vocabulary and what the loss makes of them: tokens by words, often in fp32"
            }
            Self::KvCache => {
                "keys, values and states of the tokens that are served: it grows with requests and context"
            }
            Self::Workspace => {
                "what is there for a moment only: casts, scratch, gathered shards, the optimizer's temporaries"
            }
            Self::Runtime => {
                "what no tensor of the program is: the CUDA context, libraries' workspaces, NCCL, and what PyTorch's allocator holds and cannot use"
            }
        }
    }

    const fn index(self) -> usize {
        self as usize
    }
}

/// Bytes by category.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Categories([Bytes; 8]);

impl Categories {
    /// The bytes of one category.
    pub fn get(&self, category: Category) -> Bytes {
        self.0[category.index()]
    }

    /// Adds to a category.
    pub fn add(&mut self, category: Category, bytes: Bytes) -> Result<(), Overflow> {
        let slot = &mut self.0[category.index()];
        *slot = slot.checked_add(bytes)?;
        Ok(())
    }

    /// Sum over all categories.
    pub fn total(&self) -> Result<Bytes, Overflow> {
        Bytes::checked_sum(self.0)
    }

    /// Categories and their bytes, in display order.
    pub fn iter(&self) -> impl Iterator<Item = (Category, Bytes)> + '_ {
        Category::ALL.into_iter().map(|category| (category, self.get(category)))
    }
}
