//! Books as their owners and accountants ask for them.

use super::*;
use wattle_primitives::call::ledger::{
    AccountClass, Entry, Hold, Journal, JournalId, OpenAccount, SetPeriod, Void, hold_id,
};

const DAY_MS: u64 = 24 * 3_600_000;

fn book() -> BookId {
    BookId::of(&address(1), &Hash::ZERO)
}

fn at(code: u32) -> AccountId {
    AccountId::Book { book: book(), code }
}

fn wallet(n: u8) -> AccountId {
    AccountId::Wallet { owner: address(n) }
}

fn journal(entries: &[(AccountId, AccountId, u128)]) -> Journal {
    let entry = |&(debit, credit, amount): &(AccountId, AccountId, u128)| {
        Entry::new(debit, credit, AssetId::NATIVE, Amount(amount))
    };
    Journal::of(BoundedVec::new(entries.iter().map(entry).collect()).unwrap())
}

fn by(height: Height) -> Until {
    Until { height: Some(height), to_ms: None }
}

fn before(time_ms: TimeMs) -> Until {
    Until { height: None, to_ms: Some(time_ms) }
}

fn opening() -> Vec<Call> {
    let open = |code: u32, class, parent| {
        let (book, name, asset) = (book(), Some(Hash([code as u8; 32])), AssetId::NATIVE);
        OpenAccount { book, code, name, asset, class, parent, debit_max: None, credit_max: None }.into()
    };
    vec![
        call::ledger::CreateBook { reference: Hash::ZERO }.into(),
        open(1000, AccountClass::Asset, None),
        open(3000, AccountClass::Equity, None),
        open(4000, AccountClass::Revenue, None),
        open(4100, AccountClass::Revenue, Some(4000)),
    ]
}

/// Debits and credits of each account of the book.
fn trial_balance(node: &NodeBackend, until: Until) -> BTreeMap<AccountId, (u128, u128)> {
    let items = all(2, |page| node.ledger_trial_balance(book(), until, page));
    items.into_iter().map(|item| (item.account, (item.debits.0, item.credits.0))).collect()
}

#[test]
fn books_and_their_charts_are_listed() {
    let mut world = World::new();
    world.block(vec![world.tx(1, 0, opening())], true);
    let node = world.open();
    let own = all(1, |page| node.ledger_books(Some(address(1)), page));
    assert_eq!(own.iter().map(|book| (book.id, book.accounts)).collect::<Vec<_>>(), [(book(), 4)]);
    let grid = BookId::of_microgrid(&microgrid_id(&address(1), &Hash::ZERO));
    let every: Vec<BookId> =
        all(1, |page| node.ledger_books(None, page)).iter().map(|book| book.id).collect();
    assert_eq!(every, [grid, book()]);
    assert_eq!(
        node.ledger_book(grid).unwrap().value.owner,
        Address::of_microgrid(&microgrid_id(&address(1), &Hash::ZERO))
    );
    let chart = all(3, |page| node.ledger_chart(book(), page));
    assert_eq!(chart.iter().map(|item| item.code).collect::<Vec<_>>(), [1000, 3000, 4000, 4100]);
    assert_eq!((chart[3].parent, chart[3].name), (Some(4000), Some(Hash([4100u32 as u8; 32]))));
    let nobody = BookId([9; 16]);
    assert!(matches!(node.ledger_book(nobody), Err(RpcError::NotFound { what: "book", .. })));
    assert!(matches!(node.ledger_chart(nobody, page(None, 1)), Err(RpcError::NotFound { .. })));
    assert!(all(1, |page| node.ledger_books(Some(address(2)), page)).is_empty());
}

