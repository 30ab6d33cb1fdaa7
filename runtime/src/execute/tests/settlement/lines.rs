//! The operator's lines: fees, demand, taxes, and what it charges or gives by hand.

use super::*;
use crate::modules::energy::tab::TAX;
use wattle_primitives::call::energy::{ChargeLine, RateMeter, RegisterMicrogrid, SetMember, SetTerms, Tax};
use wattle_primitives::call::market::Side;

const SYNCED: ClockQuality = ClockQuality::Synced;
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
/// 1 February 2027, and 1 March, UTC.
pub(super) const FEBRUARY: u64 = 1_801_440_000_000;
const MARCH: u64 = FEBRUARY + 28 * DAY;

pub(super) fn fees() -> Fees {
    let kinds = vec![LineKind::Energy, LineKind::Monthly, LineKind::Demand, LineKind::Connection];
    let tax = Tax { code: 16, permille: 160, on: BoundedVec::new(kinds).unwrap() };
    Fees {
        monthly: Amount(5_000),
        demand_per_kw: Amount(1_000),
        connection: Amount(9_000),
        taxes: BoundedVec::new(vec![tax]).unwrap(),
    }
}

pub(super) fn with(fees: Fees) -> Terms {
    Terms { fees, ..terms() }
}

fn line(village: &Village, n: u8, kind: LineKind, amount: u128) -> Call {
    Call::from(ChargeLine {
        microgrid: village.id,
        account: address(n),
        kind,
        amount: Amount(amount),
        reason: Hash([9; 32]),
    })
}

fn pay(village: &Village) -> Call {
    Call::from(call::energy::PayTab { microgrid: village.id })
}

fn collection(village: &Village, on: bool) -> Call {
    if on { mandate(village.id, None) } else { no_mandate(village.id) }
}

/// The lines of person `n`: kind, amount, tax, start of the interval.
fn lines(village: &Village, n: u8) -> Vec<(LineKind, u128, u128, u64)> {
    let interval_ms = village.grid().interval_ms.0;
    let of = |event: &Event| match event {
        Event::Energy(EnergyEvent::LineCharged { interval, account, line, amount, tax, .. })
            if *account == address(n) =>
        {
            Some((*line, amount.0, tax.0, interval.0 * interval_ms))
        }
        _ => None,
    };
    village.events.iter().filter_map(of).collect()
}

/// A microgrid of person 1 with intervals of this length, and person 2 for its member, who has no meter.
fn of_interval(interval_ms: u64, fees: Fees) -> Village {
    let mut village = Village::new(params(), &terms());
    let (reference, asset) = (Hash([3; 32]), village.grid().asset);
    village.ok(1, Call::from(RegisterMicrogrid { reference, asset, interval_ms: TimeMs(interval_ms) }));
    village.id = microgrid_id(&address(1), &reference);
    set_terms(&mut village, &with(fees));
    join(&mut village, 2);
    village
}

fn set_terms(village: &mut Village, terms: &Terms) {
    village.ok(1, Call::from(SetTerms { microgrid: village.id, terms: Box::new(terms.clone()) }));
}

fn join(village: &mut Village, n: u8) {
    let (microgrid, account) = (village.id, address(n));
    village.ok(1, Call::from(SetMember { microgrid, account, credit_limit: None }));
    village.ok(n, collection(village, true));
}

/// Meter 52 of person 2, registered so many quarters before February begins.
fn metered(fees: Fees, quarters: u64) -> (Village, Sim) {
    let mut village = Village::new(params(), &with(fees));
    village.go(FEBRUARY - quarters * QUARTER);
    let sim = village.meter(52, 2, MeterRole::Sub);
    (village, sim)
}

/// So much flows in each of the quarters that follow, each is read at its end, and settled.
fn flows(village: &mut Village, sim: &mut Sim, energy: &[(u64, u64)]) {
    for (import, export) in energy {
        let end = (village.now() / QUARTER + 1) * QUARTER;
        village.go(end);
        (sim.import, sim.export) = (sim.import + import, sim.export + export);
        let reading = sim.read(village.world.env.chain, end, 0, SYNCED);
        assert_eq!(village.submit(vec![reading]), [Ok(())]);
        village.go(end + 60_000);
    }
    village.check_tabs();
}

