//! llama.cpp's block formats, and which of them each tensor of a mixture has, layer by layer.

use super::Stored;
use crate::ledger::Place;
use crate::model::Model;
use crate::model::architecture::{Architecture, FeedForward, MOST_LAYERS};
use crate::model::family::{PositionKind, Projection};
use crate::model::parameters::{Block, BlockParameters, Role, Tensor};
use crate::model::part::Part;
use crate::states::weights;
use crate::units::ggml::Type;

const SOURCE: &str = "llama.cpp: block formats of ggml, mixtures of llama-quant.cpp without an importance matrix";

/// What stands in where the blocks of a type do not divide a row.
const fn fitting(kind: Type, row: u64) -> Type {
    if kind.divides(row) {
        return kind;
    }
    let other = match kind {
        Type::Q2_K | Type::Q3_K | Type::Iq4_XS => Type::Iq4_NL,
        Type::Q4_K => Type::Q5_0,
        Type::Q5_K => Type::Q5_1,
        Type::Q6_K => Type::Q8_0,
        _ => Type::F16,
    };
    if other.divides(row) { other } else { Type::F16 }
}

/// A mixture, by the name that files have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(non_camel_case_types, reason = "llama.cpp's own spelling, in which K M is not KM")]
pub(crate) enum Mixture {
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2_K,
    Q3_K_S,
    Q3_K_M,
    Q3_K_L,
    Q4_K_S,
    Q4_K_M,
    Q5_K_S,
    Q5_K_M,
    Q6_K,
    Iq4_NL,
    Iq4_XS,
}

/// What of a layer a tensor is, as far as mixtures tell tensors apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Value,
    Output,
    Fused,
    Down,
    Other,
}

/// What mixtures read of a model.
#[derive(Debug, Clone, Copy)]
struct Layers {
    count: u64,
    /// Query heads for each head of keys and values.
    group: u64,
}

impl Mixture {
    /// Every word, the largest first.
    pub(crate) const WORDS: [(&'static str, Self); 16] = [
        ("q8_0", Self::Q8_0),
        ("q6_k", Self::Q6_K),
        ("q5_1", Self::Q5_1),
        ("q5_k_m", Self::Q5_K_M),
        ("q5_k_s", Self::Q5_K_S),
        ("q5_0", Self::Q5_0),
        ("q4_1", Self::Q4_1),
        ("q4_k_m", Self::Q4_K_M),
        ("q4_k_s", Self::Q4_K_S),
        ("q4_0", Self::Q4_0),
        ("iq4_nl", Self::Iq4_NL),
        ("iq4_xs", Self::Iq4_XS),
        ("q3_k_l", Self::Q3_K_L),
        ("q3_k_m", Self::Q3_K_M),
        ("q3_k_s", Self::Q3_K_S),
        ("q2_k", Self::Q2_K),
    ];

    /// The mixture of a word.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(name, _)| *name == word).map(|(_, mixture)| mixture)
    }

    const fn base(self) -> Type {
        match self {
            Self::Q4_0 => Type::Q4_0,
            Self::Q4_1 => Type::Q4_1,
            Self::Q5_0 => Type::Q5_0,
            Self::Q5_1 => Type::Q5_1,
            Self::Q8_0 => Type::Q8_0,
            Self::Q3_K_S | Self::Q3_K_M | Self::Q3_K_L => Type::Q3_K,
            Self::Q4_K_S | Self::Q4_K_M => Type::Q4_K,
            Self::Q5_K_S | Self::Q5_K_M => Type::Q5_K,
            Self::Q6_K => Type::Q6_K,
            Self::Q2_K => Type::Q2_K,
            Self::Iq4_NL => Type::Iq4_NL,
            Self::Iq4_XS => Type::Iq4_XS,
        }
    }

    /// The head, or the table that serves as one.
    const fn head(self, row: u64) -> Type {
        let base = self.base();
        let kind = if !base.divides(row) || matches!(base, Type::Q8_0) { Type::Q8_0 } else { Type::Q6_K };
        fitting(kind, row)
    }

    /// Queries, keys and values in one matrix.
    const fn fused(self) -> Type {
        match self {
            Self::Q3_K_M | Self::Q3_K_L => Type::Q4_K,
            Self::Q4_K_M => Type::Q5_K,
            Self::Q5_K_M => Type::Q6_K,
            other => other.base(),
        }
    }

