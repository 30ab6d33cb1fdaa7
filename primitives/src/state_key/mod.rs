//! State keys and records that light clients must know: they ask for a key, and read the record that is proven
//! under it. Everything else about state is the runtime's own. What a key is made of: [`Key`].

mod key;

pub use key::{Key, RawKey};

use crate::bucket::Bucket;
use crate::call::energy::Terms;
use crate::call::identity::Authority;
use crate::call::ledger::AccountId;
use crate::reading::{MeterRole, RegisterEncoding};
use crate::tx::LANES_MAX;
use crate::units::IntervalId;
use crate::{Address, Amount, AssetId, BookId, BoundedVec, Hash, Lane, Nonce, Reason, TimeMs, WattHours};
use borsh::{BorshDeserialize, BorshSerialize};

/// First byte of an account record's key.
pub const ACCOUNT: u8 = 0x10;
/// First byte of a balance's key.
pub const BALANCE: u8 = 0x11;
/// First byte of a microgrid record's key.
pub const MICROGRID: u8 = 0x60;
/// First byte of a meter record's key.
pub const METER: u8 = 0x62;
/// First byte of the key of a version of a microgrid's terms.
pub const TERMS: u8 = 0x64;
/// First byte of the key of a microgrid's member.
pub const MEMBER: u8 = 0x65;

/// Next nonce of each lane from 0 on; lanes beyond the end stand at 0.
pub type Nonces = BoundedVec<Nonce, { LANES_MAX as usize }>;

/// The record under [`account`]. Never deleted, so that a nonce never comes back.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccountRecord {
    /// Next nonce of each lane.
    pub nonces: Nonces,
    /// Bandwidth that its transactions have drawn, and that has not leaked.
    pub bucket: Bucket,
    /// Who acts for the account; `None` while it is the one key that the address is the hash of.
    pub authority: Option<Authority>,
    /// Assets it has held besides the native one; the runtime lists them by number.
    pub assets: u32,
}

/// The record under [`balance`]: four counters in base units. The posted ones only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BalanceRecord {
    /// Debits reserved by holds.
    pub debits_pending: u128,
    /// Sum of the debits posted.
    pub debits_posted: u128,
    /// Credits reserved by holds.
    pub credits_pending: u128,
    /// Sum of the credits posted.
    pub credits_posted: u128,
}

/// The record under [`meter`].
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MeterRecord {
    /// Its microgrid.
    pub microgrid: Hash,
    /// Account that its energy is booked to.
    pub owner: Address,
    /// How its registers are encoded.
    pub encoding: RegisterEncoding,
    /// Where it stands.
    pub role: MeterRole,
    /// Most power that can flow through it, W.
    pub power_max_w: u32,
    /// Time of the block that registered it: nothing that it shows is older.
    pub registered_ms: TimeMs,
    /// The meter that took its place: it takes no readings any more.
    pub replaced_by: Option<Address>,
    /// Time of the block that retired it: it takes no readings any more.
    pub retired_ms: Option<TimeMs>,
    /// Where its estimates ended, since it had been silent for 30 days: it takes no readings of its light node until
    /// somebody has read it.
    pub suspended_ms: Option<TimeMs>,
    /// Import of it that has backed deals, Wh: each Wh backs one.
    pub dealt_wh: WattHours,
    /// The last accepted reading, at first its opening registers; `None` for a meter of the genesis before its first
    /// one.
    pub last: Option<LastReading>,
}

impl MeterRecord {
    /// Why it takes no readings any more, if it does not.
    #[must_use]
    pub const fn closed(&self) -> Option<Reason> {
        if self.replaced_by.is_some() {
            Some(Reason::MeterReplaced)
        } else if self.retired_ms.is_some() {
            Some(Reason::MeterRetired)
        } else {
            None
        }
    }
}

/// The last accepted reading of a meter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LastReading {
    /// Its sequence number: a reading with this one or a lower one is a duplicate.
    pub seq: u64,
    /// Random number of the light node's start.
    pub boot_id: u64,
    /// Monotonic ms since that start.
    pub uptime_ms: u64,
    /// Import counter in its register's own unit, counted on beyond every roll-over.
    pub import_count: u64,
    /// Export counter likewise.
    pub export_count: u64,
    /// Import counter: energy of the count.
    pub import_wh: WattHours,
    /// Export counter likewise.
    pub export_wh: WattHours,
    /// The light node's clock; not trusted.
    pub time_ms: TimeMs,
    /// When the chain takes it to have been read: never before the reading before it, never after the block.
    pub effective_ms: TimeMs,
    /// Time of the block that accepted it.
    pub block_time_ms: TimeMs,
    /// When so much energy can have flowed at the earliest, at full power: what bounds the next reading.
    pub flow_ms: TimeMs,
    /// Whether a person read it; `seq`, `boot_id` and `uptime_ms` are those of the signed reading before.
    pub manual: bool,
}

