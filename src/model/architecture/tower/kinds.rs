//! The kinds of towers, by their `model_type`.

/// What a tower reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modality {
    /// Images.
    Vision,
    /// Sounds.
    Audio,
}

impl Modality {
    /// `vision` or `audio`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Vision => "vision",
            Self::Audio => "audio",
        }
    }
}

/// How a tower is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SigLIP, and its likes in Idefics 3 and SmolVLM.
    Siglip,
    /// SigLIP 2 of images of any shape.
    Siglip2,
    /// CLIP.
    Clip,
    /// Pixtral.
    Pixtral,
    /// Qwen2-VL's.
    Qwen2Vl,
    /// Qwen2.5-VL's, with windows.
    Qwen25Vl,
    /// Qwen3-VL's and Qwen3.5's.
    Qwen3Vl,
    /// GLM-4.1V's.
    Glm4v,
    /// PaddleOCR-VL's: SigLIP whose queries and keys turn, over images of any shape.
    PaddleOcr,
    /// `InternViT`.
    InternVit,
    /// GOT-OCR 2's, the tower of SAM: eager attention in windows, and in some layers of all tokens.
    Sam,
    /// Llama 3.2 Vision's.
    Mllama,
    /// Llama 4's.
    Llama4,
    /// Gemma 4's.
    Gemma4,
    /// Whisper's encoder.
    Whisper,
}

impl Kind {
    /// Whether it sees or hears.
    pub const fn modality(self) -> Modality {
        match self {
            Self::Whisper => Modality::Audio,
            _ => Modality::Vision,
        }
    }

    /// Whether a module of its own calls its layers, and not the tower itself.
    pub const fn has_encoder(self) -> bool {
        !matches!(self, Self::Qwen2Vl | Self::Qwen25Vl | Self::Qwen3Vl | Self::Glm4v | Self::Sam)
    }

    /// The kind of this `model_type`.
    pub(super) fn named(id: &str) -> Option<Self> {
        KINDS.iter().find(|(names, _)| names.contains(&id)).map(|(_, kind)| *kind)
    }
}

/// The names of each kind in `vision_config` and `audio_config`.
pub(super) const KINDS: &[(&[&str], Kind)] = &[
    (
        &["siglip_vision_model", "smolvlm_vision", "idefics3_vision", "idefics3", "idefics2_vision", "idefics2"],
        Kind::Siglip,
    ),
    (&["siglip2_vision_model"], Kind::Siglip2),
    (&["clip_vision_model"], Kind::Clip),
    (&["pixtral"], Kind::Pixtral),
    (&["qwen2_vl_vision", "qwen2_vl"], Kind::Qwen2Vl),
    (&["qwen2_5_vl_vision", "qwen2_5_vl", "exaone4_5_vision"], Kind::Qwen25Vl),
    (&["qwen3_vl_vision", "qwen3_vl", "qwen3_vl_moe_vision", "qwen3_vl_moe"], Kind::Qwen3Vl),
    (&["qwen3_5_vision", "qwen3_5", "qwen3_5_moe_vision", "qwen3_5_moe"], Kind::Qwen3Vl),
    (&["glm4v_vision", "glm4v_moe_vision", "glm4v", "glm4v_moe"], Kind::Glm4v),
    (&["paddleocr_vl_vision", "paddleocr_vl"], Kind::PaddleOcr),
    (&["internvl_vision", "qianfan_ocr_vision"], Kind::InternVit),
    (&["got_ocr2_vision", "pp_chart2table_vision"], Kind::Sam),
    (&["mllama_vision_model"], Kind::Mllama),
    (&["llama4_vision_model"], Kind::Llama4),
    (&["gemma4_vision"], Kind::Gemma4),
    (&["qwen2_audio_encoder", "voxtral_encoder"], Kind::Whisper),
];
