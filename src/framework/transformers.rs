//! Hugging Face Transformers 5.23 under PyTorch 2.15: which operations each family's modelling code is made of.
//!
//! Read off that code and measured with autograd's own saved tensors; the models it was checked on are the cases of
//! `tests/reference`.

mod encoders;
mod experts;
mod hybrid;
mod legacy;
mod measured;
mod modern;
mod order;
mod seq2seq;

use crate::model::{Family, Model};

pub use experts::adapts_experts;
pub use measured::MEASURED;
pub use order::{ModuleOrder, Modules, OutputSaved, SavedLayer, SavedOrder};

/// The version that is described, as entries name it.
pub const SOURCE: &str = "Transformers 5.23 modelling code under PyTorch 2.15 autograd, measured";

/// The same for families on which no step was measured.
pub const DERIVED: &str = "Transformers 5.23 modelling code, derived from its tensors, not measured";

/// What a family's modelling code does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent habits of modelling code")]
pub struct Implementation {
    /// How the norms are written.
    pub norm: NormCode,
    /// How a fused query-key-value projection is taken apart.
    pub fused_projection: FusedProjection,
    /// How queries and keys are rotated.
    pub rotation: Rotation,
    /// Whether cosines and sines stay in fp32, and what they turn with them.
    pub rotary_in_fp32: bool,
    /// Whether queries and keys are widened to fp32 before they are turned.
    pub rotary_inputs_in_fp32: bool,
    /// Where a layer has its cosines and sines from.
    pub tables: TableCode,
    /// Whether queries and keys are both turned before either is put together again.
    pub turned_together: bool,
    /// Whether the turned parts stay in variables until attention returns.
    pub holds_turned_parts: bool,
    /// Whether query and key norms come after all three projections.
    pub norms_after_projections: bool,
    /// How learned positions are looked up.
    pub positions: PositionCode,
    /// Whether layers are given the numbers of positions, which then stay until the layers are recomputed.
    pub layers_read_positions: bool,
    /// Whether queries and keys are widened to fp32 before their product.
    pub scores_in_fp32: bool,
    /// What becomes of the product of queries and keys before its softmax.
    pub scores: ScoreCode,
    /// Whether the layers' linear operations are products with a transposed matrix, of whose 16-bit copy autocast keeps
    /// none, and add their bias afterwards.
    pub transposed_linears: bool,
    /// Whether attention carries a mask of its own even where the kernel would know.
    pub always_masked: bool,
    /// Whether keys and values of one head reach the kernel as they are; a product expands them after autocast's copy.
    pub expanded_late: bool,
    /// Whether the sum of attention and feed-forward is written over the latter, and dropout acts on that sum alone.
    pub sums_in_place: bool,
    /// Whether queries, keys and values are copied with their heads and sequences in one dimension before anything else,
    /// and stay so until attention returns.
    pub flattened_heads: bool,
    /// Whether queries are multiplied by a constant as they are projected.
    pub scaled_queries: bool,
    /// Whether a layer returns its attention weights, which then stay until the next one returns.
    pub returns_weights: bool,
    /// Whether the feed-forward network is written in the layer itself, whose variable goes from step to step.
    pub feed_forward_in_layer: bool,
    /// Whether query and key norms come after the rotation.
    pub norms_after_rotation: bool,
    /// Whether queries and keys are widened to fp32 once as they are and once as their turned halves.
    pub halves_widened_apart: bool,
    /// Whether rotated queries are multiplied by a number for each position.
    pub queries_scaled_by_position: bool,
    /// Whether queries that are not rotated are multiplied by a number for each position, in fp32.
    pub unrotated_queries_scaled: bool,
    /// Whether linear layers are GPT-2's, which add their matrix first and whose arguments autocast casts the other way round.
    pub conv1d: bool,
    /// Whether what a layer adds to the residual stream is multiplied by a constant first.
    pub scaled_residuals: bool,
    /// How long the variable for a norm's output has it.
    pub holds_normed: HeldNorm,
    /// Whether logits are multiplied by a constant.
    pub scaled_logits: bool,
    /// Whether eager attention computes its softmax in fp32.
    pub softmax_in_fp32: bool,
    /// Whether the embedding is multiplied by a constant.
    pub scaled_embedding: bool,
    /// Whether that constant is a buffer.
    pub embedding_scale_buffer: bool,
    /// Whether dropout acts after the embedding.
    pub embedding_dropout: bool,
    /// Whether dropout acts before residuals are added.
    pub hidden_dropout: bool,
    /// Whether that dropout acts on the attention output too.
    pub attention_output_dropout: bool,
    /// Whether it does so while attention still has its variables.
    pub drops_inside_attention: bool,
    /// Whether dropout of attention weights acts on the attention output in their place.
    pub attention_dropout_on_output: bool,
    /// Whether a checkpoint keeps the attention mask as one of its inputs.
    pub checkpoint_keeps_mask: bool,
    /// Whether PyTorch's fused kernels cannot compute the attention, so that only eager attention was measured.
    pub eager_only: bool,
    /// Whether masks for layers with and without a window are made even where no layer uses one of them.
    pub both_masks: bool,
    /// Whether a mask for layers without a window is made even where all have one.
    pub always_full_mask: bool,
    /// Whether a mask for a window is made although no layer has one.
    pub mask_without_window: bool,
    /// Whether layers with and without a window rotate by tables of their own.
    pub tables_by_window: bool,
    /// Whether each sequence has tables of its own, for positions in more than one direction.
    pub tables_by_sequence: bool,
    /// Whether the attention output stays in a variable until the layer returns.
    pub holds_attention_output: bool,
    /// Whether recurrent mixers multiply their input and its projection by constants.
    pub scaled_mixer: bool,
    /// Whether the residual stream is fp32 between layers, and logits are widened.
    pub stream_in_fp32: bool,
    /// Whether queries, keys and values are all projected before heads are taken apart.
    pub heads_after_projections: bool,
    /// Whether a layer whose parts stand side by side adds attention's output to the stream before the feed-forward
    /// network's, and not both to each other.
    pub adds_attention_first: bool,
    /// The order in which checkpoints name tables, layers and the head.
    pub saved: SavedOrder,
    /// How they name what a layer is made of.
    pub saved_layer: SavedLayer,
    /// Whether the feed-forward network drops its own output, while its input is still there.
    pub drops_with_input: bool,
    /// Whether a token begins each sequence, which `generate()` keeps on the card as those that end one.
    pub begins_with_token: bool,
    /// How a router chooses experts.
    pub router: RouterCode,
    /// How an expert's gate acts.
    pub expert_gate: GateCode,
    /// Whether the buffer that corrects a router's choice stays in fp32.
    pub correction_bias_in_fp32: bool,
    /// Whether a training step can be recorded: all that keeps something for backward is known.
    pub trains: bool,
    /// Whether steps of this family were measured. What is only read off the code is an estimate: rules written before
    /// measuring were up to 5 % off.
    pub measured: bool,
    /// Whether the expert of every token computes before the routed ones.
    pub shared_expert_first: bool,
    /// Whether tokens see each other in both directions, so that without padding or a window nothing is masked.
    pub bidirectional: bool,
    /// Whether queries and keys are widened to fp32 anew for each of the two products that turn them.
    pub widened_at_each_use: bool,
    /// Whether attention weights keep the type of their softmax until they are multiplied by the values.
    pub weights_as_softmax: bool,
    /// Whether dropout acts on attention weights beside what it does to attention's output.
    pub drops_weights_too: bool,
    /// Whether dropout acts on what the last matrix of a feed-forward network reads, and not on what it gives.
    pub drops_inside_feed_forward: bool,
    /// Whether each layer makes the bias of its scores anew, where those have one by distance.
    pub biases_by_layer: bool,
    /// Whether a decoder's output is multiplied by a constant; `None`: where its head is tied.
    pub scales_decoder_output: Option<bool>,
    /// How the loss is computed from logits.
    pub loss: LossCode,
    /// The order of a layer's modules.
    pub modules: Modules,
}

