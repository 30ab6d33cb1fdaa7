//! Tokens as they are typed: nine or twelve decimal digits, or fifteen or twenty of a keypad with four keys.

use crate::chain::{Chain, Extended, Standard};
use core::fmt;

/// How wide a token's code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    /// Nine digits, values up to 999.
    Standard,
    /// Twelve digits, values up to 999,999. What it means is not in the standard: each device model says.
    Extended,
}

/// Which digits a keypad has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keypad {
    /// 0 to 9.
    Full,
    /// 1 to 4: two bits a digit.
    Restricted,
}

/// The form of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Format {
    /// How wide its code is.
    pub width: Width,
    /// Which digits it is written with.
    pub keypad: Keypad,
}

impl Format {
    /// Nine decimal digits.
    pub const STANDARD: Self = Self { width: Width::Standard, keypad: Keypad::Full };
    /// Fifteen digits of 1 to 4.
    pub const RESTRICTED: Self = Self { width: Width::Standard, keypad: Keypad::Restricted };
    /// Twelve decimal digits.
    pub const EXTENDED: Self = Self { width: Width::Extended, keypad: Keypad::Full };
    /// Twenty digits of 1 to 4.
    pub const EXTENDED_RESTRICTED: Self = Self { width: Width::Extended, keypad: Keypad::Restricted };

    /// How many digits a token has.
    #[must_use]
    pub const fn digits(self) -> usize {
        match (self.width, self.keypad) {
            (Width::Standard, Keypad::Full) => 9,
            (Width::Extended, Keypad::Full) => 12,
            (Width::Standard, Keypad::Restricted) => 15,
            (Width::Extended, Keypad::Restricted) => 20,
        }
    }
}

impl Keypad {
    /// The number that each digit multiplies what stands before it with.
    const fn radix(self) -> u64 {
        match self {
            Self::Full => 10,
            Self::Restricted => 4,
        }
    }

    /// The character of the least digit, which pads on the left.
    const fn zero(self) -> u8 {
        match self {
            Self::Full => b'0',
            Self::Restricted => b'1',
        }
    }

    fn width(self, digits: usize) -> Option<Width> {
        [Width::Standard, Width::Extended]
            .into_iter()
            .find(|width| digits <= Format { width: *width, keypad: self }.digits())
    }
}

/// Digits as somebody typed them, or is to type them. Whether they mean anything to a device is another matter.
///
/// Shown by `Display` only: an unspent token is money, so `Debug`, which goes to logs, hides it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    number: u64,
    format: Format,
}

/// Why a text is no token. Repeats nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is no digit.
    #[error("there is no digit")]
    Empty,
    /// There are more digits than the longest token of this keypad has.
    #[error("{digits} digits are too many: a token has at most {max}")]
    TooLong {
        /// How many there are; counted up to one too many.
        digits: usize,
        /// How many there may be.
        max: usize,
    },
    /// A character that this keypad does not have.
    #[error("character {at} is none of {}", match .keypad { Keypad::Full => "0 to 9", Keypad::Restricted => "1 to 4" })]
    Digit {
        /// Where it stands, from 1.
        at: usize,
        /// The keypad.
        keypad: Keypad,
    },
}

impl Token {
    /// Reads what was typed: digits, and spaces between groups of them.
    ///
    /// Up to nine (restricted: fifteen) digits are a standard token, more an extended one. Fewer than a token has are
    /// padded on the left.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn parse(text: &str, keypad: Keypad) -> Result<Self, TokenError> {
        let (radix, max) = (keypad.radix(), Format { width: Width::Extended, keypad }.digits());
        let (mut number, mut digits) = (0, 0);
        for (at, character) in (1..).zip(text.trim().chars()).filter(|(_, character)| *character != ' ') {
            let digit = u64::from(u32::from(character)).wrapping_sub(u64::from(keypad.zero()));
            if digit >= radix {
                return Err(TokenError::Digit { at, keypad });
            }
            digits += 1;
            if digits > max {
                return Err(TokenError::TooLong { digits, max });
            }
            number = number * radix + digit;
        }
        match keypad.width(digits) {
            Some(width) if digits > 0 => Ok(Self { number, format: Format { width, keypad } }),
            _ => Err(TokenError::Empty),
        }
    }

    pub(crate) const fn new(number: u64, format: Format) -> Self {
        Self { number, format }
    }

    /// Its form.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Its number, the same for both keypads. A restricted one reaches beyond the codes that there are.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// The same token for another keypad; `None` for a number that has no such digits.
    #[must_use]
    pub fn with_keypad(self, keypad: Keypad) -> Option<Self> {
        let is_code = match self.format.width {
            Width::Standard => Standard::code(self.number).is_some(),
            Width::Extended => Extended::code(self.number).is_some(),
        };
        is_code.then_some(Self { format: Format { keypad, ..self.format }, ..self })
    }
}

impl fmt::Display for Token {
    /// All digits, padded. The alternate form (`{:#}`) has a space after every third one, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Format { keypad, .. } = self.format;
        let digits = self.format.digits();
        for at in 0..digits {
            if f.alternate() && at > 0 && at % 3 == 0 {
                f.write_str(" ")?;
            }
            let left = u32::try_from(digits - 1 - at).unwrap_or_default(); // at most 19
            let digit = self.number / keypad.radix().pow(left) % keypad.radix();
            let digit = u8::try_from(digit).unwrap_or_default(); // less than the radix
            write!(f, "{}", char::from(keypad.zero() + digit))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} digits)", self.format.digits())
    }
}
