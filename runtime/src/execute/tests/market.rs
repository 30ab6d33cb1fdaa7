//! Orders: what is taken, what is refused, what is reserved, and what clearing makes of it.

use super::*;
use crate::keys;
use crate::modules::energy::records::{LastReading, Meter};
use crate::modules::energy::records::{Microgrid, Position, SettledMeter, Silence, Step};
use crate::query;
use crate::state::decode_entry;
use wattle_primitives::call::energy::*;
use wattle_primitives::call::ledger::{Entry, SystemAccount};
use wattle_primitives::call::market::{
    ORDER_AHEAD_MS_MAX, ORDER_WH_MAX, ORDERS_MAX, ORDERS_PER_MEMBER_MAX, OrderEnd, Side, order_id,
};
use wattle_primitives::event::MarketEvent;
use wattle_primitives::state_key::estimates_of;
use wattle_primitives::units::IntervalId;

/// Milliseconds of an interval; [`T0`] is the start of one.
pub(crate) const INTERVAL_MS: u64 = 900_000;
/// The interval that most orders are for.
pub(crate) const AT: IntervalId = IntervalId(T0 / INTERVAL_MS + 4);
pub(crate) const GATE_MS: u64 = AT.0 * INTERVAL_MS - 300_000;
const DAY_MS: u64 = 24 * 3_600_000;

pub(crate) fn grid_id() -> Hash {
    microgrid_id(&address(1), &Hash::ZERO)
}

fn tariff(bands: &[(u16, u128)]) -> BoundedVec<TariffBand, BANDS_MAX> {
    let band = |(hour, import): &(u16, u128)| TariffBand {
        from_minute: hour * 60,
        import_price: Amount(*import),
        export_price: Amount(100_000),
    };
    BoundedVec::new(bands.iter().map(band).collect()).unwrap()
}

pub(crate) fn terms(clearing: ClearingRule) -> Terms {
    Terms {
        tariff: tariff(&[(0, 300_000)]),
        utc_offset_minutes: 0,
        clearing,
        gate_closure_ms: TimeMs(300_000),
        grace_ms: TimeMs(19 * DAY_MS), // settlement is tested elsewhere, and comes after the end of every test
        late_window_ms: TimeMs(20 * DAY_MS),
        fee_per_kwh: Amount(10_000),
        losses: LossRule::Operator,
        loss_permille_max: 1000,
        credit_limit: Amount(50_000),
        installer: None,
        dispute_votes: 0,
        notice_ms: TimeMs(0),
        fees: Fees::default(),
    }
}

pub(crate) fn energy(call: Call) -> Call {
    call
}

pub(crate) fn set_terms(terms: Terms) -> Call {
    Call::from(SetTerms { microgrid: grid_id(), terms: Box::new(terms) })
}

/// A microgrid whose members are persons 1 to 5, with terms.
pub(crate) fn village(clearing: ClearingRule, params: Params) -> World {
    let mut world = World::new(params);
    for n in 2..=5 {
        let (microgrid, account) = (grid_id(), address(n));
        world.ok(1, Call::from(SetMember { microgrid, account, credit_limit: None }));
    }
    world.ok(1, set_terms(terms(clearing)));
    world
}

#[derive(Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) reference: u8,
    pub(crate) interval: IntervalId,
    pub(crate) side: Side,
    pub(crate) price: u128,
    pub(crate) wh: u64,
    pub(crate) partner: Option<u8>,
    pub(crate) expires_ms: Option<u64>,
}

pub(crate) const fn bid(reference: u8, price: u128, wh: u64) -> Ask {
    Ask { reference, interval: AT, side: Side::Buy, price, wh, partner: None, expires_ms: None }
}

pub(crate) const fn offer(reference: u8, price: u128, wh: u64) -> Ask {
    Ask { side: Side::Sell, ..bid(reference, price, wh) }
}

impl Ask {
    pub(crate) fn call(self) -> Call {
        Call::from(call::market::PlaceOrder {
            microgrid: grid_id(),
            reference: Hash([self.reference; 32]),
            interval: self.interval,
            side: self.side,
            price: Amount(self.price),
            wh: WattHours(self.wh),
            partner: self.partner.map(address),
            expires_ms: self.expires_ms.map(TimeMs),
        })
    }
}

