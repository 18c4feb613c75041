//! A sequence of allocations and releases, played through the allocator.

use super::block::{NONE, PAGE, Stream};
use super::caching::Caching;
use super::pool::BlockId;
use super::settings::Settings;

/// What a program asks of the allocator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// So many bytes.
    Allocate(u64),
    /// The release of an allocation, by how many came before it.
    Release(u32),
    /// What follows is allocated on this stream, of those that have pools of their own.
    Stream(Stream),
    /// `torch.cuda.empty_cache()`.
    EmptyCache,
}

/// The largest allocation for which more was taken although as much was free, but not in one piece; where there is none,
/// the largest for which more was taken. And what there was for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Growth {
    /// Which event it was.
    pub(crate) event: usize,
    /// Bytes that were asked for.
    pub(crate) asked: u64,
    /// Bytes of the largest free block of its pool.
    pub(crate) largest_hole: u64,
    /// Bytes of all free blocks there.
    pub(crate) free: u64,
}

/// What a sequence came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Replay {
    /// The most that was asked for at once, `requested_bytes.all.peak`.
    pub(crate) requested: u64,
    /// The most in blocks, `max_memory_allocated`.
    pub(crate) allocated: u64,
    /// The most that was taken from the driver, `max_memory_reserved`.
    pub(crate) reserved: u64,
    /// What made it take much of that.
    pub(crate) growth: Growth,
}

/// A sequence that was played on a card without end.
#[derive(Debug)]
pub(crate) struct Played {
    /// What it came to.
    pub(crate) whole: Replay,
    /// How things stood at some of its events.
    states: Vec<State>,
}

/// A replay that stopped, and the least capacity at which it would have gone on differently.
struct Stopped {
    refused: u64,
}

/// At how many events of a sequence a replay is remembered, so that another on a smaller card, which goes the same way until
/// something is refused, need not begin with the first.
const REMEMBERED: usize = 16;

/// Plays a sequence on a card without end.
pub(crate) fn replay(events: &[Event], settings: Settings) -> Played {
    let mut states = Vec::with_capacity(REMEMBERED);
    let state = State::new(events, settings);
    let whole = state.play(events, u64::MAX, Some(&mut states)).unwrap_or_default();
    Played { whole, states }
}

impl Played {
    /// The least capacity, in whole pages of 2 MiB, on which the sequence runs to its end, segments that wait being given
    /// back where an allocation fails: what bisection finds between what its blocks take and what it reserves where there
    /// is room.
    pub(crate) fn smallest(&self, events: &[Event], settings: Settings) -> u64 {
        let mut high = self.whole.reserved;
        let mut low = (self.whole.allocated / PAGE * PAGE).saturating_sub(PAGE);
        // Where a replay that is known already goes the same way: what was taken is had and what was refused is refused.
        let (mut runs_from, mut stops_below) = (high, low);
        while high - low > PAGE {
            let middle = u64::midpoint(low, high) / PAGE * PAGE;
            let runs = if middle >= runs_from {
                true
            } else if middle < stops_below {
                false
            } else {
                match self.state_within(middle, events, settings).play(events, middle, None) {
                    Ok(replay) => {
                        runs_from = replay.reserved;
                        true
                    }
                    Err(Stopped { refused }) => {
                        stops_below = refused;
                        false
                    }
                }
            };
            *if runs { &mut high } else { &mut low } = middle;
        }
        high
    }

    /// The last state that is remembered up to which nothing would have been refused on a card of this capacity.
    fn state_within(&self, capacity: u64, events: &[Event], settings: Settings) -> State {
        let within = self.states.iter().rev().find(|state| state.allocator.peak_reserved <= capacity);
        within.cloned().unwrap_or_else(|| State::new(events, settings))
    }
}

/// How things stand before an event.
#[derive(Debug, Clone)]
struct State {
    /// The event.
    next: usize,
    allocator: Caching,
    /// Of each allocation its block, and the bytes that were asked for.
    made: Vec<(BlockId, u64)>,
    requested: u64,
    replay: Replay,
}

impl State {
    fn new(events: &[Event], settings: Settings) -> Self {
        Self {
            next: 0,
            allocator: Caching::new(settings),
            made: Vec::with_capacity(events.len() / 2 + 1),
            requested: 0,
            replay: Replay::default(),
        }
    }

