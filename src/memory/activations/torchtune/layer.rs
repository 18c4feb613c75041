//! One layer: `TransformerSelfAttentionLayer`.

use super::super::super::tape::{Tape, Tensor};
use super::super::layer::{ATTENTION_NORM, FEED_FORWARD_NORM};
use super::super::operations::join;
use super::Torchtune;
use crate::model::architecture::{FeedForward, Layer};

impl Torchtune<'_> {
    /// From the residual stream that enters to the one that leaves. What attention returned stays until the end.
    pub(super) fn layer(&self, tape: &mut Tape, layer: &Layer, input: Tensor) -> Tensor {
        let (Some(attention), FeedForward::Dense(mlp)) = (layer.attention(), &layer.feed_forward) else {
            return tape.share(input);
        };
        let normed = self.norm(tape, input, ATTENTION_NORM);
        let attended = self.attention(tape, normed, attention);
        let stream = join(tape, [attended, input], "residual stream", input.shape);
        tape.release(normed);
        let normed = self.norm(tape, stream, FEED_FORWARD_NORM);
        let fed = self.run.mlp(tape, normed, mlp);
        tape.release(normed);
        let output = join(tape, [stream, fed], "residual stream", input.shape);
        for tensor in [fed, stream, attended] {
            tape.release(tensor);
        }
        output
    }
}