pub(crate) fn id_of(n: u8, reference: u8) -> Hash {
    order_id(&address(n), &Hash([reference; 32]))
}

fn cancel(n: u8, reference: u8) -> Call {
    Call::from(call::market::CancelOrder { order: id_of(n, reference) })
}

/// The meter of person `n`, for deals.
pub(crate) fn deal_meter(n: u8) -> Address {
    address(90 + n)
}

impl World {
    /// Lets the deal meter of person `n`, registered with the first time, show `wh`.
    pub(crate) fn show(&mut self, n: u8, wh: u64) {
        let key = keys::meter(&deal_meter(n));
        if self.state.get(&key).is_none() {
            self.lend(n);
            self.ok(1, energy(registration(&self.env.chain, grid_id(), 90 + n, n)));
        }
        let mut overlay = Overlay::new(&self.state);
        let mut meter: Meter = overlay.read(key).unwrap();
        meter.last = Some(LastReading { import_wh: WattHours(wh), ..LastReading::default() });
        overlay.write(key, &meter);
        self.state = overlay.finish().0;
    }

    /// Lets the operator bind meters to person `n`, who pays by itself.
    fn lend(&mut self, n: u8) {
        self.ok(n, mandate(grid_id(), Some(Amount(0))));
    }

    fn grid(&self) -> Microgrid {
        let key = keys::microgrid(&grid_id());
        decode_entry(&key, self.state.get(&key).unwrap())
    }

    /// Amount that person `n` is owed on all its accounts; negative when it owes.
    pub(crate) fn tab(&self, n: u8) -> i128 {
        let code = u32::from(n); // persons joined in the order of their numbers
        query::customer(&self.state, &self.grid(), code).due()
    }

    fn book_account(&self, code: u32) -> i128 {
        let grid = self.grid();
        let balance = query::balance(&self.state, &AccountId::Book { book: grid.book, code }, grid.asset);
        balance.credits_posted as i128 - balance.debits_posted as i128
    }

    pub(crate) fn clearing(&self) -> i128 {
        self.book_account(0)
    }

    /// Energy that person `n` bought and sold in an interval.
    pub(crate) fn traded(&self, n: u8, interval: IntervalId) -> (u64, u64) {
        let key = keys::position(&grid_id(), interval, u32::from(n));
        let position =
            self.state.get(&key).map(|raw| decode_entry::<Position>(&key, raw)).unwrap_or_default();
        (position.bought_wh.0, position.sold_wh.0)
    }

    pub(crate) fn empty_block(&mut self) -> Vec<Event> {
        self.try_run(&[]).unwrap().receipts.block
    }

    /// Goes on to `time_ms`, and runs empty blocks until nothing is due.
    pub(crate) fn go_to(&mut self, time_ms: u64) -> Vec<Event> {
        self.env.time_ms = TimeMs(self.env.time_ms.0.max(time_ms));
        let mut events = self.empty_block();
        while query::has_due(&self.state, TimeMs(self.env.time_ms.0 - 1000)) {
            events.extend(self.empty_block());
        }
        events
    }
}

impl World {
    /// Goes on to `time_ms` and clears the market of [`AT`].
    pub(crate) fn clear_market(&mut self, time_ms: u64) -> Vec<Event> {
        let events = self.go_to(time_ms);
        assert_eq!(
            self.state.read(keys::interval(&grid_id(), AT)).map(|view| view.step),
            Some(Step::Cleared)
        );
        events
    }
}

fn ends(events: &[Event]) -> Vec<(Hash, u64, OrderEnd)> {
    let ended = events.iter().filter_map(|event| match event {
        Event::Market(MarketEvent::OrderEnded { order, filled_wh, end, .. }) => {
            Some((*order, filled_wh.0, *end))
        }
        _ => None,
    });
    ended.collect()
}

