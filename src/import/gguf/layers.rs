//! What a GGUF file says of its layers, in the words of a `config.json`: sizes, heads, windows, recurrent mixers.

use serde_json::Value as Json;

use super::document::Document;
use crate::located::PresetError;

/// What every architecture says.
pub(super) fn common(document: &mut Document<'_>) -> Result<(), PresetError> {
    let hidden = document.need("embedding_length")?;
    document.set("hidden_size", "embedding_length", hidden);
    let layers = layers(document)?;
    document.set("num_hidden_layers", "block_count", layers);
    document.copy("context_length", "max_position_embeddings")?;
    if let Some(width) = document.count("feed_forward_length")?.filter(|width| *width > 0) {
        document.set("intermediate_size", "feed_forward_length", width);
    }
    heads(document, hidden)?;
    let embedding = document.tensor("token_embd.weight");
    let rows = embedding.and_then(|table| table.dimensions.get(1).copied());
    match (rows, document.count("vocab_size")?, document.words()) {
        (Some(rows), ..) => document.set_by_tensors("vocab_size", "token_embd.weight", rows),
        (None, Some(size), _) => document.set("vocab_size", "vocab_size", size),
        (None, None, Some(words)) => document.set_by_tensors("vocab_size", "tokenizer.ggml.tokens", words),
        (None, None, None) => return Err(document.error("vocab_size", "missing, and so is token_embd.weight")),
    }
    let untied = document.tensor("output.weight").is_some();
    document.set_by_tensors("tie_word_embeddings", "output.weight", !untied);
    Ok(())
}

/// The decoder's own layers: what predicts further tokens is counted with them in a file.
fn layers(document: &Document<'_>) -> Result<u64, PresetError> {
    let blocks = document.need("block_count")?;
    // Every layer has a tensor.
    if blocks > document.tensors() {
        let tensors = document.tensors();
        return Err(document.error("block_count", &format!("found {blocks}, in a file with {tensors} tensors")));
    }
    if let Some(last) = document.last_layer().filter(|last| *last >= blocks) {
        let message = format!("found {blocks}, in a file with a tensor of layer {last}, counted from 0");
        return Err(document.error("block_count", &message));
    }
    let beyond = document.count("nextn_predict_layers")?.unwrap_or(0);
    blocks.checked_sub(beyond).filter(|layers| *layers > 0).ok_or_else(|| {
        let message = format!("found {beyond} of {blocks} layers, which leaves none that are the decoder's");
        document.error("nextn_predict_layers", &message)
    })
}

fn heads(document: &mut Document<'_>, hidden: u64) -> Result<(), PresetError> {
    const HEADS: &str = "attention.head_count";
    // Models of recurrent layers alone have none.
    let Some(heads) = document.count(HEADS)?.filter(|heads| *heads > 0) else { return Ok(()) };
    document.set("num_attention_heads", HEADS, heads);
    let shared = document.count("attention.head_count_kv")?.filter(|heads| *heads > 0);
    document.set("num_key_value_heads", "attention.head_count_kv", shared.unwrap_or(heads));
    match document.count("attention.key_length")? {
        Some(width) => document.set("head_dim", "attention.key_length", width),
        None => document.set("head_dim", HEADS, hidden / heads),
    }
    Ok(())
}

/// The channels of a head.
fn head_dim(document: &Document<'_>) -> Result<u64, PresetError> {
    let even = |heads: u64| Ok(document.need("embedding_length")? / heads.max(1));
    document.count("attention.key_length")?.map_or_else(|| even(document.need("attention.head_count")?), Ok)
}

/// The share of a head's channels that rotate.
pub(super) fn rotary_share(document: &mut Document<'_>) -> Result<(), PresetError> {
    const KEY: &str = "rope.dimension_count";
    let Some(rotated) = document.count(KEY)? else { return Ok(()) };
    let width = head_dim(document)?;
    if rotated > width {
        return Err(document.error(KEY, &format!("found {rotated}, of heads with {width} channels")));
    }
    document.set("partial_rotary_factor", KEY, ratio(rotated, width.max(1)));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "channels of a head are few; a share is compared with a rounded one")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// A window, and which layers have it where the file says.
