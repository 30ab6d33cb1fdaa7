//! Deals from the request to the end, and everything that is refused on the way.

use super::market::{INTERVAL_MS, deal_meter, energy, grid_id, set_terms, terms, village};
use super::*;
use crate::modules::deals::records::DealState;
use crate::query;
use wattle_primitives::call;
use wattle_primitives::call::deals::{
    ACCEPTANCES_MAX, AUTHORISATION_MS_MAX, CONFIRMED_MS, DEAL_WH_MAX, DealEnd, Funding, REQUEST_MS_MAX,
    deal_id,
};
use wattle_primitives::call::energy::*;
use wattle_primitives::call::market::Side;
use wattle_primitives::event::DealsEvent;
use wattle_primitives::units::IntervalId;

const REFERENCE: Hash = Hash([3; 32]);
const HOUR_MS: u64 = 3_600_000;

/// The deal that person 2 requests.
fn id() -> Hash {
    deal_id(&address(2), &REFERENCE)
}

/// A request of 1,000 Wh, at least 100, in units of 50.
fn request(side: Side, price: u128, ttl_ms: u64, world: &World) -> Call {
    Call::from(call::deals::RequestDeal {
        microgrid: grid_id(),
        reference: REFERENCE,
        side,
        wh_max: WattHours(1_000),
        wh_min: WattHours(100),
        unit_wh: WattHours(50),
        price: Amount(price),
        expires_ms: TimeMs(world.env.time_ms.0 + ttl_ms),
    })
}

fn accept(wh: u64, price: u128) -> Call {
    Call::from(call::deals::AcceptDeal { request: id(), wh_max: WattHours(wh), price: Amount(price) })
}

fn confirm(n: u8) -> Call {
    Call::from(call::deals::ConfirmDeal { request: id(), partner: address(n) })
}

fn authorise(funding: Funding, ttl_ms: u64, margin: u64, world: &World) -> Call {
    let (expires_ms, meter) = (TimeMs(world.env.time_ms.0 + ttl_ms), deal_meter(2));
    Call::from(call::deals::AuthoriseDeal {
        deal: id(),
        funding,
        expires_ms,
        margin_wh: WattHours(margin),
        meter,
    })
}

fn report(seq: u64, wh: u64) -> Call {
    Call::from(call::deals::ReportUsage { deal: id(), seq, cumulative_wh: WattHours(wh) })
}

fn close(wh: u64) -> Call {
    Call::from(call::deals::CloseDeal { deal: id(), cumulative_wh: WattHours(wh) })
}

fn abort() -> Call {
    Call::from(call::deals::AbortDeal { deal: id() })
}

/// Terms hold; person 2 charges up to 975 Wh, in whole units 950, at 200,000 from person 3: 190,000 in all.
fn confirmed(params: Params) -> World {
    confirmed_at(200_000, params)
}

/// The same at this price for a kWh.
fn confirmed_at(price: u128, params: Params) -> World {
    let mut world = village(ClearingRule::PayAsBid, params);
    world.env.time_ms = TimeMs(T0 + INTERVAL_MS);
    world.ok(1, limit(3, 300_000));
    world.show(2, 100_000);
    world.ok(2, request(Side::Buy, price, HOUR_MS, &world));
    world.ok(3, accept(975, 1));
    world.ok(2, confirm(3));
    world
}

fn authorised(funding: Funding, margin: u64, params: Params) -> World {
    let mut world = confirmed(params);
    if funding == Funding::Credit {
        world.ok(1, limit(2, 200_000));
    }
    world.ok(2, authorise(funding, HOUR_MS, margin, &world));
    world.show(2, 100_000 + 5_000);
    world
}

fn limit(n: u8, amount: u128) -> Call {
    let credit_limit = Some(Amount(amount));
    Call::from(SetMember { microgrid: grid_id(), account: address(n), credit_limit })
}

fn usage(events: &[Event]) -> (u64, u64, u64, bool) {
    let found = events.iter().find_map(|event| match event {
        Event::Deals(DealsEvent::DealUsage { seq, cumulative_wh, remaining_wh, stop, .. }) => {
            Some((*seq, cumulative_wh.0, remaining_wh.0, *stop))
        }
        _ => None,
    });
    found.unwrap()
}

