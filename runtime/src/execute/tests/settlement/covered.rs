//! Energy that is sold and not delivered is paid by who sold it.

use super::*;
use wattle_primitives::call;
use wattle_primitives::call::disputes::dispute_id;
use wattle_primitives::call::market::Side;

/// An offer and a bid of 1,000 Wh for 0.20, for the interval of `at`.
fn orders(village: &Village, at: u64) -> (Call, Call) {
    let order = |side| {
        Call::from(call::market::PlaceOrder {
            microgrid: village.id,
            reference: Hash([1; 32]),
            interval: village.interval(at),
            side,
            price: Amount(200_000),
            wh: WattHours(1000),
            partner: None,
            expires_ms: None,
        })
    };
    (order(Side::Sell), order(Side::Buy))
}

/// Person 2 sells 1,000 Wh of the first interval to person 3 for 0.20, and delivers `export` of it; the grid asks 0.30.
fn sold(export: u64) -> Village {
    let mut village = Village::new(params(), &Terms { clearing: ClearingRule::PayAsBid, ..terms() });
    let mut sims = [village.meter(52, 2, MeterRole::Sub), village.meter(53, 3, MeterRole::Sub)];
    let (offer, bid) = orders(&village, village.first_ms);
    village.ok(2, offer);
    village.ok(3, bid);
    village.go(village.first_ms + 1000);
    // Price and deposit are in escrow, and stay there.
    assert_eq!((village.tab(2), village.member(2).exposed), (300_000, Amount(300_000)));
    assert_eq!(village.customer(2), Customer { escrow: Amount(300_000), ..Customer::default() });
    village.ok(2, Call::from(call::energy::PayTab { microgrid: village.id }));
    assert_eq!((village.tab(2), village.funds(2)), (300_000, 900_000));
    village.check_tabs();
    let chain = village.world.env.chain;
    for (quarter, export, import) in [(0, 0, 0), (1, export, 1000)] {
        let at = village.first_ms + quarter * QUARTER;
        village.go(at + 1000);
        sims[0].export += export;
        sims[1].import += import;
        let readings = sims.each_mut().map(|sim| sim.read(chain, at, 0, ClockQuality::Synced));
        assert!(village.submit(readings.to_vec()).iter().all(Result::is_ok));
    }
    village.go(village.first_ms + QUARTER + 60_000);
    assert_eq!(village.member(2).exposed, Amount(0));
    village.check_tabs();
    village
}

#[test]
fn who_delivers_what_it_sold_gets_price_and_deposit() {
    let village = sold(1000);
    assert_eq!((village.tab(2), village.funds(2), village.funds(3)), (0, 1_200_000, 800_000));
    assert_eq!(village.customer(2), Customer { paid_out: Amount(300_000), ..Customer::default() });
}

#[test]
fn who_sells_and_does_not_deliver_pays_the_grid() {
    // All of what the grid asks for it: the price that it got, and the deposit.
    let village = sold(0);
    assert_eq!((village.tab(2), village.funds(2), village.funds(3)), (0, 900_000, 800_000));
    assert_eq!(village.funds(1), 1_300_000);
    let village = sold(400);
    assert_eq!((village.tab(2), village.funds(2)), (0, 1_000_000 + 200_000 - 180_000));
}

/// A claim is no way to get back what one paid another member.
#[test]
fn no_claim_reaches_what_others_were_paid() {
    let mut village = sold(1000);
    let mut sim = Sim { seq: 2, ..Sim::new(53, village.first_ms) };
    let chain = village.world.env.chain;
    let [first, second] = [0, 1].map(|_| Box::new(sim.read(chain, village.now(), 0, ClockQuality::Synced)));
    let (microgrid, reference) = (village.id, Hash([4; 32]));
    let (claim, note) = (Amount(1), Hash([9; 32]));
    village
        .ok(3, Call::from(call::disputes::OpenDispute { microgrid, reference, first, second, claim, note }));
    let dispute = dispute_id(&address(3), &reference);
    let grant = Call::from(call::disputes::DecideDispute { dispute, uphold: true });
    village.ok(1, grant); // it paid 200,000, and none of it to the operator
    let granted = village.events.iter().find_map(|event| match event {
        Event::Disputes(DisputesEvent::DisputeDecided { credit, .. }) => Some(*credit),
        _ => None,
    });
    assert_eq!(granted, Some(Amount(0)));
}

