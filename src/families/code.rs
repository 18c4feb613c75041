//! What the modelling code of a family does in Hugging Face Transformers, where memory depends on it.

mod attention;
mod earlier;
mod ends;
mod experts;
mod liger;
mod norm;
mod order;
mod sublayers;

pub use attention::{FusedProjection, Rotation, ScoreCode, TableCode, Widening};
pub use earlier::Earlier;
pub use ends::{DecoderMask, LossCode, PositionCode};
pub use experts::{GateCode, RouterCode};
pub use liger::LigerPatch;
pub use norm::{HeldNorm, NormCode};
pub use order::{ModuleOrder, Modules, OutputSaved, SavedLayer, SavedOrder};
pub use sublayers::Sublayers;

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
    /// What of the rotation is fp32.
    pub widening: Widening,
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
    /// Whether what attention gives is copied before its output projection reads it.
    pub copies_context: bool,
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
    /// Whether a tower's attention has queries, keys and values in variables until it returns.
    pub holds_heads: bool,
    /// Whether queries are multiplied by a constant as they are projected.
    pub scaled_queries: bool,
    /// Whether queries, keys and values are copied so that heads lie one after the other (Whisper).
    pub contiguous_heads: bool,
    /// Whether the embedding's own module multiplies by its constant, which is no buffer.
    pub scales_in_module: bool,
    /// Whether a layer returns its attention weights, which then stay until the next one returns.
    pub returns_weights: bool,
    /// Whether the feed-forward network is written in the layer itself, whose variable goes from step to step.
    pub feed_forward_in_layer: bool,
    /// Whether query and key norms come after the rotation.
    pub norms_after_rotation: bool,
    /// Whether values are normed too, and queries are turned before keys are projected.
    pub normed_values: bool,
    /// Whether values are projected once keys are normed and turned.
    pub values_behind_keys: bool,
    /// Whether tokens without a row in the table of vectors for each layer read its first, and what is projected beside them
    /// is scaled in place.
    pub bounds_layer_ids: bool,
    /// Whether the feed-forward network has its gate, what came of it and its other projection in variables until it returns.
    pub holds_gate: bool,
    /// Whether a layer's output is multiplied by a number of its own, in place.
    pub scales_layers: bool,
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
    /// Whether its windows are chunks, of which a sequence begins a new one after so many tokens.
    pub chunked_windows: bool,
    /// Whether vLLM keeps recurrent states in fp32 where nobody says: so its config, or vLLM for it.
    pub wide_states_served: bool,
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
    /// Whether Megatron-LM alone builds such models, and Transformers has no class for them.
    pub of_megatron: bool,
    /// Whether steps of this family were measured. What is only read off the code is an estimate: rules written before
    /// measuring were up to 5 % off.
    pub measured: bool,
    /// Whether the expert of every token computes before the routed ones.
    pub shared_expert_first: bool,
    /// Whether the layers' stack widens what was embedded, behind the masks, while the model still has that.
    pub widens_in_layers: bool,
    /// Whether the loop over the layers collects what each gives, until the model returns.
    pub returns_streams: bool,
    /// Which modules the layers of an encoder are made of.
    pub sublayers: Sublayers,
    /// Whether tokens see each other in both directions, so that without padding or a window nothing is masked.
    pub bidirectional: bool,
    /// Whether attention weights keep the type of their softmax until they are multiplied by the values.
    pub weights_as_softmax: bool,
    /// Whether dropout acts on attention weights beside what it does to attention's output.
    pub drops_weights_too: bool,
    /// Whether dropout acts on what the last matrix of a feed-forward network reads, and not on what it gives.
    pub drops_inside_feed_forward: bool,
    /// What a decoder behind an encoder makes where it is given no mask.
    pub decoder_mask: DecoderMask,
    /// Whether a decoder behind an encoder has the numbers of its positions until it returns, where no other variable takes
    /// their place.
    pub holds_position_ids: bool,
    /// Whether each layer makes the bias of its scores anew, where those have one by distance.
    pub biases_by_layer: bool,
    /// Whether a decoder's output is multiplied by a constant; `None`: where its head is tied.
    pub scales_decoder_output: Option<bool>,
    /// Whether the class that scores sequences looks for those that have a label, and takes their scores alone.
    pub finds_labels: bool,
    /// How the loss is computed from logits.
    pub loss: LossCode,
    /// The order of a layer's modules.
    pub modules: Modules,
    /// Whether angles of rotations are a product of matrices, and not of numbers.
    pub angles_by_product: bool,
    /// Whether the frequencies as they were made are the tensor of those in use.
    pub shares_frequencies: bool,
    /// Whether positions are counted once, from where a cache ends, and each layer is given them, read or not.
    pub counts_positions_once: bool,
    /// Whether each expert is a module of its own, with linear layers, and computes after the one before.
    pub experts_apart: bool,
    /// Whether its classes let layers be checkpoints: `supports_gradient_checkpointing`.
    pub recomputes: bool,
    /// Whether layers are no checkpoints, whatever was asked for.
    pub never_checkpoints: bool,
    /// Whether the model itself widens its logits, and lets go of those in 16 bits.
    pub widened_by_model: bool,
    /// Whether fused attention is that of FlashAttention's own package, which knows windows and is given no mask.
    pub flash_package: bool,
    /// Whether keys and values are repeated for every head also where the kernel could read them as they are.
    pub repeats_heads: bool,
    /// Whether each attention has the frequencies of rotations as a buffer.
    pub frequencies_in_layers: bool,
    /// Whether the embedding is scaled after masks and tables were made, and stays as it was in a variable.
    pub scales_late: bool,
    /// Whether the fused kernel has the seed of its random numbers on the host.
    pub seeds_on_host: bool,
    /// Whether eager attention's mask is one for all sequences.
    pub one_mask: bool,
    /// What the code did otherwise before.
    pub earlier: Earlier,
    /// What Liger Kernel replaces; nothing where it has no patch, or one that is not described.
    pub liger: Option<LigerPatch>,
    /// Whether what `torch.compile` makes of it was measured.
    pub compiles: bool,
}
