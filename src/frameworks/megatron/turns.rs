//! Muon's states where whole tensors go to ranks in turn: by size, the smallest first, to the last rank and back again.

use super::parameters::Weight;
use super::plan::Plan;
use super::share::{replicas, states};
use crate::scenario::Optimizer;
use crate::units::Overflow;

/// Of how many copies of each parameter the fullest rank has the states; nothing where every rank has a share of all.
pub(super) fn owned(plan: &Plan<'_>, weights: &[Weight]) -> Result<Option<Vec<u64>>, Overflow> {
    let whole = plan.train().optimizer == Optimizer::Muon && !plan.megatron().use_layer_wise_param_layout;
    if !whole || plan.layout.zero == 0 {
        return Ok(None);
    }
    let mut counts = vec![0; weights.len()];
    for of_experts in [false, true] {
        let ranks = replicas(plan, of_experts);
        let mut tensors: Vec<(u64, usize)> = Vec::new();
        for (index, weight) in weights.iter().enumerate().filter(|(_, weight)| weight.of_experts == of_experts) {
            let elements = weight.draft.bytes()?.get() / 2;
            tensors.extend((0..weight.count).map(|_| (elements, index)));
        }
        tensors.sort_by_key(|(elements, _)| *elements);
        for index in of_fullest(&tensors, ranks, |index| states(plan, &weights[index]).len() as u64)? {
            counts[index] += 1;
        }
    }
    Ok(Some(counts))
}

/// The tensors of the rank whose states are largest.
fn of_fullest(tensors: &[(u64, usize)], ranks: u64, states: impl Fn(usize) -> u64) -> Result<Vec<usize>, Overflow> {
    let rank_of = |turn: usize| {
        let turn = turn as u64 % (2 * ranks);
        turn.min(2 * ranks - 1 - turn)
    };
    let mut held = vec![0_u64; usize::try_from(ranks).map_err(|_beyond| Overflow)?];
    let slot = |turn: usize| usize::try_from(rank_of(turn)).map_err(|_beyond| Overflow);
    for (turn, (elements, index)) in tensors.iter().enumerate() {
        let bytes = elements.checked_mul(states(*index)).ok_or(Overflow)?;
        let held = &mut held[slot(turn)?];
        *held = held.checked_add(bytes).ok_or(Overflow)?;
    }
    let most = held.iter().max().copied().unwrap_or(0);
    let fullest = held.iter().position(|held| *held == most).unwrap_or(0) as u64;
    let own = tensors.iter().enumerate().filter(|(turn, _)| rank_of(*turn) == fullest);
    Ok(own.map(|(_, (_, index))| *index).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_go_to_ranks_and_back_again() {
        let tensors: Vec<(u64, usize)> = (0..9).map(|index| (index as u64 + 1, index)).collect();
        // Ranks 0, 1, 2, 3, 3, 2, 1, 0, 0: the first has the 1st, the 8th and the 9th.
        assert_eq!(of_fullest(&tensors, 4, |_| 3).unwrap(), [0, 7, 8]);
        assert_eq!(of_fullest(&tensors, 1, |_| 3).unwrap().len(), 9);
    }
}
