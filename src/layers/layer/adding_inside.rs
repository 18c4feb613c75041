//! A layer whose parts add the residual themselves.

use super::{ATTENTION_NORM, FEED_FORWARD_NORM, Outputs};
use crate::layers::Run;
use crate::layers::attention::{Attended, Shared};
use crate::layers::operations::{dropout, join};
use crate::model::architecture::{Attention, Mlp};
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Tape, Tensor};

impl Run<'_> {
    /// BLOOM's, whose attention and feed-forward network add the residual themselves while they still have their variables.
    pub(crate) fn layer_adding_inside(
        &self,
        tape: &mut Tape,
        (attention, mlp): (&Attention, &Mlp),
        input: Tensor,
        shared: Shared,
    ) -> Outputs {
        let normed = self.stream_norm(tape, input, ATTENTION_NORM);
        let Attended { context, weights, locals } = self.attend(tape, normed, attention, shared);
        let attended = self.attention_output(tape, context, attention);
        let middle = self.drop_and_add(tape, [input, attended], "attention.dropped output");
        tape.release(context);
        tape.release_each(locals);
        let again = self.stream_norm(tape, middle, FEED_FORWARD_NORM);
        tape.release(normed);
        let width = Dim { symbol: "f", size: mlp.intermediate_size };
        let up = self.up(tape, again, (Part::Up, "mlp.up"), width, mlp.bias);
        let activated = self.activation(tape, up, mlp.activation, "mlp.activation");
        tape.release(up);
        let down = self.weights(tape, Part::Down, width, self.h(), mlp.bias);
        let fed = self.linear(tape, activated, down, "mlp.down");
        let output = self.drop_and_add(tape, [middle, fed], "mlp.dropped output");
        tape.release_each([activated, again, middle]);
        (output, weights)
    }

    /// Dropout of what is added to the residual stream, and the sum.
    fn drop_and_add(&self, tape: &mut Tape, [stream, added]: [Tensor; 2], name: &'static str) -> Tensor {
        let dropped = dropout(tape, self.drops_hidden(), added, name, "output dropout mask");
        tape.release(added);
        let sum = join(tape, [stream, dropped], "residual stream", stream.shape);
        tape.release(dropped);
        sum
    }
}