/// The record under [`microgrid`].
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MicrogridRecord {
    /// Its operator.
    pub operator: Address,
    /// Settlement asset.
    pub asset: AssetId,
    /// Settlement interval.
    pub interval_ms: TimeMs,
    /// Meters; the runtime lists them by number.
    pub meters: u32,
    /// Its book in the ledger: the accounts of its members.
    pub book: BookId,
    /// Members, those included that have left; the runtime lists them by the code of their tab; the operator is the
    /// first.
    pub members: u32,
    /// The first interval from which on no order was ever placed: new terms begin there at the earliest.
    pub ordered: IntervalId,
    /// Versions of its terms so far, under [`terms`].
    pub terms: u32,
    /// Members that have left: their codes stay unused.
    pub left: u32,
    /// Its next work; `None` until it has terms.
    pub agenda: Option<Agenda>,
    /// Its last pause; `None` if it was never paused.
    pub pause: Option<Pause>,
    /// The calendar month of the last interval that was settled, as [`Terms::month`] counts; 0 before the first.
    pub month: u32,
}

/// A time in which nobody paid for a microgrid's work: nothing was cleared, settled or estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Pause {
    /// When it began; that of the pause before when work had not caught up with that.
    pub since_ms: TimeMs,
    /// When it ended; `None` while it lasts.
    pub until_ms: Option<TimeMs>,
    /// Whether the microgrid's own wallet alone pays for its work since: not its operator ended it.
    pub own_wallet: bool,
}

/// Codes of members are below this; the bits above tell a member's accounts apart, and no such account has the code of
/// taxes, 2^32 - 1.
pub const MEMBERS_END: u32 = (1 << 30) - 1;

/// Code of a member's account of what it was charged for estimates that no reading has replaced. It is not on its tab.
#[must_use]
pub const fn estimates_of(code: u32) -> u32 {
    code | 1 << 30
}

/// Code of the account through which a member is paid out of its tab.
#[must_use]
pub const fn payouts_of(code: u32) -> u32 {
    code | 2 << 30
}

/// Code of a member's account of what was paid to it for energy of intervals that are not settled.
#[must_use]
pub const fn escrow_of(code: u32) -> u32 {
    code | 3 << 30
}

impl MicrogridRecord {
    /// An account of its book.
    #[must_use]
    pub const fn account(&self, code: u32) -> AccountId {
        AccountId::Book { book: self.book, code }
    }

    /// Whether its work stands still until somebody pays.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        matches!(self.pause, Some(Pause { until_ms: None, .. }))
    }

    /// From when on, between two times, it was paused, if it was.
    #[must_use]
    pub fn paused_from(&self, from: TimeMs, to: TimeMs) -> Option<TimeMs> {
        let Pause { since_ms, until_ms, .. } = self.pause?;
        (since_ms < to && until_ms.is_none_or(|until| from < until)).then(|| since_ms.max(from))
    }

    /// The interval that a time belongs to.
    #[must_use]
    pub fn interval_at(&self, time_ms: TimeMs) -> IntervalId {
        IntervalId(time_ms.0.checked_div(self.interval_ms.0).unwrap_or(0))
    }

    /// When an interval starts.
    #[must_use]
    pub const fn start(&self, interval: IntervalId) -> TimeMs {
        TimeMs(interval.0.saturating_mul(self.interval_ms.0))
    }

    /// When an interval ends, which is when the next one starts.
    #[must_use]
    pub const fn end(&self, interval: IntervalId) -> TimeMs {
        self.start(interval.next())
    }
}

/// The next interval of each kind of work. `finalize <= settle <= clear`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Agenda {
    /// Next to be cleared: its gate is open.
    pub clear: IntervalId,
    /// Next to be settled: every interval before it is.
    pub settle: IntervalId,
    /// Next to become final.
    pub finalize: IntervalId,
    /// The time under which the microgrid stands in the queue.
    pub due_ms: TimeMs,
    /// Whether that is its turn among all for which their operator's bucket was full.
    pub waits: bool,
}

/// The record under [`terms`]. It is never changed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TermsRecord {
    /// First interval that they hold for; they hold until the next version's.
    pub from: IntervalId,
    /// Time of the block that set them.
    pub set_ms: TimeMs,
    /// The terms.
    pub terms: Terms,
}

/// Money taken for a key in state; whoever paid it gets it back when the thing goes away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Deposit {
    /// Who paid it: the fee payer of the transaction that made the thing.
    pub payer: Address,
    /// Native base units.
    pub amount: Amount,
}

