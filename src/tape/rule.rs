//! How gradients go back through the operations of PyTorch.

use super::dtype::Dtype;

/// How a node turns the gradient of its output into gradients of its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The same storage goes on to every input: additions.
    Pass,
    /// The same storage goes on as a view, which knows whose it is: nothing is summed into it in place.
    View,
    /// One new gradient an input, of the input's shape.
    Each,
    /// The same by a kernel that reads a copy of its first input in which rows lie together.
    EachFromRows,
    /// A lookup of rows in a table.
    Lookup,
    /// The same, whose gradient comes in another order and is copied for it.
    LookupInOrder,
    /// Dropout, whose mask is there before what it lets through.
    Dropout,
    /// A matrix product without a bias: one new gradient an input, each a product too.
    Product,
    /// The softmax of eager attention, whose gradient is made from a product of it and the one that comes in.
    Softmax,
    /// A selection along the last dimension, whose gradient is written into zeros: `gather`, `topk`.
    Scatter,
    /// A batched product times a number, by which gradients are multiplied once they are there: `baddbmm`.
    ScaledProduct,
    /// A product for every expert, of its matrix and its own rows.
    Grouped,
    /// A matrix product with a bias, the third input: the bias takes the gradient that comes in, summed over rows once
    /// the others are there.
    Affine,
    /// An attention kernel that keeps no scores, and makes the gradients of all its inputs, needed or not.
    Fused(FusedKernel),
    /// A product: gradients have the output's shape and are summed where the input was broadcast.
    Multiply,
    /// A scaled product of two values, added to a frozen one, the first input.
    Fold,
    /// A product with a frozen matrix, the first input, that is unpacked again for it.
    Unpack,
    /// The same, whose scales are unpacked first.
    UnpackNested,
    /// The same in fp16 first, and then in the type of the gradient.
    UnpackTwice,
    /// A sum: the gradient goes on to each term, summed where the term was broadcast.
    Add,
    /// A fused kernel that first computes again, in fp32 and in this shape, what it did not keep.
    Again(u16),
    /// A difference, or a sum whose second term is scaled: the first input's gradient goes on, the second's is multiplied
    /// by a number and summed where it was broadcast.
    Subtract,
    /// A power, with two temporaries.
    Power,
    /// The reciprocal square root, with two temporaries.
    Rsqrt,
    /// BLOOM's GELU, whose gradient is written out: five temporaries at once, of which the factor of the gradient and the
    /// tangent outlast the others.
    GeluFunction,
    /// The square root, with one temporary.
    Root,
    /// A selection by index: the gradient is written into zeros.
    Index,
    /// Rows that a mask picks: the gradient is added into zeros at their places.
    RowsOfMask,
    /// Values put where a mask says: their gradient is what the mask picks.
    ScatterByMask,
    /// The logarithms of the probabilities of labels, tile by tile, with products of this type.
    Tiles(Dtype),
    /// A clamp from above: where it acts, the gradient is zero.
    ClampAbove,
    /// A clamp from above and below.
    Clamp,
    /// The deviation of each row, whose gradient is made of a centred copy of the rows.
    Deviation,
    /// A quotient of a value by a divisor that was computed too.
    Divide,
    /// A value written into a part of another, whose gradient has a copy with that part taken out.
    Write,
    /// A value added in place to a view, of this shape, of another: the gradient is copied, and the view's part of the copy
    /// is copied once more for what was added.
    AddToPart(u16),
    /// Rows added to others in place: the gradient goes on to the whole, and what was added takes its rows out of it.
    AddRows,
    /// A split: the gradients of the parts are put together into one.
    Split,
    /// The same into any number of parts, each of which is read once.
    Cut,
    /// Two values that one kernel writes over: it writes over their gradients too, or over copies of them.
    Together {
        /// Whether the gradients come in another layout.
        copies: bool,
    },
    /// A norm in one kernel, whose weight's gradient is the sum of a row for each multiprocessor.
    RowNorm {
        /// Whether the input's gradient is written over the one that comes in.
        in_place: bool,
        /// Whether that comes in another layout.
        copies: bool,
    },
    /// A kernel that writes the gradients of its inputs over the tensors that it kept.
    OverKept,
    /// Liger's experts, whose backward makes the gradients of all that they read, needed or not.
    /// This is the shape of their first product.
    ExpertTiles(u16),
    /// A graph that a compiler made, by its number on the tape.
    Compiled(u16),
    /// A loss that made the gradients of its inputs in forward, and kept those.
    Ready,
    /// Flexible attention as a compiler makes it: it first sums the products of context and gradient by rows, of this shape,
    /// lets go of the context that it kept last, and then makes all gradients.
    Flex(u16),
    /// Logarithms of probabilities of some words of all, whose gradient is made step by step beside one temporary.
    LogSoftmaxOfPart,
    /// All tokens of which each GPU has some: their gradient lies GPU by GPU before it is scattered.
    AllGather,
    /// Some tokens of which each GPU has a term: their gradient is gathered GPU by GPU before it lies by tokens.
    ReduceScatter,
}

impl Rule {
    /// Whether `Tape::apply` keeps what it is given only once the output is there: Liger's functions, which are Python.
    pub(crate) const fn keeps_last(self) -> bool {
        matches!(self, Self::RowNorm { .. } | Self::OverKept | Self::ExpertTiles(_) | Self::Ready)
    }
}

/// An attention kernel that keeps no scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FusedKernel {
    /// FlashAttention.
    Flash,
    /// The same over rows that lie head by head: its backward reads a copy of the gradient in another order.
    FlashByHead,
    /// The memory-efficient kernel of xFormers, for fp32 and for masks.
    Efficient,
}
