//! The keys of an `[architecture]`, as people write them: each with its meaning, its type, and the other names that
//! classes of Transformers have for it.

use serde::{Deserialize, Serialize};

use super::{Keyed, Sides, Source, keys};

keys! {
    /// The `[architecture]` table of a model preset: Hugging Face `config.json` keys.
    ///
    /// Every key may be left out; [`Architecture::resolve`](crate::model::Architecture::resolve) then takes the family's
    /// default or says which one it needs.
    pub struct ArchitectureKeys {
        /// Width of the residual stream.
        hidden_size: Option<u64> | "n_embd" | "n_embed" | "d_model",
        /// Number of layers; of the encoder where there is a decoder beside it.
        num_hidden_layers: Option<u64> | "n_layer" | "n_layers" | "num_layers",
        /// Query heads.
        num_attention_heads: Option<u64> | "n_head" | "n_heads" | "num_heads",
        /// Key and value heads; as many as query heads where absent.
        num_key_value_heads: Option<u64> | "num_kv_heads",
        /// Channels of one head; `hidden_size / num_attention_heads` where absent.
        head_dim: Option<u64>,
        /// Width of the feed-forward network.
        intermediate_size: Option<u64> | "n_inner" | "ffn_dim" | "ffn_hidden_size",
        /// Rows of the embedding table.
        vocab_size: Option<u64>,
        /// Longest sequence; rows of the position table where positions are learned.
        max_position_embeddings: Option<u64> | "n_positions" | "max_seq_len",
        /// Whether the head shares the embedding's matrix.
        tie_word_embeddings: Option<bool>,
        /// Bias of the query, key and value projections.
        attention_bias: Option<bool>,
        /// Bias of the attention output projection; follows `attention_bias` where that decides both (Llama).
        attention_output_bias: Option<bool>,
        /// Bias of the feed-forward projections.
        mlp_bias: Option<bool>,
        /// Bias of the head.
        lm_head_bias: Option<bool>,
        /// Activation function, by its Hugging Face name.
        hidden_act: Option<String> | "hidden_activation" | "activation_function" | "activation",
        /// GPT-J: channels of a head that rotate.
        rotary_dim: Option<u64>,
        /// Share of a head's channels that rotate, from 0 to 1.
        partial_rotary_factor: Option<f64> | "rotary_pct",
        /// GPT-NeoX: whether attention and feed-forward run side by side.
        use_parallel_residual: Option<bool>,
        /// Tokens that a layer's attention sees; 0 or absent: all of them.
        sliding_window: Option<u64>,
        /// Where only some layers have a window: every so many-th sees all tokens.
        sliding_window_pattern: Option<u64>,
        /// `sliding_attention` or `full_attention` for each layer, where that follows no pattern.
        layer_types: Option<Vec<String>>,
        /// Every so many-th layer does not rotate queries and keys.
        no_rope_layer_interval: Option<u64>,
        /// For each layer 1 if it rotates, 0 if not, where that follows no interval.
        no_rope_layers: Option<Vec<u64>>,
        /// Whether queries and keys are normed, where a family leaves it open.
        use_qk_norm: Option<bool>,
        /// Soft cap of attention scores; 0: none.
        attn_logit_softcapping: Option<f64>,
        /// Soft cap of logits; 0: none.
        final_logit_softcapping: Option<f64>,
        /// Dropout of attention weights.
        attention_dropout: Option<f64> | "attn_pdrop",
        /// Dropout before a residual is added.
        hidden_dropout: Option<f64> | "resid_pdrop",
        /// Dropout after the embedding.
        embedding_dropout: Option<f64> | "embd_pdrop",
        /// The class of the model, by its name in Transformers: bare, with its head, or one that scores sequences or tokens.
        /// Where absent that of words, and of encoders and models of images the bare one.
        architectures: Option<Vec<String>>,
        /// Classes that sequences, tokens or images can be of; of images 0: the classifier is left out.
        num_labels: Option<u64>,
        /// Dropout before the scores of classes; the family's own where absent.
        classifier_dropout: Option<f64>,
        /// Routed experts of a layer.
        num_experts: Option<u64> | "num_local_experts" | "n_routed_experts",
        /// Experts that compute each token.
        num_experts_per_tok: Option<u64>,
        /// Width of one routed expert; `intermediate_size` where absent (Mixtral).
        moe_intermediate_size: Option<u64>,
        /// Width of the expert that computes every token.
        shared_expert_intermediate_size: Option<u64>,
        /// Whether the weights of the chosen experts are made to add up to one.
        norm_topk_prob: Option<bool>,
        /// Every so many layers, one has experts; 1 where absent.
        decoder_sparse_step: Option<u64>,
        /// Layers without experts, counted from 0.
        mlp_only_layers: Option<Vec<u64>>,
        /// Experts that compute every token, as one of their widths together.
        n_shared_experts: Option<u64>,
        /// Dense layers before the first with experts.
        first_k_dense_replace: Option<u64>,
        /// Groups from which experts are chosen.
        n_group: Option<u64>,
        /// Groups that are chosen for each token.
        topk_group: Option<u64>,
        /// Whether one key and value head serves all query heads, in families that know no other number but all or one.
        multi_query: Option<bool>,
        /// Falcon: whether attention and feed-forward run side by side.
        parallel_attn: Option<bool>,
        /// Falcon: whether keys and values are grouped, attention and feed-forward side by side in any case.
        new_decoder_architecture: Option<bool>,
        /// Falcon: norms before the two where keys and values are grouped; 2 where absent.
        num_ln_in_parallel_attn: Option<u64>,
        /// BLOOM: whether what is normed is the residual too.
        apply_residual_connection_post_layernorm: Option<bool>,
        /// OPT: width of the embedding, where it is not that of the residual stream.
        word_embed_proj_dim: Option<u64>,
        /// OPT: whether norms come before attention and feed-forward, not after their residuals.
        do_layer_norm_before: Option<bool>,
        /// OPT: whether the final norm is left out all the same.
        remove_final_layer_norm as "_remove_final_layer_norm": Option<bool>,
        /// OPT: whether norms have weights and biases.
        layer_norm_elementwise_affine: Option<bool>,
        /// Latent attention: width of the compressed query; 0: queries are not compressed.
        q_lora_rank: Option<u64>,
        /// Latent attention: width of the compressed keys and values.
        kv_lora_rank: Option<u64>,
        /// Latent attention: channels of a head that do not rotate.
        qk_nope_head_dim: Option<u64>,
        /// Latent attention: channels of a head that rotate.
        qk_rope_head_dim: Option<u64>,
        /// Latent attention: channels of a head's values.
        v_head_dim: Option<u64>,
        /// Latent attention: whether its output is multiplied by a gate (Kimi K3).
        mla_use_output_gate: Option<bool>,
        /// The type in which the weights were published.
        torch_dtype: Option<String>,
        /// How they were quantized where `torch_dtype` has no word for it: the first for all matrices of layers that no other
        /// is for.
        #[serde(skip_serializing_if = "Option::is_none")]
        quantization_config: Option<Vec<QuantizationKeys>>,
        /// What newer families do otherwise.
        #[serde(flatten)]
        variant: VariantKeys,
        /// What each layer is, where they differ one by one.
        #[serde(flatten)]
        blocks: BlockKeys,
        /// Compressed attention and mixed streams.
        #[serde(flatten)]
        compressed: CompressedKeys,
        /// What encoders have outside their layers.
        #[serde(flatten)]
        encoder: EncoderKeys,
        /// An encoder and a decoder in one model.
        #[serde(flatten)]
        seq2seq: Seq2SeqKeys,
        /// Tokens that are patches of an image.
        #[serde(flatten)]
        image: ImageKeys,
        /// The vision or audio tower beside a decoder, and its projector.
        #[serde(skip_serializing_if = "Option::is_none")]
        tower: Option<TowerKeys>,
        /// Width that routed experts work in, where the stream is projected down to it.
        moe_latent_size: Option<u64>,
        /// Whether what they give there is normed before it is projected back (Kimi K3).
        latent_moe_use_norm: Option<bool>,
        /// Which layers have which mixer, where not all have the same.
        #[serde(flatten)]
        hybrid: HybridKeys,
        /// Dimensions of recurrent mixers.
        #[serde(flatten)]
        recurrent: RecurrentKeys,
    }
}

