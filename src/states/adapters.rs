//! Adapters: which linear layers have one, and the tensors it is made of.

mod kinds;
mod outside;
mod rotation;

pub(crate) use self::kinds::multiplies_input;
pub(crate) use self::rotation::Blocks;
use super::targets::{Targets, invalid};
use crate::families::{self, AllLinear};
use crate::ledger::EstimateError;
use crate::model::Model;
use crate::model::parameters::{Block, BlockParameters, Role, Tensor, blocks};
use crate::model::part::{Part, Piece, Site};
use crate::scenario::parameter::nearest;
use crate::scenario::{AdapterKind, Precision, Train};
use crate::tape::Dtype;

/// The names of an adapter's tensors, for the linear layer it stands beside.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Names {
    /// The linear layer.
    pub(crate) part: Part,
    pub(crate) input: &'static str,
    pub(crate) dropped: &'static str,
    pub(crate) mask: &'static str,
    pub(crate) low: &'static str,
    pub(crate) high: &'static str,
    pub(crate) sum: &'static str,
    /// A copy of the weight that the adapter was folded into.
    pub(crate) folded: &'static str,
    /// A vector as it multiplies.
    pub(crate) vector: &'static str,
    /// What it multiplied.
    pub(crate) times: &'static str,
    /// What comes in, rotated block by block.
    pub(crate) rotated: &'static str,
    /// What comes out of the shared matrices, and out of the first of them once it is scaled.
    pub(crate) shared: [&'static str; 3],
}

/// Spells out [`Names`].
macro_rules! adapter {
    ($part:ident, $stem:literal) => {
        Names {
            part: Part::$part,
            input: concat!($stem, ".lora input"),
            dropped: concat!($stem, ".lora dropped input"),
            mask: concat!($stem, ".lora dropout mask"),
            low: concat!($stem, ".lora A output"),
            high: concat!($stem, ".lora B output"),
            sum: concat!($stem, ".lora sum"),
            folded: concat!($stem, ".weight with lora"),
            vector: concat!($stem, ".ia3 vector"),
            times: concat!($stem, ".times ia3 vector"),
            rotated: concat!($stem, ".oft rotated input"),
            shared: [
                concat!($stem, ".vera A output"),
                concat!($stem, ".vera A output, scaled"),
                concat!($stem, ".vera B output"),
            ],
        }
    };
}

/// Every linear layer that can have an adapter.
const LINEAR: &[Names] = &[
    adapter!(Query, "attention.query"),
    adapter!(Key, "attention.key"),
    adapter!(Value, "attention.value"),
    adapter!(QueryKeyValue, "attention.query key value"),
    adapter!(QueryDown, "attention.query down"),
    adapter!(QueryUp, "attention.query up"),
    adapter!(KeyValueDown, "attention.key value down"),
    adapter!(KeyValueUp, "attention.key value up"),
    adapter!(AttentionOutput, "attention.output"),
    adapter!(AttentionLinear, "attention.linear"),
    adapter!(CrossQuery, "cross attention.query"),
    adapter!(CrossKey, "cross attention.key"),
    adapter!(CrossValue, "cross attention.value"),
    adapter!(CrossOutput, "cross attention.output"),
    adapter!(Gate, "mlp.gate"),
    adapter!(Up, "mlp.up"),
    adapter!(GateAndUp, "mlp.gate and up"),
    adapter!(Down, "mlp.down"),
    adapter!(FeedForwardLinear, "mlp.linear"),
    adapter!(ProjectorShuffle, "projector.shuffle"),
    adapter!(ProjectorIn, "projector.in"),
    adapter!(ProjectorOut, "projector.out"),
    adapter!(EmbeddingProjection, "embedding projection"),
    adapter!(HeadProjection, "head projection"),
    adapter!(HeadTransform, "head transform"),
    adapter!(Pooler, "pooler"),
    adapter!(SharedExpertGate, "shared expert gate"),
    adapter!(ExpertsGateAndUp, "experts.gate and up"),
    adapter!(ExpertsDown, "experts.down"),
    adapter!(RouterModule, "router"),
    adapter!(ExpertGate, "expert.gate"),
    adapter!(ExpertUp, "expert.up"),
    adapter!(ExpertDown, "expert.down"),
];

/// What stands outside the layers and is adapted only by name.
static OUTSIDE: [Names; 2] = [adapter!(TokenEmbedding, "token embedding"), adapter!(Head, "head")];

/// Routers that are parameters and no linear layers, which `all-linear` alone adapts.
static ROUTER: Names = adapter!(Router, "router");

/// The target that means every linear layer.
const ALL_LINEAR: &str = "all-linear";

