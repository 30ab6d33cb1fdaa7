//! Newtypes for everything that is counted, so that a height is never added to an amount.
//!
//! There is no `From<u64>`: a unit is named where it is made. Arithmetic is checked. In JSON every
//! unit is a decimal string, since JavaScript numbers lose precision above 2^53; numbers are accepted too.

use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;
use std::str::FromStr;

macro_rules! unit {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
        pub struct $name(pub $inner);

        impl $name {
            /// The smallest value.
            pub const ZERO: Self = Self(0);
            /// The largest value.
            pub const MAX: Self = Self(<$inner>::MAX);

            /// Sum, or `None` on overflow.
            #[must_use]
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) { Some(v) => Some(Self(v)), None => None }
            }

            /// Difference, or `None` below zero.
            #[must_use]
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) { Some(v) => Some(Self(v)), None => None }
            }

            /// Sum, at most [`Self::MAX`].
            #[must_use]
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// Difference, at least zero.
            #[must_use]
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }

            /// The value after this one; saturates.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }

            /// The value before this one, or `None` at zero.
            #[must_use]
            pub const fn prev(self) -> Option<Self> {
                self.checked_sub(Self(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        #[cfg(feature = "schema")]
        crate::schema::text_schema! { $name: stringify!($name), "^[0-9]+$"; }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct Decimal;
                impl serde::de::Visitor<'_> for Decimal {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "a decimal string or a number that fits {}", stringify!($inner))
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
                    }
                    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<$name, E> {
                        <$inner>::try_from(value)
                            .map($name)
                            .map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(value), &self))
                    }
                    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<$name, E> {
                        u64::try_from(value)
                            .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(value), &self))
                            .and_then(|v| self.visit_u64(v))
                    }
                }
                d.deserialize_any(Decimal)
            }
        }
    )* };
}

/// Serde of a plain counter as the units write theirs: a decimal string, from which a number is read too.
pub mod decimal {
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes a decimal string.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &u64, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }

    /// Reads a decimal string or a number.
    ///
    /// # Errors
    /// When it is neither, or does not fit.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
        super::Nonce::deserialize(d).map(|n| n.0)
    }
}

unit! {
    /// Number of a block; genesis is 0.
    Height(u64);
    /// Round of consensus within an epoch; the epoch's floor is view 0, the first round is 1.
    View(u64);
    /// Stretch of `epoch_length` heights with one validator set; the first is 0.
    Epoch(u64);
    /// Money in base units of its asset.
    Amount(u128);
    /// Energy in watt-hours.
    WattHours(u64);
    /// Milliseconds since 1970-01-01T00:00:00Z, or a span of milliseconds.
    TimeMs(u64);
    /// Number of a settlement interval: the time of its start over the microgrid's interval length.
    IntervalId(u64);
    /// Cost of execution in weight units; one unit is about a microsecond on the slowest supported validator.
    Weight(u64);
    /// Sequence number of a transaction within (sender, lane).
    Nonce(u64);
    /// One of a sender's parallel nonce sequences, below [`crate::tx::LANES_MAX`].
    Lane(u16);
    /// Number of an asset; 0 is the native asset.
    AssetId(u32);
}

impl AssetId {
    /// The asset in which fees and deposits are paid.
    pub const NATIVE: Self = Self(0);
}
