//! What a wrapper of modules gathers and reduces together: the embedding, each layer, the last norm with the head.

use crate::model::parameters::{Block, BlockParameters, Tensor};
use crate::model::part::Part;
use crate::scenario::Wrap;
use crate::states::shard::shard;
use crate::units::Overflow;

/// Elements of some tensors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Elements {
    /// As they are.
    pub(crate) whole: u64,
    /// With the rows by which every tensor is padded to the same number for every GPU.
    pub(crate) padded: u64,
}

impl Elements {
    /// These without some of them.
    pub(crate) const fn without(self, others: Self) -> Self {
        Self { whole: self.whole.saturating_sub(others.whole), padded: self.padded.saturating_sub(others.padded) }
    }

    fn add(&mut self, tensor: &Tensor, ways: u64) -> Result<(), Overflow> {
        let padded = shard(tensor, ways)?.checked_mul(ways).ok_or(Overflow)?;
        let sum = |one: u64, other: u64| one.checked_add(other).ok_or(Overflow);
        *self = Self { whole: sum(self.whole, tensor.parameters()?.get())?, padded: sum(self.padded, padded)? };
        Ok(())
    }
}

/// The parameters of a unit: those of the model, and the adapters in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Unit {
    /// The model's own.
    pub(crate) own: Elements,
    /// Of adapters.
    pub(crate) adapters: Elements,
}

/// The units of a model over so many GPUs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Units {
    /// Over how many GPUs each is divided.
    pub(crate) ways: u64,
    /// Whether what is in no layer has units of its own, and is not all the root's.
    pub(crate) apart: bool,
    /// Whether the embedding is the head, and in its unit.
    pub(crate) tied: bool,
    /// The table of tokens, unless the head is the same.
    pub(crate) embedding: Unit,
    /// The first and the last of some layers, and the unit that each of them is.
    layers: Vec<([u64; 2], Unit)>,
    /// The last norm and the head.
    pub(crate) tail: Unit,
    /// Of that the head.
    pub(crate) head: Elements,
    /// Everything else, which the wrapper around the whole model holds.
    pub(crate) root: Unit,
}

impl Units {
    /// Those of these blocks, and of the adapters' where those are what is trained.
    pub(crate) fn of(
        (blocks, adapted): (&[BlockParameters], &[BlockParameters]),
        (wrap, tied): (Wrap, bool),
        ways: u64,
    ) -> Result<Self, Overflow> {
        let mut units = Self { ways, apart: wrap == Wrap::Units, tied, ..Self::default() };
        for (blocks, adapters) in [(blocks, false), (adapted, true)] {
            for block in blocks {
                if matches!(block.block, Block::Group(_)) && wrap != Wrap::Whole {
                    units.add_layers(block, adapters)?;
                    continue;
                }
                for tensor in &block.tensors {
                    if (tensor.part, adapters) == (Part::Head, false) {
                        units.head.add(tensor, ways)?;
                    }
                    let unit = units.outside(block.block, tensor);
                    let elements = if adapters { &mut unit.adapters } else { &mut unit.own };
                    (0..block.copies).try_for_each(|_| elements.add(tensor, ways))?;
                }
            }
        }
        Ok(units)
    }

    /// The unit of a tensor that is in no layer.
    fn outside(&mut self, block: Block, tensor: &Tensor) -> &mut Unit {
        match (block, tensor.part) {
            _ if !self.apart => &mut self.root,
            (Block::Embedding, Part::TokenEmbedding) if !self.tied => &mut self.embedding,
            (Block::Embedding, Part::TokenEmbedding) | (Block::FinalNorm, _) | (Block::Head, Part::Head) => {
                &mut self.tail
            }
            _ => &mut self.root,
        }
    }

    fn add_layers(&mut self, block: &BlockParameters, adapters: bool) -> Result<(), Overflow> {
        let known = self.layers.iter().position(|(span, _)| *span == block.span);
        let index = known.unwrap_or_else(|| {
            self.layers.push((block.span, Unit::default()));
            self.layers.len() - 1
        });
        let unit = &mut self.layers[index].1;
        let elements = if adapters { &mut unit.adapters } else { &mut unit.own };
        block.tensors.iter().try_for_each(|tensor| elements.add(tensor, self.ways))
    }

    /// The numbers of all layers.
    pub(crate) fn layers(&self) -> impl Iterator<Item = u64> {
        self.layers.iter().flat_map(|([first, last], _)| *first..=*last)
    }

    /// The unit of a layer.
    pub(crate) fn layer(&self, number: u64) -> Unit {
        let of = |(span, _): &&([u64; 2], Unit)| (span[0]..=span[1]).contains(&number);
        self.layers.iter().find(of).map_or_else(Unit::default, |(_, unit)| *unit)
    }
}
