//! Adapters on parameters that no linear layer has, those of routers and the stacked matrices of experts: PEFT folds them
//! into a copy of the whole for each pass.

use super::operations::{cast, fresh, join, kept_factors};
use super::{Linear, Run};
use crate::model::architecture::Experts;
use crate::model::part::{Part, Piece};
use crate::shape::Dim;
use crate::tape::{Operation, Rule, Tape, Tensor};

/// The adapter of a stack of matrices, in the type of the experts' own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Factors {
    /// `[E, out, r]`.
    left: Tensor,
    /// `[E, r, in]`.
    right: Tensor,
    /// The name of the stack with the adapter in it.
    folded: &'static str,
}

impl Factors {
    /// Both factors.
    pub(crate) const fn tensors(self) -> [Tensor; 2] {
        [self.left, self.right]
    }
}

impl Run<'_> {
    /// A router with its adapter in its matrix, where it has one, and what lasts until the router returns.
    pub(crate) fn folded_router(&self, tape: &mut Tape, router: Linear) -> (Linear, Vec<Tensor>) {
        let Some((adapters, names)) = self.adapters.and_then(|adapters| Some((adapters, adapters.names(router.part)?)))
        else {
            return (router, Vec::new());
        };
        let rank = Dim { symbol: "r", size: adapters.rank };
        let [down, up] = [[rank, router.inputs], [router.outputs, rank]].map(|dims| tape.shape(&dims));
        let down = tape.adapter(names.part.name(Piece::LoraA), down, adapters.dtype);
        let up = tape.adapter(names.part.name(Piece::LoraB), up, adapters.dtype);
        let factors = if self.autocast { [up, down].map(|factor| tape.cached_copy(factor)) } else { [up, down] };
        let (kept, count) = kept_factors(factors);
        let operation = Operation {
            rule: Rule::Product,
            inputs: &factors,
            keeps: &kept[..count],
            extras: &[],
            keeps_output: false,
        };
        let shape = router.weight.shape;
        let product = tape.apply(&operation, names.high, shape, factors[0].dtype);
        tape.product_workspace();
        if self.autocast {
            tape.release_each(factors);
        }
        let scaled = fresh(tape, product, names.high, shape);
        tape.release(product);
        let added = cast(tape, scaled, self.weights, names.high);
        tape.release(scaled);
        // To register a parametrization is to try it once.
        let tried = tape.constant(names.sum, shape, self.weights);
        tape.release(tried);
        let weight = join(tape, [router.weight, added], names.folded, shape);
        (Linear { weight, ..router }, vec![weight, added])
    }

    /// The adapter of a stack of matrices by expert, where it has one.
    pub(crate) fn expert_factors(
        &self,
        tape: &mut Tape,
        stack: Part,
        experts: &Experts,
        [outputs, inputs]: [Dim; 2],
    ) -> Option<Factors> {
        let adapters = self.adapters?;
        let names = adapters.names(stack)?;
        let each = Dim { symbol: "E", size: experts.count };
        let rank = Dim { symbol: "r", size: adapters.rank_of(names) };
        let ranks = Dim { symbol: "(E·r)", size: experts.count.saturating_mul(rank.size) };
        let [down, up] = [[ranks, inputs], [outputs, ranks]].map(|dims| tape.shape(&dims));
        let down = tape.adapter(names.part.name(Piece::LoraA), down, adapters.dtype);
        let up = tape.adapter(names.part.name(Piece::LoraB), up, adapters.dtype);
        let [left, right, whole] =
            [[each, outputs, rank], [each, rank, inputs], [each, outputs, inputs]].map(|dims| tape.shape(&dims));
        let left = tape.view_with_new_gradient(up, left);
        let right = tape.view(down, right);
        let left = cast(tape, left, self.weights, names.part.name(Piece::LoraB));
        let right = cast(tape, right, self.weights, names.part.name(Piece::LoraA));
        if adapters.dtype != self.weights {
            for factor in [left, right] {
                tape.count_as_weight_copy(factor);
            }
        }
        // To register a parametrization is to try it once.
        let tried = tape.constant(names.sum, whole, self.weights);
        tape.release(tried);
        Some(Factors { left, right, folded: names.folded })
    }

    /// A stack of matrices by expert, with its adapter folded in where it has one.
    pub(crate) fn expert_matrix(
        &self,
        tape: &mut Tape,
        name: &'static str,
        shape: u16,
        factors: Option<Factors>,
    ) -> Tensor {
        let matrix = tape.parameter(name, shape, self.weights);
        let Some(Factors { left, right, folded }) = factors else { return matrix };
        let operation = Operation {
            rule: Rule::Fold,
            inputs: &[matrix, left, right],
            keeps: &[left, right],
            extras: &[],
            keeps_output: false,
        };
        let sum = tape.apply(&operation, folded, shape, self.weights);
        tape.product_workspace();
        sum
    }
}
