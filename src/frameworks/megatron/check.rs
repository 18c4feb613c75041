//! Which models Megatron-Core builds, and on which layouts.

use super::{Job, letters};
use crate::ledger::{Asked, EstimateError};
use crate::model::architecture::{
    Activation, Attention, Experts, FeedForward, KeyValues, Layer, LayerVariant, Mixer, Mlp,
};
use crate::model::family::{Placement, PositionKind, QkNorm};
use crate::model::recurrent::Recurrent;
use crate::model::{Architecture, Output};
use crate::parallel::Layout;
use crate::parallel::layout::nearest_words;
use crate::scenario::{Optimizer, Precision};

/// An error for the first part of a model that no layer of Megatron-Core has, or whose memory is not known.
pub(super) fn model(job: &Job<'_>) -> Result<(), EstimateError> {
    let architecture = &job.model.architecture;
    let part = outside(architecture).or_else(|| architecture.groups.iter().find_map(|group| of_layer(&group.layer)));
    match part {
        None => letters::check(job.model, &job.scenario.megatron),
        Some(part) => {
            Err(job.not_covered(format!("transformers, for {}: under megatron {part} are not", job.model.id)))
        }
    }
}

/// What a model has outside its layers that is not covered.
fn outside(architecture: &Architecture) -> Option<&'static str> {
    let beside = architecture.per_layer_inputs.is_some()
        || architecture.streams.is_some()
        || architecture.mixed_streams.is_some()
        || architecture.kept_blocks.is_some();
    let parts = [
        (architecture.encoder.is_some() || architecture.seq2seq.is_some(), "encoders"),
        (architecture.image.is_some() || architecture.tower.is_some(), "images and sounds"),
        (architecture.output != Output::Own, "heads other than over the vocabulary"),
        (beside, "further streams beside the residual one"),
        (architecture.embedding_norm.is_some(), "norms after the embedding"),
        (architecture.embedding_size != architecture.hidden_size, "embeddings of another width"),
        (architecture.final_norm.is_none(), "models without a final norm"),
        (architecture.logits_softcap, "soft caps"),
        (matches!(architecture.positions, PositionKind::Alibi | PositionKind::Relative), "biases by distance"),
    ];
    parts.into_iter().find(|(has, _)| *has).map(|(_, part)| part)
}

fn of_layer(layer: &Layer) -> Option<&'static str> {
    if layer.placement != Placement::Pre {
        return Some("norms elsewhere than before each half of a layer");
    }
    if layer.variant != LayerVariant::default() {
        return Some("parts beside the two halves of a layer");
    }
    let mixer = match &layer.mixer {
        Mixer::Attention(attention) => of_attention(attention),
        Mixer::Recurrent(Recurrent::Mamba2(_)) | Mixer::None => None,
        Mixer::Recurrent(_) => Some("recurrent mixers other than Mamba-2"),
        Mixer::Both(..) => Some("attention and recurrence side by side"),
        Mixer::Linear => Some("matrices in the place of attention"),
    };
    mixer.or_else(|| match &layer.feed_forward {
        FeedForward::Dense(mlp) => of_mlp(mlp),
        FeedForward::Experts(experts) => of_experts(experts),
        FeedForward::Linear => Some("single matrices as feed-forward networks"),
        FeedForward::None => None,
    })
}

fn of_attention(attention: &Attention) -> Option<&'static str> {
    let variant = attention.variant;
    let normed = matches!(attention.qk_norm, QkNorm::None | QkNorm::PerHead);
    let parts = [
        (!normed, "norms over all heads of queries and keys"),
        (attention.softcap, "soft caps"),
        (attention.gate || variant.head_gate, "gates of attention"),
        (variant.key_values != KeyValues::Own, "shared keys and values"),
        (variant.indexer.is_some() || variant.compressed.is_some(), "indexers and compressed attention"),
        (variant.value_head_dim.is_some() && attention.latent.is_none(), "values of another width than keys"),
    ];
    parts.into_iter().find(|(has, _)| *has).map(|(_, part)| part)
}

fn of_mlp(mlp: &Mlp) -> Option<&'static str> {
    matches!(mlp.activation, Activation::Xielu | Activation::Situ).then_some("activations with weights of their own")
}

fn of_experts(experts: &Experts) -> Option<&'static str> {
    let parts = [
        (experts.looked_up, "experts that a table chooses"),
        (experts.latent_norm, "norms behind the experts"),
        (experts.activation == Activation::Situ, "activations with weights of their own"),
    ];
    let beside = experts.shared.as_ref().and_then(|shared| of_mlp(&shared.mlp));
    parts.into_iter().find(|(has, _)| *has).map(|(_, part)| part).or(beside)
}

