//! Every key in state.
//!
//! A key is a tag byte and fixed-width fields, so no two things share one. Numbers are little-endian, as in borsh,
//! except in the queue, whose keys are ordered and therefore big-endian.
//!
//! Lists (an account's assets, a book's accounts, a microgrid's meters) are kept as numbered keys with the count in
//! the owner's record: they are read in pages and never need a scan.

use borsh::BorshSerialize;
use std::fmt;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::units::{BookId, IntervalId};
use wattle_primitives::{Address, AssetId, Hash, TimeMs};

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
/// What falls due, by time.
pub const QUEUE: u8 = 0x41;
/// Sponsorship.
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
/// Order.
pub const ORDER: u8 = 0x6b;
/// An interval's orders by number.
pub const ORDER_INDEX: u8 = 0x6c;
/// Request for a deal, or the deal it became.
pub const DEAL: u8 = 0x70;
/// Acceptance of a request.
pub const ACCEPTANCE: u8 = 0x71;
/// How many requests and deals a microgrid has open.
pub const DEAL_COUNT: u8 = 0x74;
/// A microgrid's open requests and deals, without a gap; in no lasting order.
pub const DEAL_INDEX: u8 = 0x75;
/// Dispute.
pub const DISPUTE: u8 = 0x72;
/// What of a microgrid's cash belongs to intervals that are not settled.
pub const ESCROW: u8 = 0x76;

/// A state key, kept inline: execution makes several for each call.
#[derive(Clone, Copy)]
pub struct Key {
    len: u8,
    bytes: [u8; Self::BYTES_MAX],
}

impl Key {
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
        // The fields of every key below are of fixed width; the longest was measured for BYTES_MAX.
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

impl std::ops::Deref for Key {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&self.bytes)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
impl Eq for Key {}
impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (**self).cmp(&**other)
    }
}
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// `Params`.
#[must_use]
pub const fn params() -> Key {
    Key::new(PARAMS)
}

/// `Vec<ScheduledSet>`.
#[must_use]
pub const fn validators() -> Key {
    Key::new(VALIDATORS)
}

/// [`crate::modules::records::Counters`].
#[must_use]
pub const fn counters() -> Key {
    Key::new(COUNTERS)
}

/// [`crate::modules::records::Account`].
#[must_use]
pub fn account(address: &Address) -> Key {
    Key::new(ACCOUNT).with(address.as_bytes())
}

/// [`crate::modules::records::Balance`].
#[must_use]
pub fn balance(account: &AccountId, asset: AssetId) -> Key {
    Key::new(BALANCE).with_account(account).with(&asset.0.to_le_bytes())
}

/// `AssetId`: the account's asset number `index`.
#[must_use]
pub fn account_asset(address: &Address, index: u32) -> Key {
    Key::new(ACCOUNT_ASSET).with(address.as_bytes()).with(&index.to_le_bytes())
}

/// [`crate::modules::records::Asset`].
#[must_use]
pub fn asset(asset: AssetId) -> Key {
    Key::new(ASSET).with(&asset.0.to_le_bytes())
}

/// [`crate::modules::records::Book`].
#[must_use]
pub fn book(book: BookId) -> Key {
    Key::new(BOOK).with(&book.0.to_le_bytes())
}

/// [`crate::modules::records::BookAccount`].
#[must_use]
pub fn book_account(book: BookId, code: u32) -> Key {
    Key::new(BOOK_ACCOUNT).with(&book.0.to_le_bytes()).with(&code.to_le_bytes())
}

/// `u32`: code of the book's account number `index`.
#[must_use]
pub fn book_index(book: BookId, index: u32) -> Key {
    Key::new(BOOK_INDEX).with(&book.0.to_le_bytes()).with(&index.to_le_bytes())
}

/// [`crate::modules::records::Hold`].
#[must_use]
pub fn hold(id: &Hash) -> Key {
    Key::new(HOLD).with(id.as_bytes())
}

/// [`crate::modules::records::Due`]: what falls due at `time_ms`, with its id. Ordered by time, then id.
#[must_use]
pub fn queue(time_ms: TimeMs, id: &Hash) -> Key {
    Key::new(QUEUE).with(&time_ms.0.to_be_bytes()).with(&id.as_bytes()[..24])
}

/// The time in a queue key.
#[must_use]
pub fn queue_time(key: &[u8]) -> Option<TimeMs> {
    let time = key.get(1..9)?;
    time.try_into().ok().map(|bytes| TimeMs(u64::from_be_bytes(bytes)))
}

/// [`crate::modules::records::Sponsorship`].
#[must_use]
pub fn sponsorship(sponsor: &Address, grantee: &Address) -> Key {
    Key::new(SPONSORSHIP).with(sponsor.as_bytes()).with(grantee.as_bytes())
}