keys! {
    /// The keys of an `[architecture]` that only these families read.
    pub struct VariantKeys {
        /// Gemma 4: channels of a head in the layers without a window.
        global_head_dim: Option<u64>,
        /// Gemma 4: key and value heads of the layers without a window, where their keys are their values.
        num_global_key_value_heads: Option<u64>,
        /// Gemma 4: whether the layers without a window project no values: they are the keys.
        attention_k_eq_v: Option<bool>,
        /// Gemma: so many last layers attend to the keys and values of earlier ones.
        num_kv_shared_layers: Option<u64>,
        /// Gemma 4: whether those layers have a feed-forward network twice as wide.
        use_double_wide_mlp: Option<bool>,
        /// Gemma: width of the vector that each token has for each layer; 0: there is none.
        hidden_size_per_layer_input: Option<u64>,
        /// Gemma: rows of the table of those vectors.
        vocab_size_per_layer_input: Option<u64>,
        /// Gemma 3n: rank of the projection beside attention.
        laurel_rank: Option<u64>,
        /// Gemma 3n: residual streams.
        altup_num_inputs: Option<u64>,
        /// Gemma 3n: for each layer the share of its gate's channels that stay shut; 0: the gate is as it was projected.
        activation_sparsity_pattern: Option<Vec<f64>>,
        /// Heads of the indexer that chooses which tokens are attended to.
        index_n_heads: Option<u64>,
        /// Channels of a head of the indexer.
        index_head_dim: Option<u64>,
        /// For each layer `full` where it has an indexer of its own, `shared` where it takes an earlier one's choice.
        indexer_types: Option<Vec<String>>,
        /// Kimi K3: the stream is kept before every so many layers, and each half reads what was kept.
        attn_res_block_size: Option<u64>,
        /// Llama 4: width of the feed-forward networks of layers without experts.
        intermediate_size_mlp: Option<u64>,
        /// Llama 3.2 Vision: layers, counted from 0, that attend to images and not to the sequence.
        cross_attention_layers: Option<Vec<u64>>,
    }
}

