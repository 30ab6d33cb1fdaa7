//! Promises of books to an accountant.

use super::*;
use crate::keys;
use crate::query;
use wattle_primitives::call::ledger::{
    Balancing, Capture, Entry, Hold, JOURNALS_REMEMBERED, Journal, JournalId, OpenAccount, SetPeriod, Void,
    hold_id,
};

const HOUR: u64 = 3_600_000;

fn at(code: u32) -> AccountId {
    AccountId::Book { book: book_of(1, 1), code }
}

const fn entry(debit: AccountId, credit: AccountId, amount: u128) -> Entry {
    Entry::new(debit, credit, AssetId::NATIVE, Amount(amount))
}

fn plain(entries: Vec<Entry>) -> Journal {
    Journal::of(BoundedVec::new(entries).unwrap())
}

fn named(reference: u8, entries: Vec<Entry>) -> Journal {
    Journal { reference: Some(Hash([reference; 32])), ..plain(entries) }
}

/// A book of person 1: cash at the bank, equity, revenue, and rents as a part of revenue.
fn opening() -> Vec<Call> {
    let book = book_of(1, 1);
    let rents = OpenAccount { parent: Some(4000), ..account_in(book, 4100, AccountClass::Revenue) };
    vec![
        create_book(1),
        account_in(book, 1000, AccountClass::Asset).into(),
        account_in(book, 3000, AccountClass::Equity).into(),
        account_in(book, 4000, AccountClass::Revenue).into(),
        rents.into(),
    ]
}

fn books(params: Params) -> World {
    let mut world = World::new(params);
    assert_eq!(world.run(1, opening()).outcome, Outcome::Success);
    world
}

/// Debits of an account less its credits.
fn net(world: &World, account: AccountId) -> i128 {
    let balance = query::balance(&world.state, &account, AssetId::NATIVE);
    balance.debits_posted as i128 - balance.credits_posted as i128
}

fn posted(events: &[Event]) -> Vec<u32> {
    let journal = |event: &Event| match event {
        Event::Ledger(LedgerEvent::Posted { journal, .. }) => *journal,
        _ => None,
    };
    events.iter().filter_map(journal).collect()
}

/// A book, its chart and its opening balances, as of a day before, are one transaction: all of it, or nothing.
#[test]
fn a_book_opens_with_its_chart_and_balances_in_one_transaction() {
    let mut world = World::new(params());
    let day_before = Some(TimeMs(world.env.time_ms.0 - 24 * HOUR));
    let balances = Journal { effective_ms: day_before, ..plain(vec![entry(at(1000), at(3000), 500)]) };
    let whole = [opening(), vec![balances.into()]].concat();
    let mut broken = whole.clone();
    broken.push(transfer(2, u128::MAX));
    assert!(matches!(world.run(1, broken).outcome, Outcome::Failed { call: 6, .. }));
    assert_eq!(query::books(&world.state, Some(&address(1)), 0, 9), []);
    assert_eq!(world.run(1, whole).outcome, Outcome::Success);
    let owned = query::books(&world.state, Some(&address(1)), 0, 9);
    assert_eq!(owned.iter().map(|(id, book)| (*id, book.accounts)).collect::<Vec<_>>(), [(book_of(1, 1), 4)]);
    assert_eq!((net(&world, at(1000)), net(&world, at(3000))), (500, -500));
    // The microgrid's book was there before.
    assert_eq!(query::books(&world.state, None, 0, 9).len(), 2);
    world.fails(1, create_book(1), Reason::AlreadyExists);
    // Another's book of the same reference is another book.
    world.ok(2, create_book(1));
    assert_ne!(book_of(1, 1), book_of(2, 1));
}

