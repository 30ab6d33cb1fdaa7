//! Collections whose length is part of the type, checked before anything is allocated.

use borsh::io::{Error, ErrorKind, Read, Result, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::ops::Deref;

/// A list of at most `N` items. Encoded as `u32` length, then the items.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoundedVec<T, const N: usize>(Vec<T>);

/// Bytes, at most `N` of them. In JSON: hex.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BoundedBytes<const N: usize>(Vec<u8>);

/// A list or byte string is longer than its type allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{got} items exceed the limit of {max}")]
pub struct TooMany {
    /// Most items allowed.
    pub max: usize,
    /// Items given.
    pub got: usize,
}

impl<T, const N: usize> Default for BoundedVec<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const N: usize> BoundedVec<T, N> {
    /// Wraps `items`.
    ///
    /// # Errors
    /// [`TooMany`] when there are more than `N`.
    pub fn new(items: Vec<T>) -> std::result::Result<Self, TooMany> {
        check(items.len(), N)?;
        Ok(Self(items))
    }

    /// The items, owned.
    #[must_use]
    pub fn into_inner(self) -> Vec<T> {
        self.0
    }
}

impl<const N: usize> BoundedBytes<N> {
    /// Wraps `bytes`.
    ///
    /// # Errors
    /// [`TooMany`] when there are more than `N`.
    pub fn new(bytes: Vec<u8>) -> std::result::Result<Self, TooMany> {
        check(bytes.len(), N)?;
        Ok(Self(bytes))
    }
}

impl<T, const N: usize> Deref for BoundedVec<T, N> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<const N: usize> Deref for BoundedBytes<N> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<T, const N: usize> IntoIterator for BoundedVec<T, N> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T, const N: usize> IntoIterator for &'a BoundedVec<T, N> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: BorshSerialize, const N: usize> BorshSerialize for BoundedVec<T, N> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        BorshSerialize::serialize(&self.0, writer)
    }
}

impl<const N: usize> BorshSerialize for BoundedBytes<N> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        BorshSerialize::serialize(&self.0, writer)
    }
}

impl<T: BorshDeserialize, const N: usize> BorshDeserialize for BoundedVec<T, N> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let len = read_length(reader, N)?;
        // A hostile length is at most N, but N items may be large: grow as items really arrive.
        let mut items = Vec::with_capacity(len.min(64));
        for _ in 0..len {
            items.push(T::deserialize_reader(reader)?);
        }
        Ok(Self(items))
    }
}

impl<const N: usize> BorshDeserialize for BoundedBytes<N> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let len = read_length(reader, N)?;
        let mut bytes = Vec::with_capacity(len.min(4096));
        let mut chunk = [0u8; 4096];
        let mut left = len;
        while left > 0 {
            let take = left.min(chunk.len());
            reader.read_exact(&mut chunk[..take])?;
            bytes.extend_from_slice(&chunk[..take]);
            left = left.saturating_sub(take);
        }
        Ok(Self(bytes))
    }
}

impl<T: Serialize, const N: usize> Serialize for BoundedVec<T, N> {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        Serialize::serialize(&self.0, s)
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for BoundedVec<T, N> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        Self::new(<Vec<T> as Deserialize>::deserialize(d)?).map_err(de::Error::custom)
    }
}

impl<const N: usize> Serialize for BoundedBytes<N> {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        s.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de, const N: usize> Deserialize<'de> for BoundedBytes<N> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as Deserialize>::deserialize(d)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        check(digits.len().div_ceil(2), N).map_err(de::Error::custom)?;
        hex::decode(digits).map(Self).map_err(de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl<const N: usize> schemars::JsonSchema for BoundedBytes<N> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Hex{N}").into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": crate::schema::HEX })
    }
}

#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema, const N: usize> schemars::JsonSchema for BoundedVec<T, N> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("{}List{N}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "array", "items": generator.subschema_for::<T>(), "maxItems": N })
    }
}

fn check(got: usize, max: usize) -> std::result::Result<(), TooMany> {
    if got > max { Err(TooMany { max, got }) } else { Ok(()) }
}

fn read_length<R: Read>(reader: &mut R, max: usize) -> Result<usize> {
    let len = u32::deserialize_reader(reader)?;
    let len = usize::try_from(len).map_err(|e| Error::new(ErrorKind::InvalidData, e))?;
    check(len, max).map_err(|e| Error::new(ErrorKind::InvalidData, e))?;
    Ok(len)
}
