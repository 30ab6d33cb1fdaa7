//! Terms, members, settlement and disputes of microgrids.

use super::page;
use crate::State;
use crate::keys;
use crate::modules::disputes::records::Dispute;
use crate::modules::energy::records::{
    Interval, Measured, Member, Microgrid, SettledMeter, Silence, Step, TermsRecord,
};
use crate::modules::energy::tab;
use crate::modules::ledger::records::Balance;
use wattle_primitives::call::energy::Terms;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, Hash, TimeMs, WattHours};

/// A version of a microgrid's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermsView {
    /// Its number, from 0.
    pub version: u32,
    /// First interval it holds for; it holds until the next version's.
    pub from: IntervalId,
    /// The terms.
    pub terms: Terms,
}

/// A member of a microgrid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// Whose membership.
    pub account: Address,
    /// Code of its tab in the microgrid's book.
    pub code: u32,
    /// What it owes on its tab.
    pub owed: Amount,
    /// What it is owed.
    pub due: Amount,
    /// What of its debt is only estimated.
    pub estimated: Amount,
    /// What of its credit deals have reserved.
    pub reserved: Amount,
    /// What it may owe if it has a limit of its own; the terms say else.
    pub credit_limit: Option<Amount>,
    /// Whether settlement may take what it owes from its wallet.
    pub collect: bool,
    /// What it may come to owe for energy that it sold: not paid out before that is settled.
    pub exposed: Amount,
}

/// What meters of one role show for an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeasuredView {
    /// Meters that have ever been read.
    pub meters: u32,
    /// Those among them whose share is an estimate.
    pub estimated: u32,
    /// Import.
    pub import_wh: WattHours,
    /// Export.
    pub export_wh: WattHours,
}

/// Where an interval's settlement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettlementView {
    /// The interval.
    pub interval: IntervalId,
    /// When it starts.
    pub start_ms: TimeMs,
    /// When it ends.
    pub end_ms: TimeMs,
    /// Its step.
    pub step: Step,
    /// Members with a line so far.
    pub accounts: u32,
    /// What members' meters show.
    pub subs: MeasuredView,
    /// What feeder meters show.
    pub feeders: MeasuredView,
}

/// How far a meter is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettledMeterView {
    /// The first interval that is not settled for it.
    pub until: IntervalId,
    /// What an interval without a reading is estimated as.
    pub typical_wh: WattHours,
    /// Since when it is estimated, if it is.
    pub silent_since_ms: Option<TimeMs>,
    /// What its owner owes by its estimates alone.
    pub estimated: Amount,
}

/// A dispute that is not decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisputeView {
    /// Its id.
    pub id: Hash,
    /// The microgrid.
    pub microgrid: Hash,
    /// Who contests.
    pub account: Address,
    /// About which meter.
    pub meter: Address,
    /// Base units wanted back.
    pub claim: Amount,
    /// Hash of the reasons.
    pub note: Hash,
    /// Votes for the claim.
    pub upheld: u16,
    /// Votes against it.
    pub rejected: u16,
}

/// A version of a microgrid's terms.
#[must_use]
pub fn terms(state: &State, id: &Hash, version: u32) -> Option<TermsView> {
    let TermsRecord { from, terms } = state.read(keys::terms(id, version))?;
    Some(TermsView { version, from, terms })
}

/// The terms that hold for an interval; `None` before the first.
#[must_use]
pub fn terms_at(state: &State, id: &Hash, interval: IntervalId) -> Option<TermsView> {
    let (mut low, mut high) = (0, grid(state, id)?.terms);
    while low < high {
        let middle = low.midpoint(high);
        if terms(state, id, middle)?.from <= interval {
            low = middle.checked_add(1)?;
        } else {
            high = middle;
        }
    }
    terms(state, id, low.checked_sub(1)?)
}

/// A member, with what its tab shows.
#[must_use]
pub fn member(state: &State, id: &Hash, account: &Address) -> Option<MemberView> {
    let grid = grid(state, id)?;
    let Member { code, credit_limit, reserved, estimated, collect, exposed, .. } =
        state.read(keys::member(id, account))?;
    let tab = keys::balance(&tab::account(grid.book, code), grid.asset);
    let Balance { debits_posted, credits_posted, .. } = state.read(tab).unwrap_or_default();
    Some(MemberView {
        account: *account,
        code,
        owed: Amount(debits_posted.saturating_sub(credits_posted)),
        due: Amount(credits_posted.saturating_sub(debits_posted)),
        estimated,
        reserved,
        credit_limit,
        collect,
        exposed,
    })
}

/// A microgrid's members in the order in which they joined, from position `from`, at most `limit`. The operator is the
/// first.
#[must_use]
pub fn members(state: &State, id: &Hash, from: u32, limit: usize) -> Vec<MemberView> {
    let count = grid(state, id).map_or(0, |grid| grid.members);
    page(from, count, limit)
        .filter_map(|index| state.read(keys::member_index(id, index.checked_add(tab::OPERATOR)?)))
        .filter_map(|account| member(state, id, &account))
        .collect()
}

/// Where an interval's settlement stands; `None` before anything of it is known, and after it has ended.
#[must_use]
pub fn settlement(state: &State, id: &Hash, interval: IntervalId) -> Option<SettlementView> {
    let grid = grid(state, id)?;
    let Interval { step, accounts, subs, feeders, .. } = state.read(keys::interval(id, interval))?;
    let (start_ms, end_ms) = (grid.start(interval), grid.end(interval));
    let (subs, feeders) = (measured(subs), measured(feeders));
    Some(SettlementView { interval, start_ms, end_ms, step, accounts, subs, feeders })
}

/// How far a meter is settled; `None` before its first settlement.
#[must_use]
pub fn settled_meter(state: &State, meter: &Address) -> Option<SettledMeterView> {
    let SettledMeter { until, typical_wh, silence } = state.read(keys::settled_meter(meter))?;
    let silent_since_ms = silence.map(|Silence { since_ms, .. }| since_ms);
    let estimated = silence.map_or(Amount::ZERO, |silence| silence.amount);
    Some(SettledMeterView { until, typical_wh, silent_since_ms, estimated })
}

/// A dispute, until it is decided.
#[must_use]
pub fn dispute(state: &State, id: &Hash) -> Option<DisputeView> {
    let Dispute { microgrid, account, meter, claim, note, upheld, rejected, .. } =
        state.read(keys::dispute(id))?;
    Some(DisputeView { id: *id, microgrid, account, meter, claim, note, upheld, rejected })
}

/// All disputes that are not decided, by id. State keeps no list of them: every entry is looked at, so callers remember
/// the answer for as long as the state stands.
#[must_use]
pub fn disputes(state: &State) -> Vec<DisputeView> {
    let ids = state.entries().filter_map(|(key, _)| {
        let id: [u8; 32] = key.strip_prefix(&[keys::tag::DISPUTE])?.try_into().ok()?;
        Some(Hash(id))
    });
    let mut found: Vec<DisputeView> = ids.filter_map(|id| dispute(state, &id)).collect();
    found.sort_unstable_by_key(|dispute| dispute.id);
    found
}

const fn measured(sums: Measured) -> MeasuredView {
    let Measured { meters, estimated, import_wh, export_wh } = sums;
    MeasuredView { meters, estimated, import_wh, export_wh }
}

fn grid(state: &State, id: &Hash) -> Option<Microgrid> {
    state.read(keys::microgrid(id))
}