#[test]
fn an_order_reserves_its_worst_case_until_it_ends() {
    let params = Params { account_deposit: Amount(7), ..params() };
    let mut world = village(ClearingRule::PayAsBid, params);
    let start = world.funds(2).0;
    let table = [
        // 1,001 Wh at 200,000 and a fee of 10,000: both rounded up
        (bid(1, 200_000, 1_001), 200_200 + 10_010),
        (bid(1, 1, 1), 1 + 10),
        (bid(1, 0, 1), 10),
        // what the grid asks beyond the offer's price
        (offer(1, 250_000, 1_001), 50_050),
        (offer(1, 299_999, 1), 1),
        (offer(1, 300_000, 500), 0),
        (offer(1, 350_000, 500), 0),
    ];
    for (ask, reserved) in table {
        let events = world.ok(2, ask.call());
        let deposits = if reserved == 0 { 7 } else { 14 };
        assert_eq!(world.funds(2), (start - reserved - deposits, reserved), "{}", ask.price);
        let placed = |event: &Event| matches!(event, Event::Market(MarketEvent::OrderPlaced { reserved: got, .. }) if got.0 == reserved);
        assert!(events.iter().any(placed), "{events:?}");
        let view = world.state.read(keys::order(&id_of(2, 1))).unwrap();
        assert_eq!((view.wh.0, view.reserved.0, view.account), (ask.wh, reserved, address(2)));
        assert_eq!(ends(&world.ok(2, cancel(2, 1))), [(id_of(2, 1), 0, OrderEnd::Cancelled)]);
        assert_eq!(world.funds(2), (start, 0));
        assert_eq!(world.state.read(keys::order(&id_of(2, 1))), None);
    }
    let view = world.state.read(keys::interval(&grid_id(), AT)).unwrap();
    assert_eq!((view.orders, view.step), (7, Step::Open));
}

#[test]
fn an_offer_reserves_what_its_own_interval_may_cost() {
    // T0 is 08:00 UTC; the tariff is 300,000 from 6 and 400,000 from 18 o'clock, in local time.
    let hours = |hours: u64| IntervalId(T0 / INTERVAL_MS + hours * 4);
    let last_quarter = |n: u64| IntervalId(hours(n).0 - 1);
    let table = [
        (0, hours(9), 300_000),
        (0, last_quarter(10), 300_000), // ends at 18:00
        (0, hours(10), 400_000),
        (0, hours(18), 400_000),        // 02:00
        (0, last_quarter(22), 400_000), // ends at 06:00
        (0, hours(22), 300_000),
        (10, last_quarter(10), 400_000), // ten minutes ahead of UTC: it ends at 18:10
        (10, IntervalId(last_quarter(10).0 - 1), 300_000),
        (-10, hours(10), 400_000), // begins at 17:50
        (-10, last_quarter(10), 300_000),
        (-10, hours(22), 400_000), // begins at 05:50
        (-10, hours(23), 300_000),
        (840, hours(1), 400_000),  // 23:00
        (840, hours(8), 300_000),  // 06:00 of the next day
        (-720, hours(1), 400_000), // 21:00 of the day before
    ];
    for (offset, interval, import) in table {
        let mut world = village(ClearingRule::Tariff, params());
        let (tariff, grace_ms) = (tariff(&[(6, 300_000), (18, 400_000)]), TimeMs(0));
        let by_hours = Terms { tariff, grace_ms, ..terms(ClearingRule::Uniform) };
        world.ok(1, set_terms(Terms { utc_offset_minutes: offset, ..by_hours }));
        world.ok(2, Ask { interval, ..offer(1, 0, 1_000) }.call());
        assert_eq!(world.funds(2).1, import, "{offset} {interval}");
    }
}

