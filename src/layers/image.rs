//! Models of images: from pixels to the tokens that enter the first layer, and from the first token to its classes.

use super::embedding::{Embedded, Table};
use super::model::ONE;
use super::operations::{add, cast, dropout, join};
use super::{Linear, Run};
use crate::model::architecture::Image;
use crate::model::part::Part;
use crate::shape::Dim;
use crate::tape::{Dtype, Operation, Rule, Tape, Tensor};

impl Run<'_> {
    /// Patches through one matrix, the token before them, positions and dropout.
    pub(crate) fn embed_image(&self, tape: &mut Tape, image: &Image) -> Embedded {
        let (pixels, patches) = self.patches(tape, image);
        // PEFT makes what this module returns require a gradient where layers are checkpointed.
        let begins = self.adapters.is_some() && self.checkpointed_layers > 0;
        let patches = if begins { begun(tape, patches) } else { patches };
        let parameter = |tape: &mut Tape, name, rows: Dim| {
            let shape = tape.shape(&[rows, self.h()]);
            tape.parameter(name, shape, self.weights)
        };
        let class = parameter(tape, "class token", ONE);
        let positions = parameter(tape, "position embedding.weight", self.s());
        // Of one image the gradient of the class token is a part of the whole tokens', which stays with it; that of the
        // positions would be the same tensor and is copied. Of several images both are sums.
        let (class, positions) = if self.batch == 1 {
            let positions = tape.view_with_new_gradient(positions, positions.shape);
            (class, positions)
        } else {
            (tape.view_with_new_gradient(class, class.shape), positions)
        };
        let wide = cast(tape, patches, self.weights, "patches in the weights' type");
        tape.release(patches);
        let shape = self.stream(tape, self.h());
        let tokens = join(tape, [class, wide], "tokens", shape);
        tape.release(wide);
        let placed = add(tape, [tokens, positions], "tokens with positions");
        tape.release(tokens);
        let dropped = dropout(tape, self.dropout[0], placed, "dropped embedding", "embedding.dropout mask");
        tape.release(placed);
        // The model's own code has what enters its layers in a variable, and the pixels in the type of the weights.
        let until_return = vec![tape.share(dropped), pixels];
        Embedded {
            table: Table { matrix: class, rows: None },
            stream: dropped,
            for_recomputation: Vec::new(),
            until_return,
        }
    }

    /// The pixels in the type of the weights, and a vector for each patch: a convolution, which keeps what it reads.
    fn patches(&self, tape: &mut Tape, image: &Image) -> (Tensor, Tensor) {
        let dim = |symbol, size| Dim { symbol, size };
        let shape =
            tape.shape(&[self.b(), dim("", image.channels), dim("", image.pixels[0]), dim("", image.pixels[1])]);
        let pixels = Tape::buffer(shape, Dtype::Fp32);
        let pixels = cast(tape, pixels, self.weights, "pixels in the weights' type");
        let compute = self.compute();
        let inputs = dim("", image.channels * image.patch[0] * image.patch[1]);
        let Linear { weight, bias, .. } = self.weights(tape, Part::PatchProjection, inputs, self.h(), true);
        let read = cast(tape, pixels, compute, "pixels in 16 bits");
        let narrow = |tape: &mut Tape, parameter| if self.autocast { tape.cached_copy(parameter) } else { parameter };
        // The last argument first.
        let bias = bias.map(|bias| narrow(tape, bias));
        let weight = narrow(tape, weight);
        let inputs = [weight, bias.unwrap_or(weight), read];
        let keeps = [read, weight];
        let convolution =
            Operation { rule: Rule::Each, inputs: &inputs, keeps: &keeps, extras: &[], keeps_output: false };
        let shape = tape.shape(&[self.b(), dim("n", image.patches()), self.h()]);
        let patches = tape.apply(&convolution, "patches", shape, compute);
        tape.release(read);
        if self.autocast {
            tape.release(weight);
            tape.release(bias.unwrap_or(weight));
        }
        (pixels, patches)
    }

    /// The matrix from the first token to the classes.
    pub(crate) fn classifier(&self, tape: &mut Tape, image: &Image) -> Linear {
        let labels = Dim { symbol: "V", size: image.labels };
        self.weights(tape, Part::Classifier, self.h(), labels, true)
    }

    /// The first token of each image, as a part of all of them.
    pub(crate) fn first_token(&self, tape: &mut Tape, stream: Tensor) -> Tensor {
        let shape = tape.shape(&[self.b(), ONE, self.h()]);
        tape.view_with_new_gradient(stream, shape)
    }
}

/// A value that becomes the beginning of the graph. It lies channel by channel, and its gradient is copied so.
fn begun(tape: &mut Tape, patches: Tensor) -> Tensor {
    let leaf = tape.require_gradient(patches);
    let read = tape.view_with_new_gradient(leaf, patches.shape);
    tape.release(leaf);
    read
}
