//! How attention is written.

/// How a fused query-key-value projection is taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FusedProjection {
    /// GPT-2: a split of the last dimension before heads are separated.
    SplitThenHeads,
    /// GPT-NeoX: heads are separated first, then each is split in three.
    HeadsThenSplit,
    /// Phi-3: three slices, each with a full-width gradient of its own.
    Slices,
    /// BLOOM: heads are separated first, then query, key and value of each are selected, each with a full-width gradient
    /// of its own; the projection stays until attention returns.
    Selected,
    /// Falcon: the same where each query has its key and value; else queries are sliced, keys and values copied by their
    /// index.
    Indexed,
    /// ModernBERT: heads are separated first, then query, key and value are unbound, whose gradients are stacked.
    Unbound,
    /// GPT-BigCode's: GPT-2's where one key and value serves all heads, else GPT-NeoX's.
    SplitByHeads,
}

/// How queries and keys are rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Positions are learned.
    None,
    /// All channels.
    Whole,
    /// All channels as complex numbers, in fp32.
    Complex,
    /// A part of the channels, put together again with the rest, even where the rest is empty.
    Concatenated,
    /// The two halves of the channels, turned apart and put together again; tables are as wide as a half.
    Halves,
}

/// Where a layer has its cosines and sines from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableCode {
    /// The model makes them once for all layers.
    OfModel,
    /// The same, and each layer makes copies in which every value stands twice in a row.
    Interleaved,
    /// GPT-J's: each layer gathers them from a buffer of its own, doubles them anew for keys and for queries, and turns
    /// heads as they are projected.
    Gathered,
}

/// What becomes of the product of queries and keys before its softmax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreCode {
    /// It is multiplied by a constant, and the mask is added.
    Scaled,
    /// BLOOM's: the product itself scales and adds the bias of positions; it and its sum with the mask stay until
    /// attention returns.
    Biased,
    /// MPT's: the same by parts, with a bias in fp32 for the longest sequence, and the mask fills what it covers; the
    /// result stays until attention returns.
    BiasedThenFilled,
    /// GPT-Neo's: chosen where a buffer of each layer lets it through, and the mask is added.
    Chosen,
    /// GPT-2's before Transformers 5: it is divided by a number on the card, chosen where a buffer of each layer lets it
    /// through, and the mask is added.
    DividedThenChosen,
    /// MPNet's: it is divided by a constant, the bias by distance is added in place and the mask after that; what the
    /// softmax reads stays until attention returns.
    BiasedInPlace,
    /// DeBERTa's: queries and keys meet a table of distances too, whose rows are gathered, and the mask fills what it covers.
    Disentangled,
    /// Falcon's: it is divided in place and stays until the softmax is there, whose type is that of the layer's input.
    InPlace,
}

/// What of the rotation is fp32 where its inputs are not; what it gives is narrowed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Widening {
    /// Nothing: cosines and sines are cast to the type of the stream.
    Nothing,
    /// Cosines and sines, and so the products with them.
    Tables,
    /// Queries and keys, once, before they are turned.
    Inputs,
    /// Queries and keys, anew for each of the two products that turn them.
    InputsAtEachUse,
    /// Cosines and sines, and queries and keys once as they are and once as their turned halves.
    Halves,
}

impl Widening {
    /// Whether anything is.
    pub fn is_any(self) -> bool {
        self != Self::Nothing
    }

    /// Whether cosines and sines stay in fp32.
    pub fn of_tables(self) -> bool {
        matches!(self, Self::Tables | Self::Halves)
    }

    /// Whether queries and keys are widened before anything else.
    pub fn of_inputs(self) -> bool {
        self == Self::Inputs
    }

    /// Whether each product has its own wide input.
    pub fn of_each_product(self) -> bool {
        matches!(self, Self::InputsAtEachUse | Self::Halves)
    }

    /// Whether halves are taken of an input that was widened for them.
    pub fn before_halves(self) -> bool {
        self == Self::InputsAtEachUse
    }
}
