//! The chain of codes that tokens are cut from, standard and extended.
//!
//! A value is put into the last digits of the starting code, its *base*; the code is hashed as often as the count
//! says, and the base is put in again. The base goes in before hashing, so each value has a chain of its own.

use siphasher::sip::SipHasher24;

/// A width of codes: how one follows another, and how many values there are.
pub(crate) trait Chain {
    /// A code.
    type Code: Copy + PartialEq + Into<u64>;

    /// Values that a code carries, 0 included.
    const VALUES: u32;

    /// A hash as a code.
    fn fold(hash: u64) -> Self::Code;

    /// A code as the message whose hash the next one is made of.
    fn message(code: Self::Code) -> [u8; 8];

    /// The number of a token as a code; `None` when it has too many digits.
    fn code(number: u64) -> Option<Self::Code>;

    /// The code with another base.
    fn with_base(code: Self::Code, base: u32) -> Self::Code;

    /// The last digits of a code.
    fn base(code: Self::Code) -> u32 {
        let base = code.into() % u64::from(Self::VALUES);
        u32::try_from(base).unwrap_or_default() // less than `VALUES`
    }

    /// The base that stands for a value, by the starting code.
    fn base_of(start: u32, value: u32) -> u32 {
        (start % Self::VALUES + value % Self::VALUES) % Self::VALUES
    }

    /// The value that a base stands for, by the starting code.
    fn value_of(start: u32, base: u32) -> u32 {
        (base + Self::VALUES - start % Self::VALUES) % Self::VALUES
    }

    /// The code at count 0 of the chain with this base: the starting code, the base put in.
    fn first(start: u32, base: u32) -> Self::Code;

    /// The code that follows.
    fn next(hasher: &SipHasher24, code: Self::Code) -> Self::Code {
        Self::fold(hasher.hash(&Self::message(code)))
    }
}

/// Nine digits, three of them the base.
pub(crate) struct Standard;

/// Codes from here on are folded back; the 30 bits of a hash reach further.
const STANDARD_CODES: u32 = 1_000_000_000;
const STANDARD_FOLD: u32 = 73_741_825;

impl Chain for Standard {
    type Code = u32;

    const VALUES: u32 = 1_000;

    fn fold(hash: u64) -> u32 {
        let [a, b, c, d, e, f, g, h] = hash.to_be_bytes();
        let code = (u32::from_be_bytes([a, b, c, d]) ^ u32::from_be_bytes([e, f, g, h])) >> 2;
        if code < STANDARD_CODES { code } else { code - STANDARD_FOLD }
    }

    fn message(code: u32) -> [u8; 8] {
        let [a, b, c, d] = code.to_be_bytes();
        [a, b, c, d, a, b, c, d]
    }

    fn code(number: u64) -> Option<u32> {
        u32::try_from(number).ok().filter(|code| *code < STANDARD_CODES)
    }

    fn with_base(code: u32, base: u32) -> u32 {
        code - code % Self::VALUES + base
    }

    fn first(start: u32, base: u32) -> u32 {
        Self::with_base(start, base)
    }
}

/// Twelve digits, six of them the base.
pub(crate) struct Extended;

/// As with [`STANDARD_CODES`], of 40 bits.
const EXTENDED_CODES: u64 = 1_000_000_000_000;
const EXTENDED_FOLD: u64 = 99_511_627_777;

impl Chain for Extended {
    type Code = u64;

    const VALUES: u32 = 1_000_000;

    fn fold(hash: u64) -> u64 {
        let code = hash >> 24;
        if code < EXTENDED_CODES { code } else { code - EXTENDED_FOLD }
    }

    fn message(code: u64) -> [u8; 8] {
        code.to_be_bytes()
    }

    fn code(number: u64) -> Option<u64> {
        Some(number).filter(|code| *code < EXTENDED_CODES)
    }

    fn with_base(code: u64, base: u32) -> u64 {
        code - code % u64::from(Self::VALUES) + u64::from(base)
    }

    fn first(start: u32, base: u32) -> u64 {
        Self::with_base(u64::from(start), base)
    }
}
