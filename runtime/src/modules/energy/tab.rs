//! Customer accounts: what a microgrid's members owe and are owed.
//!
//! A microgrid has a book in the ledger. Code [`CLEARING`] is where an interval's money passes through, code
//! [`OPERATOR`] is the operator's tab, and every other member has a tab of its own: a debit balance is a receivable
//! from the member, a credit balance is due to it. Beside its tab a member has three accounts that take a part out of
//! it:
//! - `estimates`: what it was charged for estimates that no reading has replaced. So the tab alone is what was
//!   measured, less all that was paid: payments count for measured energy first;
//! - `escrow`: what was paid to it for energy of intervals that are not settled. It is cash, but nobody is paid from
//!   it, or whoever delivers could find it gone for another's debt;
//! - `payouts`: what it is paid passes through, and its counters tell how much that was in all.
//!
//! None has a limit: posting between them never fails, so settlement never does. Code [`TAX`] is what the operator has
//! charged for taxes and not paid yet: a debt to nobody here, which is paid out to nobody.
//!
//! Money comes in and goes out through the members' wallets. What the public book owes to the microgrid's book is the
//! cash that came in and has not gone out: nobody is paid more than that, so a debt that is not paid makes no money.
//! It is paid out by settlement alone, once in each interval: what was in escrow to its member, the rest to all at
//! once. See [`settle`](super::settle).

use super::mandate;
use super::records::{Member, Microgrid, Position};
use crate::keys;
use crate::modules::Ctx;
use crate::modules::ledger::records::{Balance, BookAccount};
use crate::modules::ledger::{self, wallet};
use crate::overlay::Overlay;
use wattle_primitives::call::ledger::{AccountClass, AccountId};
use wattle_primitives::event::{EnergyEvent, LedgerEvent};
use wattle_primitives::state_key::{MEMBERS_END, escrow_of, estimates_of, payouts_of};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, AssetId, BookId, Hash, Reason, TimeMs, planted};

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

/// Opens a microgrid's book, with its clearing account, and says which it is. The payer pays.
///
/// The book's owner is the microgrid itself: an address that no key has, so nobody else posts in it.
pub(crate) fn open_book(ctx: &mut Ctx<'_>, microgrid: &Hash, asset: AssetId) -> Result<BookId, Reason> {
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
    asset: AssetId,
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
/// payer pays for its accounts, and for a wallet in the settlement asset.
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
    let code =
        grid.members.checked_add(OPERATOR).filter(|code| *code < MEMBERS_END).ok_or(Reason::Overflow)?;
    ledger::open_wallet(ctx, account, grid.asset)?;
    let deposit = ledger::deposit(ctx)?;
    for (code, class) in [
        (code, AccountClass::Asset),
        (estimates_of(code), AccountClass::Asset),
        (escrow_of(code), AccountClass::Liability),
        (payouts_of(code), AccountClass::Liability),
    ] {
        open(ctx, grid.book, code, class, grid.asset)?;
    }
    let since_ms = ctx.time_ms();
    let member = Member { code, credit_limit, deposit, since_ms, ..Member::default() };
    ctx.state.write(key, &member);
    ctx.state.write(keys::member_index(id, code), &account);
    grid.members = grid.members.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.emit(EnergyEvent::MemberSet { microgrid: *id, account, code, credit_limit });
    Ok(member)
}

/// A member's accounts, base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Customer {
    /// Debt on its tab; below zero it is owed.
    pub tab: i128,
    /// Charges for estimates that no reading has replaced, paid or not.
    pub estimates: Amount,
    /// Payments to it for energy of intervals that are not settled.
    pub escrow: Amount,
    /// Amount that it has been paid in all.
    pub paid_out: Amount,
}

impl Customer {
    /// The accounts of the member with this code.
    pub(crate) fn of(state: &mut Overlay<'_>, grid: &Microgrid, code: u32) -> Self {
        let mut of = |code| net(counters(state, grid, code));
        let (tab, estimates, escrow) = (of(code), of(estimates_of(code)), of(escrow_of(code)));
        let paid_out = Amount(counters(state, grid, payouts_of(code)).debits_posted);
        Self { tab, estimates: positive(estimates), escrow: positive(escrow.saturating_neg()), paid_out }
    }

