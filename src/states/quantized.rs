//! Weights in other types than the run's own: codes in blocks, their scales, and what stays in 16 bits.
//!
//! The base of a `QLoRA` run and the weights of a served model are posted here alike: each part of each matrix is an
//! entry with the exact bits of its elements.

mod decompressed;
mod gguf;
mod kernel;
mod mlx;
mod scheme;
mod unused;

use std::borrow::Cow;

use self::decompressed::Decompression;
use super::shard::Shards;
use super::weights::{self, Set};
use crate::families::of_model;
use crate::families::stored::{self, LlamaCpp, Mlx};
use crate::ledger::{Alive, Category, Division, Entry, EstimateError, Exactness, Lifetime, Origin, Place};
use crate::model::Model;
use crate::model::architecture::{Architecture, Code, FeedForward, Inputs, LayerGroup, Method, Scheme, Strategy};
use crate::model::parameters::{Block, BlockParameters, Role, Tensor};
use crate::model::part::{Codes, Part, Piece};
use crate::scenario::{BaseWeights, Profile};
use crate::shape::{Dim, Shape};
use crate::units::{Bits, Overflow};

pub(crate) use kernel::Kernel;

const BITSANDBYTES: &str = "bitsandbytes 0.50 as Transformers 5.23 uses it, measured by shape";
const MXFP4_EXPERTS: &str = "gpt-oss and Kimi K3 checkpoints: 4-bit codes and a scale of 8 bits for each 32 inputs";

/// The word of the format that the experts of gpt-oss and Kimi K3 were published in.
const MXFP4: &str = "mxfp4";

/// Inputs that share a scale in it.
const SCALED: u64 = 32;
/// Weights that share a scale in bitsandbytes' 4-bit formats.
const BLOCK: u64 = 64;
/// Scales that share a scale under double quantization.
const SCALES: u64 = 256;
/// What a base in GPTQ has where nothing else is known.
const GPTQ_FOUR_BITS: Format = Format::Scheme(Scheme::gptq(4, Strategy::Group(128)));

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
    /// All matrices of layers as checkpoints of one kind have them.
    Scheme(Scheme),
    /// As the model's own checkpoint has them, each matrix of each layer by itself.
    Checkpoint,
    /// Experts in 4-bit floats with a scale of 8 bits for 32 of them.
    Mxfp4,
    /// One of llama.cpp's mixtures, and what it has the model as.
    Gguf(gguf::Mixture, LlamaCpp),
    /// A mode of mlx-lm, and what its class quantizes otherwise.
    Mlx(mlx::Mode, Mlx),
}

impl Format {
    /// The format of a word of `infer.weights` for a model; none where it names a plain type, or no format whose layout is known.
    pub(crate) fn of_word(model: &Model, word: &str) -> Option<Self> {
        let class = stored::mlx(model.family).unwrap_or(Mlx::Plain);
        Some(match word {
            "int8" => Self::Int8,
            "nf4" => Self::FourBits(false),
            "nf4-double-quant" => Self::FourBits(true),
            "mxfp4" => Self::Mxfp4,
            other => {
                let scheme = Scheme::of_word(other).map(Self::Scheme);
                let mixture =
                    || gguf::Mixture::of_word(other).map(|it| Self::Gguf(it, stored::llama_cpp(model.family)));
                return scheme.or_else(mixture).or_else(|| mlx::Mode::of_word(other).map(|it| Self::Mlx(it, class)));
            }
        })
    }

    /// The format of a base under adapters; in GPTQ with the groups of the model's own checkpoint where it is one.
    pub(crate) fn of_base(architecture: &Architecture, base: BaseWeights, double_quant: bool) -> Self {
        match base {
            BaseWeights::Int8 => Self::Int8,
            BaseWeights::Nf4 | BaseWeights::Fp4 => Self::FourBits(double_quant),
            BaseWeights::GptqInt4 => {
                let is_it = |scheme: Scheme| scheme.method == Method::Gptq && scheme.code == Code::Packed(4);
                let own = architecture.checkpoint.as_ref().and_then(|checkpoint| checkpoint.scheme);
                own.filter(|scheme| is_it(*scheme)).map_or(GPTQ_FOUR_BITS, Self::Scheme)
            }
        }
    }