/// How long a layer's variable has the output of a norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldNorm {
    /// Until what reads it returns.
    UntilRead,
    /// Until the residual has been added.
    UntilAdded,
    /// The first until the layer has its output; the second until what reads it returns.
    FirstUntilOutput,
    /// Until that of the next norm takes its place; attention and feed-forward network add the residual themselves.
    UntilNextNorm,
}

/// How the loss is computed from logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossCode {
    /// Over logits in fp32, with labels shifted to the token before.
    Shifted,
    /// Over logits in fp32, with labels as they are given.
    MaskedInFp32,
    /// Over logits in the type that they have, with labels as they are given.
    Masked,
}

/// How the gate of an expert is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateCode {
    /// The activated gate times up, each one half of the channels.
    Halves,
    /// gpt-oss's: gate and up alternate and are clamped, `gate·sigmoid(α·gate)·(up + 1)` in single operations.
    Clamped,
}

/// How a router weighs the experts that it chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouterCode {
    /// Mixtral's: softmax over all experts, weights stay in fp32.
    SoftmaxInFp32,
    /// Qwen's: softmax over all experts, weights in the type of the scores.
    SoftmaxThenCast,
    /// Llama 4's: every token passes through every expert, weighed by the sigmoid of its score, zero for most.
    EveryExpert,
    /// Granite 4's: the best scores, then their softmax in fp32.
    TopThenSoftmax,
    /// LFM2's: sigmoid in the type of the scores, all experts in one group.
    SigmoidAsScored,
    /// DeepSeek-V3's: sigmoid in fp32, the best groups of experts, then the best experts of those.
    SigmoidByGroup,
    /// DeepSeek-V2's: softmax of a product in fp32, the best groups of experts where there are several, then the best
    /// experts of those.
    SoftmaxByGroup,
    /// MiniMax-M2's: sigmoid of the scores in fp32, the best experts.
    Sigmoid,
    /// gpt-oss's: softmax over the chosen experts, in the type of the scores.
    SoftmaxOfChosen,
}