    /// A matrix of layer `index`.
    fn in_layer(self, part: Slot, index: u64, layers: Layers) -> Type {
        let eighth = layers.count / 8;
        let more = index < eighth || index >= 7 * layers.count / 8 || (index - eighth) % 3 == 2;
        let chosen = match (part, self) {
            (Slot::Value, Self::Q2_K) if layers.group >= 4 => Type::Q4_K,
            (Slot::Value | Slot::Down | Slot::Output, Self::Q2_K) => Type::Q3_K,
            (Slot::Value, Self::Iq4_NL | Self::Iq4_XS) if layers.group >= 4 => Type::Q5_K,
            (Slot::Value, Self::Q3_K_M) if index < 2 => Type::Q5_K,
            (Slot::Down, Self::Q3_K_M) if index < layers.count / 16 => Type::Q5_K,
            (Slot::Value | Slot::Down | Slot::Output, Self::Q3_K_M) => Type::Q4_K,
            (Slot::Value | Slot::Down | Slot::Output, Self::Q3_K_L) => Type::Q5_K,
            (Slot::Value | Slot::Down, Self::Q4_K_M | Self::Q5_K_M) if more => Type::Q6_K,
            (Slot::Value, Self::Q4_K_S) if index < 4 => Type::Q5_K,
            (Slot::Down, Self::Q4_K_S | Self::Iq4_NL | Self::Iq4_XS) if index < eighth => Type::Q5_K,
            (Slot::Fused, _) => self.fused(),
            _ => self.base(),
        };
        // What llama.cpp calls a 70B: eighty layers whose heads share keys and values.
        let large = layers.count == 80 && layers.group > 1;
        match (part, chosen) {
            (Slot::Value, Type::Q3_K | Type::Q4_K) if large => Type::Q5_K,
            _ => chosen,
        }
    }

    /// How a tensor is stored, layers of one type together: where, how many layers, the part and its source.
    pub(crate) fn parts(
        self,
        architecture: &Architecture,
        block: &BlockParameters,
        tensor: &Tensor,
        place: Place,
    ) -> Vec<(Place, u64, Stored, &'static str)> {
        let part = |kind: Type| Stored { name: None, shape: weights::shape(tensor), bits: kind.bits(), count: 1 };
        let one = |kind| vec![(place, block.copies, part(kind), SOURCE)];
        let in_file = matches!(tensor.role, Role::Linear | Role::Table);
        let wide = matches!(tensor.part, Part::Router | Part::StreamsRouter | Part::PositionEmbedding);
        match block.block {
            _ if wide || !in_file => one(Type::F32),
            Block::Embedding if !architecture.tie_word_embeddings => one(fitting(self.base(), tensor.columns)),
            Block::Embedding | Block::Head => one(self.head(tensor.columns)),
            Block::FinalNorm => one(Type::F32),
            // llama.cpp has them in a file of their own, in 16 bits.
            Block::Tower | Block::TowerGroup(_) | Block::Projector => one(Type::F16),
            Block::Group(_) => {
                let Place::Layers(first, last) = place else { return one(self.base()) };
                self.by_layer(architecture, tensor, first..last + 1)
                    .into_iter()
                    .map(|(kind, first, last, layers)| (Place::Layers(first, last), layers, part(kind), SOURCE))
                    .collect()
            }
        }
    }

    /// The types that the matrix has in these layers, with the first and last layer of each and how many they are.
    fn by_layer(
        self,
        architecture: &Architecture,
        tensor: &Tensor,
        layers: std::ops::Range<u64>,
    ) -> Vec<(Type, u64, u64, u64)> {
        let of_layer = match tensor.part {
            Part::Value => Slot::Value,
            Part::AttentionOutput => Slot::Output,
            Part::QueryKeyValue => Slot::Fused,
            Part::Down => Slot::Down,
            _ => Slot::Other,
        };
        let group = architecture.attentions().next().map_or(1, |attention| attention.heads / attention.kv_heads);
        let all = Layers { count: architecture.num_hidden_layers(), group };
        let mut runs: Vec<(Type, u64, u64, u64)> = Vec::with_capacity(2);
        for index in layers {
            let kind = fitting(self.in_layer(of_layer, index, all), tensor.columns);
            match runs.iter_mut().find(|(known, ..)| *known == kind) {
                Some((_, _, last, layers)) => (*last, *layers) = (index, *layers + 1),
                None => runs.push((kind, index, index, 1)),
            }
        }
        runs
    }
}

