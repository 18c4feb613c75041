//! Weights in other types than the run's own: codes in blocks, their scales, and what stays in 16 bits.
//!
//! The base of a `QLoRA` run and the weights of a served model are posted here alike: each part of each matrix is an
//! entry with the exact bits of its elements.

mod gguf;
mod kernel;

use std::borrow::Cow;

use super::weights::{self, Set};
use crate::families::of_model;
use crate::ledger::{Alive, Category, Entry, EstimateError, Exactness, Lifetime, Origin, Place};
use crate::model::Model;
use crate::model::architecture::{FeedForward, LayerGroup};
use crate::model::parameters::{Block, BlockParameters, Role, Tensor};
use crate::model::part::{Codes, Part, Piece};
use crate::scenario::{BaseWeights, Profile};
use crate::shape::{Dim, Shape};
use crate::units::{Bits, Overflow};

pub(crate) use kernel::Kernel;

const BITSANDBYTES: &str = "bitsandbytes 0.50 as Transformers 5.23 uses it, measured by shape";
const GPTQ: &str = "GPTQ checkpoints: codes, fp16 scales, packed zeros and int32 group indices, groups of 128 inputs";
const AWQ: &str = "AWQ checkpoints: codes, fp16 scales and packed zeros, groups of 128 inputs";
const FP8: &str = "fp8 checkpoints: e4m3 codes and an fp32 scale for each block of 128 × 128";

const MXFP4_EXPERTS: &str = "gpt-oss and Kimi K3 checkpoints: 4-bit codes and a scale of 8 bits for each 32 inputs";

/// The word of the format that the experts of gpt-oss and Kimi K3 were published in.
const MXFP4: &str = "mxfp4";

/// Inputs that share a scale in it.
const SCALED: u64 = 32;
/// Weights that share a scale in bitsandbytes' 4-bit formats.
const BLOCK: u64 = 64;
/// Scales that share a scale under double quantization.
const SCALES: u64 = 256;
/// Inputs that share a scale in GPTQ and AWQ checkpoints, and the side of a block in fp8 ones.
const GROUP: u64 = 128;

/// Up to so many tokens the kernels for GPTQ and AWQ read codes directly.
const GPTQ_DIRECT: u64 = 128;
const AWQ_DIRECT: u64 = 1023;

/// How a model's matrices are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// bitsandbytes in 8 bits.
    Int8,
    /// bitsandbytes in 4 bits, with scales quantized too or not.
    FourBits(bool),
    /// The same for the head too.
    FourBitsThroughout(bool),
    /// 8-bit floats in blocks with a scale each.
    Fp8,
    /// GPTQ, so many bits.
    Gptq(u32),
    /// AWQ in 4 bits.
    Awq,
    /// Experts in 4-bit floats with a scale of 8 bits for 32 of them.
    Mxfp4,
    /// One of llama.cpp's mixtures.
    Gguf(gguf::Mixture),
}

