//! The classes that stand a tower beside a decoder, by their `model_type`, and their projectors.

use super::Gathering;
use super::kinds::{KINDS, Kind, Modality};
use crate::model::architecture::ArchitectureError;
use crate::model::keys::TowerKeys;

/// The dimensions that a class gives a tower of which its file says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Defaults {
    pub(super) hidden: u64,
    pub(super) intermediate: u64,
    pub(super) layers: u64,
    pub(super) heads: u64,
    /// Pixels of a side; frames of a sound.
    pub(super) image: u64,
    pub(super) patch: u64,
    /// Whether SigLIP's pooling head stands behind the layers.
    pub(super) pooling_head: bool,
    /// Whether `InternViT`'s and SAM's queries, keys and values have a bias.
    pub(super) attention_bias: bool,
}

/// A class that has a tower and a projector beside its decoder.
#[derive(Debug, PartialEq, Eq)]
pub struct Composite {
    /// Its `model_type`.
    pub model_type: &'static str,
    /// The tower where its configuration names none.
    kind: Kind,
    /// How the projector is built.
    pub projector: Projector,
    /// The least of a tower that the class makes by itself.
    pub(super) defaults: Defaults,
}

/// How what a tower gives is brought into the decoder's width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projector {
    /// Averages, a norm and one matrix that is no linear layer.
    Gemma3,
    /// One matrix with a bias.
    Linear,
    /// One matrix over several tokens put side by side.
    Shuffled,
    /// Two matrices.
    Llava {
        /// Whether a learned token ends each row of an image.
        newline: bool,
    },
    /// A norm, a matrix over neighbours, and two more.
    Mistral3,
    /// A norm, and two matrices over neighbours.
    Merger,
    /// The same into the decoder's width, over neighbours that lie apart.
    Apart,
    /// A convolution over neighbours, a matrix, a norm, and a gated network.
    Glm,
    /// A gated network, and learned vectors that attend to what it gives.
    Perceiver,
    /// Two convolutions, each over every other token of a side, and one matrix.
    Convolved,
    /// A norm over neighbours, and two matrices.
    InternVl,
    /// The same, of a width of its own.
    Lfm2,
    /// Two matrices of the tower's own and one of the decoder's.
    Llama4,
    /// One matrix over what several layers give.
    Mllama,
    /// One matrix without a bias behind a norm without a weight.
    Gemma4,
    /// Two matrices over four neighbours.
    Voxtral,
}

const fn of(hidden: u64, intermediate: u64, layers: u64, heads: u64, image: u64, patch: u64) -> Defaults {
    Defaults { hidden, intermediate, layers, heads, image, patch, pooling_head: false, attention_bias: false }
}

const SIGLIP: Defaults = Defaults { pooling_head: true, ..of(768, 3072, 12, 12, 224, 16) };
const LLAVA_CLIP: Defaults = of(1024, 4096, 24, 16, 336, 14);
const IDEFICS3: Defaults = of(1152, 3072, 12, 16, 224, 32);
const QWEN3_VL: Defaults = of(1152, 4304, 27, 16, 768, 16);
const GLM4V: Defaults = of(1536, 13_696, 24, 12, 336, 14);
const INTERN_VIT: Defaults = of(1024, 4096, 24, 16, 448, 14);
const SAM: Defaults = Defaults { attention_bias: true, ..of(768, 3072, 12, 12, 1024, 16) };
const WHISPER: Defaults = of(1280, 5120, 32, 20, 1, 1);

const fn row(model_type: &'static str, kind: Kind, projector: Projector, defaults: Defaults) -> Composite {
    Composite { model_type, kind, projector, defaults }
}