/// An error where a pipeline has more stages or pieces than any real one, each of which is looked at by itself.
pub(super) fn pipeline(layout: &Layout) -> Result<(), EstimateError> {
    const MOST_STAGES: u64 = 1 << 10;
    const MOST_PIECES: u64 = 1 << 14;
    let (stages, pieces) = (layout.pipeline, layout.pipeline.saturating_mul(layout.virtual_pipeline));
    if stages > MOST_STAGES {
        return invalid("parallel.pipeline", format!("{stages} stages; at most {MOST_STAGES} are covered"));
    }
    if pieces > MOST_PIECES {
        let problem = format!("{pieces} pieces on {stages} stages; at most {MOST_PIECES} are covered");
        return invalid("parallel.virtual_pipeline", problem);
    }
    Ok(())
}

/// An error where a layout and a model, or two sizes of a layout, do not go together.
pub(super) fn layout(job: &Job<'_>, layout: &Layout, pieces: usize) -> Result<(), EstimateError> {
    let architecture = &job.model.architecture;
    for group in &architecture.groups {
        divides(&group.layer, layout)?;
    }
    experts(architecture, layout)?;
    tokens(job, layout)?;
    schedule(job, layout, pieces as u64)?;
    instances(job, layout)
}

fn invalid<T>(key: &'static str, problem: String) -> Result<T, EstimateError> {
    Err(EstimateError::Invalid { key, problem })
}

/// An error where so many ranks do not divide what they are to share.
fn shared(key: &'static str, size: u64, of: u64, what: &str) -> Result<(), EstimateError> {
    if of.is_multiple_of(size) {
        return Ok(());
    }
    invalid(key, format!("{size} ranks do not divide {of} {what}; {}", nearest_words(of, size)))
}

/// Whether tensor parallelism divides heads and channels of a layer.
fn divides(layer: &Layer, layout: &Layout) -> Result<(), EstimateError> {
    const KEY: &str = "parallel.tensor";
    let tensor = layout.tensor;
    if let Some(attention) = layer.attention() {
        shared(KEY, tensor, attention.heads, "heads")?;
        shared(KEY, tensor, attention.kv_heads, "heads of keys and values")?;
    }
    if let Some(Recurrent::Mamba2(mamba)) = layer.recurrent() {
        shared(KEY, tensor, mamba.heads, "heads of Mamba")?;
        shared(KEY, tensor, mamba.groups, "groups of Mamba's heads")?;
    }
    match &layer.feed_forward {
        FeedForward::Dense(mlp) => shared(KEY, tensor, mlp.intermediate_size, "channels of a feed-forward network"),
        FeedForward::Experts(experts) => {
            if let Some(beside) = &experts.shared {
                shared(KEY, tensor, beside.mlp.intermediate_size, "channels of the shared expert")?;
            }
            let of_expert = "channels of an expert";
            shared("parallel.expert_tensor", layout.expert_tensor, experts.intermediate_size, of_expert)?;
            shared("parallel.expert", layout.expert, experts.count, "experts")
        }
        FeedForward::Linear | FeedForward::None => Ok(()),
    }
}

/// Groups of experts need experts; and tokens that are divided among ranks that share matrices.
fn experts(architecture: &Architecture, layout: &Layout) -> Result<(), EstimateError> {
    if !architecture.has_experts() {
        return match layout.expert {
            1 => Ok(()),
            size => invalid("parallel.expert", format!("{size}, but the model has no experts; it would be 1")),
        };
    }
    if layout.tensor > 1 && !layout.sequence {
        let problem = "false, but Megatron trains experts beside tensor parallelism with sequence parallelism only; it \
                       would be true";
        return invalid("parallel.sequence", problem.to_owned());
    }
    Ok(())
}

/// Whether tokens can be divided.
fn tokens(job: &Job<'_>, layout: &Layout) -> Result<(), EstimateError> {
    const KEY: &str = "train.sequence_length";
    let length = job.scenario.train.sequence_length;
    // A rank has one part from the front and one from the back, so that all have as much to attend to.
    let parts = if layout.context > 1 { 2 * layout.context } else { 1 };
    let ranks = if layout.sequence { layout.tensor } else { 1 };
    let multiple = parts.saturating_mul(ranks);
    if length.is_multiple_of(multiple) {
        return Ok(());
    }
    let (below, above) = (length / multiple * multiple, length.div_ceil(multiple).saturating_mul(multiple));
    let nearest = if below > 0 { format!("{below} and {above}") } else { above.to_string() };
    let of_context = format!("two parts on each of {} context-parallel ranks", layout.context);
    let of_tensor = format!("{ranks} tensor-parallel ranks");
    let why = match (parts > 1, ranks > 1) {
        (true, true) => format!("{of_context} and {of_tensor}"),
        (true, false) => of_context,
        _ => of_tensor,
    };
    invalid(KEY, format!("{length} tokens, which {why} do not divide; the nearest are {nearest}"))
}

