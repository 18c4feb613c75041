//! Serving with Transformers on one GPU: weights, the cache, and what one forward pass needs beside them.

mod cache;
mod compressed;
mod encoded;
mod played;
mod rebuilt;
mod stored;

use self::cache::Cache;
use super::attention::check_attention;
use super::fed::fed;
use super::length::check_length;
use crate::families::code::SOURCE;
use crate::families::of_model;
use crate::frameworks::Job;
use crate::frameworks::step::close_at;
use crate::gpu::Gpu;
use crate::gpu::kernels::Kernels;
use crate::layers::tower::Seen;
use crate::layers::{Forward, Generation, Run};
use crate::ledger::gather::gather;
use crate::ledger::runtime::Process;
use crate::ledger::{Alive, Entry, EstimateError, Instant, Ledger};
use crate::model::Model;
use crate::model::architecture::KeyValues;
use crate::scenario::profile::{Profile, Serving};
use crate::scenario::{Attention, Infer, Placement};
use crate::states::stored::Stored;
use crate::states::{quantized, recurrent, weights};
use crate::tape::timeline::Timeline;
use crate::tape::{Dtype, recorded};
use crate::units::{Bits, Bytes, Overflow};

/// A model that is served.
pub(super) struct Served<'a> {
    job: Job<'a>,
    model: &'a Model,
    /// How it is served; the tokens of images are counted in.
    infer: Infer,
    /// The images of each sequence, where there are any.
    seen: Option<Seen>,
    profile: &'a Profile,
    serving: Serving,
    stored: Stored,
    placement: Placement,
    /// Tokens of each sequence that the first pass reads.
    prompt: u64,
    /// What kernels take for themselves; nothing where only tensors are looked at.
    kernels: Option<Kernels>,
}

impl<'a> Served<'a> {
    pub(super) fn of(job: &Job<'a>) -> Result<Self, EstimateError> {
        let Job { model, scenario, profile, .. } = *job;
        let mut infer = scenario.infer.clone();
        let serving = described(job)?;
        let seen = Seen::of(&model.architecture, infer.images, infer.image_size.sides(), false);
        let tokens = seen.as_ref().map_or(0, Seen::tokens);
        let prompt = infer.prompt().saturating_add(tokens);
        infer.context_length = infer.context_length.saturating_add(tokens);
        check_length(model, "infer.context_length", infer.context_length)?;
        let stored = Stored::of(model, &infer.weights)?;
        if let Some(format) = stored.format() {
            quantized::check_class(profile, model, format, "infer.weights")?;
        }
        check_attention(model, "infer.attention", infer.attention)?;
        cache::check_type(&infer.kv_cache)?;
        let placement = scenario.placement();
        Ok(Self { job: *job, model, infer, seen, profile, serving, stored, placement, prompt, kernels: None })
    }

    /// The same with what kernels take for themselves, where the order is known in which they ask for it.
    pub(super) fn with_kernels(self) -> Self {
        let kernels = self.is_in_order().then(|| Kernels::of(self.job.gpu));
        Self { kernels, ..self }
    }