/// Every class, with the defaults of Transformers 5.23.
const COMPOSITES: &[Composite] = &[
    row("gemma3", Kind::Siglip, Projector::Gemma3, SIGLIP),
    row("shieldgemma2", Kind::Siglip, Projector::Gemma3, SIGLIP),
    row("gemma4", Kind::Gemma4, Projector::Gemma4, of(768, 3072, 16, 12, 896, 16)),
    row("paligemma", Kind::Siglip, Projector::Linear, of(1152, 4096, 27, 16, 224, 14)),
    row("qwen2_vl", Kind::Qwen2Vl, Projector::Merger, of(1280, 5120, 32, 16, 1001, 14)),
    row("qwen2_5_vl", Kind::Qwen25Vl, Projector::Merger, of(3584, 3420, 32, 16, 1001, 14)),
    row("exaone4_5", Kind::Qwen25Vl, Projector::Merger, of(3584, 3420, 32, 16, 1001, 14)),
    row("qwen3_vl", Kind::Qwen3Vl, Projector::Merger, QWEN3_VL),
    row("qwen3_vl_moe", Kind::Qwen3Vl, Projector::Merger, QWEN3_VL),
    row("qwen3_5", Kind::Qwen3Vl, Projector::Merger, QWEN3_VL),
    row("qwen3_5_moe", Kind::Qwen3Vl, Projector::Merger, QWEN3_VL),
    row("glm4v", Kind::Glm4v, Projector::Glm, GLM4V),
    row("glm4v_moe", Kind::Glm4v, Projector::Glm, GLM4V),
    row("glm46v", Kind::Glm4v, Projector::Glm, GLM4V),
    row("glmga", Kind::Glm4v, Projector::Glm, GLM4V),
    row("paddleocr_vl", Kind::PaddleOcr, Projector::Apart, of(1152, 4304, 27, 16, 384, 14)),
    row("mistral3", Kind::Pixtral, Projector::Mistral3, of(1024, 4096, 24, 16, 1540, 14)),
    row("lighton_ocr", Kind::Pixtral, Projector::Mistral3, of(1024, 4096, 24, 16, 1540, 14)),
    row("llava", Kind::Clip, Projector::Llava { newline: false }, LLAVA_CLIP),
    row("llava_next", Kind::Clip, Projector::Llava { newline: true }, LLAVA_CLIP),
    row("llava_next_video", Kind::Clip, Projector::Llava { newline: true }, LLAVA_CLIP),
    row("llava_onevision", Kind::Siglip, Projector::Llava { newline: true }, of(1152, 4304, 26, 16, 384, 14)),
    row("deepseek_vl", Kind::Siglip, Projector::Llava { newline: false }, SIGLIP),
    row("got_ocr2", Kind::Sam, Projector::Convolved, SAM),
    row("pp_chart2table", Kind::Sam, Projector::Convolved, SAM),
    row("idefics2", Kind::Siglip, Projector::Perceiver, of(768, 3072, 12, 12, 224, 32)),
    row("internvl", Kind::InternVit, Projector::InternVl, INTERN_VIT),
    row("qianfan_ocr", Kind::InternVit, Projector::InternVl, Defaults { attention_bias: true, ..INTERN_VIT }),
    row("smolvlm", Kind::Siglip, Projector::Shuffled, IDEFICS3),
    row("idefics3", Kind::Siglip, Projector::Shuffled, IDEFICS3),
    row("lfm2_vl", Kind::Siglip2, Projector::Lfm2, SIGLIP),
    row("llama4", Kind::Llama4, Projector::Llama4, of(768, 5632, 34, 16, 448, 14)),
    row("mllama", Kind::Mllama, Projector::Mllama, of(1280, 5120, 32, 16, 448, 14)),
    row("qwen2_audio", Kind::Whisper, Projector::Linear, WHISPER),
    row("voxtral", Kind::Whisper, Projector::Voxtral, WHISPER),
];

