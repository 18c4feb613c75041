//! In which order a family names what it is made of: in its class, by which weights are moved and stepped, and in its
//! checkpoints, by which they are loaded.

use crate::model::part::Part;

/// The order in which a layer's class names its modules, in which their parameters are moved and stepped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModuleOrder {
    /// Attention, the feed-forward network, then the layer's norms.
    NormsLast,
    /// The layer's norms, attention, the feed-forward network.
    NormsFirst,
    /// Each norm before what it stands before.
    AsComputed,
    /// Each norm behind what it stands at.
    NormAfterEach,
    /// The same with that of the feed-forward network before all (ALBERT).
    LastNormFirst,
}

/// The order of a checkpoint's names, in which weights are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SavedOrder {
    /// `lm_head`, `model.embed_tokens`, `model.layers`.
    HeadFirst,
    /// `lm_head`, `transformer.h`, `transformer.wte`.
    LayersBeforeTables,
    /// `gpt_neox.embed_in`, `gpt_neox.layers`, `lm_head`.
    HeadLast,
}

/// Where a checkpoint has attention's output projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputSaved {
    /// Before the others: `dense`, `attention.output`.
    First,
    /// Where its name puts it: `k_proj`, `o_proj`, `q_proj`.
    ByName,
    /// Behind them: `c_attn`, `c_proj`.
    Last,
}

/// How checkpoints name what a layer is made of, where they do not go by the alphabet of the names here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavedLayer {
    /// Whether attention comes before the feed-forward network.
    pub attention_first: bool,
    /// Where attention's output projection is among its others.
    pub output: OutputSaved,
    /// Whether the feed-forward network's first matrix comes before its last.
    pub up_first: bool,
}

/// How the class of a layer names its modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent habits of classes")]
pub struct Modules {
    /// Where norms are among them.
    pub order: ModuleOrder,
    /// Whether attention's output projection comes before its others.
    pub output_first: bool,
    /// Parts that come in this order in the places that they have between them, where no rule says it.
    pub listed: &'static [Part],
    /// Whether a router comes behind its experts.
    pub router_last: bool,
    /// Whether vectors of the layer, then the router, its experts and the norms around those come behind all else (Gemma 4).
    pub mixture_last: bool,
    /// Whether the table of positions comes behind the embedding's norm (RoBERTa).
    pub positions_last: bool,
    /// Whether the norm of the head comes before the matrix that it stands behind (ALBERT).
    pub head_norm_first: bool,
}

impl Modules {
    /// This order, with nothing else out of the usual.
    pub(in crate::families) const fn in_order(order: ModuleOrder) -> Self {
        Self {
            order,
            output_first: false,
            listed: &[],
            router_last: false,
            mixture_last: false,
            positions_last: false,
            head_norm_first: false,
        }
    }
}

impl SavedLayer {
    /// By the alphabet: `mlp`, `self_attn`; `down_proj`, `gate_proj`, `up_proj`.
    pub(in crate::families) const BY_NAME: Self =
        Self { attention_first: false, output: OutputSaved::ByName, up_first: false };
}
