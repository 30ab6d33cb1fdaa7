//! An owner's consent: whose meters it is billed for, how much is taken from its wallet, and under which terms;
//! and a meter's change of owner and of rating.

use super::late::{HOUR, swap_of};
use super::*;
use crate::modules::energy::profile::Profile;
use crate::modules::energy::records::SettledMeter;
use wattle_primitives::call::deals::deal_id;
use wattle_primitives::call::energy::{HandOverMeter, Mandate, RateMeter, SetMandate, SetTerms};
use wattle_primitives::call::identity::{Calls, Grant, Limits, PerPeriod, grant_id};

const DAY: u64 = 24 * HOUR;
const SYNCED: ClockQuality = ClockQuality::Synced;

/// A village with a meter of person 2 that is read when the first interval begins.
fn metered(terms: &Terms) -> (Village, Sim) {
    let mut village = Village::new(params(), terms);
    let mut sim = village.meter(52, 2, MeterRole::Sub);
    let start = village.first_ms;
    report(&mut village, &mut sim, start, 0);
    (village, sim)
}

/// Lets `wh` flow until `at`, and reads then.
fn report(village: &mut Village, sim: &mut Sim, at: u64, wh: u64) {
    assert_eq!(super::report(village, sim, at, wh), [Ok(())]);
}

/// The same, and settles until then.
fn quarter(village: &mut Village, sim: &mut Sim, at: u64, wh: u64) {
    report(village, sim, at, wh);
    village.go(at + 60_000);
}

fn give(village: &Village, mandate: Mandate) -> Call {
    Call::from(SetMandate { microgrid: village.id, mandate: Some(mandate) })
}

fn set(village: &Village, terms: Terms) -> Call {
    Call::from(SetTerms { microgrid: village.id, terms: Box::new(terms) })
}

/// The first interval of the newest terms.
fn newest(village: &Village) -> u64 {
    let last = village.grid().terms - 1;
    village.record(keys::terms(&village.id, last)).unwrap().from.0
}

fn dear() -> Terms {
    let band = TariffBand { from_minute: 0, import_price: Amount(900_000), export_price: Amount(0) };
    Terms { tariff: BoundedVec::new(vec![band]).unwrap(), ..terms() }
}

#[test]
fn nobody_is_bound_to_a_meter_without_its_mandate() {
    let mut village = Village::new(Params { account_deposit: Amount(10), ..params() }, &terms());
    let (chain, id, end) = (village.world.env.chain, village.id, village.now() + HOUR);
    let meter = |n: u8, owner: u8| registration(&chain, id, n, owner);
    village.fails(1, meter(52, 2), Reason::MandateRequired);
    village.ok(1, meter(51, 1)); // its own
    let before = village.funds(2);
    village.ok(2, give(&village, Mandate { expires_ms: TimeMs(end), ..Mandate::UNLIMITED }));
    village.ok(1, meter(52, 2));
    village.fails(1, meter(53, 3), Reason::MandateRequired);
    village.ok(2, no_mandate(id));
    assert_eq!(village.funds(2), before, "the deposit is given back");
    village.fails(1, meter(53, 2), Reason::MandateRequired);
    village.ok(2, give(&village, Mandate { expires_ms: TimeMs(end), ..Mandate::UNLIMITED }));
    village.go(end);
    village.fails(1, meter(53, 2), Reason::MandateRequired);
    village.fails(
        2,
        give(&village, Mandate { expires_ms: TimeMs(end), ..Mandate::UNLIMITED }),
        Reason::BadTime,
    );
    for bad in [
        Mandate { notice_ms: TimeMs(400 * DAY + 1), ..Mandate::UNLIMITED },
        Mandate {
            per_period: Some(PerPeriod { amount: Amount(1), period_ms: TimeMs(0) }),
            ..Mandate::UNLIMITED
        },
    ] {
        assert_eq!(give(&village, bad).check(), Err(Reason::OutOfRange));
    }
}