impl Composite {
    /// The class of this `model_type`.
    pub fn named(model_type: &str) -> Option<&'static Self> {
        COMPOSITES.iter().find(|composite| composite.model_type == model_type)
    }

    /// The `model_type` of every class.
    pub fn ids() -> Vec<&'static str> {
        COMPOSITES.iter().map(|composite| composite.model_type).collect()
    }

    /// Whether its towers see or hear.
    pub const fn modality(&self) -> Modality {
        self.kind.modality()
    }

    /// Width of the network that its configuration gives by default.
    pub const fn intermediate(&self) -> u64 {
        self.defaults.intermediate
    }

    /// The object of a configuration that describes the tower.
    pub const fn object(&self) -> &'static str {
        match self.kind.modality() {
            Modality::Vision => "vision_config",
            Modality::Audio => "audio_config",
        }
    }

    /// The object that describes what stands between tower and decoder, where that has one of its own.
    pub fn resampler_object(&self) -> Option<&'static str> {
        (self.projector == Projector::Perceiver).then_some("perceiver_config")
    }

    /// The class that these keys name.
    pub(super) fn of(keys: &TowerKeys) -> Result<&'static Self, ArchitectureError> {
        const KEY: &str = "composite";
        let known = || Self::ids().join(", ");
        let Some(id) = &keys.composite else {
            return Err(ArchitectureError::new(
                KEY,
                format!("missing; it names the class of the projector: {}", known()),
            ));
        };
        Self::named(id).ok_or_else(|| ArchitectureError::new(KEY, format!("`{id}` is none of {}", known())))
    }

    /// The kind of tower that these keys name, else the class's own.
    pub(super) fn kind(&self, keys: &TowerKeys) -> Result<Kind, ArchitectureError> {
        let Some(id) = &keys.model_type else { return Ok(self.kind) };
        Kind::named(id).filter(|kind| kind.modality() == self.kind.modality()).ok_or_else(|| {
            let known: Vec<&str> = KINDS.iter().map(|(names, _)| names[0]).collect();
            ArchitectureError::new("model_type", format!("the tower `{id}` is none of {}", known.join(", ")))
        })
    }

    /// How what the tower gives is gathered.
    pub(super) const fn gathering(&self) -> Gathering {
        match self.projector {
            Projector::Gemma3 | Projector::Gemma4 => Gathering::Averaged,
            Projector::Linear if matches!(self.kind, Kind::Whisper) => Gathering::Averaged,
            Projector::Linear
            | Projector::Llava { .. }
            | Projector::Convolved
            | Projector::Perceiver
            | Projector::Mllama => Gathering::Alone,
            Projector::Merger | Projector::Glm | Projector::Voxtral => Gathering::SideBySide,
            Projector::Shuffled
            | Projector::Apart
            | Projector::Mistral3
            | Projector::InternVl
            | Projector::Lfm2
            | Projector::Llama4 => Gathering::Shuffled,
        }
    }

    /// Whether the class has no tower where its configuration describes none.
    pub fn is_optional(&self) -> bool {
        self.model_type == "gemma4"
    }

    /// Whether a step that reads images was looked at: the masks of Gemma 4's were not.
    pub(super) fn is_trained_with_images(&self) -> bool {
        self.model_type != "gemma4"
    }

    /// Whether the decoder's attention lets all tokens of an image see each other.
    pub(super) fn is_seen_both_ways(&self) -> bool {
        matches!(self.model_type, "gemma3" | "shieldgemma2" | "paligemma")
    }

    /// Whether images of any shape go through the tower as one sequence, and what it gives is put together from what each
    /// of them became.
    pub const fn packs(&self) -> bool {
        matches!(self.projector, Projector::Merger | Projector::Apart | Projector::Glm)
    }

    /// Whether what calls the tower casts pixels to the weights' type, and not the tower: it has them until that returns.
    pub const fn casts_pixels(&self) -> bool {
        self.packs() || matches!(self.projector, Projector::Convolved | Projector::Perceiver)
    }

    /// Whether layers in the middle of its tower have mergers of their own.
    pub(super) fn deepstacks(&self) -> bool {
        matches!(self.model_type, "qwen3_vl" | "qwen3_vl_moe")
    }

    /// Tokens of a side of an image that become one in the decoder.
    pub(super) fn merge(&self, keys: &TowerKeys) -> u64 {
        match self.projector {
            Projector::Shuffled => keys.scale_factor.unwrap_or(2),
            Projector::Mistral3 | Projector::Merger | Projector::Apart | Projector::Glm => {
                keys.spatial_merge_size.unwrap_or(2)
            }
            Projector::Lfm2 => keys.downsample_factor.unwrap_or(2),
            Projector::InternVl | Projector::Llama4 => inverse(keys.downsample_ratio.or(keys.pixel_shuffle_ratio)),
            Projector::Gemma4 => keys.pooling_kernel_size.unwrap_or(3),
            Projector::Gemma3
            | Projector::Linear
            | Projector::Llava { .. }
            | Projector::Convolved
            | Projector::Perceiver
            | Projector::Mllama
            | Projector::Voxtral => 1,
        }
    }

    /// What its towers are like where a file says nothing: the class's own, or those of the kind that it names.
    pub(super) fn defaults_of(&self, kind: Kind) -> Defaults {
        match kind {
            _ if kind == self.kind => self.defaults,
            Kind::Siglip => SIGLIP,
            Kind::Clip => of(768, 3072, 12, 12, 224, 32),
            Kind::Pixtral => of(1024, 4096, 24, 16, 1024, 16),
            _ => COMPOSITES.iter().find(|other| other.kind == kind).map_or(self.defaults, |other| other.defaults),
        }
    }
}

/// One over a ratio of halves, thirds or such; two where it is not said.
fn inverse(ratio: Option<f64>) -> u64 {
    let whole = |of: &u32| ratio.is_some_and(|ratio| (ratio * f64::from(*of) - 1.0).abs() < 1e-6);
    (1..=16).find(whole).map_or(2, u64::from)
}
