//! Acting on another's behalf: within a grant's limits, and not a step further.

use super::*;
use crate::keys;
use wattle_primitives::call::CallKind;
use wattle_primitives::call::identity::{Calls, Grant, Limits, PerPeriod, RevokeGrant, Spending, grant_id};
use wattle_primitives::call::ledger::{
    AccountClass, Balancing, Capture, CreateBook, Entry, Hold, Journal, OpenAccount, hold_id,
};
use wattle_primitives::event::IdentityEvent;

const HOUR_MS: u64 = 3_600_000;

fn list<T: std::fmt::Debug, const N: usize>(items: Vec<T>) -> BoundedVec<T, N> {
    BoundedVec::new(items).unwrap()
}

fn native() -> Spending {
    Limits::allowance(Amount(100), TimeMs::MAX).spending[0]
}

fn limits() -> Limits {
    Limits::allowance(Amount(100), TimeMs::MAX)
}

fn spending(row: Spending) -> Limits {
    Limits { spending: list(vec![row]), ..limits() }
}

fn only(calls: &[&Call]) -> Calls {
    Calls::Only(list(calls.iter().map(|call| call.kind()).collect()))
}

/// Person 1 grants person 2 the right to act on its behalf.
fn grant(world: &mut World, limits: Limits) -> Hash {
    grant_to(world, 2, limits)
}

fn grant_to(world: &mut World, grantee: u8, limits: Limits) -> Hash {
    let reference = Hash::of(domain::GRANT, &[&world.env.height.0.to_le_bytes()]);
    world.ok(1, Call::from(Grant { reference, grantee: address(grantee), limits }));
    grant_id(&address(1), &reference)
}

impl World {
    fn by_grant(&self, n: u8, grant: Hash, calls: Vec<Call>) -> VerifiedTx {
        self.sign(TxBody { grant: Some(grant), ..self.body(n, calls) }, &[n])
    }

    /// Person `n` has these calls made on behalf of a grantor.
    fn act(&mut self, n: u8, grant: Hash, calls: Vec<Call>) -> Outcome {
        let tx = self.by_grant(n, grant, calls);
        self.try_run(&[tx]).unwrap().receipts.txs.remove(0).outcome
    }

    fn later(&mut self, ms: u64) {
        self.env.time_ms = TimeMs(self.env.time_ms.0 + ms);
    }
}

const fn refused(reason: Reason) -> Outcome {
    Outcome::Failed { call: 0, reason }
}

/// The grantee signs with its own nonce and pays the fee; the money that moves is the grantor's.
#[test]
fn a_grantee_moves_its_grantors_money_at_its_own_cost() {
    let mut world = World::new(Params { weight_price: Amount(1), account_deposit: Amount(10), ..params() });
    // Person 30 has no account before it is granted something: that opens it.
    let id = grant_to(&mut world, 30, limits());
    world.ok(3, transfer(30, 5_000));
    let before = [1, 30, 4].map(|n| world.funds(n).0);
    let tx = world.by_grant(30, id, vec![transfer(4, 60)]);
    let receipt = world.try_run(&[tx]).unwrap().receipts.txs.remove(0);
    assert_eq!(receipt.outcome, Outcome::Success);
    let after = [1, 30, 4].map(|n| world.funds(n).0);
    assert_eq!(after, [before[0] - 60, before[1] - receipt.fee.0, before[2] + 60]);
    let used = IdentityEvent::GrantUsed { grant: id, grantor: address(1), grantee: address(30) };
    assert!(receipt.events.contains(&Event::from(used)));
    assert_eq!(crate::query::nonce(&world.state, &address(30), Lane(0)), Nonce(1));
    // A thing that the grantee makes is the grantor's, and its deposit is of who paid it.
    let entry = Entry::new(wallet(1), wallet(4), AssetId::NATIVE, Amount(40));
    let hold = Hold { reference: Hash::ZERO, entry, captor: address(4), ttl_ms: Some(TimeMs(10_000)) };
    assert_eq!(world.act(30, id, vec![Call::from(hold)]), Outcome::Success);
    let made = world.state.read(keys::hold(&hold_id(&address(1), &Hash::ZERO))).unwrap();
    assert_eq!(made.deposit.payer, address(30));
}