    /// Plays the rest of a sequence.
    fn play(
        mut self,
        events: &[Event],
        capacity: u64,
        mut remembered: Option<&mut Vec<Self>>,
    ) -> Result<Replay, Stopped> {
        self.allocator.capacity = capacity;
        let apart = (events.len() / REMEMBERED).max(1);
        let mut remember_at = apart;
        while let Some(event) = events.get(self.next) {
            if let Some(states) = remembered.as_mut().filter(|_| self.next >= remember_at) {
                states.push(self.clone());
                remember_at += apart;
            }
            match *event {
                Event::Allocate(bytes) => {
                    let now = Event::Release(u32::try_from(self.made.len()).unwrap_or(u32::MAX));
                    if events.get(self.next + 1) == Some(&now) && self.allocator.lend(bytes) {
                        self.replay.requested = self.replay.requested.max(self.requested + bytes);
                        self.made.push((NONE, 0));
                        self.next += 2;
                        continue;
                    }
                    self.allocate(bytes)?;
                }
                Event::Release(which) => {
                    if let Some((block, bytes)) = self.made.get_mut(which as usize) {
                        self.allocator.free(std::mem::replace(block, NONE));
                        self.requested -= std::mem::take(bytes);
                    }
                }
                Event::Stream(stream) => self.allocator.stream = stream,
                Event::EmptyCache => self.allocator.release_cached(),
            }
            self.next += 1;
        }
        let Caching { peak_allocated: allocated, peak_reserved: reserved, .. } = self.allocator;
        Ok(Replay { allocated, reserved, ..self.replay })
    }

