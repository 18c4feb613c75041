//! What programs that store weights in formats of their own know a family as.

use crate::model::Family;

/// What llama.cpp's mixtures ask of a file's architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LlamaCpp {
    /// Falcon, whose mixtures differ.
    Falcon,
    /// One whose models of eighty layers are its 70B: all of them, or those whose heads share keys and values.
    Seventy {
        /// Whether it asks for shared keys and values.
        shared: bool,
    },
    /// Gemma 3n and 4, whose files have keys and values of layers too that take an earlier layer's.
    WithUnused,
    /// None: it has no such models.
    Absent,
    /// Any other.
    Other,
}

/// What llama.cpp v0.5.0 has a family as (`src/models`, where each architecture names its sizes).
pub fn llama_cpp(family: &Family) -> LlamaCpp {
    match family.id {
        "falcon" => LlamaCpp::Falcon,
        "llama" | "mistral" | "mixtral" => LlamaCpp::Seventy { shared: true },
        "qwen2" | "nemotron-nas" => LlamaCpp::Seventy { shared: false },
        "gemma3n_text" | "gemma4_text" => LlamaCpp::WithUnused,
        "opt" | "gpt_neo" | "gptj" | "vaultgemma" | "mllama_text_model" | "minimax" | "megatron-gpt"
        | "megatron-hybrid" => LlamaCpp::Absent,
        _ => LlamaCpp::Other,
    }
}

/// What a class of mlx-lm quantizes otherwise than every other matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mlx {
    /// Nothing.
    Plain,
    /// Routers are arrays and no layers, and stay in 16 bits.
    RouterArrays,
    /// Routers have 8 bits.
    WideRouters,
    /// Routers and the gate of the shared expert have 8 bits.
    WideRoutersAndGate,
    /// Outputs of attention and networks and the head have 8 bits.
    WideOutputs,
    /// Nothing, but it has keys and values of layers too that take an earlier layer's.
    WithUnused,
}

/// Classes of mlx-lm 0.32.2 (`quant_predicate` of each), by what they quantize otherwise.
const MLX: [(Mlx, &[&str]); 6] = [
    (
        Mlx::Plain,
        &[
            "llama",
            "mistral",
            "ministral3",
            "qwen2",
            "qwen3",
            "qwen3_5",
            "gemma",
            "gemma2",
            "gemma3_text",
            "cohere",
            "cohere2",
            "phi",
            "phi3",
            "stablelm",
            "starcoder2",
            "olmo",
            "olmo2",
            "olmo3",
            "exaone4",
            "glm",
            "glm4",
            "gpt2",
            "gpt_bigcode",
            "gpt_neox",
            "gptj",
            "mimo",
            "seed_oss",
            "smollm3",
            "internlm2",
            "nemotron",
            "apertus",
            "hunyuan_v1_dense",
            "mamba",
            "mamba2",
            "falcon_mamba",
            "falcon_h1",
            "lfm2",
            "mixtral",
            "qwen2_moe",
            "olmoe",
            "ernie4_5",
            "ernie4_5_moe",
            "phimoe",
            "mistral4",
            "hunyuan_v1_moe",
        ],
    ),
    (
        Mlx::RouterArrays,
        &[
            "deepseek",
            "deepseek_v2",
            "deepseek_v3",
            "deepseek_v32",
            "glm4_moe",
            "glm4_moe_lite",
            "glm_moe_dsa",
            "dots1",
            "mimo_v2_flash",
            "nemotron_h",
        ],
    ),
    (
        Mlx::WideRouters,
        &[
            "qwen3_moe",
            "gpt_oss",
            "lfm2_moe",
            "jamba",
            "minimax",
            "minimax_m2",
            "gemma4_text",
            "granitemoehybrid",
            "kimi_linear",
            "bailing_moe",
            "step3p5",
        ],
    ),
    (Mlx::WideRoutersAndGate, &["qwen3_next", "qwen3_5_moe"]),
    (Mlx::WideOutputs, &["granite"]),
    (Mlx::WithUnused, &["gemma3n_text"]),
];

/// What mlx-lm's class of a family quantizes otherwise; nothing where it has none that is known.
pub fn mlx(family: &Family) -> Option<Mlx> {
    MLX.into_iter().find(|(_, ids)| ids.contains(&family.id)).map(|(class, _)| class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::family;

    /// A family stands once, and is one.
    #[test]
    fn classes_of_mlx_are_families() {
        let ids: Vec<&str> = MLX.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
        for id in &ids {
            assert!(family(id).is_some(), "{id}");
            assert_eq!(ids.iter().filter(|other| other == &id).count(), 1, "{id}");
        }
    }
}
