//! Counters: debits and credits, limits, the cash of books, deposits.

use super::records::{Balance, BookAccount, Deposit};
use super::wallet;
use crate::keys;
use crate::modules::identity::records::Account;
use crate::modules::{Ctx, identity};
use crate::overlay::Overlay;
use wattle_primitives::call::ledger::{AccountId, Balancing, Entry, SUPPLY_MAX, SystemAccount};
use wattle_primitives::event::LedgerEvent;
use wattle_primitives::{Address, Amount, AssetId, BookId, Reason, planted};

/// Where new assets come from.
pub const ISSUANCE: AccountId = AccountId::System { account: SystemAccount::Issuance };
/// Where fees go.
pub const FEES: AccountId = AccountId::System { account: SystemAccount::Fees };
/// Where deposits go.
pub const DEPOSITS: AccountId = AccountId::System { account: SystemAccount::Deposits };

/// The change of an amount on both sides of a leg.
#[derive(Clone, Copy, Debug)]
pub(super) enum Movement {
    /// Posted at once.
    Post(u128),
    /// Reserved by a hold.
    Reserve(u128),
    /// `held` is no longer reserved; `captured` of it is posted.
    Settle { held: u128, captured: u128 },
}

impl Movement {
    /// Amount that is no longer the debited side's to dispose of. What a hold reserved and posts counts each time: it
    /// may have been reserved by another.
    const fn leaves(self) -> Amount {
        match self {
            Self::Post(amount) | Self::Reserve(amount) | Self::Settle { captured: amount, .. } => {
                Amount(amount)
            }
        }
    }
}

/// Limits of an account's balance, on either side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Limits {
    /// Most by which debits, reserved ones included, may exceed posted credits.
    debit: Option<Limit>,
    /// Most by which credits, reserved ones included, may exceed posted debits.
    credit: Option<Limit>,
}

/// An amount, and why more is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limit {
    most: Amount,
    reason: Reason,
}

impl Limits {
    const fn debits(most: Amount, reason: Reason) -> Self {
        Self { debit: Some(Limit { most, reason }), credit: None }
    }

    /// The most that the sum on this side may come to, and why no more, if it is limited.
    fn most(self, debit: bool, balance: &Balance) -> Option<(u128, Reason)> {
        let (limit, other) =
            if debit { (self.debit, balance.credits_posted) } else { (self.credit, balance.debits_posted) };
        limit.map(|Limit { most, reason }| (other.saturating_add(most.0), reason))
    }
}

/// The book an account belongs to.
#[must_use]
pub const fn book_of(account: &AccountId) -> BookId {
    match account {
        AccountId::Wallet { .. } | AccountId::System { .. } | AccountId::Due { .. } => BookId::PUBLIC,
        AccountId::Book { book, .. } | AccountId::Cash { book } => *book,
    }
}

/// The legs, each within one book, that an entry is made of. Private books meet through the public book, in cash.
#[must_use]
pub fn legs(debit: AccountId, credit: AccountId) -> [Option<(AccountId, AccountId)>; 3] {
    let (from, to) = (book_of(&debit), book_of(&credit));
    if from == to {
        return [Some((debit, credit)), None, None];
    }
    let (due, cash) = (|book| AccountId::Due { book }, |book| AccountId::Cash { book });
    match (from, to) {
        (BookId::PUBLIC, _) => [Some((debit, due(to))), Some((cash(to), credit)), None],
        (_, BookId::PUBLIC) => [Some((debit, cash(from))), Some((due(from), credit)), None],
        _ => [Some((debit, cash(from))), Some((due(from), due(to))), Some((cash(to), credit))],
    }
}