/// How it ended: used, captured, receivable, released.
fn ended(events: &[Event]) -> (DealEnd, u64, u128, u128, u128) {
    let found = events.iter().find_map(|event| match event {
        Event::Deals(DealsEvent::DealEnded { end, used_wh, captured, receivable, released, .. }) => {
            Some((*end, used_wh.0, captured.0, receivable.0, released.0))
        }
        _ => None,
    });
    found.unwrap()
}

fn now(world: &World) -> IntervalId {
    IntervalId(world.env.time_ms.0 / INTERVAL_MS)
}

fn acceptances(world: &World) -> Vec<(Address, crate::modules::deals::records::Acceptance)> {
    let deal = world.state.read(crate::keys::deal(&id())).unwrap();
    query::acceptances(&world.state, &id(), &deal)
}

#[test]
fn the_lesser_amount_in_whole_units_at_the_charging_sides_price() {
    // side, asked price, accepted Wh and price -> agreed Wh and price
    let table = [
        (Side::Buy, 200_000, 975, 1, Ok((950, 200_000))),
        (Side::Buy, 200_000, 100, 1, Ok((100, 200_000))),
        (Side::Buy, 200_000, 149, 1, Ok((100, 200_000))),
        (Side::Buy, 200_000, 99, 1, Err(Reason::BelowMinimum)),
        (Side::Buy, 200_000, 5_000, 1, Ok((1_000, 200_000))),
        (Side::Sell, 200_000, 5_000, 150_000, Ok((1_000, 150_000))),
        (Side::Sell, 0, 333, 150_000, Ok((300, 150_000))),
    ];
    for (side, asked, wh, price, want) in table {
        let mut world = village(ClearingRule::Tariff, params());
        world.env.time_ms = TimeMs(T0 + INTERVAL_MS);
        world.ok(2, request(side, asked, HOUR_MS, &world));
        let (wh_agreed, price_agreed) = match want {
            Ok(want) => want,
            Err(reason) => {
                world.fails(3, accept(wh, price), reason);
                continue;
            }
        };
        let (wh_want, price_want) = (WattHours(wh_agreed), Amount(price_agreed));
        let events = world.ok(3, accept(wh, price));
        let (deal, account) = (id(), address(3));
        assert_eq!(
            events,
            [Event::Deals(DealsEvent::DealAccepted { deal, account, wh: wh_want, price: price_want })]
        );
        let events = world.ok(2, confirm(3));
        let (charger, discharger) = if side == Side::Buy { (2, 3) } else { (3, 2) };
        let (charger, discharger) = (address(charger), address(discharger));
        let want = Event::Deals(DealsEvent::DealConfirmed {
            deal,
            charger,
            discharger,
            wh: wh_want,
            price: price_want,
        });
        assert_eq!(events, [want]);
    }
}

#[test]
fn a_deal_is_reported_closed_and_paid_out_of_the_reservation() {
    let mut world = authorised(Funding::Balance, 50, Params { account_deposit: Amount(3), ..params() });
    let (free, held) = world.funds(2);
    assert_eq!(held, 200_000); // 1,000 Wh with the margin
    assert_eq!(usage(&world.ok(2, report(1, 100))), (1, 100, 850, false));
    assert_eq!(usage(&world.ok(2, report(2, 700))), (2, 700, 250, false));
    // Again, and an older one: nothing changes, and the answer is the newest.
    for (seq, wh) in [(2, 700), (2, 900), (1, 100), (0, 5)] {
        assert_eq!(usage(&world.ok(2, report(seq, wh))), (2, 700, 250, false));
    }
    assert_eq!(usage(&world.ok(2, report(9, 700))), (9, 700, 250, false));
    assert_eq!(usage(&world.ok(2, report(10, 950))), (10, 950, 0, true));
    let interval = now(&world);
    assert_eq!((world.traded(2, interval), world.traded(3, interval)), ((950, 0), (0, 950)));
    let deal = world.state.read(crate::keys::deal(&id())).unwrap();
    assert!(matches!(deal.state, DealState::Authorised { seq: 10, used_wh: WattHours(950), .. }));
    assert_eq!(crate::modules::deals::reserved(&deal), Amount(200_000));
    // The overshoot within the margin is paid for; what is beyond is no trade.
    let events = world.ok(2, close(1_200));
    assert_eq!(ended(&events), (DealEnd::Closed, 1_000, 200_000, 0, 0));
    assert_eq!((world.tab(2), world.tab(3)), (0, 200_000));
    assert_eq!(world.funds(2), (free + 3 + 3, 0)); // deposits of request and hold
    assert_eq!((world.traded(2, interval), world.traded(3, interval)), ((1_000, 0), (0, 1_000)));
    assert_eq!(
        world.state.read(crate::keys::interval(&grid_id(), interval)).unwrap().traded_wh,
        WattHours(1_000)
    );
    assert_eq!(world.state.read(crate::keys::deal(&id())), None);
    assert_eq!(query::deals(&world.state, &grid_id(), 0, 9), []);
    world.fails(2, close(1_200), Reason::UnknownDeal);
}

