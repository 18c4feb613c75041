//! The parameter tensors of recurrent mixers.

use super::super::family::NormKind;
use super::super::parameters::{Role, Tensor, linear, matrix, norm, vector};
use super::{DeltaNet, KimiDelta, Lightning, Mamba, Mamba2, Recurrent, ShortConvolution, StateNorms};

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
    tensors.push(matrix("mixer.convolution.weight", channels, kernel, Role::Convolution));
    if bias {
        tensors.push(vector("mixer.convolution.bias", channels, Role::Bias));
    }
}

fn delta_net(tensors: &mut Vec<Tensor>, net: &DeltaNet, hidden: u64) {
    let (convolved, values, heads) = (net.convolved(), net.values(), net.value_heads);
    if net.fused {
        let names = ["mixer.query key value gate.weight", ""];
        linear(tensors, names, hidden, convolved + values, false);
        linear(tensors, ["mixer.update rate and decay.weight", ""], hidden, 2 * heads, false);
    } else {
        linear(tensors, ["mixer.query key value.weight", ""], hidden, convolved, false);
        linear(tensors, ["mixer.gate.weight", ""], hidden, values, false);
        linear(tensors, ["mixer.update rate.weight", ""], hidden, heads, false);
        linear(tensors, ["mixer.decay.weight", ""], hidden, heads, false);
    }
    convolution(tensors, convolved, net.kernel, false);
    tensors.push(vector("mixer.decay bias", heads, Role::Bias));
    tensors.push(vector("mixer.decay rate", heads, Role::Bias));
    tensors.push(vector("mixer.norm.weight", net.value_head_dim, Role::Norm));
    linear(tensors, ["mixer.output.weight", ""], values, hidden, false);
}

fn kimi_delta(tensors: &mut Vec<Tensor>, delta: &KimiDelta, hidden: u64) {
    let (width, rank) = (delta.width(), delta.head_dim);
    for name in ["mixer.query.weight", "mixer.key.weight", "mixer.value.weight"] {
        linear(tensors, [name, ""], hidden, width, false);
    }
    convolution(tensors, 3 * width, delta.kernel, false);
    linear(tensors, ["mixer.decay down.weight", ""], hidden, rank, false);
    linear(tensors, ["mixer.decay up.weight", ""], rank, width, false);
    tensors.push(vector("mixer.decay bias", width, Role::Bias));
    tensors.push(vector("mixer.decay rate", delta.heads, Role::Bias));
    linear(tensors, ["mixer.update rate.weight", ""], hidden, delta.heads, false);
    if delta.full_rank_gate {
        linear(tensors, ["mixer.gate.weight", ""], hidden, width, false);
    } else {
        linear(tensors, ["mixer.gate down.weight", ""], hidden, rank, false);
        linear(tensors, ["mixer.gate up.weight", ""], rank, width, false);
    }
    tensors.push(vector("mixer.norm.weight", delta.head_dim, Role::Norm));
    linear(tensors, ["mixer.output.weight", ""], width, hidden, false);
}

fn mamba_1(tensors: &mut Vec<Tensor>, mamba: &Mamba, layer_norm: NormKind, hidden: u64) {
    let width = mamba.width;
    linear(tensors, ["mixer.input.weight", "mixer.input.bias"], hidden, 2 * width, mamba.bias);
    convolution(tensors, width, mamba.kernel, mamba.convolution_bias);
    linear(tensors, ["mixer.state projection.weight", ""], width, mamba.rank + 2 * mamba.state, false);
    if mamba.norms == StateNorms::Weighted {
        norm(tensors, layer_norm, mamba.rank, ["mixer.time step norm.weight", "mixer.time step norm.bias"]);
        norm(tensors, layer_norm, mamba.state, ["mixer.state input norm.weight", "mixer.state input norm.bias"]);
        norm(tensors, layer_norm, mamba.state, ["mixer.state output norm.weight", "mixer.state output norm.bias"]);
    }
    linear(tensors, ["mixer.time step.weight", "mixer.time step.bias"], mamba.rank, width, true);
    tensors.push(matrix("mixer.decay rate", width, mamba.state, Role::Bias));
    tensors.push(vector("mixer.skip weight", width, Role::Bias));
    linear(tensors, ["mixer.output.weight", "mixer.output.bias"], width, hidden, mamba.bias);
}

fn mamba_2(tensors: &mut Vec<Tensor>, mamba: &Mamba2, hidden: u64) {
    let names = ["mixer.input.weight", "mixer.input.bias"];
    linear(tensors, names, hidden, mamba.projected(), mamba.input_bias);
    convolution(tensors, mamba.convolved(), mamba.kernel, mamba.convolution_bias);
    for name in ["mixer.time step bias", "mixer.decay rate", "mixer.skip weight"] {
        tensors.push(vector(name, mamba.heads, Role::Bias));
    }
    if mamba.norm {
        tensors.push(vector("mixer.norm.weight", mamba.width(), Role::Norm));
    }
    linear(tensors, ["mixer.output.weight", "mixer.output.bias"], mamba.width(), hidden, mamba.output_bias);
}

fn lightning_attention(tensors: &mut Vec<Tensor>, lightning: &Lightning, layer_norm: NormKind, hidden: u64) {
    let width = lightning.width();
    norm(tensors, layer_norm, width, ["mixer.norm.weight", "mixer.norm.bias"]);
    linear(tensors, ["mixer.query key value.weight", ""], hidden, 3 * width, false);
    linear(tensors, ["mixer.output.weight", ""], width, hidden, false);
    linear(tensors, ["mixer.gate.weight", ""], hidden, width, false);
}

fn short_convolution(tensors: &mut Vec<Tensor>, short: &ShortConvolution, hidden: u64) {
    convolution(tensors, hidden, short.kernel, short.bias);
    linear(tensors, ["mixer.input.weight", "mixer.input.bias"], hidden, 3 * hidden, short.bias);
    linear(tensors, ["mixer.output.weight", "mixer.output.bias"], hidden, hidden, short.bias);
}
