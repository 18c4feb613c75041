//! The header of a safetensors file: its length, and a JSON object with what each tensor is and where it lies.

use std::collections::HashSet;
use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::dtype::Dtype;
use crate::located::{Place, PresetError};

/// No header is as large: that of a trillion parameters, expert by expert, takes 40 MiB.
pub(super) const LARGEST_HEADER: u64 = 128 << 20;

/// No file has as many tensors.
pub(super) const MOST_TENSORS: usize = 1 << 20;

/// Nor one of them as many dimensions.
const MOST_DIMENSIONS: usize = 8;

/// What stands before the tensors of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What it says of each tensor, in the order of the header.
    pub tensors: Vec<TensorInfo>,
    /// How many bytes it takes.
    pub length: u64,
}

/// What a header says of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// The type of its elements.
    pub dtype: Dtype,
    /// Its dimensions, the outermost first.
    pub shape: Vec<u64>,
    /// What it takes in the file.
    pub bytes: u64,
    /// Where it begins behind the header.
    start: u64,
}

impl Header {
    /// The header at the start of a file of so many bytes, which may take so many of them.
    pub(super) fn read(mut bytes: impl Read, length: u64, origin: &str, most: u64) -> Result<Self, PresetError> {
        let wrong = |message: String| PresetError::file(origin, message);
        let mut claimed = [0; 8];
        if length < 8 {
            return Err(wrong(format!(
                "{length} bytes; a safetensors file begins with 8 that say how long its header is"
            )));
        }
        bytes.read_exact(&mut claimed).map_err(|error| wrong(error.to_string()))?;
        let claimed = u64::from_le_bytes(claimed);
        if claimed > length - 8 {
            return Err(wrong(format!("at byte 0: a header of {claimed} bytes, where {} follow", length - 8)));
        }
        if claimed > most {
            let most = LARGEST_HEADER >> 20;
            return Err(wrong(format!("at byte 0: a header of {claimed} bytes; at most {most} MiB are read")));
        }
        let mut text = Vec::new();
        bytes.take(claimed).read_to_end(&mut text).map_err(|error| wrong(error.to_string()))?;
        let entries: Entries = serde_json::from_slice(&text).map_err(|error| in_header(origin, &error))?;
        let data = length - 8 - claimed;
        let tensors = entries.0.into_iter().map(|(name, entry)| entry.check(name, origin)).collect::<Result<_, _>>()?;
        let header = Self { tensors, length: claimed + 8 };
        header.check_layout(data, origin)?;
        Ok(header)
    }

    /// Whether tensors lie one after the other, each where the one before it ends, up to the end of the file.
    fn check_layout(&self, data: u64, origin: &str) -> Result<(), PresetError> {
        let mut placed: Vec<&TensorInfo> = self.tensors.iter().collect();
        placed.sort_by_key(|tensor| (tensor.start, tensor.bytes));
        let mut end = 0;
        for tensor in placed {
            let start = tensor.start;
            if start != end {
                let how = if start < end { "inside the tensor before it, which ends" } else { "behind a gap, from" };
                return Err(at(
                    origin,
                    &tensor.name,
                    format!("begins at byte {start} of the data, {how} at byte {end}"),
                ));
            }
            end = start.saturating_add(tensor.bytes);
            if end > data {
                let message = format!("ends at byte {end} of the data, of which the file has {data}: it was cut short");
                return Err(at(origin, &tensor.name, message));
            }
        }
        if end < data {
            return Err(PresetError::file(origin, format!("{} bytes follow the last tensor", data - end)));
        }
        Ok(())
    }
}

/// An error about a tensor.
pub(super) fn at(origin: &str, name: &str, message: String) -> PresetError {
    let place = Place { path: origin.to_owned(), key: shown(name), ..Place::default() };
    PresetError { place, message }
}

/// A name as it can be shown: on one line, and not without end.
pub(super) fn shown(name: &str) -> String {
    const LONGEST: usize = 128;
    name.chars().take(LONGEST).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// Where the header stops being what it should.
fn in_header(origin: &str, error: &serde_json::Error) -> PresetError {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
    let message = format!("in the header, line {} column {}: {}", error.line(), error.column(), shown(&message));
    PresetError::file(origin, message)
}

/// The object of a header; each key once.
struct Entries(Vec<(String, Entry)>);

/// What an object says of a tensor.
#[derive(Deserialize)]
struct Entry {
    dtype: Word,
    shape: Few<MOST_DIMENSIONS>,
    data_offsets: Few<2>,
}

/// The name of a type.
#[derive(Deserialize)]
#[serde(transparent)]
struct Word(String);

/// A list of a few whole numbers, which ends as soon as there are more.
struct Few<const MOST: usize>(Vec<u64>);

impl Entry {
    fn check(self, name: String, origin: &str) -> Result<TensorInfo, PresetError> {
        let wrong = |message: String| at(origin, &name, message);
        let Some(dtype) = Dtype::of_word(&self.dtype.0) else {
            return Err(wrong(format!("dtype: found {:?}; known are {}", shown(&self.dtype.0), Dtype::words())));
        };
        let shape = self.shape.0;
        let [start, end] = self.data_offsets.0[..] else {
            return Err(wrong(String::from("data_offsets: expected where it begins and where it ends")));
        };
        let Some(bytes) = end.checked_sub(start) else {
            return Err(wrong(format!("data_offsets: begins at {start} and ends at {end}")));
        };
        let elements = shape.iter().try_fold(1_u64, |product, size| product.checked_mul(*size));
        let bits = elements.and_then(|elements| elements.checked_mul(dtype.bits().into()));
        if bits.is_none_or(|bits| !bits.is_multiple_of(8) || bits / 8 != bytes) {
            let expected = bits.map_or_else(|| String::from("more than 2^61"), |bits| bits.div_ceil(8).to_string());
            let word = dtype.word();
            return Err(wrong(format!("data_offsets: {bytes} bytes, where {word} of shape {shape:?} take {expected}")));
        }
        Ok(TensorInfo { name, dtype, shape, bytes, start })
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with an entry for each tensor")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                let mut names = HashSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    if !names.insert(name.clone()) {
                        return Err(A::Error::custom(format!("`{name}` stands there twice")));
                    }
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    entries.push((name, map.next_value()?));
                    if entries.len() > MOST_TENSORS {
                        return Err(A::Error::custom(format!("more than {MOST_TENSORS} tensors")));
                    }
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl<'de, const MOST: usize> Deserialize<'de> for Few<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<const MOST: usize>;
        impl<'de, const MOST: usize> Visitor<'de> for List<MOST> {
            type Value = Few<MOST>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MOST} whole numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Few<MOST>, A::Error> {
                let mut few = Vec::with_capacity(MOST);
                while let Some(number) = list.next_element()? {
                    if few.len() == MOST {
                        return Err(A::Error::custom(format!("more than {MOST} numbers in a list")));
                    }
                    few.push(number);
                }
                Ok(Few(few))
            }
        }
        deserializer.deserialize_seq(List)
    }
}