    fn allocate(&mut self, bytes: u64) -> Result<(), Stopped> {
        let Self { allocator, replay, .. } = self;
        let peak = allocator.peak_reserved;
        let pool = &allocator.pools[allocator.kind(bytes).index()];
        let (largest_hole, free) = (pool.largest().map_or(0, |hole| hole.size), pool.bytes);
        let Ok(block) = allocator.allocate(bytes) else { return Err(Stopped { refused: allocator.refused }) };
        if allocator.peak_reserved > peak {
            let weight = |growth: Growth| (growth.free >= growth.asked, growth.asked);
            let growth = Growth { event: self.next, asked: bytes, largest_hole, free };
            if weight(growth) >= weight(replay.growth) {
                replay.growth = growth;
            }
        }
        self.requested += bytes;
        replay.requested = replay.requested.max(self.requested);
        self.made.push((block, bytes));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::allocator::MIB;

    const EXPANDABLE: &str = "expandable_segments:True";

    /// Sizes in MiB; a negative number releases the allocation of that number, counted from 1.
    fn events(steps: &[i64]) -> Vec<Event> {
        let step = |step: &i64| match u64::try_from(*step) {
            Ok(mib) => Event::Allocate(mib * MIB),
            Err(_) => Event::Release(u32::try_from(-step - 1).unwrap()),
        };
        steps.iter().map(step).collect()
    }

    fn settings(text: &str) -> Settings {
        Settings::parse(text).unwrap()
    }

    /// What is reserved and the least card, in MiB.
    fn played(steps: &[i64], text: &str) -> (u64, u64) {
        let (events, settings) = (events(steps), settings(text));
        let played = replay(&events, settings);
        (played.whole.reserved / MIB, played.smallest(&events, settings) / MIB)
    }

    #[test]
    fn segments_have_the_sizes_that_the_driver_is_asked_for() {
        let reserved = |bytes| replay(&[Event::Allocate(bytes)], Settings::default()).whole.reserved;
        for (bytes, mib) in
            [(0, 0), (1, 2), (MIB, 2), (MIB + 1, 20), (10 * MIB - 512, 20), (10 * MIB, 10), (11 * MIB, 12)]
        {
            assert_eq!(reserved(bytes), mib * MIB, "{bytes}");
        }
        let one = replay(&[Event::Allocate(1)], Settings::default()).whole;
        assert_eq!((one.requested, one.allocated), (1, 512));
    }

    #[test]
    fn free_blocks_are_cut_up_and_joined() {
        assert_eq!(played(&[12, -1, 8, 4], "").0, 12);
        assert_eq!(played(&[12, -1, 8, 4, -2, -3, 12], "").0, 12);
        // What is left of a large block by 1 MiB or less stays with it.
        assert_eq!(played(&[12, -1, 11, 1], "").0, 14);
    }

    #[test]
    fn what_lies_apart_is_of_no_use_until_a_card_is_full() {
        let apart = [30, 30, -1, -2, 60];
        assert_eq!(played(&apart, ""), (120, 60));
        assert_eq!(played(&apart, EXPANDABLE), (60, 60));
        // A segment of which a part is in use cannot be given back.
        let held = [30, -1, 2, 30, -3, 60];
        assert_eq!(played(&held, ""), (120, 90));
        // Units of 20 MiB.
        assert_eq!(played(&held, EXPANDABLE).0, 80);
    }

    #[test]
    fn large_blocks_are_kept_whole_where_one_asks_for_it() {
        let once_more = [100, -1, 40, 60];
        assert_eq!(played(&once_more, "").0, 100);
        assert_eq!(played(&once_more, "max_split_size_mb:80").0, 200);
    }

    #[test]
    fn sizes_are_rounded_to_shares_of_a_power_of_two() {
        let allocated = |text| replay(&events(&[33]), settings(text)).whole.allocated / MIB;
        assert_eq!(["", "roundup_power2_divisions:4"].map(allocated), [34, 40]);
    }

    #[test]
    fn the_growth_that_counts_is_that_which_found_too_little_in_one_piece() {
        let whole = replay(&events(&[30, 30, -1, -2, 60, 1]), Settings::default()).whole;
        let Growth { event, asked, largest_hole, free } = whole.growth;
        assert_eq!((event, asked / MIB, largest_hole / MIB, free / MIB), (4, 60, 30, 60));
    }

    proptest! {
        #[test]
        fn a_run_has_what_it_needs(steps in prop::collection::vec((0..96_u64, any::<bool>(), 0..64_u32), 1..200)) {
            let mut made = 0;
            let events: Vec<Event> = steps.into_iter().map(|(size, releases, which)| {
                if releases && made > 0 {
                    return Event::Release(which % made);
                }
                made += 1;
                Event::Allocate(size * size * 5000)
            }).collect();
            for text in ["", EXPANDABLE, "max_split_size_mb:40", "roundup_power2_divisions:8"] {
                let settings = settings(text);
                let played = replay(&events, settings);
                let (whole, least) = (played.whole, played.smallest(&events, settings));
                prop_assert!(whole.requested <= whole.allocated && whole.allocated <= whole.reserved);
                prop_assert!(least <= whole.reserved);
                let on = |capacity| State::new(&events, settings).play(&events, capacity, None);
                prop_assert!(on(least).is_ok(), "{text}: {least}");
                for capacity in [least, whole.allocated, whole.reserved] {
                    let resumed = played.state_within(capacity, &events, settings).play(&events, capacity, None);
                    prop_assert_eq!(resumed.ok(), on(capacity).ok(), "{}: {}", text, capacity);
                }
                prop_assert!(whole.allocated <= least.next_multiple_of(PAGE));
            }
        }

        /// An allocation of nothing between an allocation and its release makes no difference but to how both are played.
        #[test]
        fn what_is_lent_leaves_everything_as_it_was(sizes in prop::collection::vec((0..96_u64, any::<bool>()), 1..120)) {
            let (mut close, mut apart) = (Vec::new(), Vec::new());
            let (mut made, mut made_apart) = (0, 0);
            for (size, stays) in sizes {
                let allocation = Event::Allocate(size * size * 5000);
                close.push(allocation);
                apart.push(allocation);
                if !stays {
                    close.push(Event::Release(made));
                    apart.extend([Event::Allocate(0), Event::Release(made_apart)]);
                    made_apart += 1;
                }
                (made, made_apart) = (made + 1, made_apart + 1);
            }
            for text in ["", EXPANDABLE, "max_split_size_mb:40", "roundup_power2_divisions:8"] {
                let [one, other] = [&close, &apart].map(|events| replay(events, settings(text)).whole);
                let totals = |replay: &Replay| (replay.requested, replay.allocated, replay.reserved);
                prop_assert_eq!(totals(&one), totals(&other), "{}", text);
            }
        }
    }
}
