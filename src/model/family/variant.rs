//! Defaults of what newer families do otherwise.

/// What a family does otherwise, with the values of Transformers 5.23's config class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent habits of architectures")]
pub struct VariantDefaults {
    /// `global_head_dim`: channels of a head in layers without a window, where those differ.
    pub global_head_dim: Option<u64>,
    /// `v_head_dim`: channels of a value head, where those differ from a key head's.
    pub v_head_dim: Option<u64>,
    /// `num_kv_shared_layers`.
    pub kv_shared_layers: u64,
    /// `vocab_size_per_layer_input` and `hidden_size_per_layer_input`.
    pub per_layer_input: Option<[u64; 2]>,
    /// `laurel_rank`.
    pub laurel_rank: Option<u64>,
    /// `altup_num_inputs`.
    pub streams: Option<u64>,
    /// First layers with a sparse gate where no pattern says otherwise, in models of more layers than that.
    pub sparse_gates: u64,
    /// Width of the feed-forward networks of layers without experts, where that is a key of its own.
    pub dense_intermediate_size: Option<u64>,
    /// The indexer of its attention.
    pub indexer: Option<IndexerDefaults>,
    /// Whether layers with a window have twice as many key and value heads.
    pub window_doubles_kv_heads: bool,
    /// Whether heads of layers with a window have sinks.
    pub sinks_with_window: bool,
    /// Whether each head's output is weighed by a gate.
    pub head_gate: bool,
    /// Whether experts stand beside a dense network.
    pub experts_beside: bool,
    /// `cross_attention_layers`: layers, counted from 0, that attend to a tower's outputs and not to the sequence.
    pub cross_attention_layers: &'static [u64],
}

/// Defaults of an indexer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexerDefaults {
    /// `index_n_heads`.
    pub heads: u64,
    /// `index_head_dim`.
    pub head_dim: u64,
    /// Whether only layers with experts have one, where the config does not say.
    pub with_experts_only: bool,
}

impl VariantDefaults {
    /// Nothing otherwise.
    pub const NONE: Self = Self {
        global_head_dim: None,
        v_head_dim: None,
        kv_shared_layers: 0,
        per_layer_input: None,
        laurel_rank: None,
        streams: None,
        sparse_gates: 0,
        dense_intermediate_size: None,
        indexer: None,
        window_doubles_kv_heads: false,
        sinks_with_window: false,
        head_gate: false,
        experts_beside: false,
        cross_attention_layers: &[],
    };
}
