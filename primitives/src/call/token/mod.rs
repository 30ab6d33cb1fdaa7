//! Calls that create and move assets.

mod burn;
mod issue;
mod mint;
mod transfer;

pub use burn::Burn;
pub use issue::Issue;
pub use mint::Mint;
pub use transfer::Transfer;

use crate::BoundedBytes;
use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;
use std::str::FromStr;

/// Most decimal places of an asset.
pub const SCALE_MAX: u8 = 18;
/// Longest symbol.
pub const SYMBOL_BYTES_MAX: usize = 12;

/// An asset's short name: 1 to 12 upper-case letters and digits, a letter first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct Symbol(BoundedBytes<SYMBOL_BYTES_MAX>);

/// Why text is not a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a symbol has 1 to {SYMBOL_BYTES_MAX} upper-case letters and digits, a letter first")]
pub struct SymbolError;

impl Symbol {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default() // ASCII by construction
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, SymbolError> {
        let shape = bytes.first().is_some_and(u8::is_ascii_uppercase)
            && bytes.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !shape {
            return Err(SymbolError);
        }
        BoundedBytes::new(bytes.to_vec()).map(Self).map_err(|_| SymbolError)
    }
}

impl FromStr for Symbol {
    type Err = SymbolError;
    fn from_str(text: &str) -> Result<Self, SymbolError> {
        Self::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl BorshDeserialize for Symbol {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let bytes = BoundedBytes::<SYMBOL_BYTES_MAX>::deserialize_reader(reader)?;
        Self::from_bytes(&bytes).map_err(|e| borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, e))
    }
}

crate::serde_text!(Symbol);
#[cfg(feature = "schema")]
crate::schema::text_schema! { Symbol: "Symbol", "^[A-Z][A-Z0-9]*$"; }

calls! {
    /// Calls to the token module.
    Token(TokenCall) {
        issue: Issue = 0,
        mint: Mint = 1,
        burn: Burn = 2,
        transfer: Transfer = 3,
    }
}