keys! {
    /// The keys of an `[architecture]` that say of each layer what it is.
    pub struct BlockKeys {
        /// For each layer its key and value heads; 0: it has no attention.
        num_key_value_heads_per_layer: Option<Vec<u64>>,
        /// For each layer the width of its feed-forward network; 0: it has none.
        intermediate_size_per_layer: Option<Vec<u64>>,
        /// Layers, counted from 0, with one square matrix in place of attention.
        attention_replaced_with_linear: Option<Vec<u64>>,
        /// Layers, counted from 0, with one square matrix in place of the feed-forward network.
        mlp_replaced_with_linear: Option<Vec<u64>>,
    }
}

keys! {
    /// The keys of an `[architecture]` that only these families read.
    pub struct CompressedKeys {
        /// For each layer how many tokens become one: 0 (it has its window alone), 4 or 128; what follows the last layer is
        /// that of layers that predict further tokens.
        compress_ratios: Option<Vec<u64>>,
        /// Groups of heads in the output projection.
        o_groups: Option<u64>,
        /// What each group is projected to first.
        o_lora_rank: Option<u64>,
        /// Residual streams.
        hc_mult: Option<u64>,
        /// First layers whose experts are looked up by the token's number.
        num_hash_layers: Option<u64>,
    }
}

keys! {
    /// The keys of an `[architecture]` that only encoders read.
    pub struct EncoderKeys {
        /// Rows of the table of token types.
        type_vocab_size: Option<u64>,
        /// RoBERTa: the token of padding; positions are counted from the number after it.
        pad_token_id: Option<u64>,
        /// DeBERTa: buckets of distances to either side.
        position_buckets: Option<u64>,
        /// ModernBERT: tokens that a local layer sees, on both sides together.
        local_attention: Option<u64>,
        /// ModernBERT: every so many-th layer, the first among them, sees all tokens.
        global_attn_every_n_layers: Option<u64>,
        /// ModernBERT: whether norms have a bias.
        norm_bias: Option<bool>,
        /// ModernBERT: bias of the matrix between the layers and the head.
        classifier_bias: Option<bool>,
        /// ModernBERT: the activation after that matrix.
        classifier_activation: Option<String>,
    }
}