/// A mandate given by a grant would outlive it. To take one back harms nobody.
#[test]
fn nobody_gives_a_mandate_by_a_grant() {
    let mut village = Village::new(params(), &terms());
    let (given, taken) = (give(&village, Mandate::UNLIMITED), no_mandate(village.id));
    let calls = Calls::Only(BoundedVec::new(vec![given.kind()]).unwrap());
    let limits = Limits { calls, ..Limits::allowance(Amount(100), TimeMs::MAX) };
    village.ok(2, Call::from(Grant { reference: Hash::ZERO, grantee: address(3), limits }));
    let grant = grant_id(&address(2), &Hash::ZERO);
    let act = |village: &mut Village, call: &Call| {
        let body = TxBody { grant: Some(grant), ..village.world.body(3, vec![call.clone()]) };
        let tx = village.world.sign(body, &[3]);
        village.world.try_run(&[tx]).unwrap().receipts.txs.remove(0).outcome
    };
    let mandate = |village: &Village, n: u8| village.record(keys::mandate(&village.id, &address(n)));
    let refused = Outcome::Failed { call: 0, reason: Reason::CallNotGranted };
    assert_eq!(act(&mut village, &given), refused);
    assert!(mandate(&village, 2).is_none());
    village.ok(2, given.clone());
    village.ok(3, given.clone()); // the grantee's own
    assert_eq!(act(&mut village, &given), refused, "nor another in its place");
    assert!(mandate(&village, 2).is_some());
    assert_eq!(act(&mut village, &taken), Outcome::Success);
    assert!(mandate(&village, 2).is_none() && mandate(&village, 3).is_some());
}

/// An installer reads the counters; if the meter is its own, or its owner's friend's, the operator must know of it.
#[test]
fn an_installer_swaps_no_meter_without_the_operator() {
    let (mut village, _) = metered(&Terms { installer: Some(address(2)), ..terms() });
    village.meter(53, 3, MeterRole::Sub);
    village.go(village.first_ms + HOUR);
    for (owner, old, new) in [(2, 52, 62), (3, 53, 63)] {
        let swap = |village: &Village, signer: u8| swap_of(village, signer, (old, 1_000, 0), new, 0);
        let [by_installer, by_operator] = [2, 1].map(|signer| swap(&village, signer));
        village.fails(owner, by_installer.clone(), Reason::NotAllowed);
        village.fails(2, by_installer.clone(), Reason::NotAllowed);
        village.ok(owner, no_mandate(village.id));
        village.fails(1, by_installer, Reason::MandateRequired);
        village.ok(owner, by_operator);
        village.ok(owner, mandate(village.id, None));
        let [by_installer, by_operator] =
            [2, 1].map(|signer| swap_of(&village, signer, (new, 0, 0), new + 10, 0));
        village.fails(1, by_operator, Reason::NotAllowed); // the installer reads it
        village.ok(1, by_installer);
    }
    village.check_tabs();
}