impl Format {
    /// The format of a word of `infer.weights`; none where it names a plain type, or no format whose layout is known.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "fp8" => Self::Fp8,
            "int8" => Self::Int8,
            "nf4" => Self::FourBits(false),
            "nf4-double-quant" => Self::FourBits(true),
            "gptq-int8" => Self::Gptq(8),
            "gptq-int4" => Self::Gptq(4),
            "awq-int4" => Self::Awq,
            "mxfp4" => Self::Mxfp4,
            other => return gguf::Mixture::of_word(other).map(Self::Gguf),
        })
    }

    /// The format of a base under adapters.
    pub(crate) const fn of_base(base: BaseWeights, double_quant: bool) -> Self {
        match base {
            BaseWeights::Int8 => Self::Int8,
            BaseWeights::Nf4 | BaseWeights::Fp4 => Self::FourBits(double_quant),
            BaseWeights::GptqInt4 => Self::Gptq(4),
        }
    }

    /// Whether bitsandbytes makes it of weights in 16 bits as they are loaded.
    pub(crate) const fn is_made_at_loading(self) -> bool {
        matches!(self, Self::Int8 | Self::FourBits(_) | Self::FourBitsThroughout(_))
    }

    /// How matrix products read it; llama.cpp's read codes as they are.
    pub(crate) const fn kernel(self) -> Option<Kernel> {
        match self {
            Self::Int8 => Some(Kernel::Int8),
            Self::FourBits(nested) | Self::FourBitsThroughout(nested) => Some(Kernel::FourBits { nested }),
            Self::Fp8 => Some(Kernel::Fp8),
            Self::Gptq(_) => Some(Kernel::Unpacking(GPTQ_DIRECT)),
            Self::Awq => Some(Kernel::Unpacking(AWQ_DIRECT)),
            Self::Mxfp4 | Self::Gguf(_) => None,
        }
    }

    /// Whether the rules are known for this model.
    pub(crate) fn check(self, model: &Model, key: &'static str, word: &str) -> Result<(), EstimateError> {
        let problem = match self {
            Self::Gptq(_) | Self::Awq => by_input(model).or_else(|| uneven(model)),
            Self::Fp8 => by_input(model),
            Self::Mxfp4 if model.architecture.native_weights == Some(MXFP4) => None,
            Self::Mxfp4 => Some(format!("known for models that were published in it, which {} was not", model.id)),
            Self::Gguf(_) => gguf::uncovered(model).map(str::to_owned),
            Self::Int8 | Self::FourBits(_) | Self::FourBitsThroughout(_) => None,
        };
        match problem {
            None => Ok(()),
            Some(reason) => Err(EstimateError::Invalid { key, problem: format!("`{word}`: {reason}") }),
        }
    }
}

/// An error where bitsandbytes would quantize nothing: it takes linear layers of PyTorch's own class alone since
/// Transformers 5, and Falcon's are of a class of their own (`findings/transformers-falcon-4bit-stays-16bit.sh`).
pub(crate) fn check_class(
    profile: &Profile,
    model: &Model,
    format: Format,
    key: &'static str,
) -> Result<(), EstimateError> {
    // Where the order is not known, an earlier release is described.
    let is_described = profile.infer.is_none_or(|infer| infer.in_order);
    if !format.is_made_at_loading() || !of_model(model).transposed_linears || !is_described {
        return Ok(());
    }
    let problem = format!(
        "bitsandbytes leaves the matrices of {} in 16 bits under Transformers 5.23: its linear layers are of a class of \
         their own; what is loaded so takes what bf16 takes",
        model.family.id
    );
    Err(EstimateError::Invalid { key, problem })
}

/// Why checkpoints that quantize experts one by one are not known for a model.
fn by_input(model: &Model) -> Option<String> {
    let stacked = |group: &LayerGroup| matches!(&group.layer.feed_forward, FeedForward::Experts(it) if it.bias);
    let found = model.architecture.groups.iter().any(stacked);
    found.then(|| format!("the experts of {} are stacked by input, of which no such checkpoint is known", model.id))
}

/// Why groups of 128 inputs do not divide a model's matrices.
fn uneven(model: &Model) -> Option<String> {
    let blocks = crate::model::parameters::blocks(&model.architecture);
    let tensors = blocks.iter().flat_map(|block| block.tensors.iter().map(|tensor| (block.block, tensor)));
    let mut quantized = tensors.filter(|(block, it)| is_quantized(*block, it, Format::Awq)).map(|(_, tensor)| tensor);
    let tensor = quantized.find(|tensor| !tensor.columns.is_multiple_of(GROUP))?;
    Some(format!("{} has {} inputs, which groups of {GROUP} do not divide", tensor.name(), tensor.columns))
}

/// One tensor that a matrix is kept in.
pub(crate) struct Stored {
    name: Option<&'static str>,
    shape: Shape,
    bits: Bits,
    /// How many of it there are in a layer: one for each matrix.
    count: u64,
}

