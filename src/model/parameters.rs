//! Which parameter tensors a model has: exact to one parameter.
//!
//! Names and shapes are those of the Hugging Face classes; `tests/reference/parameters.json` holds the counts that
//! prove them.

mod compressed;
mod image;
mod scores;
mod seq2seq;
mod tower;
mod variant;

use super::architecture::{
    Activation, Architecture, Attention, Experts, FeedForward, KeyValues, Latent, Layer, Mixer, Mlp, Output,
};
use super::family::{MlpKind, NormKind, Placement, PositionKind, Projection, QkNorm};
use super::recurrent;
use crate::model::part::{Part, Piece};
use crate::units::{Overflow, Parameters};
pub use seq2seq::position_rows;
pub use tower::TowerTensors;

use compressed::{STREAMS_OF_ATTENTION, STREAMS_OF_FEED_FORWARD, STREAMS_TOGETHER};
use variant::FINAL_READING;

/// One parameter tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// The part of the model that it belongs to.
    pub part: Part,
    /// Which tensor of that part it is.
    pub piece: Piece,
    /// Rows, or the length of a vector.
    pub rows: u64,
    /// Columns; 1 for a vector.
    pub columns: u64,
    /// How many tensors of the Hugging Face class it is, where those are many of one kind.
    pub pieces: u64,
    /// What reads it, which decides whether autocast keeps a copy.
    pub role: Role,
}

/// What a parameter tensor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The matrix of a linear layer.
    Linear,
    /// The bias of a linear layer, or the scores that heads add to their softmax.
    Bias,
    /// Weight or bias of a norm.
    Norm,
    /// A table looked up by index.
    Table,
    /// Filters of a convolution, one for each channel: `[channels, 1, kernel]`.
    Convolution,
    /// The matrices of all routed experts, of which each token passes through a few.
    Experts {
        /// All experts.
        count: u64,
        /// Those of one token.
        per_token: u64,
    },
    /// The biases of all routed experts, a row for each.
    ExpertBiases {
        /// All experts.
        count: u64,
        /// Those of one token.
        per_token: u64,
    },
}

impl Tensor {
    /// Its name in plain words, such as `attention.query.weight`.
    pub const fn name(&self) -> &'static str {
        self.part.name(self.piece)
    }

    /// Rows times columns.
    pub fn parameters(&self) -> Result<Parameters, Overflow> {
        self.rows.checked_mul(self.columns).map(Parameters::new).ok_or(Overflow)
    }
}

/// Where parameter tensors live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Block {
    /// Token and position tables.
    Embedding,
    /// The layers of group `n`, each with these tensors.
    Group(usize),
    /// The norm after the last layer.
    FinalNorm,
    /// The head, where it is not the embedding's matrix.
    Head,
    /// What a tower beside the layers has outside its own.
    Tower,
    /// The tower's layers of group `n`, each with these tensors.
    TowerGroup(usize),
    /// What brings a tower's outputs into the stream.
    Projector,
}

impl Block {
    /// Whether it is a tower's or its projector.
    pub const fn is_seen(self) -> bool {
        self.of_tower() || matches!(self, Self::Projector)
    }

    /// Whether it is a tower's, its projector apart.
    pub const fn of_tower(self) -> bool {
        matches!(self, Self::Tower | Self::TowerGroup(_))
    }
}

/// The tensors of one block, and how many times the block stands in the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockParameters {
    /// Which block.
    pub block: Block,
    /// Layers with these tensors; 1 elsewhere.
    pub copies: u64,
    /// The first and the last of these layers, counted from 0; 0 elsewhere.
    pub span: [u64; 2],
    /// The tensors of one copy.
    pub tensors: Vec<Tensor>,
}

impl BlockParameters {
    /// A block that is no layer.
    pub const fn outside(block: Block, tensors: Vec<Tensor>) -> Self {
        Self { block, copies: 1, span: [0, 0], tensors }
    }

    /// Parameters of one copy.
    pub fn each(&self) -> Result<Parameters, Overflow> {
        self.tensors.iter().try_fold(Parameters::default(), |sum, tensor| sum.checked_add(tensor.parameters()?))
    }
}