/// Not more for an interval, nor in a period, than it says; and nothing once it is taken back or over. The rest is a
/// debt, which its owner pays when it likes.
#[test]
fn nobodys_wallet_is_debited_beyond_its_mandate() {
    let (mut village, mut sim) = metered(&terms());
    let (start, before) = (village.first_ms, village.funds(2));
    let per_period = Some(PerPeriod { amount: Amount(500_000), period_ms: TimeMs(DAY) });
    let limits = Mandate { per_charge: Some(Amount(200_000)), per_period, ..Mandate::UNLIMITED };
    village.ok(2, give(&village, limits));
    // 300,000 in each interval, of which two steps of settlement take together what one may.
    let mut taken = |village: &mut Village, quarter: u64| {
        self::quarter(village, &mut sim, start + quarter * QUARTER, 1_000);
        (before - village.funds(2), village.tab(2))
    };
    assert_eq!(taken(&mut village, 1), (200_000, -100_000));
    assert_eq!(taken(&mut village, 2), (400_000, -200_000));
    assert_eq!(taken(&mut village, 3), (500_000, -400_000));
    assert_eq!(taken(&mut village, 4), (500_000, -700_000));
    village.ok(2, Call::from(call::energy::PayTab { microgrid: village.id }));
    assert_eq!((before - village.funds(2), village.tab(2)), (1_000_000, -200_000));
    assert_eq!(village.world.run(6, vec![transfer(2, 900_000)]).outcome, Outcome::Success);
    let before = before + 900_000;
    let mut taken = |village: &mut Village, quarter: u64, wh: u64| {
        self::quarter(village, &mut sim, start + quarter * QUARTER, wh);
        (before - village.funds(2), village.tab(2))
    };
    assert_eq!(taken(&mut village, 5, 0), (1_000_000, -200_000));
    assert_eq!(taken(&mut village, 100, 0), (1_200_000, 0), "a new period");
    village.ok(2, no_mandate(village.id));
    assert_eq!(taken(&mut village, 101, 1_000), (1_200_000, -300_000));
    village.ok(2, give(&village, Mandate { expires_ms: TimeMs(start + 102 * QUARTER), ..limits }));
    assert_eq!(taken(&mut village, 102, 0), (1_200_000, -300_000));
    village.check_tabs();
}

/// Its owner has so long to take its mandate back before it pays what terms bill that it did not know.
#[test]
fn nothing_is_taken_under_new_terms_before_the_notice_is_over() {
    let (mut village, mut sim) = metered(&terms());
    let start = village.first_ms;
    village.ok(2, give(&village, Mandate { notice_ms: TimeMs(2 * DAY), ..Mandate::UNLIMITED }));
    quarter(&mut village, &mut sim, start + QUARTER, 100);
    assert_eq!(village.tab(2), 0, "terms that it knew");
    village.ok(1, set(&village, dear()));
    let told = village.now();
    assert_eq!(newest(&village), start / QUARTER + 96);
    quarter(&mut village, &mut sim, start + 2 * QUARTER, 0);
    quarter(&mut village, &mut sim, start + DAY, 0);
    assert_eq!(village.tab(2), 0);
    quarter(&mut village, &mut sim, start + DAY + QUARTER, 100);
    assert_eq!(village.tab(2), -90_000, "new terms, and the notice is not over");
    quarter(&mut village, &mut sim, start + DAY + 2 * QUARTER, 0);
    quarter(&mut village, &mut sim, start + 2 * DAY - QUARTER, 0);
    assert_eq!(village.tab(2), -90_000);
    village.go(told + 2 * DAY);
    quarter(&mut village, &mut sim, start + 2 * DAY + QUARTER, 0);
    // An estimate that was collected comes back with the payout that follows.
    quarter(&mut village, &mut sim, start + 2 * DAY + 2 * QUARTER, 0);
    assert_eq!(village.tab(2), 0);
    village.check_tabs();
}

/// The bill of a reading for many intervals is made at once, while older ones by terms that its owner knew are still
/// settled: with those nothing of it is taken.
#[test]
fn a_long_readings_bill_waits_for_the_notice_of_its_own_terms() {
    let slow = |terms: Terms| Terms { grace_ms: TimeMs(DAY), late_window_ms: TimeMs(2 * DAY), ..terms };
    let (mut village, mut sim) = metered(&slow(terms()));
    let (start, before) = (village.first_ms, village.funds(2));
    village.ok(2, give(&village, Mandate { notice_ms: TimeMs(14 * DAY), ..Mandate::UNLIMITED }));
    village.ok(1, set(&village, slow(dear())));
    let told = village.now();
    assert_eq!(newest(&village) * QUARTER, start + DAY);
    report(&mut village, &mut sim, start + DAY, 0);
    // An hour and a half, nothing of which is settled within a day.
    let read = start + DAY + 6 * QUARTER;
    report(&mut village, &mut sim, read, 1_000);
    assert_eq!((village.tab(2), village.line(2).debit), (-900_000, 900_000));
    let settled = |village: &Village| village.grid().agenda.unwrap().settle.0 * QUARTER;
    for at in [read + QUARTER, read + 4 * QUARTER, start + 2 * DAY] {
        report(&mut village, &mut sim, at, 0);
        village.go(at + 60_000);
        assert!(read - DAY < settled(&village) && settled(&village) <= start + DAY, "older intervals");
        assert_eq!((village.tab(2), village.funds(2)), (-900_000, before));
    }
    for days in 3..=14 {
        report(&mut village, &mut sim, start + days * DAY - QUARTER, 0);
        assert_eq!((village.tab(2), village.funds(2)), (-900_000, before), "day {days}");
    }
    village.go(told + 14 * DAY + QUARTER);
    assert_eq!((village.tab(2), before - village.funds(2)), (0, 900_000));
    village.check_tabs();
}