/// Whose an account is. The issuer's are units that come into being or go.
pub(crate) fn owner(ctx: &mut Ctx<'_>, account: &AccountId, asset: AssetId) -> Option<Address> {
    match *account {
        AccountId::Wallet { owner } => Some(owner),
        AccountId::Book { book, .. } | AccountId::Due { book } | AccountId::Cash { book } => {
            ctx.state.read(keys::book(book)).map(|book| book.owner)
        }
        AccountId::System { account: SystemAccount::Issuance } => ctx.state.read(keys::asset(asset))?.issuer,
        AccountId::System { account: SystemAccount::Fees | SystemAccount::Deposits } => None,
    }
}

/// Moves money. Nobody's permission is asked here. The payer pays for keys that come into being.
pub(crate) fn post(
    ctx: &mut Ctx<'_>,
    debit: AccountId,
    credit: AccountId,
    asset: AssetId,
    amount: Amount,
) -> Result<(), Reason> {
    move_money(ctx, debit, credit, asset, Movement::Post(amount.0))
}

/// The entry with the amount that it moves now: what its balancing sides let through, which may be nothing.
pub(super) fn balanced(ctx: &mut Ctx<'_>, entry: &Entry) -> Result<Entry, Reason> {
    let Entry { debit, credit, asset, mut amount, balancing } = *entry;
    let (by_debit, by_credit) = match balancing {
        None => return Ok(entry.clone()),
        Some(Balancing::Debit) => (true, false),
        Some(Balancing::Credit) => (false, true),
        Some(Balancing::Both) => (true, true),
    };
    require_asset(ctx, asset)?;
    for (account, caps, is_debit) in [(debit, by_debit, true), (credit, by_credit, false)] {
        limits_of(&mut ctx.state, &account, asset)?; // there is such an account
        let balance: Balance = ctx.state.read(keys::balance(&account, asset)).unwrap_or_default();
        let there = if is_debit { balance.available() } else { balance.owing() };
        amount = if caps { amount.min(there) } else { amount };
    }
    Ok(Entry::new(debit, credit, asset, amount))
}

pub(super) fn move_money(
    ctx: &mut Ctx<'_>,
    debit: AccountId,
    credit: AccountId,
    asset: AssetId,
    movement: Movement,
) -> Result<(), Reason> {
    if debit == credit {
        return Err(Reason::SameAccount);
    }
    identity::spend(ctx, &debit, &credit, asset, movement.leaves())?;
    for (debit, credit) in legs(debit, credit).into_iter().flatten() {
        move_side(ctx, &debit, asset, movement, true)?;
        move_side(ctx, &credit, asset, movement, false)?;
    }
    Ok(())
}

fn move_side(
    ctx: &mut Ctx<'_>,
    account: &AccountId,
    asset: AssetId,
    movement: Movement,
    debit: bool,
) -> Result<(), Reason> {
    let limits = limits_of(&mut ctx.state, account, asset)?;
    let key = keys::balance(account, asset);
    let mut balance = match ctx.state.read::<Balance>(key) {
        Some(balance) => balance,
        None => {
            make_room(ctx, account, asset, debit)?;
            Balance::default()
        }
    };
    apply(&mut balance, movement, debit, limits)?;
    ctx.state.write(key, &balance);
    Ok(())
}

/// Sees to it that an account without counters in `asset` may have them.
fn make_room(ctx: &mut Ctx<'_>, account: &AccountId, asset: AssetId, debit: bool) -> Result<(), Reason> {
    match *account {
        // Nothing ever came in, so nothing can go out.
        AccountId::Wallet { .. } if debit => Err(Reason::InsufficientFunds),
        AccountId::Due { .. } if debit => Err(Reason::CashExceeded),
        AccountId::Cash { .. } if !debit => Err(Reason::CashExceeded),
        AccountId::Wallet { owner } => make_wallet(ctx, owner, asset),
        AccountId::Due { .. } => deposit(ctx).map(drop),
        AccountId::Cash { book } => make_cash(ctx, book, asset),
        AccountId::Book { .. } | AccountId::System { .. } => require_asset(ctx, asset),
    }
}