#[test]
fn a_member_pays_its_monthly_fee_once_a_month_whatever_the_length_of_the_interval() {
    let untaxed = || Fees { monthly: Amount(5_000), ..Fees::default() };
    for interval_ms in [5 * 60_000, QUARTER, HOUR, DAY] {
        let mut village = of_interval(interval_ms, untaxed());
        let funds = village.funds(2);
        village.go(FEBRUARY + 59_000);
        assert!(lines(&village, 2).is_empty());
        village.go(FEBRUARY + 20 * DAY);
        let monthly = |at| (LineKind::Monthly, 5_000, 0, at);
        assert_eq!(lines(&village, 2), [monthly(FEBRUARY)], "{interval_ms}");
        assert_eq!((village.funds(2), village.tab(2)), (funds - 5_000, 0));
        village.go(MARCH + 2 * DAY);
        assert_eq!(lines(&village, 2), [monthly(FEBRUARY), monthly(MARCH)], "{interval_ms}");
        village.check_tabs();
    }
}

/// West of the date line February begins again half a day later: it was paid for.
#[test]
fn a_month_begins_once_wherever_the_terms_put_the_microgrid() {
    let mut village = of_interval(HOUR, Fees { monthly: Amount(5_000), ..Fees::default() });
    village.go(FEBRUARY + 2 * HOUR);
    assert_eq!(lines(&village, 2).len(), 1);
    let fees = Fees { monthly: Amount(7_000), ..Fees::default() };
    set_terms(&mut village, &Terms { utc_offset_minutes: -720, ..with(fees) });
    village.go(FEBRUARY + 3 * DAY);
    assert_eq!(lines(&village, 2).len(), 1);
    village.go(MARCH + 12 * HOUR - 1);
    assert_eq!(lines(&village, 2).len(), 1);
    village.go(MARCH + 2 * DAY);
    assert_eq!(lines(&village, 2)[1..], [(LineKind::Monthly, 7_000, 0, MARCH + 12 * HOUR)]);
}

#[test]
fn nobody_pays_a_fee_for_a_month_before_it_joined() {
    let mut village = of_interval(HOUR, Fees { monthly: Amount(5_000), ..Fees::default() });
    village.go(FEBRUARY - HOUR);
    join(&mut village, 3);
    // Nothing is settled for a day, and then person 4 joins.
    village.world.env.time_ms = TimeMs(FEBRUARY);
    let (microgrid, account) = (village.id, address(4));
    village.ok(1, Call::from(SetMember { microgrid, account, credit_limit: None }));
    village.go(FEBRUARY + DAY);
    assert_eq!([2, 3, 4].map(|n| lines(&village, n).len()), [1, 1, 0]);
    village.go(MARCH + DAY);
    assert_eq!([2, 3, 4].map(|n| lines(&village, n).len()), [2, 2, 1]);
    assert!(lines(&village, 1).is_empty(), "the operator pays itself nothing");
}

#[test]
fn demand_is_the_highest_power_of_the_month_that_ended() {
    let fees = Fees { demand_per_kw: Amount(1_000), ..Fees::default() };
    let (mut village, mut sim) = metered(fees, 4);
    // 2 kW, 4 kW less what it gives, nothing, 2 kW; then February with 1 kW.
    flows(&mut village, &mut sim, &[(500, 0), (1_000, 250), (0, 900), (500, 0), (250, 0)]);
    assert_eq!(lines(&village, 2), [(LineKind::Demand, 3_000, 0, FEBRUARY)]);
    assert_eq!(village.member(2).demand.amount, Amount(1_000));
}

/// Who does not report when it draws most has at least the average of that time.
#[test]
fn who_reads_late_shows_the_average_power_of_what_it_held_back() {
    let fees = Fees { demand_per_kw: Amount(1_000), ..Fees::default() };
    let (mut village, mut sim) = metered(fees, 12);
    flows(&mut village, &mut sim, &[(100, 0)]);
    assert_eq!(village.member(2).demand.amount, Amount(400));
    village.go(FEBRUARY - 3 * QUARTER + 60_000);
    assert_eq!(village.member(2).demand.amount, Amount(400), "an estimate has no power");
    // 8 kWh in two hours and a quarter, the last of it in the interval that is not settled.
    flows(&mut village, &mut sim, &[(9_000, 0)]);
    assert_eq!(village.member(2).demand.amount, Amount(4_000));
}

