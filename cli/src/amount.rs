//! Amounts as people write them: `1.5`, `1.5 WAT`, or base units as `1500000 base`.

use wattle_primitives::call::token::Symbol;
use wattle_primitives::{Amount, AssetId};

/// Suffix for amounts that are in base units already.
const BASE: &str = "base";

/// Why text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not digits with at most one point.
    #[error("{text:?} is not an amount: expected digits, as in 1.5, \"1.5 WAT\" or \"1500000 base\"")]
    Malformed {
        /// The text given.
        text: String,
    },
    /// Finer than the asset's smallest unit.
    #[error("{text:?} has {places} decimal places, but {symbol} has {scale}")]
    Places {
        /// The text given.
        text: String,
        /// Places given.
        places: usize,
        /// The asset.
        symbol: Symbol,
        /// Its places.
        scale: u8,
    },
    /// Another asset's symbol.
    #[error("the amount is in {got:?}, but the asset is {expected}")]
    Symbol {
        /// Symbol given.
        got: String,
        /// Symbol of the asset.
        expected: Symbol,
    },
    /// More than 128 bits of base units.
    #[error("{text:?} is too large")]
    Overflow {
        /// The text given.
        text: String,
    },
    /// An amount of nothing.
    #[error("the amount is zero")]
    Zero,
}

/// An asset's name: its symbol, which anybody may give to an asset, and its number unless it is the native one.
#[must_use]
pub fn asset_name(symbol: &Symbol, asset: AssetId) -> String {
    if asset == AssetId::NATIVE { symbol.to_string() } else { format!("{symbol}-{asset}") }
}

/// The base units that `text` stands for, in an asset with this symbol and number of decimal places.
///
/// # Errors
/// [`AmountError`]; nothing is ever rounded.
pub fn parse(text: &str, symbol: &Symbol, scale: u8) -> Result<Amount, AmountError> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = (&text[..end], text[end..].trim_start());
    let scale = match unit {
        "" => scale,
        BASE => 0,
        unit if unit == symbol.as_str() => scale,
        unit if unit.parse::<Symbol>().is_ok() => {
            return Err(AmountError::Symbol { got: unit.into(), expected: symbol.clone() });
        }
        _ => return Err(AmountError::Malformed { text: text.into() }),
    };
    let units = scaled(digits, text, symbol, scale)?;
    if units == 0 { Err(AmountError::Zero) } else { Ok(Amount(units)) }
}

fn scaled(digits: &str, text: &str, symbol: &Symbol, scale: u8) -> Result<u128, AmountError> {
    let malformed = || AmountError::Malformed { text: text.into() };
    let (whole, part) = match digits.split_once('.') {
        Some((_, "")) => return Err(malformed()),
        Some((whole, part)) => (whole, part),
        None => (digits, ""),
    };
    if whole.is_empty() || part.contains('.') {
        return Err(malformed());
    }
    let places = part.trim_end_matches('0').len();
    let missing = usize::from(scale).checked_sub(places).ok_or_else(|| AmountError::Places {
        text: text.into(),
        places,
        symbol: symbol.clone(),
        scale,
    })?;
    let padded = format!("{whole}{}{}", &part[..places], "0".repeat(missing));
    padded.parse().map_err(|_| AmountError::Overflow { text: text.into() })
}

/// An amount with its point, without needless zeros: `1500000` at scale 6 is `1.5`.
#[must_use]
pub fn format(amount: Amount, scale: u8) -> String {
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", amount.0, width = scale.saturating_add(1));
    let (whole, part) = digits.split_at(digits.len().saturating_sub(scale));
    match part.trim_end_matches('0') {
        "" => whole.into(),
        part => format!("{whole}.{part}"),
    }
}

#[cfg(test)]
#[path = "amount_tests.rs"]
mod tests;
