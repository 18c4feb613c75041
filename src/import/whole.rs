//! What a model of several parts says as a whole of its text part.

use super::json::Object;
use crate::located::PresetError;

/// Models of several parts whose class ties the head where nothing is said, though that of their text part does not.
const TYING: &[&str] = &[
    "deepseek_vl",
    "deepseek_vl_hybrid",
    "glmasr",
    "granite_speech",
    "granite_speech_plus",
    "internvl",
    "janus",
    "kimi_k25",
    "lighton_ocr",
    "minicpm_ocr",
    "mistral3",
    "moss_transcribe_diarize",
    "ovis2",
];

/// Whether the head is tied: Transformers 5.23 goes by the whole, then by the text part's `own` word, then by the class
/// of the whole.
pub(super) fn tied(whole: &Object<'_>, own: Option<bool>) -> Result<Option<bool>, PresetError> {
    if let Some(said) = whole.flag("tie_word_embeddings")?.or(own) {
        return Ok(Some(said));
    }
    let class = whole.text(&["model_type"])?;
    Ok(class.is_some_and(|class| TYING.contains(&class.as_str())).then_some(true))
}