/// A first reading brings what flowed since its opening registers were read, however long before.
#[test]
fn nobody_has_more_power_than_its_rating() {
    let fees = Fees { demand_per_kw: Amount(1_000), ..Fees::default() };
    let mut village = Village::new(params(), &with(fees));
    village.go(FEBRUARY - 2 * QUARTER);
    let mut sim = village.meter_at(52, 2, MeterRole::Sub, opening(0, village.now() - 7 * DAY));
    let end = FEBRUARY - QUARTER;
    village.go(end);
    sim.import += 1_000_000;
    let reading = sim.read(village.world.env.chain, end, 0, SYNCED);
    assert_eq!(village.submit(vec![reading]), [Ok(())]);
    // Nor by one that is raised before the interval is settled.
    village.ok(1, Call::from(RateMeter { meter: address(52), power_max_w: 10_000_000 }));
    village.go(end + 60_000);
    assert_eq!((village.billed(2).0, village.member(2).demand.amount), (1_000_000, Amount(20_000)));
}

/// A reading may give back what was only estimated: so much of a gift is money, and the operator's own.
#[test]
fn no_gift_is_set_off_against_an_estimate() {
    let (mut village, mut sim) = metered(Fees::default(), 12);
    flows(&mut village, &mut sim, &[(250, 0); 4]);
    village.ok(2, no_mandate(village.id));
    village.go(FEBRUARY - 4 * QUARTER + 60_000);
    assert_eq!((village.customer(2).estimates, village.tab(2)), (Amount(300_000), -300_000));
    let before = village.funds(1);
    village.ok(1, line(&village, 2, LineKind::Credit, 300_000));
    assert_eq!((village.funds(1), village.tab(2)), (before - 300_000, 0));
    flows(&mut village, &mut sim, &[(0, 0)]);
    village.check_tabs();
}

/// Taxes that members have paid are not paid out to the operator, whatever it has in escrow.
#[test]
fn no_tax_is_paid_out_for_what_the_operator_sells() {
    let terms = Terms { clearing: ClearingRule::PayAsBid, ..with(fees()) };
    let mut village = Village::new(params(), &terms);
    let mut sims: Vec<Sim> = [2, 3, 4].map(|n| village.meter(50 + n, n, MeterRole::Sub)).into();
    let all = village.funds(4);
    village.world.ok(4, transfer(5, all));
    let operators = village.funds(1);
    for (n, side) in [(1, Side::Sell), (3, Side::Buy)] {
        let order = call::market::PlaceOrder {
            microgrid: village.id,
            reference: Hash([1; 32]),
            interval: village.interval(village.first_ms + QUARTER),
            side,
            price: Amount(200_000),
            wh: WattHours(1000),
            partner: None,
            expires_ms: None,
        };
        village.ok(n, Call::from(order));
    }
    village.ok(1, line(&village, 2, LineKind::Connection, 9_000));
    village.ok(2, pay(&village));
    let chain = village.world.env.chain;
    for (quarter, import) in [(0, 0), (1, 1000)] {
        let at = village.first_ms + quarter * QUARTER;
        village.go(at + 1000);
        sims[2].import += import;
        let readings = sims.iter_mut().map(|sim| sim.read(chain, at, 0, SYNCED)).collect();
        assert!(village.submit(readings).iter().all(Result::is_ok));
    }
    village.go(village.first_ms + QUARTER + 60_000);
    // Person 4 owes it 300,000 and pays nothing. It has its fee, and its deposit in escrow.
    assert_eq!((village.balance(TAX), village.funds(1)), (1_440, operators - 100_000 + 9_000));
    assert_eq!(village.customer(1).escrow, Amount(300_000));
    village.check_tabs();
}

