//! Calls of each module, one by one.

use super::*;
use crate::query;
use wattle_primitives::call;
use wattle_primitives::call::energy::microgrid_id;
use wattle_primitives::call::ledger::{Entry, SystemAccount, hold_id};
use wattle_primitives::event::{EnergyEvent, LedgerEvent, TokenEvent};
use wattle_primitives::reading::{ClockQuality, Reading, SignedReading};

fn entry(debit: AccountId, credit: AccountId, amount: u128) -> Entry {
    Entry::new(debit, credit, AssetId::NATIVE, Amount(amount))
}

fn hold(reference: u8, entry: Entry, captor: u8, ttl_ms: u64) -> Call {
    let reference = Hash([reference; 32]);
    Call::from(call::ledger::Hold { reference, entry, captor: address(captor), ttl_ms: Some(TimeMs(ttl_ms)) })
}

fn capture(hold: Hash, amount: Option<u128>) -> Call {
    Call::from(call::ledger::Capture { hold, amount: amount.map(Amount), more: false })
}

fn journal(entries: Vec<Entry>) -> Call {
    Call::from(call::ledger::Journal::of(BoundedVec::new(entries).unwrap()))
}

fn id(n: u8, reference: u8) -> Hash {
    hold_id(&address(n), &Hash([reference; 32]))
}

#[test]
fn a_hold_is_captured_voided_or_expires_once() {
    let mut world = World::new(Params { account_deposit: Amount(7), ..params() });
    let amount = START.0 - 7;
    world.ok(1, hold(1, entry(wallet(1), wallet(2), amount), 3, 10_000));
    assert_eq!(world.funds(1), (0, amount));
    world.fails(1, transfer(2, 1), Reason::InsufficientFunds);
    world.fails(1, hold(1, entry(wallet(1), wallet(2), 1), 3, 10_000), Reason::AlreadyExists);
    world.fails(1, Call::from(call::ledger::Void { hold: id(1, 1) }), Reason::NotAllowed);
    world.fails(3, capture(id(1, 1), Some(START.0)), Reason::ExceedsHold);
    world.ok(3, capture(id(1, 1), Some(100)));
    assert_eq!((world.funds(1), world.funds(2)), ((START.0 - 100, 0), (START.0 + 100, 0)));
    world.fails(3, capture(id(1, 1), None), Reason::UnknownHold);
    world.ok(1, hold(1, entry(wallet(1), wallet(2), 50), 3, 10_000));
    world.ok(3, Call::from(call::ledger::Void { hold: id(1, 1) }));
    assert_eq!(world.funds(1), (START.0 - 100, 0));
    assert!(!query::has_due(&world.state, TimeMs::MAX));
}

#[test]
fn a_hold_expires_at_its_time_and_not_before() {
    let mut world = World::new(params());
    let made = world.env.time_ms.0;
    world.ok(1, hold(1, entry(wallet(1), wallet(2), 50), 3, 10_000));
    let due = TimeMs(made + 10_000);
    assert_eq!(world.state.read(crate::keys::hold(&id(1, 1))).unwrap().expires_ms, due);
    assert_eq!(world.state.due_ms(), Some(due));
    world.env.time_ms = TimeMs(due.0 - 1);
    assert!(!query::has_due(&world.state, world.env.time_ms));
    let kept = world.state.clone();
    assert!(world.try_run(&[]).unwrap().receipts.block.is_empty());
    (world.state, world.env.time_ms) = (kept, due);
    let tx = world.sign(world.body(3, vec![capture(id(1, 1), None)]), &[3]);
    let done = world.try_run(&[tx]).unwrap();
    assert_eq!(
        done.receipts.block,
        [Event::Ledger(LedgerEvent::HoldReleased { hold: id(1, 1), amount: Amount(50), expired: true })]
    );
    assert_eq!(done.receipts.txs[0].outcome, Outcome::Failed { call: 0, reason: Reason::UnknownHold });
    assert_eq!(world.funds(1), (START.0, 0));
}