impl Stored {
    fn plain(tensor: &Tensor, bits: Bits) -> Self {
        Self { name: None, shape: weights::shape(tensor), bits, count: 1 }
    }
}

/// The model's parameters in a format: what the format leaves alone has the bits of the set.
pub(crate) fn parameters(set: &Set<'_>, format: Format, alive: Alive) -> Result<Vec<Entry>, Overflow> {
    let mut entries = Vec::with_capacity(64);
    for block in set.blocks {
        let place = weights::place_of(block);
        for tensor in &block.tensors {
            if let Format::Gguf(mixture) = format {
                for (place, layers, part, source) in mixture.parts(set.architecture, block, tensor, place) {
                    entries.push(entry(tensor, &part, place, layers, alive, source)?);
                }
                continue;
            }
            let (parts, source) = parts(block, tensor, format, set.bits);
            // GPTQ's codes are buffers too, but are packed anew once they are loaded, into blocks that are free by then.
            let is_buffer = format == Format::Awq && is_quantized(block.block, tensor, format);
            let origin = if is_buffer { Origin::Buffer } else { Origin::Shapes };
            for part in parts {
                entries.push(Entry { origin, ..entry(tensor, &part, place, block.copies, alive, source)? });
            }
        }
    }
    Ok(entries)
}

fn entry(
    tensor: &Tensor,
    part: &Stored,
    place: Place,
    layers: u64,
    alive: Alive,
    source: &'static str,
) -> Result<Entry, Overflow> {
    let count = layers.checked_mul(part.count).ok_or(Overflow)?;
    Ok(Entry {
        category: Category::Parameters,
        name: match part.name {
            None => Cow::Borrowed(tensor.name()),
            Some(name) => format!("{}.{name}", tensor.name()).into(),
        },
        place,
        shape: part.shape,
        bits: part.bits,
        count,
        divided_by: 1,
        bytes: part.bits.bytes(part.shape.elements()?)?.checked_mul(count)?,
        lifetime: Lifetime::Persistent,
        alive,
        exactness: Exactness::Exact,
        source,
        origin: Origin::Shapes,
    })
}

/// Whether a format quantizes a tensor: matrices of layers but the router's. bitsandbytes leaves stacked experts alone
/// and quantizes the gate of a shared expert, which has one row; checkpoints have it the other way round; of gpt-oss
/// only the experts are quantized.
fn is_quantized(block: Block, tensor: &Tensor, format: Format) -> bool {
    let runtime = format.is_made_at_loading();
    // Published checkpoints leave towers as they are.
    if !runtime && block.is_seen() {
        return false;
    }
    match (tensor.part.codes(), tensor.role) {
        (Codes::Always, Role::Linear) => format != Format::Mxfp4,
        (Codes::Always, Role::Experts { .. }) => !runtime,
        (Codes::AtLoading, Role::Linear) => runtime,
        (Codes::Throughout, Role::Linear) => matches!(format, Format::FourBitsThroughout(_)),
        _ => false,
    }
}

/// Bytes of each tensor that a matrix is kept in once it is quantized; nothing of one that is not.
pub(crate) fn pieces(block: &BlockParameters, tensor: &Tensor, format: Format) -> Result<Option<Vec<u64>>, Overflow> {
    if !is_quantized(block.block, tensor, format) {
        return Ok(None);
    }
    let (parts, _) = parts(block, tensor, format, Bits::whole(16));
    let each = |part: &Stored| part.bits.bytes(part.shape.elements()?).map(crate::units::Bytes::get);
    let pieces = parts.iter().flat_map(|part| std::iter::repeat_n(part, usize::try_from(part.count).unwrap_or(1)));
    pieces.map(each).collect::<Result<_, _>>().map(Some)
}

