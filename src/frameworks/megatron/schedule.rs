//! How many micro batches every piece of a stage holds activations of, at the heaviest moment of the schedule.

use crate::units::{Bytes, Overflow};

/// What the schedule is told of a stage.
pub(super) struct Pipelined {
    /// Stages in all.
    pub(super) stages: u64,
    /// This one, from 0.
    pub(super) stage: u64,
    /// Micro batches of a step.
    pub(super) micro_batches: u64,
    /// Micro batches that a piece takes in a row.
    pub(super) group: u64,
    /// Pieces of the stage.
    pub(super) pieces: usize,
}

/// The order in which pieces of a stage take micro batches.
pub(super) enum Schedule {
    /// A stage of one piece: so many go forward before the first goes back.
    InARow(u64),
    /// A stage of so many.
    Interleaved { pieces: usize, runs: Vec<Run> },
}

/// So many turns in which one piece goes forward, and after each of them one goes back or none.
pub(super) struct Run {
    forward: usize,
    back: Option<usize>,
    turns: u64,
}

impl Pipelined {
    pub(super) fn schedule(&self) -> Schedule {
        if self.pieces < 2 {
            return Schedule::InARow((self.stages - self.stage).min(self.micro_batches));
        }
        Schedule::Interleaved { pieces: self.pieces, runs: self.runs(&self.turns()) }
    }

    /// The turns of equal pieces together.
    fn runs(&self, turns: &[usize]) -> Vec<Run> {
        let warm_up = usize::try_from(self.warm_up()).unwrap_or(usize::MAX);
        // Backward passes take the pieces in reverse.
        let back = |turn: usize| turns.get(turn.checked_sub(warm_up)?).map(|piece| self.pieces - 1 - piece);
        let mut runs: Vec<Run> = Vec::with_capacity(8 * self.pieces);
        for (turn, forward) in turns.iter().copied().enumerate() {
            let back = back(turn);
            match runs.last_mut() {
                Some(run) if (run.forward, run.back) == (forward, back) => run.turns += 1,
                _ => runs.push(Run { forward, back, turns: 1 }),
            }
        }
        runs
    }

    /// Forward passes of pieces before the first backward pass.
    fn warm_up(&self) -> u64 {
        let later = (self.pieces as u64 - 1).saturating_mul(self.group);
        (2 * (self.stages - self.stage - 1)).saturating_add(later)
    }

    /// Which piece takes its turn, turn by turn: groups of micro batches go through all pieces. After the warm-up each round
    /// of a group adds to every piece as many micro batches as it takes away: the first one tells all, and a last group that
    /// is smaller than the others.
    fn turns(&self) -> Vec<usize> {
        let pieces = self.pieces as u64;
        let round = self.group.saturating_mul(pieces);
        let groups = self.warm_up().div_ceil(round.max(1)).saturating_add(2);
        let told = groups.saturating_mul(self.group).saturating_add(self.micro_batches % self.group);
        let micro_batches = self.micro_batches.min(told);
        let mut turns = Vec::with_capacity(usize::try_from(micro_batches * pieces).unwrap_or_default());
        let mut first = 0;
        while first < micro_batches {
            let of_group = self.group.min(micro_batches - first);
            for piece in 0..self.pieces {
                turns.extend((0..of_group).map(|_| piece));
            }
            first += of_group;
        }
        turns
    }
}

