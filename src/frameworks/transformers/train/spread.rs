//! A step of the Trainer over several GPUs: what each has of weights and states, and in which types.

use crate::ledger::{Asked, EstimateError};
use crate::model::{Model, Output};
use crate::parallel::Layout;
use crate::parallel::wrapper::{Types, Wrapping};
use crate::scenario::{
    BaseWeights, Compile, Loss, Method, Objective, Optimizer, Parallel, Precision, ReduceDtype, Reference, Scenario,
    Strategy, Train, Wrap,
};
use crate::states::shard::Shards;
use crate::tape::Dtype;

/// How a step is spread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread<'a> {
    /// By what.
    pub(super) parallel: &'a Parallel,
    /// Over which GPUs.
    pub(super) layout: Layout,
    train: &'a Train,
    /// The type of adapters as PEFT makes them; that of the model's weights where there are none.
    adapters: Dtype,
}

impl<'a> Spread<'a> {
    /// That of a run; nothing on one GPU.
    pub(super) fn of(scenario: &'a Scenario, model: &Model, adapters: Dtype) -> Result<Option<Self>, EstimateError> {
        if scenario.gpus == 1 {
            return Ok(None);
        }
        let layout = Layout::of(scenario)?;
        check(model, scenario)?;
        // GPUs that all divide the same matrices are one replica.
        if layout.tensor > 1 && layout.data == 1 {
            return Ok(None);
        }
        Ok(Some(Self { parallel: &scenario.parallel, layout, train: &scenario.train, adapters }))
    }

    /// By what.
    pub(super) const fn strategy(&self) -> Strategy {
        self.parallel.strategy
    }

    /// Whether a wrapper gathers weights in 16 bits whatever the type of its shards: `bf16=True` under FSDP.
    const fn mixes(&self) -> bool {
        matches!(self.train.precision, Precision::Bf16Mixed | Precision::Bf16Autocast)
    }

    /// The types of the model's own parameters, and of adapters.
    pub(super) fn types(&self) -> [Types; 2] {
        let loaded = if self.train.precision.narrow_weights() { Dtype::Bf16 } else { Dtype::Fp32 };
        let reduce = |usual| match self.parallel.reduce_dtype {
            None => usual,
            Some(ReduceDtype::Fp32) => Dtype::Fp32,
            Some(ReduceDtype::Bf16) => Dtype::Bf16,
        };
        let alike = |dtype| Types { stored: dtype, compute: dtype, reduce: reduce(dtype) };
        if self.strategy() == Strategy::Deepspeed {
            // Its optimizer has the copies in fp32. ZeRO-3 leaves adapters as they are.
            let adapters = if self.layout.zero == 3 { self.adapters } else { Dtype::Bf16 };
            return [alike(Dtype::Bf16), alike(adapters)];
        }
        if !self.mixes() {
            return [alike(loaded), alike(self.adapters)];
        }
        // What is trained is widened before it is divided; what is frozen stays as it was loaded.
        let mixed = |stored| Types { stored, compute: Dtype::Bf16, reduce: reduce(Dtype::Bf16) };
        match self.train.method {
            Method::Full => [mixed(Dtype::Fp32); 2],
            Method::Lora | Method::Qlora => [mixed(loaded), mixed(Dtype::Fp32)],
        }
    }

    /// How GPUs divide weights, and how the optimizer's states.
    pub(super) const fn shards(&self) -> [Shards; 2] {
        let ways = self.layout.shard;
        match self.parallel.strategy {
            Strategy::Ddp => [Shards::Whole; 2],
            Strategy::Fsdp1 | Strategy::Fsdp2 if self.offloads() => [Shards::OnHost; 2],
            Strategy::Fsdp2 => [Shards::Rows(ways); 2],
            Strategy::Fsdp1 => [Shards::Flat(ways); 2],
            Strategy::Deepspeed if self.layout.zero == 3 && self.offloads() => [Shards::OnHost, Shards::Flat(ways)],
            Strategy::Deepspeed if self.layout.zero == 3 => [Shards::Flat(ways); 2],
            Strategy::Deepspeed => [Shards::Whole, Shards::Flat(ways)],
        }
    }

