//! The tensors of a GGUF file that a tensor of the model becomes, and what decides the type of each.

use super::choice::{Class, Facts};
use super::mixture::Mixture;
use crate::model::architecture::Architecture;
use crate::model::parameters::{Block, BlockParameters, Role, Tensor};
use crate::model::part::{Part, Piece};
use crate::model::recurrent::Recurrent;
use crate::shape::Shape;
use crate::states::quantized::dims;
use crate::states::weights;
use crate::units::ggml::Type;

/// What decides the type of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// It stays what the converter wrote.
    Kept(Type),
    /// `token_embd` and tables like it.
    Table,
    /// `output`.
    Head,
    /// A matrix of a layer.
    Matrix(Class),
}

/// One tensor of a file.
#[derive(Debug)]
pub(super) struct Written {
    /// What it is called beside the tensor of the model that it is a part of.
    pub(super) name: Option<&'static str>,
    pub(super) shape: Shape,
    pub(super) rule: Rule,
    /// Elements of a row, which blocks have to divide.
    row: u64,
    /// Whether it has three dimensions.
    stacked: bool,
}

impl Written {
    fn whole(tensor: &Tensor, rule: Rule) -> Self {
        Self { name: None, shape: weights::shape(tensor), rule, row: tensor.columns, stacked: false }
    }

    fn part(name: &'static str, [rows, row]: [u64; 2], class: Class, stacked: bool) -> Self {
        Self { name: Some(name), shape: dims(&[rows, row]), rule: Rule::Matrix(class), row, stacked }
    }

    /// Its type where `index` tensors of its class came before.
    pub(super) fn kind(&self, mixture: Mixture, index: u64, tied: bool, facts: &Facts) -> Type {
        match self.rule {
            Rule::Kept(kind) => kind,
            Rule::Table if !tied => mixture.table(self.row),
            Rule::Table | Rule::Head => mixture.head(self.row, facts),
            Rule::Matrix(class) => mixture.matrix(class, index, (self.row, self.stacked), facts),
        }
    }
}

/// What decides the type of a matrix of this part; nothing where llama.cpp has no such tensor.
pub(super) const fn rule(part: Part) -> Option<Rule> {
    Some(match part {
        Part::TokenEmbedding | Part::PerLayerEmbedding => Rule::Table,
        Part::Head => Rule::Head,
        // Routers, and matrices of one row, which are vectors there.
        Part::Router | Part::SharedExpertGate | Part::PositionEmbedding | Part::TokenTypeEmbedding => {
            Rule::Kept(Type::F32)
        }
        Part::PerLayerProjection
        | Part::StreamsProjection
        | Part::StreamsProjectionBack
        | Part::StreamsCorrection
        | Part::StreamsPrediction
        | Part::StreamsRouter
        | Part::LaurelDown
        | Part::LaurelUp => Rule::Kept(Type::F16),
        Part::Value | Part::QueryKeyValue | Part::MixerValue | Part::MixerQueryKeyValue => Rule::Matrix(Class::Value),
        // llama.cpp finds `attn_k` in the name of the indexer's too.
        Part::Key | Part::MixerKey | Part::IndexerKey => Rule::Matrix(Class::Key),
        Part::Query | Part::MixerQuery => Rule::Matrix(Class::Query),
        Part::AttentionOutput => Rule::Matrix(Class::Output),
        Part::Gate | Part::ExpertsGateAndUp => Rule::Matrix(Class::Gate),
        Part::Up | Part::GateAndUp | Part::ExpertsUp => Rule::Matrix(Class::Up),
        Part::Down | Part::ExpertsDown => Rule::Matrix(Class::Down),
        Part::MixerGate | Part::MixerQueryKeyValueGate | Part::HeadGate => Rule::Matrix(Class::Other),
        part if part.gguf().is_empty() => return None,
        _ => Rule::Matrix(Class::Other),
    })
}

/// What a tensor becomes; nothing where no file has it.
pub(super) fn written(architecture: &Architecture, block: &BlockParameters, tensor: &Tensor) -> Vec<Written> {
    let kept = |kind| vec![Written::whole(tensor, Rule::Kept(kind))];
    // llama.cpp has towers in a file of their own, in 16 bits.
    if block.block.is_seen() {
        let is_matrix = matches!(tensor.role, Role::Linear | Role::Table);
        return kept(if is_matrix { Type::F16 } else { Type::F32 });
    }
    match (tensor.part, tensor.role) {
        // Constants of an activation function are keys of the file and no tensors.
        (Part::XieluPositive | Part::XieluNegative, _) => Vec::new(),
        (_, Role::Bias | Role::Norm | Role::Convolution) => kept(Type::F32),
        // A matrix, which a source in 16 bits has in 16 bits.
        (_, Role::ExpertBiases { .. }) => kept(Type::F16),
        (Part::KeyValueUp, _) => latent(architecture, block, tensor),
        (Part::MixerQueryKeyValueGate, _) => fused(architecture, block, tensor),
        (part, Role::Experts { count, .. }) => {
            let rule = rule(part).unwrap_or(Rule::Matrix(Class::Other));
            let row = if is_by_input(block, part) { tensor.rows / count } else { tensor.columns };
            vec![Written { row, stacked: true, ..Written::whole(tensor, rule) }]
        }
        (part, Role::Linear | Role::Table) => {
            vec![Written::whole(tensor, rule(part).unwrap_or(Rule::Matrix(Class::Other)))]
        }
    }
}

/// Whether experts are stacked by input, as those with biases are; files have them by output.
fn is_by_input(block: &BlockParameters, part: Part) -> bool {
    block.tensors.iter().any(|tensor| tensor.part == part && tensor.piece == Piece::Bias)
}

fn layer<'a>(architecture: &'a Architecture, block: &BlockParameters) -> Option<&'a crate::model::architecture::Layer> {
    let Block::Group(group) = block.block else { return None };
    architecture.groups.get(group).map(|group| &group.layer)
}

/// Keys of latent attention are there from the rank up by head and transposed, values as they are.
fn latent(architecture: &Architecture, block: &BlockParameters, tensor: &Tensor) -> Vec<Written> {
    let attention = layer(architecture, block).and_then(|layer| layer.attention());
    let Some((heads, latent)) = attention.and_then(|it| it.latent.map(|latent| (it.heads, latent))) else {
        return vec![Written::whole(tensor, Rule::Matrix(Class::Value))];
    };
    vec![
        Written::part("keys", [heads * latent.kv_rank, latent.nope_head_dim], Class::Other, true),
        Written::part("values", [heads * latent.value_head_dim, latent.kv_rank], Class::Other, true),
    ]
}

/// What is convolved and what gates it, which Qwen3-Next has in one matrix.
fn fused(architecture: &Architecture, block: &BlockParameters, tensor: &Tensor) -> Vec<Written> {
    let Some(Recurrent::DeltaNet(net)) = layer(architecture, block).and_then(|layer| layer.recurrent()) else {
        return vec![Written::whole(tensor, Rule::Matrix(Class::Other))];
    };
    vec![
        Written::part("queries, keys and values", [net.convolved(), tensor.columns], Class::Value, false),
        Written::part("gate", [net.values(), tensor.columns], Class::Other, false),
    ]
}
