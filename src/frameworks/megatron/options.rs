//! What of `[train]` and `[megatron]` is covered, and what it comes to.

use super::Job;
use crate::gpu::{Generation, Gpu};
use crate::ledger::{Asked, EstimateError};
use crate::scenario::parameter::nearest;
use crate::scenario::{
    Attention, AttentionBackend, Compile, KernelLibrary, LoadBalancing, Loss, Megatron, Method, Objective, Optimizer,
    OptimizerImplementation, Precision, Recompute, RecomputeMethod, Train, TransformerImpl,
};

/// Which kernel computes attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attends {
    /// cuDNN's.
    CuDnn,
    /// FlashAttention's.
    Flash,
    /// None: scores are tensors.
    Unfused,
}

/// What is recomputed in backward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recomputed {
    /// Whole layers.
    Layers(RecomputeMethod, u64),
    /// These modules, where any.
    Modules(Modules),
}

/// Modules that selective recomputation leaves out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "which of them are recomputed")]
pub(super) struct Modules {
    pub(super) core_attention: bool,
    pub(super) norms: bool,
    pub(super) latent_up: bool,
    pub(super) mlp: bool,
    pub(super) experts_activation: bool,
}

/// Modules whose inputs wait on the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "which of them are offloaded")]
pub(super) struct Offloaded {
    pub(super) attention_norm: bool,
    pub(super) qkv: bool,
    pub(super) core_attention: bool,
    pub(super) projection: bool,
    pub(super) mlp_norm: bool,
    pub(super) experts_up: bool,
    pub(super) experts_activation: bool,
}

/// What was asked for, checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    pub(super) engine: bool,
    pub(super) attends: Attends,
    pub(super) recomputed: Recomputed,
    pub(super) offloaded: Offloaded,
    /// The most tokens of an expert, in percent of its equal share.
    pub(super) capacity_percent: Option<u64>,
    /// Whether tokens come to experts in equal shares.
    pub(super) balanced: bool,
    /// Whether what is added to the stream, and attention's weights, are dropped at random.
    pub(super) dropout: Dropout,
}

/// Which dropouts keep a mask.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dropout {
    pub(super) hidden: bool,
    pub(super) attention: bool,
}

/// What a job asks for.
///
/// # Errors
/// The first value that no rule covers, or that contradicts another.
pub(super) fn of(job: &Job<'_>) -> Result<Options, EstimateError> {
    let (train, megatron) = (&job.scenario.train, &job.scenario.megatron);
    check(train)?;
    let own = job.model.architecture.dropout;
    let dropped = |own: f64| train.dropout.unwrap_or(own) > 0.0;
    Ok(Options {
        engine: megatron.transformer_impl == TransformerImpl::TransformerEngine,
        attends: attends(train, megatron, job.gpu),
        recomputed: recomputed(train, megatron)?,
        offloaded: offloaded(megatron)?,
        capacity_percent: capacity(megatron)?,
        balanced: megatron.moe_router_force_load_balancing
            || megatron.moe_router_load_balancing_type == LoadBalancing::Sinkhorn,
        dropout: Dropout { hidden: dropped(own.hidden), attention: dropped(own.attention) },
    })
}

/// An error for the first value of `[train]` that Megatron has no option for, or that is not known.
fn check(train: &Train) -> Result<(), EstimateError> {
    let fused = train.optimizer_implementation == OptimizerImplementation::Fused;
    let optimizers = matches!(train.optimizer, Optimizer::Adamw | Optimizer::Muon);
    let steps = train.gradient_accumulation_steps;
    let words = train.objective == Objective::Lm;
    let precision = train.precision;
    let muon = train.optimizer != Optimizer::Muon || precision == Precision::Bf16Master;
    let layers = train.recompute_layers.filter(|_| train.recompute == Recompute::Full);
    let asked: [Asked<'_>; 20] = [
        (train.method == Method::Full, "train.method", &train.method.word(), "full"),
        (words, "train.objective", &train.objective.word(), "lm"),
        (precision.has_master(), "train.precision", &precision.word(), "bf16-master, fp16-master, fp8-master"),
        (optimizers, "train.optimizer", &train.optimizer.word(), "adamw, muon"),
        (muon, "train.precision", &precision.word(), "bf16-master, with muon"),
        (fused, "train.optimizer_implementation", &train.optimizer_implementation.word(), "fused"),
        (steps == 1, "train.gradient_accumulation_steps", &steps, "1; parallel.micro_batches says how many a step has"),
        (train.loss == Loss::Eager, "train.loss", &train.loss.word(), "eager; see megatron.cross_entropy_loss_fusion"),
        (train.kernels == KernelLibrary::None, "train.kernels", &train.kernels.word(), "none"),
        (train.compile == Compile::None, "train.compile", &train.compile.word(), "none"),
        (layers.is_none(), "train.recompute_layers", &layers.unwrap_or(0), "all; see megatron.recompute_num_layers"),
        (train.recompute_every == 1, "train.recompute_every", &train.recompute_every, "1"),
        (!train.padding, "train.padding", &true, "false"),
        (!train.keep_outputs, "train.keep_outputs", &true, "false"),
        (!train.keep_gradients, "train.keep_gradients", &true, "false: they stand in a buffer in any case"),
        (!train.offload_activations, "train.offload_activations", &true, "false; see megatron.offload_modules"),
        (!train.offload_optimizer, "train.offload_optimizer", &true, "false"),
        (!train.step_in_backward, "train.step_in_backward", &true, "false"),
        (train.images == 0, "train.images", &train.images, "0"),
        (train.gradient_dtype.is_none(), "train.gradient_dtype", &"set", "unset; see megatron.grad_reduce_in_bf16"),
    ];
    EstimateError::first_unknown(&asked, "under megatron")
}

