//! Serving with Transformers on one GPU: weights, the cache, and what one forward pass needs beside them.

mod cache;
mod compressed;
mod encoded;
mod played;
mod rebuilt;
mod spec;
mod stored;

use self::cache::Cache;
use self::stored::Stored;
use super::length::check_length;
use crate::framework::of_model;
use crate::framework::transformers::SOURCE;
use crate::frameworks::step::close_at;
use crate::gpu::Gpu;
use crate::gpu::kernels::Kernels;
use crate::layers::{Forward, Generation, Run};
use crate::ledger::gather::gather;
use crate::ledger::runtime::Process;
use crate::ledger::{Alive, Entry, EstimateError, Instant, Ledger};
use crate::model::Model;
use crate::model::architecture::KeyValues;
use crate::scenario::profile::{Profile, Serving};
use crate::scenario::{Attention, Infer, Loss, Placement, Scenario};
use crate::sequence::Sequence;
use crate::states::{quantized, recurrent, weights};
use crate::tape::timeline::Timeline;
use crate::tape::{Dtype, recorded};
use crate::units::{Bits, Bytes, Overflow};

/// The ledger of serving on one GPU.
pub(crate) fn ledger(model: &Model, scenario: &Scenario, gpu: Option<&Gpu>) -> Result<Ledger, EstimateError> {
    let served = Served::of(model, scenario)?;
    let process = Process::of(scenario, served.is_played());
    let kernels = process.played.then(|| Kernels::of(gpu));
    Served { kernels, ..served }.ledger(process, gpu)
}

/// The same of tensors alone.
pub(crate) fn tracked(model: &Model, scenario: &Scenario) -> Result<Ledger, EstimateError> {
    let served = Served::of(model, scenario)?;
    let process = Process::of(scenario, served.is_played());
    served.ledger(process, None)
}

/// All that serving on one GPU asks of an allocator, from the first weight on.
pub(crate) fn sequence(model: &Model, scenario: &Scenario, gpu: Option<&Gpu>) -> Result<Sequence, EstimateError> {
    Served::of(model, scenario)?.sequence(gpu)
}

/// Whether the order is known in which serving asks for memory.
pub(crate) fn is_played(model: &Model, scenario: &Scenario) -> bool {
    Served::of(model, scenario).is_ok_and(|served| served.is_played())
}

/// A model that is served.
struct Served<'a> {
    model: &'a Model,
    infer: &'a Infer,
    profile: Profile,
    serving: Serving,
    stored: Stored,
    placement: Placement,
    /// Tokens of each sequence that the first pass reads.
    prompt: u64,
    /// What kernels take for themselves; nothing where only tensors are looked at.
    kernels: Option<Kernels>,
}

impl<'a> Served<'a> {
    fn of(model: &'a Model, scenario: &'a Scenario) -> Result<Self, EstimateError> {
        let infer = &scenario.infer;
        let (profile, serving) = described(model, scenario)?;
        check_length(model, "infer.context_length", infer.context_length)?;
        let stored = Stored::of(model, &infer.weights)?;
        if let Some(format) = stored.format() {
            quantized::check_class(model, scenario, format, "infer.weights")?;
        }
        let prompt = infer.prompt();
        Ok(Self { model, infer, profile, serving, stored, placement: scenario.placement(), prompt, kernels: None })
    }

