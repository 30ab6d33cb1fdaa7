//! Counters: debits and credits, limits, the cash of books, deposits.

use super::records::{Balance, BookAccount};
use super::wallet;
use crate::keys;
use crate::modules::identity::records::Account;
use crate::modules::{Ctx, identity};
use crate::overlay::Overlay;
use wattle_primitives::call::ledger::{AccountId, SUPPLY_MAX, SystemAccount};
use wattle_primitives::event::LedgerEvent;
use wattle_primitives::units::BookId;
use wattle_primitives::{Address, Amount, AssetId, Reason, planted};

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

/// Which sum may not exceed which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    None,
    /// Debits, reserved ones included, at most the credits.
    Debits(Reason),
    /// Credits, reserved ones included, at most the debits.
    Credits(Reason),
    /// Debits at most [`SUPPLY_MAX`] above the credits.
    Supply,
}

impl Limit {
    /// The limit's reason and the most that the sum on this side may come to, if the limit is on this side.
    const fn most(self, debit: bool, balance: &Balance) -> Option<(u128, Reason)> {
        match (self, debit) {
            (Self::Debits(reason), true) => Some((balance.credits_posted, reason)),
            (Self::Credits(reason), false) => Some((balance.debits_posted, reason)),
            (Self::Supply, true) => {
                Some((balance.credits_posted.saturating_add(SUPPLY_MAX.0), Reason::SupplyExceeded))
            }
            (Self::None, _) | (Self::Debits(_) | Self::Supply, false) | (Self::Credits(_), true) => None,
        }
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

/// Moves money. Nobody's permission is asked here. The sender pays for keys that come into being.
pub(crate) fn post(
    ctx: &mut Ctx<'_>,
    debit: AccountId,
    credit: AccountId,
    asset: AssetId,
    amount: Amount,
) -> Result<(), Reason> {
    move_money(ctx, debit, credit, asset, Movement::Post(amount.0))
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
    let limit = limit_of(&mut ctx.state, account, asset)?;
    let key = keys::balance(account, asset);
    let mut balance = match ctx.state.read::<Balance>(key) {
        Some(balance) => balance,
        None => {
            make_room(ctx, account, asset, debit)?;
            Balance::default()
        }
    };
    apply(&mut balance, movement, debit, limit)?;
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
        AccountId::Due { .. } | AccountId::Cash { .. } => deposit(ctx, ctx.sender()).map(drop),
        AccountId::Book { .. } | AccountId::System { .. } => require_asset(ctx, asset),
    }
}

fn require_asset(ctx: &mut Ctx<'_>, asset: AssetId) -> Result<(), Reason> {
    if ctx.state.contains(keys::asset(asset)) { Ok(()) } else { Err(Reason::UnknownAsset) }
}

/// Sees to it that `owner` has an account, and a wallet in `asset`; the sender pays for what is new.
pub(crate) fn open_wallet(ctx: &mut Ctx<'_>, owner: Address, asset: AssetId) -> Result<(), Reason> {
    let key = keys::balance(&wallet(owner), asset);
    if ctx.state.contains(key) {
        return Ok(());
    }
    make_wallet(ctx, owner, asset)?;
    ctx.state.write(key, &Balance::default());
    Ok(())
}

/// Opens a book's due and cash in `asset`, so that postings into it need no deposit any more; the sender pays.
pub(crate) fn open_due(ctx: &mut Ctx<'_>, book: BookId, asset: AssetId) -> Result<(), Reason> {
    require_asset(ctx, asset)?;
    for account in [AccountId::Due { book }, AccountId::Cash { book }] {
        let key = keys::balance(&account, asset);
        if !ctx.state.contains(key) {
            deposit(ctx, ctx.sender())?;
            ctx.state.write(key, &Balance::default());
        }
    }
    Ok(())
}

fn make_wallet(ctx: &mut Ctx<'_>, owner: Address, asset: AssetId) -> Result<(), Reason> {
    require_asset(ctx, asset)?;
    if !ctx.state.contains(keys::account(&owner)) {
        identity::create(ctx, owner, ctx.sender())?;
    }
    if asset == AssetId::NATIVE {
        return Ok(()); // the account's deposit covers it
    }
    deposit(ctx, ctx.sender())?;
    let mut account: Account = ctx.state.read(keys::account(&owner)).ok_or(Reason::UnknownAccount)?;
    ctx.state.write(keys::account_asset(&owner, account.assets), &asset);
    account.assets = account.assets.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::account(&owner), &account);
    Ok(())
}

