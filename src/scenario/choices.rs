//! The enumerations of a scenario, each with the words that files and flags use.

use serde::{Serialize, Serializer};

/// What has a word for each of its values.
pub(crate) trait Choice: Sized {
    /// Every word.
    const WORDS: &'static [&'static str];

    /// The word of a value.
    fn as_word(&self) -> &'static str;

    /// The value of a word.
    fn of_word(word: &str) -> Option<Self>;
}

/// Defines an enumeration with its words in one place.
macro_rules! choices {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every word, in the order in which keys cycle through them.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word that files, flags and JSON use.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The choice of this word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl Choice for $name {
            const WORDS: &'static [&'static str] = Self::WORDS;

            fn as_word(&self) -> &'static str {
                self.word()
            }

            fn of_word(word: &str) -> Option<Self> {
                Self::from_word(word)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }
    };
}

choices! {
    /// Training or inference.
    Task {
        /// Forward, backward, step.
        Train = "train",
        /// Prefill and decode.
        Infer = "infer",
    }
}

choices! {
    /// How memory is estimated.
    Estimator {
        /// Every byte named.
        Ledger = "ledger",
        /// The rule of thumb.
        Sketch = "sketch",
    }
}

choices! {
    /// What is trained.
    Method {
        /// Every parameter.
        Full = "full",
        /// Adapters on a frozen base.
        Lora = "lora",
        /// Adapters on a frozen quantized base.
        Qlora = "qlora",
    }
}

choices! {
    /// What an adapter is made of.
    AdapterKind {
        /// Two matrices of a low rank.
        Lora = "lora",
        /// The same, scaled by the root of the rank.
        Rslora = "rslora",
        /// Two matrices that all layers share and nobody trains, between two vectors that are.
        Vera = "vera",
        /// A rotation in blocks.
        Oft = "oft",
        /// A vector that what comes in or goes out is multiplied by.
        Ia3 = "ia3",
    }
}

choices! {
    /// What the two matrices of an adapter begin with: PEFT's `init_lora_weights`.
    InitLoraWeights {
        /// Random numbers and zeros.
        Default = "default",
        /// The matrix's principal singular vectors, of which the rest stays in its place.
        Pissa = "pissa",
        /// The first columns and rows of its QR decomposition, the same.
        Olora = "olora",
    }
}

choices! {
    /// What is learned, which decides what stands on top of the layers, how many rows are run and what else is.
    Objective {
        /// The next token, or an encoder's masked ones.
        Lm = "lm",
        /// The next token, as TRL's trainer has it.
        Sft = "sft",
        /// Pairs of a chosen and a rejected completion, against a reference.
        Dpo = "dpo",
        /// Completions that are good or bad, against a reference.
        Kto = "kto",
        /// A score of pairs of completions.
        Reward = "reward",
        /// Completions that the model wrote itself, by their rewards.
        Grpo = "grpo",
        /// A class for each sequence.
        Classification = "classification",
        /// A class for each token.
        TokenClassification = "token-classification",
        /// A vector for each sequence, near that of its pair.
        Embedding = "embedding",
        /// Masked tokens.
        Mlm = "mlm",
    }
}

impl Objective {
    /// Whether a head over the vocabulary is trained.
    pub const fn is_of_words(self) -> bool {
        !matches!(self, Self::Reward | Self::Classification | Self::TokenClassification | Self::Embedding)
    }

    /// Whether log-probabilities of tokens are held against a reference's.
    pub const fn has_reference(self) -> bool {
        matches!(self, Self::Dpo | Self::Kto | Self::Grpo)
    }
}

choices! {
    /// What a policy is held against.
    Reference {
        /// Nothing.
        None = "none",
        /// A copy of the model.
        Copy = "copy",
        /// The model with its adapters switched off.
        Adapter = "adapter",
        /// Log-probabilities that were computed before.
        Precomputed = "precomputed",
    }
}

choices! {
    /// How weights come to the card.
    Placement {
        /// Loaded on the host, then `.to("cuda")`.
        To = "to",
        /// `from_pretrained(device_map=…)`.
        DeviceMap = "device_map",
        /// Made on the card.
        Build = "build",
    }
}

