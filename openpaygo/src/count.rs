//! The number of a token in the sequence of a device.

use core::fmt;

/// How many tokens there were in a device's sequence: its chain is hashed as many times for the token of that number.
///
/// A new device stands at 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Count(pub u32);

impl Count {
    /// Whether a token of this number adds; one of an odd number sets, disables or synchronizes.
    #[must_use]
    pub const fn is_even(self) -> bool {
        self.0 % 2 == 0
    }

    /// The count `by` further on; the greatest one when there is none.
    #[must_use]
    pub const fn plus(self, by: u32) -> Self {
        Self(self.0.saturating_add(by))
    }

    /// The count `by` before; zero when there is none.
    #[must_use]
    pub const fn minus(self, by: u32) -> Self {
        Self(self.0.saturating_sub(by))
    }

    /// How far it is from an earlier count to this one; zero from a later one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
