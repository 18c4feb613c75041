//! Matrices of checkpoints in codes: the tensors that each scheme keeps them in.

use super::{Stored, dims, matrices};
use crate::model::architecture::{Code, Inputs, Method, Scheme, Strategy};
use crate::model::parameters::Tensor;
use crate::units::Bits;

const GPTQ: &str = "GPTQ checkpoints: codes, fp16 scales, packed zeros and int32 group indices";
const AWQ: &str = "AWQ checkpoints: codes, fp16 scales and packed zeros";
const FP8: &str = "fp8 checkpoints: e4m3 codes and fp32 scales";
const FBGEMM: &str = "FBGEMM checkpoints: e4m3 codes and an fp32 scale for each output";
const COMPRESSED: &str = "compressed-tensors 0.20: codes, and scales in the type of what is not quantized";
const TORCHAO: &str = "torchao 0.18, Int8WeightOnlyConfig: codes, an fp32 scale and a zero in 8 bits for each output";
const MODEL_OPTIMIZER: &str =
    "Model Optimizer's checkpoints: codes, scales, and fp32 scales of a matrix and of its inputs";

/// Where a scheme is written down.
pub(super) const fn source(scheme: Scheme) -> &'static str {
    match scheme.method {
        Method::Gptq => GPTQ,
        Method::Awq => AWQ,
        Method::FineGrainedFp8 => FP8,
        Method::Fbgemm => FBGEMM,
        Method::CompressedTensors => COMPRESSED,
        Method::ModelOptimizer => MODEL_OPTIMIZER,
        Method::TorchAo => TORCHAO,
    }
}

/// The tensors of each of the matrices that a tensor stands for.
pub(super) fn stored(tensor: &Tensor, scheme: Scheme) -> Vec<Stored> {
    let (count, rows, columns) = matrices(tensor);
    let part = |name, shape: &[u64], bits| Stored { name, shape: dims(shape), bits: Bits::whole(bits), count };
    let codes = code_bits(scheme.code);
    let by_input = matches!(scheme.method, Method::Gptq | Method::Awq);
    let shape = if by_input { [columns, rows] } else { [rows, columns] };
    let scales = match scheme.strategy {
        Strategy::Tensor => [1, 1],
        Strategy::Channel if by_input => [1, rows],
        Strategy::Channel => [rows, 1],
        Strategy::Group(inputs) if by_input => [columns.div_ceil(inputs), rows],
        Strategy::Group(inputs) => [rows, columns.div_ceil(inputs)],
        Strategy::Block([outputs, inputs]) => [rows.div_ceil(outputs), columns.div_ceil(inputs)],
    };
    let name = match scheme.method {
        Method::Gptq | Method::Awq => "scales",
        Method::FineGrainedFp8 => "scale_inv",
        _ => "scale",
    };
    let mut parts = vec![part(None, &shape, codes), part(Some(name), &scales, scale_bits(scheme))];
    if scheme.code == Code::NvFloat4 {
        parts.push(part(Some("global scale"), &[1, 1], 32));
    }
    match (scheme.symmetric, scheme.code) {
        (true, _) => {}
        (false, Code::Packed(bits)) if by_input => parts.push(part(Some("zeros"), &scales, bits)),
        // Several outputs in a word of 32 bits.
        (false, Code::Packed(bits)) => {
            let words = rows.div_ceil(u64::from(32 / bits));
            parts.push(part(Some("zeros"), &[words, scales[1]], 32));
        }
        (false, _) => parts.push(part(Some("zeros"), &scales, 8)),
    }
    if scheme.indexed {
        parts.push(part(Some("g_idx"), &[columns, 1], 32));
    }
    if matches!(scheme.code, Code::Packed(_)) && !by_input {
        parts.push(part(Some("shape"), &[2, 1], 64));
    }
    if scheme.inputs == Inputs::Static {
        let bits = if scheme.code == Code::NvFloat4 { 32 } else { scale_bits(scheme) };
        parts.push(part(Some("scale of the inputs"), &[1, 1], bits));
    }
    parts
}

const fn code_bits(code: Code) -> u32 {
    match code {
        Code::Packed(bits) => bits,
        Code::Integer8 | Code::Float8 | Code::MxFloat8 => 8,
        Code::NvFloat4 | Code::MxFloat4 => 4,
    }
}

