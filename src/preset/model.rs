//! A model preset: one TOML file, one model.

mod hybrid;

use super::document::suggestion;
use super::document::{Document, Section};
use super::error::PresetError;
use crate::families;
use crate::model::Card;
use crate::model::architecture::{BlockKeys, CompressedKeys, EncoderKeys, ImageKeys, Seq2SeqKeys, VariantKeys};
use crate::model::{Architecture, ArchitectureKeys, Family, Model, parameters};
use crate::units::{Parameters, grouped};

/// The model that a preset describes.
pub(super) fn parse(origin: &str, text: &str) -> Result<Model, PresetError> {
    let document = Document { origin, text };
    let root = document.parse()?;
    let root = Section::new(document, "", 0, root.get_ref());
    let id = root.text("id")?;
    let name = root.text("name")?;
    let family = root.text("family")?;
    let card = Card {
        organization: root.text("organization")?,
        released: root.text("released")?,
        license: root.text("license")?,
        source: root.text("source")?,
        assumed: root.text("assumed")?,
    };
    let declared = root.count("parameters")?.map(Parameters::new);
    let confirmed = root.flag("confirmed")?;
    let section = root.table("architecture", "architecture.")?;
    root.finish()?;

    let id = identifier(&root, id)?;
    let family = family_of(&root, &root.need("family", family)?)?;
    let section = root.need("architecture", section)?;
    let keys = architecture_keys(&section)?;
    section.finish()?;
    let architecture = Architecture::resolve(family, &keys).map_err(|error| section.error(error.key, error.problem))?;
    let confirmed = confirmed.unwrap_or(declared.is_some());
    let model = Model { name: name.unwrap_or_else(|| id.clone()), id, family, card, declared, confirmed, architecture };
    check_count(&root, &model)?;
    Ok(model)
}

/// An id that can be typed after `--model` and is never taken for a path.
pub(super) fn identifier(section: &Section<'_, '_>, id: Option<String>) -> Result<String, PresetError> {
    let id = section.need("id", id)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    if id.is_empty() || !id.chars().all(plain) {
        let message = format!("found {id:?}, expected letters, digits, `.`, `-`, `_` and `+` only");
        return Err(section.error("id", message));
    }
    Ok(id)
}

fn family_of(root: &Section<'_, '_>, id: &str) -> Result<&'static Family, PresetError> {
    families::family(id).ok_or_else(|| {
        root.error("family", format!("`{id}` is not a known family; {}", suggestion(id, &families::ids())))
    })
}

/// The published count must be what the architecture gives, or be marked as unconfirmed.
fn check_count(root: &Section<'_, '_>, model: &Model) -> Result<(), PresetError> {
    let count =
        parameters::count(&model.architecture).map_err(|error| root.error("architecture", error.to_string()))?;
    match model.declared {
        Some(declared) if model.confirmed && declared != count => Err(root.error(
            "parameters",
            format!(
                "found {}, but the architecture gives {}; correct one of them or say `confirmed = false`",
                grouped(declared.get()),
                grouped(count.get())
            ),
        )),
        None if model.confirmed => {
            Err(root.error("confirmed", "true, but there is no `parameters` that would confirm anything"))
        }
        _ => Ok(()),
    }
}