#[test]
fn a_tax_is_what_its_rate_says_of_its_lines_and_is_owed_to_nobody_but_the_tax_account() {
    let (mut village, mut sim) = metered(fees(), 4);
    let operator = village.funds(1);
    flows(&mut village, &mut sim, &[(0, 100), (500, 0), (1_001, 0), (0, 0)]);
    assert_eq!((village.line(2).debit, village.balance(TAX)), (450_300, 0));
    flows(&mut village, &mut sim, &[(0, 0)]);
    // 16 % of 4,004, of 450,300, of 5,000, each rounded down; what was sold is not taxed.
    let want = [
        (LineKind::Demand, 4_004, 640, FEBRUARY),
        (LineKind::Energy, 0, 72_048, FEBRUARY),
        (LineKind::Monthly, 5_000, 800, FEBRUARY),
    ];
    assert_eq!(lines(&village, 2), want);
    let taxes = 640 + 72_048 + 800;
    assert_eq!((village.balance(TAX), village.tab(2)), (taxes, 0));
    // All is paid in; the operator is paid all but what went to the seller, and the taxes.
    assert_eq!((village.tab(1), village.funds(1)), (0, operator + 450_300 - 10_000 + 4_004 + 5_000));
    village.ok(1, pay(&village));
    assert_eq!(village.balance(TAX), taxes);
    // Once it has paid them, they are its own claim.
    village.fails(1, line(&village, 1, LineKind::TaxPaid, taxes as u128 + 1), Reason::LimitExceeded);
    village.fails(1, line(&village, 2, LineKind::TaxPaid, 1), Reason::NotAllowed);
    village.ok(1, line(&village, 1, LineKind::TaxPaid, taxes as u128));
    assert_eq!((village.balance(TAX), village.tab(1)), (0, taxes));
    let before = village.funds(1);
    flows(&mut village, &mut sim, &[(0, 0)]);
    assert_eq!(village.funds(1), before + taxes as u128);
    village.check_tabs();
}

#[test]
fn what_was_estimated_too_high_is_not_taxed() {
    let kinds = BoundedVec::new(vec![LineKind::Energy]).unwrap();
    let tax = Tax { code: 1, permille: 100, on: kinds };
    let fees = Fees { taxes: BoundedVec::new(vec![tax]).unwrap(), ..Fees::default() };
    let (mut village, mut sim) = metered(fees, 12);
    flows(&mut village, &mut sim, &[(100, 0)]);
    village.go(FEBRUARY - 4 * QUARTER + 60_000); // silent: 100 Wh each quarter
    assert_eq!(village.member(2).tax, 8 * 30_000 * 100);
    flows(&mut village, &mut sim, &[(50, 0), (0, 0), (0, 0), (0, 0), (0, 0)]);
    let line = village.line(2);
    assert_eq!(line.debit - line.credit, 45_000 + 4_500);
    assert_eq!(lines(&village, 2), [(LineKind::Energy, 0, 4_500, FEBRUARY)]);
}

#[test]
fn who_leaves_pays_what_its_month_has_come_to() {
    let (mut village, mut sim) = metered(fees(), 8);
    flows(&mut village, &mut sim, &[(500, 0)]);
    let closing = sim.read(village.world.env.chain, village.now(), 0, SYNCED);
    let retire = call::energy::RetireMeter { meter: address(52), closing: Some(Box::new(closing)) };
    village.ok(1, Call::from(retire));
    village.go(FEBRUARY - 60_000);
    let funds = village.funds(2);
    village.ok(2, Call::from(call::energy::LeaveMicrogrid { microgrid: village.id }));
    let paid = 2_000 + 320 + 24_000;
    assert_eq!((village.funds(2), village.balance(TAX)), (funds - paid, 24_320));
    let kinds: Vec<_> = lines(&village, 2).iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds, [LineKind::Demand, LineKind::Energy]);
}

/// Person 2 is owed 200,000 for what it sold. Person 5, who used a part of that, has paid 150,000 in; nothing is taken
/// from its wallet or the operator's. Also the end of that interval.
fn a_seller_is_owed(fees: Fees) -> (Village, u64) {
    let (mut village, mut seller) = metered(fees, 8);
    let mut buyer = village.meter(55, 5, MeterRole::Sub);
    for n in [1, 5] {
        village.ok(n, collection(&village, false));
    }
    let end = (village.now() / QUARTER + 1) * QUARTER;
    village.go(end);
    (seller.export, buyer.import) = (seller.export + 2_000, buyer.import + 500);
    let readings = [&mut seller, &mut buyer].map(|sim| sim.read(village.world.env.chain, end, 0, SYNCED));
    assert_eq!(village.submit(readings.to_vec()), [Ok(()), Ok(())]);
    village.go(end + 60_000);
    village.ok(5, pay(&village));
    assert_eq!([village.tab(2), village.tab(5), village.tab(1)], [200_000, 0, -50_000]);
    (village, end)
}

