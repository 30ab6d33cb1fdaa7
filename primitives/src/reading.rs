//! Meter readings: what a meter's key signs, and the exact rule from register words to watt-hours.
//!
//! The words are signed as they were read, so that a dispute can be decided from the signature alone. No floating
//! point is involved: IEEE 754 words are taken apart by integer arithmetic, rounding down, which is monotone.

use crate::units::WattHours;
use crate::{Address, BoundedVec, Hash, PublicKey, Signature, TimeMs, domain};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Most 16-bit words of one energy register.
pub const WORDS_MAX: usize = 4;

/// One energy register as it was read, most significant word first.
pub type Words = BoundedVec<u16, WORDS_MAX>;

/// How a meter encodes its energy registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[repr(u8)]
pub enum RegisterEncoding {
    /// Two words, IEEE 754 binary32, kWh (Eastron SDM).
    Float32Kwh = 0,
    /// Two words, unsigned, Wh; rolls over at 2^32.
    Uint32Wh = 1,
    /// Four words, unsigned, Wh (SunSpec acc64).
    Uint64Wh = 2,
    /// Two words, unsigned, counts of `10^exponent` Wh; rolls over at 2^32 (SunSpec acc32 with its scale factor).
    Acc32 {
        /// [`EXPONENT_MIN`] to [`EXPONENT_MAX`].
        exponent: i8,
    } = 3,
}

/// Least exponent of [`RegisterEncoding::Acc32`].
pub const EXPONENT_MIN: i8 = -3;
/// Greatest exponent of [`RegisterEncoding::Acc32`].
pub const EXPONENT_MAX: i8 = 6;

/// Where a meter stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum MeterRole {
    /// At a member's connection: its energy is billed.
    #[default]
    Sub = 0,
    /// Where the microgrid meets the grid outside, or its own generator: what the others are compared with.
    Feeder = 1,
}

/// The light node's knowledge of its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum ClockQuality {
    /// Never set since boot: the time is worth nothing.
    Unset = 0,
    /// Carried on from the last finalized block time by the monotonic clock.
    Chain = 1,
    /// The operating system says it is synchronized.
    Synced = 2,
}

/// One reading of a meter's lifetime counters.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reading {
    /// The meter: address of its signing key.
    pub meter: Address,
    /// Counts up by at least one with each reading; gaps are allowed.
    #[serde(with = "crate::units::decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Decimal"))]
    pub seq: u64,
    /// Random at each start of the light node; orders readings without a clock, together with `uptime_ms`.
    #[serde(with = "crate::units::decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Decimal"))]
    pub boot_id: u64,
    /// Monotonic ms since the light node started.
    #[serde(with = "crate::units::decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Decimal"))]
    pub uptime_ms: u64,
    /// Wall clock, ms UTC. Billing never trusts it.
    pub time_ms: TimeMs,
    /// How far `time_ms` can be trusted.
    pub clock: ClockQuality,
    /// Import register (OBIS 1-0:1.8.0).
    pub import: Words,
    /// Export register (OBIS 1-0:2.8.0).
    pub export: Words,
}

/// A reading with its meter's signature.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SignedReading {
    /// The reading that the meter signs.
    pub reading: Reading,
    /// Key of the meter; its address must be `reading.meter`.
    pub key: PublicKey,
    /// Over [`Reading::signing_bytes`].
    pub signature: Signature,
}

/// Both registers of a meter at one moment, as somebody read them.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registers {
    /// Import register (OBIS 1-0:1.8.0).
    pub import: Words,
    /// Export register (OBIS 1-0:2.8.0).
    pub export: Words,
    /// When they were read, by the clock of whoever read them, ms UTC.
    pub time_ms: TimeMs,
}

/// As [`Registers::from_str`] takes it.
impl fmt::Display for Registers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (end, words) in ["/", "@"].into_iter().zip([&self.import, &self.export]) {
            for (i, word) in words.iter().enumerate() {
                write!(f, "{}{word:04x}", if i > 0 { "," } else { "" })?;
            }
            f.write_str(end)?;
        }
        write!(f, "{}", self.time_ms)
    }
}

/// Text that is no [`Registers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected import/export@ms, both registers as words in hex, separated by commas, most significant first"
)]
pub struct RegistersError;

impl FromStr for Registers {
    type Err = RegistersError;