#[test]
fn orders_are_refused_for_every_reason() {
    let mut world = village(ClearingRule::Uniform, params());
    let good = bid(1, 200_000, 1_000);
    for bad in [bid(1, 200_000, 0), bid(1, 200_000, ORDER_WH_MAX + 1), bid(1, PRICE_MAX.0 + 1, 1)] {
        assert!(world.try_sign(world.body(2, vec![bad.call()]), &[2]).is_err());
    }
    let elsewhere = match good.call() {
        Call::Market(call::MarketCall::PlaceOrder(call::market::PlaceOrder {
            reference,
            interval,
            side,
            price,
            wh,
            partner,
            expires_ms,
            ..
        })) => {
            let microgrid = Hash([9; 32]);
            Call::from(call::market::PlaceOrder {
                microgrid,
                reference,
                interval,
                side,
                price,
                wh,
                partner,
                expires_ms,
            })
        }
        _ => unreachable!(),
    };
    world.fails(2, elsewhere, Reason::UnknownMicrogrid);
    world.fails(6, good.call(), Reason::NotMember);
    world.fails(2, Ask { partner: Some(6), ..good }.call(), Reason::NotMember);
    world.fails(2, Ask { partner: Some(2), ..good }.call(), Reason::SameAccount);
    let (current, ahead) = (T0 / INTERVAL_MS, ORDER_AHEAD_MS_MAX / INTERVAL_MS);
    let table = [
        (IntervalId(0), Reason::NoTerms),
        (IntervalId(current), Reason::NoTerms), // terms hold from the next one on
        (IntervalId(current + ahead + 1), Reason::GateClosed),
        (IntervalId::MAX, Reason::GateClosed),
    ];
    for (interval, reason) in table {
        world.fails(2, Ask { interval, ..good }.call(), reason);
    }
    let end = (AT.0 + 1) * INTERVAL_MS;
    for expires_ms in [0, world.env.time_ms.0, end + 1, u64::MAX] {
        world.fails(2, Ask { expires_ms: Some(expires_ms), ..good }.call(), Reason::BadTime);
    }
    world.ok(2, Ask { expires_ms: Some(end), ..bid(7, 1, 1) }.call());
    world.ok(2, good.call());
    world.fails(2, good.call(), Reason::AlreadyExists);
    world.fails(2, Ask { interval: IntervalId(AT.0 + 1), ..good }.call(), Reason::AlreadyExists);
    world.fails(2, bid(2, 800_000, 1_000).call(), Reason::InsufficientFunds);
    world.fails(3, cancel(2, 1), Reason::NotAllowed);
    world.fails(2, cancel(2, 9), Reason::UnknownOrder);
    world.ok(2, Ask { interval: IntervalId(current + ahead), ..bid(3, 1, 1) }.call());
    world.env.time_ms = TimeMs(GATE_MS - 1000);
    world.ok(3, offer(1, 200_000, 5).call());
    assert_eq!(world.env.time_ms.0, GATE_MS);
    world.fails(3, offer(2, 200_000, 5).call(), Reason::GateClosed);
    world.fails(2, cancel(2, 1), Reason::UnknownOrder); // cleared in that block
    for rule in [ClearingRule::Tariff, ClearingRule::MidMarket] {
        village(rule, params()).fails(2, good.call(), Reason::NoTerms);
    }
    let mut bare = World::new(params());
    bare.fails(1, good.call(), Reason::NoTerms);
}

#[test]
fn a_deposit_that_cannot_be_paid_and_a_full_book_are_refused() {
    let mut world = village(ClearingRule::Uniform, Params { account_deposit: Amount(100), ..params() });
    world.ok(2, transfer(3, START.0 - 99));
    world.fails(2, offer(1, 300_000, 5).call(), Reason::DepositUnpaid);
    world.ok(3, offer(1, 300_000, 5).call());
    let key = keys::interval(&grid_id(), AT);
    let mut overlay = Overlay::new(&world.state);
    let mut record: crate::modules::energy::records::Interval = overlay.read(key).unwrap();
    record.orders = ORDERS_MAX;
    overlay.write(key, &record);
    world.state = overlay.finish().0;
    world.fails(3, offer(2, 300_000, 5).call(), Reason::BookFull);
}

#[test]
fn nobody_fills_the_book_alone_with_orders_it_takes_back() {
    let mut world = village(ClearingRule::Uniform, params());
    let place = |n: u8| offer(n, 300_000, 5).call();
    for n in 0..u8::try_from(ORDERS_PER_MEMBER_MAX).unwrap() {
        world.ok(3, place(n));
        world.ok(3, cancel(3, n));
    }
    world.fails(3, place(200), Reason::BookFull);
    world.ok(2, place(200));
}

