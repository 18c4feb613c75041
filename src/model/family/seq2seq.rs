//! Two stacks of a family: an encoder, and a decoder that attends to what it gives.

/// What a family of two stacks has, with the values of Transformers 5.23's config class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seq2SeqDefaults {
    /// The classes with both stacks and a head, as `architectures` names them, the usual one first.
    pub classes: &'static [&'static str],
    /// The bias that scores have by distance, in families without tables of positions (T5).
    pub distances: Option<DistanceDefaults>,
    /// The decoder's layers, where the class says them apart from the encoder's.
    pub decoder: Option<DecoderDefaults>,
    /// The tables of positions of the encoder and of the decoder, where positions have any.
    pub positions: [PositionTable; 2],
    /// What its encoder reads in place of tokens, where that is sound (Whisper).
    pub sounds: Option<SoundDefaults>,
    /// Whether keys have no bias where queries and values have one.
    pub unbiased_keys: bool,
    /// Whether a constant is added to logits, which is a buffer: `final_logits_bias`.
    pub logits_bias: bool,
}

/// What the layers of a decoder are like, where a class does not take them to be as the encoder's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecoderDefaults {
    /// `decoder_layers`.
    pub layers: u64,
    /// `decoder_attention_heads`.
    pub heads: u64,
    /// `decoder_ffn_dim`.
    pub intermediate_size: u64,
}

/// What T5 and its kin have for positions, and for their feed-forward networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DistanceDefaults {
    /// `relative_attention_num_buckets`: distances that a bias of scores tells apart.
    pub buckets: u64,
    /// Whether every layer has a table of those biases, and not only the first of each stack.
    pub bias_in_every_layer: bool,
    /// `feed_forward_proj`.
    pub feed_forward: &'static str,
}

/// What becomes of a table of positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionTable {
    /// It is learned.
    Learned,
    /// The class computes and freezes it. `from_pretrained` of Transformers 5.23 makes every parameter anew, and trainable:
    /// `core_model_loading.py`.
    FrozenUntilLoaded,
    /// It is computed, and read without a gradient.
    Unreached,
    /// The same, and it is no parameter but a buffer.
    Buffer,
}

impl PositionTable {
    /// Whether a step trains it, of a model that was loaded or made on the card.
    pub fn is_trained(self, loaded: bool) -> bool {
        self == Self::Learned || self == Self::FrozenUntilLoaded && loaded
    }
}

/// What an encoder of sounds reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoundDefaults {
    /// `num_mel_bins`: numbers for each frame of a spectrogram.
    pub mel_bins: u64,
    /// `max_source_positions`: tokens that every sound becomes, one of two frames.
    pub positions: u64,
}
