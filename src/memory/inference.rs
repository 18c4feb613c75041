//! Serving with Transformers on one GPU: weights, the cache, and what one forward pass needs beside them.

mod cache;
mod compressed;
mod encoded;
mod rebuilt;
mod stored;

use super::EstimateError;
use super::activations::Run;
use super::entry::{Alive, Entry};
use super::gather::gather;
use super::instant::Instant;
use super::ledger::Ledger;
use super::runtime::Process;
use super::timeline::Timeline;
use super::{recorded, recurrent, weights};
use crate::framework::transformers::SOURCE;
use crate::framework::{Profile, Serving, of_model};
use crate::gpu::Gpu;
use crate::model::Model;
use crate::scenario::{Loss, Scenario};
use crate::units::Bits;
use cache::Cache;
use stored::Stored;

/// The ledger of serving on one GPU.
pub(super) fn ledger(model: &Model, scenario: &Scenario, gpu: Option<&Gpu>) -> Result<Ledger, EstimateError> {
    if model.architecture.encoder.is_some() {
        return encoded::ledger(model, scenario, gpu);
    }
    let infer = &scenario.infer;
    let (profile, serving) = described(model, scenario)?;
    let prompt = (infer.prefill_tokens / infer.concurrency).clamp(1, infer.context_length);
    super::check_length(model, "infer.context_length", infer.context_length)?;
    let stored = Stored::of(model, &infer.weights)?;
    let always = Instant::SERVING.iter().fold(Alive::NEVER, |alive, instant| alive.in_both(*instant));
    let (architecture, bits) = (&model.architecture, Bits::whole(stored.plain.bits()));
    let run = |sequence| run(model, &stored, [infer.concurrency, sequence], serving);
    let mut entries = stored.parameters(model, serving, always)?;
    entries.append(&mut weights::buffers(architecture, run(1).rotary_table_kinds(), None, always)?);
    entries.append(&mut weights::layer_buffers(architecture, &of_model(model), always)?);
    let correction = if of_model(model).correction_bias_in_fp32 { Bits::whole(32) } else { bits };
    entries.append(&mut weights::correction_biases(architecture, correction, always)?);
    entries.append(&mut weights::activation_constants(architecture, bits, always)?);
    let cache = Cache { model, infer, prompt, compute: stored.plain };
    entries.append(&mut recurrent::constants(architecture, &of_model(model), bits, always)?);
    let steps = Alive::NEVER.in_both(Instant::Prefill).in_both(Instant::Decode);
    entries.append(&mut recurrent::states(architecture, infer.concurrency, bits, steps)?);
    let mut instants = vec![(Instant::Load, String::from("weights"))];
    for (instant, sequence) in [(Instant::Prefill, prompt), (Instant::Decode, 1)] {
        let recording = run(sequence).record();
        let timeline = Timeline::read(&recording)?;
        let event = timeline.heaviest(0..recording.backward_start);
        recorded::post(&mut entries, &recording, &timeline, &[(instant, event)])?;
        instants.push((instant, recording.whereabouts(event)));
    }
    entries.append(&mut if serving.rebuilds_cache { rebuilt::entries(&cache, serving)? } else { grown(&cache)? });
    entries.append(&mut cache.sampler(Alive::NEVER.in_both(Instant::Decode))?);
    if serving.awq_tables && stored.is_awq() {
        let serving = Alive::NEVER.in_both(Instant::Prefill).in_both(Instant::Decode);
        entries.append(&mut cache.awq_tables(serving)?);
    }
    // What was measured in one version stands in another on the word of its profile.
    let measured = |entry: &&mut Entry| entry.source == SOURCE || entry.source == cache::MEASURED;
    for entry in entries.iter_mut().filter(measured).filter(|_| profile.version != SOURCE) {
        entry.source = profile.version;
    }
    super::close(gather(entries)?, (Process::of(scenario), gpu), &instants, None)
}

/// The profile of the scenario's framework, where it says how to serve such a model.
fn described(model: &Model, scenario: &Scenario) -> Result<(Profile, Serving), EstimateError> {
    let not_covered = |covered: String| EstimateError::framework(scenario.framework.word(), covered);
    let profile = scenario.profile().ok_or_else(|| not_covered(String::from("transformers, without its preset")))?;
    let serving = profile.infer.ok_or_else(|| {
        let serve = scenario.profiles.all().iter().filter(|profile| profile.infer.is_some());
        not_covered(serve.map(|profile| profile.id.as_str()).collect::<Vec<_>>().join(", ") + ", for serving")
    })?;
    if !profile.families.is_empty() && profile.families.iter().all(|id| id != model.family.id) {
        let families = profile.families.join(", ");
        return Err(not_covered(format!("transformers, for {}; this version for {families}", model.family.id)));
    }
    Ok((profile, serving))
}

fn run<'a>(model: &'a Model, stored: &Stored, [batch, sequence]: [u64; 2], serving: Serving) -> Run<'a> {
    let code = of_model(model);
    Run {
        architecture: &model.architecture,
        code,
        batch,
        sequence,
        weights: stored.plain,
        autocast: false,
        fused_attention: !code.eager_only,
        padding: false,
        dropout: [false; 3],
        checkpointed_layers: 0,
        loss: false,
        keep_outputs: false,
        keep_gradients: false,
        graph: false,
        adapters: None,
        base: stored.kernel(),
        logits_of_prompt: serving.logits_of_prompt,
        every_layer: false,
        kernels: None,
        loss_kind: Loss::Eager,
        loss_chunks: 1,
    }
}

/// A cache that grows layer by layer: all of it resident, one layer's twice for a moment.
fn grown(cache: &Cache<'_>) -> Result<Vec<Entry>, EstimateError> {
    let serving = Alive::NEVER.in_both(Instant::Prefill).in_both(Instant::Decode);
    let mut entries = cache.entries(cache.infer.context_length, serving)?;
    entries.append(&mut cache.behind_windows()?);
    if cache.model.architecture.mixed_streams.is_some() {
        entries.append(&mut compressed::transients(cache)?);
        return Ok(entries);
    }
    match cache.expansion()? {
        Some(expanded) => entries.push(expanded),
        None => entries.extend(cache.concatenation()?),
    }
    Ok(entries)
}
