//! What the modelling code of a family did otherwise before Transformers 5, where the rest of its row does not say it.

/// What of its code was another in earlier releases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent habits of modelling code")]
pub struct Earlier {
    /// Whether the model multiplied its embedding by a number, and no module of its own did by a buffer.
    pub scaled_by_number: bool,
    /// Whether each layer had a causal mask as long as the model was made for and a number beside it, and eager attention
    /// chose scores by it.
    pub mask_in_layers: bool,
    /// Whether layers were no checkpoints in 4.57, whatever was asked for.
    pub never_checkpoints: bool,
    /// Whether keys and values were repeated for every head, and each attention had the frequencies of rotations too.
    pub attention_of_its_own: bool,
    /// Whether an expert's module named its last matrix before its second.
    pub down_before_up: bool,
    /// Whether eager attention was of its own in 4.48.
    pub eager_of_its_own: bool,
    /// Whether the loss was computed from logits in the type that they have in 4.48.
    pub narrow_loss: bool,
}

impl Earlier {
    /// Nothing.
    pub(in crate::families) const SAME: Self = Self {
        scaled_by_number: false,
        mask_in_layers: false,
        never_checkpoints: false,
        attention_of_its_own: false,
        down_before_up: false,
        eager_of_its_own: false,
        narrow_loss: false,
    };
}