fn attends(train: &Train, megatron: &Megatron, gpu: Option<&Gpu>) -> Attends {
    if megatron.transformer_impl == TransformerImpl::Local {
        return Attends::Unfused;
    }
    match megatron.attention_backend {
        AttentionBackend::Unfused => Attends::Unfused,
        AttentionBackend::Fused => Attends::CuDnn,
        AttentionBackend::Flash => Attends::Flash,
        AttentionBackend::Auto if train.attention == Attention::Eager => Attends::Unfused,
        AttentionBackend::Auto => {
            let generation = gpu.and_then(Gpu::generation);
            if generation.is_none_or(|it| it == Generation::Hopper) { Attends::CuDnn } else { Attends::Flash }
        }
    }
}

fn recomputed(train: &Train, megatron: &Megatron) -> Result<Recomputed, EstimateError> {
    Ok(match train.recompute {
        Recompute::None => Recomputed::Modules(Modules::default()),
        Recompute::Full => Recomputed::Layers(megatron.recompute_method, megatron.recompute_num_layers),
        Recompute::Selective => {
            let key = "megatron.recompute_modules";
            Recomputed::Modules(switched(key, &megatron.recompute_modules, &MODULES)?)
        }
    })
}

/// Words of a list, and what each of them switches on.
type Words<T, const N: usize> = [(&'static str, fn(&mut T) -> &mut bool); N];

const MODULES: Words<Modules, 5> = [
    ("core_attn", |modules| &mut modules.core_attention),
    ("layernorm", |modules| &mut modules.norms),
    ("mla_up_proj", |modules| &mut modules.latent_up),
    ("mlp", |modules| &mut modules.mlp),
    ("moe_act", |modules| &mut modules.experts_activation),
];

const OFFLOADS: Words<Offloaded, 7> = [
    ("attn_norm", |offloaded| &mut offloaded.attention_norm),
    ("qkv_linear", |offloaded| &mut offloaded.qkv),
    ("core_attn", |offloaded| &mut offloaded.core_attention),
    ("attn_proj", |offloaded| &mut offloaded.projection),
    ("mlp_norm", |offloaded| &mut offloaded.mlp_norm),
    ("expert_fc1", |offloaded| &mut offloaded.experts_up),
    ("moe_act", |offloaded| &mut offloaded.experts_activation),
];

/// What a list switches on, each of whose words is to be one that is known.
fn switched<T: Default, const N: usize>(
    key: &'static str,
    words: &[String],
    known: &Words<T, N>,
) -> Result<T, EstimateError> {
    let mut switches = T::default();
    for word in words.iter().filter(|word| !word.is_empty()) {
        let Some((_, switch)) = known.iter().find(|(known, _)| known == word) else {
            let known = known.map(|(known, _)| known);
            let near = nearest(word, known);
            let near = near.map_or_else(String::new, |near| format!("; the nearest is {near}"));
            let covered = format!("{}{near}", known.join(", "));
            return Err(EstimateError::NotCovered { key, value: word.clone(), covered });
        };
        *switch(&mut switches) = true;
    }
    Ok(switches)
}

fn offloaded(megatron: &Megatron) -> Result<Offloaded, EstimateError> {
    if !megatron.fine_grained_activation_offloading {
        return Ok(Offloaded::default());
    }
    switched("megatron.offload_modules", &megatron.offload_modules, &OFFLOADS)
}

/// The most tokens of an expert, in percent of its equal share.
fn capacity(megatron: &Megatron) -> Result<Option<u64>, EstimateError> {
    const KEY: &str = "megatron.moe_expert_capacity_factor";
    let factor = megatron.moe_expert_capacity_factor.trim();
    if factor.is_empty() {
        return Ok(None);
    }
    let (whole, fraction) = factor.split_once('.').unwrap_or((factor, ""));
    let digits = format!("{whole}{fraction:0<2}");
    let percent = digits.parse::<u64>().ok().filter(|percent| fraction.len() <= 2 && (1..=10_000).contains(percent));
    let Some(percent) = percent else {
        let problem = format!("`{factor}` is not a factor from 0.01 to 100 such as 1.25");
        return Err(EstimateError::Invalid { key: KEY, problem });
    };
    Ok(Some(percent))
}
