//! What generation keeps of every token from pass to pass: keys and values, put after those that are there.

use super::Projected;
use crate::layers::{Run, in_window};
use crate::model::architecture::{Attention, KeyValues};
use crate::shape::Dim;
use crate::tape::{Dtype, Kind, Tape, Tensor};

impl Run<'_> {
    /// Keys and values of all tokens so far. A layer with a sliding window makes both before it lets go of those it had.
    pub(crate) fn with_past(&self, tape: &mut Tape, projected: Projected, attention: &Attention) -> Projected {
        let Some(generation) = self.generation else { return projected };
        if attention.variant.key_values == KeyValues::Earlier {
            return projected;
        }
        let Projected { query, key, value, gate } = projected;
        let window = attention.sliding_window;
        if !generation.caches {
            return Projected { query, key: tape.move_out(key), value: tape.move_out(value), gate };
        }
        let [key, value] = self.grown(tape, [("keys", key), ("values", value)], window);
        Projected { query, key, value, gate }
    }

    /// Two parts of a cache with what these tokens add to them, in whose place they come.
    pub(crate) fn grown(
        &self,
        tape: &mut Tape,
        parts: [(&'static str, Tensor); 2],
        window: Option<u64>,
    ) -> [Tensor; 2] {
        let [(first_name, first), (second_name, second)] = parts;
        if self.past() == 0 && window.is_some() && tape.carries_caches() {
            let one = tape.shape(&[]);
            tape.hold("length of the window", one, Dtype::Int64, Kind::Cache);
        }
        let (grown_first, old_first) = self.appended(tape, first_name, first, window);
        if window.is_none() {
            tape.release_each(old_first);
        }
        let (grown_second, old_second) = self.appended(tape, second_name, second, window);
        if window.is_some() {
            tape.release_each(old_first);
        }
        tape.release_each(old_second.into_iter().chain([first, second]));
        [grown_first, grown_second]
    }

    /// What a cache has under this name with that of these tokens after it, and what it had until now.
    fn appended(
        &self,
        tape: &mut Tape,
        name: &'static str,
        tokens: Tensor,
        window: Option<u64>,
    ) -> (Tensor, Option<Tensor>) {
        let dims = tape.dims(tokens.shape).dims();
        // `[b, k, s, d]`
        let &[batch, heads, _, width] = dims else { return (tape.share(tokens), None) };
        let of = |tape: &mut Tape, tokens| tape.shape(&[batch, heads, tokens, width]);
        let all = of(tape, self.keys(window));
        if tape.carries_caches() {
            let old = tape.take_cached(name);
            return (tape.cache(name, all, tokens.dtype), old);
        }
        let whole = Tape::buffer(all, tokens.dtype);
        let past = in_window(window, self.past());
        if past > 0 {
            // All that a cache has after a step is counted by itself: beside that stands what it had before.
            // Behind a window lies the token that left it last.
            let past = window.map_or(past, |window| self.past().min(window));
            let before = of(tape, Dim { symbol: "t", size: past });
            return (whole, Some(tape.constant(name, before, tokens.dtype)));
        }
        let kept = in_window(window, self.sequence);
        for (tokens, kind) in [(kept, Kind::Cache), (self.sequence - kept, Kind::BehindCache)] {
            if tokens > 0 {
                let shape = of(tape, Dim { symbol: "s", size: tokens });
                tape.hold(name, shape, whole.dtype, kind);
            }
        }
        (whole, None)
    }
}