keys! {
    /// The keys of an `[architecture]` that only an encoder with a decoder reads.
    pub struct Seq2SeqKeys {
        /// Layers of the decoder; where absent as many as T5's encoder has, or those of the class.
        num_decoder_layers: Option<u64> | "decoder_layers",
        /// Heads of a layer of the decoder; those of the class where absent.
        decoder_attention_heads: Option<u64>,
        /// Width of the decoder's feed-forward networks; that of the class where absent.
        decoder_ffn_dim: Option<u64>,
        /// Dropout behind the activation of a feed-forward network.
        activation_dropout: Option<f64>,
        /// Whisper: numbers for each frame of a spectrogram.
        num_mel_bins: Option<u64>,
        /// Whisper: tokens that every sound becomes.
        max_source_positions: Option<u64>,
        /// Distances that a bias of scores tells apart; an encoder's too (MPNet).
        relative_attention_num_buckets: Option<u64>,
        /// An activation by its name, with `gated-` before it where it is that of a gate.
        feed_forward_proj: Option<String>,
    }
}

keys! {
    /// The keys of an `[architecture]` that only models of images read.
    pub struct ImageKeys {
        /// Pixels of an image.
        image_size: Option<Sides>,
        /// Pixels of a patch.
        patch_size: Option<Sides>,
        /// Numbers for each pixel.
        num_channels: Option<u64>,
        /// Width of the bare model's pooler; that of the stream where absent.
        pooler_output_size: Option<u64>,
    }
}