#[test]
fn an_account_is_a_part_of_one_of_its_class_that_stands() {
    let mut world = books(params());
    let book = book_of(1, 1);
    let under = |code, class, parent| {
        Call::from(OpenAccount { parent: Some(parent), ..account_in(book, code, class) })
    };
    world.fails(1, under(4200, AccountClass::Revenue, 4300), Reason::UnknownAccount);
    world.fails(1, under(4200, AccountClass::Revenue, 4200), Reason::UnknownAccount);
    world.fails(1, under(4200, AccountClass::Expense, 4000), Reason::OutOfRange);
    // 4000 is on the first level, so 4106 is on the eighth and last.
    for level in 3..=8 {
        world.ok(1, under(4098 + level, AccountClass::Revenue, if level == 3 { 4100 } else { 4097 + level }));
    }
    world.fails(1, under(4107, AccountClass::Revenue, 4106), Reason::OutOfRange);
    world.ok(1, under(4108, AccountClass::Revenue, 4105));
}

/// Whoever sends a journal twice, knowingly or not, has posted it once.
#[test]
fn the_same_journal_twice_posts_once_and_another_under_its_reference_is_refused() {
    let mut world = books(params());
    let sale = named(7, vec![entry(wallet(1), at(4100), 500)]);
    let first = JournalId { height: world.env.height, index: 0 };
    world.ok(1, sale.clone().into());
    for _ in 0..2 {
        let told =
            LedgerEvent::JournalRepeated { account: address(1), reference: Hash([7; 32]), posted: first };
        assert_eq!(world.ok(1, sale.clone().into()), [Event::Ledger(told)]);
    }
    assert_eq!((net(&world, at(4100)), world.funds(1).0), (-500, START.0 - 500));
    for other in [
        named(7, vec![entry(wallet(1), at(4100), 501)]),
        Journal { memo: Some(Hash::ZERO), ..sale.clone() },
        Journal { reverses: Some(Hash([7; 32])), ..sale.clone() },
    ] {
        world.fails(1, other.into(), Reason::ReferenceUsed);
    }
    // References are everybody's own, and one that failed is free.
    world.fails(2, sale.into(), Reason::NotAllowed);
    let dear = |amount| Call::from(named(8, vec![entry(wallet(2), wallet(1), amount)]));
    world.fails(2, dear(START.0 + 1), Reason::InsufficientFunds);
    world.ok(2, dear(1));
}

#[test]
fn a_journal_is_taken_back_once_and_exactly() {
    let mut world = books(params());
    let lines = vec![entry(at(1000), at(4100), 70), entry(at(1000), at(4000), 30)];
    world.ok(1, named(1, lines.clone()).into());
    let id = JournalId { height: Height(world.env.height.0 - 1), index: 0 };
    let back = |entries: Vec<Entry>| Journal { reverses: Some(Hash([1; 32])), ..plain(entries) };
    let mirror: Vec<_> = lines.iter().map(|line| entry(line.credit, line.debit, line.amount.0)).collect();
    for wrong in [
        lines,
        mirror[..1].to_vec(),
        vec![mirror[1].clone(), mirror[0].clone()],
        vec![entry(at(4100), at(1000), 71), mirror[1].clone()],
    ] {
        world.fails(1, back(wrong).into(), Reason::BadReversal);
    }
    world.fails(2, back(mirror.clone()).into(), Reason::UnknownJournal); // its own it is not
    let unknown = Journal { reverses: Some(Hash([2; 32])), ..plain(mirror.clone()) };
    world.fails(1, unknown.into(), Reason::UnknownJournal);
    let events = world.ok(1, Journal { reference: Some(Hash([3; 32])), ..back(mirror.clone()) }.into());
    assert!(matches!(
        events[0],
        Event::Ledger(LedgerEvent::JournalPosted { reverses: Some(earlier), .. }) if earlier == id
    ));
    assert_eq!((net(&world, at(1000)), net(&world, at(4100))), (0, 0));
    world.fails(1, back(mirror.clone()).into(), Reason::AlreadyReversed);
    // A journal that took another back can be taken back as well.
    let again: Vec<_> = mirror.iter().map(|line| entry(line.credit, line.debit, line.amount.0)).collect();
    world.ok(1, Journal { reverses: Some(Hash([3; 32])), ..plain(again) }.into());
    assert_eq!(net(&world, at(1000)), 100);
}

