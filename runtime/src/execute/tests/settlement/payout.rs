//! Cash is shared out once in each interval, to all at once.

use super::*;
use crate::modules::energy::records::{Interval, Step};
use crate::modules::energy::tab::TAX;
use wattle_primitives::call::energy::Tax;

fn pay(village: &Village) -> Call {
    Call::from(call::energy::PayTab { microgrid: village.id })
}

/// Person 2 owes 300,000 and has 120,000; of that persons 3 and 4 are owed 200,000 and 100,000, and the operator
/// nothing. No meter reports any more.
fn short() -> Village {
    let mut village = Village::new(params(), &terms());
    for n in 2..=4 {
        village.meter(50 + n, n, MeterRole::Sub);
    }
    village.go(village.first_ms + 1000);
    let all = village.funds(2);
    village.world.ok(2, transfer(6, all - 120_000));
    village.owe(2, 3, 200_000);
    village.owe(2, 4, 100_000);
    village
}

#[test]
fn whoever_asks_first_is_paid_no_more_than_its_part() {
    let mut village = short();
    village.ok(4, pay(&village));
    village.ok(2, pay(&village));
    village.ok(4, pay(&village)); // there is cash now, and it waits for all
    let parts = |village: &Village| [3, 4].map(|n| village.funds(n) - START.0);
    assert_eq!(parts(&village), [0, 0]);
    village.settle_next();
    assert_eq!(parts(&village), [80_000, 40_000]);
    // The operator comes after them all, and gets what is left.
    village.owe(2, 1, 50_000);
    let operators = village.funds(1);
    for (more, want, rest) in [(60_000, [120_000, 60_000], 0), (150_000, [200_000, 100_000], 30_000)] {
        village.world.ok(6, transfer(2, more));
        village.settle_next();
        assert_eq!((parts(&village), village.funds(1) - operators), (want, rest));
    }
    assert_eq!([village.tab(1), village.tab(2)], [20_000, -20_000]);
    village.check_tabs();
}

/// It takes many blocks; what happens in between changes nobody's part.
#[test]
fn a_claim_that_grows_while_cash_is_shared_out_gets_no_more() {
    let mut village = short();
    let whole = std::mem::replace(&mut village.world.env.params.block_weight_max, Weight(1)); // a step a block
    let interval = village.interval(village.now());
    let key = keys::interval(&village.id, interval);
    let step = |village: &Village| village.record::<Interval>(key).map(|record| record.step);
    village.world.env.time_ms = TimeMs(village.first_ms + QUARTER + 60_000);
    let mut blocks = 0;
    while !matches!(step(&village), Some(Step::Pay { .. })) {
        let done = village.world.try_run(&[]).unwrap();
        village.note(done.receipts.block);
        blocks += 1;
        assert!(blocks < 1_000, "never paid");
    }
    assert_eq!(village.line(3).paid, 0, "it was paid within one block");
    village.owe(1, 3, 1_000_000);
    village.owe(4, 1, 70_000); // and one that is less now gets no more than it is
    village.world.env.params.block_weight_max = whole;
    village.go(village.now());
    assert_eq!([3, 4].map(|n| village.line(n).paid), [-80_000, -30_000]);
    village.check_tabs();
}

/// Person 3 is owed 1,000, which person 5 has paid in, and it has sold energy of an interval that is not settled: while
/// it may fail to deliver that, it is not paid. Neither is the operator from it, to whom persons 2 and 4 are in debt,
/// nor from the 800 of person 4's that are a tax.
#[test]
fn the_operator_is_paid_nothing_that_is_withheld_from_a_member() {
    for more in [0, 200] {
        let tax = Tax { code: 1, permille: 160, on: BoundedVec::new(vec![LineKind::Connection]).unwrap() };
        let taxes = BoundedVec::new(vec![tax]).unwrap();
        let fees = Fees { connection: Amount(5_000), taxes, ..Fees::default() };
        let mut village = Village::new(params(), &Terms { fees, ..terms() });
        let mut sims: Vec<Sim> = (2..=5).map(|n| village.meter(50 + n, n, MeterRole::Sub)).collect();
        let (start, id) = (village.first_ms, village.id);
        for n in [2, 4] {
            village.ok(n, no_mandate(id));
        }
        let mut read = |village: &mut Village, at: u64, wh: u64| {
            assert_eq!(report(village, &mut sims[0], at, wh), [Ok(())]);
        };
        read(&mut village, start, 0);
        let deal = village.deal(1_000, start + 4 * QUARTER);
        read(&mut village, start + QUARTER, 200);
        village.ok(2, Call::from(call::deals::ReportUsage { deal, seq: 1, cumulative_wh: WattHours(100) }));
        assert_eq!(village.member(3).exposed, Amount(30_000));
        village.owe(5, 3, 1_000);
        village.ok(5, pay(&village));
        village.ok(
            1,
            Call::from(call::energy::ChargeLine {
                microgrid: id,
                account: address(4),
                kind: LineKind::Connection,
                amount: Amount(5_000),
                reason: Hash([9; 32]),
            }),
        );
        let all = village.funds(4);
        village.world.ok(4, transfer(6, all - 800 - more));
        village.ok(4, pay(&village));
        let [operator, seller] = [1, 3].map(|n| village.funds(n));
        village.go(start + QUARTER + 60_000);
        assert_eq!((village.funds(3), village.tab(3)), (seller, 1_000), "withheld");
        assert_eq!(village.balance(TAX), 800);
        assert_eq!([village.tab(2), village.tab(4)], [-60_000, -5_000 + more as i128], "not paid");
        assert_eq!(village.funds(1), operator + more);
        assert_eq!(village.tab(1), 65_000 - more as i128);
        village.check_tabs();
    }
}

/// A microgrid without a meter settles where somebody has a part in it. Whoever is owed cash is enough, and nobody
/// else.
#[test]
fn who_is_owed_is_paid_even_where_no_meter_is() {
    let mut village = Village::new(params(), &terms());
    let (reference, asset) = (Hash([7; 32]), AssetId::NATIVE);
    let interval_ms = TimeMs(QUARTER);
    village.ok(1, Call::from(call::energy::RegisterMicrogrid { reference, asset, interval_ms }));
    let microgrid = microgrid_id(&address(1), &reference);
    village.id = microgrid;
    village.ok(1, Call::from(call::energy::SetTerms { microgrid, terms: Box::new(terms()) }));
    for n in 2..=3 {
        let set = call::energy::SetMember { microgrid, account: address(n), credit_limit: None };
        village.ok(1, Call::from(set));
    }
    village.go(village.first_ms + 1000);
    let asked = |village: &Village| {
        let interval = village.interval(village.now());
        village.record::<Interval>(keys::interval(&village.id, interval)).is_some()
    };
    village.owe(2, 3, 5_000);
    village.ok(3, pay(&village)); // nothing to be paid from
    assert!(!asked(&village));
    village.ok(2, pay(&village));
    village.ok(2, pay(&village)); // owed nothing
    village.ok(1, pay(&village));
    assert!(!asked(&village));
    village.settle_next();
    assert_eq!(village.tab(3), 5_000); // nobody has asked
    village.ok(3, pay(&village));
    assert!(asked(&village));
    village.settle_next();
    assert_eq!((village.tab(3), village.funds(3)), (0, START.0 + 5_000));
}
