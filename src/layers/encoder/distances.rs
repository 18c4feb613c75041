//! MPNet's bias of scores by distance, which all layers share.

use crate::layers::Run;
use crate::layers::embedding::look_up_by;
use crate::layers::operations::repeat;
use crate::layers::seq2seq::bias::numbers_of_distances;
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Dtype, Rule, Tape, Tensor};

const NAME: &str = "attention.bias by distance";

impl Run<'_> {
    /// Distances for which an encoder has a bias.
    pub(crate) fn distances(&self) -> Option<u64> {
        self.architecture.encoder.and_then(|encoder| encoder.distances)
    }

    /// The bias of each head for every two positions of every sequence, `[b, a, s, s]`, by the number that the table has
    /// for their distance.
    pub(crate) fn bias_of_layers(&self, tape: &mut Tape) -> Option<Tensor> {
        let rows = self.distances()?;
        let heads = Dim { symbol: "a", size: self.architecture.attentions().next()?.heads };
        let table_shape = tape.shape(&[Dim { symbol: "", size: rows }, heads]);
        let table = tape.parameter(Part::DistanceBias.name(Piece::Weight), table_shape, self.weights);
        let [vector, square] = [&[self.s()][..], &[self.s(), self.s()]].map(|dims| tape.shape(dims));
        let positions = [0, 1].map(|_| tape.constant("numbers of tokens", vector, Dtype::Int64));
        let [distances, negated] = [0, 1].map(|_| tape.constant("distances", square, Dtype::Int64));
        let numbers = numbers_of_distances(tape, square, false, Some(negated));
        let by_position = tape.shape(&[self.s(), self.s(), heads]);
        // Of one head rows lie as they are read.
        let rule = if heads.size > 1 { Rule::LookupInOrder } else { Rule::Lookup };
        let looked_up = look_up_by(rule, tape, table, Some(numbers), (NAME, by_position));
        let shape = tape.shape(&[self.b(), heads, self.s(), self.s()]);
        let bias = if heads.size == 1 && self.batch == 1 {
            tape.view(looked_up, shape)
        } else {
            // Head by head for each sequence, whose gradients are summed.
            repeat(tape, looked_up, NAME, shape)
        };
        tape.release(looked_up);
        tape.release_each(positions);
        tape.release_each([distances, numbers]);
        Some(bias)
    }
}