#[test]
fn nobody_but_the_market_touches_an_orders_hold() {
    let mut world = village(ClearingRule::Uniform, params());
    world.ok(2, bid(1, 200_000, 1_000).call());
    let hold = id_of(2, 1);
    let view = world.state.read(keys::hold(&hold)).unwrap();
    assert_eq!((view.expires_ms, view.captor), (TimeMs::MAX, Address::of_microgrid(&grid_id())));
    for n in 1..=3 {
        world.fails(n, Call::from(call::ledger::Void { hold }), Reason::NotAllowed);
        world.fails(
            n,
            Call::from(call::ledger::Capture { hold, amount: None, more: false }),
            Reason::NotAllowed,
        );
    }
    // Nor its book: the microgrid's own address owns it.
    let book = world.grid().book;
    let (debit, credit) = (AccountId::Book { book, code: 0 }, wallet(1));
    let entry = Entry::new(debit, credit, AssetId::NATIVE, Amount(1));
    let entries = BoundedVec::new(vec![entry]).unwrap();
    world.fails(1, Call::from(call::ledger::Journal::of(entries)), Reason::NotAllowed);
    let fees = AccountId::System { account: SystemAccount::Fees };
    assert_eq!(query::balance(&world.state, &fees, AssetId::NATIVE).credits_posted, 0);
    assert_ne!(book, BookId::PUBLIC);
}

/// Person 2 bids 350,000 for 2,000 Wh and person 3 250,000 for 1,000; 4 offers 1,500 at 100,000 and 5 1,000 at 240,000.
fn four_orders(world: &mut World) {
    world.ok(2, bid(1, 350_000, 2_000).call());
    world.ok(3, bid(1, 250_000, 1_000).call());
    world.ok(4, offer(1, 100_000, 1_500).call());
    world.ok(5, offer(1, 240_000, 1_000).call());
}

#[test]
fn orders_are_matched_at_each_bids_price() {
    let mut world = village(ClearingRule::PayAsBid, Params { account_deposit: Amount(3), ..params() });
    let before: Vec<u128> = (2..=5).map(|n| world.funds(n).0).collect();
    four_orders(&mut world);
    let book = query::order_book(&world.state, &grid_id(), AT, world.env.time_ms);
    let levels = book.iter().map(|((side, price), level)| (*side, price.0, level.wh.0, level.orders));
    assert_eq!(
        levels.collect::<Vec<_>>(),
        [
            (Side::Buy, 250_000, 1_000, 1),
            (Side::Buy, 350_000, 2_000, 1),
            (Side::Sell, 100_000, 1_500, 1),
            (Side::Sell, 240_000, 1_000, 1)
        ]
    );
    assert_eq!(query::orders(&world.state, &grid_id(), AT, 1, 2).len(), 2);
    let events = world.clear_market(GATE_MS);
    let trades = events.iter().filter_map(|event| match event {
        Event::Market(MarketEvent::Traded { bid, offer, wh, price, amount, fee, .. }) => {
            Some((*bid, *offer, wh.0, price.0, amount.0, fee.0))
        }
        _ => None,
    });
    let (b2, b3, o4, o5) = (id_of(2, 1), id_of(3, 1), id_of(4, 1), id_of(5, 1));
    let want = [
        (b2, o4, 1_500, 350_000, 525_000, 15_000),
        (b2, o5, 500, 350_000, 175_000, 5_000),
        (b3, o5, 500, 250_000, 125_000, 5_000),
    ];
    assert_eq!(trades.collect::<Vec<_>>(), want);
    let cleared = Event::Market(MarketEvent::MarketCleared {
        microgrid: grid_id(),
        interval: AT,
        rule: ClearingRule::PayAsBid,
        price: None,
        wh: WattHours(2_500),
        trades: 3,
    });
    assert!(events.contains(&cleared));
    let all = OrderEnd::Cleared;
    assert_eq!(ends(&events), [(b2, 2_000, all), (b3, 500, all), (o4, 1_500, all), (o5, 1_000, all)]);
    // Buyers have paid, sellers and operator are owed, and sellers have deposited what the grid asks beyond that;
    // nothing is held any more, deposits are back.
    let spent: Vec<u128> = (2..=5).zip(before).map(|(n, before)| before - world.funds(n).0).collect();
    assert_eq!(spent, [720_000, 130_000, 300_000, 60_000]);
    assert!((2..=5).all(|n| world.funds(n).1 == 0));
    assert_eq!([1, 2, 3, 4, 5].map(|n| world.tab(n)), [25_000, 0, 0, 525_000 + 300_000, 300_000 + 60_000]);
    assert_eq!(world.clearing(), 0);
    assert_eq!([2, 3, 4, 5].map(|n| world.traded(n, AT)), [(2_000, 0), (500, 0), (0, 1_500), (0, 1_000)]);
    let view = world.state.read(keys::interval(&grid_id(), AT)).unwrap();
    assert_eq!((view.traded_wh.0, view.step, view.price), (2_500, Step::Cleared, None));
    world.fails(2, cancel(2, 1), Reason::UnknownOrder);
}

