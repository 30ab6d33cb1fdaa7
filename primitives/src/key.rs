//! Ed25519 keys and signatures, verified by ZIP-215.
//!
//! ZIP-215 is the one rule under which batch and single verification agree on every input; a chain on
//! which both rules are in use would split on a crafted signature. On top of it, public keys of small order
//! are refused everywhere, since a signature under one is valid for many messages.
//!
//! Source: <https://zips.z.cash/zip-0215>.

use crate::hash::{HexError, parse_hex};
use borsh::{BorshDeserialize, BorshSerialize};
use ed25519_dalek::Signer;
use std::fmt;
use std::str::FromStr;
use zeroize::{Zeroize, ZeroizeOnDrop};

macro_rules! hex_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(&self.0[..4]))
            }
        }

        impl FromStr for $name {
            type Err = HexError;
            fn from_str(text: &str) -> Result<Self, HexError> {
                parse_hex(text).map(Self)
            }
        }

        $crate::serde_text!($name);
    };
}

/// An Ed25519 public key in its 32-byte compressed form, not known to be a curve point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct PublicKey(pub [u8; 32]);
hex_text!(PublicKey);
#[cfg(feature = "schema")]
crate::schema::text_schema! { PublicKey: "PublicKey", "^(0x)?[0-9a-fA-F]{64}$"; }

/// An Ed25519 signature, `R ‖ s`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Signature(pub [u8; 64]);
hex_text!(Signature);
#[cfg(feature = "schema")]
crate::schema::text_schema! { Signature: "Signature", "^(0x)?[0-9a-fA-F]{128}$"; }

/// An Ed25519 secret key. Zeroized on drop; has no `Debug`, `Display` or `Clone`.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SecretKey([u8; 32]);

/// Why a signature does not count. Whoever sent it pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The public key generates a subgroup of order at most 8.
    #[error("public key has small order")]
    SmallOrder,
    /// The equation does not hold, or the bytes are no key or signature.
    #[error("signature does not verify")]
    Invalid,
}

impl PublicKey {
    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether the point's order divides 8, in any of its fourteen encodings.
    #[must_use]
    pub fn is_small_order(&self) -> bool {
        let mut y = self.0;
        y[31] &= 0x7f; // the sign of x does not matter
        SMALL_ORDER_Y.contains(&y)
    }

    /// Verifies one signature by ZIP-215.
    ///
    /// # Errors
    /// [`SignatureError`]; small-order keys fail whatever the signature.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        if self.is_small_order() {
            return Err(SignatureError::SmallOrder);
        }
        ed25519_zebra::VerificationKey::try_from(self.0)
            .and_then(|key| key.verify(&ed25519_zebra::Signature::from(signature.0), message))
            .map_err(|_| SignatureError::Invalid)
    }
}

impl SecretKey {
    /// The key with this 32-byte seed (RFC 8032).
    #[must_use]
    pub const fn from_seed(seed: [u8; 32]) -> Self {
        Self(seed)
    }

    /// A new key from the operating system's entropy.
    ///
    /// # Errors
    /// When the operating system has none to give.
    #[expect(
        clippy::disallowed_methods,
        reason = "a key is made from entropy; no validity rule depends on it"
    )]
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut seed = [0u8; 32];
        getrandom::fill(&mut seed)?;
        Ok(Self(seed))
    }

    /// The seed, for a keystore. The caller zeroizes what it copies.
    #[must_use]
    pub const fn seed(&self) -> &[u8; 32] {
        &self.0
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.expand().verifying_key().to_bytes())
    }

    /// Signs `message` deterministically (RFC 8032).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.expand().sign(message).to_bytes())
    }

    /// A signer with the key expanded once: for callers that sign often.
    #[must_use]
    pub fn expand(&self) -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(&self.0)
    }
}

/// The y coordinates of all points whose order divides 8, canonical and not: 0, 1, the two of order 8, p-1, p, p+1.
const SMALL_ORDER_Y: [[u8; 32]; 7] = [
    [0; 32],
    low(1),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    near_p(0xec),
    near_p(0xed),
    near_p(0xee),
];

const fn low(first: u8) -> [u8; 32] {
    let mut y = [0; 32];
    y[0] = first;
    y
}

const fn near_p(first: u8) -> [u8; 32] {
    let mut y = [0xff; 32];
    y[0] = first;
    y[31] = 0x7f;
    y
}
