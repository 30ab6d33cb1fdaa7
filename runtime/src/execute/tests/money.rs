//! Nobody makes money: what is in wallets, fees, deposits and books' cash is what was issued and not burned. Every
//! block that a [`World`] runs is checked for it; here are the attempts.

use super::*;
use crate::query;
use wattle_primitives::call::ledger::{Entry, JOURNAL_ENTRIES_MAX, SUPPLY_MAX};

/// Two books of person 1, by their references.
const FIRST: u8 = 1;
const SECOND: u8 = 2;

fn account(reference: u8) -> AccountId {
    AccountId::Book { book: book_of(1, reference), code: 1 }
}

const fn entry(debit: AccountId, credit: AccountId, amount: u128) -> Entry {
    Entry::new(debit, credit, AssetId::NATIVE, Amount(amount))
}

fn journal(entries: Vec<Entry>) -> Call {
    Call::from(call::ledger::Journal::of(BoundedVec::<_, JOURNAL_ENTRIES_MAX>::new(entries).unwrap()))
}

fn hold(serial: u8, entry: Entry) -> Call {
    let reference = Hash([serial; 32]);
    Call::from(call::ledger::Hold { reference, entry, captor: address(1), ttl_ms: Some(TimeMs(60_000)) })
}

fn capture(serial: u8, amount: u128) -> Call {
    let hold = call::ledger::hold_id(&address(1), &Hash([serial; 32]));
    Call::from(call::ledger::Capture { hold, amount: Some(Amount(amount)), more: false })
}

/// A book of the sender's, with one account that has no limit.
fn books(reference: u8) -> Vec<Call> {
    vec![create_book(reference), Call::from(account_in(book_of(1, reference), 1, AccountClass::Asset))]
}

/// Debt of the public book to a book, and the cash that this shows itself.
fn cash(world: &World, reference: u8) -> (u128, u128) {
    let book = book_of(1, reference);
    let due = query::balance(&world.state, &AccountId::Due { book }, AssetId::NATIVE);
    let cash = query::balance(&world.state, &AccountId::Cash { book }, AssetId::NATIVE);
    (due.credits_posted - due.debits_posted, cash.debits_posted - cash.credits_posted)
}

#[test]
fn a_book_of_ones_own_makes_no_money() {
    for amount in [1, START.0, SUPPLY_MAX.0] {
        let mut world = World::new(params());
        let mut calls = books(FIRST);
        calls.push(journal(vec![entry(account(FIRST), wallet(2), amount)]));
        let receipt = world.run(1, calls);
        assert_eq!(receipt.outcome, Outcome::Failed { call: 2, reason: Reason::CashExceeded });
        // Neither by a hold, nor by way of a second book.
        let receipt = world.run(1, [books(FIRST), books(SECOND)].concat());
        assert_eq!(receipt.outcome, Outcome::Success);
        world.fails(1, hold(1, entry(account(FIRST), wallet(2), amount)), Reason::CashExceeded);
        world.fails(1, journal(vec![entry(account(FIRST), account(SECOND), amount)]), Reason::CashExceeded);
        let there_and_back =
            vec![entry(account(FIRST), account(SECOND), amount), entry(account(SECOND), wallet(2), amount)];
        world.fails(1, journal(there_and_back), Reason::CashExceeded);
        assert_eq!(world.funds(2), (START.0, 0));
    }
}

#[test]
fn what_was_paid_into_a_book_is_paid_out_once() {
    let mut world = World::new(params());
    assert_eq!(world.run(1, books(FIRST)).outcome, Outcome::Success);
    world.ok(1, journal(vec![entry(wallet(1), account(FIRST), 100)]));
    // Money on its way in cannot go out yet; money on its way out is gone.
    world.ok(1, hold(1, entry(wallet(1), account(FIRST), 50)));
    world.ok(1, hold(2, entry(account(FIRST), wallet(2), 70)));
    world.fails(1, journal(vec![entry(account(FIRST), wallet(2), 31)]), Reason::CashExceeded);
    world.ok(1, journal(vec![entry(account(FIRST), wallet(2), 30)]));
    world.fails(1, journal(vec![entry(account(FIRST), wallet(2), 1)]), Reason::CashExceeded);
    world.ok(1, capture(1, 20));
    world.ok(1, capture(2, 60));
    assert_eq!(cash(&world, FIRST), (100 + 20 - 30 - 60, 30));
    world.fails(1, journal(vec![entry(account(FIRST), wallet(2), 31)]), Reason::CashExceeded);
    world.ok(1, journal(vec![entry(account(FIRST), wallet(2), 30)]));
    assert_eq!(world.funds(2).0, START.0 + 30 + 60 + 30);
}

#[test]
fn private_books_pay_each_other_in_cash() {
    let mut world = World::new(params());
    assert_eq!(world.run(1, [books(FIRST), books(SECOND)].concat()).outcome, Outcome::Success);
    world.ok(1, journal(vec![entry(wallet(1), account(FIRST), 100)]));
    world.fails(1, journal(vec![entry(account(FIRST), account(SECOND), 101)]), Reason::CashExceeded);
    world.ok(1, journal(vec![entry(account(FIRST), account(SECOND), 60)]));
    world.ok(1, hold(1, entry(account(FIRST), account(SECOND), 40)));
    world.fails(1, journal(vec![entry(account(FIRST), account(SECOND), 1)]), Reason::CashExceeded);
    world.ok(1, capture(1, 15));
    assert_eq!((cash(&world, FIRST), cash(&world, SECOND)), ((25, 25), (75, 75)));
    world.fails(1, journal(vec![entry(account(SECOND), wallet(2), 76)]), Reason::CashExceeded);
    world.ok(1, journal(vec![entry(account(SECOND), wallet(2), 75)]));
    assert_eq!(world.funds(2).0, START.0 + 75);
}

#[test]
fn of_no_asset_there_is_more_than_counters_can_take() {
    let mut world = World::new(params());
    world.ok(1, Call::from(call::token::Issue { symbol: "KWH".parse().unwrap(), scale: 3 }));
    let asset = AssetId(1);
    let mint = |amount: u128| Call::from(call::token::Mint { asset, to: address(2), amount: Amount(amount) });
    let burn = |amount: u128| Call::from(call::token::Burn { asset, amount: Amount(amount) });
    world.fails(1, mint(SUPPLY_MAX.0 + 1), Reason::SupplyExceeded);
    world.fails(1, mint(u128::MAX), Reason::SupplyExceeded);
    world.ok(1, mint(SUPPLY_MAX.0 - 5));
    world.fails(1, mint(6), Reason::SupplyExceeded);
    world.ok(1, mint(5));
    world.fails(1, mint(1), Reason::SupplyExceeded);
    world.ok(2, burn(1));
    world.ok(1, mint(1));
    // A private book cannot play its own counters to their end either.
    assert_eq!(world.run(1, books(FIRST)).outcome, Outcome::Success);
    let inside = AccountId::Book { book: book_of(1, FIRST), code: 2 };
    let call = journal(vec![entry(account(FIRST), inside, SUPPLY_MAX.0 + 1)]);
    let refused = world.try_sign(world.body(1, vec![call]), &[1]).unwrap_err();
    assert_eq!(refused, TxError::Call { index: 0, reason: Reason::OutOfRange });
    let mut genesis_of_too_much = spec(params());
    genesis_of_too_much.accounts[0].balance = Amount(SUPPLY_MAX.0 + 1);
    assert!(genesis(&genesis_of_too_much).is_err());
}