    /// Amount that it is owed on all its accounts, base units; below zero it owes.
    #[must_use]
    pub fn due(&self) -> i128 {
        let owes = self.tab.saturating_add_unsigned(self.estimates.0);
        owes.saturating_sub_unsigned(self.escrow.0).saturating_neg()
    }
}

fn counters(state: &mut Overlay<'_>, grid: &Microgrid, code: u32) -> Balance {
    state.read(keys::balance(&grid.account(code), grid.asset)).unwrap_or_default()
}

/// Debit balance of an account, base units; below zero a credit balance.
const fn net(balance: Balance) -> i128 {
    balance.debits_posted.wrapping_sub(balance.credits_posted).cast_signed()
}

fn positive(net: i128) -> Amount {
    Amount(net.max(0).unsigned_abs())
}

/// Balance of a member, on all its accounts.
pub(crate) fn balance(ctx: &mut Ctx<'_>, grid: &Microgrid, code: u32) -> Tab {
    let parts = [code, estimates_of(code), escrow_of(code)];
    match parts
        .into_iter()
        .fold(0, |sum: i128, code| sum.saturating_add(net(counters(&mut ctx.state, grid, code))))
    {
        0 => Tab::Even,
        owed @ 1.. => Tab::Owes(positive(owed)),
        due => Tab::Due(positive(due.saturating_neg())),
    }
}

/// Debt of a member without what was only estimated, base units: nobody is cut off for an estimate.
pub(crate) fn receivable(ctx: &mut Ctx<'_>, grid: &Microgrid, code: u32) -> Amount {
    let [tab, escrow] = [code, escrow_of(code)].map(|code| net(counters(&mut ctx.state, grid, code)));
    positive(tab.saturating_add(escrow))
}

/// Charges of a member for estimates that no reading has replaced, base units, paid or not.
pub(crate) fn estimates(ctx: &mut Ctx<'_>, grid: &Microgrid, code: u32) -> Amount {
    positive(net(counters(&mut ctx.state, grid, estimates_of(code))))
}

/// Taxes that were charged and not paid yet, base units.
pub(crate) fn taxes(ctx: &mut Ctx<'_>, grid: &Microgrid) -> Amount {
    positive(net(counters(&mut ctx.state, grid, TAX)).saturating_neg())
}

/// Escrow of a member, base units.
pub(super) fn escrow(ctx: &mut Ctx<'_>, grid: &Microgrid, code: u32) -> Amount {
    positive(net(counters(&mut ctx.state, grid, escrow_of(code))).saturating_neg())
}

/// Debits one account and credits another, by their codes. Fails only when counters of 128 bits are used up.
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
    ledger::post(ctx, grid.account(from), grid.account(to), grid.asset, amount)
}

/// Debt of a member, base units.
pub(crate) fn owed(ctx: &mut Ctx<'_>, grid: &Microgrid, code: u32) -> Amount {
    match balance(ctx, grid, code) {
        Tab::Owes(owed) => owed,
        Tab::Even | Tab::Due(_) => Amount::ZERO,
    }
}

/// Charges of a member by the operator that were not given back, base units; estimates are none of it, since
/// readings correct them. What its tab was debited to leave it, or to come back to it, is no charge.
pub(crate) fn refundable(ctx: &mut Ctx<'_>, grid: &Microgrid, member: &Member) -> Amount {
    let code = member.code;
    let mut of = |code| counters(&mut ctx.state, grid, code);
    let moved = [
        of(payouts_of(code)).debits_posted,
        of(escrow_of(code)).credits_posted,
        of(estimates_of(code)).debits_posted,
    ];
    let charged = moved.into_iter().fold(of(code).debits_posted, u128::saturating_sub);
    Amount(charged).saturating_sub(member.traded).saturating_sub(member.granted)
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

/// How much of `amount` a member owes and can be forgiven out of what is due to the operator; nothing of an estimate,
/// since a reading may give that back.
fn forgivable(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    to: u32,
    amount: Amount,
) -> Result<Amount, Reason> {
    let operator = member(ctx, id, &grid.operator)?;
    let spare = payable(ctx, grid, &operator);
    let owed = if planted!("estimate-forgiven") { owed(ctx, grid, to) } else { receivable(ctx, grid, to) };
    Ok(amount.min(owed).min(spare))
}

/// Pays from the operator's wallet what its tab is about to give.
fn cover(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid, amount: Amount) -> Result<(), Reason> {
    if amount == Amount::ZERO {
        return Ok(());
    }
    let (debit, credit, asset) = (wallet(grid.operator), grid.account(OPERATOR), grid.asset);
    ledger::post(ctx, debit, credit, asset, amount)?;
    paid(ctx, id, grid.operator, (debit, credit), (asset, amount), true);
    Ok(())
}

/// Charges a member's tab for another's energy.
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
    let member = member(ctx, id, &owner)?;
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
    if amount > Amount::ZERO {
        let (debit, credit, asset) = (wallet(owner), grid.account(member.code), grid.asset);
        ledger::post(ctx, debit, credit, asset, amount)?;
        paid(ctx, id, owner, (debit, credit), (asset, amount), true);
    }
    Ok(amount)
}