#[test]
fn orders_are_matched_at_one_price() {
    let mut world = village(ClearingRule::Uniform, params());
    four_orders(&mut world);
    let events = world.clear_market(GATE_MS);
    assert_eq!(world.state.read(keys::interval(&grid_id(), AT)).unwrap().price, Some(Amount(250_000)));
    let cost = |event: &Event| {
        if let Event::Market(MarketEvent::Traded { amount, .. }) = event { amount.0 } else { 0 }
    };
    assert_eq!(events.iter().map(cost).sum::<u128>(), 625_000);
    assert_eq!([2, 3].map(|n| START.0 - world.funds(n).0), [500_000 + 20_000, 125_000 + 5_000]);
    assert_eq!([1, 2, 3, 4, 5].map(|n| world.tab(n)), [25_000, 0, 0, 375_000 + 300_000, 250_000 + 60_000]);
    assert_eq!(world.clearing(), 0);
}

#[test]
fn the_operator_trades_like_anybody_else() {
    let mut world = village(ClearingRule::PayAsBid, params());
    world.ok(1, bid(1, 200_000, 1_000).call());
    world.ok(2, offer(1, 200_000, 600).call());
    world.clear_market(GATE_MS);
    assert_eq!(world.funds(1), (START.0 - 126_000, 0));
    // Its own fee came back; with the proceeds stays what the grid asks if nothing is delivered.
    assert_eq!((world.tab(1), world.tab(2), world.clearing()), (6_000, 120_000 + 60_000, 0));
}

#[test]
fn an_order_is_gone_from_its_time_on() {
    let mut world = village(ClearingRule::PayAsBid, Params { account_deposit: Amount(3), ..params() });
    let before = world.funds(2).0;
    let soon = GATE_MS - 100_000;
    world.ok(2, Ask { expires_ms: Some(soon), ..bid(1, 350_000, 100) }.call());
    world.ok(3, offer(1, 300_000, 100).call());
    world.env.time_ms = TimeMs(soon - 1);
    assert_eq!(ends(&world.empty_block()), []);
    world.env.time_ms = TimeMs(soon);
    let tx = world.sign(world.body(2, vec![cancel(2, 1)]), &[2]);
    let done = world.try_run(&[tx]).unwrap();
    assert_eq!(ends(&done.receipts.block), [(id_of(2, 1), 0, OrderEnd::Expired)]);
    assert_eq!(done.receipts.txs[0].outcome, Outcome::Failed { call: 0, reason: Reason::UnknownOrder });
    assert_eq!(world.funds(2), (before, 0));
    let events = world.clear_market(GATE_MS);
    assert_eq!(ends(&events), [(id_of(3, 1), 0, OrderEnd::Cleared)]);
}

