//! How positions enter before the layers, and how the loss is computed after them.

/// How learned positions are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionCode {
    /// GPT-2's: by the number of each position, once for all sequences.
    Shared,
    /// OPT's: for each sequence by the running sum of its mask, which is made where the batch has none.
    FromMask,
    /// BERT's: by rows of a buffer, once for all sequences, after the types of tokens.
    FromBuffer,
    /// RoBERTa's: for each sequence by how many of its tokens are no padding, after the types of tokens.
    FromTokens,
}

/// What a decoder behind an encoder makes where it is given no mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecoderMask {
    /// Nothing.
    None,
    /// A mask of ones, which goes once attention's own was made from it.
    UntilRead,
    /// The same, which stays in a variable until the decoder returns.
    UntilReturn,
}

/// How the loss is computed from logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossCode {
    /// Over logits in fp32, with labels shifted to the token before.
    Shifted,
    /// The same with logits that are shifted in a copy of all positions but the last, in fp32.
    CopiedInFp32,
    /// The same with a copy in the type that logits have.
    Copied,
    /// Over logits in fp32, with labels as they are given.
    MaskedInFp32,
    /// Over logits in the type that they have, with labels as they are given.
    Masked,
}
