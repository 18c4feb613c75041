//! The course of memory through one step: what is alive while each part of the model runs, forward and back.

use super::entry::Place;
use crate::units::{Bytes, Overflow};

/// Which way a pass goes through the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// From the embedding to the loss.
    Forward,
    /// From the loss to the embedding.
    Backward,
}

/// One part of the model in one pass: a block, or equal layers in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Which way.
    pub pass: Pass,
    /// The part of the model.
    pub place: Place,
    /// Its first and its last layer in the order in which they run; between them both values change in equal steps.
    /// The same twice where there is one.
    pub ends: [End; 2],
}

/// What one layer, or one block, leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The most that is alive while it runs.
    pub most: Bytes,
    /// What is alive when it is done.
    pub after: Bytes,
}

/// The stages of a step in order, in bytes of what the pass itself makes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Course {
    stages: Vec<Stage>,
    /// What the pass itself has made at the instant `loss_backward`.
    anchor: Bytes,
}

impl Course {
    /// Stages in order, and what the pass itself has made at `loss_backward`.
    pub(crate) const fn new(stages: Vec<Stage>, anchor: Bytes) -> Self {
        Self { stages, anchor }
    }

    /// The stages, with what stands beside the pass added: `total` is all that is alive at `loss_backward`.
    pub(crate) fn beside(&self, total: Bytes) -> Result<Vec<Stage>, Overflow> {
        let beside = total.saturating_sub(self.anchor);
        let end = |end: End| -> Result<End, Overflow> {
            Ok(End { most: end.most.checked_add(beside)?, after: end.after.checked_add(beside)? })
        };
        let stage = |stage: &Stage| Ok(Stage { ends: [end(stage.ends[0])?, end(stage.ends[1])?], ..*stage });
        self.stages.iter().map(stage).collect()
    }
}
