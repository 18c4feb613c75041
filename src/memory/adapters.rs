//! Low-rank adapters: which linear layers have one, and the tensors it is made of.

use super::EstimateError;
use super::tape::Dtype;
use crate::framework::transformers::module_names;
use crate::model::Model;
use crate::model::parameters::{BlockParameters, Role, Tensor, blocks};
use crate::scenario::Train;
use crate::scenario::parameter::nearest;

/// The names of an adapter's tensors, for the linear layer it stands beside.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// The linear layer.
    stem: &'static str,
    /// Its matrix.
    weight: &'static str,
    /// What people write for it, whatever the family calls it.
    words: &'static [&'static str],
    /// The matrix down to the rank.
    pub(super) down: &'static str,
    /// The matrix up from it.
    pub(super) up: &'static str,
    pub(super) input: &'static str,
    pub(super) dropped: &'static str,
    pub(super) mask: &'static str,
    pub(super) low: &'static str,
    pub(super) high: &'static str,
    pub(super) sum: &'static str,
}

/// Spells out [`Names`].
macro_rules! adapter {
    ($stem:literal, $words:expr) => {
        Names {
            stem: $stem,
            weight: concat!($stem, ".weight"),
            words: $words,
            down: concat!($stem, ".lora A"),
            up: concat!($stem, ".lora B"),
            input: concat!($stem, ".lora input"),
            dropped: concat!($stem, ".lora dropped input"),
            mask: concat!($stem, ".lora dropout mask"),
            low: concat!($stem, ".lora A output"),
            high: concat!($stem, ".lora B output"),
            sum: concat!($stem, ".lora sum"),
        }
    };
}

/// Every linear layer that can have an adapter.
const LINEAR: &[Names] = &[
    adapter!("attention.query", &["q"]),
    adapter!("attention.key", &["k"]),
    adapter!("attention.value", &["v"]),
    adapter!("attention.query key value", &["q", "k", "v"]),
    adapter!("attention.output", &["o"]),
    adapter!("mlp.gate", &["gate"]),
    adapter!("mlp.up", &["up"]),
    adapter!("mlp.gate and up", &["gate", "up"]),
    adapter!("mlp.down", &["down"]),
    adapter!("embedding projection", &[]),
    adapter!("head projection", &[]),
];

/// The words for targets that need no family.
const WORDS: [&str; 7] = ["q", "k", "v", "o", "gate", "up", "down"];

/// The adapters of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Adapters {
    /// Their rank, `r`.
    pub(super) rank: u64,
    /// The type of their matrices.
    pub(super) dtype: Dtype,
    /// Whether their input goes through dropout.
    pub(super) dropout: bool,
    targets: Vec<&'static Names>,
}

impl Adapters {
    /// The adapters that a run asks for; an error names a target that the model does not have.
    pub(crate) fn of(model: &Model, train: &Train) -> Result<Self, EstimateError> {
        let present = present(model);
        let mut targets: Vec<&'static Names> = Vec::with_capacity(present.len());
        for target in &train.lora_targets {
            let mut found = present.iter().filter(|(names, modules)| is_meant(target, names, modules)).peekable();
            // The default targets are those of gated networks; a plain one has no gate to adapt.
            if found.peek().is_none() && target != "gate" {
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
        Ok(Self { rank: train.lora_rank, dtype, dropout: train.lora_dropout > 0.0, targets })
    }

    /// The names of the adapter beside a linear layer, where it has one.
    pub(super) fn names(&self, linear: &str) -> Option<&'static Names> {
        self.targets.iter().find(|names| names.stem == linear).copied()
    }

    /// The adapters' tensors, block by block, in forward order.
    pub(crate) fn blocks(&self, model: &Model) -> Vec<BlockParameters> {
        let mut adapted = blocks(&model.architecture);
        for block in &mut adapted {
            let matrices = std::mem::take(&mut block.tensors);
            block.tensors = matrices.iter().filter_map(|matrix| self.pair(matrix)).flatten().collect();
        }
        adapted.retain(|block| !block.tensors.is_empty());
        adapted
    }

    fn pair(&self, matrix: &Tensor) -> Option<[Tensor; 2]> {
        let names = self.targets.iter().find(|names| names.weight == matrix.name)?;
        let tensor = |name, rows, columns| Tensor { name, rows, columns, pieces: 1, role: Role::Linear };
        Some([tensor(names.down, self.rank, matrix.columns), tensor(names.up, matrix.rows, self.rank)])
    }
}

/// The linear layers of a model that can have an adapter, with the names of its modules.
type Present = Vec<(&'static Names, &'static [&'static str])>;

fn present(model: &Model) -> Present {
    let blocks = blocks(&model.architecture);
    let has = |names: &Names| blocks.iter().flat_map(|block| &block.tensors).any(|tensor| tensor.name == names.weight);
    let present = LINEAR.iter().filter(|names| has(names));
    present.map(|names| (names, module_names(model.family, names.stem))).collect()
}

fn is_meant(target: &str, names: &Names, modules: &[&str]) -> bool {
    names.words.contains(&target) || modules.contains(&target) || target == "all-linear"
}

fn known(present: &Present) -> Vec<&'static str> {
    let words = WORDS.into_iter().filter(|word| present.iter().any(|(names, _)| names.words.contains(word)));
    words.chain(present.iter().flat_map(|(_, modules)| modules.iter().copied())).collect()
}

fn unknown(model: &Model, target: &str, present: &Present) -> EstimateError {
    let known = known(present);
    let near =
        nearest(target, known.iter().copied()).map_or(String::new(), |near| format!(" (did you mean `{near}`?)"));
    let problem = format!("{} has no `{target}`{near}; it has {}", model.id, known.join(", "));
    EstimateError::Invalid { key: "train.lora_targets", problem }
}
