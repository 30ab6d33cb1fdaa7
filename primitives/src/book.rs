//! The id of a book.

use crate::hash::{HexError, parse_hex};
use crate::{Address, Hash, domain};
use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;
use std::str::FromStr;

/// Id of an organisation's set of accounts. Shown, parsed and written in JSON as 32 lower-case hex digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct BookId(pub [u8; 16]);

impl BookId {
    /// The book that holds wallets and protocol accounts.
    pub const PUBLIC: Self = Self([0; 16]);

    /// The book that `owner` opens with `reference`. It is known before it is opened, so that one transaction can open
    /// it and its accounts, and post in them.
    #[must_use]
    pub fn of(owner: &Address, reference: &Hash) -> Self {
        let hash = Hash::of(domain::BOOK, &[owner.as_bytes(), reference.as_bytes()]);
        let mut id = [0; 16];
        id.copy_from_slice(&hash.0[..16]);
        Self(id)
    }

    /// The book of a microgrid's tabs.
    #[must_use]
    pub fn of_microgrid(id: &Hash) -> Self {
        Self::of(&Address::of_microgrid(id), &Hash::ZERO)
    }
}

impl fmt::Display for BookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for BookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for BookId {
    type Err = HexError;
    fn from_str(text: &str) -> Result<Self, HexError> {
        parse_hex(text).map(Self)
    }
}

crate::serde_text!(BookId);
#[cfg(feature = "schema")]
crate::schema::text_schema! { BookId: "BookId", "^(0x)?[0-9a-fA-F]{32}$"; }