fn require_asset(ctx: &mut Ctx<'_>, asset: AssetId) -> Result<(), Reason> {
    if ctx.state.contains(keys::asset(asset)) { Ok(()) } else { Err(Reason::UnknownAsset) }
}

/// Sees to it that `owner` has an account, and a wallet in `asset`; the payer pays for what is new.
pub(crate) fn open_wallet(ctx: &mut Ctx<'_>, owner: Address, asset: AssetId) -> Result<(), Reason> {
    let key = keys::balance(&wallet(owner), asset);
    if ctx.state.contains(key) {
        return Ok(());
    }
    make_wallet(ctx, owner, asset)?;
    ctx.state.write(key, &Balance::default());
    Ok(())
}

/// Opens a book's due and cash in `asset`, so that postings into it need no deposit any more; the payer pays.
pub(crate) fn open_due(ctx: &mut Ctx<'_>, book: BookId, asset: AssetId) -> Result<(), Reason> {
    require_asset(ctx, asset)?;
    let [due, cash] =
        [AccountId::Due { book }, AccountId::Cash { book }].map(|account| keys::balance(&account, asset));
    if !ctx.state.contains(due) {
        deposit(ctx)?;
        make_cash(ctx, book, asset)?;
        ctx.state.write(due, &Balance::default());
        ctx.state.write(cash, &Balance::default());
    }
    Ok(())
}

/// Lists an asset in which a book gets cash; the payer pays.
fn make_cash(ctx: &mut Ctx<'_>, book: BookId, asset: AssetId) -> Result<(), Reason> {
    deposit(ctx)?;
    let mut record = ctx.state.read(keys::book(book)).ok_or(Reason::UnknownBook)?;
    ctx.state.write(keys::book_asset(book, record.assets), &asset);
    record.assets = record.assets.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::book(book), &record);
    Ok(())
}

fn make_wallet(ctx: &mut Ctx<'_>, owner: Address, asset: AssetId) -> Result<(), Reason> {
    require_asset(ctx, asset)?;
    if !ctx.state.contains(keys::account(&owner)) {
        identity::create(ctx, owner)?;
    }
    if asset == AssetId::NATIVE {
        return Ok(()); // the account's deposit covers it
    }
    deposit(ctx)?;
    let mut account: Account = ctx.state.read(keys::account(&owner)).ok_or(Reason::UnknownAccount)?;
    ctx.state.write(keys::account_asset(&owner, account.assets), &asset);
    account.assets = account.assets.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::account(&owner), &account);
    Ok(())
}

fn limits_of(state: &mut Overlay<'_>, account: &AccountId, asset: AssetId) -> Result<Limits, Reason> {
    match *account {
        AccountId::Wallet { .. } => Ok(Limits::debits(Amount::ZERO, Reason::InsufficientFunds)),
        AccountId::System { account: SystemAccount::Issuance } => {
            Ok(Limits::debits(SUPPLY_MAX, Reason::SupplyExceeded))
        }
        AccountId::System { account: SystemAccount::Fees | SystemAccount::Deposits } => {
            Ok(Limits::debits(Amount::ZERO, Reason::LimitExceeded))
        }
        // A book pays out no more than came in; its cash mirrors what it is owed.
        AccountId::Due { .. } => Ok(Limits::debits(Amount::ZERO, Reason::CashExceeded)),
        AccountId::Cash { .. } => {
            let limit = Limit { most: Amount::ZERO, reason: Reason::CashExceeded };
            Ok(Limits { debit: None, credit: Some(limit) })
        }
        AccountId::Book { book, code } => {
            let record: BookAccount =
                state.read(keys::book_account(book, code)).ok_or(Reason::UnknownAccount)?;
            if record.asset != asset {
                return Err(Reason::AssetMismatch);
            }
            let limit = |most: Amount| Limit { most, reason: Reason::LimitExceeded };
            Ok(Limits { debit: record.debit_max.map(limit), credit: record.credit_max.map(limit) })
        }
    }
}

