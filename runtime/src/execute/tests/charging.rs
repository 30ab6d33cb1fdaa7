//! Nonces, lanes, authority, sponsorship, fees and bandwidth.

use super::*;
use crate::keys;
use crate::modules::ledger::posting::FEES;
use crate::modules::ledger::records::Balance;
use crate::overlay::Overlay;
use wattle_primitives::call;
use wattle_primitives::call::identity::{Authority, Calls, KeyWeight, Limits, PerPeriod, Spending};
use wattle_primitives::call::ledger::Entry;
use wattle_primitives::event::IdentityEvent;

fn refusal(world: &World, tx: &VerifiedTx) -> TxError {
    match execute_block(&world.state, &world.env, std::slice::from_ref(tx)) {
        Err(BlockError::Tx { index: 0, source }) => source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_no_state_could_accept_is_refused_before_any_signature_is_looked_at() {
    let world = World::new(params());
    let good = world.body(1, vec![transfer(2, 1)]);
    let cases: Vec<(TxBody, Vec<u8>, &str)> = vec![
        (TxBody { chain: Hash::ZERO, ..good.clone() }, vec![1], "tx_wrong_chain"),
        (TxBody { lane: Lane(16), ..good.clone() }, vec![1], "tx_bad_lane"),
        (TxBody { calls: BoundedVec::default(), ..good.clone() }, vec![1], "tx_no_calls"),
        (world.body(1, vec![transfer(2, 0)]), vec![1], "tx_bad_call"),
        (good.clone(), vec![], "tx_bad_auths"),
        (good.clone(), vec![1, 1], "tx_bad_auths"),
    ];
    for (body, keys, code) in cases {
        let error = world.try_sign(body, &keys).expect_err(code);
        assert_eq!((error.code(), error.is_stateless()), (code, true));
    }
    let mut forged = world.sign(good, &[1]).tx().clone();
    let Tx::V1 { body, .. } = &mut forged;
    body.tip = Amount(1);
    let checked = CheckedTx::check(forged, &world.env.chain, &world.env.params).unwrap();
    let fine = world.sign(world.body(2, vec![transfer(1, 1)]), &[2]);
    let verdicts = verify_all(vec![(*fine).clone(), checked, (*fine).clone()]);
    assert_eq!(verdicts.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert!(verdicts[1].as_ref().is_err_and(TxError::is_stateless));
}

#[test]
fn each_lane_counts_its_own_nonces() {
    let mut world = World::new(params());
    let at = |world: &World, lane, nonce| {
        let body = TxBody { lane: Lane(lane), nonce: Nonce(nonce), ..world.body(1, vec![transfer(2, 1)]) };
        world.sign(body, &[1])
    };
    let txs = [at(&world, 15, 0), at(&world, 0, 0), at(&world, 15, 1), at(&world, 3, 0)];
    world.try_run(&txs).unwrap();
    for (lane, nonce, want) in [
        (15, 2, Admission::Ready),
        (15, 5, Admission::Future { gap: 3 }),
        (15, 1, Admission::Stale),
        (7, 0, Admission::Ready),
    ] {
        let tx = at(&world, lane, nonce);
        assert_eq!(admit(&world.state, &world.env, &tx), Ok(want), "{lane} {nonce}");
        assert_eq!(world.clone_run(&tx).is_ok(), want == Admission::Ready);
    }
    assert!(matches!(refusal(&world, &txs[0]), TxError::Nonce { .. }));
}

impl World {
    fn clone_run(&self, tx: &VerifiedTx) -> Result<Executed, BlockError> {
        execute_block(&self.state, &self.env, std::slice::from_ref(tx))
    }
}

#[test]
fn expiry_and_the_fee_cap_are_exact() {
    let world = World::new(Params { weight_price: Amount(2), ..params() });
    let now = world.env.time_ms;
    let body = |expires_ms, max_fee| TxBody {
        expires_ms,
        max_fee,
        tip: Amount(3),
        ..world.body(1, vec![transfer(2, 1)])
    };
    let fee = fee_of(&world.env.params, weigh(&body(now, Amount(0)), 1), Amount(3));
    let tx = |expires_ms, max_fee| world.sign(body(expires_ms, max_fee), &[1]);
    assert_eq!(refusal(&world, &tx(now, fee)).code(), "tx_expired");
    assert_eq!(refusal(&world, &tx(now.next(), Amount(fee.0 - 1))).code(), "tx_fee_cap");
    let done = world.clone_run(&tx(now.next(), fee)).unwrap();
    assert_eq!(done.receipts.txs[0].fee, fee);
}

#[test]
fn weights_must_reach_the_threshold_and_no_signature_is_superfluous() {
    let mut world = World::new(params());
    let mut keys: Vec<_> =
        [(1, 1), (11, 1), (12, 2)].map(|(n, weight)| KeyWeight { key: key(n).public(), weight }).into();
    keys.sort();
    let authority = Authority { keys: BoundedVec::new(keys).unwrap(), threshold: 2 };
    world.ok(1, Call::from(call::identity::SetAuthority { authority }));
    let table: &[(&[u8], Option<&str>)] = &[
        (&[1], Some("tx_not_authorized")),
        (&[1, 11], None),
        (&[12], None),
        (&[1, 12], Some("tx_superfluous_signature")),
        (&[12, 5], Some("tx_superfluous_signature")),
        (&[5], Some("tx_not_authorized")),
    ];
    for (signers, want) in table {
        let tx = world.sign(world.body(1, vec![transfer(2, 1)]), signers);
        let got = world.clone_run(&tx).err().map(|_| refusal(&world, &tx).code());
        assert_eq!(got, *want, "{signers:?}");
    }
    let bad = Authority { keys: BoundedVec::default(), threshold: 1 };
    let error = world
        .try_sign(world.body(1, vec![Call::from(call::identity::SetAuthority { authority: bad })]), &[1]);
    assert_eq!(error.unwrap_err().code(), "tx_bad_call");
}

#[test]
fn a_sponsor_pays_fees_and_deposits_up_to_its_limits_and_never_bandwidth() {
    let mut world = World::new(Params { weight_price: Amount(1), account_deposit: Amount(100), ..params() });
    let create = Call::from(call::identity::CreateAccount { key: key(90).public() });
    let by = |world: &World, payer: u8| {
        let body = TxBody { fee_payer: address(payer), ..world.body(30, vec![create.clone()]) };
        world.sign(body, &[30])
    };
    assert_eq!(
        refusal(&world, &world.sign(world.body(30, vec![create.clone()]), &[30])).code(),
        "tx_unknown_account"
    );
    assert_eq!(refusal(&world, &by(&world, 1)).code(), "tx_not_sponsored");
    let cost = by(&world, 1).weight().0;
    let until = TimeMs(world.env.time_ms.0 + 5000);
    let allowance = Amount(u128::from(cost) * 2 + 200 + 5);
    let sponsor = |total| {
        Call::from(call::identity::Sponsor { grantee: address(30), limits: Limits::allowance(total, until) })
    };
    world.ok(1, sponsor(allowance));
    let before = world.funds(1).0;
    let bucket = |world: &World, n: u8| {
        world.state.read(keys::account(&address(n))).map_or(TimeMs(0), |account| account.bucket.at_ms)
    };
    assert_eq!(bucket(&world, 30), TimeMs(0));
    let drawn = bucket(&world, 1);
    let tx = by(&world, 1);
    let done = world.try_run(&[tx]).unwrap();
    assert_eq!(bucket(&world, 1), drawn, "the sponsor's bucket is its own");
    assert!(bucket(&world, 30) > drawn, "the sender draws on its own");
    assert_eq!(done.receipts.txs[0].outcome, Outcome::Success);
    assert!(
        done.receipts.txs[0]
            .events
            .contains(&Event::Identity(IdentityEvent::AccountCreated { account: address(30) }))
    );
    assert_eq!(world.funds(1).0, before - u128::from(cost) - 200, "fee, and a deposit for either account");
    // New things are paid for within the same limits: the fee still fits, the deposit does not.
    let other = Call::from(call::identity::CreateAccount { key: key(91).public() });
    let tx = world.sign(TxBody { fee_payer: address(1), ..world.body(30, vec![other]) }, &[30]);
    let done = world.try_run(&[tx]).unwrap();
    assert_eq!(done.receipts.txs[0].outcome, Outcome::Failed { call: 0, reason: Reason::GrantExceeded });
    let left = |world: &World| {
        let sponsorship = world.state.read(keys::sponsorship(&address(1), &address(30))).unwrap();
        sponsorship.allowance.left(world.env.time_ms, AssetId::NATIVE)
    };
    assert_eq!(left(&world), Amount(5));
    assert_eq!(refusal(&world, &by(&world, 1)).code(), "tx_not_sponsored");
    world.ok(1, sponsor(START));
    world.env.time_ms = until;
    assert_eq!(refusal(&world, &by(&world, 1)).code(), "tx_not_sponsored");
    // A payer who signs needs no sponsorship.
    let body = TxBody { fee_payer: address(2), ..world.body(30, vec![create.clone()]) };
    let tx = world.sign(body, &[30, 2]);
    world.try_run(&[tx]).unwrap();
    let before = world.funds(1).0;
    let receipt = world.run(1, vec![Call::from(call::identity::Unsponsor { grantee: address(30) })]);
    assert_eq!(world.funds(1).0, before - receipt.fee.0 + 100);
}

/// A deposit comes back to who paid it, whoever owned the thing.
#[test]
fn a_deposit_goes_back_to_the_payer_that_paid_it() {
    let mut world = World::new(Params { account_deposit: Amount(100), ..params() });
    let (until, allowance) = (TimeMs(world.env.time_ms.0 + 60_000), Amount(1000));
    world.ok(
        1,
        Call::from(call::identity::Sponsor {
            grantee: address(3),
            limits: Limits::allowance(allowance, until),
        }),
    );
    let entry = Entry::new(wallet(3), wallet(4), AssetId::NATIVE, Amount(50));
    let (reference, ttl_ms) = (Hash([7; 32]), Some(TimeMs(10_000)));
    let hold = Call::from(call::ledger::Hold { reference, entry, captor: address(3), ttl_ms });
    let void = Call::from(call::ledger::Void { hold: call::ledger::hold_id(&address(3), &reference) });
    let paid = |world: &World| [1, 3].map(|n| world.funds(n).0);
    let [sponsor, owner] = paid(&world);
    let tx = world.sign(TxBody { fee_payer: address(1), ..world.body(3, vec![hold]) }, &[3]);
    world.try_run(&[tx]).unwrap();
    assert_eq!(paid(&world), [sponsor - 100, owner - 50]);
    world.ok(3, void);
    assert_eq!(paid(&world), [sponsor, owner]);
}

/// One that is sponsored can neither drain its operator nor its sisters, nor keep the operator from ending it.
#[test]
fn a_sponsored_device_is_held_to_its_limits_and_blocks_nobody() {
    let probe = World::new(params());
    let weight = probe.sign(probe.body(1, vec![transfer(2, 1)]), &[1]).weight();
    let capacity = Weight(weight.0 * 4);
    let mut world = World::new(Params {
        bandwidth_capacity: capacity,
        bandwidth_rate: Weight(1),
        weight_price: Amount(1),
        ..params()
    });
    let limits = Limits {
        calls: Calls::Only(BoundedVec::new(vec![transfer(2, 1).kind()]).unwrap()),
        tx_per_hour: Some(2),
        ..Limits::allowance(Amount(u128::from(weight.0) * 3), TimeMs::MAX)
    };
    let sponsor = |n| Call::from(call::identity::Sponsor { grantee: address(n), limits: limits.clone() });
    let tx = world.sign(world.body(1, vec![sponsor(3), sponsor(4)]), &[1]);
    world.try_run(&[tx]).unwrap();
    let by = |world: &World, n: u8, call: Call| {
        world.sign(TxBody { fee_payer: address(1), ..world.body(n, vec![call]) }, &[n])
    };
    let why = |world: &World, tx: VerifiedTx| match refusal(world, &tx) {
        TxError::Sponsorship { reason, .. } => reason,
        other => panic!("{other:?}"),
    };
    let create = || Call::from(call::identity::CreateAccount { key: key(90).public() });
    assert_eq!(why(&world, by(&world, 3, create())), Reason::CallNotGranted);
    for _ in 0..2 {
        let tx = by(&world, 3, transfer(2, 1));
        world.try_run(&[tx]).unwrap();
    }
    assert_eq!(why(&world, by(&world, 3, transfer(2, 1))), Reason::GrantRateExceeded);
    world.env.time_ms = TimeMs(world.env.time_ms.0 + 3_600_000);
    let tx = by(&world, 3, transfer(2, 1));
    world.try_run(&[tx]).unwrap();
    assert_eq!(why(&world, by(&world, 3, transfer(2, 1))), Reason::GrantExceeded);
    // Its sister, and the operator that ends it, have what they had.
    let tx = by(&world, 4, transfer(2, 1));
    world.try_run(&[tx]).unwrap();
    world.ok(1, Call::from(call::identity::Unsponsor { grantee: address(3) }));
    assert_eq!(why(&world, by(&world, 3, transfer(2, 1))), Reason::UnknownGrant);
}

/// Sponsorships are listed by who pays and by who is paid for, without holes; one that is replaced keeps its place.
#[test]
fn sponsorships_are_listed_on_both_sides() {
    use crate::keys::ListSide::{Grantee, Grantor};
    let mut world = World::new(Params { account_deposit: Amount(10), ..params() });
    let before = world.funds(1).0;
    let limits = |total| Limits::allowance(Amount(total), TimeMs::MAX);
    let sponsor =
        |n, total| Call::from(call::identity::Sponsor { grantee: address(n), limits: limits(total) });
    let end = |n| Call::from(call::identity::Unsponsor { grantee: address(n) });
    let listed = |world: &World, side, n: u8, from, limit| -> Vec<Address> {
        let found = crate::query::sponsorships(&world.state, side, &address(n), from, limit);
        found.into_iter().map(|(other, _)| other).collect()
    };
    for n in [3, 4, 5, 6] {
        world.ok(1, sponsor(n, 100));
    }
    world.ok(2, sponsor(4, 100));
    world.ok(1, sponsor(4, 50));
    assert_eq!(listed(&world, Grantor, 1, 0, 9), [3, 4, 5, 6].map(address));
    assert_eq!(listed(&world, Grantor, 1, 1, 2), [4, 5].map(address));
    assert_eq!(listed(&world, Grantee, 4, 0, 9), [1, 2].map(address));
    let left = |n| {
        let found = world.state.read(keys::sponsorship(&address(n), &address(4))).unwrap();
        found.allowance.limits.spending[0].total
    };
    assert_eq!([left(1), left(2)], [Some(Amount(50)), Some(Amount(100))]);
    // The last of either list takes the place of the one that ends.
    world.ok(1, end(4));
    assert_eq!(listed(&world, Grantor, 1, 0, 9), [3, 6, 5].map(address));
    assert_eq!(listed(&world, Grantee, 4, 0, 9), [address(2)]);
    for n in [6, 3, 5] {
        world.ok(1, end(n));
    }
    assert_eq!(listed(&world, Grantor, 1, 0, 9), []);
    assert_eq!(world.funds(1).0, before);
}

#[test]
fn a_sponsorship_is_of_fees_in_the_native_asset() {
    let world = World::new(params());
    let plain = Limits::allowance(Amount(9), TimeMs::MAX);
    let native = plain.spending[0];
    let spend = |rows: Vec<Spending>| Limits { spending: BoundedVec::new(rows).unwrap(), ..plain.clone() };
    let never = Some(PerPeriod { amount: Amount(1), period_ms: TimeMs(0) });
    let table = [
        (plain.clone(), None),
        (spend(vec![Spending { total: Some(Amount(0)), ..native }]), Some(Reason::ZeroAmount)),
        (spend(vec![]), Some(Reason::OutOfRange)),
        (spend(vec![native, native]), Some(Reason::OutOfRange)),
        (spend(vec![Spending { asset: AssetId(1), ..native }]), Some(Reason::OutOfRange)),
        (spend(vec![Spending { cosign_above: Some(Amount(1)), ..native }]), Some(Reason::OutOfRange)),
        (spend(vec![Spending { per_period: never, ..native }]), Some(Reason::OutOfRange)),
        (Limits { uses: Some(0), ..plain.clone() }, Some(Reason::OutOfRange)),
        (Limits { tx_per_hour: Some(0), ..plain.clone() }, Some(Reason::OutOfRange)),
        (
            Limits { counterparties: BoundedVec::new(vec![address(2)]).unwrap(), ..plain.clone() },
            Some(Reason::OutOfRange),
        ),
        (
            Limits { books: BoundedVec::new(vec![BookId([1; 16])]).unwrap(), ..plain.clone() },
            Some(Reason::OutOfRange),
        ),
    ];
    for (limits, want) in table {
        let call = Call::from(call::identity::Sponsor { grantee: address(30), limits: limits.clone() });
        let got = world.try_sign(world.body(1, vec![call]), &[1]).err();
        assert_eq!(got, want.map(|reason| TxError::Call { index: 0, reason }), "{limits:?}");
    }
}

#[test]
fn an_empty_bucket_stops_its_sender_until_it_has_leaked() {
    let probe = World::new(params());
    let weight = probe.sign(probe.body(1, vec![transfer(2, 1)]), &[1]).weight();
    let mut world =
        World::new(Params { bandwidth_capacity: Weight(weight.0 * 2), bandwidth_rate: weight, ..params() });
    let at = |world: &World, nonce| {
        world.sign(TxBody { nonce: Nonce(nonce), ..world.body(1, vec![transfer(2, 1)]) }, &[1])
    };
    let txs: Vec<_> = (0..4).map(|nonce| at(&world, nonce)).collect();
    let limits = BuildLimits { bytes_max: usize::MAX, weight_max: Weight::MAX };
    let built = build_block(&world.state, &world.env, txs.clone().into_iter(), limits);
    assert_eq!(built.txs.len(), 2);
    assert_eq!(built.skipped[0], (txs[2].id(), TxError::Bandwidth { retry_ms: TimeMs(1000) }));
    assert!(!built.skipped[0].1.is_stateless());
    world.try_run(&txs[..2]).unwrap(); // a second passes: room for one
    world.try_run(&txs[2..3]).unwrap();
    world.env.time_ms = TimeMs(world.env.time_ms.0 - 1);
    assert_eq!(refusal(&world, &txs[3]), TxError::Bandwidth { retry_ms: TimeMs(1) });
}

#[test]
fn simulation_says_what_would_happen_without_signatures() {
    let world = World::new(Params { weight_price: Amount(1), ..params() });
    let body = world.body(1, vec![transfer(2, 10)]);
    let told = simulate(&world.state, &world.env, &body, &[]).unwrap();
    let done = world.clone_run(&world.sign(body.clone(), &[1])).unwrap();
    assert_eq!((Some(&told.receipt), told.uncharged), (done.receipts.txs.first(), None));
    let poor = TxBody { max_fee: Amount(0), ..body };
    let told = simulate(&world.state, &world.env, &poor, &[]).unwrap();
    assert_eq!(told.receipt.outcome, Outcome::Success);
    assert_eq!(told.uncharged.unwrap().code(), "tx_fee_cap");
}

/// A simulation takes whatever a block takes, whoever pays and signs: with the signatures that are there so far, and
/// with all of them.
#[test]
fn simulation_takes_what_a_block_takes() {
    let mut world = World::new(Params { weight_price: Amount(1), ..params() });
    let until = TimeMs(world.env.time_ms.0 + 3_600_000);
    for (payer, total) in [(1, START), (5, Amount(1))] {
        let limits = Limits::allowance(total, until);
        world.ok(payer, Call::from(call::identity::Sponsor { grantee: address(2), limits }));
    }
    let limits = Limits::allowance(Amount(100), until);
    let spending = Spending { cosign_above: Some(Amount(50)), ..limits.spending[0] };
    let limits = Limits { spending: BoundedVec::new(vec![spending]).unwrap(), ..limits };
    world.ok(1, Call::from(call::identity::Grant { reference: Hash::ZERO, grantee: address(2), limits }));
    let grant = Some(call::identity::grant_id(&address(1), &Hash::ZERO));
    let failed = |reason| Outcome::Failed { call: 0, reason };
    // Its payer, by a grant or not, and who signs.
    let table: [(u8, bool, &[u8], Outcome); 6] = [
        (2, false, &[2], Outcome::Success),
        (1, false, &[2], Outcome::Success),
        (1, true, &[2], failed(Reason::CosignatureNeeded)),
        (1, true, &[2, 1], Outcome::Success),
        (3, true, &[2, 3], failed(Reason::CosignatureNeeded)),
        (3, false, &[2, 3], Outcome::Success),
    ];
    for (payer, by_grant, signers, want) in table {
        let grant = grant.filter(|_| by_grant);
        let body = TxBody { grant, fee_payer: address(payer), ..world.body(2, vec![transfer(4, 51)]) };
        let tx = world.sign(body.clone(), signers);
        let done = world.clone_run(&tx).unwrap();
        let receipt = done.receipts.txs.first();
        assert_eq!(receipt.map(|receipt| &receipt.outcome), Some(&want), "{payer} {by_grant}");
        let told = |auths: &[Auth]| simulate(&world.state, &world.env, &body, auths).unwrap();
        let signed = told(tx.tx().auths());
        assert_eq!((Some(&signed.receipt), signed.uncharged), (receipt, None));
        if payer != 1 || signers.len() == 1 {
            assert_eq!(Some(&told(&[]).receipt), receipt, "{payer} {by_grant}: nobody has signed yet");
        }
    }
    // A sponsorship that does not suffice is told of; its sponsor's signature is good instead.
    let body = TxBody { fee_payer: address(5), ..world.body(2, vec![transfer(4, 51)]) };
    let told = simulate(&world.state, &world.env, &body, &[]).unwrap();
    assert_eq!(told.uncharged.unwrap().code(), "tx_not_sponsored");
    let tx = world.sign(body.clone(), &[2, 5]);
    let done = world.clone_run(&tx).unwrap();
    let told = simulate(&world.state, &world.env, &body, tx.tx().auths()).unwrap();
    assert_eq!((Some(&told.receipt), told.uncharged), (done.receipts.txs.first(), None));
}

#[test]
fn what_fails_in_the_middle_of_charging_leaves_no_trace() {
    let mut world = World::new(Params { weight_price: Amount(1), ..params() });
    // No real chain gets here: so many fees that no more can be counted. The payer is debited before that shows.
    let mut overlay = Overlay::new(&world.state);
    let fees = keys::balance(&FEES, AssetId::NATIVE);
    overlay.write(fees, &Balance { credits_posted: u128::MAX, ..Balance::default() });
    (world.state, _) = overlay.finish();
    let tx = world.sign(world.body(1, vec![transfer(2, 10)]), &[1]);
    assert_eq!(refusal(&world, &tx).code(), "tx_insufficient_funds");
    let limits = BuildLimits { bytes_max: usize::MAX, weight_max: Weight::MAX };
    let built = build_block(&world.state, &world.env, std::iter::once(tx), limits);
    assert_eq!((built.txs.len(), built.skipped.len()), (0, 1));
    assert_eq!(built.executed.state_root, world.state.root());
    assert_eq!(built.executed.writes, []);
}