    fn from_str(text: &str) -> Result<Self, RegistersError> {
        let words = |text: &str| {
            let words = text.split(',').map(|word| u16::from_str_radix(word, 16));
            Words::new(words.collect::<Result<_, _>>().ok()?).ok()
        };
        let parts = text.split_once('@').and_then(|(words, ms)| Some((words.split_once('/')?, ms)));
        let ((import, export), ms) = parts.ok_or(RegistersError)?;
        let time_ms = TimeMs(ms.parse().map_err(|_| RegistersError)?);
        let (import, export) = words(import).zip(words(export)).ok_or(RegistersError)?;
        Ok(Self { import, export, time_ms })
    }
}

/// Why words are not an amount of energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// The encoding takes another number of words.
    #[error("{got} words, expected {expected}")]
    Count {
        /// Words of the encoding.
        expected: usize,
        /// Words given.
        got: usize,
    },
    /// NaN, infinite or negative.
    #[error("not a finite number of at least zero")]
    NotANumber,
    /// At least 2^63 Wh, or 2^52 kWh as a binary32 number.
    #[error("energy out of range")]
    Range,
}

impl Reading {
    /// The exact bytes the meter's key signs.
    #[must_use]
    pub fn signing_bytes(&self, chain: &Hash) -> Vec<u8> {
        domain::READING.signing_bytes(chain, &crate::encode(self))
    }
}

impl RegisterEncoding {
    /// Words that one register takes.
    #[must_use]
    pub const fn words(self) -> usize {
        match self {
            Self::Float32Kwh | Self::Uint32Wh | Self::Acc32 { .. } => 2,
            Self::Uint64Wh => 4,
        }
    }

    /// The energy that `words` stand for, rounded down to whole watt-hours.
    ///
    /// # Errors
    /// [`WordsError`] for the wrong number of words, a NaN, an infinity, a negative or an absurd value.
    pub fn watt_hours(self, words: &[u16]) -> Result<WattHours, WordsError> {
        if words.len() != self.words() {
            return Err(WordsError::Count { expected: self.words(), got: words.len() });
        }
        let bits = words.iter().fold(0u64, |bits, word| bits << 16 | u64::from(*word));
        match self {
            Self::Float32Kwh => float32_kwh(bits),
            Self::Uint64Wh if bits >= 1 << 63 => Err(WordsError::Range),
            Self::Uint32Wh | Self::Uint64Wh | Self::Acc32 { .. } => self.energy_of(bits),
        }
    }

    /// Whether the encoding is one: an exponent within its range.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        match self {
            Self::Acc32 { exponent } => exponent >= EXPONENT_MIN && exponent <= EXPONENT_MAX,
            Self::Float32Kwh | Self::Uint32Wh | Self::Uint64Wh => true,
        }
    }

    /// The count at which the register starts again from 0; `None` for one that never does.
    #[must_use]
    pub const fn modulus(self) -> Option<u64> {
        match self {
            Self::Uint32Wh | Self::Acc32 { .. } => Some(1 << 32),
            Self::Float32Kwh | Self::Uint64Wh => None,
        }
    }

    /// The register's count in its own unit: `10^exponent` Wh, or Wh.
    ///
    /// # Errors
    /// As [`RegisterEncoding::watt_hours`].
    pub fn count(self, words: &[u16]) -> Result<u64, WordsError> {
        let wh = self.watt_hours(words)?.0;
        Ok(match self {
            Self::Acc32 { .. } => words.iter().fold(0u64, |bits, word| bits << 16 | u64::from(*word)),
            Self::Float32Kwh | Self::Uint32Wh | Self::Uint64Wh => wh,
        })
    }

    /// The count after `last`, a count that goes on beyond the roll-over, when the register now shows `words`. A
    /// lower value of a register that rolls over is taken as the next turn: whether so much energy can have flowed is
    /// for the caller to judge. `None` when a register that does not roll over shows less than before.
    ///
    /// # Errors
    /// As [`RegisterEncoding::watt_hours`]; [`WordsError::Range`] when counts are used up.
    pub fn next_count(self, last: u64, words: &[u16]) -> Result<Option<u64>, WordsError> {
        let now = self.count(words)?;
        let Some(modulus) = self.modulus() else { return Ok((now >= last).then_some(now)) };
        let shown = last.checked_rem(modulus).unwrap_or(last);
        let step = match now.checked_sub(shown) {
            Some(step) => step,
            None => now.saturating_add(modulus).saturating_sub(shown),
        };
        last.checked_add(step).filter(|count| *count < 1 << 63).map(Some).ok_or(WordsError::Range)
    }

    /// The highest count that stands for no more than `wh`.
    #[must_use]
    pub fn count_of(self, wh: WattHours) -> u64 {
        let Self::Acc32 { exponent } = self else { return wh.0 };
        let factor = 10u64.saturating_pow(exponent.unsigned_abs() as u32);
        if exponent < 0 { wh.0.saturating_mul(factor) } else { wh.0.checked_div(factor).unwrap_or(0) }
    }

    /// The energy that a count stands for, rounded down to whole Wh.
    ///
    /// # Errors
    /// [`WordsError::Range`] for an invalid exponent, or energy of 2^63 Wh or more.
    pub fn energy_of(self, count: u64) -> Result<WattHours, WordsError> {
        let Self::Acc32 { exponent } = self else { return Ok(WattHours(count)) };
        if !self.is_valid() {
            return Err(WordsError::Range);
        }
        let factor = 10u64.saturating_pow(u32::from(exponent.unsigned_abs()));
        let wh = if exponent < 0 { count.checked_div(factor) } else { count.checked_mul(factor) };
        wh.filter(|wh| *wh < 1 << 63).map(WattHours).ok_or(WordsError::Range)
    }
}