/// One over each limit is refused and moves nothing; what is within it is done.
#[test]
fn each_limit_is_exact() {
    let pay = |amounts: &[u128]| amounts.iter().map(|amount| transfer(4, *amount)).collect::<Vec<_>>();
    let create = || Call::from(CreateBook { reference: Hash::ZERO });
    let period = Some(PerPeriod { amount: Amount(100), period_ms: TimeMs(HOUR_MS) });
    type Row = (&'static str, Limits, Vec<Call>, Vec<Call>, Reason);
    let table: Vec<Row> = vec![
        (
            "one call of those named",
            Limits { calls: only(&[&transfer(4, 1)]), ..limits() },
            pay(&[1]),
            vec![create()],
            Reason::CallNotGranted,
        ),
        (
            "no call at all",
            Limits { calls: Calls::Only(list(vec![])), ..limits() },
            vec![],
            pay(&[1]),
            Reason::CallNotGranted,
        ),
        ("in all", limits(), pay(&[60, 40]), pay(&[1]), Reason::GrantExceeded),
        (
            "in one transaction",
            spending(Spending { per_tx: Some(Amount(50)), total: None, ..native() }),
            pay(&[25, 25]),
            pay(&[51]),
            Reason::GrantExceeded,
        ),
        (
            "in a period",
            spending(Spending { per_period: period, total: None, ..native() }),
            pay(&[100]),
            pay(&[1]),
            Reason::GrantExceeded,
        ),
        (
            "of an asset",
            spending(Spending { asset: AssetId(1), ..native() }),
            vec![],
            pay(&[1]),
            Reason::GrantExceeded,
        ),
        (
            "to a counterparty",
            Limits { counterparties: list(vec![address(4)]), ..limits() },
            pay(&[1]),
            vec![transfer(5, 1)],
            Reason::CounterpartyNotGranted,
        ),
        ("so often", Limits { uses: Some(1), ..limits() }, pay(&[1]), pay(&[1]), Reason::GrantExceeded),
        (
            "so often in an hour",
            Limits { tx_per_hour: Some(1), ..limits() },
            pay(&[1]),
            pay(&[1]),
            Reason::GrantRateExceeded,
        ),
        (
            "without the grantor's signature",
            spending(Spending { cosign_above: Some(Amount(50)), total: None, ..native() }),
            pay(&[50]),
            pay(&[51]),
            Reason::CosignatureNeeded,
        ),
    ];
    for (name, limits, within, beyond, reason) in table {
        let mut world = World::new(params());
        let id = grant(&mut world, limits);
        if !within.is_empty() {
            assert_eq!(world.act(2, id, within), Outcome::Success, "{name}");
        }
        let (money, record) = (world.funds(1), world.state.read(keys::grant(&id)));
        assert_eq!(world.act(2, id, beyond), refused(reason), "{name}");
        assert_eq!((world.funds(1), world.state.read(keys::grant(&id))), (money, record), "{name}");
    }
}

#[test]
fn what_is_limited_by_time_comes_back_with_it() {
    let period = Some(PerPeriod { amount: Amount(100), period_ms: TimeMs(HOUR_MS) });
    let row = Spending { per_period: period, total: None, ..native() };
    let mut world = World::new(params());
    let id = grant(&mut world, Limits { tx_per_hour: Some(2), ..spending(row) });
    assert_eq!(world.act(2, id, vec![transfer(4, 100)]), Outcome::Success);
    assert_eq!(world.act(2, id, vec![transfer(4, 1)]), refused(Reason::GrantExceeded));
    world.later(HOUR_MS);
    assert_eq!(world.act(2, id, vec![transfer(4, 99)]), Outcome::Success);
    assert_eq!(world.act(2, id, vec![transfer(4, 1)]), Outcome::Success);
    assert_eq!(world.act(2, id, vec![transfer(4, 1)]), refused(Reason::GrantRateExceeded));
}

/// Above its amount the grantor signs along, as the payer of the fee; nobody else's signature does.
#[test]
fn the_grantor_signs_along_as_the_fee_payer() {
    let mut world = World::new(params());
    let id = grant(&mut world, spending(Spending { cosign_above: Some(Amount(50)), ..native() }));
    for (payer, want) in [(3, refused(Reason::CosignatureNeeded)), (1, Outcome::Success)] {
        let body =
            TxBody { grant: Some(id), fee_payer: address(payer), ..world.body(2, vec![transfer(4, 51)]) };
        let tx = world.sign(body, &[2, payer]);
        assert_eq!(world.try_run(&[tx]).unwrap().receipts.txs[0].outcome, want);
    }
    // A sponsorship is no signature.
    let limits = Limits::allowance(START, TimeMs::MAX);
    world.ok(1, Call::from(call::identity::Sponsor { grantee: address(2), limits }));
    let body = TxBody { grant: Some(id), fee_payer: address(1), ..world.body(2, vec![transfer(4, 49)]) };
    let tx = world.sign(body, &[2]);
    assert_eq!(world.try_run(&[tx]).unwrap().receipts.txs[0].outcome, Outcome::Success);
}

/// A grant that is not, is no more, or is another's fails the transaction, which is charged; never the block.
#[test]
fn without_a_grant_that_holds_nothing_is_done_and_the_fee_is_paid() {
    let mut world = World::new(Params { weight_price: Amount(1), ..params() });
    let until = TimeMs(world.env.time_ms.0 + 10_000);
    let [revoked, given_up, over, lasting] = [TimeMs::MAX, TimeMs::MAX, until, TimeMs::MAX]
        .map(|expires_ms| grant(&mut world, Limits { expires_ms, ..limits() }));
    world.fails(3, Call::from(RevokeGrant { grant: revoked }), Reason::NotAllowed);
    // From the next transaction on, in the same block too.
    let txs = [
        world.by_grant(2, revoked, vec![transfer(4, 1)]),
        world.sign(world.body(1, vec![Call::from(RevokeGrant { grant: revoked })]), &[1]),
        world.sign(
            TxBody {
                grant: Some(revoked),
                nonce: crate::query::nonce(&world.state, &address(2), Lane(0)).next(),
                ..world.body(2, vec![transfer(4, 2)])
            },
            &[2],
        ),
    ];
    let outcomes: Vec<_> = world.try_run(&txs).unwrap().receipts.txs.into_iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes, [Outcome::Success, Outcome::Success, refused(Reason::UnknownGrant)]);
    assert!(matches!(world.try_run(&txs[..1]), Err(BlockError::Tx { source: TxError::Nonce { .. }, .. })));
    world.ok(2, Call::from(RevokeGrant { grant: given_up }));
    world.env.time_ms = until;
    let table = [
        (2, revoked, Reason::UnknownGrant),
        (2, given_up, Reason::UnknownGrant),
        (2, Hash::ZERO, Reason::UnknownGrant),
        (2, over, Reason::GrantExpired),
        (3, lasting, Reason::NotAllowed),
        (1, lasting, Reason::NotAllowed),
    ];
    for (n, id, reason) in table {
        let (grantor, own) = (world.funds(1).0, world.funds(n).0);
        let tx = world.by_grant(n, id, vec![transfer(4, 1)]);
        let receipt = world.try_run(&[tx]).unwrap().receipts.txs.remove(0);
        assert_eq!(receipt.outcome, refused(reason));
        assert_eq!(world.funds(n).0, own - receipt.fee.0);
        assert!(n == 1 || world.funds(1).0 == grantor);
    }
}

