//! Statements: the totals of an account at a height or a date, and the lines that led there.
//!
//! The store keeps an account's counters for every height that changed them; what happened in between is in the
//! receipts of those heights. What settlement moves between a microgrid's tabs has no event of the ledger's: it is the
//! difference, one line for each block.

use super::super::{NodeBackend, View, at, page, storage};
use wattle_primitives::call::ledger::{AccountId, JournalId};
use wattle_primitives::event::LedgerEvent;
use wattle_primitives::{Amount, AssetId, BlockId, Event, Hash, Height, TimeMs};
use wattle_rpc_types::{Page, PageRequest, RpcError, RpcResult, StatementLine, StatementRequest, Until};
use wattle_runtime::modules::ledger::posting::{FEES, legs};
use wattle_runtime::modules::ledger::records::Balance;
use wattle_runtime::query;
use wattle_runtime::store::Towards;

/// Totals posted to an account, base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) debits: Amount,
    pub(super) credits: Amount,
}

impl From<Balance> for Totals {
    fn from(balance: Balance) -> Self {
        Self { debits: Amount(balance.debits_posted), credits: Amount(balance.credits_posted) }
    }
}

impl Totals {
    fn plus(self, other: Self) -> Self {
        let (debits, credits) =
            (self.debits.saturating_add(other.debits), self.credits.saturating_add(other.credits));
        Self { debits, credits }
    }

    fn add(&mut self, debit: bool, amount: Amount) {
        let sum = if debit { &mut self.debits } else { &mut self.credits };
        *sum = sum.saturating_add(amount);
    }
}

/// A moment of the chain's history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// The last height that is looked at.
    height: Height,
    /// Of what was posted up to there, what is dated before a time; and the first height whose block is not.
    before: Option<(TimeMs, Height)>,
}

impl Moment {
    /// The moment that a request means.
    pub(super) fn of(node: &NodeBackend, view: &View, until: Until) -> RpcResult<Self> {
        let height = until.height.unwrap_or(view.header.height);
        if height > view.header.height {
            return Err(RpcError::not_found("block", height));
        }
        let before = match until.to_ms {
            Some(time_ms) => Some((time_ms, node.shared.store.height_at(time_ms).map_err(storage)?)),
            None => None,
        };
        Ok(Self { height, before })
    }

    /// The last height whose block belongs to it, if any does.
    fn last(self) -> Option<Height> {
        match self.before {
            Some((_, first)) => first.prev().map(|last| last.min(self.height)),
            None => Some(self.height),
        }
    }

    /// An account's counters after the last block that belongs to it, whatever the dates of its entries.
    pub(super) fn counters(
        self,
        node: &NodeBackend,
        view: &View,
        account: &AccountId,
        asset: AssetId,
    ) -> RpcResult<Balance> {
        match self.last() {
            Some(last) if last == view.header.height => Ok(query::balance(&view.state, account, asset)),
            Some(last) => counters_after(node, account, asset, last),
            None => Ok(Balance::default()),
        }
    }

    /// Totals of an account by then. An entry dated before a time may be posted after it: each entry with a date of
    /// its own that is looked at takes one from `looks`; `None` when there were too few.
    pub(super) fn totals(
        self,
        node: &NodeBackend,
        view: &View,
        account: &AccountId,
        asset: AssetId,
        looks: &mut u64,
    ) -> RpcResult<Option<Totals>> {
        let totals = Totals::from(self.counters(node, view, account, asset)?);
        let Some((time_ms, first)) = self.before else { return Ok(Some(totals)) };
        let late = node.shared.store.dated(account, asset, first..=self.height, time_ms, looks);
        Ok(late.map_err(storage)?.map(|late| totals.plus(late.into())))
    }
}

/// An account's counters after the block of a height.
fn counters_after(
    node: &NodeBackend,
    account: &AccountId,
    asset: AssetId,
    height: Height,
) -> RpcResult<Balance> {
    let found = node.shared.store.balances(account, asset, height, Towards::Older, 1).map_err(storage)?;
    Ok(found.first().map(|(_, balance)| *balance).unwrap_or_default())
}

