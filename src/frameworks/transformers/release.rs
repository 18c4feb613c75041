//! By what releases of Transformers differ in training, and how each builds a model.

use crate::families::code::{Earlier, LossCode, ScoreCode};
use crate::families::{Implementation, of_model};
use crate::frameworks::Job;
use crate::frameworks::switches::switches;
use crate::gpu::Gpu;
use crate::gpu::kernels::Kernels;
use crate::ledger::{Asked, EstimateError};
use crate::model::architecture::{Experts, FeedForward};
use crate::model::parameters::{BlockParameters, Role, Tensor};
use crate::model::part::Part;
use crate::scenario::{
    AdapterKind, Attention, Compile, InitLoraWeights, KernelLibrary, Loss, Method, Objective, Precision, Recompute,
    Train,
};
use crate::sequence::Warmup;

switches! {
    /// What differs between releases.
    Release {
        /// Whether families' modelling code is that of Transformers 4, where their rows say that it was another.
        code_of_4: bool,
        /// Whether a block warms the allocator up before weights come, as large as all of them but the head.
        warms_without_head: bool,
        /// Whether none does.
        warms_nothing: bool,
        /// Whether only layers of the class that asks for it are checkpoints.
        checkpoints_by_class: bool,
        /// Whether the loss shifts logits, in a copy of them.
        copies_logits: bool,
        /// Whether the model itself widens logits, and lets go of those in 16 bits.
        widens_in_model: bool,
        /// Whether fused attention is FlashAttention-2's own package.
        flash_package: bool,
        /// Whether PyTorch is one before 2.10: each thread that multiplies keeps a workspace of cuBLAS, and fused attention has
        /// its seeds on the host.
        keeps_workspaces: bool,
        /// Whether each expert is a module with linear layers, which bitsandbytes quantizes like any other and PEFT adapts.
        experts_apart: bool,
        /// Whether the angles of rotations are a product of matrices.
        angles_by_product: bool,
        /// Whether the frequencies of rotations as they were made are the tensor of those in use.
        shares_frequencies: bool,
        /// Whether positions are counted once, from where a cache ends, and each layer is given them, read or not.
        counts_positions_once: bool,
    }
}

impl Release {
    /// Whether fused attention is FlashAttention-2's in a run: it computes in 16 bits, and in fp32 PyTorch's own kernel does.
    fn runs_flash_package(self, train: &Train) -> bool {
        self.flash_package && train.precision != Precision::Fp32
    }

    /// The modelling code of a family in this release, run this way.
    pub(super) fn code(self, code: Implementation, train: &Train) -> Implementation {
        let earlier = if self.code_of_4 { code.earlier } else { Earlier::default() };
        let mut code = Implementation {
            experts_apart: self.experts_apart,
            angles_by_product: self.angles_by_product,
            shares_frequencies: self.shares_frequencies,
            counts_positions_once: self.counts_positions_once,
            never_checkpoints: self.checkpoints_by_class && earlier.never_checkpoints,
            widened_by_model: self.widens_in_model,
            flash_package: self.runs_flash_package(train),
            one_mask: self.copies_logits,
            seeds_on_host: self.keeps_workspaces,
            compiles: code.compiles && !self.code_of_4 && !self.flash_package,
            ..code
        };
        if earlier.scaled_by_number {
            code.embedding_scale_buffer = false;
            code.scales_late = true;
        }
        if earlier.attention_of_its_own {
            code.repeats_heads = !code.flash_package;
            code.frequencies_in_layers = true;
            code.one_mask = true;
        }
        if earlier.mask_in_layers {
            code.scores = ScoreCode::DividedThenChosen;
        }
        if self.copies_logits {
            code.loss = if earlier.narrow_loss { LossCode::Copied } else { LossCode::CopiedInFp32 };
        }
        if self.experts_apart {
            code.modules.router_last = false;
        }
        code
    }

    /// What of a run this release's kernels do not compute, and of models what is not known of it.
    pub(super) fn check(self, job: &Job<'_>) -> Result<(), EstimateError> {
        let train = &job.scenario.train;
        let experts = job.model.architecture.groups.iter().filter_map(|group| match &group.layer.feed_forward {
            FeedForward::Experts(experts) => Some(experts),
            _ => None,
        });
        if self.experts_apart && !experts.into_iter().all(is_plain) {
            return Err(job.not_covered(String::from("transformers, for experts of this kind")));
        }
        let not = |key, value: &str, covered: &str| {
            Err(EstimateError::NotCovered { key, value: value.to_owned(), covered: covered.to_owned() })
        };
        if self.code_of_4 {
            not_measured(train)?;
        }
        let own = of_model(job.model).earlier.eager_of_its_own;
        if self.copies_logits && own && train.attention == Attention::Eager {
            return not("train.attention", "eager", "flash, for this family in this version");
        }
        if self.runs_flash_package(train) && train.attention == Attention::Flash && train.padding {
            return not("train.padding", "true", "false, for attention of FlashAttention-2");
        }
        Ok(())
    }

    /// What warms the allocator up before weights come.
    pub(super) const fn warmup(self) -> Warmup {
        match (self.warms_nothing, self.warms_without_head) {
            (true, _) => Warmup::Nothing,
            (false, true) => Warmup::AllButTheHead,
            (false, false) => Warmup::All,
        }
    }