/// A statement's lines, with their running totals, come to the counters at every height; the trial balance balances as
/// of any height and date, and an entry dated back is in the balance of its date from when it was posted.
#[test]
fn statements_and_trial_balances_as_of_any_height_and_date() {
    let mut world = World::new();
    world.block(vec![world.tx(1, 0, opening())], true);
    let sale = Journal { reference: Some(Hash([7; 32])), ..journal(&[(wallet(1), at(4100), 500)]) };
    world.block(vec![world.tx(1, 1, vec![sale.clone().into()]), world.tx(2, 0, vec![transfer(1, 9)])], true);
    let second = world.header.time_ms;
    let dated = Journal {
        effective_ms: Some(TimeMs(second.0 - 30 * DAY_MS)),
        memo: Some(Hash([8; 32])),
        ..journal(&[(at(1000), at(3000), 40), (at(1000), at(4000), 2)])
    };
    let paid = journal(&[(at(4100), wallet(2), 120), (wallet(1), at(4000), 1)]);
    world.block(vec![world.tx(1, 2, vec![dated.into(), paid.into(), sale.into()])], true);
    let close = SetPeriod { book: book(), closed_ms: second };
    world.block(vec![world.tx(1, 3, vec![close.into()])], true);
    let node = world.open();
    assert_eq!(node.ledger_book(book()).unwrap().value.closed_ms, second);

    let cash = AccountId::Cash { book: book() };
    let now = trial_balance(&node, Until::default());
    let want = [
        (cash, (501, 120)),
        (at(1000), (42, 0)),
        (at(3000), (0, 40)),
        (at(4000), (0, 3)),
        (at(4100), (120, 500)),
    ];
    assert_eq!(now, BTreeMap::from(want));
    for height in 0..=4u64 {
        let then = trial_balance(&node, by(Height(height)));
        let sum = then.values().fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        assert_eq!(sum.0, sum.1, "at {height}");
        assert_eq!(then == now, height >= 3, "at {height}");
    }
    assert!(node.ledger_trial_balance(book(), by(Height(9)), page(None, 5)).is_err());
    // Before the second block nothing had been posted; what is dated before it was posted after.
    let then = trial_balance(&node, before(second));
    assert_eq!(
        (then[&at(1000)], then[&at(3000)], then[&at(4000)], then[&cash]),
        ((42, 0), (0, 40), (0, 2), (0, 0))
    );
    let earlier = trial_balance(&node, before(TimeMs(second.0 - 30 * DAY_MS)));
    assert!(earlier.values().all(|of| *of == (0, 0)));
    // By the second height it had not been posted yet, whatever has been since; by the third it had.
    let by_then = |height| trial_balance(&node, Until { height: Some(Height(height)), ..before(second) });
    assert!(by_then(2).values().all(|of| *of == (0, 0)));
    assert_eq!((by_then(3), by_then(4)), (then.clone(), then));

    for account in [wallet(1), wallet(2), cash, AccountId::Due { book: book() }, at(1000), at(4000), at(4100)]
    {
        for limit in [1, 2, 50] {
            let request = |from_ms| StatementRequest {
                account,
                asset: AssetId::NATIVE,
                from_ms,
                until: Until::default(),
            };
            let lines = all(limit, |page| node.ledger_statement(request(TimeMs::ZERO), page));
            let mut totals = (0, 0);
            for line in &lines {
                totals = (totals.0 + line.debit.0, totals.1 + line.credit.0);
                assert_eq!((line.debits.0, line.credits.0), totals, "{account:?}: {line:?}");
                // Only genesis has no events.
                assert_eq!(line.index.is_none(), line.height == Height::ZERO, "{line:?}");
            }
            let counters = node.ledger_account(account, AssetId::NATIVE).unwrap().value;
            assert_eq!(totals, (counters.debits_posted.0, counters.credits_posted.0), "{account:?}");
            let later = all(limit, |page| node.ledger_statement(request(second), page));
            assert_eq!(later, lines.into_iter().filter(|line| line.height >= Height(2)).collect::<Vec<_>>());
        }
    }
    let request = StatementRequest {
        account: at(4100),
        asset: AssetId::NATIVE,
        from_ms: TimeMs::ZERO,
        until: Until::default(),
    };
    let lines = all(50, |page| node.ledger_statement(request, page));
    assert_eq!(lines.iter().map(|line| line.against).collect::<Vec<_>>(), [Some(cash); 2]);
    assert_eq!(lines[0].reference, Some(Hash([7; 32])));
    let id = JournalId { height: Height(2), index: lines[0].journal.unwrap().index };
    assert_eq!((lines[0].journal, lines[0].tx.is_some()), (Some(id), true));
    let later = TimeMs(second.0 + 1);
    for (until, count) in [
        (by(Height(2)), 1),
        (before(later), 1),
        (Until { height: Some(Height(3)), ..before(later) }, 1),
        (Until { height: Some(Height(1)), ..before(later) }, 0),
    ] {
        let found = all(50, |page| node.ledger_statement(StatementRequest { until, ..request }, page));
        assert_eq!(found, lines[..count], "{until:?}");
    }
    let dated = StatementRequest { account: at(1000), ..request };
    let lines = all(50, |page| node.ledger_statement(dated, page));
    assert!(
        lines.iter().all(|line| line.date_ms.0 == second.0 - 30 * DAY_MS && line.memo == Some(Hash([8; 32])))
    );
    assert_eq!(lines.iter().map(|line| line.against).collect::<Vec<_>>(), [Some(at(3000)), Some(at(4000))]);

    let dues = |until| -> Vec<(BookId, u128)> {
        let items = all(1, |page| node.ledger_dues(AssetId::NATIVE, until, page));
        items.iter().map(|due| (due.book, due.owed.0)).collect()
    };
    for (until, owed) in [
        (Until::default(), 381),
        (by(Height(3)), 381),
        (by(Height(2)), 500),
        (before(TimeMs(second.0 + 1)), 500),
        (Until { height: Some(Height(2)), ..before(TimeMs::MAX) }, 500),
    ] {
        assert_eq!(dues(until), [(book(), owed)], "{until:?}");
    }
    for until in [by(Height(1)), before(second)] {
        assert_eq!(dues(until), [], "{until:?}");
    }
    assert!(node.ledger_dues(AssetId::NATIVE, by(Height(9)), page(None, 5)).is_err());
}

