//! A quantized base: codes in blocks, their scales, and what stays in 16 bits.

use std::borrow::Cow;

use super::entry::{Alive, Dim, Entry, Shape};
use super::weights::Set;
use crate::model::parameters::{Block, BlockParameters, Role, Tensor};
use crate::scenario::BaseWeights;
use crate::units::{Bits, Overflow};

const SOURCE: &str = "bitsandbytes 0.50 as Transformers 5.23 uses it, measured by shape";

/// Weights that share a scale in 4-bit formats.
const BLOCK: u64 = 64;
/// Scales that share a scale under double quantization.
const SCALES: u64 = 256;

/// One tensor that a quantized matrix is kept in.
struct Part {
    name: &'static str,
    rows: u64,
    columns: u64,
    bits: u32,
}

/// The model's parameters with the matrices of linear layers quantized; embeddings, head, norms, biases, routers and
/// stacked experts are not.
pub(super) fn parameters(set: &Set<'_>, base: BaseWeights, double: bool, alive: Alive) -> Result<Vec<Entry>, Overflow> {
    let plain = set.parameters(alive)?;
    let mut whole = plain.into_iter();
    let mut entries = set.entries(|block, tensor| {
        let own = whole.next();
        own.filter(|_| !is_quantized(block, tensor))
    })?;
    let template = set.parameters(alive)?.into_iter().next();
    let Some(template) = template else { return Ok(entries) };
    for which in 0..MOST {
        entries.append(&mut set.entries(|block, tensor| {
            if !is_quantized(block, tensor) {
                return None;
            }
            let part = parts(tensor, base, double).into_iter().nth(which)?;
            let dims = [part.rows, part.columns].map(|size| Dim { symbol: "", size });
            let shape = match (part.rows, part.columns) {
                (1, 1) => Shape::new(&[]),
                (_, 1) => Shape::new(&dims[..1]),
                _ => Shape::new(&dims),
            };
            let name =
                if which == 0 { Cow::Borrowed(tensor.name) } else { format!("{}.{}", tensor.name, part.name).into() };
            Some(Entry { name, shape, bits: Bits::whole(part.bits), source: SOURCE, ..template.clone() })
        })?);
    }
    Ok(entries)
}

/// Most parts of one matrix.
const MOST: usize = 6;

fn is_quantized(block: &BlockParameters, tensor: &Tensor) -> bool {
    let spared = block.block == Block::Head && tensor.name == "head.weight";
    tensor.role == Role::Linear && !spared && !tensor.name.contains("expert") && !tensor.name.contains("router")
}

fn parts(tensor: &Tensor, base: BaseWeights, double: bool) -> Vec<Part> {
    let vector = |name, rows, bits| Part { name, rows, columns: 1, bits };
    let codes = |bits| Part { name: "codes", rows: tensor.rows, columns: tensor.columns, bits };
    let blocks = tensor.rows.saturating_mul(tensor.columns).div_ceil(BLOCK);
    match (base, double) {
        (BaseWeights::Int8, _) => vec![codes(8), vector("scale of each row", tensor.rows, 32)],
        (BaseWeights::Nf4 | BaseWeights::Fp4, false) => {
            vec![codes(4), vector("scales", blocks, 32), vector("code table", 16, 32)]
        }
        (BaseWeights::Nf4 | BaseWeights::Fp4, true) => vec![
            codes(4),
            vector("scales in 8 bits", blocks, 8),
            vector("scales of scales", blocks.div_ceil(SCALES), 32),
            vector("code table of scales", 256, 32),
            vector("code table", 16, 32),
            vector("offset of scales", 1, 32),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// The measurement names the offset of nested scales among the parts but leaves its 4 bytes out of the sum.
    #[test]
    fn quantized_matrices_have_the_bytes_that_bitsandbytes_makes() {
        let cases: Vec<Value> = serde_json::from_str(include_str!("../../tests/reference/quantized.json")).unwrap();
        assert!(cases.len() >= 20);
        for case in cases {
            let base = BaseWeights::from_word(case["base_weights"].as_str().unwrap()).unwrap();
            let [rows, columns] = [0, 1].map(|axis| case["shape"][axis].as_u64().unwrap());
            let double = case["double_quant"] == true;
            let tensor = Tensor { name: "tensor", rows, columns, pieces: 1, role: Role::Linear };
            let parts = parts(&tensor, base, double);
            assert!(parts.len() <= MOST);
            let parts = parts.iter().filter(|part| part.name != "offset of scales");
            let bytes: u64 = parts.map(|part| (part.rows * part.columns * u64::from(part.bits)).div_ceil(8)).sum();
            assert_eq!(Some(bytes), case["bytes"].as_u64(), "{case}");
        }
    }
}