#[test]
fn a_market_that_is_cleared_late_passes_over_orders_whose_time_is_over() {
    let end = (AT.0 + 1) * INTERVAL_MS;
    // The chain stands still from before the gate's closing until `resumed`; person 2's time is over at `until`.
    for (resumed, until, filled) in [
        (GATE_MS, None, 100),
        (GATE_MS + 200_000, Some(GATE_MS + 200_001), 100),
        (GATE_MS + 200_000, Some(GATE_MS + 200_000), 0),
        (end - 1, None, 100),
        (end, None, 0),
        (end + 15 * DAY_MS, None, 0),
    ] {
        let mut world = village(ClearingRule::PayAsBid, params());
        world.ok(2, Ask { expires_ms: until, ..bid(1, 350_000, 100) }.call());
        world.ok(3, offer(1, 250_000, 100).call());
        let events = world.clear_market(resumed);
        let got: Vec<u64> = ends(&events).iter().map(|(_, filled, _)| *filled).collect();
        assert_eq!(got, [filled, filled], "{resumed} {until:?}");
        let over = if filled > 0 { OrderEnd::Cleared } else { OrderEnd::Expired };
        assert_eq!(ends(&events)[0].2, over, "{resumed} {until:?}");
        assert_eq!((world.funds(2).1, world.funds(3).1), (0, 0));
        assert_eq!(world.funds(2).0, START.0 - u128::from(filled) * 360);
        assert_eq!(world.clearing(), 0);
    }
}

#[test]
fn no_estimate_counts_against_the_limit_whether_paid_or_not() {
    for paid in [false, true] {
        let mut world = village(ClearingRule::PayAsBid, params());
        world.env.time_ms = TimeMs(T0 + INTERVAL_MS); // the terms hold
        world.owe(2, 3_000);
        world.estimate(2, 1_000);
        if paid {
            world.ok(2, Call::from(PayTab { microgrid: grid_id() }));
            world.owe(2, 3_000);
        }
        world.owe(2, 48_000);
        assert_eq!(world.tab(2), -(50_000 + 1_000));
        world.ok(2, bid(1, 1, 1).call());
        world.owe(2, 1);
        world.fails(2, bid(2, 1, 1).call(), Reason::CreditExceeded);
    }
}

/// An order that ended with its market still stood in the queue when the block began.
#[test]
fn what_is_gone_from_the_queue_takes_no_room() {
    let weight = |expires_ms| {
        let mut world = village(ClearingRule::PayAsBid, params());
        world.ok(2, Ask { expires_ms, ..bid(1, 350_000, 100) }.call());
        world.env.time_ms = TimeMs(GATE_MS + 200_000);
        let state = Overlay::new(&world.state);
        let mut ctx = Ctx::new(state, &world.env);
        let used = crate::modules::on_block(&mut ctx, Weight(1 << 30));
        assert!(matches!(ends(&ctx.take_events())[..], [_]));
        used
    };
    assert_eq!(weight(Some(GATE_MS + 200_000)), weight(None));
}

#[test]
fn who_owes_too_much_places_no_orders() {
    let mut world = village(ClearingRule::PayAsBid, params());
    world.env.time_ms = TimeMs(T0 + INTERVAL_MS); // the terms hold
    world.owe(2, 50_000);
    world.ok(2, bid(1, 1, 1).call());
    world.owe(2, 1);
    world.fails(2, bid(2, 1, 1).call(), Reason::CreditExceeded);
    let raise = Call::from(SetMember {
        microgrid: grid_id(),
        account: address(2),
        credit_limit: Some(Amount(50_001)),
    });
    world.ok(1, energy(raise));
    world.ok(2, bid(2, 1, 1).call());
    world.estimate(2, 1_000);
    world.owe(2, 1_000);
    world.ok(2, bid(3, 1, 1).call()); // nobody is cut off for an estimate
    world.owe(2, 1);
    world.fails(2, bid(4, 1, 1).call(), Reason::CreditExceeded);
    world.owe(1, 1_000_000);
    world.ok(1, bid(1, 1, 1).call()); // the operator owes to nobody but those whom it serves
}

impl World {
    /// Books a debt of person `n` to the operator, or of the operator to person 2.
    pub(crate) fn owe(&mut self, n: u8, amount: u128) {
        self.post(n.into(), if n == 1 { 2 } else { 1 }, amount);
    }

    fn post(&mut self, from: u32, to: u32, amount: u128) {
        let (grid, env) = (self.grid(), self.env.clone());
        let mut ctx = Ctx::new(Overlay::new(&self.state), &env);
        crate::modules::energy::tab::charge(&mut ctx, &grid, from, to, Amount(amount)).unwrap();
        self.state = ctx.state.finish().0;
    }