/// First terms hold at once. Until they begin new ones are replaced, by such as begin no earlier.
#[test]
fn terms_take_effect_only_after_the_notice_they_promise() {
    let promising = Terms { notice_ms: TimeMs(3 * DAY), ..terms() };
    let mut village = Village::new(params(), &promising);
    let first = village.first_ms / QUARTER;
    assert_eq!(newest(&village), first);
    village.go(village.first_ms + 1000);
    village.ok(1, set(&village, terms()));
    assert_eq!(newest(&village), first + 3 * 96 + 1, "at the next boundary");
    village.go(village.first_ms + DAY - 60_000);
    village.ok(1, set(&village, dear()));
    assert_eq!((newest(&village), village.grid().terms), (first + 4 * 96, 2), "replaced");
    // Those promise nothing.
    village.go(village.first_ms + 4 * DAY + 1000);
    village.ok(1, set(&village, promising.clone()));
    assert_eq!((newest(&village), village.grid().terms), (first + 5 * 96, 3));
    let beyond = Terms { notice_ms: TimeMs(400 * DAY + 1), ..terms() };
    assert_eq!(set(&village, beyond).check(), Err(Reason::OutOfRange));
}

/// Whoever leaves takes its mandate along.
#[test]
fn who_has_left_is_bound_to_no_meter() {
    let mut village = Village::new(Params { account_deposit: Amount(10), ..params() }, &terms());
    let (chain, id, before) = (village.world.env.chain, village.id, village.funds(3));
    village.ok(3, mandate(id, None));
    let joins = call::energy::SetMember { microgrid: id, account: address(3), credit_limit: None };
    village.ok(1, Call::from(joins));
    village.go(village.first_ms + QUARTER);
    village.ok(3, Call::from(call::energy::LeaveMicrogrid { microgrid: id }));
    assert_eq!(village.funds(3), before);
    village.fails(1, registration(&chain, id, 53, 3), Reason::MandateRequired);
}

fn hand_over(n: u8, to: u8, closing: SignedReading) -> Call {
    Call::from(HandOverMeter { meter: address(n), to: address(to), closing: Box::new(closing) })
}

/// Whatever flowed before a meter was handed over is its old owner's, settled or not, estimated or shown; what flows
/// from then on is its new owner's.
#[test]
fn what_flowed_before_a_change_of_owner_is_never_the_new_owners_bill() {
    // The new owner joined; the interval before the last is not settled yet.
    let (mut village, mut sim) = metered(&Terms { grace_ms: TimeMs(QUARTER + 60_000), ..terms() });
    let (chain, start) = (village.world.env.chain, village.first_ms);
    village.meter(53, 3, MeterRole::Sub);
    let half = start + 6 * QUARTER + QUARTER / 2;
    for quarter in 1..=2 {
        report(&mut village, &mut sim, start + quarter * QUARTER, 100);
    }
    // It falls silent and is estimated, and is read again in the middle of an interval.
    village.go(half);
    assert!(village.customer(2).estimates > Amount(0));
    sim.import += 900;
    let closing = sim.read(chain, half, 0, SYNCED);
    village.ok(1, hand_over(52, 3, closing));
    let owner = village.record(keys::meter(&address(52))).unwrap().owner;
    assert_eq!((owner, village.member(2).meters, village.member(3).meters), (address(3), 0, 2));
    assert_eq!(village.customer(2).estimates, Amount(0));
    // Silent from here on, it is estimated at nothing of the old owner's; then it shows what the new one used.
    village.go(start + 12 * QUARTER);
    assert_eq!(village.customer(3).estimates, Amount(0));
    report(&mut village, &mut sim, start + 12 * QUARTER, 700);
    village.go(start + 13 * QUARTER + 120_000); // all that it has shown is settled, and nothing beyond
    assert_eq!((village.billed(2), village.billed(3)), ((1_100, 0), (700, 0)));
    village.check_tabs();
}