fn architecture_keys(section: &Section<'_, '_>) -> Result<ArchitectureKeys, PresetError> {
    Ok(ArchitectureKeys {
        hidden_size: section.count("hidden_size")?,
        num_hidden_layers: section.count("num_hidden_layers")?,
        num_attention_heads: section.count("num_attention_heads")?,
        num_key_value_heads: section.count("num_key_value_heads")?,
        head_dim: section.count("head_dim")?,
        intermediate_size: section.count("intermediate_size")?,
        vocab_size: section.count("vocab_size")?,
        max_position_embeddings: section.count("max_position_embeddings")?,
        tie_word_embeddings: section.flag("tie_word_embeddings")?,
        attention_bias: section.flag("attention_bias")?,
        attention_output_bias: section.flag("attention_output_bias")?,
        mlp_bias: section.flag("mlp_bias")?,
        lm_head_bias: section.flag("lm_head_bias")?,
        hidden_act: section.text("hidden_act")?,
        partial_rotary_factor: section.number("partial_rotary_factor")?,
        use_parallel_residual: section.flag("use_parallel_residual")?,
        sliding_window: section.count("sliding_window")?,
        sliding_window_pattern: section.count("sliding_window_pattern")?,
        layer_types: section.words("layer_types")?,
        no_rope_layer_interval: section.count("no_rope_layer_interval")?,
        no_rope_layers: section.counts("no_rope_layers")?,
        use_qk_norm: section.flag("use_qk_norm")?,
        attn_logit_softcapping: section.number("attn_logit_softcapping")?,
        final_logit_softcapping: section.number("final_logit_softcapping")?,
        attention_dropout: section.number("attention_dropout")?,
        hidden_dropout: section.number("hidden_dropout")?,
        embedding_dropout: section.number("embedding_dropout")?,
        num_experts: section.count("num_experts")?,
        num_experts_per_tok: section.count("num_experts_per_tok")?,
        moe_intermediate_size: section.count("moe_intermediate_size")?,
        shared_expert_intermediate_size: section.count("shared_expert_intermediate_size")?,
        norm_topk_prob: section.flag("norm_topk_prob")?,
        decoder_sparse_step: section.count("decoder_sparse_step")?,
        mlp_only_layers: section.counts("mlp_only_layers")?,
        n_shared_experts: section.count("n_shared_experts")?,
        first_k_dense_replace: section.count("first_k_dense_replace")?,
        n_group: section.count("n_group")?,
        topk_group: section.count("topk_group")?,
        rotary_dim: section.count("rotary_dim")?,
        multi_query: section.flag("multi_query")?,
        parallel_attn: section.flag("parallel_attn")?,
        new_decoder_architecture: section.flag("new_decoder_architecture")?,
        num_ln_in_parallel_attn: section.count("num_ln_in_parallel_attn")?,
        apply_residual_connection_post_layernorm: section.flag("apply_residual_connection_post_layernorm")?,
        word_embed_proj_dim: section.count("word_embed_proj_dim")?,
        do_layer_norm_before: section.flag("do_layer_norm_before")?,
        remove_final_layer_norm: section.flag("_remove_final_layer_norm")?,
        layer_norm_elementwise_affine: section.flag("layer_norm_elementwise_affine")?,
        q_lora_rank: section.count("q_lora_rank")?,
        kv_lora_rank: section.count("kv_lora_rank")?,
        qk_nope_head_dim: section.count("qk_nope_head_dim")?,
        qk_rope_head_dim: section.count("qk_rope_head_dim")?,
        v_head_dim: section.count("v_head_dim")?,
        mla_use_output_gate: section.flag("mla_use_output_gate")?,
        torch_dtype: section.text("torch_dtype")?,
        moe_latent_size: section.count("moe_latent_size")?,
        latent_moe_use_norm: section.flag("latent_moe_use_norm")?,
        hybrid: hybrid::patterns(section)?,
        recurrent: hybrid::mixers(section)?,
        variant: variant_keys(section)?,
        blocks: BlockKeys {
            num_key_value_heads_per_layer: section.counts("num_key_value_heads_per_layer")?,
            intermediate_size_per_layer: section.counts("intermediate_size_per_layer")?,
            attention_replaced_with_linear: section.counts("attention_replaced_with_linear")?,
            mlp_replaced_with_linear: section.counts("mlp_replaced_with_linear")?,
        },
        encoder: encoder_keys(section)?,
        seq2seq: Seq2SeqKeys {
            num_decoder_layers: section.count("num_decoder_layers")?,
            relative_attention_num_buckets: section.count("relative_attention_num_buckets")?,
            feed_forward_proj: section.text("feed_forward_proj")?,
        },
        image: ImageKeys {
            image_size: section.sides("image_size")?,
            patch_size: section.sides("patch_size")?,
            num_channels: section.count("num_channels")?,
            num_labels: section.count("num_labels")?,
            pooler_output_size: section.count("pooler_output_size")?,
        },
        compressed: CompressedKeys {
            compress_ratios: section.counts("compress_ratios")?,
            o_groups: section.count("o_groups")?,
            o_lora_rank: section.count("o_lora_rank")?,
            hc_mult: section.count("hc_mult")?,
            num_hash_layers: section.count("num_hash_layers")?,
        },
    })
}

fn variant_keys(section: &Section<'_, '_>) -> Result<VariantKeys, PresetError> {
    Ok(VariantKeys {
        global_head_dim: section.count("global_head_dim")?,
        num_global_key_value_heads: section.count("num_global_key_value_heads")?,
        attention_k_eq_v: section.flag("attention_k_eq_v")?,
        num_kv_shared_layers: section.count("num_kv_shared_layers")?,
        use_double_wide_mlp: section.flag("use_double_wide_mlp")?,
        hidden_size_per_layer_input: section.count("hidden_size_per_layer_input")?,
        vocab_size_per_layer_input: section.count("vocab_size_per_layer_input")?,
        laurel_rank: section.count("laurel_rank")?,
        altup_num_inputs: section.count("altup_num_inputs")?,
        index_n_heads: section.count("index_n_heads")?,
        index_head_dim: section.count("index_head_dim")?,
        indexer_types: section.words("indexer_types")?,
        attn_res_block_size: section.count("attn_res_block_size")?,
        intermediate_size_mlp: section.count("intermediate_size_mlp")?,
    })
}

fn encoder_keys(section: &Section<'_, '_>) -> Result<EncoderKeys, PresetError> {
    Ok(EncoderKeys {
        architectures: section.words("architectures")?,
        type_vocab_size: section.count("type_vocab_size")?,
        pad_token_id: section.count("pad_token_id")?,
        local_attention: section.count("local_attention")?,
        global_attn_every_n_layers: section.count("global_attn_every_n_layers")?,
        norm_bias: section.flag("norm_bias")?,
        classifier_bias: section.flag("classifier_bias")?,
        classifier_activation: section.text("classifier_activation")?,
    })
}

/// The model of an `[architecture]` table that names its own family; the reason where the family is not known.
pub(super) fn inline(section: &Section<'_, '_>, id: &str) -> Result<Result<Model, String>, PresetError> {
    let family = section.text("family")?;
    let family = section.need("family", family)?;
    let Some(family) = families::family(&family) else {
        return Ok(Err(format!("`{family}` is not a known family")));
    };
    let keys = architecture_keys(section)?;
    section.finish()?;
    let architecture = Architecture::resolve(family, &keys).map_err(|error| section.error(error.key, error.problem))?;
    let (id, name) = (id.to_owned(), id.to_owned());
    Ok(Ok(Model { id, name, family, card: Card::default(), declared: None, confirmed: false, architecture }))
}
