//! Worth of a token, in the seller's unit and in the device's.

use core::fmt;
use core::num::NonZeroU32;
use core::str::FromStr;

/// Most decimal places of a value that is read or shown.
pub const PLACES_MAX: u32 = 9;

/// An amount in the seller's unit (days, kilowatt-hours): an exact fraction, never a float.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    numerator: u64,
    denominator: u64,
}

/// Why a text or a fraction is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Neither digits nor digits with a point between them. Negative ones are none.
    #[error("not a decimal number such as 7 or 0.5")]
    Format,
    /// More than [`PLACES_MAX`] decimal places.
    #[error("more than {PLACES_MAX} decimal places")]
    Places,
    /// Beyond what is counted with.
    #[error("too large a number")]
    TooLarge,
    /// A denominator of zero.
    #[error("a fraction of zero parts")]
    ZeroDenominator,
}

impl Value {
    /// `numerator / denominator`.
    ///
    /// # Errors
    /// [`ValueError::ZeroDenominator`].
    pub const fn ratio(numerator: u64, denominator: u64) -> Result<Self, ValueError> {
        if denominator == 0 {
            return Err(ValueError::ZeroDenominator);
        }
        Ok(Self { numerator, denominator })
    }

    /// The fraction's upper part; not reduced.
    #[must_use]
    pub const fn numerator(&self) -> u64 {
        self.numerator
    }

    /// The fraction's lower part.
    #[must_use]
    pub const fn denominator(&self) -> u64 {
        self.denominator
    }

    /// The value if it is a whole number.
    #[must_use]
    pub const fn whole(&self) -> Option<u64> {
        if self.numerator % self.denominator == 0 { Some(self.numerator / self.denominator) } else { None }
    }

    /// The nearest whole number of `times` the value; of two that are equally near the even one. `None` beyond `u64`.
    const fn times_rounded(&self, times: u64) -> Option<u64> {
        let product = self.numerator as u128 * times as u128; // less than 2^128
        let (whole, rest) = (product / self.denominator as u128, product % self.denominator as u128);
        let up = match 2 * rest {
            twice if twice == self.denominator as u128 => whole % 2,
            twice => (twice > self.denominator as u128) as u128,
        };
        let rounded = whole + up;
        if rounded > u64::MAX as u128 { None } else { Some(rounded as u64) }
    }
}

impl From<u32> for Value {
    fn from(whole: u32) -> Self {
        Self { numerator: whole.into(), denominator: 1 }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        let cross = |a: u64, b: u64| u128::from(a) * u128::from(b);
        cross(self.numerator, other.denominator) == cross(other.numerator, self.denominator)
    }
}

impl Eq for Value {}

impl FromStr for Value {
    type Err = ValueError;

    /// Reads `7`, `0.5`, `.5` or `7.`.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (whole, places) = text.split_once('.').unwrap_or((text, ""));
        if whole.is_empty() && places.is_empty() {
            return Err(ValueError::Format);
        }
        let mut value = Self { numerator: 0, denominator: 1 };
        for character in whole.chars().chain(places.chars()) {
            let digit = character.to_digit(10).ok_or(ValueError::Format)?;
            let numerator = value.numerator.checked_mul(10).and_then(|n| n.checked_add(digit.into()));
            value.numerator = numerator.ok_or(ValueError::TooLarge)?;
        }
        match u32::try_from(places.len()) {
            Ok(places) if places <= PLACES_MAX => value.denominator = 10u64.pow(places),
            _ => return Err(ValueError::Places),
        }
        Ok(value)
    }
}

impl fmt::Display for Value {
    /// A decimal number without trailing zeros; rounded half to even after [`PLACES_MAX`] places, and down to a whole
    /// number beyond 18 thousand million.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = 10u64.pow(PLACES_MAX);
        let Some(scaled) = self.times_rounded(scale) else {
            return write!(f, "{}", self.numerator / self.denominator); // too large to have places that count
        };
        let (whole, mut places, mut width) = (scaled / scale, scaled % scale, 9);
        if places == 0 {
            return write!(f, "{whole}");
        }
        while places.is_multiple_of(10) {
            (places, width) = (places / 10, width - 1);
        }
        write!(f, "{whole}.{places:0width$}")
    }
}

/// How many of a device's units make one of the seller's: 4 when a device counts quarters of a day and is sold days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divider(NonZeroU32);

impl Divider {
    /// Device and seller count alike.
    pub const ONE: Self = Self(NonZeroU32::MIN);

    /// A divider; `None` for zero.
    #[must_use]
    pub const fn new(divider: u32) -> Option<Self> {
        match NonZeroU32::new(divider) {
            Some(divider) => Some(Self(divider)),
            None => None,
        }
    }

    /// The device's units for a value: multiplied, and rounded half to even, as all of the field do.
    ///
    /// ```
    /// # use openpaygo::{Divider, Value};
    /// let quarters = Divider::new(4).unwrap();
    /// let units = |text: &str| quarters.units(text.parse::<Value>().unwrap());
    /// assert_eq!([units("0.125"), units("0.375"), units("0.625")], [Some(0), Some(2), Some(2)]);
    /// ```
    ///
    /// `None` beyond `u32`.
    #[must_use]
    pub fn units(self, value: Value) -> Option<u32> {
        value.times_rounded(self.0.get().into()).and_then(|units| u32::try_from(units).ok())
    }

    /// The value of units, exact.
    #[must_use]
    pub fn value(self, units: u32) -> Value {
        Value { numerator: units.into(), denominator: u64::from(self.0.get()) }
    }
}

impl Default for Divider {
    fn default() -> Self {
        Self::ONE
    }
}