#[test]
fn what_is_not_used_comes_back() {
    let mut world = authorised(Funding::Balance, 0, params());
    world.ok(2, report(1, 333));
    let events = world.ok(2, close(334));
    assert_eq!(ended(&events), (DealEnd::Closed, 334, 66_800, 0, 123_200));
    assert_eq!((world.funds(2), world.tab(2), world.tab(3)), ((START.0 - 66_800, 0), 0, 66_800));
    let mut world = authorised(Funding::Balance, 0, params());
    assert_eq!(ended(&world.ok(2, close(0))), (DealEnd::Closed, 0, 0, 0, 190_000));
    assert_eq!((world.funds(2), world.tab(2), world.tab(3)), ((START.0, 0), 0, 0));
}

#[test]
fn credit_is_reserved_and_used_like_money() {
    let mut world = confirmed(params());
    world.fails(2, authorise(Funding::Credit, HOUR_MS, 0, &world), Reason::CreditExceeded); // 50,000 by the terms
    world.ok(1, limit(2, 190_000));
    world.owe(2, 1);
    world.fails(2, authorise(Funding::Credit, HOUR_MS, 0, &world), Reason::CreditExceeded);
    world.ok(1, limit(2, 190_001));
    world.ok(2, authorise(Funding::Credit, HOUR_MS, 0, &world));
    world.show(2, 100_000 + 5_000);
    assert_eq!(world.funds(2), (START.0, 0));
    world.owe(2, 1);
    // Nothing of the credit is left while it is reserved.
    world.fails(2, market::bid(1, 1, 1).call(), Reason::CreditExceeded);
    world.ok(2, report(1, 500));
    let events = world.ok(2, close(500));
    assert_eq!(ended(&events), (DealEnd::Closed, 500, 0, 100_000, 90_000)); // a debt
    assert_eq!((world.tab(2), world.tab(3), world.funds(2).0), (-100_002, 100_000, START.0));
    world.ok(2, market::bid(1, 1, 1).call());
}

/// Else two who are one person are owed any sum by nobody who pays.
#[test]
fn on_credit_a_kwh_costs_no_more_than_the_grids() {
    for (price, funding, taken) in [
        (300_001, Funding::Credit, false), // the grid asks 300,000
        (300_000, Funding::Credit, true),
        (300_001, Funding::Balance, true),
        (900_000, Funding::Balance, true),
    ] {
        let mut world = confirmed_at(price, params());
        world.ok(1, limit(2, 900_000));
        let call = authorise(funding, HOUR_MS, 0, &world);
        if taken {
            world.ok(2, call);
        } else {
            world.fails(2, call, Reason::CreditExceeded);
        }
    }
}

#[test]
fn a_member_above_its_limit_authorises_nothing() {
    let mut world = confirmed(params());
    world.owe(2, 50_001);
    world.fails(2, authorise(Funding::Balance, HOUR_MS, 0, &world), Reason::CreditExceeded);
    world.owe(1, 1); // to person 2
    world.ok(2, authorise(Funding::Balance, HOUR_MS, 0, &world));
}

/// The discharging side's possible debt is covered by the deal's price and its credit, or the report is refused.
#[test]
fn nobody_discharges_beyond_its_credit() {
    let mut world = authorised(Funding::Balance, 95, params());
    world.ok(1, limit(3, 9_999));
    // The grid asks 300,000 for a kWh and the deal brings 200,000: 100 Wh leave 10,000 open.
    world.fails(2, report(1, 100), Reason::CreditExceeded);
    world.ok(2, report(1, 99));
    world.fails(2, close(100), Reason::CreditExceeded);
    world.ok(1, limit(3, 10_000));
    world.ok(2, report(2, 100));
    world.ok(2, close(100));
    assert_eq!(world.tab(3), 20_000);
    world.ok(3, market::bid(1, 1, 1).call()); // it owes the 10,000 that it may
    world.ok(1, limit(3, 9_999));
    world.fails(3, market::bid(2, 1, 1).call(), Reason::CreditExceeded);
    // The proceeds stay until the interval is settled.
    world.ok(3, Call::from(PayTab { microgrid: grid_id() }));
    assert_eq!((world.tab(3), world.funds(3).0), (20_000, START.0 - 11));
}