    /// What wrote the codes of a checkpoint, where it is one's.
    pub(crate) fn method(self, architecture: &Architecture) -> Option<Method> {
        self.scheme(architecture).map(|scheme| scheme.method)
    }

    /// How most matrices of a checkpoint are stored, where it is one's.
    pub(crate) fn scheme(self, architecture: &Architecture) -> Option<Scheme> {
        match self {
            Self::Scheme(scheme) => Some(scheme),
            Self::Checkpoint => architecture.checkpoint.as_ref()?.scheme,
            _ => None,
        }
    }

    /// Whether it is one of llama.cpp's files.
    pub(crate) const fn is_of_gguf(self) -> bool {
        matches!(self, Self::Gguf(..))
    }

    /// Whether it is one of mlx-lm's.
    pub(crate) const fn is_of_mlx(self) -> bool {
        matches!(self, Self::Mlx(..))
    }

    /// Whether bitsandbytes makes it of weights in 16 bits as they are loaded.
    pub(crate) const fn is_made_at_loading(self) -> bool {
        matches!(self, Self::Int8 | Self::FourBits(_) | Self::FourBitsThroughout(_))
    }

    /// How matrix products read it; llama.cpp's read codes as they are.
    pub(crate) fn kernel(self, architecture: &Architecture) -> Option<Kernel> {
        match self {
            Self::Int8 => Some(Kernel::Int8),
            Self::FourBits(nested) | Self::FourBitsThroughout(nested) => Some(Kernel::FourBits { nested }),
            Self::Scheme(_) | Self::Checkpoint => match self.method(architecture)? {
                Method::FineGrainedFp8 | Method::Fbgemm => Some(Kernel::Fp8),
                Method::Gptq => Some(Kernel::Unpacking(GPTQ_DIRECT)),
                Method::Awq => Some(Kernel::Unpacking(AWQ_DIRECT)),
                // Matrices are dense by then.
                Method::CompressedTensors => {
                    let scheme = self.scheme(architecture)?;
                    let wide = scheme.code == Code::NvFloat4;
                    (scheme.inputs != Inputs::Plain).then_some(Kernel::FakeQuantized { wide })
                }
                // Codes come to the type of the inputs, whatever their number.
                Method::TorchAo => Some(Kernel::Unpacking(0)),
                // No kernel of Transformers reads it.
                Method::ModelOptimizer => None,
            },
            Self::Mxfp4 | Self::Gguf(..) | Self::Mlx(..) => None,
        }
    }

