//! The header of a GGUF file: its metadata, and what it says of each tensor.

use std::collections::{BTreeMap, HashSet};
use std::io::BufRead;

use super::reader::Reader;
use super::value::{self, Value};
use crate::located::PresetError;
use crate::units::ggml::Type;

/// No file has as many tensors, or keys.
const MOST_TENSORS: u64 = 1 << 20;

/// ggml's tensors have as many dimensions.
const MOST_DIMENSIONS: u32 = 4;

/// Where tensors begin, unless the file says otherwise: multiples of this.
const ALIGNMENT: u64 = 32;

/// What stands before the tensors of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The version of the format.
    pub version: u32,
    /// Whether its numbers begin with their highest byte.
    pub big_endian: bool,
    /// What it says of the model.
    pub metadata: BTreeMap<String, Value>,
    /// What it says of each tensor.
    pub tensors: Vec<TensorInfo>,
    /// How many bytes it takes.
    pub length: u64,
    /// Bytes of tensors that the file does not have, where it was cut short.
    pub missing: u64,
}

/// What a header says of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Its dimensions, the innermost first.
    pub dimensions: Vec<u64>,
    /// The type of its elements.
    pub(crate) kind: Type,
    /// What it takes in the file.
    pub bytes: u64,
    /// Where it begins, from the first tensor on.
    offset: u64,
    /// Where its entry stands in the header.
    at: u64,
}

impl Header {
    /// The header that the reader is at the start of.
    pub(super) fn read<R: BufRead>(reader: &mut Reader<'_, R>) -> Result<Self, PresetError> {
        let (version, big_endian) = version(reader)?;
        let tensors = count(reader, "tensors", 24)?;
        let keys = count(reader, "keys", 13)?;
        let mut metadata = BTreeMap::new();
        for _ in 0..keys {
            let at = reader.at();
            let key = reader.name("a key")?;
            let value = value::read(reader, &key)?;
            if metadata.contains_key(&key) {
                return Err(reader.error_at(at, &key, "stands there twice"));
            }
            metadata.insert(key, value);
        }
        let mut names = HashSet::new();
        let mut infos: Vec<TensorInfo> = Vec::new();
        for _ in 0..tensors {
            let info = tensor(reader)?;
            if !names.insert(info.name.clone()) {
                return Err(reader.error_at(info.at, &info.name, "a tensor that stands there twice"));
            }
            infos.push(info);
        }
        let mut header = Self { version, big_endian, metadata, tensors: infos, length: reader.at(), missing: 0 };
        header.missing = header.lay_out(reader)?;
        Ok(header)
    }

    /// Whether tensors lie where they can, and how many bytes of them are not there.
    fn lay_out<R: BufRead>(&self, reader: &Reader<'_, R>) -> Result<u64, PresetError> {
        const KEY: &str = "general.alignment";
        let alignment = match self.metadata.get(KEY) {
            None => ALIGNMENT,
            Some(Value::Whole(number)) => u32::try_from(*number).map_or(0, u64::from),
            Some(_) => 0,
        };
        if !alignment.is_power_of_two() {
            let found = self.metadata.get(KEY).map(Value::words).unwrap_or_default();
            return Err(reader.error(KEY, &format!("found {found}, expected a power of two")));
        }
        let mut placed: Vec<&TensorInfo> = self.tensors.iter().collect();
        placed.sort_by_key(|tensor| (tensor.offset, tensor.bytes));
        let mut end = 0_u64;
        for tensor in placed {
            let wrong = |message: &str| reader.error_at(tensor.at, &tensor.name, message);
            let offset = tensor.offset;
            if !offset.is_multiple_of(alignment) {
                return Err(wrong(&format!("begins at {offset}, which is no multiple of {alignment}")));
            }
            if offset < end {
                return Err(wrong(&format!("begins at {offset}, where the tensor before it ends at {end}")));
            }
            end = offset.checked_add(tensor.bytes).ok_or_else(|| wrong("ends beyond 2^64 bytes"))?;
        }
        let start = self.length.checked_next_multiple_of(alignment);
        let whole = start.and_then(|start| start.checked_add(end));
        let whole = whole.ok_or_else(|| reader.error("", "tensors end beyond 2^64 bytes"))?;
        Ok(if self.tensors.is_empty() { 0 } else { whole.saturating_sub(reader.length()) })
    }
}

/// The version, and whether numbers begin with their highest byte: a version below 65,536 tells.
fn version<R: BufRead>(reader: &mut Reader<'_, R>) -> Result<(u32, bool), PresetError> {
    let magic = reader.raw::<4>()?;
    if &magic != b"GGUF" {
        let shown = magic.escape_ascii();
        return Err(reader.error_at(0, "", &format!("begins with `{shown}`, where a GGUF file has `GGUF`")));
    }
    let version = reader.u32("")?;
    let big_endian = version != 0 && version.trailing_zeros() >= 16;
    let version = if big_endian { version.swap_bytes() } else { version };
    if big_endian {
        reader.is_big_endian();
    }
    match version {
        2 | 3 => Ok((version, big_endian)),
        other => Err(reader.error_at(4, "", &format!("version {other} of the format; versions 2 and 3 are read"))),
    }
}

/// How many of something follow, each of which takes so many bytes at least.
fn count<R: BufRead>(reader: &mut Reader<'_, R>, what: &str, least: u64) -> Result<u64, PresetError> {
    let at = reader.at();
    let count = reader.u64("")?;
    if count > MOST_TENSORS {
        return Err(reader.error_at(at, "", &format!("{count} {what}; at most {MOST_TENSORS} are read")));
    }
    let left = reader.left();
    if count * least > left {
        return Err(reader.error_at(at, "", &format!("{count} {what}, where {left} bytes are left")));
    }
    Ok(count)
}

fn tensor<R: BufRead>(reader: &mut Reader<'_, R>) -> Result<TensorInfo, PresetError> {
    let at = reader.at();
    let name = reader.name("a tensor")?;
    let rank_at = reader.at();
    let rank = reader.u32(&name)?;
    if !(1..=MOST_DIMENSIONS).contains(&rank) {
        return Err(reader.error_at(rank_at, &name, &format!("{rank} dimensions; ggml has 1 to {MOST_DIMENSIONS}")));
    }
    let dimensions = (0..rank).map(|_| reader.u64(&name)).collect::<Result<Vec<_>, _>>()?;
    let kind_at = reader.at();
    let number = reader.u32(&name)?;
    let kind = Type::of_id(number).ok_or_else(|| {
        let message = format!("elements of type {number}, which ggml does not have, or has no more");
        reader.error_at(kind_at, &name, &message)
    })?;
    let offset = reader.u64(&name)?;
    let row = dimensions.first().copied().unwrap_or(1);
    if !kind.divides(row) {
        let (word, block) = (kind.word(), kind.block_elements());
        let message = format!("rows of {row} elements, which blocks of {word} ({block}) do not divide");
        return Err(reader.error_at(at, &name, &message));
    }
    let elements = dimensions.iter().try_fold(1_u64, |product, size| product.checked_mul(*size));
    let bytes = elements.and_then(|elements| (elements / kind.block_elements()).checked_mul(kind.block_bytes()));
    let bytes = bytes.ok_or_else(|| reader.error_at(rank_at, &name, "more than 2^64 bytes"))?;
    Ok(TensorInfo { name, dimensions, kind, bytes, offset, at })
}
