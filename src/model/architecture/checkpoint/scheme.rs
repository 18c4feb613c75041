//! How a matrix is stored in codes of few bits, and what the keys of a `quantization_config` say of it.

use super::super::checks::ArchitectureError;
use crate::model::keys::QuantizationKeys;

/// What writes codes, which decides what stands beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// GPTQ: `qweight`, `qzeros`, `scales`, `g_idx`.
    Gptq,
    /// AWQ: `qweight`, `qzeros`, `scales`.
    Awq,
    /// compressed-tensors: `weight_packed` or `weight`, `weight_scale` and what the scheme needs besides.
    CompressedTensors,
    /// NVIDIA's Model Optimizer: `weight`, `weight_scale` in 32 bits and, of types that have it, `weight_scale_2`.
    ModelOptimizer,
    /// Floats of 8 bits as `DeepSeek` and Transformers store them: `weight`, `weight_scale_inv` in 32 bits.
    FineGrainedFp8,
    /// FBGEMM: `weight`, `weight_scale` in 32 bits for each output.
    Fbgemm,
    /// torchao: codes, a scale in 32 bits and a zero for each output.
    TorchAo,
}

/// What codes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// Whole numbers of so many bits, several in a word of 32.
    Packed(u32),
    /// Whole numbers of 8 bits, each by itself.
    Integer8,
    /// Floats of 8 bits, E4M3.
    Float8,
    /// Floats of 4 bits, E2M1, and for every 16 a scale in 8 bits, all of them under one in 32 (NVFP4).
    NvFloat4,
    /// Floats of 4 bits, and for every 32 an exponent in 8 bits (MXFP4).
    MxFloat4,
    /// Floats of 8 bits, and for every 32 an exponent in 8 bits (MXFP8).
    MxFloat8,
}

/// Weights that share a scale; `strategy` of compressed-tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// All of a matrix.
    Tensor,
    /// Those of an output.
    Channel,
    /// So many consecutive inputs of an output.
    Group(u64),
    /// A rectangle of so many outputs and inputs.
    Block([u64; 2]),
}

/// How a matrix `[outputs, inputs]` is stored in codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scheme {
    /// What wrote it.
    pub method: Method,
    /// What its codes are.
    pub code: Code,
    /// What shares a scale, where `code` does not say.
    pub strategy: Strategy,
    /// Whether zero is the code in the middle; otherwise zeros stand beside the scales.
    pub symmetric: bool,
    /// Whether the group of each input is stored, as where groups are not made of consecutive inputs.
    pub indexed: bool,
    /// What becomes of the inputs of a product.
    pub inputs: Inputs,
}

/// What becomes of the inputs of a product with a matrix in codes; `activation_scheme`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Inputs {
    /// They stay what they are.
    Plain,
    /// They are put in codes with scales that are found as they come.
    Dynamic,
    /// They are put in codes with a scale that is stored.
    Static,
}

/// Inputs that share a scale where nothing else is said, and the side of a block.
const USUAL: u64 = 128;

/// Methods as `quant_method` has them.
const METHODS: [(&str, Method); 7] = [
    ("gptq", Method::Gptq),
    ("awq", Method::Awq),
    ("compressed-tensors", Method::CompressedTensors),
    ("modelopt", Method::ModelOptimizer),
    ("modelopt_fp4", Method::ModelOptimizer),
    ("fp8", Method::FineGrainedFp8),
    ("fbgemm_fp8", Method::Fbgemm),
];

/// What Model Optimizer calls its types (`quant_algo`).
const ALGORITHMS: [(&str, Code, Strategy, Inputs); 7] = [
    ("FP8", Code::Float8, Strategy::Tensor, Inputs::Static),
    ("FP8_PER_CHANNEL_PER_TOKEN", Code::Float8, Strategy::Channel, Inputs::Dynamic),
    ("FP8_PB_WO", Code::Float8, Strategy::Block([USUAL; 2]), Inputs::Plain),
    ("NVFP4", Code::NvFloat4, Strategy::Group(16), Inputs::Static),
    ("W4A16_NVFP4", Code::NvFloat4, Strategy::Group(16), Inputs::Plain),
    ("MXFP4", Code::MxFloat4, Strategy::Group(32), Inputs::Dynamic),
    ("MXFP8", Code::MxFloat8, Strategy::Group(32), Inputs::Dynamic),
];