choices! {
    /// Types of weights and arithmetic.
    Precision {
        /// 32-bit throughout.
        Fp32 = "fp32",
        /// bfloat16 throughout.
        Bf16 = "bf16",
        /// float16 throughout.
        Fp16 = "fp16",
        /// Autocast to bfloat16 over bfloat16 weights, with adapters in fp32: what `bf16=True` makes of a 16-bit checkpoint.
        Bf16Autocast = "bf16-autocast",
        /// Autocast to float16 over float16 weights.
        Fp16Autocast = "fp16-autocast",
        /// Autocast to bfloat16 over fp32 weights.
        Bf16Mixed = "bf16-mixed",
        /// Autocast to float16 over fp32 weights.
        Fp16Mixed = "fp16-mixed",
        /// bfloat16 weights with an fp32 master copy.
        Bf16Master = "bf16-master",
        /// float16 weights with an fp32 master copy.
        Fp16Master = "fp16-master",
        /// fp8 matrix products with an fp32 master copy.
        Fp8Master = "fp8-master",
    }
}

impl Precision {
    /// Whether weights have 16 bits.
    pub const fn narrow_weights(self) -> bool {
        matches!(self, Self::Bf16 | Self::Fp16 | Self::Bf16Autocast | Self::Fp16Autocast)
    }

    /// Whether autocast chooses the type of each operation.
    pub const fn autocasts(self) -> bool {
        matches!(self, Self::Bf16Autocast | Self::Fp16Autocast | Self::Bf16Mixed | Self::Fp16Mixed)
    }

    /// Whether products are in bf16.
    pub const fn computes_in_bf16(self) -> bool {
        matches!(self, Self::Bf16 | Self::Bf16Autocast | Self::Bf16Mixed | Self::Bf16Master)
    }

    /// Whether weights of 16 bits have a master copy in fp32, as Megatron keeps it.
    pub const fn has_master(self) -> bool {
        matches!(self, Self::Bf16Master | Self::Fp16Master | Self::Fp8Master)
    }

    /// Whether gradients are scaled, so that float16 holds them.
    pub const fn scales_gradients(self) -> bool {
        matches!(self, Self::Fp16Autocast | Self::Fp16Mixed)
    }
}

choices! {
    /// Which kernel applies the optimizer's step.
    OptimizerImplementation {
        /// One kernel, no temporaries.
        Fused = "fused",
        /// Lists of tensors at once: one more copy of what is trained.
        Foreach = "foreach",
        /// Tensor by tensor.
        Loop = "loop",
    }
}

choices! {
    /// The optimizer.
    Optimizer {
        /// Two moments in the weights' type.
        Adamw = "adamw",
        /// Two moments in fp32.
        Adamw32bit = "adamw-32bit",
        /// Two moments in 8-bit blocks.
        Adamw8bit = "adamw-8bit",
        /// The same, in memory that can move to the host.
        PagedAdamw8bit = "paged-adamw-8bit",
        /// Two moments in 8-bit blocks, by torchao.
        Adamw8bitTorchao = "adamw-8bit-torchao",
        /// Two moments in 4-bit blocks, by torchao.
        Adamw4bitTorchao = "adamw-4bit-torchao",
        /// A row and a column vector a matrix.
        Adafactor = "adafactor",
        /// One moment.
        Lion = "lion",
        /// One moment in 8-bit blocks.
        Lion8bit = "lion-8bit",
        /// One momentum for matrices, AdamW for the rest.
        Muon = "muon",
        /// Two moments of gradients that singular vectors project.
        Galore = "galore",
        /// Two moments of gradients that random matrices project.
        Apollo = "apollo",
        /// A second moment and the point that steps start from.
        ScheduleFree = "schedule-free",
        /// No state.
        Sgd = "sgd",
        /// One moment.
        SgdMomentum = "sgd-momentum",
    }
}

choices! {
    /// The attention kernel.
    Attention {
        /// Any fused kernel that never stores the scores.
        Flash = "flash",
        /// Scores and their softmax as tensors.
        Eager = "eager",
    }
}

choices! {
    /// What is recomputed in backward instead of kept.
    Recompute {
        /// Nothing.
        None = "none",
        /// Core attention.
        Selective = "selective",
        /// Whole layers.
        Full = "full",
    }
}

choices! {
    /// Whose kernels take the place of a model's own operations.
    KernelLibrary {
        /// Nobody's.
        None = "none",
        /// Liger Kernel's, as the Trainer's `use_liger_kernel` puts them in.
        Liger = "liger",
    }
}

choices! {
    /// What `torch.compile` makes one graph of.
    Compile {
        /// Nothing.
        None = "none",
        /// The whole model.
        Model = "model",
        /// Each layer by itself.
        Layers = "layers",
    }
}

choices! {
    /// How logits and loss are computed.
    Loss {
        /// All logits at once.
        Eager = "eager",
        /// A chunk of tokens at a time.
        Chunked = "chunked",
        /// Inside the head's kernel.
        Fused = "fused",
        /// TRL's tiled head, which scores the labels that count and makes no logits.
        Trl = "trl",
    }
}

