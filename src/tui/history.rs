//! Undo and redo.

/// States that can be gone back to and forth again.
#[derive(Debug, Clone)]
pub(crate) struct History<T> {
    past: Vec<T>,
    future: Vec<T>,
}

/// Far more steps than anybody takes back.
const LONGEST: usize = 1000;

impl<T> Default for History<T> {
    fn default() -> Self {
        Self { past: Vec::new(), future: Vec::new() }
    }
}

impl<T> History<T> {
    /// Remembers the state before a change; what had been undone is forgotten.
    pub(crate) fn record(&mut self, before: T) {
        self.future.clear();
        if self.past.len() == LONGEST {
            self.past.remove(0);
        }
        self.past.push(before);
    }

    /// The state before the last change; `now` can be had back by [`Self::redo`].
    pub(crate) fn undo(&mut self, now: T) -> Option<T> {
        let before = self.past.pop()?;
        self.future.push(now);
        Some(before)
    }

    /// The state before the last undo.
    pub(crate) fn redo(&mut self, now: T) -> Option<T> {
        let after = self.future.pop()?;
        self.past.push(now);
        Some(after)
    }

    /// Whether there is something to undo.
    pub(crate) const fn can_undo(&self) -> bool {
        !self.past.is_empty()
    }

    /// Whether there is something to redo.
    pub(crate) const fn can_redo(&self) -> bool {
        !self.future.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_change_forgets_what_was_undone() {
        let mut history = History::default();
        history.record(1);
        history.record(2);
        assert_eq!(history.undo(3), Some(2));
        assert_eq!(history.redo(2), Some(3));
        assert_eq!(history.undo(3), Some(2));
        history.record(2);
        assert!(!history.can_redo());
        assert_eq!(history.undo(9), Some(2));
        assert_eq!(history.undo(2), Some(1));
        assert_eq!(history.undo(1), None);
    }

    #[test]
    fn the_oldest_are_dropped_in_the_end() {
        let mut history = History::default();
        for state in 0..=LONGEST {
            history.record(state);
        }
        assert_eq!(history.past.first(), Some(&1));
    }
}
