//! What PEFT makes of a matrix where its adapter begins with a decomposition of it.

use super::{ADAPTER, Made, Sequence, WEIGHT};
use crate::model::parameters::Tensor;
use crate::scenario::{AdapterKind, InitLoraWeights, Placement, Train};
use crate::tape::Dtype;
use crate::units::{Bits, Bytes, Overflow};

const DECOMPOSING: &str = "scratch of decomposing a weight";

/// By what a matrix is decomposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decomposition {
    /// Singular values: `PiSSA`.
    Svd,
    /// An orthogonal matrix and a triangle: `OLoRA`.
    Qr,
}

/// How adapters begin that are computed on the card, in fp32. What cuSOLVER takes for itself is not known, and left out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    by: Decomposition,
    rank: u64,
    /// Whether weights have 16 bits, so that there is a copy of each in fp32.
    narrow: bool,
    /// Bytes that a product takes for itself.
    workspace: u64,
}

impl Start {
    /// That of a run whose weights are on the card when its adapters are made; nothing where they begin at random.
    pub(crate) fn of(train: &Train, placement: Placement, weights: Dtype, workspace: u64) -> Option<Self> {
        let by = match train.init_lora_weights {
            InitLoraWeights::Default => return None,
            InitLoraWeights::Pissa => Decomposition::Svd,
            InitLoraWeights::Olora => Decomposition::Qr,
        };
        let pairs = matches!(train.adapter, AdapterKind::Lora | AdapterKind::Rslora);
        let computes = pairs && placement != Placement::To;
        computes.then_some(Self { by, rank: train.lora_rank, narrow: weights != Dtype::Fp32, workspace })
    }

    /// The most that it takes at once beside a matrix that stands.
    pub(crate) fn most(&self, matrix: &Tensor) -> Result<Bytes, Overflow> {
        let mut sequence = Sequence::default();
        let stands = sequence.allocate(WEIGHT, 0);
        self.compute(&mut sequence, matrix, Some(stands))?;
        Ok(Bytes::new(sequence.most()))
    }

    /// Takes what the adapter begins with out of the matrix that stands; what comes of it are the adapter's two matrices.
    pub(crate) fn compute(
        &self,
        sequence: &mut Sequence,
        matrix: &Tensor,
        stands: Option<Made>,
    ) -> Result<[Made; 2], Overflow> {
        let [whole, down, up] =
            [fp32(matrix.rows, matrix.columns)?, fp32(self.rank, matrix.columns)?, fp32(matrix.rows, self.rank)?];
        let wide = self.narrow.then(|| sequence.allocate(DECOMPOSING, whole));
        let (factors, pair) = match self.by {
            Decomposition::Svd => {
                let factors = singular_values(sequence, matrix)?;
                (factors, [self.of_roots(sequence, down)?, self.of_roots(sequence, up)?])
            }
            Decomposition::Qr => (orthogonal(sequence, matrix)?, [down, up].map(|it| sequence.allocate(ADAPTER, it))),
        };
        let scaled = sequence.allocate(DECOMPOSING, up);
        let product = sequence.allocate(DECOMPOSING, whole);
        sequence.passing(DECOMPOSING, self.workspace);
        let rest = match self.by {
            // Subtracted into a new matrix.
            Decomposition::Svd => {
                sequence.release(scaled);
                let rest = sequence.allocate(WEIGHT, whole);
                sequence.release_each([product].into_iter().chain(wide));
                Some(rest)
            }
            // Where the matrix in fp32 lies.
            Decomposition::Qr => {
                sequence.release_each([product, scaled]);
                wide
            }
        };
        if self.narrow {
            sequence.allocate(WEIGHT, whole / 2);
            sequence.release_each(rest);
        }
        // What was subtracted from in its place still stands.
        sequence.release_each(stands.filter(|_| rest.is_some()).into_iter().chain(factors));
        Ok(pair)
    }

    /// The product of a factor's vectors with the roots of their singular values, as a diagonal matrix.
    fn of_roots(&self, sequence: &mut Sequence, bytes: u64) -> Result<Made, Overflow> {
        let roots = sequence.allocate(DECOMPOSING, fp32(self.rank, 1)?);
        let diagonal = sequence.allocate(DECOMPOSING, fp32(self.rank, self.rank)?);
        sequence.release(roots);
        let product = sequence.allocate(ADAPTER, bytes);
        sequence.passing(DECOMPOSING, self.workspace);
        sequence.release(diagonal);
        Ok(product)
    }
}

/// `torch.linalg.svd`, which overwrites a copy: both factors and singular values, in the order in which they go.
fn singular_values(sequence: &mut Sequence, matrix: &Tensor) -> Result<Vec<Made>, Overflow> {
    let (rows, columns) = (matrix.rows, matrix.columns);
    let side = rows.min(columns);
    let left = sequence.allocate(DECOMPOSING, fp32(rows, side)?);
    let right = sequence.allocate(DECOMPOSING, fp32(side, columns)?);
    let values = sequence.allocate(DECOMPOSING, fp32(side, 1)?);
    let status = sequence.allocate(DECOMPOSING, fp32(1, 1)?);
    sequence.passing(DECOMPOSING, fp32(rows, columns)?);
    // Whether it has converged.
    let [equal, all] = [1; 2].map(|bytes| sequence.allocate(DECOMPOSING, bytes));
    sequence.release_each([all, equal, status]);
    Ok(vec![left, values, right])
}

/// `torch.linalg.qr`: both factors.
fn orthogonal(sequence: &mut Sequence, matrix: &Tensor) -> Result<Vec<Made>, Overflow> {
    let (rows, columns) = (matrix.rows, matrix.columns);
    let side = rows.min(columns);
    let left = sequence.allocate(DECOMPOSING, fp32(rows, side)?);
    let right = sequence.allocate(DECOMPOSING, fp32(side, columns)?);
    let reflectors = sequence.allocate(DECOMPOSING, fp32(side, 1)?);
    for _ in 0..2 {
        sequence.passing(DECOMPOSING, fp32(1, 1)?);
    }
    sequence.release(reflectors);
    Ok(vec![left, right])
}

/// Bytes of a matrix in fp32.
fn fp32(rows: u64, columns: u64) -> Result<u64, Overflow> {
    Ok(Bits::whole(Dtype::Fp32.bits()).bytes(rows.checked_mul(columns).ok_or(Overflow)?)?.get())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::parameters::Role;
    use crate::model::part::{Part, Piece};

    /// What PEFT 0.21.2 asked for beside a matrix of 512 by 256 and one of 256 by 512, with a rank of 8.
    #[test]
    fn a_start_takes_what_was_asked_for() {
        let most = |start, narrow: bool, [rows, columns]: [u64; 2]| {
            let train = Train { init_lora_weights: start, lora_rank: 8, ..Train::default() };
            let weights = if narrow { Dtype::Bf16 } else { Dtype::Fp32 };
            let matrix =
                Tensor { part: Part::Query, piece: Piece::Weight, rows, columns, pieces: 1, role: Role::Linear };
            Start::of(&train, Placement::Build, weights, 32 << 20).unwrap().most(&matrix).unwrap().get()
        };
        assert_eq!(most(InitLoraWeights::Pissa, true, [512, 256]), 35_431_424);
        assert_eq!(most(InitLoraWeights::Pissa, false, [256, 512]), 34_898_944);
        assert_eq!(most(InitLoraWeights::Olora, true, [512, 256]), 35_430_400);
        assert_eq!(most(InitLoraWeights::Olora, false, [256, 512]), 34_897_920);
    }
}
