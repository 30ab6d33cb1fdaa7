//! BLAKE3-256 with a domain tag in front of every preimage.

use crate::domain::Domain;
use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;
use std::str::FromStr;

/// Longest preimage that is put together on the stack: a few blocks of BLAKE3.
const SHORT_BYTES: usize = 256;

/// A 32-byte BLAKE3 digest. Shown, parsed and written in JSON as 64 lower-case hex digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Hash(pub [u8; 32]);

impl Domain {
    /// The bytes that a signature under this tag covers: `len(tag) ‖ tag ‖ chain ‖ payload`.
    ///
    /// `chain` is the genesis hash, so a signature is worth nothing on another chain.
    #[must_use]
    pub fn signing_bytes(self, chain: &Hash, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(payload.len().saturating_add(288)); // 1 + tag + 32 at most
        bytes.push(self.len());
        bytes.extend_from_slice(self.as_bytes());
        if !crate::planted!("missing-chain-id") {
            bytes.extend_from_slice(chain.as_bytes());
        }
        bytes.extend_from_slice(payload);
        bytes
    }
}

impl Hash {
    /// All zero: the parent of genesis and the root of an empty tree. No preimage is known for it.
    pub const ZERO: Self = Self([0; 32]);

    /// `BLAKE3(len(tag) as u8 ‖ tag ‖ parts…)`.
    ///
    /// The parts are concatenated without separators: callers pass at most one part of variable
    /// length, and pass it last, so that two different inputs never share a preimage.
    #[must_use]
    pub fn of(domain: Domain, parts: &[&[u8]]) -> Self {
        let bytes =
            parts.iter().fold(domain.as_bytes().len().saturating_add(1), |n, p| n.saturating_add(p.len()));
        if bytes <= SHORT_BYTES {
            return Self::of_short(domain, parts);
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[domain.len()]);
        hasher.update(domain.as_bytes());
        for part in parts {
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// The same for at most [`SHORT_BYTES`], put together on the stack and hashed in one go: nearly all there is to
    /// hash is a branch, a leaf or a key, and a hasher in parts costs half as much again.
    fn of_short(domain: Domain, parts: &[&[u8]]) -> Self {
        let mut preimage = [0u8; SHORT_BYTES];
        let mut used = 0usize;
        for part in [&[domain.len()], domain.as_bytes()].into_iter().chain(parts.iter().copied()) {
            let end = used.saturating_add(part.len());
            preimage[used..end].copy_from_slice(part);
            used = end;
        }
        Self(*blake3::hash(&preimage[..used]).as_bytes())
    }

    /// The digest of a value's canonical encoding under `domain`.
    #[must_use]
    pub fn of_encoded<T: BorshSerialize>(domain: Domain, value: &T) -> Self {
        Self::of(domain, &[&crate::codec::encode(value)])
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Bit `index` counted from the most significant bit of byte 0. `index` is below 256.
    #[must_use]
    pub const fn bit(&self, index: u8) -> bool {
        (self.0[(index >> 3) as usize] >> (!index & 7)) & 1 == 1
    }

    /// The first eight hex digits, for logs.
    #[must_use]
    pub fn short(&self) -> String {
        hex::encode(&self.0[..4])
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

/// Why a hex string is not a value of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} hex digits, got {got:?}")]
pub struct HexError {
    /// Hex digits that the type takes.
    pub expected: usize,
    /// The input, cut to 80 characters.
    pub got: String,
}

/// Parses exactly `N` bytes of hex, with or without a leading `0x`.
///
/// # Errors
/// [`HexError`] when the length or a digit is wrong.
pub fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mut bytes = [0u8; N];
    hex::decode_to_slice(digits, &mut bytes)
        .map_err(|_| HexError { expected: N.saturating_mul(2), got: text.chars().take(80).collect() })?;
    Ok(bytes)
}

impl FromStr for Hash {
    type Err = HexError;
    fn from_str(text: &str) -> Result<Self, HexError> {
        parse_hex(text).map(Self)
    }
}

crate::serde_text!(Hash);
#[cfg(feature = "schema")]
crate::schema::text_schema! { Hash: "Hash", "^(0x)?[0-9a-fA-F]{64}$"; }
