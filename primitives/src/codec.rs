//! The canonical encoding: borsh, with a cap on the bytes that are looked at.
//!
//! Everything decoded from a peer, a client, a meter or a disk comes through [`decode`], which
//! refuses input above the type's [`Decode::MAX_BYTES`] before it allocates, and refuses trailing bytes.
//!
//! Source: <https://borsh.io>.

use borsh::{BorshDeserialize, BorshSerialize};

/// Why bytes are not a value. A peer that sent them broke the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than the type may take; nothing was decoded.
    #[error("{got} bytes exceed the limit of {max}")]
    TooLong {
        /// Limit in bytes.
        max: usize,
        /// Bytes given.
        got: usize,
    },
    /// Not a canonical encoding of the type.
    #[error("malformed encoding: {detail}")]
    Malformed {
        /// The decoder's message.
        detail: String,
    },
}

/// A type with a canonical encoding. Implemented by everything that borsh can write.
pub trait Encode: BorshSerialize {}
impl<T: BorshSerialize> Encode for T {}

/// A type that may be decoded from outside, with the cap on its encoded size.
pub trait Decode: BorshDeserialize {
    /// Most bytes a valid encoding takes.
    const MAX_BYTES: usize;
}

/// The canonical encoding of `value`.
#[must_use]
pub fn encode<T: BorshSerialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    // Writing to a Vec fails only when a collection exceeds u32::MAX items, which bounded types exclude.
    if value.serialize(&mut bytes).is_err() {
        unreachable!("a bounded value fits in memory");
    }
    bytes
}

/// Decodes a value of at most [`Decode::MAX_BYTES`] bytes.
///
/// # Errors
/// [`DecodeError`] when the input is too long, malformed or followed by other bytes.
pub fn decode<T: Decode>(bytes: &[u8]) -> Result<T, DecodeError> {
    decode_bounded(bytes, T::MAX_BYTES)
}

/// Decodes a value of at most `max` bytes: for types whose cap is a parameter.
///
/// # Errors
/// As [`decode`].
pub fn decode_bounded<T: BorshDeserialize>(bytes: &[u8], max: usize) -> Result<T, DecodeError> {
    if bytes.len() > max {
        return Err(DecodeError::TooLong { max, got: bytes.len() });
    }
    T::try_from_slice(bytes).map_err(|error| DecodeError::Malformed { detail: error.to_string() })
}

/// Implements [`Decode`] for types with a fixed cap.
#[macro_export]
macro_rules! decodable {
    ($($type:ty: $max:expr;)*) => { $(impl $crate::Decode for $type { const MAX_BYTES: usize = $max; })* };
}

/// Serde for a type with `Display` and `FromStr`: always text, for JSON and configuration.
#[macro_export]
macro_rules! serde_text {
    ($($type:ty),*) => { $(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )* };
}
