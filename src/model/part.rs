//! The parts of transformers that hold parameters: what identifies a tensor, with one row of facts each.
//!
//! Whoever needs a fact about a tensor asks its part; a name is for people to read and decides nothing.

/// Which tensor of a part it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Piece {
    /// All there is of it.
    Whole,
    /// Its matrix, or the weight of a norm.
    Weight,
    /// Its bias.
    Bias,
    /// The matrix of an adapter down to the rank.
    LoraA,
    /// The matrix of an adapter up from the rank.
    LoraB,
    /// The length of each row of the matrix and its adapter together, where that is trained apart (`DoRA`).
    LoraMagnitude,
    /// The vector of an adapter that what comes in or goes out is multiplied by (`IA3`).
    Vector,
    /// The vector of an adapter of shared matrices that multiplies what comes out of it.
    VeraB,
    /// The one that multiplies what is between its matrices.
    VeraD,
    /// A copy of its matrix that is trained in its place.
    Copy,
    /// Some of its rows, which are trained in their place.
    Rows,
    /// What each block of what comes in is rotated by (`OFT`), the upper triangle of a skew-symmetric matrix.
    Rotation,
}

/// Where in a model a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// Before the layers.
    Embedding,
    /// A norm of a layer, before or after one of its halves.
    LayerNorm,
    /// Attention, or the recurrence in its place.
    Mixer,
    /// The decoder's attention to its encoder.
    CrossAttention,
    /// The feed-forward network, an expert that every token passes through included.
    FeedForward,
    /// What chooses experts.
    Router,
    /// The routed experts.
    Experts,
    /// One of the routed experts, where each is a module of its own.
    Expert,
    /// What stands beside a layer's two halves: indexers, compressors, further streams.
    Beside,
    /// Behind the layers.
    Head,
}

/// How tensor parallelism divides a matrix `[outputs, inputs]`, as Megatron-LM does. Transformers' `base_model_tp_plan`
/// divides most weights so too, but gathers what some of them give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// By outputs: each rank has some heads or channels.
    Column,
    /// By inputs, after which ranks sum what they have.
    Row,
    /// By rows of the vocabulary.
    Vocabulary,
    /// By experts.
    Expert,
    /// Not at all.
    Replicated,
}

/// When a matrix is kept in codes of a few bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codes {
    /// In quantized checkpoints and by bitsandbytes.
    Always,
    /// By bitsandbytes alone, which takes every linear layer that it meets.
    AtLoading,
    /// By bitsandbytes in programs that do not leave out the head.
    Throughout,
    /// Never.
    Never,
}

/// What is known of a part.
struct Facts {
    names: [&'static str; 12],
    site: Site,
    symbols: [&'static str; 2],
    split: Split,
    codes: Codes,
    modules: &'static [&'static str],
    targets: &'static [&'static str],
    gguf: &'static str,
}

macro_rules! parts {
    ($($part:ident: $words:literal, $site:ident, [$rows:literal $columns:literal], $split:ident, $codes:ident,
       [$($module:literal)*], [$($target:literal)*], $gguf:literal;)+) => {
        /// A part of a transformer that holds parameters.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the table says what each is")]
        pub enum Part { $($part),+ }

        impl Part {
            /// Every part.
            pub const ALL: &[Self] = &[$(Self::$part),+];

            const fn facts(self) -> &'static Facts {
                match self {
                    $(Self::$part => &Facts {
                        names: [
                            $words,
                            concat!($words, ".weight"),
                            concat!($words, ".bias"),
                            concat!($words, ".lora A"),
                            concat!($words, ".lora B"),
                            concat!($words, ".lora magnitude"),
                            concat!($words, ".ia3 vector"),
                            concat!($words, ".vera b"),
                            concat!($words, ".vera d"),
                            concat!($words, ".trained copy"),
                            concat!($words, ".trained rows"),
                            concat!($words, ".oft rotation"),
                        ],
                        site: Site::$site,
                        symbols: [$rows, $columns],
                        split: Split::$split,
                        codes: Codes::$codes,
                        modules: &[$($module),*],
                        targets: &[$($target),*],
                        gguf: $gguf,
                    },)+
                }
            }
        }
    };
}