keys! {
    /// The keys of an `[architecture.tower]`: those of a `vision_config` or an `audio_config`, and those of the projector
    /// that stand in the configuration around it.
    pub struct TowerKeys {
        /// The `model_type` of the class around it, which has the projector.
        composite: Option<String>,
        /// The tower's own `model_type`; the class's usual one where absent.
        model_type: Option<String>,
        /// Width of the stream; of Qwen2-VL that of the decoder.
        hidden_size: Option<u64> | "d_model",
        /// Qwen2-VL: width of the stream.
        embed_dim: Option<u64>,
        /// Qwen2-VL: width of the feed-forward network, as a multiple of the stream's.
        mlp_ratio: Option<f64>,
        /// Width of the feed-forward network.
        intermediate_size: Option<u64> | "encoder_ffn_dim" | "mlp_dim",
        /// Layers.
        num_hidden_layers: Option<u64> | "depth" | "encoder_layers",
        /// Heads.
        num_attention_heads: Option<u64> | "num_heads" | "attention_heads" | "encoder_attention_heads",
        /// Key and value heads, where they are fewer.
        num_key_value_heads: Option<u64>,
        /// Channels of a head.
        head_dim: Option<u64>,
        /// Pixels of an image, or of a tile of one.
        image_size: Option<Sides>,
        /// Pixels of a patch.
        patch_size: Option<Sides>,
        /// Numbers for each pixel.
        num_channels: Option<u64> | "in_channels" | "in_chans",
        /// Images of a video that become one patch.
        temporal_patch_size: Option<u64>,
        /// Rows of the table of positions, where they do not follow from the image.
        num_positions: Option<u64> | "num_position_embeddings" | "num_patches" | "max_source_positions" | "position_embedding_size",
        /// Whether SigLIP's pooling head stands behind the layers.
        vision_use_head: Option<bool>,
        /// InternVL, GLM-4.1V and SAM: bias of queries, keys and values.
        attention_bias: Option<bool> | "qkv_bias",
        /// SAM: tokens of a side of a window; 0: there are none.
        window_size: Option<u64>,
        /// SAM: layers, counted from 0, whose attention sees all tokens.
        global_attn_indexes: Option<Vec<u64>>,
        /// SAM: whether tokens have positions that are added.
        use_abs_pos: Option<bool>,
        /// SAM: whether scores have a term by distance, along each side.
        use_rel_pos: Option<bool>,
        /// SAM: channels of what its neck gives.
        output_channels: Option<u64>,
        /// InternVL: whether queries and keys are normed.
        use_qk_norm: Option<bool>,
        /// InternVL: `layer_norm` or `rms_norm`.
        norm_type: Option<String>,
        /// InternVL: whether tokens are averaged, which leaves out the last norm.
        use_mean_pooling: Option<bool>,
        /// Llama 3.2: layers behind the others, with gates.
        num_global_layers: Option<u64>,
        /// Llama 3.2: tiles that an image is cut into.
        max_num_tiles: Option<u64>,
        /// Llama 3.2: shapes that an image may be cut to.
        num_aspect_ratios: Option<u64>,
        /// Llama 3.2: layers, counted from 0, whose outputs the projector reads beside the last one's.
        intermediate_layers_indices: Option<Vec<u64>>,
        /// Llama 3.2 and 4: width of what the projector reads.
        vision_output_dim: Option<u64>,
        /// Llama 4: width between the tower's own two matrices.
        projector_input_dim: Option<u64>,
        /// Llama 4: width behind them.
        projector_output_dim: Option<u64>,
        /// Llama 4: share of a side's tokens that are left.
        pixel_shuffle_ratio: Option<f64>,
        /// Idefics 2: vectors that each image becomes.
        resampler_n_latents: Option<u64>,
        /// Idefics 2: layers in which they attend to it.
        resampler_depth: Option<u64>,
        /// Idefics 2: query heads of these.
        resampler_n_heads: Option<u64>,
        /// Idefics 2: channels of a head of these.
        resampler_head_dim: Option<u64>,
        /// Idefics 2: key and value heads of these, `num_key_value_heads` of `perceiver_config`.
        resampler_num_key_value_heads: Option<u64>,
        /// Idefics 2: width of the network before them, `intermediate_size` of `text_config`.
        text_intermediate_size: Option<u64>,
        /// Mel frequencies of a spectrogram.
        num_mel_bins: Option<u64>,
        /// Gemma 4: patches of a side that are averaged.
        pooling_kernel_size: Option<u64>,
        /// Qwen: width of the decoder.
        out_hidden_size: Option<u64>,
        /// Qwen3-VL: layers whose outputs reach the decoder's first layers.
        deepstack_visual_indexes: Option<Vec<u64>>,
        /// Patches of a side that become one token.
        spatial_merge_size: Option<u64>,
        /// PaliGemma: width of the decoder.
        projection_dim: Option<u64>,
        /// LFM2-VL: width between the projector's matrices.
        projector_hidden_size: Option<u64>,
        /// LFM2-VL: bias of the projector's matrices.
        projector_bias: Option<bool>,
        /// LFM2-VL: whether a norm comes before them.
        projector_use_layernorm: Option<bool>,
        /// LLaVA and Mistral 3: bias of the projector's matrices.
        multimodal_projector_bias: Option<bool>,
        /// Idefics 3 and SmolVLM: patches of a side that become one token.
        scale_factor: Option<u64>,
        /// LFM2-VL: the same.
        downsample_factor: Option<u64>,
        /// InternVL: share of a side's tokens that are left.
        downsample_ratio: Option<f64>,
        /// Gemma: tokens of an image in the sequence.
        mm_tokens_per_image: Option<u64> | "vision_soft_tokens_per_image",
        /// Layers whose outputs the projector reads side by side; 1 where absent.
        vision_feature_layers: Option<u64>,
        /// LLaVA: `default` leaves out the class token, `full` does not.
        vision_feature_select_strategy: Option<String>,
        /// LLaVA-NeXT: heights and widths that an image is cut to, one after the other.
        image_grid_pinpoints: Option<Vec<u64>>,
    }
}

keys! {
    /// How matrices of a checkpoint are quantized: the keys of a `quantization_config`, as the config classes spell them.
    pub struct QuantizationKeys {
        /// What wrote the codes: `gptq`, `awq`, `compressed-tensors`, `modelopt`, `fp8`, `fbgemm_fp8`.
        quant_method: Option<String>,
        /// compressed-tensors: how codes are stored, such as `pack-quantized`.
        format: Option<String>,
        /// Model Optimizer: the type, such as `NVFP4`.
        quant_algo: Option<String>,
        /// Bits of a code that is a whole number.
        bits: Option<u64> | "num_bits" | "w_bit",
        /// Inputs that share a scale; absent: all of a row.
        group_size: Option<u64> | "q_group_size",
        /// compressed-tensors: what shares a scale, `tensor`, `channel`, `group`, `tensor_group` or `block`.
        strategy: Option<String>,
        /// Outputs and inputs of a block that shares a scale.
        weight_block_size: Option<Vec<u64>> | "block_structure",
        /// compressed-tensors: whether there are no zeros beside the scales.
        symmetric: Option<bool>,
        /// compressed-tensors: `group` where inputs are put into groups in another order than theirs.
        actorder: Option<String>,
        /// Where inputs are put in codes too: `static` with a scale that is stored, or `dynamic`.
        activation_scheme: Option<String>,
        /// Modules that are quantized, as names or patterns; absent: the linear layers.
        targets: Option<Vec<String>>,
        /// Modules that are not, as names or patterns.
        modules_to_not_convert: Option<Vec<String>> | "ignore" | "exclude_modules",
    }
}

