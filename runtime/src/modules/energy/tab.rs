//! Tabs: what a microgrid's members owe and are owed.
//!
//! A microgrid has a book in the ledger. Code [`CLEARING`] is where an interval's money passes through, code
//! [`OPERATOR`] is the operator's tab, every other member has a tab of its own. Tabs have no limit: posting between
//! them never fails, so settlement never does. A debit balance is a receivable from the member; a credit balance is due
//! to it. Code [`TAX`] is what the operator has charged for taxes and not paid yet: a debt to nobody here, which is
//! paid out to nobody.
//!
//! Money comes in and goes out through the members' wallets. What the public book owes to the microgrid's book is the
//! cash that came in and has not gone out: nobody is paid more than that, so a debt that is not paid makes no money.
//! It is paid out by settlement alone, once in each interval, to all at once: see [`settle`](super::settle).
//! What was paid for energy of intervals that are not settled is in escrow: it is cash, but nobody is paid from it, or
//! whoever delivers could find it gone for another's debt.

use super::mandate;
use super::records::{Member, Microgrid, Position};
use crate::keys;
use crate::modules::Ctx;
use crate::modules::ledger::records::{Balance, BookAccount};
use crate::modules::ledger::{self, wallet};
use wattle_primitives::call::ledger::{AccountClass, AccountId};
use wattle_primitives::event::{EnergyEvent, LedgerEvent};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, BookId, Hash, Reason, TimeMs, planted};

/// Where an interval's money passes through; empty between intervals.
pub const CLEARING: u32 = 0;
/// The operator's tab.
pub const OPERATOR: u32 = 1;
/// Taxes that members were charged: a code that no member has.
pub const TAX: u32 = u32::MAX;

/// A tab's balance, base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// Nothing is owed either way.
    Even,
    /// The member owes this.
    Owes(Amount),
    /// The member is owed this.
    Due(Amount),
}

/// The tab with this code.
#[must_use]
pub const fn account(book: BookId, code: u32) -> AccountId {
    AccountId::Book { book, code }
}

/// Opens a microgrid's book, with its clearing account, and says which it is. The payer pays.
///
/// The book's owner is the microgrid itself: an address that no key has, so nobody else posts in it.
pub(crate) fn open_book(
    ctx: &mut Ctx<'_>,
    microgrid: &Hash,
    asset: wattle_primitives::AssetId,
) -> Result<BookId, Reason> {
    let owner = Address::of_microgrid(microgrid);
    let book = ledger::create_book(ctx, owner, &Hash::ZERO)?;
    ledger::open_due(ctx, book, asset)?;
    open(ctx, book, CLEARING, AccountClass::Asset, asset)?;
    open(ctx, book, TAX, AccountClass::Liability, asset)?;
    Ok(book)
}

/// Opens an account of the book. The payer pays.
fn open(
    ctx: &mut Ctx<'_>,
    book: BookId,
    code: u32,
    class: AccountClass,
    asset: wattle_primitives::AssetId,
) -> Result<(), Reason> {
    let record =
        BookAccount { asset, class, name: None, parent: None, depth: 1, debit_max: None, credit_max: None };
    ledger::open_account(ctx, book, code, &record)
}

/// The member's record, or [`Reason::NotMember`].
pub(crate) fn member(ctx: &mut Ctx<'_>, microgrid: &Hash, account: &Address) -> Result<Member, Reason> {
    ctx.state.read(keys::member(microgrid, account)).ok_or(Reason::NotMember)
}

/// The member's record, if it may trade: none of its meters is suspended.
pub(crate) fn trader(ctx: &mut Ctx<'_>, microgrid: &Hash, account: &Address) -> Result<Member, Reason> {
    let member = member(ctx, microgrid, account)?;
    let suspended = member.suspended > 0 && !planted!("suspended-owner-trades");
    if suspended { Err(Reason::MeterSuspended) } else { Ok(member) }
}