impl Scheme {
    const fn new(method: Method, code: Code, strategy: Strategy) -> Self {
        Self { method, code, strategy, symmetric: true, indexed: false, inputs: Inputs::Plain }
    }

    /// GPTQ's, in so many bits.
    pub const fn gptq(bits: u32, strategy: Strategy) -> Self {
        Self { symmetric: false, indexed: true, ..Self::new(Method::Gptq, Code::Packed(bits), strategy) }
    }

    const fn floats(strategy: Strategy) -> Self {
        Self { inputs: Inputs::Dynamic, ..Self::new(Method::FineGrainedFp8, Code::Float8, strategy) }
    }

    const fn awq(bits: u32, strategy: Strategy) -> Self {
        Self { symmetric: false, ..Self::new(Method::Awq, Code::Packed(bits), strategy) }
    }

    /// compressed-tensors' presets (`W4A16`, `W8A8`, `FP8_DYNAMIC`, `FP8`, `NVFP4A16`, `MXFP4A16`, `MXFP8A16`).
    const fn compressed_tensors(code: Code, strategy: Strategy, inputs: Inputs) -> Self {
        Self { inputs, ..Self::new(Method::CompressedTensors, code, strategy) }
    }

    /// What a word of `infer.weights` means, and a word of `torch_dtype`: the usual form of each.
    pub fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "fp8" => Self::floats(Strategy::Block([USUAL; 2])),
            "gptq-int8" => Self::gptq(8, Strategy::Group(USUAL)),
            "gptq-int4" => Self::gptq(4, Strategy::Group(USUAL)),
            "awq-int4" => Self::awq(4, Strategy::Group(USUAL)),
            "w4a16" => Self::compressed_tensors(Code::Packed(4), Strategy::Group(USUAL), Inputs::Plain),
            "w4a16-asym" => {
                let symmetric = Self::compressed_tensors(Code::Packed(4), Strategy::Group(USUAL), Inputs::Plain);
                Self { symmetric: false, ..symmetric }
            }
            "w8a8" => Self::compressed_tensors(Code::Integer8, Strategy::Channel, Inputs::Dynamic),
            "fp8-channel" => Self::compressed_tensors(Code::Float8, Strategy::Channel, Inputs::Dynamic),
            "fp8-tensor" => Self::compressed_tensors(Code::Float8, Strategy::Tensor, Inputs::Static),
            "nvfp4" => Self::compressed_tensors(Code::NvFloat4, Strategy::Group(16), Inputs::Plain),
            "mxfp4-linear" => Self::compressed_tensors(Code::MxFloat4, Strategy::Group(32), Inputs::Plain),
            "mxfp8" => Self::compressed_tensors(Code::MxFloat8, Strategy::Group(32), Inputs::Plain),
            "torchao-int8" => {
                Self { symmetric: false, ..Self::new(Method::TorchAo, Code::Integer8, Strategy::Channel) }
            }
            _ => return None,
        })
    }

    /// What it is called: the word of `infer.weights` where there is one.
    pub const fn word(self) -> &'static str {
        match (self.method, self.code) {
            (Method::Gptq, Code::Packed(8)) => "gptq-int8",
            (Method::Gptq, Code::Packed(4)) => "gptq-int4",
            (Method::Gptq, _) => "gptq",
            (Method::Awq, _) => "awq-int4",
            (Method::TorchAo, _) => "torchao-int8",
            (_, Code::Integer8) => "w8a8",
            (_, Code::Packed(_)) if !self.symmetric => "w4a16-asym",
            (_, Code::Packed(_)) => "w4a16",
            (_, Code::Float8) if matches!(self.strategy, Strategy::Block(_)) => "fp8",
            (_, Code::Float8) if matches!(self.strategy, Strategy::Channel) => "fp8-channel",
            (_, Code::Float8) => "fp8-tensor",
            (_, Code::NvFloat4) => "nvfp4",
            (_, Code::MxFloat4) => "mxfp4-linear",
            (_, Code::MxFloat8) => "mxfp8",
        }
    }

    /// What the keys of a `quantization_config` mean; an error that names the key where that is not known.
    pub fn of(keys: &QuantizationKeys) -> Result<Self, ArchitectureError> {
        let named = keys.quant_method.as_deref().unwrap_or_default();
        let Some((_, method)) = METHODS.into_iter().find(|(name, _)| *name == named) else {
            return Err(wrong("quant_method", &none_of(named, METHODS.iter().map(|(name, _)| *name))));
        };
        let scheme = match method {
            Method::Gptq => Self::gptq(keys.integer(&[2, 3, 4, 8])?, keys.grouped()?),
            Method::Awq => Self::awq(keys.integer(&[4])?, keys.grouped()?),
            Method::CompressedTensors => keys.compressed()?,
            Method::ModelOptimizer => keys.optimized()?,
            Method::FineGrainedFp8 => {
                let strategy = keys.weight_block_size.as_deref().map_or(Ok(Strategy::Tensor), block)?;
                Self::floats(strategy)
            }
            // Its configurations name classes; none of METHODS is it.
            Method::TorchAo => return Err(wrong("quant_method", "torchao's configurations are not read")),
            // An upper bound of the inputs' scales is no part of the file.
            Method::Fbgemm => Self { inputs: Inputs::Static, ..Self::new(method, Code::Float8, Strategy::Channel) },
        };
        let inputs = match keys.activation_scheme.as_deref() {
            None => return Ok(scheme),
            Some(_) if matches!(method, Method::Gptq | Method::Awq | Method::Fbgemm) => return Ok(scheme),
            Some("static") => Inputs::Static,
            Some("dynamic") => Inputs::Dynamic,
            Some(other) => return Err(wrong("activation_scheme", &format!("`{other}` is none of dynamic, static"))),
        };
        Ok(Self { inputs, ..scheme })
    }

    /// Inputs that a matrix must be divisible by; 1 where any number will do.
    pub const fn divisor(self) -> u64 {
        match self.strategy {
            Strategy::Group(inputs) => inputs,
            _ => 1,
        }
    }

    /// It in words, such as `GPTQ, 4 bits in groups of 64`.
    pub fn words(self) -> String {
        let method = match self.method {
            Method::Gptq => "GPTQ",
            Method::Awq => "AWQ",
            Method::CompressedTensors => "compressed-tensors",
            Method::ModelOptimizer => "Model Optimizer",
            Method::FineGrainedFp8 => "fp8",
            Method::Fbgemm => "FBGEMM",
            Method::TorchAo => "torchao",
        };
        let shared = match self.strategy {
            Strategy::Tensor => String::from("a scale for each matrix"),
            Strategy::Channel => String::from("a scale for each output"),
            Strategy::Group(inputs) => format!("groups of {inputs}"),
            Strategy::Block([outputs, inputs]) => format!("blocks of {outputs} × {inputs}"),
        };
        match self.code {
            Code::Packed(bits) => format!("{method}, {bits} bits, {shared}"),
            Code::Integer8 => format!("{method}, int8, {shared}"),
            Code::Float8 if self.method == Method::FineGrainedFp8 => format!("{method}, {shared}"),
            Code::Float8 => format!("{method}, fp8, {shared}"),
            Code::NvFloat4 => format!("{method}, nvfp4"),
            Code::MxFloat4 => format!("{method}, mxfp4"),
            Code::MxFloat8 => format!("{method}, mxfp8"),
        }
    }
}