/// Every parameter tensor of the model, block by block, in forward order.
pub fn blocks(architecture: &Architecture) -> Vec<BlockParameters> {
    let hidden = architecture.hidden_size;
    let mut blocks = Vec::with_capacity(architecture.groups.len() + 3);
    let before = match &architecture.seq2seq {
        Some(seq2seq) => seq2seq::before_encoder(architecture, seq2seq),
        None => embedding_tensors(architecture),
    };
    blocks.push(BlockParameters::outside(Block::Embedding, before));
    let mut first = 0;
    for (index, group) in architecture.groups.iter().enumerate() {
        if let Some(seq2seq) = architecture.seq2seq.filter(|seq2seq| seq2seq.encoder_layers == first) {
            blocks.extend(seq2seq::outside(Block::FinalNorm, seq2seq::behind_encoder(architecture)));
            blocks.extend(seq2seq::outside(Block::Embedding, seq2seq::before_decoder(architecture, &seq2seq)));
        }
        let tensors = layer_tensors(&group.layer, hidden);
        let span = [first, first + group.layers - 1];
        let copies = if architecture.shares_layers() { 1 } else { group.layers };
        blocks.push(BlockParameters { block: Block::Group(index), copies, span, tensors });
        first += group.layers;
    }
    blocks.push(BlockParameters::outside(Block::FinalNorm, final_norm_tensors(architecture)));
    let behind = variant::behind_layers(architecture);
    if !behind.is_empty() {
        blocks.push(BlockParameters::outside(Block::Embedding, behind));
    }
    let head = head_tensors(architecture);
    if !head.is_empty() {
        blocks.push(BlockParameters::outside(Block::Head, head));
    }
    if let Some(tower) = &architecture.tower {
        blocks.append(&mut tower::blocks(tower, hidden));
    }
    blocks
}

/// Tables and what is before the first layer.
fn embedding_tensors(architecture: &Architecture) -> Vec<Tensor> {
    let (hidden, narrow) = (architecture.hidden_size, architecture.embedding_size);
    if let Some(image) = &architecture.image {
        return image::embedding(image, hidden);
    }
    let narrow_tables = architecture.encoder.is_some_and(|encoder| encoder.narrow_tables);
    let width = if narrow_tables { narrow } else { hidden };
    let mut embedding =
        vec![matrix((Part::TokenEmbedding, Piece::Weight), architecture.embedded_tokens(), narrow, Role::Table)];
    if architecture.positions == PositionKind::Learned {
        let rows = architecture.max_position_embeddings + architecture.unused_positions;
        embedding.push(matrix((Part::PositionEmbedding, Piece::Weight), rows, width, Role::Table));
    }
    if let Some(types) = architecture.encoder.and_then(|encoder| encoder.token_types) {
        embedding.push(matrix((Part::TokenTypeEmbedding, Piece::Weight), types, width, Role::Table));
    }
    if let Some(kind) = architecture.embedding_norm {
        norm(&mut embedding, kind, width, Part::EmbeddingNorm);
    }
    if narrow != hidden {
        linear(&mut embedding, Part::EmbeddingProjection, narrow, hidden, narrow_tables);
    }
    embedding
}

/// The norm behind the last layer, and what stands beside it.
fn final_norm_tensors(architecture: &Architecture) -> Vec<Tensor> {
    let hidden = architecture.hidden_size;
    let mut final_norm = Vec::new();
    if let (Some(rows), Some(attention)) =
        (architecture.encoder.and_then(|encoder| encoder.distances), architecture.attentions().next())
    {
        final_norm.push(matrix((Part::DistanceBias, Piece::Weight), rows, attention.heads, Role::Table));
    }
    if let Some(span) = architecture.encoder.and_then(|encoder| encoder.span) {
        let table = (Part::DistanceEmbedding, Piece::Weight);
        final_norm.push(matrix(table, span.saturating_mul(2), hidden, Role::Table));
        norm(&mut final_norm, architecture.norm, hidden, Part::DistanceNorm);
    }
    if architecture.kept_blocks.is_some() {
        variant::reading(&mut final_norm, architecture.norm, hidden, FINAL_READING);
    }
    if let Some(streams) = architecture.mixed_streams {
        compressed::of_streams(&mut final_norm, STREAMS_TOGETHER, streams, streams, 1, hidden);
    }
    if let Some(kind) = architecture.final_norm {
        norm(&mut final_norm, kind, hidden, Part::FinalNorm);
    }
    final_norm
}

/// Layers with the same tensors as one block, wherever they are: models that alternate kinds of layers have few kinds.
pub fn alike(blocks: Vec<BlockParameters>) -> Vec<BlockParameters> {
    let mut kinds: Vec<BlockParameters> = Vec::with_capacity(blocks.len().min(16));
    for block in blocks {
        let in_layers = |block: &BlockParameters| matches!(block.block, Block::Group(_));
        let same = |known: &&mut BlockParameters| in_layers(known) && known.tensors == block.tensors;
        match kinds.iter_mut().find(same).filter(|_| in_layers(&block)) {
            Some(known) => {
                known.copies += block.copies;
                known.span[1] = block.span[1];
            }
            None => kinds.push(block),
        }
    }
    kinds
}