/// A part of a statement. Its cursor is a height, and how many of that height's lines were given.
pub(super) fn page(
    node: &NodeBackend,
    request: &StatementRequest,
    page: &PageRequest,
) -> RpcResult<Page<StatementLine>> {
    let view = node.shared.view();
    let StatementRequest { account, asset, from_ms, until } = *request;
    let store = &node.shared.store;
    let (start, given) = match page::two::<Height, usize>(page)? {
        Some(cursor) => cursor,
        None => (store.height_at(from_ms).map_err(storage)?, 0),
    };
    let (limit, moment) = (page::limit(page), Moment::of(node, &view, until)?);
    let mut reply = Page { at: at(&view), items: Vec::new(), next_cursor: None };
    let Some(last) = moment.last() else { return Ok(reply) };
    let rows = store.balances(&account, asset, start, Towards::Newer, limit.saturating_add(1));
    let mut before = match start.prev() {
        Some(before) => counters_after(node, &account, asset, before)?.into(),
        None => Totals::default(),
    };
    let rows = rows.map_err(storage)?;
    for (place, (height, balance)) in rows.into_iter().filter(|(height, _)| *height <= last).enumerate() {
        let skipped = if height == start { given } else { 0 };
        let after = Totals::from(balance);
        let room = limit.saturating_sub(reply.items.len());
        if place >= limit || room == 0 {
            reply.next_cursor = Some(format!("{height}-0"));
            break;
        }
        let lines = lines(node, &account, asset, height, before, after)?;
        if lines.len().saturating_sub(skipped) > room {
            reply.next_cursor = Some(format!("{height}-{}", skipped.saturating_add(room)));
        }
        reply.items.extend(lines.into_iter().skip(skipped).take(room));
        if reply.next_cursor.is_some() {
            break;
        }
        before = after;
    }
    Ok(reply)
}

/// A journal, by its event.
#[derive(Clone, Copy, Debug)]
struct Head {
    id: JournalId,
    reference: Option<Hash>,
    memo: Option<Hash>,
    effective_ms: Option<TimeMs>,
    reverses: Option<JournalId>,
}

/// Lines that a block posted to an account, in order.
fn lines(
    node: &NodeBackend,
    account: &AccountId,
    asset: AssetId,
    height: Height,
    before: Totals,
    after: Totals,
) -> RpcResult<Vec<StatementLine>> {
    let store = &node.shared.store;
    let missing = || RpcError::internal("a block named in an index is missing");
    let header = store.header(BlockId::Height(height)).map_err(storage)?.ok_or_else(missing)?;
    let receipts = store.receipts(height).map_err(storage)?.ok_or_else(missing)?;
    let plain = StatementLine {
        height,
        index: None,
        time_ms: header.time_ms,
        date_ms: header.time_ms,
        tx: None,
        debit: Amount::ZERO,
        credit: Amount::ZERO,
        against: None,
        journal: None,
        reference: None,
        memo: None,
        reverses: None,
        debits: after.debits,
        credits: after.credits,
    };
    let (mut lines, mut head, mut totals): (Vec<_>, Option<Head>, _) = (Vec::new(), None, before);
    for (index, (tx, event)) in (0u32..).zip(receipts.events()) {
        let Event::Ledger(event) = event else { continue };
        if let LedgerEvent::JournalPosted { reference, memo, effective_ms, reverses, .. } = *event {
            head = Some(Head { id: JournalId { height, index }, reference, memo, effective_ms, reverses });
        }
        let Some((debited, amount, against, journal)) = side(event, account, asset) else { continue };
        totals.add(debited, amount);
        let (debit, credit) = if debited { (amount, Amount::ZERO) } else { (Amount::ZERO, amount) };
        let of = head.filter(|head| journal == Some(head.id.index));
        lines.push(StatementLine {
            index: Some(index),
            tx,
            debit,
            credit,
            against: Some(against),
            date_ms: of.and_then(|of| of.effective_ms).unwrap_or(header.time_ms),
            journal: of.map(|of| of.id),
            reference: of.and_then(|of| of.reference),
            memo: of.and_then(|of| of.memo),
            reverses: of.and_then(|of| of.reverses),
            debits: totals.debits,
            credits: totals.credits,
            ..plain.clone()
        });
    }
    if totals != after {
        let debit = after.debits.saturating_sub(totals.debits);
        lines.push(StatementLine { debit, credit: after.credits.saturating_sub(totals.credits), ..plain });
    }
    Ok(lines)
}

/// An event's posting to an account: whether it was debited, the amount, the other side within the book, the journal.
fn side(
    event: &LedgerEvent,
    account: &AccountId,
    asset: AssetId,
) -> Option<(bool, Amount, AccountId, Option<u32>)> {
    let (debit, credit, of, amount, journal) = match *event {
        LedgerEvent::Posted { debit, credit, asset, amount, journal } => {
            (debit, credit, asset, amount, journal)
        }
        LedgerEvent::FeeCharged { payer, amount } => {
            (AccountId::Wallet { owner: payer }, FEES, AssetId::NATIVE, amount, None)
        }
        LedgerEvent::BookCreated { .. }
        | LedgerEvent::LedgerAccountOpened { .. }
        | LedgerEvent::HoldCreated { .. }
        | LedgerEvent::HoldCaptured { .. }
        | LedgerEvent::HoldReleased { .. }
        | LedgerEvent::JournalPosted { .. }
        | LedgerEvent::JournalRepeated { .. }
        | LedgerEvent::PeriodSet { .. } => return None,
    };
    let legs = legs(debit, credit).into_iter().flatten();
    let mut sides = legs.flat_map(|(debit, credit)| [(true, debit, credit), (false, credit, debit)]);
    let (debited, _, against) = sides.find(|(_, this, _)| of == asset && this == account)?;
    Some((debited, amount, against, journal))
}