/// What a journal took of what was there is posted once, and taken back.
#[test]
fn what_a_balancing_journal_moved_is_what_it_was() {
    let mut world = books(params());
    let all =
        |debit, credit, amount| Entry { balancing: Some(Balancing::Debit), ..entry(debit, credit, amount) };
    world.ok(1, plain(vec![entry(wallet(1), at(4100), 70)]).into());
    let sweep = named(1, vec![all(at(4100), wallet(2), 1000), all(at(4100), wallet(3), 1000)]);
    let events = world.ok(1, sweep.clone().into());
    let paid = |event: &Event| match event {
        Event::Ledger(LedgerEvent::Posted { credit, amount, .. }) => Some((*credit, amount.0)),
        _ => None,
    };
    assert_eq!(events.iter().filter_map(paid).collect::<Vec<_>>(), [(wallet(2), 70)]);
    // More has come in: the same journal again is no new one.
    world.ok(1, plain(vec![entry(wallet(1), at(4100), 5)]).into());
    world.ok(1, sweep.into());
    assert_eq!((world.funds(2).0, world.funds(3).0), (START.0 + 70, START.0));
    let within = named(2, vec![all(at(4100), at(4000), 30)]);
    world.ok(1, within.into());
    let back = |entries| Journal { reverses: Some(Hash([2; 32])), ..plain(entries) };
    world.fails(1, back(vec![entry(at(4000), at(4100), 30)]).into(), Reason::BadReversal);
    world.fails(1, back(vec![all(at(4000), at(4100), 5)]).into(), Reason::BadReversal);
    world.ok(1, back(vec![entry(at(4000), at(4100), 5)]).into());
    world.fails(1, plain(vec![all(at(9999), at(4100), 1)]).into(), Reason::UnknownAccount);
    world.fails(1, plain(vec![all(at(4100), at(9999), 1)]).into(), Reason::UnknownAccount);
}

/// A journal that was never posted as of a date is not taken back as of it either.
#[test]
fn a_journal_is_not_taken_back_as_of_a_date_before_its_own() {
    let mut world = books(params());
    let now = world.env.time_ms.0;
    let dated = |ms: u64, journal| Journal { effective_ms: Some(TimeMs(ms)), ..journal };
    let line = || vec![entry(at(1000), at(4100), 70)];
    let back = |n| Journal { reverses: Some(Hash([n; 32])), ..plain(vec![entry(at(4100), at(1000), 70)]) };
    world.ok(1, named(1, line()).into());
    world.ok(1, dated(now - HOUR, named(2, line())).into());
    world.fails(1, dated(now - 1, back(1)).into(), Reason::BadTime);
    world.fails(1, dated(now - HOUR - 1, back(2)).into(), Reason::BadTime);
    world.ok(1, dated(now - HOUR, back(2)).into());
    world.ok(1, back(1).into());
    assert_eq!(net(&world, at(1000)), 0);
}