/// How learned positions are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionCode {
    /// GPT-2's: by the number of each position, once for all sequences.
    Shared,
    /// OPT's: for each sequence by the running sum of its mask, which is made where the batch has none.
    FromMask,
    /// BERT's: by rows of a buffer, once for all sequences, after the types of tokens.
    FromBuffer,
    /// RoBERTa's: for each sequence by how many of its tokens are no padding, after the types of tokens.
    FromTokens,
}

/// Where a layer has its cosines and sines from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableCode {
    /// The model makes them once for all layers.
    OfModel,
    /// The same, and each layer makes copies in which every value stands twice in a row.
    Interleaved,
    /// GPT-J's: each layer gathers them from a buffer of its own, doubles them anew for keys and for queries, and turns
    /// heads as they are projected.
    Gathered,
}

/// What becomes of the product of queries and keys before its softmax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreCode {
    /// It is multiplied by a constant, and the mask is added.
    Scaled,
    /// BLOOM's: the product itself scales and adds the bias of positions; it and its sum with the mask stay until
    /// attention returns.
    Biased,
    /// MPT's: the same by parts, with a bias in fp32 for the longest sequence, and the mask fills what it covers; the
    /// result stays until attention returns.
    BiasedThenFilled,
    /// GPT-Neo's: chosen where a buffer of each layer lets it through, and the mask is added.
    Chosen,
    /// Falcon's: it is divided in place and stays until the softmax is there, whose type is that of the layer's input.
    InPlace,
}

/// How a norm is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormCode {
    /// Llama's: normalise in fp32, cast, multiply by the weight.
    CastThenWeight,
    /// Llama 4's: the same in single expressions, with no value in a variable.
    CastThenWeightAtOnce,
    /// T5's: the input itself times its reciprocal deviation, cast where the weight has 16 bits, times the weight.
    InputThenWeight,
    /// OLMo 2's: normalise in fp32, multiply by the weight, cast.
    WeightThenCast,
    /// Nemotron-H's: the same with an fp32 copy of the weight.
    WideWeightThenCast,
    /// Gemma's: normalise in fp32, multiply by one plus the weight in fp32, cast.
    OnePlusWeight,
    /// `torch.nn.LayerNorm`: one operation.
    Fused,
    /// Nemotron's: one operation over one plus the weight, in the type of matrix products.
    FusedOnePlusWeight,
    /// Cohere's layer norm, written out in fp32.
    LayerWrittenOut,
    /// OLMo's: one operation without weights, in fp32.
    FusedWithoutWeight,
}

