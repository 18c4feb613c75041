//! Gemma 4's mixtures: a dense network and routed experts side by side, each between norms of its own.

use crate::layers::Run;
use crate::layers::experts::{Routing, select};
use crate::layers::norm::{names, unweighed_norm};
use crate::layers::operations::{fresh, join, multiply};
use crate::model::architecture::{Experts, Layer, SharedExpert};
use crate::tape::{Tape, Tensor};

impl Run<'_> {
    /// What both give together, before the norm of their sum; `stream` is what the layer's second half begins with.
    pub(super) fn beside_experts(
        &self,
        tape: &mut Tape,
        stream: Tensor,
        experts: &Experts,
        dense: &SharedExpert,
    ) -> Tensor {
        let normed = self.stream_norm(tape, stream, super::FEED_FORWARD_NORM);
        let fed = self.mlp(tape, normed, &dense.mlp);
        tape.release(normed);
        let first = self.stream_norm(tape, fed, names!("dense output norm"));
        let rows = tape.reshape(stream, stream.shape);
        let leading = [self.b(), self.s()];
        // The router's own norm has no weight; the stream is scaled by a vector and by a number behind it.
        let read = unweighed_norm(tape, rows, &leading, names!("router norm"));
        let vector = tape.shape(&[self.h()]);
        let scale = tape.parameter("router.scale", vector, self.weights);
        let by_vector = multiply(tape, [read, scale], "router.scaled input", stream.shape);
        let scaled = fresh(tape, by_vector, "router.scaled input", stream.shape);
        tape.release(by_vector);
        tape.release(read);
        let sizes = self.sizes_of_experts(experts);
        let routing = self.routing(tape, scaled, experts, sizes);
        tape.release(scaled);
        let each = tape.shape(&[sizes.experts]);
        let of_experts = tape.parameter("router.scale of each expert", each, self.weights);
        let chosen = select(tape, of_experts, routing.indices, "router.scale of each expert", routing.weights.shape);
        let weights = multiply(tape, [routing.weights, chosen], "router.scaled weights", routing.weights.shape);
        tape.release_each([chosen, routing.weights]);
        let routing = Routing { weights, ..routing };
        let normed = self.stream_norm(tape, rows, names!("experts norm"));
        let routed = self.routed(tape, normed, routing, experts, sizes);
        tape.release(normed);
        let second = self.stream_norm(tape, routed, names!("experts output norm"));
        tape.release(routed);
        let sum = join(tape, [first, second], "experts and dense network", stream.shape);
        let Routing { logits, weights, indices } = routing;
        tape.release_each([first, second, rows, fed, logits, weights, indices]);
        sum
    }

    /// The dense network and the experts of a layer that has them side by side.
    pub(super) fn side_by_side_with_experts(layer: &Layer) -> Option<(&Experts, &SharedExpert)> {
        let crate::model::architecture::FeedForward::Experts(experts) = &layer.feed_forward else { return None };
        let dense = experts.shared.as_ref().filter(|_| layer.variant.experts_beside)?;
        Some((experts, dense))
    }
}