    /// Whether the rules are known for this model.
    pub(crate) fn check(self, model: &Model, key: &'static str, word: &str) -> Result<(), EstimateError> {
        let problem = match self {
            Self::Scheme(_) | Self::Checkpoint => by_input(model).or_else(|| uneven(model, self)),
            Self::Mxfp4 if is_published_in_mxfp4(&model.architecture) => None,
            Self::Mxfp4 => Some(format!("known for models that were published in it, which {} was not", model.id)),
            Self::Gguf(..) => gguf::uncovered(model),
            Self::Mlx(..) if stored::mlx(model.family).is_none() => {
                Some(format!("mlx-lm 0.32 has no class for {} whose routers are known", model.family.id))
            }
            Self::Mlx(..) | Self::Int8 | Self::FourBits(_) | Self::FourBitsThroughout(_) => None,
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

/// Whether a model's experts were published in it.
fn is_published_in_mxfp4(architecture: &Architecture) -> bool {
    architecture.checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.word == MXFP4)
}

/// Why groups of inputs do not divide a model's matrices.
fn uneven(model: &Model, format: Format) -> Option<String> {
    let blocks = crate::model::parameters::blocks(&model.architecture);
    let tensors = blocks.iter().flat_map(|block| block.tensors.iter().map(move |tensor| (block, tensor)));
    for (block, tensor) in tensors {
        let runs = runs(&model.architecture, block, tensor, (weights::place_of(block), format));
        let divisors = runs.into_iter().filter_map(|(_, _, scheme)| scheme).map(Scheme::divisor);
        if let Some(divisor) = divisors.into_iter().find(|divisor| !tensor.columns.is_multiple_of(*divisor)) {
            let (name, columns) = (tensor.name(), tensor.columns);
            return Some(format!("{name} has {columns} inputs, which groups of {divisor} do not divide"));
        }
    }
    None
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

/// The model's parameters in a format as Transformers keeps them, which makes some checkpoints dense as it loads them.
pub(crate) fn parameters(set: &Set<'_>, format: Format, alive: Alive) -> Result<Vec<Entry>, Overflow> {
    kept(set, format, decompressed::is_kept_so, alive)
}

/// The same as an engine keeps them: as they are stored.
pub(crate) fn as_stored(set: &Set<'_>, format: Format, alive: Alive) -> Result<Vec<Entry>, Overflow> {
    kept(set, format, |_| false, alive)
}

/// What a format leaves alone has the bits of the set; what `is_dense` says so of comes out of its codes.
fn kept(
    set: &Set<'_>,
    format: Format,
    is_dense: impl Fn(Scheme) -> bool,
    alive: Alive,
) -> Result<Vec<Entry>, Overflow> {
    match format {
        Format::Gguf(mixture, file) => return gguf::parameters(set, (mixture, file), alive),
        Format::Mlx(mode, class) => return mlx::parameters(set, (mode, class), alive),
        _ => {}
    }
    let mut entries = Vec::with_capacity(2 * tensor_count(set));
    let mut decompression = Decompression::default();
    for block in set.blocks {
        let place = weights::place_of(block);
        for tensor in &block.tensors {
            for (place, layers, scheme) in runs(set.architecture, block, tensor, (place, format)) {
                if let Some(scheme) = scheme.filter(|scheme| is_dense(*scheme)) {
                    decompression.add(tensor, scheme, set.bits, layers)?;
                    for (part, when) in decompressed::stored(tensor, scheme, set.bits) {
                        entries.push(entry(tensor, &part, place, layers, when.alive(), scheme::source(scheme))?);
                    }
                    continue;
                }
                let (parts, source) = match scheme {
                    Some(scheme) => (scheme::stored(tensor, scheme), scheme::source(scheme)),
                    None => parts(block, tensor, format, set.bits),
                };
                // GPTQ's codes are buffers too, but are packed anew once they are loaded, into blocks that are free by then.
                let is_buffer = scheme.is_some_and(|scheme| scheme.method == Method::Awq);
                let origin = if is_buffer { Origin::Buffer } else { Origin::Shapes };
                for part in parts {
                    let whole = Entry { origin, ..entry(tensor, &part, place, layers, alive, source)? };
                    // What a wrapper divides are parameters: codes, and what stays in 16 bits. Scales are no parameters.
                    let shards = if part.name.is_none() { set.shards } else { Shards::Whole };
                    entries.push(shards.of_entry(whole)?);
                }
            }
        }
    }
    entries.append(&mut decompression.entries()?);
    Ok(entries)
}

/// Tensors of all blocks.
fn tensor_count(set: &Set<'_>) -> usize {
    set.blocks.iter().map(|block| block.tensors.len()).sum()
}

/// Each run of a block's layers that have a tensor alike: where they are, how many, and the scheme that it is in codes by.
fn runs(
    architecture: &Architecture,
    block: &BlockParameters,
    tensor: &Tensor,
    (place, format): (Place, Format),
) -> Vec<(Place, u64, Option<Scheme>)> {
    let all = |scheme| vec![(place, block.copies, scheme)];
    let own = match format {
        Format::Scheme(scheme) => return all(Some(scheme).filter(|_| is_quantized(block.block, tensor, format))),
        Format::Checkpoint => architecture.checkpoint.as_ref(),
        _ => None,
    };
    let is_matrix = matches!(tensor.role, Role::Linear | Role::Experts { .. }) && !block.block.is_seen();
    let coded = is_matrix && matches!(tensor.part.codes(), Codes::Always | Codes::Throughout);
    let Some(own) = own.filter(|_| coded) else { return all(None) };
    let runs = own.runs(tensor.part, block.span);
    if let [(_, scheme)] = runs[..] {
        return all(scheme);
    }
    let each = |([first, last], scheme): ([u64; 2], _)| (Place::Layers(first, last), last - first + 1, scheme);
    runs.into_iter().map(each).collect()
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
            // Written thousands of times, where no two layers stand together.
            Some(name) => [tensor.name(), ".", name].concat().into(),
        },
        place,
        shape: part.shape,
        bits: part.bits,
        count,
        divided: Division::NONE,
        bytes: part.bits.bytes(part.shape.elements()?)?.checked_mul(count)?,
        lifetime: Lifetime::Persistent,
        alive,
        exactness: Exactness::Exact,
        source,
        origin: Origin::Shapes,
    })
}

