//! LitGPT's adapters: on some of query, key and value together, on the output projection, on the feed-forward network, on
//! the head.

use crate::ledger::EstimateError;
use crate::model::Model;
use crate::model::architecture::Architecture;
use crate::model::parameters::{Block, BlockParameters, Tensor, blocks};
use crate::model::part::{Part, Piece};
use crate::scenario::Train;
use crate::states::targets::Targets;

/// The adapters of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent options of the script")]
pub(crate) struct Lora {
    /// Their rank, `r`.
    pub(crate) rank: u64,
    /// Whether their input goes through dropout.
    pub(crate) dropout: bool,
    /// Whether query, key and value have one.
    pub(crate) projected: [bool; 3],
    /// Whether the output projection has one.
    pub(crate) output: bool,
    /// Whether the feed-forward network's matrices have one.
    pub(crate) mlp: bool,
    /// Whether the head has one.
    pub(crate) head: bool,
}

impl Lora {
    /// The adapters that a run asks for.
    pub(crate) fn of(model: &Model, train: &Train) -> Result<Self, EstimateError> {
        let Targets { projected, output, mlp, head } = Targets::of(model, train, "litgpt")?;
        Ok(Self { rank: train.lora_rank, dropout: train.lora_dropout > 0.0, projected, output, mlp, head })
    }

    /// How many of query, key and value have one.
    pub(crate) fn of_projection(&self) -> u64 {
        self.projected.into_iter().map(u64::from).sum()
    }

    /// The widths of those that have one, of queries and of keys or values.
    pub(crate) fn projected(&self, query: u64, kv: u64) -> Vec<u64> {
        let widths = [query, kv, kv].into_iter().zip(self.projected);
        widths.filter(|(_, adapted)| *adapted).map(|(width, _)| width).collect()
    }

    /// The adapters' tensors, block by block, in forward order.
    pub(crate) fn blocks(&self, architecture: &Architecture) -> Vec<BlockParameters> {
        let mut adapted = blocks(architecture);
        let mut groups = architecture.groups.iter();
        for block in &mut adapted {
            let matrices = std::mem::take(&mut block.tensors);
            let group = if matches!(block.block, Block::Group(_)) { groups.next() } else { None };
            let attention = group.and_then(|group| group.layer.attention());
            let widths = attention.map_or_else(Vec::new, |it| self.projected(it.query_size(), it.kv_size()));
            block.tensors = matrices.iter().flat_map(|matrix| self.beside(matrix, &widths)).collect();
        }
        adapted.retain(|block| !block.tensors.is_empty());
        adapted
    }

    /// The pair beside a matrix, where it has one.
    fn beside(&self, matrix: &Tensor, widths: &[u64]) -> Vec<Tensor> {
        let adapted = matrix.piece == Piece::Weight
            && match matrix.part {
                Part::QueryKeyValue => !widths.is_empty(),
                Part::AttentionOutput => self.output,
                Part::Gate | Part::Up | Part::Down => self.mlp,
                Part::Head => self.head,
                _ => false,
            };
        if !adapted {
            return Vec::new();
        }
        let fused = matrix.part == Part::QueryKeyValue;
        let (downs, outputs) = if fused { (self.of_projection(), widths.iter().sum()) } else { (1, matrix.rows) };
        let tensor = |piece, rows, columns| Tensor { piece, rows, columns, pieces: 1, ..matrix.clone() };
        let down = tensor(Piece::LoraA, self.rank.saturating_mul(downs), matrix.columns);
        vec![down, tensor(Piece::LoraB, outputs, self.rank)]
    }
}
