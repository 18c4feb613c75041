//! What an encoder has outside its layers: token types, counted positions, layers that see a part of the tokens, and
//! what stands on top, by the class of the model.

use super::Activation;
use super::checks::{ArchitectureError, class_of, dimension};
use super::groups::MOST_LAYERS;
use super::mlp;
use super::output;
use super::{ArchitectureKeys, LayerGroup};
use crate::model::family::{EncoderDefaults, Family, NormKind};

/// What an encoder has outside its layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "which parts there are")]
pub struct Encoder {
    /// Rows of the table of token types, where tokens have one.
    pub token_types: Option<u64>,
    /// Whether all tables and the norm behind them have the embedding's channels, and a matrix with a bias widens what they
    /// give where the layers have others.
    pub narrow_tables: bool,
    /// What stands on top of the layers.
    pub top: Top,
    /// Whether the bare model has a pooler.
    pub pooler: bool,
    /// Bias of the matrix between the layers and a head.
    pub transform_bias: bool,
    /// The activation after that matrix.
    pub transform_act: Activation,
    /// Whether a head that is not tied has a second bias, which nothing reads.
    pub second_bias: bool,
    /// Whether all layers are one, run over and over.
    pub shared_layers: bool,
    /// Distances for which all layers have one table of biases of their scores.
    pub distances: Option<u64>,
    /// Distances to either side that disentangled attention tells apart.
    pub span: Option<u64>,
    /// Tokens that a local layer sees on each side, whether any layer is local or not.
    pub window: Option<u64>,
}

/// What stands on top of an encoder's layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Top {
    /// The class of the bare model: nothing, or its pooler; in a class that scores, what scores stands in its place.
    Bare,
    /// A matrix, an activation and a norm, then logits of every token.
    MaskedTokens,
}

impl Encoder {
    /// Whether the model ends in a pooler.
    pub fn pools(&self) -> bool {
        self.top == Top::Bare && self.pooler
    }

    /// Whether it ends in logits.
    pub fn has_head(&self) -> bool {
        self.top == Top::MaskedTokens
    }
}

/// What an encoder of these keys has outside its layers.
pub(super) fn resolve(family: &Family, keys: &ArchitectureKeys) -> Result<Option<Encoder>, ArchitectureError> {
    let Some(defaults) = family.encoder else { return Ok(None) };
    let own = &keys.encoder;
    let act = own.classifier_activation.as_deref().or(defaults.transform_act);
    let token_types = defaults.token_types.map(|types| own.type_vocab_size.unwrap_or(types));
    Ok(Some(Encoder {
        token_types: token_types.map(|types| dimension("type_vocab_size", types)).transpose()?,
        narrow_tables: defaults.embedding_size.is_some(),
        top: top(&defaults, keys.architectures.as_deref())?,
        pooler: defaults.pooler,
        transform_bias: own.classifier_bias.unwrap_or(defaults.transform_bias),
        transform_act: mlp::activation(
            "classifier_activation",
            act.or(keys.hidden_act.as_deref()).unwrap_or(family.defaults.hidden_act),
        )?,
        second_bias: defaults.second_bias,
        shared_layers: defaults.shared_layers,
        distances: distances(&defaults, keys)?,
        span: span(&defaults, keys)?,
        window: window(&defaults, keys)?,
    }))
}

/// Distances for which there is a bias, of which the classes count 32 whatever their table has.
fn distances(defaults: &EncoderDefaults, keys: &ArchitectureKeys) -> Result<Option<u64>, ArchitectureError> {
    const KEY: &str = "relative_attention_num_buckets";
    let Some(usual) = defaults.distances else { return Ok(None) };
    let rows = dimension(KEY, keys.seq2seq.relative_attention_num_buckets.unwrap_or(usual))?;
    if rows < usual {
        let problem = format!("{rows} rows, of which the class looks up {usual}");
        return Err(ArchitectureError::new(KEY, problem));
    }
    Ok(Some(rows))
}

/// Distances to either side that disentangled attention tells apart: each of its buckets.
fn span(defaults: &EncoderDefaults, keys: &ArchitectureKeys) -> Result<Option<u64>, ArchitectureError> {
    const KEY: &str = "position_buckets";
    if !defaults.disentangled {
        return Ok(None);
    }
    match keys.encoder.position_buckets {
        Some(buckets) => dimension(KEY, buckets).map(Some),
        None => Err(ArchitectureError::new(KEY, "found nothing; distances are covered in buckets".to_owned())),
    }
}

