//! The keys of layer patterns and recurrent mixers in an `[architecture]` table.

use crate::model::architecture::{HybridKeys, RecurrentKeys};
use crate::preset::PresetError;
use crate::preset::document::Section;

/// Which layers have which mixer.
pub(super) fn patterns(section: &Section<'_, '_>) -> Result<HybridKeys, PresetError> {
    Ok(HybridKeys {
        full_attention_interval: section.count("full_attention_interval")?,
        hybrid_override_pattern: section.text("hybrid_override_pattern")?,
        full_attn_idxs: section.counts("full_attn_idxs")?,
        attn_layer_period: section.count("attn_layer_period")?,
        attn_layer_offset: section.count("attn_layer_offset")?,
        expert_layer_period: section.count("expert_layer_period")?,
        expert_layer_offset: section.count("expert_layer_offset")?,
        position_embedding_type: section.text("position_embedding_type")?,
    })
}

/// Dimensions of recurrent mixers.
pub(super) fn mixers(section: &Section<'_, '_>) -> Result<RecurrentKeys, PresetError> {
    Ok(RecurrentKeys {
        linear_num_key_heads: section.count("linear_num_key_heads")?,
        linear_key_head_dim: section.count("linear_key_head_dim")?,
        linear_num_value_heads: section.count("linear_num_value_heads")?,
        linear_value_head_dim: section.count("linear_value_head_dim")?,
        linear_num_heads: section.count("linear_num_heads")?,
        linear_head_dim: section.count("linear_head_dim")?,
        linear_use_full_rank_gate: section.flag("linear_use_full_rank_gate")?,
        linear_conv_kernel_dim: section.count("linear_conv_kernel_dim")?,
        mamba_n_heads: section.count("mamba_n_heads")?,
        mamba_d_head: section.count("mamba_d_head")?,
        mamba_d_ssm: section.count("mamba_d_ssm")?,
        mamba_n_groups: section.count("mamba_n_groups")?,
        mamba_chunk_size: section.count("mamba_chunk_size")?,
        mamba_rms_norm: section.flag("mamba_rms_norm")?,
        projectors_bias: section.flag("projectors_bias")?,
        mamba_d_state: section.count("mamba_d_state")?,
        mamba_d_conv: section.count("mamba_d_conv")?,
        mamba_expand: section.count("mamba_expand")?,
        mamba_dt_rank: section.count("mamba_dt_rank")?,
        mamba_conv_bias: section.flag("mamba_conv_bias")?,
        mamba_proj_bias: section.flag("mamba_proj_bias")?,
        block_size: section.count("block_size")?,
        conv_l_cache: section.count("conv_L_cache")?,
        conv_bias: section.flag("conv_bias")?,
    })
}
