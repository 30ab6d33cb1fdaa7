//! Account addresses: the hash of the account's first key, shown as bech32m with prefix `wat`.

use crate::{Hash, PublicKey, domain};
use bech32::{Bech32m, Hrp};
use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;
use std::str::FromStr;

/// Human-readable prefix of every address.
pub const PREFIX: &str = "wat";

/// An account's name for its whole life, also after its keys have changed.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Address(pub [u8; 32]);

impl Address {
    /// The address of the account whose first key is `key`.
    #[must_use]
    pub fn of_key(key: &PublicKey) -> Self {
        Self(Hash::of(domain::ADDRESS, &[key.as_bytes()]).0)
    }

    /// The account in whose name a microgrid acts, and under which its own events are found: no key has it.
    #[must_use]
    pub const fn of_microgrid(id: &Hash) -> Self {
        Self(id.0)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Why text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not bech32m, or the checksum is wrong: most likely a typing mistake.
    #[error("not a bech32m address: {detail}")]
    Encoding {
        /// The decoder's message.
        detail: String,
    },
    /// Another network's prefix.
    #[error("address starts with {got:?}, expected {PREFIX:?}")]
    Prefix {
        /// Prefix found.
        got: String,
    },
    /// Not 32 bytes.
    #[error("address carries {got} bytes, expected 32")]
    Length {
        /// Bytes found.
        got: usize,
    },
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hrp = Hrp::parse(PREFIX).map_err(|_| fmt::Error)?;
        bech32::encode_to_fmt::<Bech32m, _>(f, hrp, &self.0).map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let checked = bech32::primitives::decode::CheckedHrpstring::new::<Bech32m>(text)
            .map_err(|e| AddressError::Encoding { detail: e.to_string() })?;
        if checked.hrp().to_lowercase() != PREFIX {
            return Err(AddressError::Prefix { got: checked.hrp().to_lowercase() });
        }
        let bytes: Vec<u8> = checked.byte_iter().collect();
        let address =
            bytes.try_into().map(Self).map_err(|b: Vec<u8>| AddressError::Length { got: b.len() })?;
        // 32 bytes leave four bits of padding in the last character: text with any of them set is no second name.
        if address.to_string() != text.to_ascii_lowercase() {
            return Err(AddressError::Encoding { detail: "padding bits are not zero".to_owned() });
        }
        Ok(address)
    }
}

crate::serde_text!(Address);
#[cfg(feature = "schema")]
crate::schema::text_schema! { Address: "Address", "^wat1[02-9ac-hj-np-z]+$"; }