fn limit_of(state: &mut Overlay<'_>, account: &AccountId, asset: AssetId) -> Result<Limit, Reason> {
    match *account {
        AccountId::Wallet { .. } => Ok(Limit::Debits(Reason::InsufficientFunds)),
        AccountId::System { account: SystemAccount::Issuance } => Ok(Limit::Supply),
        AccountId::System { account: SystemAccount::Fees | SystemAccount::Deposits } => {
            Ok(Limit::Debits(Reason::LimitExceeded))
        }
        // A book pays out no more than came in; its cash mirrors what it is owed.
        AccountId::Due { .. } => Ok(Limit::Debits(Reason::CashExceeded)),
        AccountId::Cash { .. } => Ok(Limit::Credits(Reason::CashExceeded)),
        AccountId::Book { book, code } => {
            let record: BookAccount =
                state.read(keys::book_account(book, code)).ok_or(Reason::UnknownAccount)?;
            if record.asset != asset {
                return Err(Reason::AssetMismatch);
            }
            Ok(match (record.limited, record.class.is_debit_normal()) {
                (false, _) => Limit::None,
                (true, true) => Limit::Credits(Reason::LimitExceeded),
                (true, false) => Limit::Debits(Reason::LimitExceeded),
            })
        }
    }
}

/// Moves a balance, unless its limit forbids it.
fn apply(balance: &mut Balance, movement: Movement, debit: bool, limit: Limit) -> Result<(), Reason> {
    let most = limit.most(debit, balance);
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

/// Whether a balance respects its account's limit: for the auditor.
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
    let Ok(limit) = limit_of(&mut Overlay::new(state), account, asset) else { return false };
    let within = |debit, sum| limit.most(debit, balance).is_none_or(|(most, _)| sum <= most);
    within(true, debits) && within(false, credits)
}

/// Spendable balance of `owner` in `asset`, base units.
pub(crate) fn available(state: &mut Overlay<'_>, owner: Address, asset: AssetId) -> Amount {
    let balance: Balance = state.read(keys::balance(&wallet(owner), asset)).unwrap_or_default();
    balance.available()
}

/// Takes the deposit for a new key from `payer`. Returns what was taken.
pub(crate) fn deposit(ctx: &mut Ctx<'_>, payer: Address) -> Result<Amount, Reason> {
    let amount = ctx.deposit();
    if amount == Amount::ZERO {
        return Ok(amount);
    }
    let (debit, credit, asset) = (wallet(payer), DEPOSITS, AssetId::NATIVE);
    let unpaid = |reason| if reason == Reason::InsufficientFunds { Reason::DepositUnpaid } else { reason };
    post(ctx, debit, credit, asset, amount).map_err(unpaid)?;
    ctx.emit(LedgerEvent::Posted { debit, credit, asset, amount });
    Ok(amount)
}

/// Gives a deposit back.
pub(crate) fn refund(ctx: &mut Ctx<'_>, to: Address, amount: Amount) -> Result<(), Reason> {
    if amount == Amount::ZERO {
        return Ok(());
    }
    let (debit, credit, asset) = (DEPOSITS, wallet(to), AssetId::NATIVE);
    post(ctx, debit, credit, asset, amount)?;
    ctx.emit(LedgerEvent::Posted { debit, credit, asset, amount });
    Ok(())
}