/// Whoever reads page by page misses nothing and reads nothing twice, whatever money comes in meanwhile.
#[test]
fn a_trial_balance_keeps_its_places_while_cash_in_another_asset_comes() {
    let mut world = World::new();
    world.block(vec![world.tx(1, 0, opening())], true);
    world.block(vec![world.tx(1, 1, vec![journal(&[(wallet(1), at(4100), 500)]).into()])], true);
    let places = |world: &World, cursor, limit| {
        let page = world.open().ledger_trial_balance(book(), Until::default(), page(cursor, limit)).unwrap();
        let places = page.items.iter().map(|item| (item.account, item.asset.0)).collect::<Vec<_>>();
        (places, page.next_cursor)
    };
    let cash = AccountId::Cash { book: book() };
    let (first, cursor) = places(&world, None, 2);
    assert_eq!(first, [(cash, 0), (at(1000), 0)]);
    let (asset, class) = (AssetId(1), AccountClass::Revenue);
    let account = OpenAccount {
        book: book(),
        code: 4200,
        name: None,
        asset,
        class,
        parent: None,
        debit_max: None,
        credit_max: None,
    };
    let entry = Entry::new(wallet(1), at(4200), asset, Amount(7));
    let calls = vec![
        call::token::Issue { symbol: "WAT".parse().unwrap(), scale: 6 }.into(),
        call::token::Mint { asset, to: address(1), amount: Amount(9) }.into(),
        account.into(),
        Journal::of(BoundedVec::new(vec![entry]).unwrap()).into(),
    ];
    world.block(vec![world.tx(1, 2, calls)], true);
    let rest = [(at(3000), 0), (at(4000), 0), (at(4100), 0), (at(4200), 1)];
    assert_eq!(places(&world, cursor, 50).0, rest);
    assert_eq!(places(&world, None, 50).0, [&[(cash, 0), (cash, 1), (at(1000), 0)][..], &rest].concat());
}

/// Open holds are listed for whoever is debited or credited, and for their captor, page by page.
#[test]
fn open_holds_are_listed_by_account() {
    let mut world = World::new();
    let hold = |n: u8, captor: u8| {
        let (reference, amount) = (Hash([n; 32]), Amount(u128::from(n)));
        let entry = Entry::new(wallet(1), wallet(2), AssetId::NATIVE, amount);
        Call::from(Hold { reference, entry, captor: address(captor), ttl_ms: None })
    };
    world.block(vec![world.tx(1, 0, vec![hold(1, 3), hold(2, 1), hold(3, 3)])], true);
    let listed = |world: &World, n: u8| -> Vec<u128> {
        let node = world.open();
        let found = all(1, |page| node.ledger_holds(wallet(n), page));
        let mut amounts: Vec<u128> = found.iter().map(|hold| hold.amount.0).collect();
        amounts.sort_unstable();
        amounts
    };
    assert_eq!([1, 2, 3, 4].map(|n| listed(&world, n)), [vec![1, 2, 3], vec![1, 2, 3], vec![1, 3], vec![]]);
    let void = Call::from(Void { hold: hold_id(&address(1), &Hash([1; 32])) });
    world.block(vec![world.tx(3, 0, vec![void])], true);
    assert_eq!([1, 3].map(|n| listed(&world, n)), [vec![2, 3], vec![3]]);
}

/// What was issued and burned is told from genesis and receipts, and is where the accounts have it.
#[test]
fn what_there_is_of_an_asset_is_what_was_issued_and_not_burned() {
    let mut world = World::new();
    let (asset, to) = (AssetId(1), address(2));
    let issue = Call::from(call::token::Issue { symbol: "KES".parse().unwrap(), scale: 2 });
    let mint = |amount| Call::from(call::token::Mint { asset, to, amount: Amount(amount) });
    let burn = Call::from(call::token::Burn { asset, amount: Amount(45) });
    world.block(vec![world.tx(1, 0, vec![issue, mint(70), mint(30)])], true);
    world.block(vec![world.tx(2, 0, vec![burn])], true);
    // By another than its issuer: it fails, and counts for nothing.
    world.block(vec![world.tx(3, 0, vec![mint(1000)])], true);
    let node = world.open();
    for (asset, issued, burned) in [(AssetId::NATIVE, 4_000_000, 0), (asset, 100, 45)] {
        let supply = node.token_supply(asset).unwrap().value;
        assert_eq!((supply.issued, supply.burned), (Amount(issued), Amount(burned)));
        let parts = [supply.wallets, supply.held, supply.fees, supply.deposits, supply.books];
        assert_eq!(parts.iter().map(|part| part.0).sum::<u128>(), issued - burned, "{supply:?}");
    }
    assert!(matches!(node.token_supply(AssetId(9)), Err(RpcError::NotFound { what: "asset", .. })));
}