/// Nothing is granted by a grant, and no keys are changed by one, whatever it names.
#[test]
fn a_grant_grants_nothing_on() {
    let mut world = World::new(params());
    let inner = Grant { reference: Hash([9; 32]), grantee: address(3), limits: limits() };
    let authority = call::identity::Authority::single(key(2).public());
    let sponsor = call::identity::Sponsor { grantee: address(2), limits: limits() };
    let calls = [
        Call::from(inner),
        Call::from(call::identity::SetAuthority { authority }),
        Call::from(sponsor),
        Call::from(call::identity::Unsponsor { grantee: address(50) }),
    ];
    let named = grant(&mut world, Limits { calls: only(&calls.iter().collect::<Vec<_>>()), ..limits() });
    let any = grant(&mut world, limits());
    for call in calls {
        for id in [named, any] {
            assert_eq!(
                world.act(2, id, vec![call.clone()]),
                refused(Reason::CallNotGranted),
                "{:?}",
                call.name()
            );
        }
    }
    for id in [named, any] {
        let end = Call::from(RevokeGrant { grant: any });
        assert_eq!(world.act(2, id, vec![end]), refused(Reason::CallNotGranted));
    }
}

/// A call that fails takes back what those before it spent of the grant.
#[test]
fn what_fails_spends_nothing() {
    let mut world = World::new(params());
    let id = grant(&mut world, Limits { uses: Some(1), ..limits() });
    let failed = world.act(2, id, vec![transfer(4, 70), transfer(4, 70)]);
    assert_eq!(failed, Outcome::Failed { call: 1, reason: Reason::GrantExceeded });
    assert_eq!(world.act(2, id, vec![transfer(4, 100)]), Outcome::Success);
}

