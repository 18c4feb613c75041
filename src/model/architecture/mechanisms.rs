//! What attention and layers of newer families have, each a mechanism of its own.

/// What a layer's attention does otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttentionVariant {
    /// Channels of a value head, where they are not those of a key head.
    pub value_head_dim: Option<u64>,
    /// Where keys and values come from.
    pub key_values: KeyValues,
    /// Whether later layers attend to its keys and values.
    pub hands_on: bool,
    /// What chooses the tokens to attend to.
    pub indexer: Option<Indexer>,
    /// Whether each head's output is weighed by a gate of its own.
    pub head_gate: bool,
    /// Whether keys have no bias where queries and values have one (Whisper).
    pub unbiased_keys: bool,
    /// Compressed tokens beside a window, where attention sees those.
    pub compressed: Option<Compressed>,
}

/// Where a layer's keys and values come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyValues {
    /// Each from a projection of its own.
    #[default]
    Own,
    /// Both from one projection.
    One,
    /// From an earlier layer.
    Earlier,
    /// Each from a projection of its own of what a tower gives, and not of the sequence (Llama 3.2 Vision).
    OfTower,
}

/// A narrow attention that scores tokens, of which the best are attended to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indexer {
    /// Its query heads.
    pub heads: u64,
    /// Channels of each, and of its one key head.
    pub head_dim: u64,
}

/// What a layer has beside attention and feed-forward network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that a layer has or has not, whatever else it has")]
pub struct LayerVariant {
    /// Width of the vector that each token has for this layer.
    pub per_layer_input: Option<u64>,
    /// Rank of a projection beside attention.
    pub laurel_rank: Option<u64>,
    /// Residual streams, where there are several.
    pub streams: Option<u64>,
    /// Whether experts and a dense network stand side by side, each with norms of its own.
    pub experts_beside: bool,
    /// Whether the stream enters its mixer without the norm that other layers have there (ModernBERT's first).
    pub unnormed_mixer: bool,
    /// Rows of the layer's own table of biases, by which scores of its attention depend on distance.
    pub relative_buckets: Option<u64>,
    /// Whether attention to what an encoder gives follows its attention, with the same dimensions.
    pub attends_to_encoder: bool,
    /// Residual streams that it mixes before and after each of its halves.
    pub mixed_streams: Option<u64>,
    /// Whether each half reads streams that were kept before blocks of layers (Kimi K3).
    pub reads_blocks: bool,
    /// Whether each half is weighed by the tangent of a learned number (Llama 3.2 Vision).
    pub weighs_halves: bool,
}

/// The table of the vectors that each token has for each layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerLayerInputs {
    /// Its rows.
    pub vocab_size: u64,
    /// The width of one vector.
    pub width: u64,
}

/// Attention of one key head, which is the value head too, over a window and what came before it, compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compressed {
    /// Width of the compressed query.
    pub query_rank: u64,
    /// Groups of heads in the output projection.
    pub output_groups: u64,
    /// What each group is projected to first.
    pub output_rank: u64,
    /// How many tokens become one, where the layer sees more than its window.
    pub rate: Option<u64>,
    /// What chooses among compressed tokens; compressed tokens then overlap, and there are two series of them.
    pub indexer: Option<Indexer>,
}

impl Compressed {
    /// Series of compressed tokens: two where they overlap.
    pub const fn series(&self) -> u64 {
        if self.indexer.is_some() { 2 } else { 1 }
    }
}