/// How a fused query-key-value projection is taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FusedProjection {
    /// GPT-2: a split of the last dimension before heads are separated.
    SplitThenHeads,
    /// GPT-NeoX: heads are separated first, then each is split in three.
    HeadsThenSplit,
    /// Phi-3: three slices, each with a full-width gradient of its own.
    Slices,
    /// BLOOM: heads are separated first, then query, key and value of each are selected, each with a full-width gradient
    /// of its own; the projection stays until attention returns.
    Selected,
    /// Falcon: the same where each query has its key and value; else queries are sliced, keys and values copied by their
    /// index.
    Indexed,
    /// ModernBERT: heads are separated first, then query, key and value are unbound, whose gradients are stacked.
    Unbound,
    /// GPT-BigCode's: GPT-2's where one key and value serves all heads, else GPT-NeoX's.
    SplitByHeads,
}

/// How queries and keys are rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Positions are learned.
    None,
    /// All channels.
    Whole,
    /// All channels as complex numbers, in fp32.
    Complex,
    /// A part of the channels, put together again with the rest, even where the rest is empty.
    Concatenated,
    /// The two halves of the channels, turned apart and put together again; tables are as wide as a half.
    Halves,
}

/// The modelling code of a model: that of its family, unmeasured where its structure was only assumed.
pub fn of_model(model: &Model) -> Implementation {
    let code = implementation(model.family);
    Implementation { measured: code.measured && model.card.assumed.is_none(), ..code }
}

/// Llama's modelling code, from which the others are told.
const LLAMA: Implementation = Implementation {
    norm: NormCode::CastThenWeight,
    fused_projection: FusedProjection::Slices,
    rotation: Rotation::Whole,
    rotary_in_fp32: false,
    rotary_inputs_in_fp32: false,
    tables: TableCode::OfModel,
    turned_together: false,
    holds_turned_parts: false,
    norms_after_projections: false,
    norms_after_rotation: false,
    halves_widened_apart: false,
    queries_scaled_by_position: false,
    unrotated_queries_scaled: false,
    positions: PositionCode::Shared,
    layers_read_positions: true,
    scores_in_fp32: false,
    scores: ScoreCode::Scaled,
    transposed_linears: false,
    always_masked: false,
    expanded_late: false,
    sums_in_place: false,
    flattened_heads: false,
    scaled_queries: false,
    returns_weights: false,
    feed_forward_in_layer: false,
    conv1d: false,
    scaled_residuals: false,
    holds_normed: HeldNorm::UntilRead,
    scaled_logits: false,
    softmax_in_fp32: true,
    scaled_embedding: false,
    embedding_scale_buffer: false,
    embedding_dropout: false,
    hidden_dropout: false,
    attention_output_dropout: true,
    drops_inside_attention: false,
    attention_dropout_on_output: false,
    checkpoint_keeps_mask: false,
    eager_only: false,
    both_masks: false,
    always_full_mask: false,
    mask_without_window: false,
    tables_by_window: false,
    tables_by_sequence: false,
    holds_attention_output: false,
    scaled_mixer: false,
    stream_in_fp32: false,
    adds_attention_first: false,
    heads_after_projections: false,
    saved: SavedOrder::HeadFirst,
    saved_layer: SavedLayer { attention_first: false, output: OutputSaved::ByName, up_first: false },
    drops_with_input: false,
    begins_with_token: true,
    router: RouterCode::SoftmaxInFp32,
    expert_gate: GateCode::Halves,
    correction_bias_in_fp32: false,
    trains: true,
    measured: false,
    shared_expert_first: false,
    bidirectional: false,
    widened_at_each_use: false,
    weights_as_softmax: false,
    drops_weights_too: false,
    drops_inside_feed_forward: false,
    biases_by_layer: false,
    scales_decoder_output: None,
    loss: LossCode::Shifted,
    modules: Modules::in_order(ModuleOrder::NormsLast),
};