pub(super) fn window(document: &mut Document<'_>) -> Result<(), PresetError> {
    const WINDOW: &str = "attention.sliding_window";
    const PATTERN: &str = "attention.sliding_window_pattern";
    match document.count(WINDOW)?.filter(|tokens| *tokens > 0) {
        Some(tokens) => document.set("sliding_window", WINDOW, tokens),
        None => document.set("sliding_window", WINDOW, Json::Null),
    }
    let layers = layers(document)?;
    if let Some(flags) = document.flags(PATTERN) {
        let word = |flag: &i128| if *flag == 0 { "full_attention" } else { "sliding_attention" };
        let own = usize::try_from(layers).unwrap_or(usize::MAX);
        let types: Vec<&str> = flags.iter().take(own).map(word).collect();
        document.set("layer_types", PATTERN, types);
    }
    Ok(())
}

/// llama.cpp's Llamas with experts are Mixtral's.
pub(super) fn llama(document: &Document<'_>) -> &'static str {
    if document.has("expert_count") { "mixtral" } else { "llama" }
}

/// OLMo 3 is OLMo 2 with a window.
pub(super) fn olmo2(document: &Document<'_>) -> &'static str {
    if document.has("attention.sliding_window") { "olmo3" } else { "olmo2" }
}

/// Falcon's Mamba has norms without weights.
pub(super) fn mamba(document: &Document<'_>) -> &'static str {
    if document.flag("ssm.dt_b_c_rms").is_ok_and(|norms| norms == Some(true)) { "falcon_mamba" } else { "mamba" }
}

/// From the third on `DeepSeek` corrects the router's choice.
pub(super) fn deepseek(document: &Document<'_>) -> &'static str {
    const SIGMOID: u64 = 2;
    let gate = document.count("expert_gating_func").ok().flatten();
    let corrected = document.layers_with("blk.%.exp_probs_b.bias").is_some();
    if corrected || gate == Some(SIGMOID) { "deepseek_v3" } else { "deepseek_v2" }
}

/// Latent attention. Files that hold its projection in two have the sizes of the cached latent where others have those of
/// a head, and those of a head under keys of their own.
pub(super) fn latent(document: &mut Document<'_>) -> Result<(), PresetError> {
    let rotated = document.need("rope.dimension_count")?;
    let own = document.has("attention.key_length_mla");
    let [key, value] = if own {
        ["attention.key_length_mla", "attention.value_length_mla"]
    } else {
        ["attention.key_length", "attention.value_length"]
    };
    let width = document.need(key)?;
    let Some(plain) = width.checked_sub(rotated) else {
        return Err(document.error(key, &format!("found {width}, of which {rotated} channels should rotate")));
    };
    document.set("qk_nope_head_dim", key, plain);
    document.set("qk_rope_head_dim", "rope.dimension_count", rotated);
    let values = document.need(value)?;
    document.set("v_head_dim", value, values);
    let rank = document.need("attention.kv_lora_rank")?;
    document.set("kv_lora_rank", "attention.kv_lora_rank", rank);
    match document.count("attention.q_lora_rank")? {
        Some(rank) => document.set("q_lora_rank", "attention.q_lora_rank", rank),
        None => document.set("q_lora_rank", "attention.q_lora_rank", Json::Null),
    }
    let heads = document.need("attention.head_count")?;
    document.set("num_key_value_heads", "attention.head_count", heads);
    // Groups were chosen by one method alone.
    if document.count("expert_group_count")?.is_some_and(|groups| groups > 1) {
        document.set("topk_method", "expert_group_count", "group_limited_greedy");
    }
    Ok(())
}

/// Mamba.
pub(super) fn scan(document: &mut Document<'_>) -> Result<(), PresetError> {
    document.copy("ssm.conv_kernel", "conv_kernel")?;
    document.copy("ssm.state_size", "state_size")?;
    document.copy("ssm.time_step_rank", "time_step_rank")?;
    expansion(document)?;
    biases(document);
    Ok(())
}

/// Mamba 2, whose heads llama.cpp counts where Mamba has a rank.
pub(super) fn scan_by_heads(document: &mut Document<'_>) -> Result<(), PresetError> {
    document.copy("ssm.conv_kernel", "conv_kernel")?;
    document.copy("ssm.state_size", "state_size")?;
    document.copy("ssm.group_count", "n_groups")?;
    let (heads, width) = scan_heads(document)?;
    document.set("num_heads", "ssm.time_step_rank", heads);
    document.set("head_dim", "ssm.inner_size", width);
    expansion(document)?;
    biases(document);
    Ok(())
}

/// How many heads a scan has, and how wide they are.
fn scan_heads(document: &Document<'_>) -> Result<(u64, u64), PresetError> {
    let (inner, heads) = (document.need("ssm.inner_size")?, document.need("ssm.time_step_rank")?);
    if heads == 0 || !inner.is_multiple_of(heads) {
        return Err(document.error("ssm.time_step_rank", &format!("found {heads} heads for {inner} channels")));
    }
    Ok((heads, inner / heads))
}

fn expansion(document: &mut Document<'_>) -> Result<(), PresetError> {
    let (inner, hidden) = (document.need("ssm.inner_size")?, document.need("embedding_length")?);
    if hidden == 0 || !inner.is_multiple_of(hidden) {
        let message = format!("found {inner}, which is no multiple of a stream of {hidden}");
        return Err(document.error("ssm.inner_size", &message));
    }
    document.set("expand", "ssm.inner_size", inner / hidden);
    Ok(())
}

/// Biases of a scan's convolution and of its projections.
fn biases(document: &mut Document<'_>) {
    for (key, tensor) in [("use_conv_bias", "blk.%.ssm_conv1d.bias"), ("use_bias", "blk.%.ssm_in.bias")] {
        let has = document.layers_with(tensor).is_some();
        document.set_by_tensors(key, tensor, has);
    }
}

/// Gated delta nets, and attention in the layers that have queries.
pub(super) fn delta_net(document: &mut Document<'_>) -> Result<(), PresetError> {
    document.copy("ssm.conv_kernel", "linear_conv_kernel_dim")?;
    document.copy("ssm.state_size", "linear_key_head_dim")?;
    document.copy("ssm.group_count", "linear_num_key_heads")?;
    let (heads, width) = scan_heads(document)?;
    document.set("linear_num_value_heads", "ssm.time_step_rank", heads);
    document.set("linear_value_head_dim", "ssm.inner_size", width);
    let layers = layers(document)?;
    let attention = document.layers_with("blk.%.attn_q.weight").cloned().unwrap_or_default();
    let word = |layer| if attention.contains(&layer) { "full_attention" } else { "linear_attention" };
    let types: Vec<&str> = (0..layers).map(word).collect();
    document.set_by_tensors("layer_types", "blk.%.attn_q.weight", types);
    Ok(())
}

/// Nemotron-H: of each layer its tensors say what it is.
pub(super) fn nemotron_h(document: &mut Document<'_>) -> Result<(), PresetError> {
    const LETTERS: [(&str, char); 4] = [
        ("blk.%.ssm_in.weight", 'M'),
        ("blk.%.attn_q.weight", '*'),
        ("blk.%.ffn_gate_inp.weight", 'E'),
        ("blk.%.ffn_up.weight", '-'),
    ];
    let mut pattern = String::new();
    for layer in 0..layers(document)? {
        let has = |tensor: &str| document.layers_with(tensor).is_some_and(|layers| layers.contains(&layer));
        let Some((_, letter)) = LETTERS.into_iter().find(|(tensor, _)| has(tensor)) else {
            let message = format!("layer {layer} has neither a scan nor attention nor a feed-forward network");
            return Err(document.error("block_count", &message));
        };
        pattern.push(letter);
    }
    document.set_by_tensors("hybrid_override_pattern", "blk.%", pattern);
    document.copy("ssm.conv_kernel", "conv_kernel")?;
    document.copy("ssm.state_size", "ssm_state_size")?;
    document.copy("ssm.group_count", "n_groups")?;
    let (heads, width) = scan_heads(document)?;
    document.set("mamba_num_heads", "ssm.time_step_rank", heads);
    document.set("mamba_head_dim", "ssm.inner_size", width);
    biases(document);
    for (key, tensor) in [("attention_bias", "blk.%.attn_q.bias"), ("mlp_bias", "blk.%.ffn_up.bias")] {
        let has = document.layers_with(tensor).is_some();
        document.set_by_tensors(key, tensor, has);
    }
    Ok(())
}