/// Moves a balance, unless its limits forbid it.
fn apply(balance: &mut Balance, movement: Movement, debit: bool, limits: Limits) -> Result<(), Reason> {
    let most = limits.most(debit, balance);
    let (pending, posted) = if debit {
        (&mut balance.debits_pending, &mut balance.debits_posted)
    } else {
        (&mut balance.credits_pending, &mut balance.credits_posted)
    };
    let add = |to: u128, amount: u128| to.checked_add(amount).ok_or(Reason::Overflow);
    match movement {
        Movement::Post(amount) | Movement::Reserve(amount) => {
            // Pending and posted together must fit, so that a capture never overflows.
            let total = add(*pending, *posted).and_then(|sum| add(sum, amount));
            if let Some((most, reason)) = most
                && !total.is_ok_and(|sum| sum <= most)
                && !(reason == Reason::CashExceeded && planted!("dues-without-limit"))
            {
                return Err(reason);
            }
            total?;
            let counter = if matches!(movement, Movement::Post(_)) { posted } else { pending };
            *counter = add(*counter, amount)?;
        }
        Movement::Settle { held, captured } => {
            *pending = pending.checked_sub(held).ok_or(Reason::ExceedsHold)?;
            *posted = add(*posted, captured)?;
        }
    }
    Ok(())
}

/// Whether a balance respects its account's limits: for the auditor.
pub(crate) fn within_limit(state: &crate::State, account: &AccountId, balance: &Balance) -> bool {
    let debits = balance.debits_posted.saturating_add(balance.debits_pending);
    let credits = balance.credits_posted.saturating_add(balance.credits_pending);
    let asset = match *account {
        AccountId::Book { book, code } => {
            let key = keys::book_account(book, code);
            let Some(record) = state.read(key) else { return false };
            record.asset
        }
        // Only a book's account is bound to one asset.
        AccountId::Wallet { .. }
        | AccountId::System { .. }
        | AccountId::Due { .. }
        | AccountId::Cash { .. } => AssetId::NATIVE,
    };
    let Ok(limits) = limits_of(&mut Overlay::new(state), account, asset) else { return false };
    let within = |debit, sum| limits.most(debit, balance).is_none_or(|(most, _)| sum <= most);
    within(true, debits) && within(false, credits)
}

/// Spendable balance of `owner` in `asset`, base units.
pub(crate) fn available(state: &mut Overlay<'_>, owner: Address, asset: AssetId) -> Amount {
    let balance: Balance = state.read(keys::balance(&wallet(owner), asset)).unwrap_or_default();
    balance.available()
}

/// Takes the deposit for a new key from the payer. Returns what was taken.
pub(crate) fn deposit(ctx: &mut Ctx<'_>) -> Result<Deposit, Reason> {
    let (payer, amount) = (ctx.payer(), ctx.deposit());
    if amount == Amount::ZERO {
        return Ok(Deposit { payer, amount });
    }
    identity::spend_deposit(ctx, amount)?;
    let (debit, credit, asset) = (wallet(payer), DEPOSITS, AssetId::NATIVE);
    let unpaid = |reason| if reason == Reason::InsufficientFunds { Reason::DepositUnpaid } else { reason };
    post(ctx, debit, credit, asset, amount).map_err(unpaid)?;
    ctx.emit(LedgerEvent::Posted { debit, credit, asset, amount, journal: None });
    Ok(Deposit { payer, amount })
}

/// Gives a deposit back to whoever paid it.
pub(crate) fn refund(ctx: &mut Ctx<'_>, deposit: &Deposit) -> Result<(), Reason> {
    let Deposit { payer, amount } = *deposit;
    if amount == Amount::ZERO {
        return Ok(());
    }
    let (debit, credit, asset) = (DEPOSITS, wallet(payer), AssetId::NATIVE);
    post(ctx, debit, credit, asset, amount)?;
    ctx.emit(LedgerEvent::Posted { debit, credit, asset, amount, journal: None });
    Ok(())
}