    /// Lets a silent meter of person `n` be estimated at `amount`.
    fn estimate(&mut self, n: u8, amount: u128) {
        let amount = Amount(amount);
        self.lend(n);
        self.ok(1, energy(registration(&self.env.chain, grid_id(), 90, n)));
        let until = self.grid().agenda.unwrap().settle;
        let silence = Silence { since_ms: self.env.time_ms, until_ms: None, amount, rest: 0 };
        let settled = SettledMeter { until, silence: Some(silence), ..SettledMeter::default() };
        let mut overlay = Overlay::new(&self.state);
        overlay.write(keys::settled_meter(&address(90)), &settled);
        self.state = overlay.finish().0;
        self.post(estimates_of(n.into()), n.into(), amount.0);
    }
}

/// Terms that come after an order hold for later intervals: its gate, its fee and what backs it stay as they were.
#[test]
fn an_order_keeps_the_terms_it_was_placed_under() {
    let later = Terms {
        fee_per_kwh: Amount(900_000),
        gate_closure_ms: TimeMs(DAY_MS),
        ..terms(ClearingRule::PayAsBid)
    };
    for new in [later, terms(ClearingRule::MidMarket)] {
        let mut world = village(ClearingRule::PayAsBid, params());
        world.ok(2, bid(1, 300_000, 1_000).call());
        world.ok(3, offer(1, 300_000, 1_000).call());
        world.ok(1, set_terms(new));
        world.ok(4, offer(1, 300_000, 1_000).call());
        world.ok(4, cancel(4, 1));
        let events = world.clear_market(GATE_MS);
        let (b, o) = (id_of(2, 1), id_of(3, 1));
        assert_eq!(ends(&events), [(b, 1_000, OrderEnd::Cleared), (o, 1_000, OrderEnd::Cleared)]);
        assert_eq!((world.funds(2), world.tab(1)), ((START.0 - 310_000, 0), 10_000));
    }
}

#[test]
fn orders_are_wound_up_within_each_blocks_budget() {
    let mut world = village(ClearingRule::PayAsBid, Params { block_weight_max: Weight(60_000), ..params() });
    let late = GATE_MS + 3_000; // between matching and the end of winding up
    for n in 0..30u8 {
        let who = 2 + n % 4;
        let side = if who < 4 { Side::Buy } else { Side::Sell };
        let expires_ms = (n >= 26).then_some(late);
        world.ok(who, Ask { side, expires_ms, ..bid(n, 310_000, 100) }.call());
    }
    world.env.time_ms = TimeMs(GATE_MS);
    let mut blocks = Vec::new();
    let mut events = Vec::new();
    while world.state.read(keys::interval(&grid_id(), AT)).unwrap().step != Step::Cleared {
        let last = world.sign(world.body(3, vec![cancel(3, 25)]), &[3]);
        let done = world.try_run(&[last]).unwrap().receipts;
        blocks.push(ends(&done.block).len());
        events.extend(done.block);
        let stands = world.state.read(keys::order(&id_of(3, 25))).is_some();
        let reason = if stands { Reason::GateClosed } else { Reason::UnknownOrder };
        assert_eq!(done.txs[0].outcome, Outcome::Failed { call: 0, reason });
    }
    assert!(blocks.len() > 2 && blocks.iter().all(|ended| *ended < 12), "{blocks:?}");
    assert_eq!(ends(&events).len(), 30);
    let filled: u64 = ends(&events).iter().map(|(_, filled, _)| filled).sum();
    assert_eq!(filled, 2 * 1_400); // 16 bids, 14 offers
    assert!(ends(&events).iter().all(|(_, filled, end)| *filled == 0 || *end == OrderEnd::Cleared));
    assert_eq!(world.clearing(), 0);
    assert!((2..=5).all(|n| world.funds(n).1 == 0));
    let left = world
        .state
        .entries()
        .filter(|(key, _)| matches!(key[0], keys::tag::ORDER | keys::tag::ORDER_INDEX))
        .count();
    assert_eq!(left, 0);
}
