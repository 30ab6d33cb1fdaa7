//! Whose turn it is among the peers that are called one after the other.
//!
//! Each call to a liar costs as much as the longest lie, and its ban ends with the call. So who has lied is passed
//! over, for twice as long each time. When all have lied, the one that was found out longest ago is called: it may
//! be mended, and nobody else is left.

use std::time::{Duration, Instant};
use wattle_primitives::planted;

/// How long a peer is passed over after its first lie.
const SHUNNED_MIN: Duration = Duration::from_secs(3600);
/// Doublings of that: ten days and a half at most.
const DOUBLINGS_MAX: u32 = 8;

/// The turns of the configured peers, by index.
pub(super) struct Turns {
    next: usize,
    /// Lies that each one was found out in, since the start.
    lies: Vec<Option<Lies>>,
}

#[derive(Clone, Copy)]
struct Lies {
    count: u32,
    last: Instant,
}

impl Lies {
    fn pause(&self) -> Duration {
        SHUNNED_MIN.saturating_mul(1 << self.count.saturating_sub(1).min(DOUBLINGS_MAX))
    }
}

impl Turns {
    /// Turns of so many peers; `first` is any number and says who begins.
    pub(super) fn new(peers: usize, first: u64) -> Self {
        Self { next: usize::try_from(first).unwrap_or(0), lies: vec![None; peers] }
    }

    /// The peer that is called now; `None` without any.
    pub(super) fn choose(&mut self, now: Instant) -> Option<usize> {
        let first = self.next.checked_rem(self.lies.len())?;
        let order = (first..self.lies.len()).chain(0..first);
        let honest = order.clone().find(|at| !self.is_shunned(*at, now));
        let at = honest.or_else(|| order.min_by_key(|at| self.lies_of(*at).map(|lies| lies.last)))?;
        self.next = at.wrapping_add(1);
        Some(at)
    }

    /// The peer has lied in a call that ends now.
    pub(super) fn blame(&mut self, at: usize, now: Instant) {
        let count = self.lies_of(at).map_or(1, |lies| lies.count.saturating_add(1));
        if let Some(lies) = self.lies.get_mut(at) {
            *lies = Some(Lies { count, last: now });
        }
    }

    fn lies_of(&self, at: usize) -> Option<Lies> {
        self.lies.get(at).copied().flatten()
    }

    fn is_shunned(&self, at: usize, now: Instant) -> bool {
        let shunned =
            self.lies_of(at).is_some_and(|lies| now.saturating_duration_since(lies.last) < lies.pause());
        shunned && !planted!("light-liar-called-again")
    }
}

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;
