//! Amounts as people write them: `1.5`, `1.5 WAT`, or base units as `1500000 base`.

use wattle_primitives::Amount;
use wattle_primitives::call::token::Symbol;

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
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn amounts_are_exact_or_refused() {
        let symbol: Symbol = "WATT".parse().unwrap();
        let malformed = |text: &str| Err(AmountError::Malformed { text: text.into() });
        let places = |text: &str, places, scale| {
            Err(AmountError::Places { text: text.into(), places, symbol: symbol.clone(), scale })
        };
        let max = u128::MAX.to_string();
        let table: &[(&str, u8, Result<u128, AmountError>)] = &[
            ("1", 6, Ok(1_000_000)),
            ("1.5", 6, Ok(1_500_000)),
            (" 1.5 WATT ", 6, Ok(1_500_000)),
            ("1.5WATT", 6, Ok(1_500_000)),
            ("0.000001", 6, Ok(1)),
            ("1.50000000000", 6, Ok(1_500_000)),
            ("007", 0, Ok(7)),
            ("1500000 base", 6, Ok(1_500_000)),
            ("7base", 18, Ok(7)),
            (&max, 0, Ok(u128::MAX)),
            ("340282366920938463463.374607431768211455", 18, Ok(u128::MAX)),
            (
                "340282366920938463463.374607431768211456",
                18,
                Err(AmountError::Overflow { text: "340282366920938463463.374607431768211456".into() }),
            ),
            (&max, 1, Err(AmountError::Overflow { text: max.clone() })),
            ("1.5 base", 6, places("1.5 base", 1, 0)),
            ("0.0000001", 6, places("0.0000001", 7, 6)),
            ("1.5", 0, places("1.5", 1, 0)),
            ("0", 6, Err(AmountError::Zero)),
            ("0.000", 6, Err(AmountError::Zero)),
            ("1 KES", 6, Err(AmountError::Symbol { got: "KES".into(), expected: symbol.clone() })),
            ("", 6, malformed("")),
            (".", 6, malformed(".")),
            (".5", 6, malformed(".5")),
            ("5.", 6, malformed("5.")),
            ("1.2.3", 6, malformed("1.2.3")),
            ("-1", 6, malformed("-1")),
            ("+1", 6, malformed("+1")),
            ("1e3", 6, malformed("1e3")),
            ("1,5", 6, malformed("1,5")),
            ("1_000", 6, malformed("1_000")),
            ("0x10", 6, malformed("0x10")),
            ("WATT", 6, malformed("WATT")),
            ("١", 6, malformed("١")),
            ("1 watt", 6, malformed("1 watt")),
        ];
        for (text, scale, want) in table {
            assert_eq!(parse(text, &symbol, *scale).map(|a| a.0), *want, "{text:?} at {scale}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        let symbol: Symbol = "WATT".parse().unwrap();
        let table =
            [(1_500_000, 6, "1.5"), (1, 6, "0.000001"), (0, 6, "0"), (7, 0, "7"), (1_000_000, 6, "1")];
        for (units, scale, want) in table {
            assert_eq!(format(Amount(units), scale), want);
        }
        for units in [1, 9, 10, 999_999, 1_000_001, u128::MAX] {
            for scale in [0, 1, 6, 18] {
                let shown = format(Amount(units), scale);
                assert_eq!(parse(&shown, &symbol, scale), Ok(Amount(units)), "{shown} at {scale}");
            }
        }
    }
}