/// Roles in a book are grants for it: an agent journals, holds and captures within limits, an admin does everything
/// that the book is for, an auditor nothing.
#[test]
fn roles_in_a_book_are_grants_for_it() {
    let mut world = World::new(params());
    let entry = |debit, credit, amount| Entry::new(debit, credit, AssetId::NATIVE, Amount(amount));
    let journal = |entry| Call::from(Journal::of(list(vec![entry])));
    let open = |book, code| {
        Call::from(OpenAccount {
            book,
            code,
            name: None,
            asset: AssetId::NATIVE,
            class: AccountClass::Liability,
            parent: None,
            debit_max: Some(Amount(0)),
            credit_max: None,
        })
    };
    let [mine, other] = [Hash([1; 32]), Hash([2; 32])].map(|reference| {
        world.ok(1, Call::from(CreateBook { reference }));
        BookId::of(&address(1), &reference)
    });
    let account = |book| AccountId::Book { book, code: 7 };
    for book in [mine, other] {
        world.ok(1, open(book, 7));
        world.ok(1, journal(entry(wallet(1), account(book), 500)));
    }
    let out = |book, amount| journal(entry(account(book), wallet(4), amount));
    let hold = |book| {
        let reference = Hash([3; 32]);
        Call::from(Hold {
            reference,
            entry: entry(account(book), wallet(4), 20),
            captor: address(1),
            ttl_ms: Some(TimeMs(9_000)),
        })
    };
    let capture =
        Call::from(Capture { hold: hold_id(&address(1), &Hash([3; 32])), amount: None, more: false });
    let agent =
        Limits { calls: only(&[&out(mine, 1), &hold(mine), &capture]), books: list(vec![mine]), ..limits() };
    let admin = Limits { calls: Calls::Any, ..agent.clone() };
    let auditor = Limits { calls: Calls::Only(list(vec![])), ..agent.clone() };
    let [agent, admin, auditor] = [agent, admin, auditor].map(|limits| grant(&mut world, limits));
    let table = [
        (agent, out(mine, 50), Outcome::Success),
        (agent, hold(mine), Outcome::Success),
        (agent, capture, Outcome::Success),
        (agent, out(mine, 50), refused(Reason::GrantExceeded)),
        (agent, open(mine, 8), refused(Reason::CallNotGranted)),
        (admin, open(mine, 8), Outcome::Success),
        (admin, out(other, 1), refused(Reason::NotAllowed)),
        (admin, open(other, 8), refused(Reason::NotAllowed)),
        (admin, journal(entry(wallet(1), account(mine), 1)), refused(Reason::NotAllowed)),
        (admin, transfer(4, 1), refused(Reason::CallNotGranted)),
        (admin, Call::from(CreateBook { reference: Hash::ZERO }), refused(Reason::CallNotGranted)),
        (auditor, out(mine, 1), refused(Reason::CallNotGranted)),
    ];
    for (row, (id, call, want)) in table.into_iter().enumerate() {
        assert_eq!(world.act(2, id, vec![call]), want, "row {row}");
    }
    let foreign = Limits { books: list(vec![mine]), ..limits() };
    world.fails(
        3,
        Call::from(Grant { reference: Hash::ZERO, grantee: address(2), limits: foreign }),
        Reason::NotAllowed,
    );
}