/// The record under [`member`].
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MemberRecord {
    /// Code of its tab in the microgrid's book.
    pub code: u32,
    /// Its own credit limit, base units; the terms' when absent.
    pub credit_limit: Option<Amount>,
    /// The part of its credit that deals have reserved, base units.
    pub reserved: Amount,
    /// Debt that it may come to if it does not deliver the energy it sold in intervals that are not settled, base
    /// units: the sum of its positions' `exposed`. What of it is not in escrow is not paid out.
    pub exposed: Amount,
    /// Energy that export or purchases took off estimated intervals, Wh, until readings have replaced all its
    /// estimates: so much is refunded at the export price.
    pub offset: WattHours,
    /// Claims that were granted to it, in all.
    pub granted: Amount,
    /// Sum charged to its tab for energy of other members, base units.
    pub traded: Amount,
    /// Its meters that are not closed.
    pub meters: u32,
    /// Those among them that are suspended: meanwhile it places no orders and makes no deals.
    pub suspended: u32,
    /// The last interval in which it may have a part: it cannot leave before that is final.
    pub until: IntervalId,
    /// Remainder of its lines to and from the operator: the next ones take it in.
    pub carry: Carry,
    /// Amount that it was owed and might be paid, base units, when the microgrid's cash was last shared out.
    pub claim: Amount,
    /// With which interval's settlement that was.
    pub claimed: IntervalId,
    /// Given back when it leaves.
    pub deposit: Deposit,
    /// When it became a member: it pays no fee for a month that had begun by then.
    pub since_ms: TimeMs,
    /// Charge so far for the highest power of its month, by the terms of its interval.
    pub demand: Demand,
    /// Tax on its energy that is not posted, thousandths of a base unit; below zero when more was taken back.
    pub tax: i128,
    /// Meters whose connection it was charged for.
    pub connections: u32,
}

/// Charge for the highest power of a month, by the terms of its interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Demand {
    /// Base units.
    pub amount: Amount,
    /// Rate of all taxes on it together, in thousandths.
    pub permille: u16,
}

/// Fractions of a base unit that lines were rounded down by, in thousandths: each below 1,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Carry {
    /// Of what it was charged.
    pub debit: u16,
    /// Of what it was credited.
    pub credit: u16,
    /// Of taxes on its monthly fees, demand and connections.
    pub tax: u16,
}

impl BalanceRecord {
    /// Spendable balance, base units, of a credit-normal account that may not go below zero, such as a wallet.
    #[must_use]
    pub const fn available(&self) -> Amount {
        let debits = self.debits_posted.saturating_add(self.debits_pending);
        Amount(self.credits_posted.saturating_sub(debits))
    }

    /// The same of a debit-normal account that may not go below zero, base units.
    #[must_use]
    pub const fn owing(&self) -> Amount {
        let credits = self.credits_posted.saturating_add(self.credits_pending);
        Amount(self.debits_posted.saturating_sub(credits))
    }
}

impl AccountRecord {
    /// The next nonce of `lane`.
    #[must_use]
    pub fn nonce(&self, lane: Lane) -> Nonce {
        self.nonces.get(usize::from(lane.0)).copied().unwrap_or(Nonce::ZERO)
    }

    /// The next nonce of every lane up to the last that was used.
    pub fn lanes(&self) -> impl Iterator<Item = (Lane, Nonce)> {
        (0u16..).map(Lane).zip(self.nonces.iter().copied())
    }

    /// Uses up the next nonce of `lane`. A lane that does not exist stays as it is.
    pub fn use_nonce(&mut self, lane: Lane) {
        let at = usize::from(lane.0);
        if lane.0 >= LANES_MAX {
            return;
        }
        let mut nonces = std::mem::take(&mut self.nonces).into_inner();
        if nonces.len() <= at {
            nonces.resize(at.saturating_add(1), Nonce::ZERO);
        }
        if let Some(nonce) = nonces.get_mut(at) {
            *nonce = nonce.next();
        }
        self.nonces = Nonces::new(nonces).unwrap_or_default(); // at most LANES_MAX by the check above
    }
}

/// Key of an account's record.
#[must_use]
pub fn account(address: &Address) -> Key<AccountRecord> {
    Key::new(ACCOUNT).with(address.as_bytes())
}

/// Key of the counters of `account` in `asset`: the tag, the encoded account id, the asset's number.
#[must_use]
pub fn balance(account: &AccountId, asset: AssetId) -> Key<BalanceRecord> {
    Key::new(BALANCE).with_account(account).with(&asset.0.to_le_bytes())
}

/// Key of a meter's record; the meter is named by the address of its signing key.
#[must_use]
pub fn meter(address: &Address) -> Key<MeterRecord> {
    Key::new(METER).with(address.as_bytes())
}

/// Key of a microgrid's record.
#[must_use]
pub fn microgrid(id: &Hash) -> Key<MicrogridRecord> {
    Key::new(MICROGRID).with(id.as_bytes())
}

/// Key of a microgrid's terms of `version`, from 0.
#[must_use]
pub fn terms(microgrid: &Hash, version: u32) -> Key<TermsRecord> {
    Key::new(TERMS).with(microgrid.as_bytes()).with(&version.to_le_bytes())
}

/// Key of a microgrid's member.
#[must_use]
pub fn member(microgrid: &Hash, account: &Address) -> Key<MemberRecord> {
    Key::new(MEMBER).with(microgrid.as_bytes()).with(account.as_bytes())
}

crate::decodable! {
    AccountRecord: 2048;
    BalanceRecord: 64;
    MeterRecord: 256;
    MicrogridRecord: 256;
    MemberRecord: 512;
    TermsRecord: 2048;
}
