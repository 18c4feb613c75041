//! Tensors of a GGUF file, on the card or on the host.

use super::Run;
use crate::frameworks::engine::always;
use crate::ledger::Entry;
use crate::model::part::{Part, Site};
use crate::model::stored::{StoredTensor, StoredTensors};
use crate::states::file;
use crate::units::Overflow;

/// The tensors of a file, on the card and on the host.
pub(super) fn parameters(run: &Run<'_>, files: &StoredTensors) -> Result<[Vec<Entry>; 2], Overflow> {
    let tied = !files.tensors.iter().any(|tensor| part(tensor) == Some(Part::Head));
    let of = |on_card: bool| {
        let here = |tensor: &&StoredTensor| stands(run, tensor, tied)[usize::from(!on_card)];
        let tensors = files.tensors.iter().filter(here).cloned().collect();
        file::parameters(&StoredTensors { tensors, ..files.clone() }, always())
    };
    Ok([of(true)?, of(false)?])
}

fn part(tensor: &StoredTensor) -> Option<Part> {
    tensor.part.map(|(part, _)| part)
}

/// Whether a tensor is on the card, and whether on the host. The table of tokens is there, and as a head on the card too.
fn stands(run: &Run<'_>, tensor: &StoredTensor, tied: bool) -> [bool; 2] {
    if part(tensor) == Some(Part::TokenEmbedding) {
        return [tied && run.has_output(), true];
    }
    let is_expert = part(tensor).is_some_and(|part| matches!(part.site(), Site::Experts | Site::Expert));
    let on_card = match tensor.layer {
        Some(layer) => layer >= run.first_on_card() && !(is_expert && layer < run.served.infer.cpu_moe_layers),
        None => run.has_output(),
    };
    [on_card, !on_card]
}
