//! Intervals, trades, disputes, and the proofs of events.

use super::*;
use wattle_primitives::call::energy::{ClearingRule, Fees, LossRule, TariffBand, Terms};
use wattle_primitives::call::market::Side;
use wattle_primitives::event::{EnergyEvent, MarketEvent};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Call, call};
use wattle_runtime::modules::energy::upkeep::least_price;

/// Terms with a market: the gate closes 5 min before an interval, which settles 1 min after it and is final after 2.
fn market_terms() -> Terms {
    let band = TariffBand { from_minute: 0, import_price: Amount(300_000), export_price: Amount(100_000) };
    Terms {
        tariff: BoundedVec::new(vec![band]).unwrap(),
        utc_offset_minutes: 0,
        clearing: ClearingRule::Uniform,
        gate_closure_ms: TimeMs(300_000),
        grace_ms: TimeMs(60_000),
        late_window_ms: TimeMs(120_000),
        fee_per_kwh: Amount(0),
        losses: LossRule::Operator,
        loss_permille_max: 1000,
        credit_limit: Amount(50_000),
        installer: None,
        dispute_votes: 2,
        notice_ms: TimeMs(0),
        fees: Fees::default(),
    }
}

/// Goal: what became of an interval is told when it is over, too; before the first terms there was none.
#[test]
fn an_interval_is_told_to_its_end() {
    let mut world = World::new();
    let microgrid = microgrid_id(&address(1), &Hash::ZERO);
    let member =
        |n| Call::from(call::energy::SetMember { microgrid, account: address(n), credit_limit: None });
    let terms = Call::from(call::energy::SetTerms { microgrid, terms: Box::new(market_terms()) });
    let interval = IntervalId(world.header.time_ms.0 / 900_000 + 3);
    let order = |side, price, wh| {
        let (reference, partner, expires_ms) = (Hash::ZERO, None, None);
        Call::from(call::market::PlaceOrder {
            microgrid,
            reference,
            interval,
            side,
            price: Amount(price),
            wh: WattHours(wh),
            partner,
            expires_ms,
        })
    };
    world.block(vec![world.tx(1, 0, vec![member(2), member(3), terms])], true);
    world.block(
        vec![
            world.tx(2, 0, vec![order(Side::Buy, 250_000, 700)]),
            world.tx(3, 0, vec![order(Side::Sell, 150_000, 1000)]),
        ],
        true,
    );
    let start = interval.0 * 900_000;
    let look = |world: &World, at| world.open().energy_interval(microgrid, at).map(|found| found.value);
    let open = look(&world, interval).unwrap();
    assert_eq!((open.state, open.orders, open.trades), (IntervalState::Open, Some(2), None));
    assert!(open.events.is_empty());
    let told = |world: &World| {
        let info = look(world, interval).unwrap();
        (info.state, info.traded_wh.0, info.trades, info.price.map(|price| price.0), info.events.len())
    };
    world.block_at(start - 300_000);
    let node = world.open();
    let trades = all(1, |page| node.market_trades(microgrid, interval, page));
    assert!(
        matches!(
            &trades[..],
            [EventItem { event: Event::Market(MarketEvent::Traded { wh: WattHours(700), .. }), .. }]
        ),
        "{trades:?}"
    );
    assert_eq!(told(&world), (IntervalState::Cleared, 700, Some(1), Some(250_000), 1));
    world.block_at(start + 900_000 + 60_000);
    assert_eq!(told(&world), (IntervalState::Settled, 700, Some(1), Some(250_000), 2));
    world.block_at(start + 900_000 + 120_000);
    assert_eq!(told(&world), (IntervalState::Final, 700, Some(1), Some(250_000), 3));
    // Later lines of others do not hide it.
    world.block_at(start + 20 * 900_000);
    let last = look(&world, interval).unwrap();
    assert_eq!((last.orders, last.settlement.is_none(), told(&world).4), (None, true, 3));
    let node = world.open();
    for item in &last.events {
        assert_eq!(node.events(item.position, 1).unwrap().items, std::slice::from_ref(item));
    }
    let [
        Event::Market(MarketEvent::MarketCleared { .. }),
        Event::Energy(EnergyEvent::IntervalSettled { .. }),
        Event::Energy(EnergyEvent::IntervalFinal { .. }),
    ] = [0, 1, 2].map(|step: usize| last.events[step].event.clone())
    else {
        panic!("{:?}", last.events)
    };
    assert_eq!(all(9, |page| node.market_trades(microgrid, interval, page)), trades);
    for before in [IntervalId(0), IntervalId(interval.0 - 4)] {
        assert!(matches!(look(&world, before), Err(RpcError::NotFound { what: "interval", .. })));
        let terms = node.energy_terms(microgrid, Some(before));
        assert!(matches!(terms, Err(RpcError::NotFound { what: "terms", .. })));
    }
    let alone = node.energy_members(microgrid, Some(address(3)), page(None, 5)).unwrap().items;
    assert_eq!(alone.iter().map(|member| member.account).collect::<Vec<_>>(), [address(3)]);
    every_event_is_proven(&node, world.header.height);
}

