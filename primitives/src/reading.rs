//! Meter readings: what a meter's key signs, and the exact rule from register words to watt-hours.
//!
//! The words are signed as they were read, so that a dispute can be decided from the signature alone. No floating
//! point is involved: IEEE 754 words are taken apart by integer arithmetic, rounding down, which is monotone.

use crate::units::WattHours;
use crate::{Address, BoundedVec, Hash, PublicKey, Signature, TimeMs, domain};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most 16-bit words of one energy register.
pub const WORDS_MAX: usize = 4;

/// Least exponent of [`RegisterEncoding::Acc32`]: counts of a milliwatt-hour.
pub const EXPONENT_MIN: i8 = -3;
/// Greatest exponent of [`RegisterEncoding::Acc32`]: counts of a megawatt-hour.
pub const EXPONENT_MAX: i8 = 6;

/// One energy register as it was read, most significant word first.
pub type Words = BoundedVec<u16, WORDS_MAX>;

/// How a meter encodes its energy registers.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum RegisterEncoding {
    /// Two words, IEEE 754 binary32, kWh (Eastron SDM).
    Float32Kwh = 0,
    /// Two words, unsigned, Wh (SunSpec acc32 with scale factor 0).
    Uint32Wh = 1,
    /// Four words, unsigned, Wh (SunSpec acc64).
    Uint64Wh = 2,
    /// Two words, unsigned, counts of 10^exponent Wh (SunSpec acc32). Rolls over at 2^32 counts.
    Acc32 {
        /// The meter's scale factor, [`EXPONENT_MIN`] to [`EXPONENT_MAX`].
        exponent: i8,
    } = 3,
}

/// What the light node knows of its clock.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
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
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reading {
    /// The meter: address of its signing key.
    pub meter: Address,
    /// Counts up by at least one with each reading; gaps are allowed.
    #[serde(with = "crate::units::decimal")]
    pub seq: u64,
    /// Random at each start of the light node; orders readings without a clock, together with `uptime_ms`.
    #[serde(with = "crate::units::decimal")]
    pub boot_id: u64,
    /// Monotonic ms since the light node started.
    #[serde(with = "crate::units::decimal")]
    pub uptime_ms: u64,
    /// Wall clock, ms UTC. Billing never trusts it.
    pub time_ms: TimeMs,
    /// What the wall clock is worth.
    pub clock: ClockQuality,
    /// Import register (OBIS 1-0:1.8.0).
    pub import: Words,
    /// Export register (OBIS 1-0:2.8.0).
    pub export: Words,
}

/// A reading with its meter's signature.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReading {
    /// What was read.
    pub reading: Reading,
    /// Key of the meter; its address must be `reading.meter`.
    pub key: PublicKey,
    /// Over [`Reading::signing_bytes`].
    pub signature: Signature,
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
    /// At least 2^63 Wh, or 2^52 kWh as a binary32 number, or an exponent that no meter has.
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

    /// Whether a counter that has reached its end goes on from zero.
    #[must_use]
    pub const fn rolls_over(self) -> bool {
        matches!(self, Self::Uint32Wh | Self::Acc32 { .. })
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
            Self::Uint32Wh => Ok(WattHours(bits)),
            Self::Uint64Wh if bits < 1 << 63 => Ok(WattHours(bits)),
            Self::Uint64Wh => Err(WordsError::Range),
            Self::Acc32 { exponent } => acc32(bits, exponent),
        }
    }
}

/// `floor(count * 10^exponent)`: below 2^52 for a count of 32 bits.
fn acc32(count: u64, exponent: i8) -> Result<WattHours, WordsError> {
    if !(EXPONENT_MIN..=EXPONENT_MAX).contains(&exponent) {
        return Err(WordsError::Range);
    }
    let scale = 10u64.checked_pow(u32::from(exponent.unsigned_abs())).ok_or(WordsError::Range)?;
    let scaled = if exponent < 0 { count.checked_div(scale) } else { count.checked_mul(scale) };
    scaled.map(WattHours).ok_or(WordsError::Range)
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
mod tests {
    use super::*;

    fn words(x: f32) -> [u16; 2] {
        let bits = x.to_bits();
        [(bits >> 16) as u16, bits as u16]
    }

    #[test]
    fn binary32_is_floored_exactly_and_monotone() {
        let mut last = 0;
        let mut x = 1.0e-6f32;
        while x < 1.0e12 {
            let exact = (f64::from(x) * 1000.0).floor() as u64; // 24 bits * 1000 is exact in binary64
            let got = RegisterEncoding::Float32Kwh.watt_hours(&words(x)).expect("in range").0;
            assert_eq!(got, exact, "{x}");
            assert!(got >= last);
            last = got;
            x *= 1.013;
        }
    }

    #[test]
    fn what_is_no_energy_is_refused() {
        let table = [
            (words(f32::NAN), Err(WordsError::NotANumber)),
            (words(f32::INFINITY), Err(WordsError::NotANumber)),
            (words(-1.0), Err(WordsError::NotANumber)),
            (words(f32::MAX), Err(WordsError::Range)),
            (words(-0.0), Ok(WattHours(0))),
            (words(f32::MIN_POSITIVE / 2.0), Ok(WattHours(0))),
            ([0x4366, 0x3334], Ok(WattHours(230_200))),
        ];
        for (words, want) in table {
            assert_eq!(RegisterEncoding::Float32Kwh.watt_hours(&words), want, "{words:04x?}");
        }
        assert_eq!(
            RegisterEncoding::Uint64Wh.watt_hours(&[1, 2]),
            Err(WordsError::Count { expected: 4, got: 2 })
        );
    }

    #[test]
    fn an_acc32_counts_in_powers_of_ten_and_is_floored() {
        let table = [
            (0, [0x0001, 0x0000], Ok(65_536)),
            (1, [0x0000, 0x0007], Ok(70)),
            (6, [0xffff, 0xffff], Ok(4_294_967_295_000_000)),
            (-1, [0x0000, 0x0013], Ok(1)),
            (-3, [0x0000, 0x03e7], Ok(0)),
            (-3, [0x0000, 0x03e8], Ok(1)),
            (7, [0, 1], Err(WordsError::Range)),
            (-4, [0, 1], Err(WordsError::Range)),
            (i8::MIN, [0, 0], Err(WordsError::Range)),
        ];
        for (exponent, words, want) in table {
            let encoding = RegisterEncoding::Acc32 { exponent };
            assert_eq!(encoding.watt_hours(&words), want.map(WattHours), "{exponent} {words:04x?}");
        }
        assert!(RegisterEncoding::Acc32 { exponent: 0 }.rolls_over());
        assert!(RegisterEncoding::Uint32Wh.rolls_over());
        assert!(!RegisterEncoding::Float32Kwh.rolls_over() && !RegisterEncoding::Uint64Wh.rolls_over());
        let json = serde_json::json!({"acc32": {"exponent": 1}});
        assert_eq!(serde_json::to_value(RegisterEncoding::Acc32 { exponent: 1 }).ok(), Some(json));
    }
}