/// So many journals are remembered, and cost a deposit each, once.
#[test]
fn the_last_journals_are_remembered_and_no_more() {
    let mut world = books(Params { account_deposit: Amount(1), ..params() });
    let journal = |n: u32| {
        let mut reference = Hash::ZERO;
        reference.0[..4].copy_from_slice(&n.to_le_bytes());
        Journal { reference: Some(reference), ..plain(vec![entry(at(1000), at(3000), 1)]) }
    };
    let before = world.funds(1).0;
    for first in (0..JOURNALS_REMEMBERED).step_by(64) {
        let calls = (first..first + 64).map(|n| journal(n).into()).collect();
        assert_eq!(world.run(1, calls).outcome, Outcome::Success);
    }
    let deposits = u128::from(JOURNALS_REMEMBERED);
    assert_eq!(before - world.funds(1).0, deposits);
    world.ok(1, journal(0).into());
    assert_eq!(net(&world, at(1000)), i128::from(JOURNALS_REMEMBERED));
    // One more, and the first is forgotten; the second is not.
    world.ok(1, journal(JOURNALS_REMEMBERED).into());
    world.ok(1, journal(1).into());
    assert_eq!(net(&world, at(1000)), i128::from(JOURNALS_REMEMBERED) + 1);
    assert_eq!(world.state.read(keys::journal(&address(1), &journal(0).reference.unwrap())), None);
    world.ok(1, journal(0).into());
    assert_eq!(net(&world, at(1000)), i128::from(JOURNALS_REMEMBERED) + 2);
    assert_eq!(before - world.funds(1).0, deposits);
}

/// A journal's name is its event's, wherever in the block it comes, and its entries name it.
#[test]
fn a_journal_is_named_by_its_event_and_its_entries_name_it() {
    let mut world = books(Params { account_deposit: Amount(3), weight_price: Amount(1), ..params() });
    let sale = named(1, vec![entry(wallet(1), at(4100), 50), entry(at(4100), wallet(70), 20)]);
    let own = plain(vec![entry(at(1000), at(3000), 5)]);
    let txs: Vec<_> = [(2, vec![transfer(1, 9)]), (1, vec![own.into(), sale.clone().into()])]
        .map(|(n, calls)| world.sign(world.body(n, calls), &[n]))
        .into();
    let height = world.env.height;
    let done = world.try_run(&txs).unwrap();
    let all: Vec<Event> = done.receipts.events().map(|(_, event)| event.clone()).collect();
    let heads: Vec<u32> = (0u32..)
        .zip(&all)
        .filter(|(_, event)| matches!(event, Event::Ledger(LedgerEvent::JournalPosted { .. })))
        .map(|(index, _)| index)
        .collect();
    assert_eq!(posted(&all), [heads[0], heads[1], heads[1]]);
    let known = world.state.read(keys::journal(&address(1), &sale.reference.unwrap())).unwrap();
    assert_eq!(known.posted, JournalId { height, index: heads[1] });
}

/// Only entries within a book have dates of their own: money carries the block's time.
#[test]
fn entries_are_dated_in_open_periods_of_their_book_alone() {
    let mut world = books(params());
    let now = world.env.time_ms.0;
    let dated = |ms: u64, entries: Vec<Entry>| -> Call {
        Journal { effective_ms: Some(TimeMs(ms)), ..plain(entries) }.into()
    };
    let inside = || vec![entry(at(1000), at(4100), 10)];
    let period = |ms: u64| Call::from(SetPeriod { book: book_of(1, 1), closed_ms: TimeMs(ms) });
    assert_eq!(world.run(2, create_book_of_two()).outcome, Outcome::Success);
    for outside in [
        vec![entry(wallet(1), at(4100), 10)],
        vec![entry(at(1000), at(4100), 10), entry(at(4100), wallet(1), 1)],
        vec![entry(at(1000), AccountId::Book { book: book_of(2, 1), code: 1 }, 10)],
    ] {
        let refused = world.try_sign(world.body(1, vec![dated(now, outside)]), &[1]).unwrap_err();
        assert_eq!(refused, TxError::Call { index: 0, reason: Reason::BadTime });
    }
    world.fails(1, dated(now + HOUR, inside()), Reason::BadTime);
    world.ok(1, dated(now - 48 * HOUR, inside()));
    world.fails(2, period(now - 24 * HOUR), Reason::NotAllowed);
    world.fails(1, period(now + HOUR), Reason::BadTime);
    world.ok(1, period(now - 24 * HOUR));
    world.fails(1, dated(now - 24 * HOUR - 1, inside()), Reason::PeriodClosed);
    world.ok(1, dated(now - 24 * HOUR, inside()));
    world.ok(1, plain(inside()).into());
    // Reopened, and closed again.
    world.ok(1, period(0));
    world.ok(1, dated(now - 48 * HOUR, inside()));
    let told =
        LedgerEvent::PeriodSet { book: book_of(1, 1), closed_ms: TimeMs(now), before_ms: TimeMs::ZERO };
    assert_eq!(world.ok(1, period(now)), [Event::Ledger(told)]);
    world.fails(1, period(now), Reason::BadTime); // nothing would change
    world.fails(1, dated(now - 1, inside()), Reason::PeriodClosed);
    assert_eq!(net(&world, at(1000)), 40);
}