/// Whether the pipeline's schedule can be run.
fn schedule(job: &Job<'_>, layout: &Layout, pieces: u64) -> Result<(), EstimateError> {
    const LONGEST_TURN: u64 = 1 << 12;
    let (stages, megatron) = (layout.pipeline, &job.scenario.megatron);
    let overlaps = megatron.overlap_moe_expert_parallel_comm;
    if overlaps && layout.expert < 2 {
        let problem = "true, but all experts are on every rank: it needs parallel.expert = 2 or more";
        return invalid("megatron.overlap_moe_expert_parallel_comm", problem.to_owned());
    }
    if megatron.defer_embedding_wgrad_compute && (stages < 2 || !megatron.gradient_accumulation_fusion) {
        let problem = "true, which needs a pipeline (parallel.pipeline = 2 or more) and \
                       megatron.gradient_accumulation_fusion";
        return invalid("megatron.defer_embedding_wgrad_compute", problem.to_owned());
    }
    if overlaps && stages > 1 && pieces < 2 {
        let problem = "true, which in a pipeline needs several pieces on each stage: parallel.virtual_pipeline = 2 or \
                       more";
        return invalid("megatron.overlap_moe_expert_parallel_comm", problem.to_owned());
    }
    if pieces < 2 {
        return Ok(());
    }
    if stages < 2 {
        let problem = format!("{pieces} pieces on each stage need a pipeline: parallel.pipeline = 2 or more");
        return invalid("parallel.virtual_pipeline", problem);
    }
    let micro_batches = job.scenario.parallel.micro_batches;
    let group = megatron.micro_batch_group(stages);
    if group < stages {
        let key = "megatron.microbatch_group_size_per_virtual_pipeline_stage";
        return invalid(key, format!("{group}, but as many as the {stages} stages are needed"));
    }
    if group.saturating_mul(pieces) > LONGEST_TURN {
        let key = "megatron.microbatch_group_size_per_virtual_pipeline_stage";
        let problem = format!("{group} through {pieces} pieces; at most {LONGEST_TURN} in all are covered");
        return invalid(key, problem);
    }
    let rest = micro_batches % group;
    if rest > 0 && rest < stages {
        let (below, above) = (micro_batches - rest, micro_batches - rest + group);
        let nearest = if below > 0 { format!("{below} and {above}") } else { above.to_string() };
        let problem = format!(
            "{micro_batches}: of groups of {group} the last has {rest}, fewer than the {stages} stages; the nearest are \
             {nearest}"
        );
        return invalid("parallel.micro_batches", problem);
    }
    Ok(())
}

/// Whether copies of the optimizer's states can be divided among replicas.
fn instances(job: &Job<'_>, layout: &Layout) -> Result<(), EstimateError> {
    const KEY: &str = "megatron.num_distributed_optimizer_instances";
    if layout.zero == 2 {
        let covered = String::from("0, 1 (the distributed optimizer), 3 (Megatron-FSDP), under megatron");
        return Err(EstimateError::NotCovered { key: "parallel.zero", value: layout.zero.to_string(), covered });
    }
    let precision = job.scenario.train.precision;
    let asked: [Asked<'_>; 3] = [
        (layout.pipeline == 1, "parallel.pipeline", &layout.pipeline, "1"),
        (precision == Precision::Bf16Master, "train.precision", &precision.word(), "bf16-master"),
        (job.scenario.train.optimizer == Optimizer::Adamw, "train.optimizer", &"muon", "adamw"),
    ];
    if layout.zero == 3 {
        EstimateError::first_unknown(&asked, "under Megatron-FSDP (parallel.zero = 3)")?;
    }
    let instances = job.scenario.megatron.num_distributed_optimizer_instances;
    let replicas = layout.data * layout.context;
    if layout.zero == 0 || replicas.is_multiple_of(instances) {
        return Ok(());
    }
    let nearest = nearest_words(replicas, instances);
    invalid(KEY, format!("{instances} copies of the states do not divide {replicas} replicas; {nearest}"))
}