    /// A pass over so many tokens of so many sequences, without a graph.
    fn run(&self, [batch, sequence]: [u64; 2]) -> Run<'a> {
        let (architecture, code) = (&self.model.architecture, of_model(self.model));
        let logits_of_prompt = self.serving.logits_of_prompt;
        let generation = Generation { past: 0, caches: self.caches(), samples: self.infer.do_sample, logits_of_prompt };
        Run {
            architecture,
            code,
            batch,
            sequence,
            weights: self.stored.plain,
            autocast: false,
            fused_attention: self.infer.attention == Attention::Flash && !code.eager_only,
            padding: false,
            dropout: [false; 3],
            checkpointed_layers: 0,
            loss: false,
            keep_outputs: false,
            keep_gradients: false,
            graph: false,
            adapters: None,
            base: self.stored.kernel(),
            generation: architecture.encoder.is_none().then_some(generation),
            every_layer: false,
            kernels: self.kernels,
            loss_kind: Loss::Eager,
            loss_chunks: 1,
        }
    }

    /// Whether a cache grows with the passes: it holds keys and values as they are, and nothing else.
    fn caches(&self) -> bool {
        let architecture = &self.model.architecture;
        let plain = architecture.attentions().all(|attention| {
            let variant = &attention.variant;
            variant.indexer.is_none() && variant.compressed.is_none() && variant.key_values != KeyValues::Earlier
        });
        let types: &[&str] = if self.stored.plain == Dtype::Fp32 { &["fp32"] } else { &["bf16", "fp16"] };
        let as_computed = types.contains(&self.infer.kv_cache.as_str());
        !self.serving.rebuilds_cache && architecture.mixed_streams.is_none() && plain && as_computed
    }

    /// Whether the order is known in which it asks for memory.
    fn is_played(&self) -> bool {
        let architecture = &self.model.architecture;
        let recurrent = architecture.groups.iter().any(|group| group.layer.recurrent().is_some());
        let caches = self.caches() || architecture.encoder.is_some();
        let one_stack = architecture.seq2seq.is_none() && architecture.image.is_none();
        self.profile.version == SOURCE && self.stored.is_played() && caches && !recurrent && one_stack
    }

    /// What the model holds beside its parameters.
    fn buffers(&self, alive: Alive) -> Result<Vec<Entry>, EstimateError> {
        let (architecture, bits) = (&self.model.architecture, Bits::whole(self.stored.plain.bits()));
        let code = of_model(self.model);
        let scale = code.embedding_scale_buffer.then_some(bits);
        let mut entries = weights::buffers(architecture, self.run([1, 1]).rotary_table_kinds(), scale, alive)?;
        entries.append(&mut weights::layer_buffers(architecture, &code, alive)?);
        let correction = if code.correction_bias_in_fp32 { Bits::whole(32) } else { bits };
        entries.append(&mut weights::correction_biases(architecture, correction, alive)?);
        entries.append(&mut weights::activation_constants(architecture, bits, alive)?);
        entries.append(&mut recurrent::constants(architecture, &code, bits, alive)?);
        Ok(entries)
    }

    fn ledger(&self, process: Process, gpu: Option<&Gpu>) -> Result<Ledger, EstimateError> {
        if self.model.architecture.encoder.is_some() {
            return encoded::ledger(self, process, gpu);
        }
        let Self { model, infer, serving, ref stored, prompt, .. } = *self;
        let mut entries = stored.parameters(model, serving, always())?;
        entries.append(&mut self.buffers(always())?);
        let steps = Alive::NEVER.in_both(Instant::Prefill).in_both(Instant::Decode);
        let bits = Bits::whole(stored.plain.bits());
        entries.append(&mut recurrent::states(&model.architecture, infer.concurrency, bits, steps)?);
        let cache = Cache { model, infer, prompt, compute: stored.plain };
        let mut instants = vec![(Instant::Load, String::from("weights"))];
        if self.caches() {
            self.passes_that_cache(&mut entries, &mut instants, &cache)?;
        } else {
            self.passes_beside_a_cache(&mut entries, &mut instants, &cache)?;
        }
        if serving.awq_tables && stored.is_awq() {
            entries.append(&mut cache.awq_tables(steps)?);
        }
        // What was measured in one version stands in another on the word of its profile.
        if self.profile.version != SOURCE {
            recorded::in_version(&mut entries, self.profile.version);
        }
        close_at(gather(entries)?, (process, gpu), &instants, None)
    }

    /// The heaviest pass of the prompt, and the last step, with what their cache is made of.
    fn passes_that_cache(
        &self,
        entries: &mut Vec<Entry>,
        instants: &mut Vec<(Instant, String)>,
        cache: &Cache<'_>,
    ) -> Result<(), EstimateError> {
        let (infer, prompt) = (self.infer, self.prompt);
        let run = self.run([infer.concurrency, prompt]);
        let passes = self.passes();
        // Of several the last whole one, or what is left after it: keys and masks grow from pass to pass.
        let mut heaviest: Option<(Bytes, Vec<Entry>, String)> = None;
        for pass in passes.iter().rev().take(2) {
            let mut of_pass = Vec::new();
            let place = post(&mut of_pass, &run.prefill(*pass), Instant::Prefill)?;
            if pass[0] > 0 {
                of_pass.append(&mut cache.entries(pass[0] + pass[1], Alive::NEVER.in_both(Instant::Prefill))?);
                of_pass.append(&mut cache.behind_windows(Instant::Prefill, *pass)?);
            }
            let total = Bytes::checked_sum(of_pass.iter().map(|entry| entry.bytes))?;
            if heaviest.as_ref().is_none_or(|(most, ..)| total > *most) {
                heaviest = Some((total, of_pass, place));
            }
        }
        if let Some((_, mut of_pass, place)) = heaviest {
            entries.append(&mut of_pass);
            instants.push((Instant::Prefill, place));
        }
        let all = infer.context_length;
        if prompt < all {
            instants.push((Instant::Decode, post(entries, &run.decode(all), Instant::Decode)?));
            entries.append(&mut cache.entries(all, Alive::NEVER.in_both(Instant::Decode))?);
            entries.append(&mut cache.behind_windows(Instant::Decode, [all - 1, 1])?);
        }
        Ok(())
    }

    /// The prompt and a step without the cache, which is counted by itself.
    fn passes_beside_a_cache(
        &self,
        entries: &mut Vec<Entry>,
        instants: &mut Vec<(Instant, String)>,
        cache: &Cache<'_>,
    ) -> Result<(), EstimateError> {
        let Self { infer, serving, prompt, .. } = *self;
        for (instant, sequence) in [(Instant::Prefill, self.chunk()), (Instant::Decode, 1)] {
            let recording = self.run([infer.concurrency, sequence]).record();
            instants.push((instant, post(entries, &recording, instant)?));
        }
        entries.append(&mut if serving.rebuilds_cache {
            rebuilt::entries(cache, serving)?
        } else {
            grown(cache, prompt)?
        });
        entries.append(&mut cache.sampler(Alive::NEVER.in_both(Instant::Decode))?);
        Ok(())
    }
}

/// Adds what is alive at the heaviest moment of a pass, and says where that is.
fn post(entries: &mut Vec<Entry>, recording: &Forward, instant: Instant) -> Result<String, Overflow> {
    let timeline = Timeline::read(recording)?;
    let event = timeline.heaviest(0..recording.backward_start);
    recorded::post(entries, recording, &timeline, &[(instant, event)])?;
    Ok(recording.whereabouts(event))
}

fn always() -> Alive {
    Instant::SERVING.iter().fold(Alive::NEVER, |alive, instant| alive.in_both(*instant))
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

/// A cache that grows layer by layer: all of it resident, one layer's twice for a moment.
fn grown(cache: &Cache<'_>, prompt: u64) -> Result<Vec<Entry>, EstimateError> {
    let serving = Alive::NEVER.in_both(Instant::Prefill).in_both(Instant::Decode);
    let mut entries = cache.entries(cache.infer.context_length, serving)?;
    let all = cache.infer.context_length;
    for (instant, pass) in [(Instant::Prefill, [0, prompt]), (Instant::Decode, [all.saturating_sub(1), 1])] {
        entries.append(&mut cache.behind_windows(instant, pass)?);
    }
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