    /// Bytes of the workspaces that stand: one of the thread that runs forward, one of that which runs backward.
    pub(super) fn standing_workspaces(self, gpu: Option<&Gpu>) -> [u64; 2] {
        if self.keeps_workspaces { [Kernels::of(gpu).product; 2] } else { [0; 2] }
    }

    /// The kernels of this release's PyTorch on a card.
    pub(super) fn kernels(self, gpu: Option<&Gpu>) -> Kernels {
        let kernels = Kernels::of(gpu);
        Kernels { product: if self.keeps_workspaces { 0 } else { kernels.product }, ..kernels }
    }

    /// A model's tensors as this release builds it.
    pub(super) fn blocks(self, mut blocks: Vec<BlockParameters>, code: &Implementation) -> Vec<BlockParameters> {
        if self.experts_apart {
            for block in &mut blocks {
                block.tensors = apart(std::mem::take(&mut block.tensors), code.earlier.down_before_up);
            }
        }
        blocks
    }
}

/// What of a run is known of later releases alone.
fn not_measured(train: &Train) -> Result<(), EstimateError> {
    let recomputes = train.recompute == Recompute::Full;
    let every = !recomputes || train.recompute_every == 1;
    let matrices = matches!(train.adapter, AdapterKind::Lora | AdapterKind::Rslora);
    let (start, begins) =
        (train.init_lora_weights, train.method == Method::Full || train.init_lora_weights == InitLoraWeights::Default);
    let asked: [Asked<'_>; 8] = [
        (begins, "train.init_lora_weights", &start.word(), "default"),
        (train.objective == Objective::Lm, "train.objective", &train.objective.word(), "lm"),
        (train.loss != Loss::Trl, "train.loss", &train.loss.word(), "eager, chunked, fused"),
        (train.kernels == KernelLibrary::None, "train.kernels", &train.kernels.word(), "none"),
        (train.compile == Compile::None, "train.compile", &train.compile.word(), "none"),
        (every, "train.recompute_every", &train.recompute_every, "1"),
        (train.method == Method::Full || matrices, "train.adapter", &train.adapter.word(), "lora, rslora"),
        (!recomputes || !train.offload_activations, "train.offload_activations", &true, "false"),
    ];
    EstimateError::first_unknown(&asked, "in this version")
}

/// Whether experts are gated and chosen by one softmax over all of them.
const fn is_plain(experts: &Experts) -> bool {
    experts.gated
        && !experts.bias
        && !experts.correction_bias
        && !experts.looked_up
        && experts.groups == 1
        && experts.latent.is_none()
}

/// The tensors of a layer with those of its experts one by one: of each its matrices in the order of its class.
fn apart(tensors: Vec<Tensor>, down_before_up: bool) -> Vec<Tensor> {
    let of = |part: Part| tensors.iter().find(|tensor| tensor.part == part).cloned();
    let (Some(both), Some(down)) = (of(Part::ExpertsGateAndUp), of(Part::ExpertsDown)) else { return tensors };
    let Role::Experts { count, .. } = both.role else { return tensors };
    let one = |part, rows, columns| Tensor { part, rows, columns, role: Role::Linear, ..both.clone() };
    let gate = one(Part::ExpertGate, both.rows / count / 2, both.columns);
    let up = Tensor { part: Part::ExpertUp, ..gate.clone() };
    let down = one(Part::ExpertDown, down.rows / count, down.columns);
    let expert = if down_before_up { [gate, down, up] } else { [gate, up, down] };
    let mut built = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        match tensor.part {
            Part::Router => built.push(Tensor { part: Part::RouterModule, ..tensor }),
            Part::ExpertsGateAndUp => built.extend((0..count).flat_map(|_| expert.clone())),
            Part::ExpertsDown => {}
            _ => built.push(tensor),
        }
    }
    built
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::part::Piece;

    #[test]
    fn experts_apart_have_as_many_parameters_in_the_order_of_their_class() {
        let role = Role::Experts { count: 4, per_token: 2 };
        let tensor = |part, rows, columns, role| Tensor { part, piece: Piece::Weight, rows, columns, pieces: 1, role };
        let stacked = vec![
            tensor(Part::Router, 4, 16, Role::Linear),
            tensor(Part::ExpertsGateAndUp, 4 * 2 * 24, 16, role),
            tensor(Part::ExpertsDown, 4 * 16, 24, role),
        ];
        let count = |tensors: &[Tensor]| -> u64 { tensors.iter().map(|tensor| tensor.rows * tensor.columns).sum() };
        for (down_before_up, parts) in [
            (false, [Part::ExpertGate, Part::ExpertUp, Part::ExpertDown]),
            (true, [Part::ExpertGate, Part::ExpertDown, Part::ExpertUp]),
        ] {
            let built = apart(stacked.clone(), down_before_up);
            assert_eq!(count(&built), count(&stacked));
            assert_eq!(built[0].part, Part::RouterModule);
            assert_eq!(built[1..].len(), 12);
            for expert in built[1..].chunks(3) {
                assert_eq!([expert[0].part, expert[1].part, expert[2].part], parts);
            }
        }
    }
}
