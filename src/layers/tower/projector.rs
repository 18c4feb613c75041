//! From what a tower gives to tokens as wide as the decoder's.

use super::Seen;
use crate::layers::Run;
use crate::layers::norm::names;
use crate::layers::operations::{copy, unary_keeping_input};
use crate::model::parameters::{Role, Tensor as Parameter};
use crate::model::part::{Part, Piece};
use crate::model::tower::{Gathering, Kind, Projector};
use crate::shape::Dim;
use crate::tape::{Operation, Rule, Tape, Tensor};

impl Run<'_> {
    /// What takes the places of images in the sequence; what layers in the middle of the tower gave is projected too, and
    /// waits in variables for the decoder's first layers.
    pub(super) fn given(
        &self,
        tape: &mut Tape,
        seen: &Seen,
        read: Tensor,
        deep: Vec<Tensor>,
        until_return: &mut Vec<Tensor>,
    ) -> Tensor {
        if seen.tower.composite.projector == Projector::Glm {
            return self.through_network(tape, seen, read, until_return);
        }
        if seen.tower.composite.projector == Projector::Perceiver {
            return self.through_perceiver(tape, seen, read, until_return);
        }
        if seen.tower.composite.projector == Projector::Convolved {
            return self.through_convolutions(tape, seen, read, until_return);
        }
        if seen.tower.composite.projector == Projector::Apart {
            // Its result holds what the tower gave.
            until_return.push(tape.share(read));
        }
        // What reads one layer's outputs, one after the other, each begun by a norm.
        let begins = |tensor: &Parameter| (tensor.part, tensor.piece) == (Part::ProjectorNorm, Piece::Weight);
        let starts: Vec<usize> =
            (0..seen.tensors.projector.len()).filter(|at| begins(&seen.tensors.projector[*at])).collect();
        let last = starts.iter().rev().take(deep.len()).rev();
        let mergers: Vec<usize> = last.copied().collect();
        for (from, read) in mergers.iter().zip(deep) {
            let waits = self.through_projector(tape, seen, &seen.tensors.projector[*from..], read, true);
            until_return.push(waits);
        }
        let own = &seen.tensors.projector[..mergers.first().copied().unwrap_or(seen.tensors.projector.len())];
        self.through_projector(tape, seen, own, read, false)
    }

    /// One of them: a norm before or behind the gathering, and matrices with an activation between the last two.
    fn through_projector(
        &self,
        tape: &mut Tape,
        seen: &Seen,
        parameters: &[Parameter],
        read: Tensor,
        deep: bool,
    ) -> Tensor {
        let text = Dim { symbol: "n", size: seen.each().given };
        let (hidden, gathering) = (self.h(), seen.tower.gathering());
        let norm = parameters.iter().find(|it| it.part == Part::ProjectorNorm).map(|it| it.rows);
        // Llama 4's tower has two matrices of its own behind the gathering.
        let of_tower = seen.tensors.behind.iter().filter(|it| it.part == Part::ProjectorShuffle && !deep);
        let is_matrix = |it: &&Parameter| it.piece == Piece::Weight && it.role != Role::Norm;
        let matrices: Vec<&Parameter> = of_tower.chain(parameters.iter().filter(is_matrix)).collect();
        let mut stream = read;
        let before = norm == Some(hidden.size) && !deep && gathering != Gathering::Averaged;
        if before {
            stream = self.projector_norm(tape, stream, self.s(), hidden);
        }
        let width = match (gathering, matrices.first()) {
            (Gathering::SideBySide | Gathering::Shuffled, Some(first)) => Dim { symbol: "", size: first.columns },
            _ => hidden,
        };
        let factor = width.size / hidden.size.max(1);
        let shape = tape.shape(&[self.b(), text, width]);
        let gathered = match gathering {
            Gathering::Alone | Gathering::SideBySide if self.sequence == text.size.saturating_mul(factor) => {
                tape.view(stream, shape)
            }
            Gathering::Averaged => averaged(tape, stream, shape),
            // Without the class token they lie apart.
            Gathering::Alone | Gathering::SideBySide | Gathering::Shuffled => {
                copy(tape, stream, "tokens side by side", shape)
            }
        };
        tape.release(stream);
        stream = gathered;
        if norm.is_some() && !before {
            stream = self.projector_norm(tape, stream, text, width);
        }
        let biased = |part| parameters.iter().any(|it| (it.part, it.piece) == (part, Piece::Bias));
        for (index, matrix) in matrices.iter().enumerate() {
            let between = matrix.part == Part::ProjectorOut || index > 0 && seen.tower.kind == Kind::Llama4;
            if between {
                let activated = unary_keeping_input(tape, stream, "projector.activation");
                tape.release(stream);
                stream = activated;
            }
            stream = self.through_matrix(tape, stream, matrix, text, biased(matrix.part));
            // What follows reads another layer.
            if matrix.part == Part::ProjectorOut {
                break;
            }
        }
        stream
    }

    /// GLM-4.1V's: a convolution over neighbours, whose output the tower's result holds beside what is made of it, a matrix,
    /// a norm with an activation, and a gated network.
    fn through_network(&self, tape: &mut Tape, seen: &Seen, read: Tensor, until_return: &mut Vec<Tensor>) -> Tensor {
        let tensors = &seen.tensors.projector;
        let dim = |size| Dim { symbol: "", size };
        let tokens = Dim { symbol: "n", size: seen.each().given };
        let weight = |part| tensors.iter().find(|it| (it.part, it.piece) == (part, Piece::Weight));
        let sizes = |part| weight(part).map_or([dim(0); 2], |it| [dim(it.columns), dim(it.rows)]);
        let convolution = (Part::ProjectorConvolution, sizes(Part::ProjectorConvolution), true);
        let [_, width] = convolution.1;
        let apart = tape.view(read, read.shape);
        let made = self.through_kernels(tape, apart, convolution, tokens);
        tape.release_each([apart, read]);
        let through = |tape: &mut Tape, read, part: Part, name| {
            let [inputs, outputs] = sizes(part);
            let matrix = self.weights(tape, part, inputs, outputs, false);
            self.linear_over(tape, read, matrix, name, tokens)
        };
        let projected = through(tape, made, Part::ProjectorIn, "projector.in");
        until_return.push(made);
        let normed = self.projector_norm(tape, projected, tokens, width);
        let entering = unary_keeping_input(tape, normed, "projector.activation");
        tape.release(normed);
        let output = self.gated_network(tape, (entering, tokens), tensors);
        tape.release(entering);
        output
    }

    /// GOT-OCR 2's: two convolutions, each of which leaves every other token of a side, and a matrix over what lies token by
    /// token again. The tower's result holds what the first one reads.
    fn through_convolutions(
        &self,
        tape: &mut Tape,
        seen: &Seen,
        read: Tensor,
        until_return: &mut Vec<Tensor>,
    ) -> Tensor {
        let dim = |size| Dim { symbol: "", size };
        let [rows, columns] = seen.tower.sizes.grid();
        let mut tokens = Dim { symbol: "n", size: rows.saturating_mul(columns) };
        let mut sides = [rows, columns];
        until_return.push(tape.share(read));
        let mut stream = read;
        let convolutions = seen.tensors.projector.iter().filter(|it| it.part == Part::ProjectorConvolution);
        for convolution in convolutions {
            sides = sides.map(|side| side.div_ceil(2));
            tokens.size = sides[0].saturating_mul(sides[1]);
            let widths = [dim(convolution.columns), dim(convolution.rows)];
            let made = self.through_kernels(tape, stream, (Part::ProjectorConvolution, widths, false), tokens);
            tape.release(stream);
            stream = made;
        }
        let flat = copy(tape, stream, "tokens side by side", stream.shape);
        tape.release(stream);
        let Some(matrix) = seen.tensors.projector.iter().find(|it| it.part == Part::ProjectorIn) else { return flat };
        self.through_matrix(tape, flat, matrix, tokens, true)
    }

    /// All that the tower gives through one matrix.
    pub(super) fn through_one_matrix(&self, tape: &mut Tape, seen: &Seen, read: Tensor) -> Tensor {
        let parameters = &seen.tensors.projector;
        let Some(matrix) = parameters.iter().find(|it| it.piece == Piece::Weight) else { return read };
        let bias = parameters.iter().any(|it| it.piece == Piece::Bias);
        self.through_matrix(tape, read, matrix, Dim { symbol: "n", size: seen.given() }, bias)
    }

    fn through_matrix(&self, tape: &mut Tape, read: Tensor, it: &Parameter, text: Dim, bias: bool) -> Tensor {
        let dim = |size| Dim { symbol: "", size };
        // Gemma 3's bare matrix lies the other way round.
        let (inputs, outputs) = if it.role == Role::Table { (it.rows, it.columns) } else { (it.columns, it.rows) };
        let matrix = self.weights(tape, it.part, dim(inputs), dim(outputs), bias);
        let output = if it.role == Role::Table {
            self.product(tape, read, matrix, it.part.words(), text)
        } else {
            self.linear_over(tape, read, matrix, it.part.words(), text)
        };
        tape.release(read);
        output
    }

    fn projector_norm(&self, tape: &mut Tape, read: Tensor, tokens: Dim, width: Dim) -> Tensor {
        let normed = self.norm(tape, read, &[self.b(), tokens], width, names!("projector.norm"));
        tape.release(read);
        normed
    }
}

/// Averages over squares of tokens, of which a copy lies channel by channel and is kept.
fn averaged(tape: &mut Tape, read: Tensor, shape: u16) -> Tensor {
    let apart = copy(tape, read, "tokens channel by channel", read.shape);
    let pool = Operation { rule: Rule::Each, inputs: &[apart], keeps: &[apart], extras: &[], keeps_output: false };
    let averaged = tape.apply(&pool, "averaged tokens", shape, apart.dtype);
    tape.release(apart);
    averaged
}
