//! Every key in state, with the type of what stands under it: the table of their first bytes, the keys of no module, and
//! those of each, which stand with it.
//!
//! Lists (an account's assets, a book's accounts, a microgrid's meters) are kept as numbered keys with the count in
//! the owner's record: they are read in pages and never need a scan.

use crate::records::{Counters, Due};
use wattle_primitives::genesis::{Params, ScheduledSet};
use wattle_primitives::{Hash, TimeMs};

pub use crate::modules::deals::keys::*;
pub use crate::modules::disputes::keys::*;
pub use crate::modules::energy::keys::*;
pub use crate::modules::identity::keys::*;
pub use crate::modules::ledger::keys::*;
pub use crate::modules::market::keys::*;
pub use wattle_primitives::state_key::{Key, RawKey};

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

/// Bytes of a queue key after its tag: the time, then as much of the id as makes 32.
pub const QUEUE_BYTES: usize = 32;

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