/// The power that a meter is built or registered for, and how exactly its registers show energy: the one rule of what
/// can have flowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowLimit {
    /// Encoding of the registers.
    pub encoding: RegisterEncoding,
    /// Highest power in W; 0 counts as 1.
    pub power_max_w: u32,
}

impl FlowLimit {
    /// Rounding of a difference of two counters, in Wh, besides a step of the register.
    const ROUNDING_WH: u64 = 2;

    /// The end of the time that `rise` takes to flow at full power from `from` on, rounded up. `None` when that is
    /// later than `now`, by more than the registers' resolution is worth: then it cannot have flowed. `stand` is the
    /// counter that shows the rise, the higher one of two.
    #[must_use]
    pub fn until(self, from: TimeMs, rise: WattHours, stand: WattHours, now: TimeMs) -> Option<TimeMs> {
        let until = from.saturating_add(self.takes(rise));
        let resolution = Self::ROUNDING_WH.saturating_add(self.step_wh(stand));
        (until <= now.saturating_add(self.takes(WattHours(resolution)))).then_some(until)
    }

    fn takes(self, energy: WattHours) -> TimeMs {
        let wh_ms = u128::from(energy.0).saturating_mul(3_600_000);
        TimeMs(u64::try_from(wh_ms.div_ceil(u128::from(self.power_max_w.max(1)))).unwrap_or(u64::MAX))
    }

    /// The least change that a register can show besides none, in Wh.
    fn step_wh(self, stand: WattHours) -> u64 {
        match self.encoding {
            RegisterEncoding::Uint32Wh | RegisterEncoding::Uint64Wh => 1,
            RegisterEncoding::Acc32 { exponent } => {
                10u64.saturating_pow(u32::from(exponent.max(0).unsigned_abs()))
            }
            // 24 bits of mantissa: a step is less than the value over 2^23.
            RegisterEncoding::Float32Kwh => (stand.0 >> 23).saturating_add(1),
        }
    }
}

/// `floor(1000 * x)` of a binary32 number of kWh, exactly: `mantissa * 1000 * 2^(exponent - 150)`.
#[expect(clippy::arithmetic_side_effects, reason = "shifts are range-checked; 2^24 * 1000 fits 34 bits")]
fn float32_kwh(bits: u64) -> Result<WattHours, WordsError> {
    let (negative, exponent, fraction) = (bits >> 31 & 1 == 1, bits >> 23 & 0xff, bits & 0x7f_ffff);
    match (exponent, fraction) {
        (0xff, _) => return Err(WordsError::NotANumber),
        (0, _) if !negative || fraction == 0 => return Ok(WattHours(0)), // zero and subnormals
        _ if negative => return Err(WordsError::NotANumber),
        _ => {}
    }
    let scaled = (fraction | 0x80_0000) * 1000;
    if exponent >= 150 {
        let shift = exponent - 150;
        if shift > 28 {
            return Err(WordsError::Range); // 34 + 28 bits stay below 2^63
        }
        Ok(WattHours(scaled << shift))
    } else {
        Ok(WattHours(scaled.checked_shr(u32::try_from(150 - exponent).unwrap_or(u32::MAX)).unwrap_or(0)))
    }
}

crate::decodable! { SignedReading: 512; }

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