/// Families whose configuration names no token that begins a sequence.
const BEGIN_WITHOUT: &[&str] = &[
    "dbrx",
    "dots1",
    "glm",
    "glm4",
    "glm4_moe",
    "gpt_oss",
    "hy_v3",
    "mpt",
    "olmo",
    "olmo2",
    "olmo3",
    "olmoe",
    "qwen2",
    "qwen2_moe",
    "qwen3",
    "qwen3_5",
    "qwen3_5_moe",
    "qwen3_moe",
    "qwen3_next",
    "step3p5",
];

/// Families whose attention projects queries, keys and values before it takes the heads of any apart.
const HEADS_AFTER_PROJECTIONS: &[&str] = &["minimax_m2", "olmo", "olmo2", "olmo3", "olmoe", "opt", "stablelm"];

/// The modelling code of a family.
pub fn implementation(family: &Family) -> Implementation {
    let code = computation(family);
    Implementation {
        begins_with_token: !BEGIN_WITHOUT.contains(&family.id),
        heads_after_projections: HEADS_AFTER_PROJECTIONS.contains(&family.id),
        measured: MEASURED.contains(&family.id),
        saved_layer: SavedLayer::of(family.id),
        modules: code.modules.of(family.id),
        ..code
    }
}

fn computation(family: &Family) -> Implementation {
    let llama = LLAMA;
    match family.id {
        "gpt2" => Implementation {
            norm: NormCode::Fused,
            fused_projection: FusedProjection::SplitThenHeads,
            rotation: Rotation::None,
            softmax_in_fp32: false,
            embedding_dropout: true,
            hidden_dropout: true,
            drops_inside_attention: true,
            checkpoint_keeps_mask: true,
            holds_attention_output: true,
            holds_normed: HeldNorm::UntilAdded,
            conv1d: true,
            saved: SavedOrder::LayersBeforeTables,
            modules: Modules::in_order(ModuleOrder::AsComputed),
            ..llama
        },
        "gpt_neox" => Implementation {
            saved: SavedOrder::HeadLast,
            norm: NormCode::Fused,
            fused_projection: FusedProjection::HeadsThenSplit,
            rotation: Rotation::Concatenated,
            turned_together: true,
            embedding_dropout: true,
            hidden_dropout: true,
            modules: Modules::in_order(ModuleOrder::NormsFirst),
            ..llama
        },
        "opt" | "gptj" | "bloom" | "falcon" | "mpt" | "gpt_neo" | "gpt_bigcode" => {
            legacy::implementation(family.id, llama)
        }
        "bert" | "roberta" | "xlm-roberta" | "modernbert" => encoders::implementation(family.id, llama),
        "t5" | "mt5" | "umt5" => seq2seq::implementation(family.id, llama),
        "vit" => encoders::of_images(llama),
        "phi3" => Implementation { rotation: Rotation::Concatenated, hidden_dropout: true, ..llama },
        "olmo2" => Implementation { norm: NormCode::WeightThenCast, rotary_in_fp32: true, ..llama },
        "gemma" | "gemma2" | "gemma3_text" => Implementation {
            norm: NormCode::OnePlusWeight,
            scaled_embedding: true,
            embedding_scale_buffer: true,
            eager_only: family.id == "gemma2",
            both_masks: family.id != "gemma",
            tables_by_window: family.id == "gemma3_text",
            norms_after_projections: true,
            ..llama
        },
        "glm4" => Implementation {
            rotation: Rotation::Concatenated,
            tables: TableCode::Interleaved,
            turned_together: true,
            ..llama
        },
        "stablelm" | "phi" => Implementation {
            norm: NormCode::Fused,
            rotation: Rotation::Concatenated,
            turned_together: true,
            holds_turned_parts: true,
            norms_after_projections: true,
            holds_normed: if family.id == "phi" { HeldNorm::UntilRead } else { HeldNorm::FirstUntilOutput },
            holds_attention_output: family.id == "stablelm",
            embedding_dropout: family.id == "phi",
            hidden_dropout: true,
            attention_output_dropout: family.id == "phi",
            ..llama
        },
        "cohere" => Implementation {
            norm: NormCode::LayerWrittenOut,
            rotary_in_fp32: true,
            rotary_inputs_in_fp32: true,
            norms_after_projections: true,
            scaled_logits: true,
            adds_attention_first: true,
            ..llama
        },
        "starcoder2" => Implementation {
            norm: NormCode::Fused,
            embedding_dropout: true,
            hidden_dropout: true,
            drops_inside_attention: true,
            drops_with_input: true,
            ..llama
        },
        "olmo" => Implementation { norm: NormCode::FusedWithoutWeight, rotary_in_fp32: true, ..llama },
        "granite" => Implementation { scaled_embedding: true, scaled_residuals: true, scaled_logits: true, ..llama },
        id => hybrid::implementation(id, modern::implementation(id, experts::implementation(family, llama))),
    }
}