choices! {
    /// What spreads a training step over GPUs.
    Strategy {
        /// Every GPU has the whole model.
        Ddp = "ddp",
        /// `fully_shard`, tensor by tensor.
        Fsdp2 = "fsdp2",
        /// `FullyShardedDataParallel`, flat parameters.
        Fsdp1 = "fsdp1",
        /// `DeepSpeed`'s `ZeRO`.
        Deepspeed = "deepspeed",
    }
}

impl Strategy {
    /// The `ZeRO` stages that a strategy has, by what it divides: first the one that it has where nothing is said.
    pub const fn stages(self) -> &'static [u64] {
        match self {
            Self::Ddp => &[0],
            Self::Fsdp2 | Self::Fsdp1 => &[3, 2],
            Self::Deepspeed => &[2, 1, 3],
        }
    }
}

choices! {
    /// What FSDP2 gathers together.
    Wrap {
        /// The embedding, each layer, the last norm with the head.
        Units = "units",
        /// Each layer; everything else with the whole model.
        Layers = "layers",
        /// The whole model.
        Whole = "whole",
    }
}

choices! {
    /// The type in which gradients are reduced.
    ReduceDtype {
        /// 32 bits.
        Fp32 = "fp32",
        /// 16 bits.
        Bf16 = "bf16",
    }
}

choices! {
    /// Types of a quantized base.
    BaseWeights {
        /// 4-bit normal float.
        Nf4 = "nf4",
        /// 4-bit float.
        Fp4 = "fp4",
        /// 8-bit integer.
        Int8 = "int8",
        /// A GPTQ checkpoint in 4 bits.
        GptqInt4 = "gptq-int4",
    }
}

choices! {
    /// Whose layers Megatron-Core builds.
    TransformerImpl {
        /// Transformer Engine's.
        TransformerEngine = "transformer_engine",
        /// Its own, of PyTorch's operations.
        Local = "local",
    }
}

choices! {
    /// Which kernel computes attention under Megatron.
    AttentionBackend {
        /// As `train.attention` has it; of fused kernels cuDNN's on Hopper, elsewhere FlashAttention's.
        Auto = "auto",
        /// cuDNN's.
        Fused = "fused",
        /// FlashAttention's.
        Flash = "flash",
        /// None: scores and their softmax are tensors.
        Unfused = "unfused",
    }
}

choices! {
    /// Which layers Megatron's full recomputation groups.
    RecomputeMethod {
        /// All, so many in a group.
        Uniform = "uniform",
        /// The first so many, each by itself.
        Block = "block",
    }
}

choices! {
    /// Whose fused loss Megatron computes.
    FusionImpl {
        /// PyTorch's compiler's.
        Native = "native",
        /// Transformer Engine's.
        Te = "te",
    }
}

choices! {
    /// How tokens come to their experts under Megatron.
    TokenDispatcher {
        /// Every rank gathers all tokens.
        Allgather = "allgather",
        /// Tokens go where their experts are.
        Alltoall = "alltoall",
        /// The same, by a library of its own.
        Flex = "flex",
    }
}

choices! {
    /// What keeps Megatron's experts equally loaded.
    LoadBalancing {
        /// A loss over a micro batch.
        AuxLoss = "aux_loss",
        /// A loss over each sequence.
        SeqAuxLoss = "seq_aux_loss",
        /// A loss over the whole batch.
        GlobalAuxLoss = "global_aux_loss",
        /// An assignment in which every expert has its share.
        Sinkhorn = "sinkhorn",
        /// Nothing.
        None = "none",
    }
}

choices! {
    /// Which states of recurrent layers vLLM keeps for prefixes that come again.
    MambaCacheMode {
        /// Those at the ends of blocks: two for each sequence.
        Align = "align",
        /// Those at every block.
        All = "all",
        /// None: one state for each sequence.
        None = "none",
    }
}

choices! {
    /// Type of recurrent states.
    StateDtype {
        /// As the model's config and the engine say.
        Auto = "auto",
        /// fp32.
        Float32 = "float32",
        /// 16 bits.
        Float16 = "float16",
        /// 16 bits.
        Bfloat16 = "bfloat16",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back_to_their_choice() {
        for word in Precision::WORDS {
            assert_eq!(Precision::from_word(word).map(Precision::word), Some(*word));
        }
        assert_eq!(Optimizer::from_word("adam"), None);
    }
}
