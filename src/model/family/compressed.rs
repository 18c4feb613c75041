//! Compressed attention and mixed streams of a family.

/// Defaults of Transformers 5.23's config class for compressed attention and mixed streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompressedDefaults {
    /// `q_lora_rank`.
    pub query_rank: u64,
    /// `o_groups`.
    pub output_groups: u64,
    /// `o_lora_rank`.
    pub output_rank: u64,
    /// `index_n_heads` and `index_head_dim`.
    pub indexer: [u64; 2],
    /// `hc_mult`.
    pub streams: u64,
    /// `num_hash_layers`.
    pub hash_layers: u64,
}