/// Every call that is for a book, by each role, in its book and in another of the same owner.
#[test]
fn a_role_in_a_book_is_none_in_another() {
    let account = |book| AccountId::Book { book, code: 7 };
    let out = |book| Entry::new(account(book), wallet(4), AssetId::NATIVE, Amount(1));
    let held = |n: u8, book| {
        let reference = Hash([n; 32]);
        Call::from(Hold { reference, entry: out(book), captor: address(1), ttl_ms: None })
    };
    // Two holds stand in each book, under `n` and the next.
    let calls = |n: u8, book| {
        let hold = |n| hold_id(&address(1), &Hash([n; 32]));
        vec![
            Call::from(account_in(book, 8, AccountClass::Asset)),
            Journal::of(list(vec![out(book)])).into(),
            held(n + 2, book),
            Capture { hold: hold(n), amount: None, more: false }.into(),
            call::ledger::Void { hold: hold(n + 1) }.into(),
            call::ledger::SetPeriod { book, closed_ms: TimeMs(T0) }.into(),
        ]
    };
    let kinds = |calls: &[Call]| Calls::Only(list(calls.iter().map(Call::kind).collect()));
    let (mine, other) = (book_of(1, 1), book_of(1, 2));
    let agent = kinds(&calls(10, mine));
    let not = refused(Reason::CallNotGranted);
    for (role, granted, at_home, abroad) in [
        ("agent", agent, Outcome::Success, refused(Reason::NotAllowed)),
        ("admin", Calls::Any, Outcome::Success, refused(Reason::NotAllowed)),
        ("auditor", kinds(&[]), not, not),
    ] {
        let mut world = World::new(params());
        for (reference, book, n) in [(1, mine, 10), (2, other, 20)] {
            world.ok(1, create_book(reference));
            world.ok(1, account_in(book, 7, AccountClass::Liability).into());
            let paid_in = Entry::new(wallet(1), account(book), AssetId::NATIVE, Amount(500));
            world.ok(1, Journal::of(list(vec![paid_in])).into());
            [n, n + 1].into_iter().for_each(|n| drop(world.ok(1, held(n, book))));
        }
        let id = grant(&mut world, Limits { calls: granted, books: list(vec![mine]), ..limits() });
        for (n, book, want) in [(20, other, abroad), (10, mine, at_home)] {
            for call in calls(n, book) {
                let name = call.name();
                assert_eq!(world.act(2, id, vec![call]), want, "{name:?} by {role}");
            }
        }
    }
}

/// A grant is debited with what was moved, not with what was asked for.
#[test]
fn a_balancing_entry_debits_what_it_moves() {
    let mut world = World::new(params());
    let rest = world.funds(1).0 - 60;
    world.ok(1, transfer(5, rest));
    let id = grant(&mut world, limits());
    let all = |amount| {
        let entry = Entry::new(wallet(1), wallet(4), AssetId::NATIVE, Amount(amount));
        Call::from(Journal::of(list(vec![Entry { balancing: Some(Balancing::Debit), ..entry }])))
    };
    assert_eq!(world.act(2, id, vec![all(1_000)]), Outcome::Success);
    assert_eq!((world.funds(1).0, world.funds(4).0), (0, START.0 + 60));
    world.ok(5, transfer(1, 41));
    assert_eq!(world.act(2, id, vec![all(1_000)]), refused(Reason::GrantExceeded));
    assert_eq!(world.act(2, id, vec![all(40)]), Outcome::Success);
}

/// What moves nothing is judged by no limit: it takes no place among the grantor's journals and none of its references.
#[test]
fn nobody_posts_a_journal_that_moves_nothing() {
    let mut world = World::new(params());
    let entry = Entry::new(wallet(1), wallet(4), AssetId::NATIVE, Amount(1));
    let entry = Entry { balancing: Some(Balancing::Credit), ..entry }; // a wallet is owed nothing
    let journal = |n: u8| {
        let entries = list(vec![entry.clone()]);
        Call::from(Journal { reference: Some(Hash([n; 32])), ..Journal::of(entries) })
    };
    let id = grant(&mut world, Limits { spending: list(vec![]), ..limits() });
    assert_eq!(world.act(2, id, vec![journal(1)]), refused(Reason::ZeroAmount));
    world.fails(1, journal(1), Reason::ZeroAmount);
}

