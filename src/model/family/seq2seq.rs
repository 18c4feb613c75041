//! Two stacks of a family: an encoder, and a decoder that attends to what it gives.

/// What a family of two stacks has, with the values of Transformers 5.23's config class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seq2SeqDefaults {
    /// The classes with both stacks and a head, as `architectures` names them, the usual one first.
    pub classes: &'static [&'static str],
    /// `relative_attention_num_buckets`: distances that a bias of scores tells apart.
    pub buckets: u64,
    /// Whether every layer has a table of those biases, and not only the first of each stack.
    pub bias_in_every_layer: bool,
    /// `feed_forward_proj`.
    pub feed_forward: &'static str,
}