/// Notes that a member has a part in an interval: it cannot leave before that is final.
pub(crate) fn engage(
    ctx: &mut Ctx<'_>,
    microgrid: &Hash,
    account: &Address,
    interval: IntervalId,
) -> Result<Member, Reason> {
    let mut member = member(ctx, microgrid, account)?;
    if member.until < interval {
        member.until = interval;
        ctx.state.write(keys::member(microgrid, account), &member);
    }
    Ok(member)
}

/// Makes `account` a member, if it is none, and returns its record. Counts it in `grid`, which the caller writes. The
/// payer pays for the tab, and for a wallet in the settlement asset.
pub(crate) fn join(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &mut Microgrid,
    account: Address,
    credit_limit: Option<Amount>,
) -> Result<Member, Reason> {
    let key = keys::member(id, &account);
    if let Some(member) = ctx.state.read(key) {
        return Ok(member);
    }
    let code = grid.members.checked_add(OPERATOR).filter(|code| *code != TAX).ok_or(Reason::Overflow)?;
    ledger::open_wallet(ctx, account, grid.asset)?;
    let deposit = ledger::deposit(ctx)?;
    open(ctx, grid.book, code, AccountClass::Asset, grid.asset)?;
    let since_ms = ctx.time_ms();
    let member = Member { code, credit_limit, deposit, since_ms, ..Member::default() };
    ctx.state.write(key, &member);
    ctx.state.write(keys::member_index(id, code), &account);
    grid.members = grid.members.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.emit(EnergyEvent::MemberSet { microgrid: *id, account, code, credit_limit });
    Ok(member)
}

/// The balance of the tab with this code.
pub(crate) fn balance(ctx: &mut Ctx<'_>, grid: &Microgrid, code: u32) -> Tab {
    let key = keys::balance(&account(grid.book, code), grid.asset);
    let Balance { debits_posted, credits_posted, .. } = ctx.state.read(key).unwrap_or_default();
    match debits_posted.cmp(&credits_posted) {
        std::cmp::Ordering::Equal => Tab::Even,
        std::cmp::Ordering::Greater => Tab::Owes(Amount(debits_posted.saturating_sub(credits_posted))),
        std::cmp::Ordering::Less => Tab::Due(Amount(credits_posted.saturating_sub(debits_posted))),
    }
}

/// Sum that the operator has charged a member, base units.
pub(crate) fn charged(ctx: &mut Ctx<'_>, grid: &Microgrid, member: &Member) -> Amount {
    let key = keys::balance(&account(grid.book, member.code), grid.asset);
    let Balance { debits_posted, .. } = ctx.state.read(key).unwrap_or_default();
    Amount(debits_posted.saturating_sub(member.paid_out.0).saturating_sub(member.traded.0))
}

/// Charges one tab for another's benefit. Fails only when counters of 128 bits are used up.
pub(crate) fn charge(
    ctx: &mut Ctx<'_>,
    grid: &Microgrid,
    from: u32,
    to: u32,
    amount: Amount,
) -> Result<(), Reason> {
    if amount == Amount::ZERO || from == to {
        return Ok(());
    }
    ledger::post(ctx, account(grid.book, from), account(grid.book, to), grid.asset, amount)
}

/// What a member owes, base units.
pub(crate) fn owed(ctx: &mut Ctx<'_>, grid: &Microgrid, code: u32) -> Amount {
    match balance(ctx, grid, code) {
        Tab::Owes(owed) => owed,
        Tab::Even | Tab::Due(_) => Amount::ZERO,
    }
}

/// What stands to an account's credit, base units.
pub(crate) fn due(ctx: &mut Ctx<'_>, grid: &Microgrid, code: u32) -> Amount {
    match balance(ctx, grid, code) {
        Tab::Due(due) => due,
        Tab::Even | Tab::Owes(_) => Amount::ZERO,
    }
}

/// What a member was charged by the operator and was not given back, base units; estimates are none of it, since
/// readings correct them.
pub(crate) fn refundable(ctx: &mut Ctx<'_>, grid: &Microgrid, member: &Member) -> Amount {
    charged(ctx, grid, member).saturating_sub(member.estimated).saturating_sub(member.granted)
}