const fn scale_bits(scheme: Scheme) -> u32 {
    match (scheme.code, scheme.method) {
        (Code::NvFloat4 | Code::MxFloat4 | Code::MxFloat8, _) => 8,
        (_, Method::Gptq | Method::Awq | Method::CompressedTensors) => 16,
        (_, Method::ModelOptimizer | Method::FineGrainedFp8 | Method::Fbgemm | Method::TorchAo) => 32,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bytes, linear};
    use super::*;
    use crate::model::keys::QuantizationKeys;

    fn of(keys: &QuantizationKeys) -> Scheme {
        Scheme::of(keys).unwrap()
    }

    fn compressed(format: &str) -> QuantizationKeys {
        let method = Some(String::from("compressed-tensors"));
        QuantizationKeys { quant_method: method, format: Some(format.to_owned()), ..QuantizationKeys::default() }
    }

    /// Closed forms: `n·b/8 + 2n/g + n·b/(8·g) + 4·in` for GPTQ in groups of `g`, without the last for AWQ, and
    /// `n + 4·⌈in/128⌉·⌈out/128⌉` for fp8.
    #[test]
    fn checkpoints_have_their_published_layout() {
        let (out, inputs) = (18_944, 3_584);
        let n = out * inputs;
        let of_word = |word| bytes(&stored(&linear(out, inputs), Scheme::of_word(word).unwrap()));
        assert_eq!(of_word("gptq-int4"), n / 2 + n / 64 + n / 256 + 4 * inputs);
        assert_eq!(of_word("gptq-int8"), n + n / 64 + n / 128 + 4 * inputs);
        assert_eq!(of_word("awq-int4"), n / 2 + n / 64 + n / 256);
        assert_eq!(of_word("fp8"), n + 4 * 28 * 148);
        assert_eq!(bytes(&stored(&linear(576, 7168), Scheme::of_word("fp8").unwrap())), 576 * 7168 + 4 * 5 * 56);
        let gptq = |bits, group_size| {
            let method = Some(String::from("gptq"));
            of(&QuantizationKeys { quant_method: method, bits: Some(bits), group_size, ..QuantizationKeys::default() })
        };
        assert_eq!(
            bytes(&stored(&linear(out, inputs), gptq(3, Some(32)))),
            n * 3 / 8 + n / 16 + n * 3 / 256 + 4 * inputs
        );
        assert_eq!(bytes(&stored(&linear(out, inputs), gptq(4, None))), n / 2 + 2 * out + out / 2 + 4 * inputs);
    }

    /// Closed forms of compressed-tensors 0.20.1's compressors, in bytes.
    #[test]
    fn compressed_tensors_are_what_its_compressors_write() {
        let (out, inputs) = (2_816, 1_024);
        let n = out * inputs;
        let of_keys = |keys: QuantizationKeys| bytes(&stored(&linear(out, inputs), of(&keys)));
        let four = QuantizationKeys { bits: Some(4), group_size: Some(128), ..compressed("pack-quantized") };
        assert_eq!(of_keys(four.clone()), n / 2 + 2 * n / 128 + 16);
        let asymmetric = QuantizationKeys { symmetric: Some(false), ..four };
        assert_eq!(of_keys(asymmetric), n / 2 + 2 * n / 128 + 16 + out.div_ceil(8) * 4 * (inputs / 128));
        let by = |strategy: &str| QuantizationKeys {
            bits: Some(8),
            strategy: Some(strategy.to_owned()),
            ..compressed("float-quantized")
        };
        assert_eq!(of_keys(by("channel")), n + 2 * out);
        assert_eq!(of_keys(by("tensor")), n + 2);
        let fixed = |keys| QuantizationKeys { activation_scheme: Some(String::from("static")), ..keys };
        assert_eq!(of_keys(fixed(by("tensor"))), n + 4);
        let blocks = QuantizationKeys { weight_block_size: Some(vec![128, 128]), ..by("block") };
        assert_eq!(of_keys(blocks), n + 2 * out.div_ceil(128) * inputs.div_ceil(128));
        assert_eq!(of_keys(compressed("nvfp4-pack-quantized")), n / 2 + n / 16 + 4);
        assert_eq!(of_keys(fixed(compressed("nvfp4-pack-quantized"))), n / 2 + n / 16 + 8);
        assert_eq!(of_keys(compressed("mxfp4-pack-quantized")), n / 2 + n / 32);
        assert_eq!(of_keys(compressed("mxfp8-quantized")), n + n / 32);
    }
}