keys! {
    /// The keys of layer patterns, as the config classes spell them.
    pub struct HybridKeys {
        /// Every so many-th layer attends, the others are recurrent (Qwen3-Next).
        full_attention_interval: Option<u64>,
        /// One letter for each layer (Nemotron-H): `M` recurrent, `*` attention, `-` dense, `E` experts.
        hybrid_override_pattern: Option<String>,
        /// Layers that attend, counted from 0; the others are recurrent (LFM2).
        full_attn_idxs: Option<Vec<u64>>,
        /// Layers whose number leaves `attn_layer_offset`, divided by this, attend (Jamba).
        attn_layer_period: Option<u64>,
        /// See `attn_layer_period`.
        attn_layer_offset: Option<u64>,
        /// Layers whose number leaves `expert_layer_offset`, divided by this, have experts (Jamba).
        expert_layer_period: Option<u64>,
        /// See `expert_layer_period`.
        expert_layer_offset: Option<u64>,
        /// `rope`, or anything else where positions do not rotate (Granite 4).
        position_embedding_type: Option<String>,
    }
}

keys! {
    /// The keys of recurrent mixers, as the config classes spell them; Mamba's as Granite's and Jamba's do.
    pub struct RecurrentKeys {
        /// `DeltaNet`: query and key heads.
        linear_num_key_heads: Option<u64>,
        /// `DeltaNet`: channels of one of them.
        linear_key_head_dim: Option<u64>,
        /// `DeltaNet`: value heads.
        linear_num_value_heads: Option<u64>,
        /// `DeltaNet`: channels of one of them.
        linear_value_head_dim: Option<u64>,
        /// Kimi Delta Attention: heads.
        linear_num_heads: Option<u64>,
        /// Kimi Delta Attention: channels of a head.
        linear_head_dim: Option<u64>,
        /// Kimi Delta Attention: whether one matrix makes its gate, and not two by way of a narrow vector (Kimi K3).
        linear_use_full_rank_gate: Option<bool>,
        /// Tokens that the convolution of either sees.
        linear_conv_kernel_dim: Option<u64>,
        /// Mamba-2: heads.
        mamba_n_heads: Option<u64>,
        /// Mamba-2: channels of a head.
        mamba_d_head: Option<u64>,
        /// Mamba-2: channels of all heads, where they are not `mamba_expand · hidden_size` (Falcon-H1).
        mamba_d_ssm: Option<u64>,
        /// Mamba-2: groups.
        mamba_n_groups: Option<u64>,
        /// Mamba-2: tokens of a chunk.
        mamba_chunk_size: Option<u64>,
        /// Mamba-2: whether the scan's output is normed, where a class leaves it open (Falcon-H1).
        mamba_rms_norm: Option<bool>,
        /// Mamba-2: bias of the projection out, where a class has a key for it alone (Falcon-H1).
        projectors_bias: Option<bool>,
        /// Mamba: state of a channel.
        mamba_d_state: Option<u64>,
        /// Mamba: tokens that the convolution sees.
        mamba_d_conv: Option<u64>,
        /// Mamba: channels, as a multiple of the stream's.
        mamba_expand: Option<u64>,
        /// Mamba-1: rank of the time steps.
        mamba_dt_rank: Option<u64>,
        /// Mamba: bias of the convolution.
        mamba_conv_bias: Option<bool>,
        /// Mamba: bias of the projections.
        mamba_proj_bias: Option<bool>,
        /// Lightning attention: tokens of a block.
        block_size: Option<u64>,
        /// Short convolution: tokens that it sees.
        conv_l_cache as "conv_L_cache": Option<u64>,
        /// Short convolution: whether it and its projections have a bias.
        conv_bias: Option<bool>,
    }
}
