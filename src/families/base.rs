//! What several lineages begin from: Llama's rows, and what is told from them.

use super::code::{
    DecoderMask, Earlier, FusedProjection, GateCode, HeldNorm, Implementation, LossCode, ModuleOrder, Modules,
    NormCode, PositionCode, Rotation, RouterCode, SavedLayer, SavedOrder, ScoreCode, Sublayers, TableCode, Widening,
};
use crate::model::family::{
    Defaults, Dropout, ExpertDefaults, Family, LatentDefaults, Mamba2Defaults, MlpKind, NormKind, Normalisation,
    Placement, PositionKind, Projection, QkNorm, SharedDefault, VariantDefaults,
};

/// Llama, from which other families are told.
pub(super) const LLAMA: Family = Family {
    id: "llama",
    norm: NormKind::Rms,
    placement: Placement::Pre,
    optional_placement: None,
    projection: Projection::Separate,
    multi_query: None,
    qk_norm: QkNorm::None,
    optional_qk_norm: QkNorm::EachHead,
    bias_of_output_apart: false,
    mlp: MlpKind::Gated,
    positions: PositionKind::Rotary,
    unused_positions: 0,
    unused_tokens: 0,
    embedding_norm: false,
    rotates_with_window_only: false,
    qkv_bias: false,
    output_bias: false,
    mlp_bias: false,
    experts: None,
    latent: None,
    sinks: false,
    hybrid: None,
    attention_gate: false,
    head_bias: false,
    compressed: None,
    encoder: None,
    seq2seq: None,
    image: None,
    variant: VariantDefaults::NONE,
    defaults: LLAMA_LIKE,
};

/// The defaults of Llama's class.
pub(super) const LLAMA_LIKE: Defaults = Defaults {
    vocab_size: 32_000,
    hidden_size: 4096,
    intermediate_size: Some(11_008),
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: None,
    head_dim: None,
    max_position_embeddings: 2048,
    hidden_act: "silu",
    tie_word_embeddings: false,
    rotary_percent: 100,
    rotary_dim: None,
    dropout: Dropout { embedding: 0.0, hidden: 0.0, attention: 0.0, activation: 0.0 },
    sliding_window: None,
    sliding_window_pattern: None,
    no_rope_layer_interval: None,
    attention_softcap: false,
    logits_softcap: false,
};

/// Llama's modelling code, from which the others are told.
pub(super) const LLAMA_CODE: Implementation = Implementation {
    norm: NormCode::CastThenWeight,
    fused_projection: FusedProjection::Slices,
    rotation: Rotation::Whole,
    widening: Widening::Nothing,
    tables: TableCode::OfModel,
    turned_together: false,
    holds_turned_parts: false,
    norms_after_projections: false,
    norms_after_rotation: false,
    normed_values: false,
    values_behind_keys: false,
    bounds_layer_ids: false,
    holds_gate: false,
    scales_layers: false,
    queries_scaled_by_position: false,
    unrotated_queries_scaled: false,
    positions: PositionCode::Shared,
    copies_context: false,
    layers_read_positions: true,
    scores_in_fp32: false,
    scores: ScoreCode::Scaled,
    transposed_linears: false,
    always_masked: false,
    expanded_late: false,
    sums_in_place: false,
    flattened_heads: false,
    holds_heads: false,
    scaled_queries: false,
    contiguous_heads: false,
    scales_in_module: false,
    returns_weights: false,
    feed_forward_in_layer: false,
    conv1d: false,
    scaled_residuals: false,
    holds_normed: HeldNorm::UntilRead,
    scaled_logits: false,
    softmax_in_fp32: true,
    scaled_embedding: false,
    embedding_scale_buffer: false,
    embedding_dropout: false,
    hidden_dropout: false,
    attention_output_dropout: true,
    widens_in_layers: false,
    returns_streams: false,
    finds_labels: false,
    sublayers: Sublayers::Apart,
    drops_inside_attention: false,
    attention_dropout_on_output: false,
    checkpoint_keeps_mask: false,
    eager_only: false,
    chunked_windows: false,
    wide_states_served: false,
    both_masks: false,
    always_full_mask: false,
    mask_without_window: false,
    tables_by_window: false,
    tables_by_sequence: false,
    holds_attention_output: false,
    scaled_mixer: false,
    stream_in_fp32: false,
    adds_attention_first: false,
    heads_after_projections: false,
    saved: SavedOrder::HeadFirst,
    saved_layer: SavedLayer::BY_NAME,
    drops_with_input: false,
    begins_with_token: true,
    router: RouterCode::SoftmaxInFp32,
    expert_gate: GateCode::Halves,
    correction_bias_in_fp32: false,
    trains: true,
    of_megatron: false,
    measured: false,
    shared_expert_first: false,
    bidirectional: false,
    weights_as_softmax: false,
    drops_weights_too: false,
    drops_inside_feed_forward: false,
    decoder_mask: DecoderMask::None,
    holds_position_ids: false,
    biases_by_layer: false,
    scales_decoder_output: None,
    loss: LossCode::Shifted,
    modules: Modules::in_order(ModuleOrder::NormsLast),
    angles_by_product: false,
    shares_frequencies: false,
    counts_positions_once: false,
    experts_apart: false,
    recomputes: true,
    never_checkpoints: false,
    widened_by_model: false,
    flash_package: false,
    repeats_heads: false,
    frequencies_in_layers: false,
    scales_late: false,
    seeds_on_host: false,
    one_mask: false,
    earlier: Earlier::SAME,
    liger: None,
    compiles: false,
};