/// Debts that settlement collects later are debited to no grant: no call makes one without being named. By a grant that
/// names them a microgrid can be founded, but its operator has given it no mandate by that, and nobody becomes
/// an installer who would stay one.
#[test]
fn what_is_collected_later_has_to_be_named() {
    let mut world = World::new(params());
    let (reference, asset, interval_ms) = (Hash([9; 32]), AssetId::NATIVE, TimeMs(900_000));
    let microgrid = call::energy::microgrid_id(&address(1), &reference);
    let found = Call::from(call::energy::RegisterMicrogrid { reference, asset, interval_ms });
    let terms = |installer| {
        let terms = Box::new(call::energy::Terms { installer, ..settlement::terms() });
        Call::from(call::energy::SetTerms { microgrid, terms })
    };
    let any = grant(&mut world, Limits { calls: Calls::Any, ..limits() });
    let named = grant(&mut world, Limits { calls: only(&[&found, &terms(None)]), ..limits() });
    assert_eq!(world.act(2, any, vec![found.clone()]), refused(Reason::CallNotGranted));
    assert_eq!(world.act(2, named, vec![found]), Outcome::Success);
    assert_eq!(world.state.read(keys::mandate(&microgrid, &address(1))), None);
    assert_eq!(world.act(2, any, vec![terms(None)]), refused(Reason::CallNotGranted));
    assert_eq!(world.act(2, named, vec![terms(Some(address(2)))]), refused(Reason::CallNotGranted));
    assert_eq!(world.act(2, named, vec![terms(None)]), Outcome::Success);
    world.ok(1, terms(Some(address(3))));
    assert_eq!(world.act(2, named, vec![terms(Some(address(2)))]), refused(Reason::CallNotGranted));
    assert_eq!(world.act(2, named, vec![terms(Some(address(3)))]), Outcome::Success);
}

#[test]
fn a_grant_that_cannot_be_is_not_made() {
    let mut world = World::new(params());
    let make =
        |grantee, limits| Call::from(Grant { reference: Hash::ZERO, grantee: address(grantee), limits });
    world.fails(1, make(1, limits()), Reason::SameAccount);
    world.fails(1, make(2, Limits { expires_ms: world.env.time_ms, ..limits() }), Reason::BadTime);
    world.fails(1, make(2, Limits { books: list(vec![BookId([99; 16])]), ..limits() }), Reason::UnknownBook);
    let twice = Limits { spending: list(vec![native(), native()]), ..limits() };
    let error = world.try_sign(world.body(1, vec![make(2, twice)]), &[1]).unwrap_err();
    assert_eq!(error, TxError::Call { index: 0, reason: Reason::OutOfRange });
    world.ok(1, make(2, limits()));
    world.fails(1, make(2, limits()), Reason::AlreadyExists);
}

/// Grants are listed by who made them and by who was given them, without holes, and a deposit comes back with each.
#[test]
fn grants_are_listed_on_both_sides() {
    let mut world = World::new(Params { account_deposit: Amount(10), ..params() });
    let before = world.funds(1).0;
    let ids: Vec<Hash> = (0..5).map(|n| grant_to(&mut world, 2 + n % 2, limits())).collect();
    let listed = |world: &World, side, n: u8, from, limit| -> Vec<Hash> {
        crate::query::grants(&world.state, side, &address(n), from, limit)
            .into_iter()
            .map(|(id, _)| id)
            .collect()
    };
    use crate::keys::ListSide::{Grantee, Grantor};
    assert_eq!(listed(&world, Grantor, 1, 0, 9), ids);
    assert_eq!(listed(&world, Grantor, 1, 3, 9), ids[3..]);
    assert_eq!(listed(&world, Grantee, 2, 0, 2), [ids[0], ids[2]]);
    world.ok(1, Call::from(RevokeGrant { grant: ids[0] }));
    assert_eq!(listed(&world, Grantor, 1, 0, 9), [ids[4], ids[1], ids[2], ids[3]]);
    assert_eq!(listed(&world, Grantee, 2, 0, 9), [ids[4], ids[2]]);
    for id in &ids[1..] {
        world.ok(1, Call::from(RevokeGrant { grant: *id }));
    }
    assert_eq!(listed(&world, Grantor, 1, 0, 9), []);
    assert_eq!(world.funds(1).0, before);
}

#[test]
fn a_kind_of_call_is_its_name() {
    for (kind, module, call) in CallKind::all() {
        let text = format!("{module}.{call}");
        assert_eq!((kind.to_string(), text.parse()), (text.clone(), Ok(kind)));
        assert_eq!(decode_kind(&encode(&kind)), Some(kind));
    }
    assert_eq!(decode_kind(&[2, 200]), None);
    assert!("identity.nothing".parse::<CallKind>().is_err());
}

fn decode_kind(bytes: &[u8]) -> Option<CallKind> {
    borsh::from_slice(bytes).ok()
}
