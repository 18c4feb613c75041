//! Levers moved together: as few as are enough, and what comes nearest where none are.

use std::collections::HashSet;

use super::trial::{Moved, Trials, with};
use super::{Advice, Fix};
use crate::memory::Verdict;
use crate::scenario::Value;
use crate::units::Bytes;

/// Levers that are moved together at most.
const MOST: usize = 3;

/// Combinations that are told of the same result, and of another: what each needs takes most of the search's time.
const SHOWN: [usize; 2] = [3, 2];

/// Combinations of one kind of result that are played out at most: of those that are left, tensors leave little room.
const PLAYED: usize = 5;

/// Sets that another lever is added to: those that come nearest.
const EXTENDED: usize = 24;

/// The same where nothing is enough.
const NEAREST: usize = 4;

/// Single levers that are told where nothing is enough.
const SINGLE: usize = 2;

/// Single levers after which a run needs less and fits; and where it does not fit as it is, combinations where no single
/// lever is enough, and where none is either what comes nearest.
pub(super) fn combined(trials: &mut Trials<'_>, fits: bool) -> Advice {
    let mut fixes = singles(trials);
    if !fits && !fixes.iter().any(|fix| !fix.cost.other_result) {
        for other_result in [false, true] {
            if !fixes.iter().any(|fix| fix.cost.other_result == other_result) {
                fixes.extend(together(trials, other_result));
            }
        }
    }
    let nearest = if fixes.is_empty() && !fits { nearest(trials) } else { Vec::new() };
    fixes.sort_by_key(|fix| (fix.cost, fix.steps, fix.changes.len(), fix.verdict != Verdict::Fits, fix.needs));
    Advice { fixes, nearest, room: Vec::new() }
}

/// The levers that are enough by themselves.
fn singles(trials: &mut Trials<'_>) -> Vec<Fix> {
    let mut fixes: Vec<Fix> = Vec::new();
    for lever in trials.levers() {
        let moved = [lever];
        let may = trials.tried(&moved).is_some_and(|tried| trials.may_fit(tried.needs));
        // A smaller batch than is needed is no advice.
        let smaller = |fix: &Fix| {
            let counts = fix.changes.iter().all(|(_, value)| matches!(value, Value::Count(_)));
            counts && fix.changes.len() > 1 && fix.changes.iter().map(|(key, _)| *key).eq(trials.keys(&moved))
        };
        if may && !fixes.iter().any(smaller) {
            let fix = trials.played(&moved).filter(|fix| fix.fits() && fix.needs < trials.before());
            fixes.extend(fix);
        }
    }
    // What is changed in vain beside another change is no advice.
    let simpler = |one: &Fix, other: &Fix| {
        let within = one.changes.len() < other.changes.len() && one.changes.iter().all(|it| other.changes.contains(it));
        within && one.needs <= other.needs
    };
    let in_vain = |fix: &Fix| fixes.iter().any(|other| simpler(other, fix));
    fixes.iter().filter(|fix| !in_vain(fix)).cloned().collect()
}

/// Two or three levers that are enough together and of which none is in vain, whose result is another than the run's or the
/// same; as few as there need be.
fn together(trials: &mut Trials<'_>, other_result: bool) -> Vec<Fix> {
    let of_kind = |trials: &Trials<'_>, moved: &[usize]| trials.cost(moved).other_result;
    let levers: Vec<usize> = trials.levers().filter(|lever| other_result || !of_kind(trials, &[*lever])).collect();
    let single = |lever: &usize| Some((vec![*lever], trials.tried(&[*lever]).filter(|tried| tried.helps)?.needs));
    let mut sets: Vec<(Moved, Bytes)> = levers.iter().filter_map(single).collect();
    for _ in 1..MOST {
        let larger = larger(trials, &sets, &levers);
        let mut may: Vec<&(Moved, Bytes)> = larger.iter().filter(|(_, needs)| trials.may_fit(*needs)).collect();
        may.retain(|(moved, needs)| of_kind(trials, moved) == other_result && *needs < less_by_one(trials, moved));
        may.sort_by_key(|(moved, needs)| (trials.prices(moved), *needs));
        let found = played(trials, &may, SHOWN[usize::from(other_result)]);
        if !found.is_empty() {
            return found;
        }
        sets = larger.into_iter().take(EXTENDED).collect();
    }
    Vec::new()
}

/// These sets with one lever more where that makes them need less by their tensors, and what they then need, the least first.
fn larger(trials: &mut Trials<'_>, sets: &[(Moved, Bytes)], levers: &[usize]) -> Vec<(Moved, Bytes)> {
    let (mut larger, mut seen) = (Vec::new(), HashSet::new());
    for (set, before) in sets {
        for lever in levers {
            let moved = with(set, *lever);
            if trials.is_apart(set, *lever)
                && !seen.contains(&moved)
                && let Some(tried) = trials.tried(&moved).filter(|tried| tried.needs < *before)
            {
                seen.insert(moved.clone());
                larger.push((moved, tried.needs));
            }
        }
    }
    larger.sort_by_key(|(_, needs)| *needs);
    larger
}

/// The least that is needed with one of these left where it was: with all of them it is less, unless one is in vain.
fn less_by_one(trials: &mut Trials<'_>, moved: &[usize]) -> Bytes {
    let without = |left: usize| moved.iter().copied().filter(|lever| *lever != left).collect::<Moved>();
    let needs = moved.iter().filter_map(|left| trials.tried(&without(*left)));
    needs.map(|tried| tried.needs).min().unwrap_or(trials.before())
}

/// Those of these that fit with all that the allocator takes, by other settings of it where they would not as it is; of
/// several that set the same parameters the first, at most so many.
fn played(trials: &Trials<'_>, sets: &[&(Moved, Bytes)], most: usize) -> Vec<Fix> {
    let (mut found, mut told): (Vec<Fix>, Vec<Vec<&str>>) = (Vec::new(), Vec::new());
    for (moved, _) in sets.iter().take(PLAYED) {
        let keys = trials.keys(moved);
        if found.len() == most || told.contains(&keys) {
            continue;
        }
        let otherwise = || trials.with_allocator(moved).filter(|moved| moved.len() <= MOST);
        let fix = trials.played(moved).filter(Fix::fits).or_else(|| trials.played(&otherwise()?).filter(Fix::fits));
        if let Some(fix) = fix {
            told.push(keys);
            found.push(fix);
        }
    }
    found
}

/// The levers that help most, one to three together, and what the run needs with them.
fn nearest(trials: &mut Trials<'_>) -> Vec<Fix> {
    trials.go_on_without_room();
    let levers: Vec<usize> = trials.levers().collect();
    let mut sets: Vec<(Moved, Bytes)> = vec![(Moved::new(), trials.before())];
    let mut told: Vec<Moved> = Vec::new();
    for size in 1..=MOST {
        sets.truncate(NEAREST);
        sets = larger(trials, &sets, &levers);
        let best = sets.iter().map(|(moved, _)| moved.clone());
        told.extend(best.take(if size == 1 { SINGLE } else { 1 }));
    }
    let mut found: Vec<Fix> = told.iter().filter_map(|moved| trials.played(moved)).collect();
    found.sort_by_key(|fix| fix.needs);
    found
}