impl QuantizationKeys {
    /// Bits of whole numbers.
    fn integer(&self, known: &[u32]) -> Result<u32, ArchitectureError> {
        let found = self.bits.and_then(|bits| u32::try_from(bits).ok());
        found.filter(|bits| known.contains(bits)).ok_or_else(|| {
            let known: Vec<String> = known.iter().map(u32::to_string).collect();
            let found = self.bits.map_or_else(|| String::from("missing"), |bits| format!("{bits} bits"));
            wrong("bits", &format!("{found}; known are {}", known.join(", ")))
        })
    }

    /// Inputs that share a scale; none of them said: all of a row.
    fn grouped(&self) -> Result<Strategy, ArchitectureError> {
        match self.group_size {
            None => Ok(Strategy::Channel),
            Some(0) => Err(wrong("group_size", "found `0`, expected a number of inputs")),
            Some(inputs) => Ok(Strategy::Group(inputs)),
        }
    }

    fn compressed(&self) -> Result<Scheme, ArchitectureError> {
        let format = self.format.as_deref().unwrap_or_default();
        let strategy = match self.strategy.as_deref() {
            Some("tensor") => Strategy::Tensor,
            Some("channel") => Strategy::Channel,
            Some("group" | "tensor_group") => self.grouped()?,
            Some("block") => block(self.weight_block_size.as_deref().unwrap_or_default())?,
            Some(other) => {
                let problem = format!("`{other}` is none of tensor, channel, group, tensor_group, block");
                return Err(wrong("strategy", &problem));
            }
            None if self.group_size.is_some() => self.grouped()?,
            None => Strategy::Tensor,
        };
        let code = match format {
            "nvfp4-pack-quantized" => Code::NvFloat4,
            "mxfp4-pack-quantized" => Code::MxFloat4,
            "mxfp8-quantized" => Code::MxFloat8,
            "float-quantized" => self.integer(&[8]).map(|_| Code::Float8)?,
            "pack-quantized" => Code::Packed(self.integer(&[2, 3, 4, 5, 6, 7, 8])?),
            "int-quantized" => self.integer(&[8]).map(|_| Code::Integer8)?,
            other => {
                let problem = format!(
                    "`{other}` is none of pack-quantized, int-quantized, float-quantized, nvfp4-pack-quantized, \
                     mxfp4-pack-quantized, mxfp8-quantized"
                );
                return Err(wrong("format", &problem));
            }
        };
        let strategy = match code {
            Code::NvFloat4 => Strategy::Group(16),
            Code::MxFloat4 | Code::MxFloat8 => Strategy::Group(32),
            _ => strategy,
        };
        let scheme = Scheme::new(Method::CompressedTensors, code, strategy);
        let indexed = self.actorder.as_deref() == Some("group");
        Ok(Scheme { symmetric: self.symmetric.unwrap_or(true), indexed, ..scheme })
    }

    fn optimized(&self) -> Result<Scheme, ArchitectureError> {
        let named = self.quant_algo.as_deref().unwrap_or_default();
        let Some((_, code, strategy, inputs)) = ALGORITHMS.into_iter().find(|(name, ..)| *name == named) else {
            return Err(wrong("quant_algo", &none_of(named, ALGORITHMS.iter().map(|(name, ..)| *name))));
        };
        Ok(Scheme { inputs, ..Scheme::new(Method::ModelOptimizer, code, strategy) })
    }
}

/// A rectangle that shares a scale.
fn block(sides: &[u64]) -> Result<Strategy, ArchitectureError> {
    match *sides {
        [outputs, inputs] if outputs > 0 && inputs > 0 => Ok(Strategy::Block([outputs, inputs])),
        _ => Err(wrong("weight_block_size", "expected a number of outputs and one of inputs")),
    }
}

/// An error in one of the table's keys.
fn wrong(key: &str, problem: &str) -> ArchitectureError {
    ArchitectureError::new("quantization_config", format!("`{key}`: {problem}"))
}

fn none_of(named: &str, known: impl Iterator<Item = &'static str>) -> String {
    format!("`{named}` is none of {}", known.collect::<Vec<_>>().join(", "))
}