/// The words for targets that need no family.
const WORDS: [&str; 7] = ["q", "k", "v", "o", "gate", "up", "down"];

/// The adapters of a run.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent options of adapters")]
pub(crate) struct Adapters {
    /// What they are made of.
    pub(crate) kind: AdapterKind,
    /// Their rank, `r`.
    pub(crate) rank: u64,
    /// Features in each block that is rotated; 0: as many blocks as the rank says.
    block_size: u64,
    /// The type of their matrices.
    pub(crate) dtype: Dtype,
    /// Whether their input goes through dropout.
    pub(crate) dropout: bool,
    /// Whether magnitudes are trained apart from directions.
    pub(crate) dora: bool,
    /// Whether what comes out of the matrix down stays in a variable until the product is scaled.
    pub(crate) holds_low: bool,
    targets: Vec<&'static Names>,
    /// Of which matrices a copy is trained, and the matrix stays beside it.
    saved: Vec<Part>,
    /// Rows of the embedding that are trained.
    pub(crate) rows: u64,
    /// Whether a tower beside the layers and its projector have adapters too.
    tower: bool,
}

impl Adapters {
    /// The adapters that a run asks for; an error names a target that the model does not have.
    /// `blocks` are the tensors of the model as a release builds it.
    pub(crate) fn of(model: &Model, train: &Train, blocks: &[BlockParameters]) -> Result<Self, EstimateError> {
        let tower = train.train_tower;
        let reached: Vec<BlockParameters> = blocks.iter().filter(|it| tower || !it.block.is_seen()).cloned().collect();
        let blocks = &reached[..];
        let everything = adapts_everything(model, train, blocks);
        let present = present(model, blocks, everything);
        check_all_linear(model, train)?;
        check_experts(model, train, &present, everything)?;
        let mut targets: Vec<&'static Names> = Vec::with_capacity(present.len());
        for target in &train.lora_targets {
            let mut found = present.iter().filter(|(names, modules)| is_meant(target, names, modules)).peekable();
            // The default targets are those of gated networks; a plain one has no gate to adapt.
            if found.peek().is_none() && target != "gate" && !is_frozen(model, target) {
                return Err(unknown(model, target, &present));
            }
            for (names, _) in found {
                if !targets.contains(names) {
                    targets.push(names);
                }
            }
        }
        if targets.is_empty() {
            let problem = format!("empty; {} has {}", model.id, known(&present).join(", "));
            return Err(EstimateError::Invalid { key: "train.lora_targets", problem });
        }
        let dtype = if train.lora_dtype == "fp32" { Dtype::Fp32 } else { Dtype::Bf16 };
        let (dropout, dora) = (train.lora_dropout > 0.0, train.dora);
        let saved = outside::saved(model, train)?;
        outside::check(model, train, &targets.iter().map(|names| names.part).collect::<Vec<_>>(), &saved)?;
        let kind = train.adapter;
        kinds::check(model, train, &targets.iter().map(|names| names.part).collect::<Vec<_>>())?;
        let adapters = Self {
            kind,
            rank: train.lora_rank,
            block_size: train.oft_block_size,
            dtype,
            dropout,
            dora,
            holds_low: false,
            targets,
            saved,
            rows: train.trainable_token_indices,
            tower,
        };
        adapters.check_blocks(blocks)?;
        Ok(adapters)
    }

    /// Those of torchtune, in the type of the model: beside any of query, key, value and output, beside the feed-forward
    /// network whole, beside the head.
    pub(crate) fn of_torchtune(model: &Model, train: &Train) -> Result<Self, EstimateError> {
        let Targets { projected, output, mlp, head } = Targets::of(model, train, "torchtune")?;
        if !output && !projected.contains(&true) {
            return invalid(String::from("nothing in attention; torchtune adapts at least one of q, k, v, o"));
        }
        if head && model.architecture.tie_word_embeddings {
            return invalid(format!("{} has no head of its own to adapt", model.id));
        }
        let adapted = |names: &&Names| match names.part {
            Part::Query => projected[0],
            Part::Key => projected[1],
            Part::Value => projected[2],
            Part::AttentionOutput => output,
            Part::Gate | Part::Up | Part::Down => mlp,
            Part::Head => head,
            _ => false,
        };
        let targets = LINEAR.iter().chain(&OUTSIDE).filter(adapted).collect();
        let dtype = if train.precision == Precision::Fp32 { Dtype::Fp32 } else { Dtype::Bf16 };
        Ok(Self {
            kind: AdapterKind::Lora,
            rank: train.lora_rank,
            block_size: 0,
            dtype,
            dropout: train.lora_dropout > 0.0,
            dora: false,
            holds_low: true,
            targets,
            saved: Vec::new(),
            rows: 0,
            tower: false,
        })
    }

