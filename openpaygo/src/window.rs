//! Which tokens a device has taken: the last count, and those shortly before it.

use crate::count::Count;

/// Counts before the last one that a device knows of. An unused token that adds is taken from fewer: up to 15 back.
pub const OLDER_WINDOW: u32 = 16;
/// The last count and [`OLDER_WINDOW`] before it.
const USED_BITS: u32 = OLDER_WINDOW + 1;
const ALL_USED: u32 = (1 << USED_BITS) - 1;

/// The last count that a device took, and which of the [`OLDER_WINDOW`] before it are used up.
///
/// Bit `n` of the second tells whether the count `n` before the last is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    last: Count,
    used: u32,
}

impl Window {
    /// That of a device at `last` which has used none of the counts before it: a new one stands at count 1.
    #[must_use]
    pub const fn new(last: Count) -> Self {
        Self { last, used: 1 }
    }

    /// The same with those used before it. Counts outside the window are left out.
    #[must_use]
    pub fn with_used(last: Count, used: impl IntoIterator<Item = Count>) -> Self {
        used.into_iter().fold(Self::new(last), |window, count| match window.bit(count) {
            Some(bit) => Self { used: window.used | bit, ..window },
            None => window,
        })
    }

    pub(crate) const fn from_bits(last: Count, used: u32) -> Option<Self> {
        if used & !ALL_USED == 0 { Some(Self { last, used }) } else { None }
    }

    pub(crate) const fn bits(self) -> u32 {
        self.used
    }

    /// The last count: the greatest that was taken.
    #[must_use]
    pub const fn last(self) -> Count {
        self.last
    }

    /// The counts of the window that are used, in ascending order.
    pub fn used(self) -> impl Iterator<Item = Count> {
        let known = (0..USED_BITS).rev().filter(move |back| *back <= self.last.0);
        known.filter(move |back| self.used & 1 << back != 0).map(move |back| self.last.minus(back))
    }

    /// Whether an older token of this count that adds may still be taken.
    #[must_use]
    pub const fn is_open(self, count: Count) -> bool {
        match self.bit(count) {
            Some(bit) => self.last.since(count) < OLDER_WINDOW && self.used & bit == 0,
            None => false,
        }
    }

    const fn bit(self, count: Count) -> Option<u32> {
        let back = self.last.since(count);
        if count.0 > self.last.0 || back >= USED_BITS { None } else { Some(1 << back) }
    }

    /// The window after this count was taken. The last count never falls.
    #[must_use]
    pub(crate) fn taking(self, count: Count) -> Self {
        let used = self.used.checked_shl(count.since(self.last)).unwrap_or(0) & ALL_USED;
        let moved = Self { last: self.last.max(count), used };
        Self { used: moved.used | moved.bit(count).unwrap_or(0), ..moved }
    }

    /// The window after this count was taken and nothing before it may be any more.
    #[must_use]
    pub(crate) fn closing(self, count: Count) -> Self {
        Self::closed(self.last.max(count))
    }

    /// The window at this count, whatever was before, with nothing open.
    #[must_use]
    pub(crate) const fn closed(last: Count) -> Self {
        Self { last, used: ALL_USED }
    }
}
