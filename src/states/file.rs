//! Weights as the files have them that a model was opened from: every tensor with its own bytes.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use crate::ledger::{Alive, Category, Division, Entry, Exactness, Lifetime, Origin, Place};
use crate::model::part::{Part, Piece, Site};
use crate::model::stored::{FileFormat, StoredTensor, StoredTensors};
use crate::shape::{Dim, Shape};
use crate::units::{Bytes, Overflow};

/// Tensors that differ by their layer alone, or by which expert they are.
struct Alike<'t> {
    first: &'t StoredTensor,
    name: String,
    layers: BTreeSet<u64>,
    count: u64,
    bytes: Bytes,
}

/// What is stored, tensors that are alike together; layers that predict further tokens are left out, as programs leave
/// them out.
pub(crate) fn parameters(stored: &StoredTensors, alive: Alive) -> Result<Vec<Entry>, Overflow> {
    let mut groups: Vec<Alike<'_>> = Vec::with_capacity(64);
    let mut known: HashMap<(String, &'static str, &[u64]), usize> = HashMap::new();
    for tensor in stored.tensors.iter().filter(|tensor| !tensor.apart) {
        let name = numberless(&tensor.name);
        let index = *known.entry((name.clone(), tensor.word, &tensor.shape)).or_insert(groups.len());
        if index == groups.len() {
            groups.push(Alike { first: tensor, name, layers: BTreeSet::new(), count: 0, bytes: Bytes::ZERO });
        }
        let group = &mut groups[index];
        group.layers.extend(tensor.layer);
        group.count += 1;
        group.bytes = group.bytes.checked_add(tensor.bytes)?;
    }
    let mut names: HashMap<(Part, Piece), BTreeSet<&str>> = HashMap::new();
    for group in &groups {
        if let Some(part) = group.first.part {
            names.entry(part).or_default().insert(&group.name);
        }
    }
    let several = |part| names.get(&part).is_some_and(|names| names.len() > 1);
    Ok(groups.iter().map(|group| group.entry(stored.format, alive, several)).collect())
}

/// A name with `%` for each number between its dots.
fn numberless(name: &str) -> String {
    let word = |word: &str| if word.bytes().all(|byte| byte.is_ascii_digit()) { "%" } else { word }.to_owned();
    name.split('.').map(word).collect::<Vec<_>>().join(".")
}

impl Alike<'_> {
    fn entry(&self, format: FileFormat, alive: Alive, several: impl Fn((Part, Piece)) -> bool) -> Entry {
        let name = match self.first.part {
            // Two of its tensors are one part of the model.
            Some(part) if several(part) => Cow::Owned(format!("{} ({})", part.0.name(part.1), self.name)),
            Some((part, piece)) => Cow::Borrowed(part.name(piece)),
            None => Cow::Owned(self.name.clone()),
        };
        Entry {
            category: Category::Parameters,
            name,
            place: self.place(),
            shape: shape(&self.first.shape),
            bits: self.first.bits,
            count: self.count,
            divided: Division::NONE,
            bytes: self.bytes,
            lifetime: Lifetime::Persistent,
            alive,
            exactness: Exactness::Exact,
            source: match format {
                FileFormat::Gguf => "the header of the GGUF file: type and shape of each tensor",
                FileFormat::Safetensors => "the header of the safetensors file: where each tensor begins and ends",
            },
            origin: Origin::Shapes,
        }
    }

    fn place(&self) -> Place {
        match (self.layers.first(), self.layers.last(), self.first.part) {
            (Some(first), Some(last), _) => Place::among(self.layers.len() as u64, *first, *last),
            (_, _, Some((Part::FinalNorm, _))) => Place::FinalNorm,
            (_, _, Some((part, _))) if part.site() == Site::Embedding => Place::Embedding,
            (_, _, Some(_)) => Place::Head,
            _ => Place::Model,
        }
    }
}

/// A shape of at most five dimensions, the outermost of more as one.
fn shape(sizes: &[u64]) -> Shape {
    const MOST: usize = 5;
    let dim = |size: u64| Dim { symbol: "", size };
    let (outer, inner) = sizes.split_at(sizes.len().saturating_sub(MOST - 1));
    let mut dims: Vec<Dim> = inner.iter().map(|size| dim(*size)).collect();
    if !outer.is_empty() {
        dims.insert(0, dim(outer.iter().fold(1, |product: u64, size| product.saturating_mul(*size))));
    }
    Shape::new(&dims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Bits;
    use crate::units::ggml::Type;

    fn tensor(name: &str, kind: Type, layer: Option<u64>, part: Option<(Part, Piece)>) -> StoredTensor {
        let bytes = kind.bits().bytes(512 * 256).unwrap();
        let (bits, shape, name) = (kind.bits(), vec![512, 256], name.to_owned());
        StoredTensor { name, word: kind.word(), bits, shape, bytes, layer, part, apart: false }
    }

    #[test]
    fn layers_of_one_type_are_one_entry() {
        let down = Some((Part::Down, Piece::Weight));
        let (keys, values) = (Some((Part::KeyValueUp, Piece::Weight)), Some((Part::KeyValueUp, Piece::Weight)));
        let mut beyond = tensor("blk.9.ffn_down.weight", Type::Q6_K, Some(9), None);
        beyond.apart = true;
        let tensors = vec![
            tensor("token_embd.weight", Type::Q4_K, None, Some((Part::TokenEmbedding, Piece::Weight))),
            tensor("blk.0.ffn_down.weight", Type::Q6_K, Some(0), down),
            tensor("blk.1.ffn_down.weight", Type::Q4_K, Some(1), down),
            tensor("blk.2.ffn_down.weight", Type::Q6_K, Some(2), down),
            tensor("blk.0.attn_k_b.weight", Type::Q8_0, Some(0), keys),
            tensor("blk.0.attn_v_b.weight", Type::Q8_0, Some(0), values),
            tensor("rope_freqs.weight", Type::F32, None, None),
            beyond,
        ];
        let stored = StoredTensors { format: FileFormat::Gguf, files: 1, tensors, latent: None, missing: Bytes::ZERO };
        let entries = parameters(&stored, Alive::NEVER).unwrap();
        let told: Vec<_> = entries.iter().map(|entry| (&*entry.name, entry.place, entry.count)).collect();
        assert_eq!(
            told,
            [
                ("token embedding.weight", Place::Embedding, 1),
                ("mlp.down.weight", Place::Among { layers: 2, first: 0, last: 2 }, 2),
                ("mlp.down.weight", Place::Layers(1, 1), 1),
                ("attention.key value up.weight (blk.%.attn_k_b.weight)", Place::Layers(0, 0), 1),
                ("attention.key value up.weight (blk.%.attn_v_b.weight)", Place::Layers(0, 0), 1),
                ("rope_freqs.weight", Place::Model, 1),
            ]
        );
        let sum: u64 = entries.iter().map(|entry| entry.bytes.get()).sum();
        let own: u64 = stored.tensors[..7].iter().map(|tensor| tensor.bytes.get()).sum();
        assert_eq!(sum, own);
        assert_eq!(entries[1].bits, Type::Q6_K.bits());
        assert_ne!(entries[1].bits, Bits::whole(6));
    }

    #[test]
    fn a_shape_of_many_dimensions_keeps_its_elements() {
        let folded = shape(&[2, 3, 5, 7, 11, 13]);
        assert_eq!((folded.dims().len(), folded.elements().unwrap()), (5, 2 * 3 * 5 * 7 * 11 * 13));
    }
}
