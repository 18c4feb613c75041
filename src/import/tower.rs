//! The vision or audio tower that a `config.json` has beside its decoder, and what of the file is left out.

use super::json::Object;
use crate::located::PresetError;
use crate::model::keys::{Keyed, Sides, Source, TowerKeys};
use crate::model::tower::Composite;

/// Keys of the projector, which stand in the configuration around the tower's.
const OF_PROJECTOR: &[&str] = &[
    "projector_hidden_size",
    "projector_bias",
    "projector_use_layernorm",
    "multimodal_projector_bias",
    "scale_factor",
    "downsample_factor",
    "downsample_ratio",
    "mm_tokens_per_image",
    "vision_feature_select_strategy",
];

/// What is called otherwise than its key says.
const WORDS: &[(&str, &str)] = &[
    ("vision_config", "vision tower"),
    ("visual", "vision tower"),
    ("audio_config", "audio tower"),
    ("speech_config", "audio tower"),
    ("qformer_config", "Q-Former"),
    ("perceiver_config", "resampler"),
    ("vq_config", "image tokenizer"),
];

/// Parts that are counted otherwise, or are no part of what is counted here at all.
const OTHERS: &[&str] = &["text_config", "llm_config", "language_config", "thinker_config"];

/// The keys of a tower, where the class has one that is known.
pub(super) fn keys(outer: &Object<'_>, text_intermediate: Option<u64>) -> Result<Option<TowerKeys>, PresetError> {
    let Some(composite) = composite(outer)? else { return Ok(None) };
    let own = outer.object(composite.object())?;
    // Gemma 4's class has a tower where its file describes one.
    if own.is_none() && composite.is_optional() {
        return Ok(None);
    }
    let source = Tower { outer, own: own.as_ref() };
    let mut keys = TowerKeys::read(&source, "tower")?;
    keys.composite = Some(composite.model_type.to_owned());
    keys.image_grid_pinpoints = outer.count_pairs("image_grid_pinpoints")?;
    keys.vision_feature_layers = outer.length("vision_feature_layer");
    keys.num_aspect_ratios = own.as_ref().and_then(|own| own.length("supported_aspect_ratios"));
    if let Some(object) = composite.resampler_object() {
        keys.text_intermediate_size = text_intermediate;
        if let Some(between) = outer.object(object)? {
            keys.resampler_n_latents = between.count(&["resampler_n_latents"])?;
            keys.resampler_depth = between.count(&["resampler_depth"])?;
            keys.resampler_n_heads = between.count(&["resampler_n_heads"])?;
            keys.resampler_head_dim = between.count(&["resampler_head_dim"])?;
            keys.resampler_num_key_value_heads = between.count(&["num_key_value_heads"])?;
        }
    }
    if keys.spatial_merge_size.is_none() {
        keys.spatial_merge_size = outer.count(&["spatial_merge_size"])?;
    }
    Ok(Some(keys))
}

/// Parts that the file describes and that are not counted, in words.
pub(super) fn omitted(outer: &Object<'_>, has_tower: bool) -> Result<Vec<String>, PresetError> {
    let class = composite(outer)?.filter(|_| has_tower);
    let counted = class.map(|class| [Some(class.object()), class.resampler_object()]).unwrap_or_default();
    let mut omitted = Vec::new();
    for key in outer.parts().filter(|key| !counted.contains(&Some(*key)) && !OTHERS.contains(key)) {
        let words = WORDS.iter().find(|(known, _)| *known == key).map(|(_, words)| (*words).to_owned());
        let words = words.unwrap_or_else(|| key.trim_end_matches("_config").replace('_', " "));
        let kind = outer.object(key)?.and_then(|part| part.text(&["model_type"]).ok().flatten());
        omitted.push(kind.map_or_else(|| words.clone(), |kind| format!("{words} ({kind})")));
    }
    Ok(omitted)
}

/// The class around a tower: not where the file names the decoder's own class.
fn composite(outer: &Object<'_>) -> Result<Option<&'static Composite>, PresetError> {
    let of_text = |class: &String| class.ends_with("ForCausalLM") || class.ends_with("TextModel");
    let architectures = outer.words("architectures")?.unwrap_or_default();
    if !architectures.is_empty() && architectures.iter().all(of_text) {
        return Ok(None);
    }
    Ok(outer.text(&["model_type"])?.as_deref().and_then(Composite::named))
}

/// A tower's keys: its own object's, and the projector's from around it.
struct Tower<'c, 't> {
    outer: &'c Object<'t>,
    own: Option<&'c Object<'t>>,
}

impl<'t> Tower<'_, 't> {
    fn read<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&Object<'t>, &'static [&'static str]) -> Result<Option<T>, PresetError>,
    ) -> Result<Option<T>, PresetError> {
        let names = TowerKeys::spellings(&[], key).unwrap_or_default();
        let object = if OF_PROJECTOR.contains(&key) { Some(self.outer) } else { self.own };
        object.map_or(Ok(None), |object| read(object, names))
    }

    fn by_name<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&Object<'t>, &'static str) -> Result<Option<T>, PresetError>,
    ) -> Result<Option<T>, PresetError> {
        self.read(key, |object, names| object.spelling(names).map_or(Ok(None), |name| read(object, name)))
    }
}

impl Source for Tower<'_, '_> {
    type Error = PresetError;

    fn count(&self, key: &'static str) -> Result<Option<u64>, PresetError> {
        self.read(key, Object::count)
    }

    fn number(&self, key: &'static str) -> Result<Option<f64>, PresetError> {
        self.read(key, Object::number)
    }

    fn flag(&self, key: &'static str) -> Result<Option<bool>, PresetError> {
        self.by_name(key, Object::flag)
    }

    fn text(&self, key: &'static str) -> Result<Option<String>, PresetError> {
        self.read(key, Object::text)
    }

    fn counts(&self, key: &'static str) -> Result<Option<Vec<u64>>, PresetError> {
        self.by_name(key, Object::counts)
    }

    fn numbers(&self, key: &'static str) -> Result<Option<Vec<f64>>, PresetError> {
        self.by_name(key, Object::numbers)
    }

    fn words(&self, key: &'static str) -> Result<Option<Vec<String>>, PresetError> {
        self.by_name(key, Object::words)
    }

    fn sides(&self, key: &'static str) -> Result<Option<Sides>, PresetError> {
        self.by_name(key, Object::sides)
    }

    fn group<K: Keyed>(&self, _: &'static str) -> Result<Option<K>, PresetError> {
        Ok(None)
    }

    fn groups<K: Keyed>(&self, _: &'static str) -> Result<Option<Vec<K>>, PresetError> {
        Ok(None)
    }
}