/// Channels of the token table; those of the residual stream where neither family nor keys say otherwise.
pub(super) fn embedding_size(family: &Family, keys: &ArchitectureKeys, hidden: u64) -> Result<u64, ArchitectureError> {
    let own = family.encoder.and_then(|defaults| defaults.embedding_size);
    let size = dimension("word_embed_proj_dim", keys.word_embed_proj_dim.or(own).unwrap_or(hidden))?;
    // ALBERT has the matrix that widens it in any case.
    if size == hidden && family.encoder.is_some_and(|defaults| defaults.shared_layers) {
        let problem = format!("{size} is `hidden_size`; a square matrix behind the embedding is not covered");
        return Err(ArchitectureError::new("embedding_size", problem));
    }
    Ok(size)
}

fn top(defaults: &EncoderDefaults, classes: Option<&[String]>) -> Result<Top, ArchitectureError> {
    if classes.is_some_and(|classes| matches!(classes, [class] if output::scores(class))) {
        return Ok(Top::Bare);
    }
    let [_, with_head] = defaults.classes;
    let class = class_of(&defaults.classes, classes).map_err(|error| {
        let problem =
            format!("{}, …ForSequenceClassification, …ForTokenClassification, …ForQuestionAnswering", error.problem);
        ArchitectureError { problem, ..error }
    })?;
    Ok(if class == Some(with_head) { Top::MaskedTokens } else { Top::Bare })
}

/// Tokens that a local layer sees on each side: half of what it sees on both.
fn window(defaults: &EncoderDefaults, keys: &ArchitectureKeys) -> Result<Option<u64>, ArchitectureError> {
    let Some(local) = defaults.local else { return Ok(None) };
    let tokens = dimension("local_attention", keys.encoder.local_attention.unwrap_or(local.window))?;
    if tokens < 2 {
        return Err(ArchitectureError::new("local_attention", format!("{tokens} is less than one token on each side")));
    }
    Ok(Some(tokens / 2))
}

/// The same keys with the window and the kind of every layer written out, which an encoder's own keys say.
pub(super) fn written_out(family: &Family, keys: &ArchitectureKeys) -> Result<ArchitectureKeys, ArchitectureError> {
    let Some((defaults, local)) = family.encoder.and_then(|it| Some((it, it.local?))) else { return Ok(keys.clone()) };
    let every = keys.encoder.global_attn_every_n_layers.unwrap_or(local.global_every);
    let every = dimension("global_attn_every_n_layers", every)?;
    let layers = keys.num_hidden_layers.unwrap_or(family.defaults.num_hidden_layers);
    if layers > MOST_LAYERS {
        let problem = format!("{layers} layers, some of them local; at most {MOST_LAYERS} are told apart");
        return Err(ArchitectureError::new("num_hidden_layers", problem));
    }
    let kind = |layer: u64| if layer.is_multiple_of(every) { "full_attention" } else { "sliding_attention" };
    let types = keys.layer_types.clone().unwrap_or_else(|| (0..layers).map(|layer| kind(layer).to_owned()).collect());
    Ok(ArchitectureKeys { sliding_window: window(&defaults, keys)?, layer_types: Some(types), ..keys.clone() })
}

/// The kind of an encoder's norms.
pub(super) fn norm(family: &Family, keys: &ArchitectureKeys) -> NormKind {
    match keys.encoder.norm_bias {
        Some(true) if family.encoder.is_some() => NormKind::Layer,
        _ => family.norm,
    }
}

/// Rows of the table of positions that no position uses: those up to the token of padding.
pub(super) fn unused_positions(family: &Family, keys: &ArchitectureKeys) -> Option<u64> {
    let padding = family.encoder?.padding_token?;
    Some(keys.encoder.pad_token_id.unwrap_or(padding).saturating_add(1))
}

/// The same layers, the first without the norm before its attention, which the embedding's stands for (ModernBERT).
pub(super) fn first_unnormed(mut groups: Vec<LayerGroup>) -> Vec<LayerGroup> {
    let Some(first) = groups.first_mut() else { return groups };
    let mut layer = first.layer.clone();
    layer.variant.unnormed_mixer = true;
    first.layers -= 1;
    if first.layers == 0 {
        first.layer = layer;
        first.layers = 1;
    } else {
        groups.insert(0, LayerGroup { layers: 1, layer });
    }
    groups
}