fn create_book_of_two() -> Vec<Call> {
    vec![create_book(1), account_in(book_of(2, 1), 1, AccountClass::Asset).into()]
}

/// Reserved until its captor says otherwise, however long that takes, and taken in as many parts as it likes.
#[test]
fn a_hold_without_an_end_stands_and_is_captured_in_parts() {
    let mut world = World::new(Params { account_deposit: Amount(7), ..params() });
    let entry = entry(wallet(1), wallet(2), 100);
    let hold = Hold { reference: Hash::ZERO, entry, captor: address(3), ttl_ms: None };
    world.ok(1, hold.into());
    let id = hold_id(&address(1), &Hash::ZERO);
    let capture = |amount, more| Call::from(Capture { hold: id, amount: Some(Amount(amount)), more });
    let (free, _) = world.funds(1);
    world.env.time_ms.0 += 400 * 24 * HOUR;
    assert!(!query::has_due(&world.state, world.env.time_ms));
    world.fails(1, Void { hold: id }.into(), Reason::NotAllowed);
    let events = world.ok(3, capture(30, true));
    let told = LedgerEvent::HoldCaptured {
        hold: id,
        captured: Amount(30),
        released: Amount::ZERO,
        left: Amount(70),
    };
    assert_eq!(events[0], Event::Ledger(told));
    assert_eq!(world.funds(1), (free, 70));
    world.fails(3, capture(71, true), Reason::ExceedsHold);
    world.ok(3, capture(50, true));
    assert_eq!((world.funds(1), world.funds(2).0), ((free, 20), START.0 + 80));
    world.ok(3, Void { hold: id }.into());
    assert_eq!(world.funds(1), (free + 20 + 7, 0)); // the deposit too
    world.fails(3, capture(1, true), Reason::UnknownHold);
    // The last part ends it, whatever is said of more.
    let again = Hold { reference: Hash([1; 32]), entry: entry_of(40), captor: address(3), ttl_ms: None };
    world.ok(1, again.into());
    let id = hold_id(&address(1), &Hash([1; 32]));
    world.ok(3, Capture { hold: id, amount: None, more: true }.into());
    world.fails(3, Void { hold: id }.into(), Reason::UnknownHold);
    assert_eq!(world.funds(1), (free + 20 + 7 - 40, 0));
}

fn entry_of(amount: u128) -> Entry {
    entry(wallet(1), wallet(2), amount)
}

/// A part that was captured is gone when the time is out, and the rest comes back.
#[test]
fn what_is_left_of_a_hold_in_parts_expires() {
    let mut world = World::new(params());
    let ttl_ms = Some(TimeMs(10_000));
    world.ok(1, Hold { reference: Hash::ZERO, entry: entry_of(100), captor: address(3), ttl_ms }.into());
    let id = hold_id(&address(1), &Hash::ZERO);
    world.ok(3, Capture { hold: id, amount: Some(Amount(40)), more: true }.into());
    world.env.time_ms.0 += 10_000;
    let done = world.try_run(&[]).unwrap();
    let told = LedgerEvent::HoldReleased { hold: id, amount: Amount(60), expired: true };
    assert_eq!(done.receipts.block, [Event::Ledger(told)]);
    assert_eq!((world.funds(1), world.funds(2).0), ((START.0 - 40, 0), START.0 + 40));
}
