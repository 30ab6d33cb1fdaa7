//! Keys in state: the table of their first bytes, and the keys of no module.
//!
//! Lists (an account's assets, a book's accounts, a microgrid's meters) are kept as numbered keys with the count in
//! the owner's record: they are read in pages and never need a scan.

use crate::records::{Counters, Due, DueKind};
use wattle_primitives::TimeMs;
use wattle_primitives::genesis::{Params, ScheduledSet};

use wattle_primitives::state_key::BalanceRecord;
pub use wattle_primitives::state_key::{Key, RawKey};

/// First byte of each kind of key; those that light nodes know stand with the primitives.
pub mod tag {
    pub use wattle_primitives::state_key::{ACCOUNT, BALANCE, MEMBER, METER, MICROGRID, TERMS};

    macro_rules! tags {
        ($($(#[$doc:meta])* $name:ident = $tag:literal;)*) => {
            $($(#[$doc])* pub const $name: u8 = $tag;)*

            #[cfg(test)]
            pub(crate) const ALL: &[u8] = &[ACCOUNT, BALANCE, MEMBER, METER, MICROGRID, TERMS, $($name),*];
        };
    }

    tags! {
        /// Protocol parameters.
        PARAMS = 0x01;
        /// The schedule of validator sets.
        VALIDATORS = 0x02;
        /// Counters that number assets, books and microgrids.
        COUNTERS = 0x03;
        /// An account's assets by number.
        ACCOUNT_ASSET = 0x12;
        /// Asset record.
        ASSET = 0x20;
        /// Book record.
        BOOK = 0x30;
        /// Record of a book's account.
        BOOK_ACCOUNT = 0x31;
        /// A book's account codes by number.
        BOOK_INDEX = 0x32;
        /// Private books by number.
        BOOK_NUMBER = 0x33;
        /// How many books an account owns.
        OWNED_BOOKS = 0x34;
        /// An account's books by number.
        OWNED_BOOK = 0x35;
        /// Assets of a book's cash by number.
        BOOK_ASSET = 0x39;
        /// How many journals with a reference an account has posted.
        JOURNALS = 0x36;
        /// References of the journals that are remembered, by place.
        JOURNAL_PLACE = 0x37;
        /// Journal that is remembered.
        JOURNAL = 0x38;
        /// Open hold.
        HOLD = 0x40;
        /// Due work, by kind and time.
        QUEUE = 0x41;
        /// Record of a sponsorship.
        SPONSORSHIP = 0x50;
        /// Record of a grant.
        GRANT = 0x51;
        /// How many grants an account made, or was given.
        GRANT_COUNT = 0x52;
        /// An account's grants by number.
        GRANT_INDEX = 0x53;
        /// How many accounts an account pays for, or how many pay for it.
        SPONSORSHIP_COUNT = 0x54;
        /// The accounts that an account pays for, or that pay for it, by number.
        SPONSORSHIP_INDEX = 0x55;
        /// Microgrid ids by number.
        MICROGRID_INDEX = 0x61;
        /// A microgrid's meters by number.
        METER_INDEX = 0x63;
        /// A microgrid's members by the code of their tab.
        MEMBER_INDEX = 0x66;
        /// How far a meter is settled.
        SETTLED_METER = 0x67;
        /// A meter's energy in an interval that is not settled.
        SLICE = 0x68;
        /// An interval of a microgrid with orders, trades or settlement under way.
        INTERVAL = 0x69;
        /// A member's trades and energy in an interval.
        POSITION = 0x6a;
        /// Order that stands.
        ORDER = 0x6b;
        /// An interval's orders by number.
        ORDER_INDEX = 0x6c;
        /// An owner's mandate to a microgrid.
        MANDATE = 0x6e;
        /// Request for a deal, or the deal it became.
        DEAL = 0x70;
        /// Acceptance of a request.
        ACCEPTANCE = 0x71;
        /// Open dispute.
        DISPUTE = 0x72;
        /// A microgrid's open disputes, without a gap; in no lasting order.
        DISPUTE_INDEX = 0x73;
        /// How many requests and deals a microgrid has open.
        DEAL_COUNT = 0x74;
        /// A microgrid's open requests and deals, without a gap; in no lasting order.
        DEAL_INDEX = 0x75;
        /// The part of a microgrid's cash that belongs to intervals that are not settled.
        ESCROW = 0x76;
        /// How many disputes a microgrid has open.
        DISPUTE_COUNT = 0x77;
        /// The last turn given to a microgrid that waits for its operator's bandwidth.
        TURN = 0x78;
    }
}

/// Bytes of a queue key after its tag: the kind, the time, then as much of the id as makes 32.
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

/// Work that falls due at `time_ms`. Ordered by kind, then time, then id.
#[must_use]
pub fn queue(time_ms: TimeMs, due: &Due) -> Key<Due> {
    queue_of(due.kind()).with(&time_ms.0.to_be_bytes()).with(&due.id().as_bytes()[..23])
}

/// Prefix of every balance's key.
#[must_use]
pub fn balances() -> Key<BalanceRecord> {
    Key::new(tag::BALANCE)
}

/// Prefix of every queue key of a kind.
#[must_use]
pub fn queue_of(kind: DueKind) -> Key<Due> {
    Key::new(tag::QUEUE).with(&[kind as u8])
}

/// The time in a queue key.
#[must_use]
pub fn queue_time(key: &[u8]) -> Option<TimeMs> {
    let time = key.get(2..10)?;
    time.try_into().ok().map(|bytes| TimeMs(u64::from_be_bytes(bytes)))
}