#[test]
fn more_due_than_a_block_releases_waits_for_the_next_and_cannot_be_captured() {
    let mut world = World::new(Params { block_weight_max: Weight(12_000), ..params() });
    for n in 0..30 {
        world.ok(1, hold(n, entry(wallet(1), wallet(2), 1), 3, 100_000));
    }
    world.env.time_ms = TimeMs(world.env.time_ms.0 + 100_000);
    let mut blocks = Vec::new();
    while query::has_due(&world.state, world.env.time_ms) {
        let last = world.sign(world.body(3, vec![capture(id(1, 29), None)]), &[3]);
        let done = world.try_run(&[last]).unwrap();
        assert_eq!(done.receipts.txs[0].outcome, Outcome::Failed { call: 0, reason: Reason::UnknownHold });
        blocks.push(done.receipts.block.len());
    }
    assert_eq!(blocks.iter().sum::<usize>(), 30);
    assert!(blocks.len() > 2 && blocks[0] == blocks[1], "{blocks:?}");
    assert_eq!(world.funds(1), (START.0, 0));
}

#[test]
fn books_balance_through_dues_and_keep_their_limits() {
    let mut world = World::new(params());
    world.ok(1, create_book(1));
    let book = book_of(1, 1);
    let account = |code| AccountId::Book { book, code };
    let open = |code, class| Call::from(never_below_zero(account_in(book, code, class)));
    world.fails(2, open(1, AccountClass::Asset), Reason::NotAllowed);
    world.ok(1, open(1, AccountClass::Asset));
    world.ok(1, open(2, AccountClass::Revenue));
    world.fails(1, open(2, AccountClass::Revenue), Reason::AlreadyExists);
    // A customer's payment: public wallet to revenue, through the dues of both books.
    world.ok(1, journal(vec![entry(wallet(1), account(2), 500)]));
    let balance = |account| query::balance(&world.state, &account, AssetId::NATIVE);
    let (due, cash) = (balance(AccountId::Due { book }), balance(AccountId::Cash { book }));
    assert_eq!((due.credits_posted, cash.debits_posted), (500, 500));
    // Limits are mirrored: an asset account cannot be credited below zero, revenue not debited below zero.
    world.fails(1, journal(vec![entry(account(2), account(1), 501)]), Reason::LimitExceeded);
    world.ok(1, journal(vec![entry(account(1), account(2), 20)]));
    world.fails(1, journal(vec![entry(account(2), account(1), 21)]), Reason::LimitExceeded);
    // Linked: the second line sees the first, and a failing third undoes both.
    let chain = vec![
        entry(account(2), wallet(3), 500),
        entry(wallet(1), account(2), 5),
        entry(account(2), wallet(3), 26),
    ];
    world.fails(1, journal(chain.clone()), Reason::LimitExceeded);
    assert_eq!(world.funds(3).0, START.0);
    world.ok(1, journal(chain[..2].to_vec()));
    assert_eq!(world.funds(3).0, START.0 + 500);
    // Revenue of 20 was booked that nobody paid: it is no money.
    world.fails(1, journal(vec![entry(account(2), wallet(3), 6)]), Reason::CashExceeded);
    // A hold across books, captured in part.
    world.ok(1, hold(1, entry(wallet(1), account(2), 40), 2, 1_000_000));
    world.ok(2, capture(id(1, 1), Some(15)));
    assert_eq!(query::book_accounts(&world.state, book, 0, 10)[1].0, 2);
    let revenue = query::balance(&world.state, &account(2), AssetId::NATIVE);
    assert_eq!((revenue.credits_posted, revenue.credits_pending), (500 + 20 + 5 + 15, 0));
    for (debit, credit) in [
        (wallet(2), wallet(1)),
        (AccountId::System { account: SystemAccount::Fees }, wallet(1)),
        (wallet(1), AccountId::System { account: SystemAccount::Fees }),
        (AccountId::Due { book }, account(1)),
    ] {
        world.fails(1, journal(vec![entry(debit, credit, 1)]), Reason::NotAllowed);
    }
    world.fails(2, journal(vec![entry(wallet(2), account(1), 1)]), Reason::NotAllowed);
}