// Part: words, site, symbols of rows and columns, split, codes, modules of Llama's class or the nearest like it, words of
// `train.lora_targets`, tensor of a GGUF file (`%` is the layer).
parts! {
    TokenEmbedding: "token embedding", Embedding, ["V" ""], Vocabulary, Never, ["embed_tokens"], [], "token_embd";
    TokenEmbeddingReplaced: "token embedding that was replaced", Embedding, ["" ""], Replicated, Never, [], [], "";
    PositionEmbedding: "position embedding", Embedding, ["" ""], Replicated, Never, [], [], "position_embd";
    EncoderPositionEmbedding: "encoder position embedding", Embedding, ["" ""], Replicated, Never, [], [], "";
    EncoderEmbeddingNorm: "encoder embedding norm", Embedding, ["" ""], Replicated, Never, [], [], "";
    TokenTypeEmbedding: "token type embedding", Embedding, ["" ""], Replicated, Never, [], [], "token_types";
    ClassToken: "class token", Embedding, ["" ""], Replicated, Never, [], [], "v.class_embd";
    PatchProjection: "patch projection", Embedding, ["" ""], Replicated, Never, [], [], "v.patch_embd";
    FrameProjection: "frame projection", Embedding, ["" ""], Replicated, Never, [], [], "";
    TilePositions: "tile positions", Embedding, ["" ""], Replicated, Never, [], [], "";
    TowerFirstNorm: "tower first norm", Embedding, ["" ""], Replicated, Never, [], [], "";
    EmbeddingNorm: "embedding norm", Embedding, ["" ""], Replicated, Never, [], [], "token_embd_norm";
    EmbeddingProjection: "embedding projection", Embedding, ["" ""], Replicated, AtLoading, [], [], "";
    PerLayerEmbedding: "per-layer embedding", Embedding, ["" ""], Replicated, Never, [], [], "per_layer_token_embd";
    PerLayerProjection: "per-layer projection", Embedding, ["" ""], Replicated, Never, [], [], "per_layer_model_proj";
    PerLayerProjectionNorm: "per-layer projection norm", Embedding, ["" ""], Replicated, Never, [], [], "per_layer_proj_norm";
    StreamsProjection: "streams.projection", Embedding, ["" ""], Replicated, Never, [], [], "altup_proj";
    StreamsProjectionBack: "streams.projection back", Embedding, ["" ""], Replicated, Never, [], [], "altup_unembd_proj";

    AttentionNorm: "attention norm", LayerNorm, ["h" ""], Replicated, Never, ["input_layernorm"], [], "blk.%.attn_norm";
    AttentionOutputNorm: "attention output norm", LayerNorm, ["" ""], Replicated, Never, [], [], "blk.%.post_attention_norm";
    CrossAttentionNorm: "cross attention norm", LayerNorm, ["h" ""], Replicated, Never, [], [], "dec.blk.%.cross_attn_norm";
    MixerNorm: "mixer norm", LayerNorm, ["" ""], Replicated, Never, [], [], "blk.%.attn_norm";
    FeedForwardNorm: "feed-forward norm", LayerNorm, ["h" ""], Replicated, Never, ["post_attention_layernorm"], [], "blk.%.ffn_norm";
    FeedForwardOutputNorm: "feed-forward output norm", LayerNorm, ["" ""], Replicated, Never, [], [], "blk.%.post_ffw_norm";
    DenseOutputNorm: "dense output norm", LayerNorm, ["" ""], Replicated, Never, [], [], "blk.%.post_ffw_norm_1";
    ExpertsNorm: "experts norm", LayerNorm, ["" ""], Replicated, Never, [], [], "blk.%.pre_ffw_norm_2";
    ExpertsOutputNorm: "experts output norm", LayerNorm, ["" ""], Replicated, Never, [], [], "blk.%.post_ffw_norm_2";
    PerLayerInputNorm: "per-layer input norm", LayerNorm, ["" ""], Replicated, Never, [], [], "blk.%.post_norm";
    LaurelNorm: "laurel norm", LayerNorm, ["" ""], Replicated, Never, [], [], "blk.%.laurel_post_norm";
    AttentionReadingNorm: "attention reading norm", LayerNorm, ["" ""], Replicated, Never, [], [], "";
    FeedForwardReadingNorm: "feed-forward reading norm", LayerNorm, ["" ""], Replicated, Never, [], [], "";

    AttentionScale: "attention scale", Beside, ["" ""], Replicated, Never, [], [], "";
    FeedForwardScale: "feed-forward scale", Beside, ["" ""], Replicated, Never, [], [], "";

    Query: "attention.query", Mixer, ["q" "h"], Column, Always, ["q_proj"], ["q"], "blk.%.attn_q";
    Key: "attention.key", Mixer, ["kv" "h"], Column, Always, ["k_proj"], ["k"], "blk.%.attn_k";
    Value: "attention.value", Mixer, ["kv" "h"], Column, Always, ["v_proj"], ["v"], "blk.%.attn_v";
    QueryKeyValue: "attention.query key value", Mixer, ["" ""], Column, Always, ["qkv_proj"], ["q" "k" "v"], "blk.%.attn_qkv";
    QueryDown: "attention.query down", Mixer, ["" ""], Replicated, Always, ["q_a_proj"], ["q"], "blk.%.attn_q_a";
    QueryUp: "attention.query up", Mixer, ["" ""], Column, Always, ["q_b_proj"], ["q"], "blk.%.attn_q_b";
    QueryNorm: "attention.query norm", Mixer, ["" ""], Replicated, Never, ["q_norm"], [], "blk.%.attn_q_norm";
    KeyNorm: "attention.key norm", Mixer, ["" ""], Replicated, Never, ["k_norm"], [], "blk.%.attn_k_norm";
    KeyValueDown: "attention.key value down", Mixer, ["" ""], Replicated, Always, ["kv_a_proj_with_mqa"], ["k" "v"], "blk.%.attn_kv_a_mqa";
    KeyValueNorm: "attention.key value norm", Mixer, ["" ""], Replicated, Never, ["kv_a_layernorm"], [], "blk.%.attn_kv_a_norm";
    KeyValueUp: "attention.key value up", Mixer, ["" ""], Column, Always, ["kv_b_proj"], ["k" "v"], "blk.%.attn_kv_b";
    AttentionOutput: "attention.output", Mixer, ["h" "q"], Row, Always, ["o_proj"], ["o"], "blk.%.attn_output";
    AttentionOutputDown: "attention.output down", Mixer, ["" ""], Column, Always, [], [], "";
    AttentionGate: "attention.gate", Mixer, ["" ""], Column, Always, [], [], "blk.%.attn_gate";
    HeadGate: "attention.head gate", Mixer, ["" ""], Column, Always, [], [], "";
    AttentionLinear: "attention.linear", Mixer, ["" ""], Replicated, Always, ["linear_attn"], [], "";
    Sinks: "attention.sinks", Mixer, ["" ""], Column, Never, ["sinks"], [], "blk.%.attn_sinks";
    DistanceBias: "attention.bias by distance", Mixer, ["" ""], Row, Never, ["relative_attention_bias"], [], "";

    CrossQuery: "cross attention.query", CrossAttention, ["q" "h"], Column, Always, ["q_proj"], ["q"], "dec.blk.%.cross_attn_q";
    CrossKey: "cross attention.key", CrossAttention, ["kv" "h"], Column, Always, ["k_proj"], ["k"], "dec.blk.%.cross_attn_k";
    CrossValue: "cross attention.value", CrossAttention, ["kv" "h"], Column, Always, ["v_proj"], ["v"], "dec.blk.%.cross_attn_v";
    CrossOutput: "cross attention.output", CrossAttention, ["h" "q"], Row, Always, ["o_proj"], ["o"], "dec.blk.%.cross_attn_o";

    Convolution: "mixer.convolution", Mixer, ["" ""], Column, Never, ["conv1d"], [], "blk.%.ssm_conv1d";
    MixerInput: "mixer.input", Mixer, ["" ""], Column, Always, ["in_proj"], [], "blk.%.ssm_in";
    MixerQuery: "mixer.query", Mixer, ["" ""], Column, Always, [], [], "";
    MixerKey: "mixer.key", Mixer, ["" ""], Column, Always, [], [], "";
    MixerValue: "mixer.value", Mixer, ["" ""], Column, Always, [], [], "";
    MixerQueryKeyValue: "mixer.query key value", Mixer, ["" ""], Column, Always, [], [], "";
    MixerQueryKeyValueGate: "mixer.query key value gate", Mixer, ["" ""], Column, Always, [], [], "";
    MixerGate: "mixer.gate", Mixer, ["" ""], Column, Always, [], [], "";
    MixerGateDown: "mixer.gate down", Mixer, ["" ""], Replicated, Always, [], [], "blk.%.ssm_g_a";
    MixerGateUp: "mixer.gate up", Mixer, ["" ""], Column, Always, [], [], "blk.%.ssm_g_b";
    UpdateRate: "mixer.update rate", Mixer, ["" ""], Column, Always, [], [], "blk.%.ssm_beta";
    UpdateRateAndDecay: "mixer.update rate and decay", Mixer, ["" ""], Column, Always, [], [], "blk.%.ssm_ba";
    Decay: "mixer.decay", Mixer, ["" ""], Column, Always, [], [], "blk.%.ssm_alpha";
    DecayDown: "mixer.decay down", Mixer, ["" ""], Replicated, Always, [], [], "blk.%.ssm_f_a";
    DecayUp: "mixer.decay up", Mixer, ["" ""], Column, Always, [], [], "blk.%.ssm_f_b";
    DecayBias: "mixer.decay bias", Mixer, ["" ""], Column, Never, ["dt_bias"], [], "";
    DecayRate: "mixer.decay rate", Mixer, ["" ""], Column, Never, ["A_log"], [], "blk.%.ssm_a";
    SkipWeight: "mixer.skip weight", Mixer, ["" ""], Column, Never, ["D"], [], "blk.%.ssm_d";
    StateProjection: "mixer.state projection", Mixer, ["" ""], Row, Always, ["x_proj"], [], "blk.%.ssm_x";
    StateInputNorm: "mixer.state input norm", Mixer, ["" ""], Replicated, Never, [], [], "blk.%.ssm_b_norm";
    StateOutputNorm: "mixer.state output norm", Mixer, ["" ""], Replicated, Never, [], [], "blk.%.ssm_c_norm";
    TimeStep: "mixer.time step", Mixer, ["" ""], Column, Always, ["dt_proj"], [], "blk.%.ssm_dt";
    TimeStepBias: "mixer.time step bias", Mixer, ["" ""], Column, Never, ["dt_bias"], [], "";
    TimeStepNorm: "mixer.time step norm", Mixer, ["" ""], Replicated, Never, [], [], "blk.%.ssm_dt_norm";
    InnerNorm: "mixer.norm", Mixer, ["" ""], Replicated, Never, [], [], "blk.%.ssm_norm";
    MixerOutput: "mixer.output", Mixer, ["" ""], Row, Always, ["out_proj"], [], "blk.%.ssm_out";

    Gate: "mlp.gate", FeedForward, ["f" "h"], Column, Always, ["gate_proj"], ["gate"], "blk.%.ffn_gate";
    Up: "mlp.up", FeedForward, ["f" "h"], Column, Always, ["up_proj"], ["up"], "blk.%.ffn_up";
    GateAndUp: "mlp.gate and up", FeedForward, ["" ""], Column, Always, ["gate_up_proj"], ["gate" "up"], "";
    Down: "mlp.down", FeedForward, ["h" "f"], Row, Always, ["down_proj"], ["down"], "blk.%.ffn_down";
    FeedForwardLinear: "mlp.linear", FeedForward, ["" ""], Replicated, Always, ["linear_mlp"], [], "";
    XieluPositive: "mlp.activation.alpha_p", FeedForward, ["" ""], Replicated, Never, ["alpha_p"], [], "";
    XieluNegative: "mlp.activation.alpha_n", FeedForward, ["" ""], Replicated, Never, ["alpha_n"], [], "";

    Router: "router", Router, ["E" "h"], Replicated, Never, ["gate"], [], "blk.%.ffn_gate_inp";
    RouterModule: "router.linear", Router, ["E" "h"], Replicated, AtLoading, [], [], "";
    RouterScale: "router.scale", Router, ["" ""], Replicated, Never, [], [], "";
    RouterScaleOfEach: "router.scale of each expert", Router, ["" ""], Replicated, Never, [], [], "";
    ExpertsGateAndUp: "experts.gate and up", Experts, ["2m" ""], Expert, Always, ["gate_proj" "up_proj"], ["gate" "up"], "blk.%.ffn_gate_up_exps";
    ExpertsUp: "experts.up", Experts, ["" ""], Expert, Always, [], [], "blk.%.ffn_up_exps";
    ExpertsDown: "experts.down", Experts, ["" "m"], Expert, Always, ["down_proj"], ["down"], "blk.%.ffn_down_exps";
    ExpertGate: "expert.gate", Expert, ["m" "h"], Expert, Always, ["gate_proj"], ["gate"], "";
    ExpertUp: "expert.up", Expert, ["m" "h"], Expert, Always, ["up_proj"], ["up"], "";
    ExpertDown: "expert.down", Expert, ["h" "m"], Expert, Always, ["down_proj"], ["down"], "";
    LatentDown: "experts.latent down", Experts, ["" ""], Replicated, Always, [], [], "blk.%.ffn_latent_down";
    LatentNorm: "experts.latent norm", Experts, ["" ""], Replicated, Never, [], [], "";
    LatentUp: "experts.latent up", Experts, ["" ""], Replicated, Always, [], [], "blk.%.ffn_latent_up";
    SharedExpertGate: "shared expert gate", FeedForward, ["" ""], Replicated, AtLoading, ["shared_expert_gate"], [], "blk.%.ffn_gate_inp_shexp";

    IndexerQuery: "indexer.query", Beside, ["" ""], Replicated, Always, [], [], "blk.%.indexer.attn_q_b";
    IndexerKey: "indexer.key", Beside, ["" ""], Replicated, Always, [], [], "blk.%.indexer.attn_k";
    IndexerGate: "indexer.gate", Beside, ["" ""], Replicated, Always, [], [], "";
    IndexerHeadWeights: "indexer.head weights", Beside, ["" ""], Replicated, Always, [], [], "blk.%.indexer.proj";
    IndexerQueryNorm: "indexer.query norm", Beside, ["" ""], Replicated, Never, [], [], "";
    IndexerKeyNorm: "indexer.key norm", Beside, ["" ""], Replicated, Never, [], [], "blk.%.indexer.k_norm";
    IndexerPositionBias: "indexer.position bias", Beside, ["" ""], Replicated, Never, [], [], "";
    CompressorKey: "compressor.key", Beside, ["" ""], Replicated, Always, [], [], "";
    CompressorGate: "compressor.gate", Beside, ["" ""], Replicated, Always, [], [], "";
    CompressorKeyNorm: "compressor.key norm", Beside, ["" ""], Replicated, Never, [], [], "";
    CompressorPositionBias: "compressor.position bias", Beside, ["" ""], Replicated, Never, [], [], "";
    AttentionStreams: "attention streams", Beside, ["" ""], Replicated, Always, [], [], "";
    AttentionStreamScales: "attention streams.scales", Beside, ["" ""], Replicated, Never, [], [], "";
    FeedForwardStreams: "feed-forward streams", Beside, ["" ""], Replicated, Always, [], [], "";
    FeedForwardStreamScales: "feed-forward streams.scales", Beside, ["" ""], Replicated, Never, [], [], "";
    FinalStreams: "final streams", Head, ["" ""], Replicated, Never, [], [], "";
    FinalStreamScales: "final streams.scales", Head, ["" ""], Replicated, Never, [], [], "";
    AttentionReading: "attention reading", Beside, ["" ""], Replicated, Always, [], [], "";
    FeedForwardReading: "feed-forward reading", Beside, ["" ""], Replicated, Always, [], [], "";
    LaurelDown: "laurel.down", Beside, ["" ""], Replicated, Always, [], [], "blk.%.laurel_l";
    LaurelUp: "laurel.up", Beside, ["" ""], Replicated, Always, [], [], "blk.%.laurel_r";
    StreamsCorrection: "streams.correction", Beside, ["" ""], Replicated, Always, [], [], "blk.%.altup_correct_coef";
    StreamsPrediction: "streams.prediction", Beside, ["" ""], Replicated, Always, [], [], "blk.%.altup_predict_coef";
    StreamsRouter: "streams.router", Beside, ["" ""], Replicated, Always, [], [], "blk.%.altup_router";
    StreamsRouterNorm: "streams.router norm", Beside, ["" ""], Replicated, Never, [], [], "blk.%.altup_router_norm";
    StreamsOutputScale: "streams.output scale", Beside, ["" ""], Replicated, Never, [], [], "blk.%.altup_correct_scale";
    PerLayerInputGate: "per-layer input.gate", Beside, ["" ""], Replicated, Always, [], [], "blk.%.inp_gate";
    PerLayerInputProjection: "per-layer input.projection", Beside, ["" ""], Replicated, Always, [], [], "blk.%.proj";

    TowerLastNorm: "tower last norm", Head, ["" ""], Replicated, Never, [], [], "";
    NeckConvolution: "neck.convolution", Head, ["" ""], Replicated, Never, [], [], "";
    NeckNorm: "neck.norm", Head, ["" ""], Replicated, Never, [], [], "";
    PoolingQuery: "pooling query", Head, ["" ""], Replicated, Never, [], [], "";
    ImageNewline: "projector.newline", Head, ["" ""], Replicated, Never, [], [], "";
    ProjectorNorm: "projector.norm", Head, ["" ""], Replicated, Never, [], [], "";
    Latents: "projector.latents", Head, ["" ""], Replicated, Never, [], [], "";
    ContextNorm: "context norm", Head, ["" ""], Replicated, Never, [], [], "";
    ProjectorConvolution: "projector.convolution", Head, ["" ""], Replicated, Never, [], [], "";
    ProjectorShuffle: "projector.shuffle", Head, ["" ""], Replicated, AtLoading, [], [], "";
    ProjectorIn: "projector.in", Head, ["" ""], Replicated, AtLoading, [], [], "";
    ProjectorOut: "projector.out", Head, ["" ""], Replicated, AtLoading, [], [], "";
    EncoderFinalNorm: "encoder final norm", Head, ["" ""], Replicated, Never, [], [], "enc.output_norm";
    FinalNorm: "final norm", Head, ["h" ""], Replicated, Never, ["norm"], [], "output_norm";
    DistanceEmbedding: "distance embedding", Head, ["" ""], Replicated, Never, ["rel_embeddings"], [], "";
    DistanceNorm: "distance norm", Head, ["" ""], Replicated, Never, [], [], "";
    FinalReading: "final reading", Head, ["" ""], Replicated, Never, [], [], "";
    FinalReadingNorm: "final reading norm", Head, ["" ""], Replicated, Never, [], [], "";
    Pooler: "pooler", Head, ["" ""], Replicated, Never, [], [], "cls";
    Classifier: "classifier", Head, ["" ""], Replicated, Never, [], [], "cls.output";
    HeadTransform: "head transform", Head, ["" ""], Replicated, Never, [], [], "";
    HeadNorm: "head norm", Head, ["" ""], Replicated, Never, [], [], "";
    HeadProjection: "head projection", Head, ["" ""], Replicated, AtLoading, [], [], "";
    Head: "head", Head, ["V" ""], Vocabulary, Throughout, ["lm_head"], ["head"], "output";
    HeadSecondBias: "head.second bias", Head, ["V" ""], Vocabulary, Never, [], [], "";
}