#[test]
fn an_abort_and_the_end_of_an_authorisation_pay_what_was_reported() {
    for n in [2, 3] {
        let mut world = authorised(Funding::Balance, 0, params());
        world.ok(2, report(1, 500));
        assert_eq!(ended(&world.ok(n, abort())), (DealEnd::Aborted, 500, 100_000, 0, 90_000));
        assert_eq!((world.funds(2), world.tab(3)), ((START.0 - 100_000, 0), 100_000));
    }
    for funding in [Funding::Balance, Funding::Credit] {
        let mut world = authorised(funding, 0, params());
        world.ok(2, report(1, 500));
        world.fails(4, abort(), Reason::NotAllowed);
        world.fails(1, abort(), Reason::NotAllowed);
        let until = world.state.read(crate::keys::deal(&id())).unwrap().expires_ms;
        world.env.time_ms = TimeMs(until.0 - 1);
        assert!(
            world
                .empty_block()
                .iter()
                .all(|event| !matches!(event, Event::Deals(DealsEvent::DealEnded { .. })))
        );
        world.env.time_ms = until;
        let tx = world.sign(world.body(2, vec![close(900)]), &[2]);
        let done = world.try_run(&[tx]).unwrap().receipts;
        let (captured, receivable) = if funding == Funding::Balance { (100_000, 0) } else { (0, 100_000) };
        assert_eq!(ended(&done.block), (DealEnd::Expired, 500, captured, receivable, 90_000));
        assert_eq!(done.txs[0].outcome, Outcome::Failed { call: 0, reason: Reason::UnknownDeal });
        let (paid, owed) = if funding == Funding::Balance { (100_000, 0) } else { (0, 100_000) };
        assert_eq!((world.funds(2), world.tab(2), world.tab(3)), ((START.0 - paid, 0), -owed, 100_000));
    }
}

#[test]
fn requests_acceptances_and_confirmed_deals_end() {
    let params = Params { account_deposit: Amount(5), ..params() };
    let mut world = village(ClearingRule::Tariff, params.clone());
    world.env.time_ms = TimeMs(T0 + INTERVAL_MS);
    let before: Vec<_> = (2..=5).map(|n| world.funds(n)).collect();
    let same = |world: &World| (2..=5).map(|n| world.funds(n)).collect::<Vec<_>>() == before;
    world.ok(2, request(Side::Buy, 1, HOUR_MS, &world));
    world.ok(3, accept(500, 1));
    world.ok(4, accept(600, 1));
    world.ok(5, accept(700, 1));
    assert_eq!(world.funds(3).0, before[1].0 - 5);
    let accepted: Vec<u64> = acceptances(&world).iter().map(|(_, acceptance)| acceptance.wh_max.0).collect();
    assert_eq!(accepted, [500, 600, 700]);
    // One takes it back, and may come again.
    let events = world.ok(4, abort());
    assert!(events.contains(&Event::Deals(DealsEvent::DealWithdrawn { deal: id(), account: address(4) })));
    assert_eq!(world.funds(4), before[2]);
    world.fails(4, abort(), Reason::NotAllowed);
    world.fails(2, confirm(4), Reason::UnknownDeal);
    world.ok(4, accept(800, 1));
    world.ok(2, abort());
    assert!(same(&world));
    // A request runs out, with its acceptances.
    world.ok(2, request(Side::Buy, 1, 60_000, &world));
    world.ok(3, accept(500, 1));
    let until = world.state.read(crate::keys::deal(&id())).unwrap().expires_ms.0;
    assert_eq!(ended(&world.go_to(until)), (DealEnd::Expired, 0, 0, 0, 0));
    assert!(same(&world));
    world.fails(3, accept(500, 1), Reason::UnknownDeal);
    // A confirmed deal that nobody authorises, or that one side gives up.
    for gives_up in [None, Some(2), Some(3)] {
        world.ok(2, request(Side::Sell, 1, 60_000, &world));
        world.ok(3, accept(500, 1));
        world.ok(4, accept(500, 1));
        world.ok(2, confirm(3));
        assert_eq!((world.funds(3), world.funds(4)), (before[1], before[2]));
        world.fails(4, abort(), Reason::NotAllowed);
        let until = world.state.read(crate::keys::deal(&id())).unwrap().expires_ms.0;
        assert_eq!(until, world.env.time_ms.0 - 2000 + CONFIRMED_MS); // two blocks ago
        let end = match gives_up {
            Some(n) => ended(&world.ok(n, abort())),
            None => ended(&world.go_to(until)),
        };
        let how = if gives_up.is_some() { DealEnd::Aborted } else { DealEnd::Expired };
        assert_eq!(end, (how, 0, 0, 0, 0));
        assert!(same(&world));
    }
}

