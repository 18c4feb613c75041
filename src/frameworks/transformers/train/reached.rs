//! Which tensors a step trains: those that a gradient reaches.

use crate::model::architecture::ScoreHead;
use crate::model::family::PositionTable;
use crate::model::parameters::{Block, BlockParameters};
use crate::model::part::Part;
use crate::model::{Model, Output};
use crate::scenario::{Placement, Train};

/// The tensors that a gradient reaches: the pooler of a bare model is none of those that vectors are made from, and nothing
/// reads a tower's pooling head, and what stands behind the layer that its projector reads.
pub(super) fn reached(
    blocks: &[BlockParameters],
    model: &Model,
    train: &Train,
    placement: Placement,
) -> Vec<BlockParameters> {
    let mut blocks = seen_by(blocks, model, train, placement);
    if model.architecture.output == Output::Hidden {
        for block in &mut blocks {
            block.tensors.retain(|tensor| tensor.part != Part::Pooler);
        }
    }
    if let Some(tower) = &model.architecture.tower {
        for block in &mut blocks {
            match block.block {
                Block::Tower => block.tensors.retain(|tensor| tower.reads(tensor.part)),
                Block::TowerGroup(group) if tower.leaves_last_layer() && group + 1 == tower.groups.len() => {
                    block.copies = block.copies.saturating_sub(1);
                    block.span[1] = block.span[1].saturating_sub(1);
                }
                _ => {}
            }
        }
    }
    blocks.retain(|block| block.copies > 0 && !block.tensors.is_empty());
    blocks
}

/// Whether what a block computes is run: layers that attend to images are not, where there are none.
pub(super) fn runs(block: Block, model: &Model, train: &Train) -> bool {
    let layer = |group: usize| &model.architecture.groups[group].layer;
    !matches!(block, Block::Group(group) if train.images == 0 && layer(group).attends_to_tower())
}

/// The tensors that are trained where all of the text part is: without images no tower has anything to read, and some tables
/// of positions are never trained.
pub(crate) fn seen_by(
    blocks: &[BlockParameters],
    model: &Model,
    train: &Train,
    placement: Placement,
) -> Vec<BlockParameters> {
    let sees = |block: &&BlockParameters| match block.block {
        Block::Projector => train.images > 0,
        block if block.of_tower() => train.images > 0 && train.train_tower,
        block => runs(block, model, train),
    };
    let mut blocks: Vec<BlockParameters> = blocks.iter().filter(sees).cloned().collect();
    let loaded = placement != Placement::Build;
    let is_trained = |position: PositionTable| position.is_trained(loaded);
    let of_tower = model.architecture.tower.as_ref().is_none_or(|tower| is_trained(tower.position_table()));
    let [of_encoder, of_decoder] = model.architecture.seq2seq.map_or([true; 2], |it| it.positions.map(is_trained));
    for block in &mut blocks {
        let own = if block.block.of_tower() { of_tower } else { of_decoder };
        block.tensors.retain(|tensor| match tensor.part {
            Part::EncoderPositionEmbedding => of_encoder,
            Part::PositionEmbedding => own,
            _ => true,
        });
    }
    blocks
}

/// The copy that PEFT trains of what scores classes, which was never trained: the modules `score` and `classifier`.
pub(crate) fn copied_head(blocks: &[BlockParameters], model: &Model) -> Vec<BlockParameters> {
    let Some(scores) = model.architecture.output.scores() else { return Vec::new() };
    let copied = |part: Part| {
        part == Part::Classifier || part == Part::HeadTransform && matches!(scores.head, ScoreHead::FirstToken(_))
    };
    let of_head = blocks.iter().filter(|block| block.block == Block::Head);
    let heads = of_head.map(|block| {
        let tensors = block.tensors.iter().filter(|tensor| copied(tensor.part)).cloned().collect();
        BlockParameters { tensors, ..block.clone() }
    });
    heads.collect()
}
