//! The dimensions of recurrent mixers: keys, and what they leave to the family.

use super::checks::{ArchitectureError, dimension};
use crate::model::family::{Mamba2Defaults, MixerDefaults};
use crate::model::keys::RecurrentKeys;
use crate::model::recurrent::{DeltaNet, KimiDelta, Lightning, Mamba, Mamba2, Recurrent, ShortConvolution, StateNorms};

/// What a mixer takes from the rest of the model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around {
    /// Channels of the residual stream.
    pub(super) hidden: u64,
    /// Attention heads.
    pub(super) heads: u64,
    /// Channels of one of them.
    pub(super) head_dim: u64,
}

impl RecurrentKeys {
    /// The mixer that the keys describe.
    pub(super) fn mixer(&self, defaults: MixerDefaults, around: Around) -> Result<Recurrent, ArchitectureError> {
        Ok(match defaults {
            MixerDefaults::DeltaNet { fused } => Recurrent::DeltaNet(self.delta_net(fused)?),
            MixerDefaults::KimiDelta => Recurrent::KimiDelta(KimiDelta {
                heads: size("linear_num_heads", self.linear_num_heads, 32)?,
                head_dim: size("linear_head_dim", self.linear_head_dim, 128)?,
                kernel: size("linear_conv_kernel_dim", self.linear_conv_kernel_dim, 4)?,
                full_rank_gate: self.linear_use_full_rank_gate.unwrap_or(false),
            }),
            MixerDefaults::Mamba(norms) => Recurrent::Mamba(self.mamba(norms, around.hidden)?),
            MixerDefaults::Mamba2(defaults) => Recurrent::Mamba2(self.mamba_2(defaults, around.hidden)?),
            MixerDefaults::Lightning => Recurrent::Lightning(Lightning {
                heads: around.heads,
                head_dim: around.head_dim,
                block: size("block_size", self.block_size, 256)?,
            }),
            MixerDefaults::ShortConvolution => Recurrent::ShortConvolution(ShortConvolution {
                kernel: size("conv_L_cache", self.conv_l_cache, 3)?,
                bias: self.conv_bias.unwrap_or(false),
            }),
        })
    }

    fn delta_net(&self, fused: bool) -> Result<DeltaNet, ArchitectureError> {
        let net = DeltaNet {
            key_heads: size("linear_num_key_heads", self.linear_num_key_heads, 16)?,
            key_head_dim: size("linear_key_head_dim", self.linear_key_head_dim, 128)?,
            value_heads: size("linear_num_value_heads", self.linear_num_value_heads, 32)?,
            value_head_dim: size("linear_value_head_dim", self.linear_value_head_dim, 128)?,
            kernel: size("linear_conv_kernel_dim", self.linear_conv_kernel_dim, 4)?,
            fused,
        };
        if !net.value_heads.is_multiple_of(net.key_heads) {
            let problem = format!("{} is no multiple of the {} key heads", net.value_heads, net.key_heads);
            return Err(ArchitectureError::new("linear_num_value_heads", problem));
        }
        Ok(net)
    }

    fn expanded(&self, hidden: u64) -> Result<u64, ArchitectureError> {
        let factor = size("mamba_expand", self.mamba_expand, 2)?;
        dimension("mamba_expand", factor.saturating_mul(hidden))
    }

    fn mamba(&self, norms: StateNorms, hidden: u64) -> Result<Mamba, ArchitectureError> {
        Ok(Mamba {
            width: self.expanded(hidden)?,
            state: size("mamba_d_state", self.mamba_d_state, 16)?,
            rank: size("mamba_dt_rank", self.mamba_dt_rank, hidden.div_ceil(16))?,
            kernel: size("mamba_d_conv", self.mamba_d_conv, 4)?,
            convolution_bias: self.mamba_conv_bias.unwrap_or(true),
            bias: self.mamba_proj_bias.unwrap_or(false),
            norms,
        })
    }

    fn mamba_2(&self, defaults: Mamba2Defaults, hidden: u64) -> Result<Mamba2, ArchitectureError> {
        const KEY: &str = "mamba_n_heads";
        let heads = size(KEY, self.mamba_n_heads, 128)?;
        let head_dim = if let Some(head_dim) = self.mamba_d_head.or(defaults.head_dim) {
            dimension("mamba_d_head", head_dim)?
        } else {
            let width = match self.mamba_d_ssm.or(defaults.width) {
                Some(width) => dimension("mamba_d_ssm", width)?,
                None => self.expanded(hidden)?,
            };
            if !width.is_multiple_of(heads) {
                return Err(ArchitectureError::new(KEY, format!("{heads} heads do not divide {width} channels")));
            }
            width / heads
        };
        let groups = size("mamba_n_groups", self.mamba_n_groups, defaults.groups)?;
        if !heads.is_multiple_of(groups) {
            return Err(ArchitectureError::new("mamba_n_groups", format!("{groups} does not divide {heads} heads")));
        }
        let bias = self.mamba_proj_bias.unwrap_or(false);
        Ok(Mamba2 {
            heads,
            head_dim,
            state: size("mamba_d_state", self.mamba_d_state, defaults.state)?,
            groups,
            kernel: size("mamba_d_conv", self.mamba_d_conv, 4)?,
            chunk: size("mamba_chunk_size", self.mamba_chunk_size, defaults.chunk)?,
            convolution_bias: self.mamba_conv_bias.unwrap_or(true),
            input_bias: bias,
            output_bias: self.projectors_bias.unwrap_or(bias),
            norm: self.mamba_rms_norm.unwrap_or(defaults.norm),
        })
    }
}

fn size(key: &'static str, given: Option<u64>, default: u64) -> Result<u64, ArchitectureError> {
    dimension(key, given.unwrap_or(default))
}