#[test]
fn deals_are_refused_for_every_reason() {
    let mut world = village(ClearingRule::Tariff, params());
    let ask = |wh_max, wh_min, unit, price| {
        let (reference, expires_ms) = (REFERENCE, TimeMs(T0 + HOUR_MS));
        Call::from(call::deals::RequestDeal {
            microgrid: grid_id(),
            reference,
            side: Side::Buy,
            wh_max: WattHours(wh_max),
            wh_min: WattHours(wh_min),
            unit_wh: WattHours(unit),
            price: Amount(price),
            expires_ms,
        })
    };
    let bad = [
        ask(0, 0, 1, 1),
        ask(10, 0, 1, 1),
        ask(10, 11, 1, 1),
        ask(10, 1, 0, 1),
        ask(10, 1, 11, 1), // no whole unit
        ask(120, 110, 50, 1),
        ask(DEAL_WH_MAX + 1, 1, 1, 1),
        ask(10, 1, DEAL_WH_MAX + 1, 1),
        ask(10, 1, 1, PRICE_MAX.0 + 1),
        accept(0, 1),
        accept(DEAL_WH_MAX + 1, 1),
        accept(1, PRICE_MAX.0 + 1),
        authorise(Funding::Balance, 1, DEAL_WH_MAX + 1, &world),
    ];
    for (at, call) in bad.into_iter().enumerate() {
        assert!(world.try_sign(world.body(2, vec![call]), &[2]).is_err(), "{at}");
    }
    World::new(params()).fails(1, request(Side::Buy, 1, 1, &world), Reason::NoTerms);
    world.env.time_ms = TimeMs(T0 + INTERVAL_MS);
    world.fails(6, request(Side::Buy, 1, HOUR_MS, &world), Reason::NotMember);
    for ttl_ms in [0, REQUEST_MS_MAX + 1] {
        world.fails(2, request(Side::Buy, 1, ttl_ms, &world), Reason::BadTime);
    }
    let elsewhere = match request(Side::Buy, 1, HOUR_MS, &world) {
        Call::Deals(call::DealsCall::RequestDeal(call::deals::RequestDeal {
            reference,
            side,
            wh_max,
            wh_min,
            unit_wh,
            price,
            expires_ms,
            ..
        })) => {
            let microgrid = Hash([9; 32]);
            Call::from(call::deals::RequestDeal {
                microgrid,
                reference,
                side,
                wh_max,
                wh_min,
                unit_wh,
                price,
                expires_ms,
            })
        }
        _ => unreachable!(),
    };
    world.fails(2, elsewhere, Reason::UnknownMicrogrid);
    for call in [
        accept(500, 1),
        confirm(3),
        authorise(Funding::Balance, 1, 0, &world),
        report(1, 1),
        close(1),
        abort(),
    ] {
        world.fails(3, call, Reason::UnknownDeal);
    }
    world.show(2, 100_000);
    world.ok(2, request(Side::Buy, 400_000, HOUR_MS, &world));
    world.fails(2, request(Side::Buy, 1, HOUR_MS, &world), Reason::AlreadyExists);
    world.fails(2, accept(500, 1), Reason::SameAccount);
    world.fails(6, accept(500, 1), Reason::NotMember);
    world.fails(2, confirm(3), Reason::UnknownDeal);
    world.fails(3, abort(), Reason::NotAllowed);
    world.ok(3, accept(500, 1));
    world.fails(3, accept(500, 1), Reason::AlreadyExists);
    world.fails(3, confirm(3), Reason::NotAllowed);
    for call in [authorise(Funding::Balance, 1, 0, &world), report(1, 1), close(1)] {
        world.fails(2, call, Reason::DealState);
    }
    world.ok(2, confirm(3));
    world.fails(2, confirm(3), Reason::DealState);
    world.fails(4, accept(500, 1), Reason::DealState);
    world.fails(2, report(1, 1), Reason::DealState);
    world.fails(3, authorise(Funding::Balance, 1000, 0, &world), Reason::NotAllowed);
    for ttl_ms in [0, AUTHORISATION_MS_MAX + 1] {
        world.fails(2, authorise(Funding::Balance, ttl_ms, 0, &world), Reason::BadTime);
    }
    world.fails(2, authorise(Funding::Balance, HOUR_MS, 51, &world), Reason::OutOfRange);
    world.ok(2, transfer(5, START.0 - 199_999));
    world.fails(2, authorise(Funding::Balance, HOUR_MS, 0, &world), Reason::InsufficientFunds);
    world.ok(5, transfer(2, 1));
    for (meter, reason) in [
        (deal_meter(9), Reason::UnknownMeter),
        (address(50), Reason::NotAllowed), // of person 1
    ] {
        let (expires_ms, margin_wh) = (TimeMs(world.env.time_ms.0 + HOUR_MS), WattHours(0));
        let funding = Funding::Balance;
        let call =
            Call::from(call::deals::AuthoriseDeal { deal: id(), funding, expires_ms, margin_wh, meter });
        world.fails(2, energy(call), reason);
    }
    world.ok(2, authorise(Funding::Balance, HOUR_MS, 0, &world));
    world.show(2, 100_000 + 5_000);
    world.fails(2, authorise(Funding::Balance, HOUR_MS, 0, &world), Reason::DealState);
    let hold = id();
    world.fails(3, Call::from(call::ledger::Capture { hold, amount: None, more: false }), Reason::NotAllowed);
    world.fails(3, report(1, 1), Reason::NotAllowed);
    world.fails(3, close(1), Reason::NotAllowed);
    world.fails(50, report(1, 1), Reason::NotAllowed); // a meter, but not of person 2
    world.ok(2, report(1, 100));
    world.fails(2, report(2, 99), Reason::RegisterDecreased);
    world.fails(2, close(99), Reason::RegisterDecreased);
}