    /// The matrices that all adapters share, where they do: `[r, in]` and `[out, r]`, as large as the largest layer among
    /// these needs.
    pub(crate) fn shared_tensors(&self, blocks: &[BlockParameters]) -> Vec<Tensor> {
        kinds::shared(self, blocks)
    }

    /// The names of the adapter beside a linear layer, where it has one.
    pub(crate) fn names(&self, linear: Part) -> Option<&'static Names> {
        self.targets.iter().find(|names| names.part == linear).copied()
    }

    /// Whether a copy of this part's matrix is trained.
    pub(crate) fn saves(&self, part: Part) -> bool {
        self.saved.contains(&part)
    }

    /// A head whose matrix is the embedding's, of which adapters or a copy may make something its own.
    pub(crate) fn tied_head(model: &Model) -> Option<BlockParameters> {
        outside::tied_head(&model.architecture)
    }

    /// The rank of one adapter: gate and up of experts, which are one matrix, have both of theirs in one.
    pub(crate) fn rank_of(&self, names: &Names) -> u64 {
        if names.part == Part::ExpertsGateAndUp { self.rank.saturating_mul(2) } else { self.rank }
    }

    /// The adapters' tensors, block by block, in forward order.
    pub(crate) fn blocks(&self, model: &Model) -> Vec<BlockParameters> {
        self.of_blocks(model, blocks(&model.architecture))
    }

    /// The same of these blocks.
    pub(crate) fn of_blocks(&self, model: &Model, mut adapted: Vec<BlockParameters>) -> Vec<BlockParameters> {
        adapted.extend(outside::tied_head(&model.architecture));
        for block in &mut adapted {
            let matrices = std::mem::take(&mut block.tensors);
            let adapted = matrices.iter().filter_map(|matrix| self.of_matrix(block.block, matrix));
            block.tensors = adapted.flatten().collect();
        }
        adapted.retain(|block| !block.tensors.is_empty());
        adapted
    }

    /// The adapter's tensors beside a matrix, or its copy, where it has one.
    pub(crate) fn of_matrix(&self, block: Block, matrix: &Tensor) -> Option<Vec<Tensor>> {
        if matrix.piece != Piece::Weight || block.is_seen() && (!self.tower || matrix.role != Role::Linear) {
            return None;
        }
        if self.saves(matrix.part) {
            return Some(vec![Tensor { piece: Piece::Copy, ..matrix.clone() }]);
        }
        if self.rows > 0 && matrix.part == Part::TokenEmbedding {
            return Some(vec![Tensor { piece: Piece::Rows, rows: self.rows, role: Role::Linear, ..matrix.clone() }]);
        }
        let names = self.names(matrix.part)?;
        if let Some(tensors) = kinds::other_than_a_pair(self, matrix) {
            return Some(tensors);
        }
        let experts = if let Role::Experts { count, .. } = matrix.role { count } else { 1 };
        let rank = self.rank_of(names).saturating_mul(experts);
        let tensor =
            |piece, rows, columns| Tensor { part: matrix.part, piece, rows, columns, pieces: 1, role: Role::Linear };
        let (mut down, mut up) = ((rank, matrix.columns), (matrix.rows / experts, rank));
        if matrix.role == Role::Table {
            // Tokens go in, and rows come out.
            (down.1, up.0) = (matrix.rows, matrix.columns);
        }
        let mut tensors = vec![tensor(Piece::LoraA, down.0, down.1), tensor(Piece::LoraB, up.0, up.1)];
        if self.dora {
            tensors.push(Tensor { role: Role::Norm, ..tensor(Piece::LoraMagnitude, matrix.rows, 1) });
        }
        Some(tensors)
    }
}