/// [`crate::modules::records::Microgrid`].
#[must_use]
pub fn microgrid(id: &Hash) -> Key {
    Key::new(MICROGRID).with(id.as_bytes())
}

/// `Hash`: id of microgrid number `index`.
#[must_use]
pub fn microgrid_index(index: u32) -> Key {
    Key::new(MICROGRID_INDEX).with(&index.to_le_bytes())
}

/// [`crate::modules::records::Meter`].
#[must_use]
pub fn meter(meter: &Address) -> Key {
    Key::new(METER).with(meter.as_bytes())
}

/// `Address`: the microgrid's meter number `index`.
#[must_use]
pub fn meter_index(microgrid: &Hash, index: u32) -> Key {
    Key::new(METER_INDEX).with(microgrid.as_bytes()).with(&index.to_le_bytes())
}

/// [`crate::modules::energy::records::TermsRecord`]: version `version` of a microgrid's terms.
#[must_use]
pub fn terms(microgrid: &Hash, version: u32) -> Key {
    Key::new(TERMS).with(microgrid.as_bytes()).with(&version.to_le_bytes())
}

/// [`crate::modules::energy::records::Member`].
#[must_use]
pub fn member(microgrid: &Hash, account: &Address) -> Key {
    Key::new(MEMBER).with(microgrid.as_bytes()).with(account.as_bytes())
}

/// `Address`: the member whose tab has this code.
#[must_use]
pub fn member_index(microgrid: &Hash, code: u32) -> Key {
    Key::new(MEMBER_INDEX).with(microgrid.as_bytes()).with(&code.to_le_bytes())
}

/// [`crate::modules::energy::records::SettledMeter`].
#[must_use]
pub fn settled_meter(meter: &Address) -> Key {
    Key::new(SETTLED_METER).with(meter.as_bytes())
}

/// [`crate::modules::energy::records::Slice`].
#[must_use]
pub fn slice(meter: &Address, interval: IntervalId) -> Key {
    Key::new(SLICE).with(meter.as_bytes()).with(&interval.0.to_le_bytes())
}

/// [`crate::modules::energy::records::Interval`].
#[must_use]
pub fn interval(microgrid: &Hash, interval: IntervalId) -> Key {
    Key::new(INTERVAL).with(microgrid.as_bytes()).with(&interval.0.to_le_bytes())
}

/// [`crate::modules::energy::records::Position`].
#[must_use]
pub fn position(microgrid: &Hash, interval: IntervalId, code: u32) -> Key {
    let key = Key::new(POSITION).with(microgrid.as_bytes());
    key.with(&interval.0.to_le_bytes()).with(&code.to_le_bytes())
}

/// [`crate::modules::energy::records::Order`].
#[must_use]
pub fn order(id: &Hash) -> Key {
    Key::new(ORDER).with(id.as_bytes())
}

/// `Hash`: id of order number `index` for an interval.
#[must_use]
pub fn order_index(microgrid: &Hash, interval: IntervalId, index: u32) -> Key {
    let key = Key::new(ORDER_INDEX).with(microgrid.as_bytes());
    key.with(&interval.0.to_le_bytes()).with(&index.to_le_bytes())
}

/// [`crate::modules::energy::records::Deal`].
#[must_use]
pub fn deal(id: &Hash) -> Key {
    Key::new(DEAL).with(id.as_bytes())
}

/// [`crate::modules::energy::records::Acceptance`].
#[must_use]
pub fn acceptance(request: &Hash, account: &Address) -> Key {
    Key::new(ACCEPTANCE).with(request.as_bytes()).with(account.as_bytes())
}

/// [`wattle_primitives::Amount`]: sum of the `escrow` of a microgrid's positions; absent when nothing.
#[must_use]
pub fn escrow(microgrid: &Hash) -> Key {
    Key::new(ESCROW).with(microgrid.as_bytes())
}

/// `u32`: how many requests and deals the microgrid has open.
#[must_use]
pub fn deal_count(microgrid: &Hash) -> Key {
    Key::new(DEAL_COUNT).with(microgrid.as_bytes())
}

/// `Hash`: id of the request or deal at place `index` of the microgrid's list.
#[must_use]
pub fn deal_index(microgrid: &Hash, index: u32) -> Key {
    Key::new(DEAL_INDEX).with(microgrid.as_bytes()).with(&index.to_le_bytes())
}

/// [`crate::modules::energy::records::Dispute`].
#[must_use]
pub fn dispute(id: &Hash) -> Key {
    Key::new(DISPUTE).with(id.as_bytes())
}