fn parts(block: &BlockParameters, tensor: &Tensor, format: Format, plain: Bits) -> (Vec<Stored>, &'static str) {
    if !is_quantized(block.block, tensor, format) {
        let bits = if narrows(block, tensor, format) { Bits::whole(16) } else { plain };
        return (vec![Stored::plain(tensor, bits)], weights::PARAMETERS);
    }
    match format {
        Format::Int8 => (int8(tensor), BITSANDBYTES),
        Format::FourBits(double) | Format::FourBitsThroughout(double) => (four_bits(tensor, double), BITSANDBYTES),
        Format::Fp8 => (fp8(tensor), FP8),
        Format::Gptq(bits) => (grouped(tensor, bits, true), GPTQ),
        Format::Mxfp4 => (mxfp4(tensor), MXFP4_EXPERTS),
        Format::Awq | Format::Gguf(_) => (grouped(tensor, 4, false), AWQ),
    }
}

/// Whether a tensor is the bias of a 4-bit matrix, which bitsandbytes casts for good to the type of the arithmetic when it
/// is first used.
pub(crate) fn narrows(block: &BlockParameters, tensor: &Tensor, format: Format) -> bool {
    let four_bits = matches!(format, Format::FourBits(_) | Format::FourBitsThroughout(_));
    let is_its = |other: &&Tensor| other.part == tensor.part && other.piece == Piece::Weight;
    let is_bias = four_bits && tensor.piece == Piece::Bias;
    is_bias && block.tensors.iter().find(is_its).is_some_and(|matrix| is_quantized(block.block, matrix, format))
}

fn dims(sizes: &[u64]) -> Shape {
    let dim = |size: &u64| Dim { symbol: "", size: *size };
    match sizes {
        [1, 1] => Shape::new(&[]),
        [rows, 1] => Shape::new(&[dim(rows)]),
        [rows, columns] => Shape::new(&[dim(rows), dim(columns)]),
        _ => Shape::new(&sizes.iter().map(dim).collect::<Vec<_>>()),
    }
}

fn int8(tensor: &Tensor) -> Vec<Stored> {
    let part = |name, shape: &[u64], bits| Stored { name, shape: dims(shape), bits: Bits::whole(bits), count: 1 };
    vec![part(None, &[tensor.rows, tensor.columns], 8), part(Some("scale of each row"), &[tensor.rows, 1], 32)]
}

fn four_bits(tensor: &Tensor, double: bool) -> Vec<Stored> {
    let part = |name, shape: &[u64], bits| Stored { name, shape: dims(shape), bits: Bits::whole(bits), count: 1 };
    let codes = part(None, &[tensor.rows, tensor.columns], 4);
    let table = part(Some("code table"), &[16, 1], 32);
    let blocks = tensor.rows.saturating_mul(tensor.columns).div_ceil(BLOCK);
    if !double {
        return vec![codes, part(Some("scales"), &[blocks, 1], 32), table];
    }
    vec![
        codes,
        part(Some("scales in 8 bits"), &[blocks, 1], 8),
        part(Some("scales of scales"), &[blocks.div_ceil(SCALES), 1], 32),
        part(Some("code table of scales"), &[256, 1], 32),
        table,
        part(Some("offset of scales"), &[1, 1], 32),
    ]
}

/// The matrices that a tensor stands for: how many, and the rows and columns of each.
fn matrices(tensor: &Tensor) -> (u64, u64, u64) {
    let many = match tensor.role {
        Role::Experts { count, .. } if tensor.part == Part::ExpertsGateAndUp => 2 * count,
        Role::Experts { count, .. } => count,
        _ => 1,
    };
    (many, tensor.rows / many, tensor.columns)
}

/// GPTQ and AWQ: a scale and a zero for each group of inputs and each output; GPTQ also the group of each input.
fn grouped(tensor: &Tensor, bits: u32, indexed: bool) -> Vec<Stored> {
    let (count, rows, columns) = matrices(tensor);
    let groups = columns.div_ceil(GROUP);
    let part = |name, shape: &[u64], bits| Stored { name, shape: dims(shape), bits: Bits::whole(bits), count };
    let mut parts = vec![
        part(None, &[columns, rows], bits),
        part(Some("scales"), &[groups, rows], 16),
        part(Some("zeros"), &[groups, rows], bits),
    ];
    if indexed {
        parts.push(part(Some("g_idx"), &[columns, 1], 32));
    }
    parts
}

