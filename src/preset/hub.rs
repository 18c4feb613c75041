//! Names as the Hugging Face hub has them, and the presets of the same shapes.

/// Parts of a name that say how a model was tuned or published, not which shapes it has.
const TUNED: &[&str] = &["meta", "base", "pt", "it", "instruct", "chat", "hf", "unsloth", "dynamic", "bf16", "fp16"];

/// Those that say that the weights are quantized.
const QUANTIZED: &[&str] = &[
    "bnb",
    "4bit",
    "8bit",
    "gptq",
    "awq",
    "int4",
    "int8",
    "fp8",
    "nvfp4",
    "mxfp4",
    "gguf",
    "quantized",
    "w4a16",
    "w8a8",
    "w8a16",
    "qat",
];

/// The parts of a name that tell shapes apart.
fn shapes(name: &str) -> Vec<String> {
    let same = |part: &str| TUNED.contains(&part) || QUANTIZED.contains(&part);
    parts(name).into_iter().filter(|part| !same(part)).collect()
}

fn parts(name: &str) -> Vec<String> {
    let last = name.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_lowercase();
    // `quantized.w4a16`
    last.replace("quantized.", "quantized-").split(['-', '_']).map(str::to_owned).collect()
}

/// The first of these ids whose shapes a name speaks of; the one that shares most of it.
pub(crate) fn same_shapes<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (whole, wanted) = (parts(name), shapes(name));
    let shared = |id: &str| parts(id).iter().filter(|part| whole.contains(part)).count();
    let alike = known.filter(|id| wanted.len() > 1 && shapes(id) == wanted);
    // Of equals the first.
    alike.fold(None, |best: Option<&str>, id| match best {
        Some(best) if shared(best) >= shared(id) => Some(best),
        _ => Some(id),
    })
}

/// Whether a name says that its weights are quantized.
pub(super) fn is_quantized(name: &str) -> bool {
    parts(name).iter().any(|part| QUANTIZED.contains(&part.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_hub_lead_to_the_preset_of_the_same_shapes() {
        let known =
            ["llama-3.1-8b", "llama-3.1-70b", "gemma-3-4b-it", "meta-llama-3-8b", "mistral-7b-v0.1", "qwen2.5-7b"];
        for (name, id) in [
            ("meta-llama/Llama-3.1-8B-Instruct", Some("llama-3.1-8b")),
            ("meta-llama/Meta-Llama-3.1-8B/", Some("llama-3.1-8b")),
            ("google/gemma-3-4b-pt", Some("gemma-3-4b-it")),
            ("unsloth/Meta-Llama-3.1-8B-Instruct-unsloth-bnb-4bit", Some("llama-3.1-8b")),
            ("RedHatAI/Meta-Llama-3.1-70B-Instruct-quantized.w4a16", Some("llama-3.1-70b")),
            ("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", Some("qwen2.5-7b")),
            ("mistralai/Mistral-7B-Instruct-v0.1", Some("mistral-7b-v0.1")),
            ("mistralai/Mistral-7B-Instruct-v0.2", None),
            ("Qwen/Qwen2.5-Coder-7B", None),
            ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", None),
            ("instruct", None),
        ] {
            assert_eq!(same_shapes(name, known.into_iter()), id, "{name}");
        }
        assert!(is_quantized("unsloth/x-bnb-4bit") && !is_quantized("google/gemma-3-4b-it"));
        let both = ["a-7b", "a-7b-instruct"];
        assert_eq!(same_shapes("o/A-7B-Instruct", both.into_iter()), Some("a-7b-instruct"));
        assert_eq!(same_shapes("o/A-7B-Chat", both.into_iter()), Some("a-7b"));
    }
}
