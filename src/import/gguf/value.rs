//! Values of a GGUF file's metadata, of all its thirteen types.

use std::io::BufRead;

use super::reader::Reader;
use crate::located::PresetError;

/// Arrays inside arrays beyond this are no metadata.
const DEEPEST: usize = 64;

/// Of an array of numbers as many are kept: what is said of each layer, and not of each word.
const MOST_KEPT: u64 = 1 << 14;

/// What a key of the metadata says.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Whole(i128),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Flag(bool),
    /// A text.
    Text(String),
    /// A text that is too long to be kept, by its length.
    LongText(u64),
    /// An array.
    Array(Array),
}

/// An array of values of one type.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// The word of their type.
    pub kind: &'static str,
    /// How many there are.
    pub count: u64,
    /// The values, where they are whole numbers or flags, and few.
    pub whole: Option<Vec<i128>>,
}

impl Value {
    /// What was found, in the words of a message.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Whole(number) => format!("`{number}`"),
            Self::Float(number) => format!("`{number}`"),
            Self::Flag(flag) => format!("`{flag}`"),
            Self::Text(text) => format!("the text {text:?}"),
            Self::LongText(length) => format!("a text of {length} bytes"),
            Self::Array(array) => format!("an array of {} × {}", array.count, array.kind),
        }
    }
}

/// A type of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unsigned(u32),
    Signed(u32),
    Float(u32),
    Flag,
    Text,
    Array,
}

/// The types by their numbers in a file, and their words.
const KINDS: [(Kind, &str); 13] = [
    (Kind::Unsigned(1), "u8"),
    (Kind::Signed(1), "i8"),
    (Kind::Unsigned(2), "u16"),
    (Kind::Signed(2), "i16"),
    (Kind::Unsigned(4), "u32"),
    (Kind::Signed(4), "i32"),
    (Kind::Float(4), "f32"),
    (Kind::Flag, "bool"),
    (Kind::Text, "text"),
    (Kind::Array, "array"),
    (Kind::Unsigned(8), "u64"),
    (Kind::Signed(8), "i64"),
    (Kind::Float(8), "f64"),
];

impl Kind {
    /// The least bytes that a value of it takes in a file.
    const fn least(self) -> u64 {
        match self {
            Self::Unsigned(bytes) | Self::Signed(bytes) | Self::Float(bytes) => bytes as u64,
            Self::Flag => 1,
            // Its length, or its type and its count.
            Self::Text => 8,
            Self::Array => 12,
        }
    }

    /// Whether values of it are whole numbers.
    const fn is_whole(self) -> bool {
        matches!(self, Self::Unsigned(_) | Self::Signed(_) | Self::Flag)
    }
}

/// The value of a key, its type before it.
pub(super) fn read<R: BufRead>(reader: &mut Reader<'_, R>, key: &str) -> Result<Value, PresetError> {
    let (kind, _) = kind(reader, key)?;
    value(reader, key, kind)
}

fn kind<R: BufRead>(reader: &mut Reader<'_, R>, key: &str) -> Result<(Kind, &'static str), PresetError> {
    let at = reader.at();
    let number = reader.u32(key)?;
    let known = usize::try_from(number).ok().and_then(|index| KINDS.get(index).copied());
    known.ok_or_else(|| reader.error_at(at, key, &format!("a value of type {number}; types are 0 to 12")))
}

fn value<R: BufRead>(reader: &mut Reader<'_, R>, key: &str, kind: Kind) -> Result<Value, PresetError> {
    Ok(match kind {
        Kind::Unsigned(_) | Kind::Signed(_) => Value::Whole(whole(reader, key, kind)?),
        Kind::Float(4) => Value::Float(f64::from(f32::from_bits(reader.u32(key)?))),
        Kind::Float(_) => Value::Float(f64::from_bits(reader.u64(key)?)),
        Kind::Flag => Value::Flag(whole(reader, key, kind)? == 1),
        Kind::Text => reader.text(key)?.map_or_else(Value::LongText, Value::Text),
        Kind::Array => Value::Array(array(reader, key, 1)?),
    })
}

fn whole<R: BufRead>(reader: &mut Reader<'_, R>, key: &str, kind: Kind) -> Result<i128, PresetError> {
    Ok(match kind {
        Kind::Unsigned(1) => reader.u8(key)?.into(),
        Kind::Unsigned(2) => reader.u16(key)?.into(),
        Kind::Unsigned(4) => reader.u32(key)?.into(),
        Kind::Signed(1) => reader.u8(key)?.cast_signed().into(),
        Kind::Signed(2) => reader.u16(key)?.cast_signed().into(),
        Kind::Signed(4) => reader.u32(key)?.cast_signed().into(),
        Kind::Signed(_) => reader.u64(key)?.cast_signed().into(),
        Kind::Flag => {
            let at = reader.at();
            match reader.u8(key)? {
                flag @ (0 | 1) => flag.into(),
                other => return Err(reader.error_at(at, key, &format!("found {other}, expected a flag of 0 or 1"))),
            }
        }
        _ => reader.u64(key)?.into(),
    })
}

/// An array whose values are kept where they are few whole numbers, and passed over elsewhere.
fn array<R: BufRead>(reader: &mut Reader<'_, R>, key: &str, depth: usize) -> Result<Array, PresetError> {
    let (kind, word) = kind(reader, key)?;
    let at = reader.at();
    let count = reader.u64(key)?;
    let least = count.checked_mul(kind.least()).filter(|bytes| *bytes <= reader.left());
    let Some(least) = least else {
        let left = reader.left();
        return Err(reader.error_at(at, key, &format!("an array of {count} × {word}, where {left} bytes are left")));
    };
    let mut array = Array { kind: word, count, whole: None };
    match kind {
        kind if kind.is_whole() && count <= MOST_KEPT && reader.has_room(count) => {
            array.whole = Some((0..count).map(|_| whole(reader, key, kind)).collect::<Result<_, _>>()?);
        }
        Kind::Text => {
            for _ in 0..count {
                let length = reader.u64(key)?;
                reader.skip(length, key)?;
            }
        }
        Kind::Array if depth == DEEPEST => {
            return Err(reader.error_at(at, key, &format!("arrays inside arrays, more than {DEEPEST} deep")));
        }
        Kind::Array => {
            for _ in 0..count {
                self::array(reader, key, depth + 1)?;
            }
        }
        _ => reader.skip(least, key)?,
    }
    Ok(array)
}