#[test]
fn a_request_takes_so_many_acceptances_and_no_more() {
    let mut world = village(ClearingRule::Tariff, params());
    world.env.time_ms = TimeMs(T0 + INTERVAL_MS);
    world.ok(2, request(Side::Buy, 1, 100_000_000 / 4, &world));
    for n in 0..=ACCEPTANCES_MAX as u8 {
        let n = 100 + n;
        world.ok(1, transfer(n, 1));
        let (microgrid, account) = (grid_id(), address(n));
        world.ok(1, Call::from(SetMember { microgrid, account, credit_limit: None }));
        if n < 100 + ACCEPTANCES_MAX as u8 {
            world.ok(n, accept(500, 1));
        } else {
            world.fails(n, accept(500, 1), Reason::BookFull);
        }
    }
    world.ok(100, abort());
    world.ok(100 + ACCEPTANCES_MAX as u8, accept(500, 1));
    world.ok(2, confirm(101));
    assert_eq!(acceptances(&world), []);
}

#[test]
fn the_charging_sides_meter_reports_and_decides() {
    let mut world = authorised(Funding::Balance, 0, params());
    world.show(2, 100_000 + 20);
    let mut by_meter = |call: Call| {
        let tx = world.sign(world.body(92, vec![call]), &[92]);
        world.try_run(&[tx]).unwrap().receipts.txs.remove(0)
    };
    assert_eq!(usage(&by_meter(report(1, 10)).events), (1, 10, 940, false));
    let beyond = Outcome::Failed { call: 0, reason: Reason::Unmetered };
    assert_eq!(by_meter(report(2, 21)).outcome, beyond);
    assert_eq!(by_meter(close(21)).outcome, beyond);
    world.fails(2, close(21), Reason::Unmetered); // whoever says so
    assert_eq!(ended(&world.ok(2, close(20))), (DealEnd::Closed, 20, 4_000, 0, 186_000));
    assert_eq!((world.tab(2), world.tab(3)), (0, 4_000));
}

