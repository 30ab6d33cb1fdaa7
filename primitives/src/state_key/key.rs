//! Keys of state: a tag byte that names the kind of entry, then fixed-width fields, so that no two
//! things share one. Numbers are little-endian, as in borsh, except in the queue of due work, whose keys are ordered
//! and therefore big-endian.

use crate::call::ledger::AccountId;
use borsh::BorshSerialize;
use std::fmt;
use std::marker::PhantomData;

/// The bytes of a state key, kept inline: execution makes several for each call.
#[derive(Clone, Copy)]
pub struct RawKey {
    len: u8,
    bytes: [u8; Self::BYTES_MAX],
}

impl RawKey {
    /// Longest key: a sponsorship's tag and two addresses.
    pub const BYTES_MAX: usize = 65;

    const fn new(tag: u8) -> Self {
        let mut bytes = [0; Self::BYTES_MAX];
        bytes[0] = tag;
        Self { len: 1, bytes }
    }

    fn with(mut self, part: &[u8]) -> Self {
        let start = usize::from(self.len);
        let end = start.saturating_add(part.len());
        // The fields of every key are of fixed width; the longest was measured for BYTES_MAX.
        self.bytes[start..end].copy_from_slice(part);
        self.len = u8::try_from(end).unwrap_or(u8::MAX);
        self
    }

    fn with_account(mut self, account: &AccountId) -> Self {
        let start = usize::from(self.len);
        let mut rest = &mut self.bytes[start..];
        let room = rest.len();
        // An account id takes at most 33 bytes.
        if account.serialize(&mut rest).is_err() {
            unreachable!("an account id fits a key");
        }
        let used = room.saturating_sub(rest.len());
        self.len = u8::try_from(start.saturating_add(used)).unwrap_or(u8::MAX);
        self
    }
}

impl std::ops::Deref for RawKey {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&self.bytes)
    }
}

impl PartialEq for RawKey {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
impl Eq for RawKey {}
impl PartialOrd for RawKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for RawKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (**self).cmp(&**other)
    }
}
impl fmt::Debug for RawKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The key of an entry, and the type of what stands under it: another type is neither read nor written there.
pub struct Key<T> {
    raw: RawKey,
    value: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// The key of tag `tag`, without fields.
    #[must_use]
    pub const fn new(tag: u8) -> Self {
        Self { raw: RawKey::new(tag), value: PhantomData }
    }

    /// The same key with one more field of fixed width.
    #[must_use]
    pub fn with(self, part: &[u8]) -> Self {
        Self { raw: self.raw.with(part), ..self }
    }

    /// The same key with an account as its next field.
    #[must_use]
    pub fn with_account(self, account: &AccountId) -> Self {
        Self { raw: self.raw.with_account(account), ..self }
    }

    /// The key's bytes.
    #[must_use]
    pub const fn raw(&self) -> RawKey {
        self.raw
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Key<T> {}

impl<T> std::ops::Deref for Key<T> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.raw
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}
