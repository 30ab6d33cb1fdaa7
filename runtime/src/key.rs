//! Keys in state: what they are made of, the table of all kinds, and those of no module.
//!
//! A key is a tag byte and fixed-width fields, so no two things share one. Numbers are little-endian, as in borsh,
//! except in the queue, whose keys are ordered and therefore big-endian.
//!
//! Lists (an account's assets, a book's accounts, a microgrid's meters) are kept as numbered keys with the count in
//! the owner's record: they are read in pages and never need a scan.

use crate::records::{Counters, Due};
use borsh::BorshSerialize;
use std::fmt;
use std::marker::PhantomData;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::genesis::{Params, ScheduledSet};
use wattle_primitives::{Hash, TimeMs};

/// First byte of each kind of key: the one table of them all.
pub mod tag {
    pub use wattle_primitives::state_key::{ACCOUNT, BALANCE, MEMBER, METER, MICROGRID, TERMS};

    /// Protocol parameters.
    pub const PARAMS: u8 = 0x01;
    /// The schedule of validator sets.
    pub const VALIDATORS: u8 = 0x02;
    /// Counters that number assets, books and microgrids.
    pub const COUNTERS: u8 = 0x03;
    /// An account's assets by number.
    pub const ACCOUNT_ASSET: u8 = 0x12;
    /// Asset record.
    pub const ASSET: u8 = 0x20;
    /// Book record.
    pub const BOOK: u8 = 0x30;
    /// Record of a book's account.
    pub const BOOK_ACCOUNT: u8 = 0x31;
    /// A book's account codes by number.
    pub const BOOK_INDEX: u8 = 0x32;
    /// Open hold.
    pub const HOLD: u8 = 0x40;
    /// Due work, by time.
    pub const QUEUE: u8 = 0x41;
    /// Record of a sponsorship.
    pub const SPONSORSHIP: u8 = 0x50;
    /// Microgrid ids by number.
    pub const MICROGRID_INDEX: u8 = 0x61;
    /// A microgrid's meters by number.
    pub const METER_INDEX: u8 = 0x63;
    /// A microgrid's members by the code of their tab.
    pub const MEMBER_INDEX: u8 = 0x66;
    /// How far a meter is settled.
    pub const SETTLED_METER: u8 = 0x67;
    /// A meter's energy in an interval that is not settled.
    pub const SLICE: u8 = 0x68;
    /// An interval of a microgrid with orders, trades or settlement under way.
    pub const INTERVAL: u8 = 0x69;
    /// A member's trades and energy in an interval.
    pub const POSITION: u8 = 0x6a;
    /// Order that stands.
    pub const ORDER: u8 = 0x6b;
    /// An interval's orders by number.
    pub const ORDER_INDEX: u8 = 0x6c;
    /// Request for a deal, or the deal it became.
    pub const DEAL: u8 = 0x70;
    /// Acceptance of a request.
    pub const ACCEPTANCE: u8 = 0x71;
    /// Open dispute.
    pub const DISPUTE: u8 = 0x72;
    /// How many requests and deals a microgrid has open.
    pub const DEAL_COUNT: u8 = 0x74;
    /// A microgrid's open requests and deals, without a gap; in no lasting order.
    pub const DEAL_INDEX: u8 = 0x75;
    /// The part of a microgrid's cash that belongs to intervals that are not settled.
    pub const ESCROW: u8 = 0x76;
}

/// The bytes of a state key, kept inline: execution makes several for each call.
#[derive(Clone, Copy)]
pub struct RawKey {
    len: u8,
    bytes: [u8; Self::BYTES_MAX],
}

impl RawKey {
    /// Longest key: a sponsorship's tag and two addresses.
    pub const BYTES_MAX: usize = 65;
    /// Bytes of a queue key after its tag: the time, then as much of the id as makes 32.
    pub const QUEUE_BYTES: usize = 32;

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
    pub(crate) const fn new(tag: u8) -> Self {
        Self { raw: RawKey::new(tag), value: PhantomData }
    }

    pub(crate) fn with(self, part: &[u8]) -> Self {
        Self { raw: self.raw.with(part), ..self }
    }

    pub(crate) fn with_account(self, account: &AccountId) -> Self {
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

/// The protocol parameters.
#[must_use]
pub const fn params() -> Key<Params> {
    Key::new(tag::PARAMS)
}

/// The schedule of validator sets.
#[must_use]
pub const fn validators() -> Key<Vec<ScheduledSet>> {
    Key::new(tag::VALIDATORS)
}

/// Numbers given out so far.
#[must_use]
pub const fn counters() -> Key<Counters> {
    Key::new(tag::COUNTERS)
}

/// Work that falls due at `time_ms`, with its id. Ordered by time, then id.
#[must_use]
pub fn queue(time_ms: TimeMs, id: &Hash) -> Key<Due> {
    Key::new(tag::QUEUE).with(&time_ms.0.to_be_bytes()).with(&id.as_bytes()[..24])
}

/// The time in a queue key.
#[must_use]
pub fn queue_time(key: &[u8]) -> Option<TimeMs> {
    let time = key.get(1..9)?;
    time.try_into().ok().map(|bytes| TimeMs(u64::from_be_bytes(bytes)))
}