/// Goal: whoever looks sees whether a microgrid stands still, for want of what, and out of whose wallet it works.
#[test]
fn a_microgrid_says_who_pays_for_its_work() {
    let mut world = World::new();
    let microgrid = microgrid_id(&address(1), &Hash::ZERO);
    let terms = Call::from(call::energy::SetTerms { microgrid, terms: Box::new(market_terms()) });
    let resume = || Call::from(call::energy::ResumeMicrogrid { microgrid });
    let told = |world: &World| {
        let info = world.open().energy_microgrid(microgrid).unwrap().value;
        (
            info.paused.map(|paused| (paused.own.0, paused.available < paused.needed)),
            info.own_wallet,
            info.waits,
        )
    };
    world.block(vec![world.tx(1, 0, vec![terms])], true);
    assert_eq!(told(&world), (None, false, false));
    let least = least_price(&world.genesis.params).0;
    let rest = world.open().account(address(1)).unwrap().balances[0].available.0;
    world.block(vec![world.tx(1, 1, vec![transfer(2, rest - least)])], true); // what is left pays the fee
    world.block_at((world.header.time_ms.0 / 900_000 + 3) * 900_000);
    assert_eq!(told(&world), (Some((0, true)), false, false));
    let (to, amount) = (Address::of_microgrid(&microgrid), Amount(500_000));
    let pay = Call::from(call::token::Transfer { to, asset: AssetId::NATIVE, amount });
    world.block(vec![world.tx(3, 0, vec![pay, resume()])], true);
    assert_eq!(told(&world), (None, true, false));
    world.block(vec![world.tx(2, 0, vec![transfer(1, 100_000)]), world.tx(1, 2, vec![resume()])], true);
    assert_eq!(told(&world), (None, false, false));
}

/// Every event of the chain has a proof that holds, for its own place and event only.
fn every_event_is_proven(node: &NodeBackend, head: Height) {
    let (mut count, mut next) = (0, EventPosition { height: Height(1), index: 0 });
    while next.height <= head {
        let part = node.events(next, 50).unwrap();
        next = part.next;
        for item in part.items {
            let proof = node.chain_event_proof(item.position).unwrap();
            let leaf = Hash::of(domain::RECEIPT_LEAF, &[&proof.leaf]);
            assert!(proof.proof.verify(&proof.header.receipts_root, &leaf), "{item:?}");
            let events: Vec<Event> = match proof.proof.index {
                0 => borsh::from_slice(&proof.leaf).unwrap(),
                _ => borsh::from_slice::<Receipt>(&proof.leaf).unwrap().events,
            };
            assert_eq!(events.get(proof.place as usize), Some(&item.event));
            assert_eq!((&proof.event, proof.header.height), (&item.event, item.position.height));
            count += 1;
        }
        let beyond = EventPosition { height: Height(next.height.0 - 1), index: 9999 };
        assert!(matches!(node.chain_event_proof(beyond), Err(RpcError::NotFound { .. })));
    }
    assert!(count > 30, "{count} events");
}

/// Goal: whoever must decide finds what is contested, and by which readings.
#[test]
fn open_disputes_are_listed_with_their_evidence() {
    let mut world = World::new();
    let (microgrid, chain) = (microgrid_id(&address(1), &Hash::ZERO), world.chain);
    let open = |n: u8| {
        Call::from(call::disputes::OpenDispute {
            microgrid,
            reference: Hash([n; 32]),
            first: Box::new(reading(&chain, 50, n.into())),
            second: Box::new(reading(&chain, 50, u64::from(n) + 10)),
            claim: Amount(5),
            note: Hash::ZERO,
        })
    };
    let terms = Call::from(call::energy::SetTerms { microgrid, terms: Box::new(market_terms()) });
    world.block(vec![world.tx(1, 0, vec![terms])], true);
    world.block_at(world.header.time_ms.0 + 1_800_000); // the terms hold
    let txs: Vec<Tx> = (1..=3u8).map(|n| world.tx(1, n.into(), vec![open(n)])).collect();
    let ids: Vec<Hash> = txs.iter().map(|tx| tx.body().id()).collect();
    world.block(txs, true);
    let listed = |world: &World, request| {
        let node = world.open();
        all(2, |page| node.disputes_list(request, page))
    };
    let found = listed(&world, DisputesRequest { microgrid: Some(microgrid), account: Some(address(1)) });
    assert_eq!(found.len(), 3);
    for dispute in &found {
        let opened = dispute.opened.unwrap();
        let n = opened.first_seq;
        assert_eq!((opened.second_seq, opened.tx), (n + 10, ids[usize::try_from(n).unwrap() - 1]));
        assert_eq!((dispute.votes_needed, dispute.upheld, dispute.meter), (2, 0, address(50)));
        assert_eq!(world.open().disputes_get(dispute.dispute).unwrap().value, *dispute);
    }
    assert!(listed(&world, DisputesRequest { account: Some(address(2)), ..Default::default() }).is_empty());
    let withdraw = Call::from(call::disputes::WithdrawDispute { dispute: found[0].dispute });
    world.block(vec![world.tx(1, 4, vec![withdraw])], true);
    // The last has taken the place of the one that is withdrawn.
    assert_eq!(listed(&world, DisputesRequest::default()), [found[2].clone(), found[1].clone()]);
}
