//! How many micro batches every piece of a stage holds activations of, at the heaviest moment of the schedule.

use crate::units::{Bytes, Overflow};

/// What the schedule is told of a stage.
pub(super) struct Schedule<'a> {
    /// Stages in all.
    pub(super) stages: u64,
    /// This one, from 0.
    pub(super) stage: u64,
    /// Micro batches of a step.
    pub(super) micro_batches: u64,
    /// Micro batches that a piece takes in a row.
    pub(super) group: u64,
    /// What every piece keeps of one micro batch.
    pub(super) kept: &'a [Bytes],
    /// What the last piece needs beside that while it computes the loss; nothing where there is none.
    pub(super) loss: Bytes,
}

/// Longer schedules repeat themselves: no more is in flight after so many rounds.
const ROUNDS: u64 = 3;

impl Schedule<'_> {
    /// Micro batches in flight in every piece.
    pub(super) fn in_flight(&self) -> Result<Vec<u64>, Overflow> {
        if self.kept.len() < 2 {
            return Ok(vec![(self.stages - self.stage).min(self.micro_batches)]);
        }
        self.interleaved()
    }

    /// Forward passes of pieces before the first backward pass.
    fn warm_up(&self) -> u64 {
        let later = (self.kept.len() as u64 - 1).saturating_mul(self.group);
        (2 * (self.stages - self.stage - 1)).saturating_add(later)
    }

    /// Which piece takes its turn, turn by turn: groups of micro batches go through all pieces.
    fn turns(&self) -> Vec<usize> {
        let most = self.warm_up().saturating_add(self.group * self.kept.len() as u64 * ROUNDS);
        let micro_batches = self.micro_batches.min(most / self.kept.len() as u64 + self.group);
        let mut turns = Vec::new();
        let mut first = 0;
        while first < micro_batches {
            let of_group = self.group.min(micro_batches - first);
            for piece in 0..self.kept.len() {
                turns.extend((0..of_group).map(|_| piece));
            }
            first += of_group;
        }
        turns
    }

    /// The schedule, turn by turn: forward passes first, then a backward pass after every forward pass.
    fn interleaved(&self) -> Result<Vec<u64>, Overflow> {
        let turns = self.turns();
        let pieces = self.kept.len();
        let warm_up = usize::try_from(self.warm_up()).unwrap_or(usize::MAX);
        let (mut alive, mut heaviest) = (vec![0_u64; pieces], vec![0; pieces]);
        let (mut held, mut most) = (Bytes::ZERO, Bytes::ZERO);
        for (turn, piece) in turns.iter().enumerate() {
            alive[*piece] += 1;
            held = held.checked_add(self.kept[*piece])?;
            let loss = if *piece == pieces - 1 { self.loss } else { Bytes::ZERO };
            let weight = held.checked_add(loss)?;
            if weight > most {
                (most, heaviest) = (weight, alive.clone());
            }
            // Backward passes take the pieces in reverse.
            if turn >= warm_up {
                let back = pieces - 1 - turns[turn - warm_up];
                alive[back] = alive[back].saturating_sub(1);
                held = held.saturating_sub(self.kept[back]);
            }
        }
        Ok(heaviest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_flight(stage: u64, pieces: usize, micro_batches: u64) -> u64 {
        let kept = vec![Bytes::new(10); pieces];
        let stage = Schedule { stages: 4, stage, micro_batches, group: 4, kept: &kept, loss: Bytes::new(1) };
        stage.in_flight().unwrap().iter().sum()
    }

    #[test]
    fn a_pipeline_holds_fewer_micro_batches_the_later_the_stage() {
        assert_eq!([0, 1, 2, 3].map(|stage| in_flight(stage, 1, 8)), [4, 3, 2, 1]);
        assert_eq!(in_flight(0, 1, 2), 2);
        // (VP-1)·PP + 1 on the last rank, 2·(PP-1) more on the first.
        assert_eq!(in_flight(3, 3, 32), 9);
        assert_eq!(in_flight(0, 3, 32), 15);
    }
}