/// Neither is a meter forced upon anybody, nor taken away: by its operator, with the mandates of both, and what its key
/// has signed just now.
#[test]
fn a_meter_is_handed_over_by_consent_of_both() {
    let (mut village, mut sim) = metered(&terms());
    let (chain, start) = (village.world.env.chain, village.first_ms);
    let old = sim.read(chain, start + 60_000, 0, SYNCED);
    village.go(start + QUARTER + 61_000);
    village.fails(1, hand_over(52, 3, old.clone()), Reason::NotMember);
    village.meter(53, 3, MeterRole::Sub);
    village.fails(2, hand_over(52, 3, old.clone()), Reason::NotAllowed);
    village.fails(3, hand_over(52, 3, old.clone()), Reason::NotAllowed);
    village.fails(1, hand_over(52, 2, old.clone()), Reason::SameAccount);
    for n in [2, 3] {
        village.ok(n, no_mandate(village.id));
        village.fails(1, hand_over(52, 3, old.clone()), Reason::MandateRequired);
        village.ok(n, mandate(village.id, None));
    }
    village.fails(1, hand_over(52, 3, old.clone()), Reason::BadTime);
    assert_eq!(hand_over(53, 3, old).check(), Err(Reason::BadEvidence));
    let mut forged = sim.read(chain, village.now(), 0, SYNCED);
    forged.reading.import = opening(sim.import + 5, 0).import;
    village.fails(1, hand_over(52, 3, forged), Reason::BadSignature);
    let closing = sim.read(chain, village.now(), 0, SYNCED);
    village.ok(1, hand_over(52, 3, closing));
    let again = sim.read(chain, village.now(), 0, SYNCED);
    village.ok(1, hand_over(52, 2, again));
    village.check_tabs();
}

/// Its old owner can still dispute what it was billed; a meter that is handed on waits until all of that is settled.
#[test]
fn an_old_owners_bills_are_its_own() {
    let grace = TimeMs(2 * QUARTER);
    let (mut village, mut sim) = metered(&Terms { grace_ms: grace, ..terms() });
    let (chain, start) = (village.world.env.chain, village.first_ms);
    village.meter(53, 3, MeterRole::Sub);
    let mut seen = Vec::new();
    for quarter in 1..=2 {
        village.go(start + quarter * QUARTER + 1000);
        sim.import += 100;
        seen.push(sim.read(chain, start + quarter * QUARTER, 0, SYNCED));
        village.submit(vec![seen[seen.len() - 1].clone()]);
    }
    let closing = sim.read(chain, village.now(), 0, SYNCED);
    village.ok(1, hand_over(52, 3, closing));
    village.go(start + 2 * QUARTER + QUARTER / 2);
    let closing = sim.read(chain, village.now(), 0, SYNCED);
    village.fails(1, hand_over(52, 2, closing), Reason::MemberEngaged);
    let dispute = |reference: u8| {
        Call::from(call::disputes::OpenDispute {
            microgrid: village.id,
            reference: Hash([reference; 32]),
            first: Box::new(seen[0].clone()),
            second: Box::new(seen[1].clone()),
            claim: Amount(1),
            note: Hash::ZERO,
        })
    };
    let (by_old, by_new, by_other) = (dispute(1), dispute(2), dispute(3));
    village.ok(2, by_old);
    village.ok(3, by_new);
    village.fails(4, by_other, Reason::NotAllowed);
    village.go(start + 8 * QUARTER);
    let closing = sim.read(chain, village.now(), 0, SYNCED);
    village.ok(1, hand_over(52, 2, closing));
    village.go(start + 20 * QUARTER);
    assert_eq!((village.billed(2), village.billed(3)), ((200, 0), (0, 0)));
    village.check_tabs();
}