/// Credits a member out of the operator's tab. What the member owes is forgiven out of what is due to the operator;
/// everything else, and what is not due to it, comes out of the operator's wallet at once. What others owe the operator
/// is no cover: they may never pay, and a member is paid before it. So a gift is paid out of nobody else's money, even
/// if the two are one person.
pub(super) fn give(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    to: u32,
    amount: Amount,
) -> Result<(), Reason> {
    let lacking = amount.saturating_sub(forgivable(ctx, id, grid, to, amount)?);
    if lacking > Amount::ZERO && !planted!("gift-not-covered") {
        cover(ctx, id, grid, lacking)?;
    }
    charge(ctx, grid, OPERATOR, to, amount)
}

/// Credits a member with what it was granted, as far as that can be had: what it owes is forgiven out of what is due to
/// the operator, and `at_hand` says how much of the rest comes out of the operator's wallet, since what members are
/// owed is paid out of cash that all have paid in. Returns how much that was.
pub(crate) fn award(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    to: u32,
    amount: Amount,
    at_hand: impl FnOnce(&mut Ctx<'_>, Amount) -> Result<Amount, Reason>,
) -> Result<Amount, Reason> {
    let forgiven = forgivable(ctx, id, grid, to, amount)?;
    let rest = amount.saturating_sub(forgiven);
    if planted!("award-not-covered", rest > Amount::ZERO) {
        charge(ctx, grid, OPERATOR, to, amount)?;
        return Ok(amount);
    }
    let cash = at_hand(ctx, rest)?;
    cover(ctx, id, grid, cash)?;
    let awarded = forgiven.saturating_add(cash);
    charge(ctx, grid, OPERATOR, to, awarded)?;
    Ok(awarded)
}

/// How much of `amount` a member owes and can be forgiven out of what is due to the operator.
fn forgivable(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    to: u32,
    amount: Amount,
) -> Result<Amount, Reason> {
    let exposed = member(ctx, id, &grid.operator)?.exposed;
    let spare = due(ctx, grid, OPERATOR).saturating_sub(exposed);
    Ok(amount.min(owed(ctx, grid, to)).min(spare))
}

/// Pays from the operator's wallet what its tab is about to give.
fn cover(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid, amount: Amount) -> Result<(), Reason> {
    if amount == Amount::ZERO {
        return Ok(());
    }
    let (debit, credit, asset) = (wallet(grid.operator), account(grid.book, OPERATOR), grid.asset);
    ledger::post(ctx, debit, credit, asset, amount)?;
    ctx.emit(LedgerEvent::Posted { debit, credit, asset, amount, journal: None });
    ctx.emit(EnergyEvent::TabPaid { microgrid: *id, account: grid.operator, amount, by_member: true });
    Ok(())
}

/// Charges a member for another's energy, by way of the clearing account or at once.
pub(crate) fn buy(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    buyer: &Address,
    to: u32,
    amount: Amount,
) -> Result<(), Reason> {
    let mut member = member(ctx, id, buyer)?;
    charge(ctx, grid, member.code, to, amount)?;
    if amount > Amount::ZERO && member.code != to {
        member.traded = member.traded.checked_add(amount).ok_or(Reason::Overflow)?;
        ctx.state.write(keys::member(id, buyer), &member);
    }
    Ok(())
}

/// Who wants a debt paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The member.
    Member,
    /// Settlement, which debits a wallet within its owner's mandate.
    Settlement {
        /// The interval that is settled.
        interval: IntervalId,
        /// When its terms were set.
        terms_ms: TimeMs,
    },
}

/// Takes what a member owes from its wallet, as far as there is money. Returns how much that was.
pub(crate) fn pay(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    owner: Address,
    by: By,
) -> Result<Amount, Reason> {
    let mut member = member(ctx, id, &owner)?;
    let Tab::Owes(owed) = balance(ctx, grid, member.code) else { return Ok(Amount::ZERO) };
    let wanted = owed.min(ledger::available(&mut ctx.state, owner, grid.asset));
    let allowed = match by {
        By::Member => wanted,
        By::Settlement { interval, terms_ms } => {
            mandate::draw(ctx, id, grid, &owner, (interval, terms_ms), wanted)?
        }
    };
    let beyond = allowed < wanted && planted!("collected-without-consent");
    let amount = if beyond { wanted } else { allowed };
    let left = owed.saturating_sub(amount);
    member.estimates_paid = member.estimated.saturating_sub(member.unpaid_estimates().min(left));
    transfer(ctx, id, grid, owner, &member, amount, true)
}