    /// A pass over so many tokens of so many sequences, without a graph.
    fn run(&self, [batch, sequence]: [u64; 2]) -> Run<'_> {
        let (architecture, code) = (&self.model.architecture, of_model(self.model));
        let logits_of_prompt = self.serving.logits_of_prompt;
        let generation = Generation { past: 0, caches: self.caches(), samples: self.infer.do_sample, logits_of_prompt };
        Run {
            weights: self.stored.plain,
            fused_attention: self.infer.attention == Attention::Flash,
            // A tokenizer gives the mask of its batch, of which only disentangled attention makes tensors.
            unpadded_mask: architecture.encoder.is_some_and(|encoder| encoder.span.is_some()),
            loss: false,
            graph: false,
            seen: self.seen.as_ref(),
            base: self.stored.kernel(architecture),
            generation: architecture.encoder.is_none().then_some(generation),
            kernels: self.kernels,
            ..Run::plain((architecture, code), (batch, sequence))
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
    pub(super) fn is_in_order(&self) -> bool {
        let architecture = &self.model.architecture;
        let recurrent = architecture.groups.iter().any(|group| group.layer.recurrent().is_some());
        let caches = self.caches() || architecture.encoder.is_some();
        let one_stack = architecture.seq2seq.is_none() && architecture.image.is_none();
        self.serving.in_order && self.stored.is_played() && caches && !recurrent && one_stack
    }

    /// What the model holds beside its parameters.
    fn buffers(&self, alive: Alive) -> Result<Vec<Entry>, EstimateError> {
        let (architecture, bits) = (&self.model.architecture, Bits::whole(self.stored.plain.bits()));
        let code = of_model(self.model);
        let scale = code.embedding_scale_buffer.then_some(bits);
        let mut entries = weights::buffers(architecture, (self.run([1, 1]).rotary_table_kinds(), false), scale, alive)?;
        entries.append(&mut weights::layer_buffers(architecture, &code, bits, alive)?);
        let correction = if code.correction_bias_in_fp32 { Bits::whole(32) } else { bits };
        entries.append(&mut weights::correction_biases(architecture, correction, alive)?);
        entries.append(&mut weights::activation_constants(architecture, bits, alive)?);
        entries.append(&mut recurrent::constants(architecture, &code, bits, alive)?);
        Ok(entries)
    }

    /// What is fed beside words.
    fn pixels(&self) -> Result<Vec<Entry>, EstimateError> {
        let fed = self.seen.as_ref().map(|seen| fed(seen, [self.infer.concurrency, self.prompt], always()));
        Ok(fed.transpose()?.unwrap_or_default())
    }

    fn process(&self) -> (Process, Option<&Gpu>) {
        (Process::of(self.job.scenario, self.is_in_order()), self.job.gpu)
    }

    /// The ledger, of tensors alone unless kernels are looked at.
    pub(super) fn ledger(&self) -> Result<Ledger, EstimateError> {
        if self.model.architecture.encoder.is_some() {
            return encoded::ledger(self);
        }
        let Self { model, ref infer, serving, ref stored, prompt, .. } = *self;
        let mut entries = stored::parameters(stored, model, serving, always())?;
        entries.append(&mut self.buffers(always())?);
        entries.append(&mut self.pixels()?);
        let steps = Alive::at([Instant::Prefill, Instant::Decode]);
        let bits = Bits::whole(stored.plain.bits());
        entries.append(&mut recurrent::states(&model.architecture, infer.concurrency, bits, steps)?);
        let images = self.seen.as_ref().map_or(0, Seen::attended);
        let cache = Cache { model, infer, prompt, images, compute: stored.plain };
        let mut instants = vec![(Instant::Load, String::from("weights"))];
        if self.caches() {
            self.passes_that_cache(&mut entries, &mut instants, &cache)?;
        } else {
            self.passes_beside_a_cache(&mut entries, &mut instants, &cache)?;
        }
        if serving.awq_tables && stored.is_awq(&model.architecture) {
            entries.append(&mut cache.awq_tables(steps)?);
        }
        // What was measured in one version stands in another on the word of its profile.
        // What was measured in one version stands in another on the word of its profile.
        if self.profile.version != SOURCE {
            recorded::in_version(&mut entries, self.profile.version);
        }
        close_at(gather(entries)?, self.process(), &instants, None)
    }

    /// The heaviest pass of the prompt, and the last step, with what their cache is made of.
    fn passes_that_cache(
        &self,
        entries: &mut Vec<Entry>,
        instants: &mut Vec<(Instant, String)>,
        cache: &Cache<'_>,
    ) -> Result<(), EstimateError> {
        let (infer, prompt) = (&self.infer, self.prompt);
        let run = self.run([infer.concurrency, prompt]);
        let passes = self.passes();
        // Of several the last whole one, or what is left after it: keys and masks grow from pass to pass.
        let mut heaviest: Option<(Bytes, Vec<Entry>, String)> = None;
        for pass in passes.iter().rev().take(2) {
            let mut of_pass = Vec::new();
            let place = post(&mut of_pass, &run.prefill(*pass), Instant::Prefill)?;
            if pass[0] > 0 {
                of_pass.append(&mut cache.entries(pass[0] + pass[1], Alive::at([Instant::Prefill]))?);
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
            entries.append(&mut cache.entries(all, Alive::at([Instant::Decode]))?);
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
        let Self { ref infer, serving, prompt, .. } = *self;
        for (instant, sequence) in [(Instant::Prefill, self.chunk()), (Instant::Decode, 1)] {
            let recording = self.run([infer.concurrency, sequence]).record();
            instants.push((instant, post(entries, &recording, instant)?));
        }
        entries.append(&mut if serving.rebuilds_cache {
            rebuilt::entries(cache, serving)?
        } else {
            grown(cache, prompt)?
        });
        entries.append(&mut cache.sampler(Alive::at([Instant::Decode]))?);
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
    Alive::at(Instant::SERVING)
}

/// How a release serves such a model.
fn described(job: &Job<'_>) -> Result<Serving, EstimateError> {
    let serving =
        job.profile.infer.ok_or_else(|| job.not_covered(String::from("a profile that says how it serves")))?;
    job.check_family("this version")?;
    Ok(serving)
}

/// A cache that grows layer by layer: all of it resident, one layer's twice for a moment.
fn grown(cache: &Cache<'_>, prompt: u64) -> Result<Vec<Entry>, EstimateError> {
    let serving = Alive::at([Instant::Prefill, Instant::Decode]);
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