/// What stands on top of the layers: a head, or what the class of an encoder has in its place.
fn head_tensors(architecture: &Architecture) -> Vec<Tensor> {
    let (hidden, narrow) = (architecture.hidden_size, architecture.embedding_size);
    if let Some(image) = &architecture.image {
        return image::head(image, hidden);
    }
    match architecture.output {
        Output::Own => {}
        Output::Sequences(scores) | Output::Tokens(scores) | Output::Answers(scores) => {
            return scores::head(architecture, scores);
        }
        Output::Hidden => return scores::bare(architecture),
    }
    let mut head = Vec::new();
    if let Some(encoder) = architecture.encoder {
        if encoder.pools() {
            linear(&mut head, Part::Pooler, hidden, hidden, true);
        }
        if !encoder.has_head() {
            return head;
        }
        linear(&mut head, Part::HeadTransform, hidden, narrow, encoder.transform_bias);
        norm(&mut head, architecture.norm, narrow, Part::HeadNorm);
    } else if narrow != hidden {
        head.push(matrix((Part::HeadProjection, Piece::Weight), narrow, hidden, Role::Linear));
    }
    if !architecture.tie_word_embeddings {
        head.push(matrix((Part::Head, Piece::Weight), architecture.vocab_size, narrow, Role::Linear));
    }
    if architecture.lm_head_bias {
        head.push(vector((Part::Head, Piece::Bias), architecture.vocab_size, Role::Bias));
    }
    if !architecture.tie_word_embeddings && architecture.encoder.is_some_and(|encoder| encoder.second_bias) {
        head.push(vector((Part::HeadSecondBias, Piece::Whole), architecture.vocab_size, Role::Bias));
    }
    head
}

/// All parameters of the model.
pub fn count(architecture: &Architecture) -> Result<Parameters, Overflow> {
    blocks(architecture)
        .iter()
        .try_fold(Parameters::default(), |sum, block| sum.checked_add(block.each()?.checked_mul(block.copies)?))
}

/// The parameters that one token of words passes through: all but the experts that are not chosen for it, and no tower.
pub fn active(architecture: &Architecture) -> Result<Parameters, Overflow> {
    let mut sum = Parameters::default();
    for block in blocks(architecture).into_iter().filter(|block| !block.block.is_seen()) {
        for tensor in &block.tensors {
            let all = tensor.parameters()?.get();
            let used = match tensor.role {
                Role::Experts { count, per_token } | Role::ExpertBiases { count, per_token } => {
                    (all / count).checked_mul(per_token).ok_or(Overflow)?
                }
                Role::Linear | Role::Bias | Role::Norm | Role::Table | Role::Convolution => all,
            };
            sum = sum.checked_add(Parameters::new(used).checked_mul(block.copies)?)?;
        }
    }
    Ok(sum)
}

fn layer_tensors(layer: &Layer, hidden: u64) -> Vec<Tensor> {
    let mut tensors = Vec::with_capacity(16);
    mixer_tensors(&mut tensors, layer, hidden);
    feed_forward_tensors(&mut tensors, layer, hidden);
    tensors
}

fn mixer_tensors(tensors: &mut Vec<Tensor>, layer: &Layer, hidden: u64) {
    if layer.mixer == Mixer::None {
        return;
    }
    if !layer.variant.unnormed_mixer {
        norm(tensors, layer.norm, hidden, layer.mixer.norm());
    }
    if layer.mixer == Mixer::Linear {
        linear(tensors, Part::AttentionLinear, hidden, hidden, false);
    }
    if let Some(attention) = layer.attention() {
        attention_tensors(tensors, layer.norm, attention, hidden);
        seq2seq::in_attention(tensors, layer, attention);
    }
    if let Some(mixer) = layer.recurrent() {
        recurrent::tensors(tensors, mixer, layer.norm, hidden);
    }
    if layer.placement == Placement::Sandwich {
        norm(tensors, layer.norm, hidden, Part::AttentionOutputNorm);
    }
    if let Some(streams) = layer.variant.mixed_streams {
        let weights = (2 + streams) * streams;
        compressed::of_streams(tensors, STREAMS_OF_ATTENTION, streams, weights, 3, hidden);
    }
    variant::beside_attention(tensors, layer, hidden);
    seq2seq::behind_attention(tensors, layer, hidden);
}

