//! One table of the keys of an `[architecture]`, which is what presets are read and written by, and what a
//! `config.json` is read into.

mod table;

pub use table::{
    ArchitectureKeys, BlockKeys, CompressedKeys, EncoderKeys, HybridKeys, ImageKeys, QuantizationKeys, RecurrentKeys,
    Seq2SeqKeys, TowerKeys, VariantKeys,
};

use serde::{Deserialize, Serialize};

/// What has values under keys, and says where one is not what was expected.
pub trait Source {
    /// What is wrong, and where.
    type Error;

    /// A whole number.
    fn count(&self, key: &'static str) -> Result<Option<u64>, Self::Error>;
    /// A number, whole or not.
    fn number(&self, key: &'static str) -> Result<Option<f64>, Self::Error>;
    /// True or false.
    fn flag(&self, key: &'static str) -> Result<Option<bool>, Self::Error>;
    /// A text.
    fn text(&self, key: &'static str) -> Result<Option<String>, Self::Error>;
    /// A list of whole numbers.
    fn counts(&self, key: &'static str) -> Result<Option<Vec<u64>>, Self::Error>;
    /// A list of numbers, whole or not.
    fn numbers(&self, key: &'static str) -> Result<Option<Vec<f64>>, Self::Error>;
    /// A list of texts.
    fn words(&self, key: &'static str) -> Result<Option<Vec<String>>, Self::Error>;
    /// A whole number, or two of them.
    fn sides(&self, key: &'static str) -> Result<Option<Sides>, Self::Error>;
    /// Keys of their own under this one.
    fn group<K: Keyed>(&self, key: &'static str) -> Result<Option<K>, Self::Error>;
    /// Several times keys of their own under this one.
    fn groups<K: Keyed>(&self, key: &'static str) -> Result<Option<Vec<K>>, Self::Error>;
}

/// What stands under a key, or under the keys of a group.
pub trait Keyed: Sized {
    /// The value under a key; a group reads its own keys, whatever this one is.
    fn read<S: Source>(source: &S, key: &'static str) -> Result<Self, S::Error>;

    /// Reads what stands under this key anew, if it is `wanted`, or that one of a group's; whether it was there.
    fn refill<S: Source>(&mut self, source: &S, key: &'static str, wanted: &str) -> Result<bool, S::Error> {
        if key != wanted {
            return Ok(false);
        }
        *self = Self::read(source, key)?;
        Ok(true)
    }

    /// The names of the key that is `wanted`, its own first.
    fn spellings(names: &'static [&'static str], wanted: &str) -> Option<&'static [&'static str]> {
        (names.first() == Some(&wanted)).then_some(names)
    }
}

/// The sides of a rectangle: one number where they are equal, else height and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Sides {
    /// Both.
    Square(u64),
    /// Height and width.
    Both([u64; 2]),
}

impl Sides {
    /// Height and width.
    pub const fn both(self) -> [u64; 2] {
        match self {
            Self::Square(side) => [side; 2],
            Self::Both(sides) => sides,
        }
    }
}

/// How each type of value is read.
macro_rules! values {
    ($($value:ty: $read:ident,)*) => {
        $(impl Keyed for Option<$value> {
            fn read<S: Source>(source: &S, key: &'static str) -> Result<Self, S::Error> {
                source.$read(key)
            }
        })*
    };
}

impl Keyed for Option<TowerKeys> {
    fn read<S: Source>(source: &S, key: &'static str) -> Result<Self, S::Error> {
        source.group(key)
    }
}

impl Keyed for Option<Vec<QuantizationKeys>> {
    fn read<S: Source>(source: &S, key: &'static str) -> Result<Self, S::Error> {
        source.groups(key)
    }
}

values! {
    u64: count,
    f64: number,
    bool: flag,
    String: text,
    Vec<u64>: counts,
    Vec<f64>: numbers,
    Vec<String>: words,
    Sides: sides,
}

/// Declares a group of keys: `field: type`, with `as "name"` where the key is no identifier and `| "name"` for each
/// other spelling. A group inside another has `#[serde(flatten)]`.
macro_rules! keys {
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
    (
        $(#[$about:meta])*
        pub struct $group:ident {
            $($(#[$attribute:meta])* $field:ident $(as $name:literal)?: $type:ty $(| $other:literal)*,)*
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $group {
            $($(#[$attribute])* $(#[serde(rename = $name)])? pub $field: $type,)*
        }

        impl Keyed for $group {
            fn read<S: Source>(source: &S, _: &'static str) -> Result<Self, S::Error> {
                Ok(Self { $($field: Keyed::read(source, keys!(@name $field $($name)?))?,)* })
            }

            fn refill<S: Source>(&mut self, source: &S, _: &'static str, wanted: &str) -> Result<bool, S::Error> {
                Ok($(self.$field.refill(source, keys!(@name $field $($name)?), wanted)?)||*)
            }

            fn spellings(_: &'static [&'static str], wanted: &str) -> Option<&'static [&'static str]> {
                None$(.or_else(|| {
                    <$type as Keyed>::spellings(&[keys!(@name $field $($name)?), $($other),*], wanted)
                }))*
            }
        }
    };
}
use keys;

impl ArchitectureKeys {
    /// All keys that a preset's `[architecture]` says.
    pub fn read_all<S: Source>(source: &S) -> Result<Self, S::Error> {
        Self::read(source, "architecture")
    }

    /// Reads one key again, from another source.
    pub fn read_one<S: Source>(&mut self, source: &S, key: &'static str) -> Result<(), S::Error> {
        let found = self.refill(source, "architecture", key)?;
        debug_assert!(found, "`{key}` is no key of [architecture]");
        Ok(())
    }

    /// The names under which classes of Transformers have a key, its own first; none: there is no such key.
    pub fn spellings(key: &str) -> &'static [&'static str] {
        <Self as Keyed>::spellings(&[], key).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::ArchitectureKeys;

    #[test]
    fn keys_of_groups_have_their_names_too() {
        assert_eq!(ArchitectureKeys::spellings("conv_L_cache"), ["conv_L_cache"]);
        assert_eq!(ArchitectureKeys::spellings("num_experts").len(), 3);
        assert!(ArchitectureKeys::spellings("remove_final_layer_norm").is_empty());
    }
}
