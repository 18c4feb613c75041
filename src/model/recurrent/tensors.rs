//! The parameter tensors of recurrent mixers.

use super::super::family::NormKind;
use super::super::parameters::{Role, Tensor, linear, matrix, norm, vector};
use super::{DeltaNet, KimiDelta, Lightning, Mamba, Mamba2, Recurrent, ShortConvolution, StateNorms};
use crate::model::part::{Part, Piece};

/// Adds the tensors of a mixer between `hidden` channels of the residual stream.
pub(in crate::model) fn tensors(tensors: &mut Vec<Tensor>, recurrent: &Recurrent, layer_norm: NormKind, hidden: u64) {
    match recurrent {
        Recurrent::DeltaNet(net) => delta_net(tensors, net, hidden),
        Recurrent::KimiDelta(delta) => kimi_delta(tensors, delta, hidden),
        Recurrent::Mamba(mamba) => mamba_1(tensors, mamba, layer_norm, hidden),
        Recurrent::Mamba2(mamba) => mamba_2(tensors, mamba, hidden),
        Recurrent::Lightning(lightning) => lightning_attention(tensors, lightning, layer_norm, hidden),
        Recurrent::ShortConvolution(short) => short_convolution(tensors, short, hidden),
    }
}

/// One filter for each channel.
fn convolution(tensors: &mut Vec<Tensor>, channels: u64, kernel: u64, bias: bool) {
    tensors.push(matrix((Part::Convolution, Piece::Weight), channels, kernel, Role::Convolution));
    if bias {
        tensors.push(vector((Part::Convolution, Piece::Bias), channels, Role::Bias));
    }
}

fn delta_net(tensors: &mut Vec<Tensor>, net: &DeltaNet, hidden: u64) {
    let (convolved, values, heads) = (net.convolved(), net.values(), net.value_heads);
    if net.fused {
        linear(tensors, Part::MixerQueryKeyValueGate, hidden, convolved + values, false);
        linear(tensors, Part::UpdateRateAndDecay, hidden, 2 * heads, false);
    } else {
        linear(tensors, Part::MixerQueryKeyValue, hidden, convolved, false);
        linear(tensors, Part::MixerGate, hidden, values, false);
        linear(tensors, Part::UpdateRate, hidden, heads, false);
        linear(tensors, Part::Decay, hidden, heads, false);
    }
    convolution(tensors, convolved, net.kernel, false);
    tensors.push(vector((Part::DecayBias, Piece::Whole), heads, Role::Bias));
    tensors.push(vector((Part::DecayRate, Piece::Whole), heads, Role::Bias));
    tensors.push(vector((Part::InnerNorm, Piece::Weight), net.value_head_dim, Role::Norm));
    linear(tensors, Part::MixerOutput, values, hidden, false);
}

fn kimi_delta(tensors: &mut Vec<Tensor>, delta: &KimiDelta, hidden: u64) {
    let (width, rank) = (delta.width(), delta.head_dim);
    for part in [Part::MixerQuery, Part::MixerKey, Part::MixerValue] {
        linear(tensors, part, hidden, width, false);
    }
    convolution(tensors, 3 * width, delta.kernel, false);
    linear(tensors, Part::DecayDown, hidden, rank, false);
    linear(tensors, Part::DecayUp, rank, width, false);
    tensors.push(vector((Part::DecayBias, Piece::Whole), width, Role::Bias));
    tensors.push(vector((Part::DecayRate, Piece::Whole), delta.heads, Role::Bias));
    linear(tensors, Part::UpdateRate, hidden, delta.heads, false);
    if delta.full_rank_gate {
        linear(tensors, Part::MixerGate, hidden, width, false);
    } else {
        linear(tensors, Part::MixerGateDown, hidden, rank, false);
        linear(tensors, Part::MixerGateUp, rank, width, false);
    }
    tensors.push(vector((Part::InnerNorm, Piece::Weight), delta.head_dim, Role::Norm));
    linear(tensors, Part::MixerOutput, width, hidden, false);
}

fn mamba_1(tensors: &mut Vec<Tensor>, mamba: &Mamba, layer_norm: NormKind, hidden: u64) {
    let width = mamba.width;
    linear(tensors, Part::MixerInput, hidden, 2 * width, mamba.bias);
    convolution(tensors, width, mamba.kernel, mamba.convolution_bias);
    linear(tensors, Part::StateProjection, width, mamba.rank + 2 * mamba.state, false);
    if mamba.norms == StateNorms::Weighted {
        norm(tensors, layer_norm, mamba.rank, Part::TimeStepNorm);
        norm(tensors, layer_norm, mamba.state, Part::StateInputNorm);
        norm(tensors, layer_norm, mamba.state, Part::StateOutputNorm);
    }
    linear(tensors, Part::TimeStep, mamba.rank, width, true);
    tensors.push(matrix((Part::DecayRate, Piece::Whole), width, mamba.state, Role::Bias));
    tensors.push(vector((Part::SkipWeight, Piece::Whole), width, Role::Bias));
    linear(tensors, Part::MixerOutput, width, hidden, mamba.bias);
}

fn mamba_2(tensors: &mut Vec<Tensor>, mamba: &Mamba2, hidden: u64) {
    linear(tensors, Part::MixerInput, hidden, mamba.projected(), mamba.input_bias);
    convolution(tensors, mamba.convolved(), mamba.kernel, mamba.convolution_bias);
    for part in [Part::TimeStepBias, Part::DecayRate, Part::SkipWeight] {
        tensors.push(vector((part, Piece::Whole), mamba.heads, Role::Bias));
    }
    if mamba.norm {
        tensors.push(vector((Part::InnerNorm, Piece::Weight), mamba.width(), Role::Norm));
    }
    linear(tensors, Part::MixerOutput, mamba.width(), hidden, mamba.output_bias);
}

fn lightning_attention(tensors: &mut Vec<Tensor>, lightning: &Lightning, layer_norm: NormKind, hidden: u64) {
    let width = lightning.width();
    norm(tensors, layer_norm, width, Part::InnerNorm);
    linear(tensors, Part::MixerQueryKeyValue, hidden, 3 * width, false);
    linear(tensors, Part::MixerOutput, width, hidden, false);
    linear(tensors, Part::MixerGate, hidden, width, false);
}

fn short_convolution(tensors: &mut Vec<Tensor>, short: &ShortConvolution, hidden: u64) {
    convolution(tensors, hidden, short.kernel, short.bias);
    linear(tensors, Part::MixerInput, hidden, 3 * hidden, short.bias);
    linear(tensors, Part::MixerOutput, hidden, hidden, short.bias);
}