impl Schedule {
    /// Writes how many micro batches are in flight in every piece at the heaviest turn, of which one keeps so many bytes in
    /// each; the last piece needs the bytes of the loss too while it goes forward.
    pub(super) fn in_flight(&self, kept: &[Bytes], loss: Bytes, alive: &mut Vec<u64>) -> Result<(), Overflow> {
        alive.clear();
        let (pieces, runs) = match self {
            Self::InARow(micro_batches) => {
                alive.push(*micro_batches);
                return Ok(());
            }
            Self::Interleaved { pieces, runs } => (*pieces, runs),
        };
        let (mut held, mut most, mut heaviest) = (Bytes::ZERO, Bytes::ZERO, None);
        for (index, Run { forward, back, turns }) in runs.iter().enumerate() {
            let loss = if *forward == pieces - 1 { loss } else { Bytes::ZERO };
            let (more, gone) = (kept[*forward], back.map_or(Bytes::ZERO, |piece| kept[piece]));
            // What grows from turn to turn is heaviest in the last of them, anything else in the first.
            let turn = if more > gone { *turns } else { 1 };
            let weight = held.checked_add(more.checked_mul(turn)?)?.saturating_sub(gone.checked_mul(turn - 1)?);
            let weight = weight.checked_add(loss)?;
            if weight > most {
                (most, heaviest) = (weight, Some((index, turn)));
            }
            held = held.checked_add(more.checked_mul(*turns)?)?.saturating_sub(gone.checked_mul(*turns)?);
        }
        alive.resize(pieces, 0);
        let Some((last, turn)) = heaviest else { return Ok(()) };
        for (index, Run { forward, back, turns }) in runs[..=last].iter().enumerate() {
            let (forth, gone) = if index == last { (turn, turn - 1) } else { (*turns, *turns) };
            alive[*forward] += forth;
            if let Some(piece) = back {
                alive[*piece] = alive[*piece].saturating_sub(gone);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heaviest(schedule: &Schedule, kept: &[Bytes]) -> Vec<u64> {
        let mut alive = Vec::new();
        schedule.in_flight(kept, Bytes::new(1), &mut alive).unwrap();
        alive
    }

    fn in_flight(stage: u64, pieces: usize, micro_batches: u64) -> u64 {
        let schedule = Pipelined { stages: 4, stage, micro_batches, group: 4, pieces }.schedule();
        heaviest(&schedule, &vec![Bytes::new(10); pieces]).iter().sum()
    }

    #[test]
    fn a_pipeline_holds_fewer_micro_batches_the_later_the_stage() {
        assert_eq!([0, 1, 2, 3].map(|stage| in_flight(stage, 1, 8)), [4, 3, 2, 1]);
        assert_eq!(in_flight(0, 1, 2), 2);
        // (VP-1)·PP + 1 on the last rank, 2·(PP-1) more on the first.
        assert_eq!(in_flight(3, 3, 32), 9);
        assert_eq!(in_flight(0, 3, 32), 15);
    }

    /// Every turn of a step.
    fn whole(pipelined: &Pipelined) -> Schedule {
        let (mut turns, mut left) = (Vec::new(), pipelined.micro_batches);
        while left > 0 {
            let of_group = usize::try_from(left.min(pipelined.group)).unwrap();
            turns.extend((0..pipelined.pieces).flat_map(|piece| vec![piece; of_group]));
            left -= of_group as u64;
        }
        Schedule::Interleaved { pieces: pipelined.pieces, runs: pipelined.runs(&turns) }
    }

    /// Micro batches in flight at the heaviest turn, looked at turn by turn.
    fn turn_by_turn(schedule: &Schedule, kept: &[Bytes], loss: Bytes) -> Vec<u64> {
        let Schedule::Interleaved { pieces, runs } = schedule else { panic!("a stage of one piece") };
        let (mut alive, mut heaviest, mut most) = (vec![0; *pieces], vec![0; *pieces], Bytes::ZERO);
        for run in runs {
            for _ in 0..run.turns {
                alive[run.forward] += 1;
                let held: u64 = kept.iter().zip(&alive).map(|(kept, count)| kept.get() * count).sum();
                let loss = if run.forward == pieces - 1 { loss.get() } else { 0 };
                if Bytes::new(held + loss) > most {
                    (most, heaviest) = (Bytes::new(held + loss), alive.clone());
                }
                if let Some(piece) = run.back {
                    alive[piece] -= 1;
                }
            }
        }
        heaviest
    }

    #[test]
    fn the_first_round_after_the_warm_up_tells_all() {
        for (stages, pieces, group) in [(2, 2, 2), (4, 2, 4), (4, 3, 4), (8, 4, 8), (4, 2, 6), (3, 5, 7)] {
            for (stage, micro_batches) in (0..stages).flat_map(|stage| (group..9 * group).map(move |it| (stage, it))) {
                let pipelined = Pipelined { stages, stage, micro_batches, group, pieces };
                for uneven in [0, 1, 7, 40] {
                    let kept: Vec<_> = (0..pieces as u64).map(|it| Bytes::new(10 + it * uneven % 23)).collect();
                    let [short, long] = [pipelined.schedule(), whole(&pipelined)].map(|it| heaviest(&it, &kept));
                    assert_eq!(turn_by_turn(&whole(&pipelined), &kept, Bytes::new(1)), long);
                    assert_eq!(short, long, "{stages} stages, {pieces} pieces: {stage}, {micro_batches} of {group}");
                }
            }
        }
    }
}
