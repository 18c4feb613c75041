//! Adapters that are no pair of trained matrices: learned vectors (`IA3`), vectors around shared matrices (`VeRA`), and
//! rotations (`OFT`).

use super::{Adapters, Blocks};
use crate::families::of_model;
use crate::ledger::{Asked, EstimateError};
use crate::model::Model;
use crate::model::parameters::{BlockParameters, Role, Tensor};
use crate::model::part::{Part, Piece};
use crate::scenario::{AdapterKind, InitLoraWeights, KernelLibrary, Method, Objective, Train};

const KEY: &str = "train.adapter";

/// Whether a learned vector multiplies what this layer reads and not what it gives: PEFT's `feedforward_modules`, which
/// for every family that it knows are the last layer of the feed-forward network.
pub(crate) fn multiplies_input(part: Part) -> bool {
    part == Part::Down
}

/// What is trained beside a matrix, where that is no pair of matrices.
pub(super) fn other_than_a_pair(adapters: &Adapters, matrix: &Tensor) -> Option<Vec<Tensor>> {
    let vector = |piece, rows| Tensor { part: matrix.part, piece, rows, columns: 1, pieces: 1, role: Role::Norm };
    match adapters.kind {
        AdapterKind::Ia3 if multiplies_input(matrix.part) => Some(vec![vector(Piece::Vector, matrix.columns)]),
        AdapterKind::Ia3 => Some(vec![vector(Piece::Vector, matrix.rows)]),
        AdapterKind::Vera => Some(vec![vector(Piece::VeraB, matrix.rows), vector(Piece::VeraD, adapters.rank)]),
        AdapterKind::Oft => Some(vec![Blocks::of(adapters, matrix.columns).parameter(matrix.part)]),
        AdapterKind::Lora | AdapterKind::Rslora => None,
    }
}

/// The matrices that all layers share.
pub(super) fn shared(adapters: &Adapters, blocks: &[BlockParameters]) -> Vec<Tensor> {
    let adapted = |tensor: &&Tensor| tensor.piece == Piece::Weight && adapters.names(tensor.part).is_some();
    let matrices: Vec<&Tensor> = blocks.iter().flat_map(|block| &block.tensors).filter(adapted).collect();
    let Some(first) = matrices.first().filter(|_| adapters.kind == AdapterKind::Vera) else { return Vec::new() };
    let [rows, columns] =
        matrices.iter().fold([0, 0], |[rows, columns], it| [rows.max(it.rows), columns.max(it.columns)]);
    let matrix =
        |piece, rows, columns| Tensor { part: first.part, piece, rows, columns, pieces: 1, role: Role::Linear };
    vec![matrix(Piece::LoraA, adapters.rank, columns), matrix(Piece::LoraB, rows, adapters.rank)]
}

/// Whether a model is a decoder whose linear layers are all of one kind.
fn is_plain(model: &Model) -> bool {
    let architecture = &model.architecture;
    let decodes = architecture.encoder.is_none() && architecture.seq2seq.is_none() && architecture.image.is_none();
    let code = of_model(model);
    decodes && !architecture.has_experts() && !code.conv1d && !code.transposed_linears
}

/// Whether adapters stand beside layers alone.
fn within_layers(targets: &[Part]) -> bool {
    !targets.iter().any(|part| matches!(part, Part::TokenEmbedding | Part::Head))
}

/// What is not known of adapters that begin with a decomposition of the matrix beside them, and what PEFT refuses.
fn check_start(model: &Model, train: &Train, targets: &[Part]) -> Result<(), EstimateError> {
    let (key, start) = ("train.init_lora_weights", train.init_lora_weights);
    if start == InitLoraWeights::Default {
        return Ok(());
    }
    if !is_plain(model) {
        let covered = format!("default, for {}", model.id);
        return Err(EstimateError::NotCovered { key, value: start.word().to_owned(), covered });
    }
    let asked: [Asked<'_>; 3] = [
        (train.method == Method::Lora, "train.method", &train.method.word(), "full, lora"),
        (!train.dora, "train.dora", &true, "false"),
        (within_layers(targets), "train.lora_targets", &train.lora_targets.join(", "), "layers inside the model's"),
    ];
    EstimateError::first_unknown(&asked, &format!("with {key} = {}", start.word()))
}

/// What is not known of adapters of another kind than two matrices.
pub(super) fn check(model: &Model, train: &Train, targets: &[Part]) -> Result<(), EstimateError> {
    if matches!(train.adapter, AdapterKind::Lora | AdapterKind::Rslora) {
        return check_start(model, train, targets);
    }
    if !is_plain(model) {
        let covered = format!("lora, rslora, for {}", model.id);
        return Err(EstimateError::NotCovered { key: KEY, value: train.adapter.word().to_owned(), covered });
    }
    let (saved, tokens) = (train.modules_to_save.join(", "), train.trainable_token_indices);
    let asked: [Asked<'_>; 7] = [
        (train.method == Method::Lora, "train.method", &train.method.word(), "full, lora"),
        (train.objective == Objective::Lm, "train.objective", &train.objective.word(), "lm"),
        (train.kernels == KernelLibrary::None, "train.kernels", &train.kernels.word(), "none"),
        (!train.dora, "train.dora", &true, "false"),
        (train.modules_to_save.is_empty(), "train.modules_to_save", &saved, "none"),
        (tokens == 0, "train.trainable_token_indices", &tokens, "0"),
        (within_layers(targets), "train.lora_targets", &train.lora_targets.join(", "), "layers inside the model's"),
    ];
    EstimateError::first_unknown(&asked, &format!("with train.adapter = {}", train.adapter.word()))
}