fn feed_forward_tensors(tensors: &mut Vec<Tensor>, layer: &Layer, hidden: u64) {
    if layer.feed_forward == FeedForward::None {
        return;
    }
    if layer.placement != Placement::ParallelOneNorm {
        norm(tensors, layer.norm, hidden, Part::FeedForwardNorm);
    }
    match &layer.feed_forward {
        FeedForward::Dense(mlp) => mlp_tensors(tensors, mlp, hidden),
        FeedForward::Experts(experts) => expert_tensors(tensors, experts, hidden),
        FeedForward::Linear => linear(tensors, Part::FeedForwardLinear, hidden, hidden, false),
        FeedForward::None => {}
    }
    if layer.placement == Placement::Sandwich {
        norm(tensors, layer.norm, hidden, Part::FeedForwardOutputNorm);
    }
    if let Some(streams) = layer.variant.mixed_streams {
        let weights = (2 + streams) * streams;
        compressed::of_streams(tensors, STREAMS_OF_FEED_FORWARD, streams, weights, 3, hidden);
    }
    variant::beside_feed_forward(tensors, layer, hidden);
}

fn expert_tensors(tensors: &mut Vec<Tensor>, experts: &Experts, hidden: u64) {
    let (count, width) = (experts.count, experts.intermediate_size);
    let role = Role::Experts { count, per_token: experts.per_token };
    linear(tensors, Part::Router, hidden, count, experts.bias);
    let between = experts.latent.unwrap_or(hidden);
    if experts.bias {
        // gpt-oss stacks matrices by input.
        let biases = Role::ExpertBiases { count, per_token: experts.per_token };
        tensors.push(matrix((Part::ExpertsGateAndUp, Piece::Weight), count * hidden, 2 * width, role));
        tensors.push(matrix((Part::ExpertsGateAndUp, Piece::Bias), count, 2 * width, biases));
        tensors.push(matrix((Part::ExpertsDown, Piece::Weight), count * width, hidden, role));
        tensors.push(matrix((Part::ExpertsDown, Piece::Bias), count, hidden, biases));
    } else if experts.gated {
        tensors.push(matrix((Part::ExpertsGateAndUp, Piece::Weight), count * 2 * width, between, role));
        tensors.push(matrix((Part::ExpertsDown, Piece::Weight), count * between, width, role));
    } else {
        tensors.push(matrix((Part::ExpertsUp, Piece::Weight), count * width, between, role));
        tensors.push(matrix((Part::ExpertsDown, Piece::Weight), count * between, width, role));
    }
    if let Some(latent) = experts.latent {
        linear(tensors, Part::LatentDown, hidden, latent, false);
        if experts.latent_norm {
            tensors.push(vector((Part::LatentNorm, Piece::Weight), latent, Role::Norm));
        }
        linear(tensors, Part::LatentUp, latent, hidden, false);
    }
    if let Some(shared) = &experts.shared {
        mlp_tensors(tensors, &shared.mlp, hidden);
        if shared.gated {
            linear(tensors, Part::SharedExpertGate, hidden, 1, false);
        }
    }
}

fn mlp_tensors(tensors: &mut Vec<Tensor>, mlp: &Mlp, hidden: u64) {
    let width = mlp.intermediate_size;
    match mlp.kind {
        MlpKind::Plain => linear(tensors, Part::Up, hidden, width, mlp.bias),
        MlpKind::Gated => {
            linear(tensors, Part::Gate, hidden, width, mlp.bias);
            linear(tensors, Part::Up, hidden, width, mlp.bias);
        }
        MlpKind::GatedFused => {
            linear(tensors, Part::GateAndUp, hidden, 2 * width, mlp.bias);
        }
    }
    linear(tensors, Part::Down, width, hidden, mlp.bias);
    if mlp.activation == Activation::Xielu {
        for part in [Part::XieluPositive, Part::XieluNegative] {
            tensors.push(vector((part, Piece::Whole), 1, Role::Norm));
        }
    }
}