/// Why the rules do not reach a model.
pub(crate) fn uncovered(model: &Model) -> Option<&'static str> {
    let architecture = &model.architecture;
    let dense = |feed_forward: &FeedForward| matches!(feed_forward, FeedForward::Dense(_));
    // A mixture gives each layer types of its own.
    if architecture.num_hidden_layers() > MOST_LAYERS {
        return Some("llama.cpp's mixtures are told for models of at most 4096 layers");
    }
    let groups = &architecture.groups;
    if groups.iter().any(|group| group.layer.attention().is_none() || !dense(&group.layer.feed_forward)) {
        return Some("llama.cpp's mixtures are known for dense models with attention in every layer");
    }
    if architecture.attentions().any(|attention| attention.latent.is_some()) {
        return Some("llama.cpp's mixtures are not known for latent attention");
    }
    let fused = architecture.attentions().any(|attention| attention.projection == Projection::Fused);
    // Falcon has types of its own.
    let indexed = crate::families::implementation(model.family).fused_projection
        == crate::families::code::FusedProjection::Indexed;
    (fused && architecture.positions == PositionKind::Rotary && indexed)
        .then_some("llama.cpp's mixtures are not known for Falcon")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Alive;
    use crate::model::ArchitectureKeys;
    use crate::model::parameters::blocks;
    use crate::states::quantized::{Format, parameters};
    use crate::states::shard::Shards;
    use crate::states::weights::Set;
    use crate::units::Bits;

    /// Bytes of the table and of everything else.
    fn bytes(architecture: &Architecture, word: &str) -> (u64, u64) {
        let blocks = blocks(architecture);
        let set = Set {
            architecture,
            blocks: &blocks,
            bits: Bits::whole(16),
            copies: Bits::whole(16),
            shards: Shards::Whole,
        };
        let entries = parameters(&set, Format::of_word(word).unwrap(), Alive::NEVER).unwrap();
        let sum = |table: bool| {
            let entries = entries.iter().filter(|entry| (entry.place == Place::Embedding) == table);
            entries.map(|entry| entry.bytes.get()).sum()
        };
        (sum(true), sum(false))
    }

    /// Buffers that llama.cpp logged for Command R in `q4_k_s`: 5434.38 and 13989.53 MiB on two GPUs, and a table of
    /// 1640.62 MiB that also serves as the head there.
    #[test]
    fn a_file_has_the_size_that_was_logged() {
        let keys = ArchitectureKeys {
            hidden_size: Some(8192),
            num_hidden_layers: Some(40),
            num_attention_heads: Some(64),
            num_key_value_heads: Some(64),
            intermediate_size: Some(22528),
            vocab_size: Some(256_000),
            tie_word_embeddings: Some(true),
            ..ArchitectureKeys::default()
        };
        let command_r = Architecture::resolve(crate::families::family("cohere").unwrap(), &keys).unwrap();
        let (table, rest) = bytes(&command_r, "q4_k_s");
        assert_eq!((table * 100) >> 20, 164_062);
        assert_eq!(((table + rest) * 100) >> 20, 1_942_390);
    }

    #[test]
    fn layers_of_a_mixture_differ() {
        let layers = Layers { count: 32, group: 4 };
        let count = |mixture: Mixture, slot, kind| {
            (0..32).filter(|index| mixture.in_layer(slot, *index, layers) == kind).count()
        };
        // The first and last eighth, and every third layer between.
        assert_eq!(count(Mixture::Q4_K_M, Slot::Down, Type::Q6_K), 4 + 4 + 8);
        assert_eq!(count(Mixture::Q4_K_M, Slot::Other, Type::Q4_K), 32);
        assert_eq!(count(Mixture::Q4_K_S, Slot::Value, Type::Q5_K), 4);
        assert_eq!(count(Mixture::Q3_K_M, Slot::Down, Type::Q5_K), 2);
        assert_eq!(count(Mixture::Q2_K, Slot::Value, Type::Q4_K), 32);
        let large = Layers { count: 80, group: 8 };
        assert_eq!(Mixture::Q4_K_S.in_layer(Slot::Value, 40, large), Type::Q5_K);
    }

    #[test]
    fn rows_that_blocks_do_not_divide_fall_back() {
        assert_eq!(fitting(Type::Q4_K, 896), Type::Q5_0);
        assert_eq!(fitting(Type::Q6_K, 896), Type::Q8_0);
        assert_eq!(fitting(Type::Q4_K, 1000), Type::F16);
        assert_eq!(Mixture::Q4_K_M.head(896), Type::Q8_0);
        assert_eq!(Mixture::Q8_0.head(4096), Type::Q8_0);
    }
}