/// Cash that was paid for energy still to come pays nobody else's claims, not even the operator's.
#[test]
fn what_a_seller_is_paid_waits_for_the_seller() {
    let mut village = Village::new(params(), &Terms { clearing: ClearingRule::PayAsBid, ..terms() });
    let mut sims: Vec<Sim> = [2, 3, 4, 6].map(|n| village.meter(50 + n, n, MeterRole::Sub)).into();
    let (offer, bid) = orders(&village, village.first_ms + QUARTER);
    village.ok(2, offer);
    village.ok(3, bid);
    let all = village.funds(4);
    village.world.ok(4, transfer(5, all));
    let (chain, operators) = (village.world.env.chain, village.funds(1));
    // Person 4 uses 1,000 Wh before that, and has no money; person 6 delivers as many. Then person 2 delivers what
    // person 3 uses.
    for (quarter, flows) in [
        (0, [(0, 0); 4]),
        (1, [(0, 0), (0, 0), (1000, 0), (0, 1000)]),
        (2, [(0, 1000), (1000, 0), (0, 0), (0, 0)]),
    ] {
        let at = village.first_ms + quarter * QUARTER;
        village.go(at + 1000);
        let read = |(sim, (import, export)): (&mut Sim, (u64, u64))| {
            sim.import += import;
            sim.export += export;
            sim.read(chain, at, 0, ClockQuality::Synced)
        };
        let readings = sims.iter_mut().zip(flows).map(read).collect();
        assert!(village.submit(readings).iter().all(Result::is_ok));
        if quarter == 1 {
            village.go(at + 60_000);
            assert_eq!([1, 2, 4, 6].map(|n| village.tab(n)), [200_000, 300_000, -300_000, 100_000]);
            village.ok(1, Call::from(call::energy::PayTab { microgrid: village.id }));
            assert_eq!((village.funds(1), village.funds(6)), (operators, 1_000_000));
        }
    }
    village.go(village.first_ms + 2 * QUARTER + 60_000);
    assert_eq!((village.tab(2), village.funds(2)), (0, 1_200_000));
    // Once person 4 has paid, so are person 6 and the operator.
    village.world.ok(5, transfer(4, 300_000));
    village.ok(4, Call::from(call::energy::PayTab { microgrid: village.id }));
    let at = village.first_ms + 3 * QUARTER;
    village.go(at + 1000);
    let idle = sims.iter_mut().map(|sim| sim.read(chain, at, 0, ClockQuality::Synced)).collect();
    assert!(village.submit(idle).iter().all(Result::is_ok));
    village.go(at + 60_000);
    assert_eq!((village.tab(1), village.funds(1)), (0, operators + 200_000));
    assert_eq!((village.tab(6), village.funds(6)), (0, 1_100_000));
    village.check_tabs();
}

/// The operator's sales bring it nothing before members are paid what they are owed: it would keep all cash from
/// them by selling for all that comes in.
#[test]
fn an_operator_that_sells_is_paid_after_the_members() {
    let mut village = Village::new(params(), &Terms { clearing: ClearingRule::PayAsBid, ..terms() });
    let mut sims: Vec<Sim> = [2, 3, 4].map(|n| village.meter(50 + n, n, MeterRole::Sub)).into();
    let (offer, bid) = orders(&village, village.first_ms);
    let operators = village.funds(1);
    village.ok(1, offer);
    village.ok(3, bid);
    let all = village.funds(4);
    village.world.ok(4, transfer(5, all));
    let chain = village.world.env.chain;
    // Person 2 delivers to the operator, person 4 uses as much and has no money, person 3 what the operator sold to it.
    for (quarter, flows) in [(0, [(0, 0); 3]), (1, [(0, 1000), (1000, 0), (1000, 0)])] {
        let at = village.first_ms + quarter * QUARTER;
        village.go(at + 1000);
        let read = |(sim, (import, export)): (&mut Sim, (u64, u64))| {
            (sim.import, sim.export) = (sim.import + import, sim.export + export);
            sim.read(chain, at, 0, ClockQuality::Synced)
        };
        let readings = sims.iter_mut().zip(flows).map(read).collect();
        assert!(village.submit(readings).iter().all(Result::is_ok));
    }
    village.go(village.first_ms + QUARTER + 60_000);
    // Of 300,000 that came in, 100,000 of them the operator's own deposit.
    assert_eq!((village.funds(2), village.funds(1)), (1_100_000, operators - 100_000 + 200_000));
    village.check_tabs();
}

/// Not even from money that is there for somebody else, and that no escrow keeps.
#[test]
fn a_seller_is_not_paid_before_it_has_delivered() {
    let mut village = Village::new(params(), &Terms { clearing: ClearingRule::PayAsBid, ..terms() });
    village.meter(52, 2, MeterRole::Sub);
    village.meter(53, 3, MeterRole::Sub);
    let mut sim = village.meter(54, 4, MeterRole::Sub);
    let (chain, start, id) = (village.world.env.chain, village.first_ms, village.id);
    village.ok(4, no_mandate(id));
    for (at, import) in [(start, 0), (start + QUARTER, 1000)] {
        village.go(at + 1000);
        sim.import += import;
        let reading = sim.read(chain, at, 0, ClockQuality::Synced);
        assert_eq!(village.submit(vec![reading]), [Ok(())]);
    }
    for (person, side) in [(2, Side::Sell), (3, Side::Buy)] {
        let order = Call::from(call::market::PlaceOrder {
            microgrid: id,
            reference: Hash([1; 32]),
            interval: village.interval(start + 2 * QUARTER),
            side,
            price: Amount(200_000),
            wh: WattHours(1000),
            partner: None,
            expires_ms: None,
        });
        village.ok(person, order);
    }
    village.go(start + 2 * QUARTER + 1000);
    village.ok(4, Call::from(call::energy::PayTab { microgrid: id })); // for the operator
    village.ok(2, Call::from(call::energy::PayTab { microgrid: id }));
    village.go(start + 2 * QUARTER + 60_000); // cash is shared out
    assert_eq!((village.tab(1), village.tab(2), village.funds(2)), (300_000, 300_000, 900_000));
    village.check_tabs();
}