fn attention_tensors(tensors: &mut Vec<Tensor>, layer_norm: NormKind, attention: &Attention, hidden: u64) {
    if let Some(compressed) = attention.variant.compressed {
        return compressed::in_attention(tensors, layer_norm, attention, compressed, hidden);
    }
    if let Some(latent) = attention.latent {
        return latent_tensors(tensors, layer_norm, attention, latent, hidden);
    }
    let (query, kv) = (attention.query_size(), attention.kv_size());
    let values = attention.kv_heads * attention.value_head_dim();
    let key_values = attention.variant.key_values;
    let bias = attention.qkv_bias;
    match attention.projection {
        Projection::Separate => {
            let gated = if attention.gate { 2 * query } else { query };
            linear(tensors, Part::Query, hidden, gated, bias);
            if key_values != KeyValues::Earlier {
                linear(tensors, Part::Key, hidden, kv, attention.key_bias());
            }
            if matches!(key_values, KeyValues::Own | KeyValues::OfTower) {
                linear(tensors, Part::Value, hidden, values, bias);
            }
        }
        Projection::Fused | Projection::FusedByGroup => {
            linear(tensors, Part::QueryKeyValue, hidden, query + 2 * kv, bias);
        }
    }
    let widths = match attention.qk_norm {
        QkNorm::None | QkNorm::WithoutWeight => None,
        QkNorm::PerHead => Some((attention.head_dim, attention.head_dim)),
        QkNorm::FullWidth | QkNorm::EachHead => Some((query, kv)),
    };
    if let Some((query_width, key_width)) = widths {
        let kind = if attention.qk_norm == QkNorm::EachHead { NormKind::LayerWithoutBias } else { layer_norm };
        norm(tensors, kind, query_width, Part::QueryNorm);
        if key_values != KeyValues::Earlier {
            norm(tensors, kind, key_width, Part::KeyNorm);
        }
        // StableLM has a module for each head.
        if attention.qk_norm == QkNorm::EachHead && layer_norm == NormKind::Layer {
            let norms = tensors.iter_mut().rev();
            for (tensor, heads) in norms.zip([attention.kv_heads, attention.heads]) {
                tensor.pieces = heads;
            }
        }
    }
    let context = attention.heads * attention.value_head_dim();
    linear(tensors, Part::AttentionOutput, context, hidden, attention.output_bias);
    if attention.sinks {
        tensors.push(vector((Part::Sinks, Piece::Whole), attention.heads, Role::Bias));
    }
    variant::in_attention(tensors, attention, hidden);
}

fn latent_tensors(tensors: &mut Vec<Tensor>, layer_norm: NormKind, attention: &Attention, latent: Latent, hidden: u64) {
    let (heads, query, bias) = (attention.heads, attention.query_size(), attention.qkv_bias);
    match latent.query_rank {
        None => linear(tensors, Part::Query, hidden, query, false),
        Some(rank) => {
            linear(tensors, Part::QueryDown, hidden, rank, bias);
            norm(tensors, layer_norm, rank, Part::QueryNorm);
            linear(tensors, Part::QueryUp, rank, query, false);
        }
    }
    linear(tensors, Part::KeyValueDown, hidden, latent.kv_rank + latent.rope_head_dim, bias);
    norm(tensors, layer_norm, latent.kv_rank, Part::KeyValueNorm);
    linear(tensors, Part::KeyValueUp, latent.kv_rank, heads * (latent.nope_head_dim + latent.value_head_dim), false);
    linear(tensors, Part::AttentionOutput, heads * latent.value_head_dim, hidden, attention.output_bias);
    if attention.gate {
        linear(tensors, Part::AttentionGate, hidden, heads * latent.value_head_dim, false);
    }
    variant::in_attention(tensors, attention, hidden);
}

pub(super) fn linear(tensors: &mut Vec<Tensor>, part: Part, inputs: u64, outputs: u64, bias: bool) {
    tensors.push(matrix((part, Piece::Weight), outputs, inputs, Role::Linear));
    if bias {
        tensors.push(vector((part, Piece::Bias), outputs, Role::Bias));
    }
}

pub(super) fn norm(tensors: &mut Vec<Tensor>, kind: NormKind, width: u64, part: Part) {
    let pieces = [Piece::Weight, Piece::Bias];
    let count = usize::try_from(kind.parameter_tensors()).unwrap_or(pieces.len());
    tensors.extend(pieces.into_iter().take(count).map(|piece| vector((part, piece), width, Role::Norm)));
}

pub(super) fn matrix((part, piece): (Part, Piece), rows: u64, columns: u64, role: Role) -> Tensor {
    Tensor { part, piece, rows, columns, pieces: 1, role }
}

pub(super) fn vector((part, piece): (Part, Piece), length: u64, role: Role) -> Tensor {
    Tensor { part, piece, rows: length, columns: 1, pieces: 1, role }
}