impl Part {
    /// The name of one of its tensors, in plain words, such as `attention.query.weight`.
    pub const fn name(self, piece: Piece) -> &'static str {
        self.facts().names[piece as usize]
    }

    /// The name of the part itself, such as `attention.query`.
    pub const fn words(self) -> &'static str {
        self.name(Piece::Whole)
    }

    /// Where it is.
    pub const fn site(self) -> Site {
        self.facts().site
    }

    /// What formulas call its rows and columns; empty where only their sizes are known.
    pub const fn symbols(self) -> [&'static str; 2] {
        self.facts().symbols
    }

    /// How tensor parallelism divides it.
    pub const fn split(self) -> Split {
        self.facts().split
    }

    /// When its matrix is kept in codes.
    pub const fn codes(self) -> Codes {
        self.facts().codes
    }

    /// What modules are called that hold it, where a family does not call them otherwise.
    pub const fn modules(self) -> &'static [&'static str] {
        self.facts().modules
    }

    /// The words of `train.lora_targets` that mean it in every family.
    pub const fn targets(self) -> &'static [&'static str] {
        self.facts().targets
    }

    /// The tensor of a GGUF file, `%` for the layer; empty where llama.cpp has none.
    pub const fn gguf(self) -> &'static str {
        self.facts().gguf
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_parts_have_one_name() {
        let names: HashSet<&str> = Part::ALL.iter().map(|part| part.words()).collect();
        assert_eq!(names.len(), Part::ALL.len());
        assert_eq!(Part::Query.name(Piece::LoraA), "attention.query.lora A");
        assert_eq!(Part::Sinks.name(Piece::Whole), "attention.sinks");
    }

    /// Attention and feed-forward networks are divided by heads and channels on the way in, and summed on the way out.
    #[test]
    fn what_is_divided_by_columns_is_summed_by_rows() {
        for (inputs, output) in [
            (&[Part::Query, Part::Key, Part::Value, Part::QueryKeyValue][..], Part::AttentionOutput),
            (&[Part::CrossQuery, Part::CrossKey, Part::CrossValue], Part::CrossOutput),
            (&[Part::Gate, Part::Up, Part::GateAndUp], Part::Down),
            (&[Part::MixerInput, Part::MixerQueryKeyValue, Part::MixerGate], Part::MixerOutput),
        ] {
            assert!(inputs.iter().all(|part| part.split() == Split::Column), "{inputs:?}");
            assert_eq!(output.split(), Split::Row, "{output:?}");
        }
        let norms = Part::ALL.iter().filter(|part| part.site() == Site::LayerNorm);
        assert!(norms.into_iter().all(|part| part.split() == Split::Replicated && part.codes() == Codes::Never));
    }

    /// The names that llama.cpp's own tables have.
    #[test]
    fn tensors_of_gguf_files_are_llama_cpps() {
        let known: HashSet<&str> = include_str!("../../tests/reference/gguf_tensors.txt").lines().collect();
        let named: Vec<&str> = Part::ALL.iter().map(|part| part.gguf()).filter(|name| !name.is_empty()).collect();
        assert!(named.len() > 70);
        let unknown: Vec<&&str> = named.iter().filter(|name| !known.contains(**name)).collect();
        assert_eq!(unknown, Vec::<&&str>::new());
    }

    /// What five families or more of Transformers have in their plans.
    #[test]
    fn parts_are_divided_as_transformers_plans_divide_them() {
        let mut held = 0;
        for line in include_str!("../../tests/reference/tp_plans.txt").lines() {
            let [module, style, families] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let split = match style {
                "colwise" | "colwise_gather_output" | "packed_colwise" => Split::Column,
                "rowwise" | "rowwise_split_input" => Split::Row,
                "replicated_with_grad_allreduce" | "mla_kv_a_proj" => Split::Replicated,
                _ => continue,
            };
            let (often, experts) = (families.parse::<u64>().unwrap() >= 5, |part: &&Part| {
                matches!(part.site(), Site::Experts | Site::Expert)
            });
            let named = Part::ALL.iter().filter(|part| part.modules() == [module] && !experts(part));
            for part in named.filter(|_| often) {
                assert_eq!(part.split(), split, "{part:?}: {line}");
                held += 1;
            }
        }
        assert!(held >= 10, "{held}");
    }

    #[test]
    fn words_of_lora_targets_mean_what_they_say() {
        for (word, part) in
            [("q", Part::Query), ("o", Part::AttentionOutput), ("down", Part::Down), ("gate", Part::Gate)]
        {
            assert_eq!(part.targets(), [word]);
        }
    }
}