/// The linear layers of a model that can have an adapter, with the names of its modules.
type Present = Vec<(&'static Names, &'static [&'static str])>;

fn has_site(blocks: &[BlockParameters], site: Site) -> bool {
    blocks.iter().flat_map(|block| &block.tensors).any(|tensor| tensor.part.site() == site)
}

/// Whether `all-linear` means routers and stacks of experts too.
fn adapts_everything(model: &Model, train: &Train, blocks: &[BlockParameters]) -> bool {
    families::member(model.family).modules.all_linear == AllLinear::RoutersAndStacks
        && train.lora_targets.iter().any(|target| target == ALL_LINEAR)
        && has_site(blocks, Site::Experts)
}

fn present(model: &Model, blocks: &[BlockParameters], everything: bool) -> Present {
    let has = |names: &Names| blocks.iter().flat_map(|block| &block.tensors).any(|tensor| tensor.part == names.part);
    let named = families::member(model.family).modules.stacked_experts;
    let stacked = (named || everything) && has_site(blocks, Site::Experts);
    let can = |names: &&Names| match names.part.site() {
        Site::Experts => stacked,
        Site::FeedForward => !stacked || names.part == Part::SharedExpertGate,
        _ => true,
    };
    let routers = std::iter::once(&ROUTER).filter(|_| everything);
    let present = LINEAR.iter().chain(routers).filter(|names| has(names)).filter(can);
    let outside = OUTSIDE.iter().filter(|_| outside::is_covered(&model.architecture));
    present.chain(outside).map(|names| (names, families::member(model.family).modules.of(names.part))).collect()
}

/// Whether a target names what experts have stacked in parameters that no adapter reaches.
fn is_frozen(model: &Model, target: &str) -> bool {
    model.architecture.has_experts() && GATED.iter().flatten().any(|name| *name == target)
}

/// The words and module names of a gated network, matrix by matrix.
const GATED: [[&str; 2]; 3] = [["gate", "gate_proj"], ["up", "up_proj"], ["down", "down_proj"]];

/// An error where `all-linear` means layers of which no adapters are known: those around vectors of a layer and further streams.
fn check_all_linear(model: &Model, train: &Train) -> Result<(), EstimateError> {
    let architecture = &model.architecture;
    let has_others = architecture.per_layer_inputs.is_some() || architecture.streams.is_some();
    if !has_others || !train.lora_targets.iter().any(|target| target == ALL_LINEAR) {
        return Ok(());
    }
    let (value, key) = (String::from(ALL_LINEAR), "train.lora_targets");
    let covered = String::from("the names of modules: this model has linear layers beside those");
    Err(EstimateError::NotCovered { key, value, covered })
}

/// What PEFT itself refuses of adapters on stacked experts, and what is not covered of them.
fn check_experts(model: &Model, train: &Train, present: &Present, everything: bool) -> Result<(), EstimateError> {
    let apart = present.iter().any(|(names, _)| names.part.site() == Site::Expert);
    if !model.architecture.has_experts() || apart {
        return Ok(());
    }
    if train.lora_targets.iter().any(|target| target == ALL_LINEAR)
        && families::member(model.family).modules.all_linear == AllLinear::Unknown
    {
        let (value, key) = (String::from(ALL_LINEAR), "train.lora_targets");
        let covered = String::from("the names of modules: with experts PEFT adapts routers and stacks too");
        return Err(EstimateError::NotCovered { key, value, covered });
    }
    if !present.iter().any(|(names, _)| names.part == Part::ExpertsGateAndUp) {
        return Ok(());
    }
    let named = |names: [&str; 2]| train.lora_targets.iter().any(|target| names.contains(&target.as_str()));
    let [gate, up, down] = GATED.map(|names| everything || named(names));
    if gate != up {
        let problem = String::from("gate without up, or up without gate: experts have them in one matrix, name both");
        return Err(EstimateError::Invalid { key: "train.lora_targets", problem });
    }
    if (gate || down) && train.dora {
        let problem = String::from("true, but adapters on stacked experts (gate, up, down) have no magnitudes");
        return Err(EstimateError::Invalid { key: "train.dora", problem });
    }
    if (gate || down) && train.lora_dropout > 0.0 {
        let problem =
            format!("{}, but adapters on stacked experts (gate, up, down) take none: use 0", train.lora_dropout);
        return Err(EstimateError::Invalid { key: "train.lora_dropout", problem });
    }
    Ok(())
}

fn is_meant(target: &str, names: &Names, modules: &[&str]) -> bool {
    let linear = target == ALL_LINEAR && !OUTSIDE.iter().any(|outside| outside.part == names.part);
    linear || names.part != Part::Router && (names.part.targets().contains(&target) || modules.contains(&target))
}

fn known(present: &Present) -> Vec<&'static str> {
    let words = WORDS.into_iter().filter(|word| present.iter().any(|(names, _)| names.part.targets().contains(word)));
    words.chain(present.iter().flat_map(|(_, modules)| modules.iter().copied())).collect()
}

fn unknown(model: &Model, target: &str, present: &Present) -> EstimateError {
    let known = known(present);
    if known.is_empty() {
        let problem = format!("{} has no linear layer that adapters are known for", model.id);
        return EstimateError::Invalid { key: "train.lora_targets", problem };
    }
    let near =
        nearest(target, known.iter().copied()).map_or(String::new(), |near| format!(" (did you mean `{near}`?)"));
    let problem = format!("{} has no `{target}`{near}; it has {}", model.id, known.join(", "));
    EstimateError::Invalid { key: "train.lora_targets", problem }
}
