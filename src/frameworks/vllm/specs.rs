//! What vLLM reserves for each layer: pages of so many tokens, or of one state.

use std::collections::HashMap;

use crate::families::of_model;
use crate::frameworks::engine::Served;
use crate::frameworks::engine::attended::{Attended, Kept, Remembered, attended, remembered};
use crate::ledger::{EstimateError, Place};
use crate::scenario::{Infer, MambaCacheMode, StateDtype};
use crate::units::Overflow;

/// The types that it caches in (`kv_cache_dtype`).
pub(super) const TYPES: [&str; 11] = [
    "bf16",
    "fp16",
    "fp8",
    "fp8_per_token_head",
    "int8_per_token_head",
    "int4_per_token_head",
    "nvfp4",
    "turboquant_k8v4",
    "turboquant_4bit_nc",
    "turboquant_k3v4_nc",
    "turboquant_3bit_nc",
];

/// The block that kernels of latent attention ask for.
const LATENT_BLOCK: u64 = 64;
/// The alignment that they ask for beside states.
const LATENT_ALIGNMENT: u64 = 128;
/// Layers at either end that TurboQuant leaves as they are.
const PLAIN: u64 = 2;
/// Bytes of a token in the cache of sparse latent attention in fp8, and in nvfp4.
const SPARSE_FP8: u64 = 656;
const SPARSE_NVFP4: u64 = 352;

/// What a layer's pages are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Keys and values.
    Attention(Kept),
    /// One state of a sequence.
    State,
}

/// What one layer reserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Spec {
    /// What for.
    pub(super) kind: Kind,
    /// Tokens of a block.
    pub(super) block: u64,
    /// Bytes of one block of one layer.
    pub(super) page: u64,
    /// Whether keys and values are one latent vector, whose page cannot be padded.
    latent: bool,
}

impl Spec {
    /// What it is, in words.
    pub(super) fn words(&self) -> String {
        match self.kind {
            Kind::Attention(Kept::Full) => String::from("keys and values"),
            Kind::Attention(Kept::Window(window)) => format!("keys and values in a window of {window}"),
            Kind::Attention(Kept::Chunk(chunk)) => format!("keys and values in chunks of {chunk}"),
            Kind::State => String::from("recurrent states"),
        }
    }
}

/// The specs of a model with how many layers have each, in the order of their first layers.
#[derive(Debug, Clone)]
pub(super) struct Specs(pub(super) Vec<(Spec, u64)>);

impl Specs {
    pub(super) fn of(served: &Served<'_>) -> Result<Self, EstimateError> {
        let infer = served.infer;
        let mut specs: Vec<(Spec, u64)> = Vec::with_capacity(4);
        let mut known: HashMap<Spec, usize> = HashMap::with_capacity(4);
        let mut add = |spec: Spec, layers: u64| {
            let at = *known.entry(spec).or_insert_with(|| {
                specs.push((spec, 0));
                specs.len() - 1
            });
            specs[at].1 += layers;
        };
        let (state, plain) = (state_page(served)?, PlainLayers::of(served));
        for (place, layers, layer) in served.layers() {
            if let Some(attended) = layer.attention().and_then(|it| attended(served.model, it, served.ways)) {
                let latent = attended.latent;
                let token = bytes_of_token(&attended, infer)?;
                let block = block(infer, latent, (token, state))?;
                let plain = plain.among(place);
                if plain > 0 {
                    let token = attended.heads.checked_mul(2 * (attended.key + attended.value)).ok_or(Overflow)?;
                    add(of_attention(attended.kept, block, token, latent)?, plain);
                }
                if layers > plain {
                    add(of_attention(attended.kept, block, token, latent)?, layers - plain);
                }
                if let Some(width) = attended.indexer {
                    // Codes of a byte with a scale in fp32 for 128 of them.
                    let token = width + 4 * width.div_ceil(128);
                    add(of_attention(Kept::Full, block, token, true)?, layers);
                }
            }
            if state > 0 && layer.recurrent().is_some() {
                let context = infer.context_length;
                let aligned = infer.mamba_cache_mode == MambaCacheMode::Align;
                add(
                    Spec { kind: Kind::State, block: if aligned { 0 } else { context }, page: state, latent: false },
                    layers,
                );
            }
        }
        let block = specs.iter().find(|(spec, _)| spec.kind != Kind::State).map(|(spec, _)| spec.block);
        for (spec, _) in &mut specs {
            // Aligned states stand at the ends of blocks; without attention there is one for the whole context.
            if spec.kind == Kind::State && spec.block == 0 {
                spec.block = block.unwrap_or(infer.context_length);
            }
        }
        Ok(Self(unified(specs)))
    }
}

/// The first and the last layers, which stay in 16 bits under TurboQuant; in hybrids none do.
struct PlainLayers {
    each: u64,
    layers: u64,
}

impl PlainLayers {
    fn of(served: &Served<'_>) -> Self {
        let packs = served.infer.kv_cache.starts_with("turboquant");
        let hybrid = served.layers().any(|(.., layer)| layer.recurrent().is_some());
        let layers = served.architecture().num_hidden_layers();
        Self { each: if packs && !hybrid { PLAIN.min(layers / 2) } else { 0 }, layers }
    }