#[test]
fn only_the_issuer_mints_and_a_new_asset_in_a_wallet_costs_a_deposit() {
    let mut world = World::new(Params { account_deposit: Amount(10), ..params() });
    let events = world.ok(1, Call::from(call::token::Issue { symbol: "KWH".parse().unwrap(), scale: 3 }));
    assert!(
        events
            .iter()
            .any(|e| matches!(e, Event::Token(TokenEvent::AssetIssued { asset: AssetId(1), scale: 3, .. })))
    );
    let asset = AssetId(1);
    let mint = |to, amount| Call::from(call::token::Mint { asset, to: address(to), amount: Amount(amount) });
    world.fails(2, mint(2, 5), Reason::NotAllowed);
    world.ok(1, mint(2, 500));
    assert_eq!(world.funds(1).0, START.0 - 20); // the asset, and its first balance in wallet 2
    world.ok(1, mint(2, 1));
    assert_eq!(world.funds(1).0, START.0 - 20);
    world.ok(2, Call::from(call::token::Burn { asset, amount: Amount(1) }));
    assert_eq!(query::issuance_counters(&world.state, asset), (Amount(501), Amount(1)));
    let native = Call::from(call::token::Mint { asset: AssetId::NATIVE, to: address(1), amount: Amount(1) });
    world.fails(1, native, Reason::NotAllowed);
    world.fails(
        1,
        Call::from(call::token::Transfer { to: address(2), asset: AssetId(9), amount: Amount(1) }),
        Reason::InsufficientFunds,
    );
    world.ok(2, Call::from(call::token::Transfer { to: address(70), asset, amount: Amount(3) }));
    assert_eq!(world.funds(2).0, START.0 - 20); // an account, and a balance in it
    let record = world.state.read(crate::keys::account(&address(70))).unwrap();
    let holder = address(70);
    let held = |from, limit| {
        let assets = query::assets_of(&world.state, &holder, &record, from, limit);
        let balance = |asset| query::balance(&world.state, &wallet(70), asset).available().0;
        assets.into_iter().map(|asset| (asset.0, balance(asset))).collect::<Vec<_>>()
    };
    assert_eq!(held(0, 10), [(0, 0), (1, 3)]);
    assert_eq!((held(0, 1), held(1, 1), held(2, 1)), (vec![(0, 0)], vec![(1, 3)], vec![]));
    let supply_limit = world.run(1, vec![mint(2, u128::MAX)]);
    assert_eq!(supply_limit.outcome, Outcome::Failed { call: 0, reason: Reason::SupplyExceeded });
}

fn reading(chain: Hash, signer: u8, seq: u64, import: u32, export: u32) -> SignedReading {
    let words = |wh: u32| BoundedVec::new(vec![(wh >> 16) as u16, wh as u16]).unwrap();
    let reading = Reading {
        meter: address(50),
        seq,
        boot_id: 1,
        uptime_ms: seq,
        time_ms: TimeMs(seq),
        clock: ClockQuality::Unset,
        import: words(import),
        export: words(export),
    };
    let signature = key(signer).sign(&reading.signing_bytes(&chain));
    SignedReading { reading, key: key(signer).public(), signature }
}

