//! LitGPT's adapters: on some of query, key and value together, on the output projection, on the feed-forward network, on
//! the head.

use crate::ledger::EstimateError;
use crate::model::Model;
use crate::model::architecture::Architecture;
use crate::model::parameters::{Block, BlockParameters, Role, Tensor, blocks};
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
        let (names, downs, outputs) = match matrix.name {
            "attention.query key value.weight" if !widths.is_empty() => {
                let names = ["attention.query key value.lora A", "attention.query key value.lora B"];
                (names, self.of_projection(), widths.iter().sum())
            }
            "attention.output.weight" if self.output => {
                (["attention.output.lora A", "attention.output.lora B"], 1, matrix.rows)
            }
            "mlp.gate.weight" if self.mlp => (["mlp.gate.lora A", "mlp.gate.lora B"], 1, matrix.rows),
            "mlp.up.weight" if self.mlp => (["mlp.up.lora A", "mlp.up.lora B"], 1, matrix.rows),
            "mlp.down.weight" if self.mlp => (["mlp.down.lora A", "mlp.down.lora B"], 1, matrix.rows),
            "head.weight" if self.head => (["head.lora A", "head.lora B"], 1, matrix.rows),
            _ => return Vec::new(),
        };
        let tensor = |name, rows, columns| Tensor { name, rows, columns, pieces: 1, role: Role::Linear };
        let down = tensor(names[0], self.rank.saturating_mul(downs), matrix.columns);
        vec![down, tensor(names[1], outputs, self.rank)]
    }
}