    /// Whether FSDP1 gathers the layer that goes back next before one goes back.
    pub(super) const fn prefetches(&self) -> bool {
        self.parallel.backward_prefetch && self.layout.zero == 3
    }

    /// What is gathered together.
    pub(super) fn wrap(&self) -> Wrap {
        if self.strategy() == Strategy::Fsdp2 { self.parallel.wrap } else { Wrap::Layers }
    }

    /// The type in which adapters compute: under FSDP1 each casts what it reads by itself, as autocast would.
    pub(super) fn adapters(&self) -> Dtype {
        let [_, Types { stored, compute, .. }] = self.types();
        if self.strategy() == Strategy::Fsdp1 { stored } else { compute }
    }

    /// Whether a step so spread was measured: not with TRL's head, which reads its weight beside the modules that are wrapped.
    pub(super) fn is_measured(&self) -> bool {
        self.strategy() == Strategy::Ddp || self.train.loss != Loss::Trl
    }

    /// Whether gradients stand in buckets, or only until they have been reduced.
    pub(super) fn holds_gradients(&self) -> bool {
        self.strategy() != Strategy::Ddp || self.parallel.gradient_as_bucket_view
    }

    /// Whether FSDP has the optimizer's states in host memory with the weights.
    pub(super) fn offloads_states(&self) -> bool {
        self.offloads() && self.strategy() != Strategy::Deepspeed
    }

    /// Whether weights wait in host memory.
    pub(super) const fn offloads(&self) -> bool {
        self.parallel.offload_params
    }

    /// How FSDP wraps a model.
    pub(super) fn wrapping(&self) -> Wrapping {
        let [own, adapters] = self.types();
        Wrapping {
            own,
            adapters,
            reshards: self.layout.zero == 3,
            adapts: self.train.method != Method::Full,
            accumulates: self.train.gradient_accumulation_steps > 1,
            offloads: self.offloads(),
        }
    }
}

/// An error where it is not known what a step keeps that is spread over several GPUs.
fn check(model: &Model, scenario: &Scenario) -> Result<(), EstimateError> {
    let (train, architecture) = (&scenario.train, &model.architecture);
    let strategy = scenario.parallel.strategy;
    let plain = architecture.output == Output::Own
        && architecture.encoder.is_none()
        && architecture.seq2seq.is_none()
        && architecture.image.is_none()
        && architecture.tower.is_none();
    if !plain {
        let covered = String::from("1, for a model that is no decoder of words alone");
        return Err(EstimateError::NotCovered { key: "gpus", value: scenario.gpus.to_string(), covered });
    }
    let elementwise = matches!(train.optimizer, Optimizer::Adamw | Optimizer::Sgd | Optimizer::SgdMomentum);
    let precise =
        matches!(train.precision, Precision::Bf16 | Precision::Fp32 | Precision::Bf16Mixed | Precision::Bf16Autocast);
    let words = matches!(train.objective, Objective::Lm | Objective::Sft);
    // Units of FSDP have codes stored as numbers of 16 bits; nothing else was measured that divides them.
    let of_four_bits = matches!(train.base_weights, BaseWeights::Nf4 | BaseWeights::Fp4);
    let packs =
        matches!(strategy, Strategy::Fsdp1 | Strategy::Fsdp2) && of_four_bits && !scenario.parallel.offload_params;
    let asked: [Asked<'_>; 8] = [
        (
            train.method != Method::Qlora || strategy == Strategy::Ddp || packs,
            "train.method",
            &train.method.word(),
            "full, lora, and qlora in 4 bits under fsdp1 and fsdp2 without offloading, and under ddp",
        ),
        (precise, "train.precision", &train.precision.word(), "fp32, bf16, bf16-autocast, bf16-mixed"),
        (words, "train.objective", &train.objective.word(), "lm, sft"),
        (train.reference == Reference::None, "train.reference", &train.reference.word(), "none"),
        (elementwise, "train.optimizer", &train.optimizer.word(), "adamw, sgd, sgd-momentum"),
        (train.compile == Compile::None, "train.compile", &train.compile.word(), "none"),
        (!train.step_in_backward, "train.step_in_backward", &train.step_in_backward, "false"),
        (!train.keep_gradients, "train.keep_gradients", &train.keep_gradients, "false"),
    ];
    EstimateError::first_unknown(&asked, "on several GPUs")
}