/// What a member is owed and may be paid, base units: not what it sold and may still fail to deliver.
pub(crate) fn payable(ctx: &mut Ctx<'_>, grid: &Microgrid, member: &Member) -> Amount {
    let Tab::Due(due) = balance(ctx, grid, member.code) else { return Amount::ZERO };
    let ignored = member.exposed > Amount::ZERO && planted!("exposure-paid-out");
    if ignored { due } else { due.saturating_sub(member.exposed) }
}

/// Pays a member what it is owed out of the microgrid's cash, `most` at most. Returns how much that was.
pub(super) fn pay_out(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    owner: Address,
    most: Amount,
) -> Result<Amount, Reason> {
    let mut member = member(ctx, id, &owner)?;
    let amount = payable(ctx, grid, &member).min(free_cash(ctx, id, grid)).min(most);
    member.paid_out = member.paid_out.checked_add(amount).ok_or(Reason::Overflow)?;
    member.estimates_paid = member.estimated; // it owes nothing
    transfer(ctx, id, grid, owner, &member, amount, false)
}

/// Moves `amount` between a member's wallet and its tab, and writes its record.
fn transfer(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    owner: Address,
    member: &Member,
    amount: Amount,
    by_member: bool,
) -> Result<Amount, Reason> {
    if amount == Amount::ZERO {
        return Ok(amount);
    }
    let (own, tab) = (wallet(owner), account(grid.book, member.code));
    let (debit, credit) = if by_member { (own, tab) } else { (tab, own) };
    ledger::post(ctx, debit, credit, grid.asset, amount)?;
    ctx.state.write(keys::member(id, &owner), member);
    ctx.emit(LedgerEvent::Posted { debit, credit, asset: grid.asset, amount, journal: None });
    ctx.emit(EnergyEvent::TabPaid { microgrid: *id, account: owner, amount, by_member });
    Ok(amount)
}

/// Money that members have paid in and nobody has been paid out, base units.
pub(crate) fn cash(ctx: &mut Ctx<'_>, grid: &Microgrid) -> Amount {
    let due = AccountId::Due { book: grid.book };
    let Balance { debits_posted, credits_posted, .. } =
        ctx.state.read(keys::balance(&due, grid.asset)).unwrap_or_default();
    Amount(credits_posted.saturating_sub(debits_posted))
}

/// The part of the cash that can be paid out, base units.
pub(super) fn free_cash(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid) -> Amount {
    let escrow = ctx.state.read(keys::escrow(id)).unwrap_or_default();
    cash(ctx, grid).saturating_sub(escrow)
}

/// Keeps so much of the cash for a member's energy of an interval, in its `position`.
pub(crate) fn keep(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    position: &mut Position,
    amount: Amount,
) -> Result<(), Reason> {
    if amount > Amount::ZERO && !planted!("escrow-not-kept") {
        let key = keys::escrow(id);
        let sum = ctx.state.read(key).unwrap_or_default();
        ctx.state.write(key, &sum.checked_add(amount).ok_or(Reason::Overflow)?);
        position.escrow = position.escrow.checked_add(amount).ok_or(Reason::Overflow)?;
    }
    Ok(())
}

/// The interval is settled: what was kept is cash as any other.
pub(crate) fn free(ctx: &mut Ctx<'_>, id: &Hash, position: &Position) {
    if position.escrow > Amount::ZERO {
        let key = keys::escrow(id);
        let sum = ctx.state.read(key).unwrap_or_default();
        match sum.saturating_sub(position.escrow) {
            Amount::ZERO => ctx.state.remove(key),
            left => ctx.state.write(key, &left),
        }
    }
}