/// Families from before Llama: PyTorch's own layer norm, and no queries and keys turned as Llama does.
pub(super) const BEFORE_LLAMA: Implementation = Implementation {
    norm: NormCode::Fused,
    rotation: Rotation::None,
    hidden_dropout: true,
    returns_weights: true,
    saved: SavedOrder::LayersBeforeTables,
    modules: Modules::in_order(ModuleOrder::AsComputed),
    ..LLAMA_CODE
};

/// Encoders, whose tokens see each other in both directions.
pub(super) const ENCODER_CODE: Implementation = Implementation {
    norm: NormCode::Fused,
    bidirectional: true,
    embedding_dropout: true,
    hidden_dropout: true,
    layers_read_positions: false,
    ..LLAMA_CODE
};

/// Mixtral's experts: few and wide.
pub(super) const EXPERTS: ExpertDefaults = ExpertDefaults {
    count: 8,
    per_token: 2,
    intermediate_size: None,
    normalised: Normalisation::Always,
    shared: SharedDefault::None,
    first_dense: 0,
    groups: None,
    correction_bias: false,
    bias: false,
};

/// Many experts, each narrow.
pub(super) const MANY_EXPERTS: ExpertDefaults = ExpertDefaults {
    count: 64,
    per_token: 8,
    intermediate_size: None,
    normalised: Normalisation::Optional(false),
    shared: SharedDefault::None,
    first_dense: 0,
    groups: None,
    correction_bias: false,
    bias: false,
};

/// The experts of DeepSeek-V3 and of what was built after it.
pub(super) const DEEPSEEK_EXPERTS: ExpertDefaults = ExpertDefaults {
    count: 256,
    per_token: 8,
    intermediate_size: Some(2048),
    normalised: Normalisation::Optional(true),
    shared: SharedDefault::Several(1),
    first_dense: 3,
    groups: Some([1, 1]),
    correction_bias: true,
    bias: false,
};

/// Its latent attention.
pub(super) const DEEPSEEK_LATENT: LatentDefaults =
    LatentDefaults { query_rank: 1536, kv_rank: 512, nope_head_dim: 128, rope_head_dim: 64, value_head_dim: 128 };

/// Mamba-2 as Granite 4 and Bamba have it.
pub(super) const GRANITE_MAMBA: Mamba2Defaults =
    Mamba2Defaults { width: None, head_dim: None, state: 256, groups: 1, chunk: 256, norm: true };