    /// How many of them are among a run of layers.
    fn among(&self, place: Place) -> u64 {
        let Place::Layers(first, last) = place else { return 0 };
        let before = self.each.clamp(first, last + 1) - first;
        let behind = last + 1 - (self.layers - self.each).clamp(first, last + 1);
        before + behind
    }
}

fn of_attention(kept: Kept, block: u64, token: u64, latent: bool) -> Result<Spec, Overflow> {
    let page = token.checked_mul(block).ok_or(Overflow)?;
    Ok(Spec { kind: Kind::Attention(kept), block, page, latent })
}

/// Tokens of a block: as asked, as kernels ask, and as many as a state fits in beside which they stand.
fn block(infer: &Infer, latent: bool, (token, state): (u64, u64)) -> Result<u64, Overflow> {
    let asked = if latent { infer.block_size.max(LATENT_BLOCK) } else { infer.block_size };
    if state == 0 || token == 0 {
        return Ok(asked);
    }
    let alignment = if latent { asked.max(LATENT_ALIGNMENT) } else { asked };
    let least = state.div_ceil(alignment.checked_mul(token).ok_or(Overflow)?);
    alignment.checked_mul(least).ok_or(Overflow)
}

/// Bytes of a token's keys and values in a layer.
fn bytes_of_token(attended: &Attended, infer: &Infer) -> Result<u64, EstimateError> {
    let word = infer.kv_cache.as_str();
    let (key, value) = (attended.key, attended.value);
    if attended.latent {
        return match (word, attended.indexer) {
            ("fp8", Some(_)) => Ok(SPARSE_FP8),
            ("nvfp4", Some(_)) => Ok(SPARSE_NVFP4),
            ("fp8", None) => Ok(key),
            ("bf16" | "fp16", _) => Ok(2 * key),
            _ => Err(not_latent(word)),
        };
    }
    // Two codes in a byte, and so many bits.
    let packed = |width: u64, bits: u64| (width * bits).div_ceil(8);
    let head = match word {
        "fp8" => key + value,
        "fp8_per_token_head" | "int8_per_token_head" => key + value + 8,
        "int4_per_token_head" => key / 2 + value / 2 + 8,
        "nvfp4" => [key, value].map(|width| width / 2 + width / 16).iter().sum(),
        // A length in 16 bits with the key, a scale and a zero in 16 bits with the value.
        "turboquant_k8v4" => key + packed(value, 4) + 4,
        "turboquant_4bit_nc" => packed(key, 4) + 2 + packed(value, 4) + 4,
        "turboquant_k3v4_nc" => packed(key, 3) + 2 + packed(value, 4) + 4,
        "turboquant_3bit_nc" => packed(key, 3) + 2 + packed(value, 3) + 4,
        _ => 2 * (key + value),
    };
    let even = head.next_multiple_of(2);
    Ok(attended.heads.checked_mul(even).ok_or(Overflow)?)
}

fn not_latent(word: &str) -> EstimateError {
    let covered = String::from("bf16, fp16, fp8, for latent attention");
    EstimateError::NotCovered { key: "infer.kv_cache", value: word.to_owned(), covered }
}

/// Bytes of a state of the recurrent layers, the largest where they differ; 0 where there are none.
fn state_page(served: &Served<'_>) -> Result<u64, Overflow> {
    let hidden = served.architecture().hidden_size;
    let wide = state_is_wide(served);
    let page = |it: Remembered| {
        let state = it.state.checked_mul(if wide { 4 } else { 2 })?;
        it.convolution().checked_mul(2)?.checked_add(state)
    };
    let pages = served.layers().filter_map(|(.., layer)| remembered(layer, hidden, served.ways));
    pages.map(|it| page(it).ok_or(Overflow)).try_fold(0, |most, page| Ok(most.max(page?)))
}

/// Whether recurrent states are in fp32 (`mamba_ssm_cache_dtype`): where that is said, else of some families.
fn state_is_wide(served: &Served<'_>) -> bool {
    match served.infer.mamba_ssm_cache_dtype {
        StateDtype::Float32 => true,
        StateDtype::Float16 | StateDtype::Bfloat16 => false,
        StateDtype::Auto => of_model(served.model).wide_states_served,
    }
}

/// Pages of one size where kinds differ: blocks of smaller pages are multiplied where that divides, else pages are padded.
/// Layers that all keep every token stay as they are, and stand side by side in each block.
fn unified(specs: Vec<(Spec, u64)>) -> Vec<(Spec, u64)> {
    if are_uniform(&specs) {
        return specs;
    }
    let most = specs.iter().map(|(spec, _)| spec.page).max().unwrap_or(0);
    let unify = |spec: Spec| match spec.kind {
        Kind::Attention(_) if spec.page > 0 && most.is_multiple_of(spec.page) => {
            Spec { block: spec.block * (most / spec.page), page: most, ..spec }
        }
        _ => Spec { page: most, ..spec },
    };
    specs.into_iter().map(|(spec, layers)| (unify(spec), layers)).collect()
}

/// Whether all layers reserve alike, but for the sizes of their pages: one group has them all.
pub(super) fn are_uniform(specs: &[(Spec, u64)]) -> bool {
    let Some((first, _)) = specs.first() else { return true };
    let alike = |spec: &Spec| spec.kind == first.kind && spec.block == first.block;
    specs.iter().all(|(spec, _)| alike(spec))
}
