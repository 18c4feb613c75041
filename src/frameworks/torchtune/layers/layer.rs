//! One layer: `TransformerSelfAttentionLayer`.

use super::TransformerDecoder;
use crate::layers::layer::{ATTENTION_NORM, ATTENTION_OUTPUT_NORM, FEED_FORWARD_NORM, FEED_FORWARD_OUTPUT_NORM};
use crate::layers::norm::Names;
use crate::layers::operations::join;
use crate::model::architecture::{FeedForward, Layer};
use crate::model::family::Placement;
use crate::tape::{Tape, Tensor};

impl TransformerDecoder<'_> {
    /// From the residual stream that enters to the one that leaves. What attention returned stays until the end.
    pub(crate) fn block(&self, tape: &mut Tape, layer: &Layer, input: Tensor) -> Tensor {
        let (Some(attention), FeedForward::Dense(mlp)) = (layer.attention(), &layer.feed_forward) else {
            return tape.share(input);
        };
        let normed = self.norm(tape, input, ATTENTION_NORM);
        let attended = self.attention(tape, normed, attention);
        let sandwich = layer.placement == Placement::Sandwich;
        let scaled = self.scaled(tape, attended, ATTENTION_OUTPUT_NORM, sandwich);
        let stream = join(tape, [scaled, input], "residual stream", input.shape);
        tape.release(scaled);
        tape.release(normed);
        let normed = self.norm(tape, stream, FEED_FORWARD_NORM);
        let fed = self.run.mlp(tape, normed, mlp);
        tape.release(normed);
        let scaled = self.scaled(tape, fed, FEED_FORWARD_OUTPUT_NORM, sandwich);
        let output = join(tape, [stream, scaled], "residual stream", input.shape);
        for tensor in [scaled, fed, stream, attended] {
            tape.release(tensor);
        }
        output
    }

    /// The norm of what attention or the feed-forward network returned, where there is one.
    fn scaled(&self, tape: &mut Tape, input: Tensor, names: Names, norms: bool) -> Tensor {
        if norms { self.norm(tape, input, names) } else { tape.share(input) }
    }
}
