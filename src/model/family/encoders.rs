//! What encoders have outside their layers.

/// What an encoder has outside its layers, with the values of Transformers 5.23's config class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "which parts there are")]
pub struct EncoderDefaults {
    /// The class of the bare model and the one with a head for masked tokens, as `architectures` names them.
    pub classes: [&'static str; 2],
    /// `type_vocab_size`: rows of the table of token types, where tokens have one.
    pub token_types: Option<u64>,
    /// `embedding_size`: channels of all tables, of the norm behind them and of what the head reads, in families where those
    /// are not always the layers' (ELECTRA).
    pub embedding_size: Option<u64>,
    /// Whether the bare model ends in a pooler: a matrix over the first token.
    pub pooler: bool,
    /// `pad_token_id`, where positions are counted from the number after it.
    pub padding_token: Option<u64>,
    /// Bias of the matrix between the layers and the head (`classifier_bias`, where that is a key).
    pub transform_bias: bool,
    /// The activation after that matrix (`classifier_activation`); `None`: the feed-forward networks' own.
    pub transform_act: Option<&'static str>,
    /// Whether the head has a bias of its own beside the one that it is tied to, where it is not tied.
    pub second_bias: bool,
    /// Whether all layers are one, run over and over (ALBERT).
    pub shared_layers: bool,
    /// `relative_attention_num_buckets`: distances for which all layers have one table of biases of their scores (MPNet).
    pub distances: Option<u64>,
    /// Whether scores tell positions apart by a table of distances that passes through each layer's own matrices of queries and
    /// keys: disentangled attention (DeBERTa).
    pub disentangled: bool,
    /// Which layers see a part of the tokens, where some do.
    pub local: Option<LocalDefaults>,
}

/// Which layers see a part of the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalDefaults {
    /// `local_attention`: tokens on both sides together.
    pub window: u64,
    /// `global_attn_every_n_layers`: every so many-th layer, the first among them, sees all tokens.
    pub global_every: u64,
}