/// A seller is owed money that is not there yet. Operator and another member are one person: what the one gives the
/// other it must have.
#[test]
fn an_operators_credit_costs_no_third_member_anything() {
    let (mut village, end) = a_seller_is_owed(Fees::default());
    join(&mut village, 3);
    let operator = village.funds(1);
    for kind in [LineKind::Refund, LineKind::WriteOff] {
        village.fails(1, line(&village, 3, kind, 1), Reason::LimitExceeded);
    }
    village.fails(1, line(&village, 3, LineKind::Credit, operator + 1), Reason::InsufficientFunds);
    village.ok(1, line(&village, 3, LineKind::Credit, 150_000));
    assert_eq!((village.tab(1), village.funds(1)), (-50_000, operator - 150_000));
    let before = [2, 3].map(|n| village.funds(n));
    village.go(end + QUARTER + 60_000);
    // 300,000 for claims of 350,000.
    assert_eq!([2, 3].map(|n| village.funds(n)), [before[0] + 171_428, before[1] + 128_571]);
    village.check_tabs();
}

/// Debts to the operator that may never be paid cover no gift: a member is paid before the operator.
#[test]
fn an_operators_bad_debts_make_no_claim_on_what_others_paid_in() {
    let (mut village, end) = a_seller_is_owed(Fees { connection: Amount(500_000), ..Fees::default() });
    let _friends = village.meter(53, 3, MeterRole::Sub);
    village.ok(3, collection(&village, false));
    join(&mut village, 4);
    village.ok(1, line(&village, 3, LineKind::Connection, 500_000));
    assert_eq!(village.tab(1), 450_000, "its friend owes it, and will not pay");
    let operator = village.funds(1);
    village.ok(1, line(&village, 4, LineKind::Credit, 400_000));
    assert_eq!(village.funds(1), operator - 400_000, "all of it");
    let before = village.funds(2);
    village.go(end + QUARTER + 60_000);
    assert!(village.funds(2) >= before + 150_000);
    village.check_tabs();
}

#[test]
fn no_more_is_written_off_than_is_owed() {
    let (mut village, mut sim) = metered(Fees::default(), 8);
    village.ok(2, collection(&village, false));
    flows(&mut village, &mut sim, &[(1_000, 0)]);
    village.go(village.now() + QUARTER); // estimated: 300,000 more
    assert_eq!((village.tab(2), village.tab(1)), (-600_000, 600_000));
    let funds = village.funds(1);
    village.fails(1, line(&village, 2, LineKind::WriteOff, 300_001), Reason::LimitExceeded);
    village.fails(2, line(&village, 2, LineKind::WriteOff, 1), Reason::NotAllowed);
    village.ok(1, line(&village, 2, LineKind::WriteOff, 300_000));
    village.fails(1, line(&village, 2, LineKind::WriteOff, 1), Reason::LimitExceeded);
    assert_eq!((village.tab(2), village.tab(1), village.funds(1)), (-300_000, 300_000, funds));
    let said = Event::Energy(EnergyEvent::LineCharged {
        microgrid: village.id,
        interval: village.interval(village.now()),
        account: address(2),
        line: LineKind::WriteOff,
        amount: Amount(300_000),
        tax: Amount(0),
        reason: Some(Hash([9; 32])),
    });
    assert!(village.events.contains(&said));
    village.check_tabs();
}

#[test]
fn connecting_a_meter_costs_once_what_the_terms_said_when_its_owner_joined() {
    let (mut village, _) = metered(fees(), 4 * 24 * 3);
    join(&mut village, 3);
    let connect = |village: &Village, n, amount| line(village, n, LineKind::Connection, amount);
    village.fails(1, connect(&village, 3, 9_000), Reason::LimitExceeded); // it has no meter
    village.fails(1, connect(&village, 6, 9_000), Reason::NotMember);
    set_terms(&mut village, &with(Fees { connection: Amount(500_000), ..fees() }));
    village.go(village.now() + 2 * DAY);
    village.fails(1, connect(&village, 2, 9_001), Reason::LimitExceeded);
    let owed = village.tab(2);
    village.ok(1, connect(&village, 2, 9_000));
    assert_eq!((village.tab(2), village.balance(TAX)), (owed - 9_000 - 1_440, 1_440));
    village.fails(1, connect(&village, 2, 1), Reason::LimitExceeded);
    village.meter(53, 2, MeterRole::Sub);
    village.ok(1, connect(&village, 2, 9_000));
    for kind in [LineKind::Energy, LineKind::Monthly, LineKind::Demand] {
        let call = line(&village, 2, kind, 1);
        assert!(village.world.try_sign(village.world.body(1, vec![call]), &[1]).is_err());
    }
    village.fails(1, line(&village, 1, LineKind::Credit, 1), Reason::NotAllowed);
    village.check_tabs();
}