#[test]
fn use_counts_in_the_interval_in_which_it_is_reported() {
    let mut world = authorised(Funding::Balance, 0, params());
    let first = now(&world);
    world.ok(2, report(1, 100));
    world.env.time_ms = TimeMs((first.0 + 1) * INTERVAL_MS);
    world.ok(2, report(2, 250));
    world.ok(2, close(300));
    let second = IntervalId(first.0 + 1);
    assert_eq!((world.traded(2, first), world.traded(3, first)), ((100, 0), (0, 100)));
    assert_eq!((world.traded(2, second), world.traded(3, second)), ((200, 0), (0, 200)));
}

#[test]
fn open_deals_are_listed_without_gaps() {
    let mut world = village(ClearingRule::Tariff, params());
    world.ok(1, set_terms(terms(ClearingRule::Tariff)));
    world.env.time_ms = TimeMs(T0 + INTERVAL_MS);
    let ask = |n: u8, world: &World| match request(Side::Buy, 1, HOUR_MS, world) {
        Call::Deals(call::DealsCall::RequestDeal(call::deals::RequestDeal {
            microgrid,
            side,
            wh_max,
            wh_min,
            unit_wh,
            price,
            expires_ms,
            ..
        })) => {
            let reference = Hash([n; 32]);
            Call::from(call::deals::RequestDeal {
                microgrid,
                reference,
                side,
                wh_max,
                wh_min,
                unit_wh,
                price,
                expires_ms,
            })
        }
        _ => unreachable!(),
    };
    let deal = |n: u8| deal_id(&address(2), &Hash([n; 32]));
    (0..5).for_each(|n| drop(world.ok(2, ask(n, &world))));
    for (gone, want) in
        [(1, vec![0, 4, 2, 3]), (3, vec![0, 4, 2]), (0, vec![2, 4]), (2, vec![4]), (4, vec![])]
    {
        world.ok(2, Call::from(call::deals::AbortDeal { deal: deal(gone) }));
        let listed: Vec<Hash> =
            query::deals(&world.state, &grid_id(), 0, 9).into_iter().map(|(id, _)| id).collect();
        assert_eq!(listed, want.into_iter().map(deal).collect::<Vec<_>>());
    }
}

/// The same call about another deal that person 2 asked for.
fn second(call: Call) -> Call {
    use call::DealsCall;
    let (reference, other) = (Hash([77; 32]), deal_id(&address(2), &Hash([77; 32])));
    let Call::Deals(mut call) = call else { unreachable!() };
    match &mut call {
        DealsCall::RequestDeal(call) => call.reference = reference,
        DealsCall::AcceptDeal(call) => call.request = other,
        DealsCall::ConfirmDeal(call) => call.request = other,
        DealsCall::AuthoriseDeal(call) => call.deal = other,
        DealsCall::ReportUsage(call) => call.deal = other,
        DealsCall::CloseDeal(call) => call.deal = other,
        DealsCall::AbortDeal(call) => call.deal = other,
    }
    Call::Deals(call)
}

/// Energy that the meter shows once is sold once: of two deals behind one meter each Wh backs one.
#[test]
fn one_watt_hour_backs_one_deal() {
    let mut world = confirmed(params());
    world.ok(2, authorise(Funding::Balance, HOUR_MS, 0, &world));
    world.ok(2, second(request(Side::Buy, 200_000, HOUR_MS, &world)));
    world.ok(3, second(accept(975, 1)));
    world.ok(2, second(confirm(3)));
    world.show(2, 100_000 + 100);
    world.ok(2, report(1, 100));
    world.ok(2, second(authorise(Funding::Balance, HOUR_MS, 0, &world)));
    world.fails(2, second(report(1, 1)), Reason::Unmetered); // what was shown before backs the other
    world.show(2, 100_000 + 600);
    world.ok(2, report(2, 400));
    world.fails(2, second(report(1, 201)), Reason::Unmetered);
    world.ok(2, second(report(1, 200)));
    world.fails(2, report(3, 401), Reason::Unmetered);
    world.show(2, 100_000 + 700);
    world.ok(2, report(3, 500));
    world.fails(2, second(report(2, 201)), Reason::Unmetered);
    world.fails(2, second(close(201)), Reason::Unmetered);
    world.ok(2, second(close(200)));
    world.ok(2, close(500));
}
