//! A value of a body, JSON or CBOR.

use super::limits::{NUMBER_BYTES_MAX, ReadError};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

/// A value of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// Nothing: not measured.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// Values in order.
    List(Vec<Datum>),
    /// Values under names, in the order that they came in; no name twice.
    Map(Vec<(String, Datum)>),
}

impl Datum {
    /// Whether the reference leaves it out of what is signed: null, false, zero, and what is empty.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(yes) => !yes,
            Self::Number(number) => number.is_zero(),
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Map(items) => items.is_empty(),
        }
    }

    /// The value under a name of a map.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(items) => items.iter().find(|(of, _)| of == name).map(|(_, value)| value),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub const fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<i64> for Datum {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

impl From<bool> for Datum {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

impl From<&str> for Datum {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

/// A name that stands twice among members.
pub(super) fn repeated<T>(members: &[(String, T)]) -> Option<&str> {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

/// A number as the reference writes it. Integers of any size are exact; all else is a 64-bit float.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// Digits, with a sign, a point or an exponent: the canonical form.
    text: String,
}

impl Number {
    /// Reads a JSON number.
    ///
    /// # Errors
    /// [`ReadError::TooLong`]; [`ReadError::NotFinite`] beyond a 64-bit float.
    pub(super) fn parse(text: &str) -> Result<Self, ReadError> {
        if text.len() > NUMBER_BYTES_MAX {
            return Err(ReadError::TooLong);
        }
        if text.contains(['.', 'e', 'E']) {
            return Self::float(text.parse().map_err(|_| ReadError::NotFinite)?).ok_or(ReadError::NotFinite);
        }
        Ok(Self { text: if text == "-0" { "0" } else { text }.into() })
    }

    /// A float in the shortest digits that tell it from all others; `None` when it is not finite.
    #[must_use]
    pub fn float(float: f64) -> Option<Self> {
        let scientific = format!("{float:e}");
        let (digits, exponent) = scientific.split_once('e')?;
        let exponent: i32 = exponent.parse().ok()?; // of a number that is not finite there is none
        let text = match exponent {
            ..-4 => format!("{digits}e-{:02}", exponent.unsigned_abs()),
            16.. => format!("{digits}e+{exponent}"),
            _ => format!("{float:?}"),
        };
        Some(Self { text })
    }

    /// The integer, if it is one and that small.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.text.parse().ok()
    }

    /// The same for what is not negative.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.text.parse().ok()
    }

    /// The nearest float.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        self.text.parse().ok()
    }

    /// Its canonical digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn is_zero(&self) -> bool {
        matches!(self.text.as_str(), "0" | "0.0" | "-0.0")
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self { text: number.to_string() }
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self { text: number.to_string() }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