/// Whether a format quantizes a tensor: matrices of layers but the router's. bitsandbytes and torchao leave stacked experts
/// alone and quantizes the gate of a shared expert, which has one row; checkpoints have it the other way round; of gpt-oss
/// only the experts are quantized.
fn is_quantized(block: Block, tensor: &Tensor, format: Format) -> bool {
    let runtime = format.is_made_at_loading() || matches!(format, Format::Scheme(it) if it.method == Method::TorchAo);
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

/// Blocks as a wrapper of modules has them that puts all parameters of a unit into one, of the type of their storage: codes
/// of 4 bits count as a quarter of as many elements of 16 (`bnb_4bit_quant_storage`).
pub(crate) fn packed(blocks: &[BlockParameters], format: Format) -> Vec<BlockParameters> {
    const IN_ONE: u64 = 4;
    let pack = |block: &BlockParameters, tensor: &Tensor| match tensor {
        tensor if is_quantized(block.block, tensor, format) => {
            let elements = tensor.rows.saturating_mul(tensor.columns);
            Tensor { rows: elements.div_ceil(IN_ONE), columns: 1, ..tensor.clone() }
        }
        tensor => tensor.clone(),
    };
    let packed = |block: &BlockParameters| BlockParameters {
        tensors: block.tensors.iter().map(|tensor| pack(block, tensor)).collect(),
        ..block.clone()
    };
    blocks.iter().map(packed).collect()
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
        Format::Mxfp4 => (mxfp4(tensor), MXFP4_EXPERTS),
        Format::Scheme(scheme) => (scheme::stored(tensor, scheme), scheme::source(scheme)),
        // Its matrices were looked up, and those of a mixture have types of their own.
        Format::Checkpoint | Format::Gguf(..) | Format::Mlx(..) => {
            (vec![Stored::plain(tensor, plain)], weights::PARAMETERS)
        }
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

    pub(super) fn bytes(parts: &[Stored]) -> u64 {
        parts.iter().map(|part| part.bits.bytes(part.shape.elements().unwrap()).unwrap().get() * part.count).sum()
    }

    pub(super) fn linear(rows: u64, columns: u64) -> Tensor {
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
            let format = match base {
                BaseWeights::Int8 => Format::Int8,
                _ => Format::FourBits(case["double_quant"] == true),
            };
            let mut parts = parts(&block, &linear(rows, columns), format, Bits::whole(16)).0;
            parts.retain(|part| part.name != Some("offset of scales"));
            assert_eq!(Some(bytes(&parts)), case["bytes"].as_u64(), "{case}");
        }
    }

    /// One linear layer that the libraries' own presets stored.
    #[test]
    fn a_linear_layer_has_the_bytes_that_libraries_store() {
        let cases: Vec<Value> = serde_json::from_str(include_str!("../../tests/reference/engines.json")).unwrap();
        let layers: Vec<&Value> = cases.iter().filter(|case| case["shape"].is_array()).collect();
        assert!(layers.len() >= 8, "{}", layers.len());
        for case in layers {
            let [rows, columns] = [0, 1].map(|axis| case["shape"][axis].as_u64().unwrap());
            let scheme = Scheme::of_word(case["weights"].as_str().unwrap()).unwrap();
            let stored = bytes(&scheme::stored(&linear(rows, columns), scheme));
            assert_eq!(Some(stored), case["bytes"].as_u64(), "{case}");
        }
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
        let each = |tensor| bytes(&scheme::stored(tensor, Scheme::of_word("gptq-int4").unwrap()));
        assert_eq!(each(&both), 128 * each(&one));
    }
}