#[test]
fn each_reading_has_its_own_result() {
    let mut world = World::new(Params { weight_price: Amount(1), ..params() });
    let chain = world.env.chain;
    let mut malformed = reading(chain, 50, 9, 9, 9);
    malformed.reading.import = BoundedVec::new(vec![1]).unwrap();
    malformed.signature = key(50).sign(&malformed.reading.signing_bytes(&chain));
    let mut unknown = reading(chain, 51, 9, 9, 9);
    unknown.reading.meter = address(51);
    unknown.signature = key(51).sign(&unknown.reading.signing_bytes(&chain));
    let first = vec![(reading(chain, 50, 1, 100, 5), None)];
    let rows = vec![
        (reading(chain, 50, 1, 100, 5), Some(Reason::DuplicateReading)),
        (reading(chain, 51, 2, 100, 5), Some(Reason::BadSignature)), // another key for this meter
        (reading(Hash::ZERO, 50, 2, 100, 5), Some(Reason::BadSignature)), // signed for another chain
        (reading(chain, 50, 2, 99, 5), Some(Reason::RegisterDecreased)),
        (reading(chain, 50, 2, 100, 4), Some(Reason::RegisterDecreased)),
        (malformed, Some(Reason::BadRegisters)),
        (unknown, Some(Reason::UnknownMeter)),
        (reading(chain, 50, 7, 49_700_000, 5), Some(Reason::ImplausibleReading)), // 69 kW for 30 days are 49,680,000 Wh
        (reading(chain, 50, 7, 170, 5), None),                                    // a gap
        (reading(chain, 50, 5, 160, 5), Some(Reason::DuplicateReading)),
    ];
    for rows in [first, rows] {
        world.env.time_ms = TimeMs(world.env.time_ms.0 + 9000);
        let (readings, want): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let call = Call::from(call::energy::SubmitReadings { readings: BoundedVec::new(readings).unwrap() });
        // The meter's first transaction: sponsored by its operator since genesis.
        let body = TxBody { fee_payer: address(1), ..world.body(50, vec![call]) };
        let tx = world.sign(body, &[50]);
        let done = world.try_run(&[tx]).unwrap();
        assert_eq!(done.receipts.txs[0].outcome, Outcome::Success);
        let got = done.receipts.txs[0].events[1..].iter().map(|event| match event {
            Event::Energy(EnergyEvent::ReadingAccepted { .. }) => None,
            Event::Energy(EnergyEvent::ReadingRefused { reason, .. }) => Some(*reason),
            other => panic!("{other:?}"),
        });
        assert_eq!(got.collect::<Vec<_>>(), want);
    }
    let last = world.state.read(crate::keys::meter(&address(50))).unwrap().last.unwrap();
    assert_eq!((last.seq, last.import_wh, last.export_wh), (7, WattHours(170), WattHours(5)));
}

#[test]
fn microgrids_and_meters_are_registered_by_their_operator() {
    let mut world = World::new(Params { account_deposit: Amount(10), ..params() });
    let grid = |interval_ms| {
        Call::from(call::energy::RegisterMicrogrid {
            reference: Hash([4; 32]),
            asset: AssetId::NATIVE,
            interval_ms: TimeMs(interval_ms),
        })
    };
    for bad in [0, 59_999, 70_000, 86_400_001] {
        assert!(world.try_sign(world.body(2, vec![grid(bad)]), &[2]).is_err(), "{bad}");
    }
    world.ok(2, grid(3_600_000));
    world.fails(2, grid(3_600_000), Reason::AlreadyExists);
    let id = microgrid_id(&address(2), &Hash([4; 32]));
    let chain = world.env.chain;
    let meter = |n: u8, owner: u8| registration(&chain, id, n, owner);
    world.fails(1, meter(80, 1), Reason::NotAllowed);
    world.fails(2, meter(80, 99), Reason::UnknownAccount);
    world.fails(2, meter(50, 2), Reason::AlreadyExists);
    // Its key agreed to another microgrid, another owner, another chain.
    let elsewhere = microgrid_id(&address(1), &Hash::ZERO);
    let other_chain = Hash([9; 32]);
    for (chain, place, owner) in [(&chain, elsewhere, 3), (&chain, id, 4), (&other_chain, id, 3)] {
        let mut call = registration(chain, place, 80, owner);
        if let Call::Energy(EnergyCall::RegisterMeter(call::energy::RegisterMeter {
            microgrid, owner, ..
        })) = &mut call
        {
            (*microgrid, *owner) = (id, address(3));
        }
        world.fails(2, call, Reason::BadSignature);
    }
    world.fails(2, meter(80, 3), Reason::MandateRequired);
    world.ok(3, mandate(id, None));
    world.ok(2, meter(80, 3));
    // Microgrid, book, two dues, clearing, taxes, operator and its four accounts; then member and its four accounts,
    // meter, the meter's account.
    assert_eq!(world.funds(2).0, START.0 - 180);
    let meters = query::meters(&world.state, &id, 0, 10);
    assert_eq!((meters.len(), meters[0].1.owner), (1, address(3)));
    assert_eq!(query::microgrids(&world.state, 0, 10).len(), 2);
}