/// A deal of its old owner's counts nothing that its new owner uses.
#[test]
fn nobodys_deal_is_filled_by_anothers_meter() {
    let (mut village, mut sim) = metered(&terms());
    let (chain, start) = (village.world.env.chain, village.first_ms);
    village.meter(53, 3, MeterRole::Sub);
    let deal = deal_id(&address(2), &Hash::ZERO);
    let report_usage = |seq: u64, wh: u64| {
        let cumulative_wh = WattHours(wh);
        Call::from(call::deals::ReportUsage { deal, seq, cumulative_wh })
    };
    assert_eq!(village.deal(1_000, start + DAY), deal);
    report(&mut village, &mut sim, start + QUARTER, 200);
    village.ok(2, report_usage(1, 100));
    let closing = sim.read(chain, village.now(), 0, SYNCED);
    village.ok(1, hand_over(52, 3, closing));
    report(&mut village, &mut sim, start + 2 * QUARTER, 200);
    village.fails(2, report_usage(2, 150), Reason::Unmetered);
    village.ok(2, Call::from(call::deals::CloseDeal { deal, cumulative_wh: WattHours(100) }));
}

/// A meter is rated anew for what flows from now on: so much as could have flowed before still counts, and no more.
#[test]
fn a_new_rating_is_for_what_flows_from_then_on() {
    for power_max_w in [40_000, 1_000] {
        let (mut village, mut sim) = metered(&terms());
        let (chain, start) = (village.world.env.chain, village.first_ms);
        let rate = |power_max_w: u32| Call::from(RateMeter { meter: address(52), power_max_w });
        assert_eq!(rate(0).check(), Err(Reason::OutOfRange));
        village.go(start + QUARTER);
        village.fails(2, rate(power_max_w), Reason::NotAllowed);
        village.ok(2, no_mandate(village.id));
        village.fails(1, rate(power_max_w), Reason::MandateRequired);
        village.ok(2, mandate(village.id, None));
        let rated = village.now();
        village.ok(1, rate(power_max_w));
        village.go(start + 2 * QUARTER);
        let opened = sim.import;
        for (beyond, want) in [(20, Err(Reason::ImplausibleReading)), (0, Ok(()))] {
            let worth = 20_000 * (rated - start) + u64::from(power_max_w) * (village.now() - rated);
            sim.import = opened + worth / HOUR + beyond;
            let reading = sim.read(chain, start + 2 * QUARTER, 0, SYNCED);
            assert_eq!(village.submit(vec![reading]), [want], "{power_max_w} W");
        }
        village.check_tabs();
    }
}

/// The new owner's use is what its meter will be estimated at.
#[test]
fn no_estimate_rests_on_an_old_owners_use() {
    let (mut village, mut sim) = metered(&terms());
    let (chain, start) = (village.world.env.chain, village.first_ms);
    village.meter(53, 3, MeterRole::Sub);
    quarter(&mut village, &mut sim, start + QUARTER, 100);
    let closing = sim.read(chain, village.now(), 0, SYNCED);
    village.ok(1, hand_over(52, 3, closing));
    let settled: SettledMeter = village.record(keys::settled_meter(&address(52))).unwrap();
    assert_eq!((settled.profile, settled.silence), (Profile::default(), None));
}
