//! The blocks of a tower and its projector.

use super::{Block, BlockParameters};
use crate::model::tower::Tower;

/// Block by block, in forward order.
pub(super) fn blocks(tower: &Tower) -> Vec<BlockParameters> {
    let mut first = 0;
    let layers = tower.layers.iter().enumerate().map(|(index, group)| {
        let span = [first, first + group.layers - 1];
        first += group.layers;
        let tensors = group.tensors.clone();
        BlockParameters { block: Block::TowerGroup(index), copies: group.layers, span, tensors }
    });
    let layers: Vec<BlockParameters> = layers.collect();
    let outside = tower.before.iter().chain(&tower.behind).cloned().collect();
    let whole = [
        BlockParameters::outside(Block::Tower, outside),
        BlockParameters::outside(Block::Projector, tower.projector.clone()),
    ];
    let [outside, projector] = whole;
    std::iter::once(outside).chain(layers).chain(std::iter::once(projector)).collect()
}