/// The names that modules of a family have for a linear layer, by which PEFT finds its targets.
pub fn module_names(family: &Family, linear: &str) -> &'static [&'static str] {
    if let Some(names) = encoders::module_names(family.id, linear) {
        return names;
    }
    if let Some(names) = seq2seq::module_names(linear).filter(|_| family.seq2seq.is_some()) {
        return names;
    }
    match (family.id, linear) {
        ("gpt2" | "gpt_bigcode", "attention.query key value") => &["c_attn"],
        ("gpt2" | "gpt_bigcode", "attention.output") => &["attn.c_proj", "c_proj"],
        ("gpt2" | "gpt_bigcode", "mlp.down") => &["mlp.c_proj", "c_proj"],
        ("gpt_neox" | "bloom" | "falcon" | "bailing_moe", "attention.query key value") => &["query_key_value"],
        ("gpt_neox" | "phi" | "bloom" | "falcon" | "persimmon" | "bailing_moe", "attention.output") => &["dense"],
        ("gpt_neox" | "bloom" | "falcon", "mlp.up") => &["dense_h_to_4h"],
        ("gpt_neox" | "bloom" | "falcon", "mlp.down") => &["dense_4h_to_h"],
        ("mpt", "attention.query key value") => &["Wqkv"],
        ("mpt" | "opt" | "gptj" | "gpt_neo", "attention.output") => &["out_proj"],
        ("opt", "embedding projection") => &["project_in"],
        ("opt", "head projection") => &["project_out"],
        ("opt" | "phi", "mlp.up") => &["fc1"],
        ("opt" | "phi", "mlp.down") => &["fc2"],
        ("gptj", "mlp.up") => &["fc_in"],
        ("gptj", "mlp.down") => &["fc_out"],
        ("gpt2" | "starcoder2" | "gpt_neo" | "gpt_bigcode", "mlp.up") => &["c_fc"],
        ("starcoder2" | "gpt_neo", "mlp.down") => &["c_proj"],
        ("internlm2", "attention.query key value") => &["wqkv"],
        ("internlm2", "attention.output") => &["wo"],
        ("internlm2", "mlp.gate") => &["w1"],
        ("internlm2", "mlp.down") => &["w2"],
        ("internlm2", "mlp.up") => &["w3"],
        (_, "attention.query") => &["q_proj"],
        (_, "attention.key") => &["k_proj"],
        (_, "attention.value") => &["v_proj"],
        (_, "attention.query key value") => &["qkv_proj"],
        (_, "attention.output") => &["o_proj"],
        (_, "mlp.gate") => &["gate_proj"],
        (_, "mlp.up") => &["up_proj"],
        (_, "mlp.gate and up") => &["gate_up_proj"],
        (_, "mlp.down") => &["down_proj"],
        (_, "attention.linear") => &["linear_attn"],
        (_, "mlp.linear") => &["linear_mlp"],
        _ => experts::module_names(linear),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::family::FAMILIES;

    /// Families whose modelling code is Llama's in all that is told apart here; their configurations may differ.
    const LIKE_LLAMA: &[&str] = &[
        "llama",
        "mistral",
        "qwen2",
        "qwen3",
        "mixtral",
        "smollm3",
        "arcee",
        "internlm2",
        "mimo",
        "nemotron-nas",
        "lfm2",
        "minimax",
    ];

    /// A family that no row tells apart is one that was looked at and found to be like Llama's, not one that was forgotten.
    #[test]
    fn no_family_is_llama_in_silence() {
        let like: Vec<&str> =
            FAMILIES.iter().filter(|family| computation(family) == LLAMA).map(|family| family.id).collect();
        assert_eq!(like, LIKE_LLAMA);
    }
}