/// Amount that a member is owed and may be paid, base units.
pub(crate) fn payable(ctx: &mut Ctx<'_>, grid: &Microgrid, member: &Member) -> Amount {
    let Tab::Due(due) = balance(ctx, grid, member.code) else { return Amount::ZERO };
    payable_of(due, escrow(ctx, grid, member.code), member)
}

/// The part of what is `due` to a member that it may be paid: not what is in escrow, nor what it may come to owe for
/// energy that it sold and may still fail to deliver.
pub(super) fn payable_of(due: Amount, escrow: Amount, member: &Member) -> Amount {
    let withheld = member.exposed.max(escrow);
    let ignored = withheld > Amount::ZERO && planted!("exposure-paid-out");
    if ignored { due } else { due.saturating_sub(withheld) }
}

/// Pays a member what it is owed out of the microgrid's cash, `most` at most. Returns how much that was.
pub(super) fn pay_out(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    owner: Address,
    most: Amount,
) -> Result<Amount, Reason> {
    let member = member(ctx, id, &owner)?;
    let amount = payable(ctx, grid, &member).min(free_cash(ctx, id, grid)).min(most);
    if amount > Amount::ZERO {
        charge(ctx, grid, member.code, payouts_of(member.code), amount)?;
        let (debit, credit, asset) = (grid.account(payouts_of(member.code)), wallet(owner), grid.asset);
        ledger::post(ctx, debit, credit, asset, amount)?;
        paid(ctx, id, owner, (debit, credit), (asset, amount), false);
    }
    Ok(amount)
}

/// Says that money went between a member's wallet and its accounts.
fn paid(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    account: Address,
    (debit, credit): (AccountId, AccountId),
    (asset, amount): (AssetId, Amount),
    by_member: bool,
) {
    ctx.emit(LedgerEvent::Posted { debit, credit, asset, amount, journal: None });
    ctx.emit(EnergyEvent::TabPaid { microgrid: *id, account, amount, by_member });
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

/// Takes so much of a member's tab into escrow for its energy of an interval, in its `position`.
pub(crate) fn keep(
    ctx: &mut Ctx<'_>,
    (id, grid): (&Hash, &Microgrid),
    code: u32,
    position: &mut Position,
    amount: Amount,
) -> Result<(), Reason> {
    if amount > Amount::ZERO && !planted!("escrow-not-kept") {
        charge(ctx, grid, code, escrow_of(code), amount)?;
        let key = keys::escrow(id);
        let sum = ctx.state.read(key).unwrap_or_default();
        ctx.state.write(key, &sum.checked_add(amount).ok_or(Reason::Overflow)?);
        position.escrow = position.escrow.checked_add(amount).ok_or(Reason::Overflow)?;
    }
    Ok(())
}

/// The interval is settled: what was kept is on the member's tab again.
pub(crate) fn free(
    ctx: &mut Ctx<'_>,
    (id, grid): (&Hash, &Microgrid),
    code: u32,
    position: &Position,
) -> Result<(), Reason> {
    if position.escrow > Amount::ZERO {
        charge(ctx, grid, escrow_of(code), code, position.escrow)?;
        let key = keys::escrow(id);
        let sum = ctx.state.read(key).unwrap_or_default();
        match sum.saturating_sub(position.escrow) {
            Amount::ZERO => ctx.state.remove(key),
            left => ctx.state.write(key, &left),
        }
    }
    Ok(())
}
