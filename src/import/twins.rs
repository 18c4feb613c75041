//! Names of types whose modelling code has the parameters and the cache of a known family.
//!
//! Each was counted in Transformers 5.23 or, where its code came with its checkpoint, against what was published.

use super::json::Object;
use crate::families;
use crate::located::PresetError;
use crate::model::Family;

/// One such name.
struct Twin {
    name: &'static str,
    family: &'static str,
    /// Whether its layers are that family's code too.
    code: Code,
    /// Keys that make another model of it, where they say anything.
    unless: &'static [&'static str],
}

/// How alike the modelling code is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Code {
    /// The layers are the family's.
    Same,
    /// They have the same matrices and compute otherwise.
    Other,
}

const fn same(name: &'static str, family: &'static str) -> Twin {
    Twin { name, family, code: Code::Same, unless: &[] }
}

const fn alike(name: &'static str, family: &'static str) -> Twin {
    Twin { name, family, code: Code::Other, unless: &[] }
}

const TWINS: &[Twin] = &[
    alike("baichuan", "llama"),
    alike("cwm", "ministral3"),
    alike("emu3_text_model", "llama"),
    same("exaone4_5", "exaone4"),
    same("exaone4_5_text", "exaone4"),
    same("glm46v", "glm4v_text"),
    same("glm4v", "glm4v_text"),
    same("glm4v_moe", "glm4v_moe_text"),
    same("glmga", "glm4v_text"),
    alike("granitemoe", "mixtral"),
    Twin { unless: &["shared_intermediate_size"], ..alike("granitemoeshared", "mixtral") },
    alike("helium", "llama"),
    Twin { unless: &["bias", "qkv_bias"], ..same("internlm3", "llama") },
    same("iquestcoder", "llama"),
    same("kimi_k2", "deepseek_v3"),
    same("minimax_m3", "minimax_m3_vl_text"),
    same("paddleocr_vl", "paddleocr_vl_text"),
    same("qwen2_5_omni_text", "qwen2"),
    same("qwen2_5_vl", "qwen2"),
    same("qwen2_5_vl_text", "qwen2"),
    same("qwen2_vl", "qwen2"),
    same("qwen2_vl_text", "qwen2"),
    same("qwen3_omni_moe_text", "qwen3_moe"),
    same("qwen3_vl", "qwen3"),
    same("qwen3_vl_moe", "qwen3_moe"),
    same("qwen3_vl_moe_text", "qwen3_moe"),
    same("qwen3_vl_text", "qwen3"),
    same("step3p7", "step3p5"),
    same("step3p7_text", "step3p5"),
    alike("xverse", "llama"),
];

/// The family that a type of this name is, with a note where only its parameters and its cache are; an error where a key
/// makes another model of it.
pub(super) fn family(config: &Object<'_>, id: &str) -> Result<Option<(&'static Family, Option<String>)>, PresetError> {
    let Some(twin) = TWINS.iter().find(|twin| twin.name == id) else { return Ok(None) };
    if let Some(key) = twin.unless.iter().find(|key| config.says(|said| said == **key)) {
        return Err(config.error(key, format!("of `{id}` only models without it are covered")));
    }
    let note = (twin.code == Code::Other).then(|| {
        let family = twin.family;
        format!("`{id}` has the parameters and the cache of `{family}`; what its layers keep is taken from it too")
    });
    Ok(families::family(twin.family).map(|family| (family, note)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_twin_is_of_a_family_and_none_itself() {
        assert!(TWINS.is_sorted_by_key(|twin| twin.name));
        for twin in TWINS {
            assert!(families::family(twin.family).is_some(), "{}", twin.family);
            assert!(families::family(twin.name).is_none(), "{}", twin.name);
        }
    }
}