fn fp8(tensor: &Tensor) -> Vec<Stored> {
    let (count, rows, columns) = matrices(tensor);
    let part = |name, shape: &[u64], bits| Stored { name, shape: dims(shape), bits: Bits::whole(bits), count };
    let scales = [rows.div_ceil(GROUP), columns.div_ceil(GROUP)];
    vec![part(None, &[rows, columns], 8), part(Some("scale_inv"), &scales, 32)]
}

/// Experts stacked as they are, a scale for each 32 inputs.
fn mxfp4(tensor: &Tensor) -> Vec<Stored> {
    let (rows, columns) = (tensor.rows, tensor.columns);
    let part = |name, shape: &[u64], bits| Stored { name, shape: dims(shape), bits: Bits::whole(bits), count: 1 };
    vec![part(None, &[rows, columns], 4), part(Some("scales"), &[rows.div_ceil(SCALED), columns], 8)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn bytes(parts: &[Stored]) -> u64 {
        parts.iter().map(|part| part.bits.bytes(part.shape.elements().unwrap()).unwrap().get() * part.count).sum()
    }

    fn linear(rows: u64, columns: u64) -> Tensor {
        Tensor { part: Part::Up, piece: Piece::Weight, rows, columns, pieces: 1, role: Role::Linear }
    }

    /// The measurement names the offset of nested scales among the parts but leaves its 4 bytes out of the sum.
    #[test]
    fn quantized_matrices_have_the_bytes_that_bitsandbytes_makes() {
        let cases: Vec<Value> = serde_json::from_str(include_str!("../../tests/reference/quantized.json")).unwrap();
        assert!(cases.len() >= 20);
        for case in cases {
            let base = BaseWeights::from_word(case["base_weights"].as_str().unwrap()).unwrap();
            let [rows, columns] = [0, 1].map(|axis| case["shape"][axis].as_u64().unwrap());
            let block = BlockParameters { block: Block::Group(0), copies: 1, span: [0, 0], tensors: Vec::new() };
            let format = Format::of_base(base, case["double_quant"] == true);
            let mut parts = parts(&block, &linear(rows, columns), format, Bits::whole(16)).0;
            parts.retain(|part| part.name != Some("offset of scales"));
            assert_eq!(Some(bytes(&parts)), case["bytes"].as_u64(), "{case}");
        }
    }

    /// Closed forms: `n·b/8 + 2n/128 + n·b/(8·128) + 4·in` for GPTQ, without the last for AWQ, and
    /// `n + 4·⌈in/128⌉·⌈out/128⌉` for fp8.
    #[test]
    fn checkpoints_have_their_published_layout() {
        let (out, inputs) = (18_944, 3_584);
        let n = out * inputs;
        let tensor = linear(out, inputs);
        assert_eq!(bytes(&grouped(&tensor, 4, true)), n / 2 + n / 64 + n / 256 + 4 * inputs);
        assert_eq!(bytes(&grouped(&tensor, 8, true)), n + n / 64 + n / 128 + 4 * inputs);
        assert_eq!(bytes(&grouped(&tensor, 4, false)), n / 2 + n / 64 + n / 256);
        assert_eq!(bytes(&fp8(&tensor)), n + 4 * 28 * 148);
        assert_eq!(bytes(&fp8(&linear(576, 7168))), 576 * 7168 + 4 * 5 * 56);
    }

    #[test]
    fn experts_are_quantized_one_by_one() {
        let role = Role::Experts { count: 64, per_token: 8 };
        let both = Tensor {
            part: Part::ExpertsGateAndUp,
            piece: Piece::Weight,
            rows: 64 * 2 * 2560,
            columns: 3584,
            pieces: 1,
            role,
        };
        let one = linear(2560, 3584);
        assert_eq!(bytes(&grouped(&both, 4, true)), 128 * bytes(&grouped(&one, 4, true)));
    }
}
