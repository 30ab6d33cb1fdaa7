//! Disputes: evidence, votes, decisions.

use super::*;
use crate::modules::disputes::records::Dispute;
use wattle_primitives::call::disputes::{CLAIM_MAX, OPEN_MS, dispute_id};
use wattle_primitives::event::DisputesEvent;

const SYNCED: ClockQuality = ClockQuality::Synced;

/// A village whose person 2 has paid a bill of 10,000 and has a meter, and two of its readings. Persons 3 to 5 are
/// members.
fn contested(votes: u16) -> (Village, [SignedReading; 2]) {
    let terms = Terms { dispute_votes: votes, ..terms() };
    let mut village = Village::new(Params { account_deposit: Amount(7), ..params() }, &terms);
    let mut sim = village.meter(52, 2, MeterRole::Sub);
    village.go(village.first_ms + 1000); // the terms hold
    for n in 3..=5 {
        let (microgrid, account) = (village.id, address(n));
        village.ok(1, Call::from(call::energy::SetMember { microgrid, account, credit_limit: None }));
    }
    village.bill(2, 10_000);
    let chain = village.world.env.chain;
    let readings = [(0, 0), (700, 30)].map(|(import, export)| {
        sim.import += import;
        sim.export += export;
        sim.read(chain, village.first_ms, 0, SYNCED)
    });
    (village, readings)
}

impl Village {
    /// Charges person `n`, who pays, for the operator's benefit, who is paid.
    fn bill(&mut self, n: u8, amount: u128) {
        self.owe(n, 1, amount);
        self.settle_next();
        assert_eq!((self.tab(n), self.tab(1)), (0, 0));
    }
}

fn open(village: &Village, readings: &[SignedReading; 2], reference: u8) -> Call {
    claim(village, readings, reference, 5_000)
}

fn claim(village: &Village, [first, second]: &[SignedReading; 2], reference: u8, amount: u128) -> Call {
    Call::from(call::disputes::OpenDispute {
        microgrid: village.id,
        reference: Hash([reference; 32]),
        first: Box::new(first.clone()),
        second: Box::new(second.clone()),
        claim: Amount(amount),
        note: Hash([9; 32]),
    })
}

fn decide(reference: u8, uphold: bool) -> Call {
    Call::from(call::disputes::DecideDispute {
        dispute: dispute_id(&address(2), &Hash([reference; 32])),
        uphold,
    })
}

fn withdraw(reference: u8) -> Call {
    let dispute = dispute_id(&address(2), &Hash([reference; 32]));
    Call::from(call::disputes::WithdrawDispute { dispute })
}

impl Village {
    fn dispute(&self, reference: u8) -> Option<Dispute> {
        self.record(keys::dispute(&dispute_id(&address(2), &Hash([reference; 32]))))
    }

    /// Credit that the last decision granted.
    fn granted(&self) -> Option<u128> {
        self.events.iter().rev().find_map(|event| match event {
            Event::Disputes(DisputesEvent::DisputeDecided { credit, .. }) => Some(credit.0),
            _ => None,
        })
    }
}

#[test]
fn evidence_is_two_readings_of_ones_own_meter() {
    let (mut village, readings) = contested(0);
    let refused = |village: &Village, call: Call| {
        village.world.try_sign(village.world.body(2, vec![call]), &[2]).is_err()
    };
    let mut forged = readings.clone();
    forged[1].reading.import = BoundedVec::new(vec![9, 9]).unwrap();
    village.fails(2, open(&village, &forged, 1), Reason::BadSignature);
    village.fails(3, open(&village, &readings, 1), Reason::NotAllowed);
    assert!(refused(&village, open(&village, &[readings[1].clone(), readings[0].clone()], 1)));
    assert!(refused(&village, open(&village, &[readings[0].clone(), readings[0].clone()], 1)));
    for claim in [Amount(0), Amount(CLAIM_MAX.0 + 1)] {
        let mut call = open(&village, &readings, 1);
        if let Call::Disputes(call::DisputesCall::OpenDispute(call::disputes::OpenDispute {
            claim: of,
            ..
        })) = &mut call
        {
            *of = claim;
        }
        assert!(refused(&village, call));
    }
    let mut elsewhere = Sim { seq: 9, ..Sim::new(51, 0) };
    let foreign = [0, 1].map(|_| elsewhere.read(village.world.env.chain, 5, 0, SYNCED));
    village.fails(2, open(&village, &foreign, 1), Reason::UnknownMeter);
    let mut fallen = Sim { seq: 9, import: 5, ..Sim::new(52, 0) };
    let fallen = [readings[1].clone(), fallen.read(village.world.env.chain, 5, 0, SYNCED)];
    village.ok(2, open(&village, &fallen, 7)); // a register that turns over: evidence all the same
    village.ok(2, open(&village, &readings, 1));
    village.fails(2, open(&village, &readings, 1), Reason::AlreadyExists);
    let opened = village.events.iter().rev().find_map(|event| match event {
        Event::Disputes(DisputesEvent::DisputeOpened { import_wh, export_wh, claim, .. }) => {
            Some((import_wh.0, export_wh.0, claim.0))
        }
        _ => None,
    });
    assert_eq!(opened, Some((700, 30, 5_000)));
}

#[test]
fn the_operator_decides_where_the_terms_leave_it_to_it() {
    let (mut village, readings) = contested(0);
    let funds = village.funds(2);
    village.ok(2, open(&village, &readings, 1));
    village.ok(2, open(&village, &readings, 2));
    assert_eq!(village.funds(2), funds - 14);
    let operator = village.funds(1);
    village.fails(3, decide(1, true), Reason::NotAllowed);
    village.fails(2, decide(1, true), Reason::NotAllowed);
    village.fails(6, decide(1, true), Reason::NotMember);
    village.ok(1, decide(1, false));
    village.fails(1, decide(1, true), Reason::UnknownDispute);
    village.ok(1, decide(2, true));
    assert_eq!((village.funds(2), village.tab(2)), (funds, 5_000));
    assert_eq!((village.funds(1), village.tab(1)), (operator - 5_000, 0), "its wallet pays");
    village.check_tabs();
}

#[test]
fn members_decide_by_votes_on_one_side() {
    let (mut village, readings) = contested(2);
    village.ok(2, open(&village, &readings, 1));
    let view = |village: &Village| village.dispute(1);
    // The claimant has no vote, the operator one, and nobody has two.
    village.fails(2, decide(1, true), Reason::NotAllowed);
    village.ok(1, decide(1, false));
    village.fails(1, decide(1, false), Reason::AlreadyExists);
    village.ok(3, decide(1, true));
    village.fails(3, decide(1, true), Reason::AlreadyExists);
    assert_eq!(view(&village).map(|view| (view.upheld, view.rejected)), Some((1, 1)));
    village.ok(4, decide(1, true));
    assert_eq!((view(&village), village.tab(2)), (None, 5_000));
    let decided = Event::Disputes(DisputesEvent::DisputeDecided {
        dispute: dispute_id(&address(2), &Hash([1; 32])),
        microgrid: village.id,
        account: address(2),
        upheld: true,
        credit: Amount(5_000),
    });
    assert!(village.events.contains(&decided));
    village.ok(2, open(&village, &readings, 1));
    village.ok(3, decide(1, false));
    village.ok(5, decide(1, false));
    assert_eq!((view(&village), village.tab(2)), (None, 5_000));
    // The operator grants nothing alone: it is others who paid the cash in.
    village.ok(2, open(&village, &readings, 1));
    village.ok(1, decide(1, true));
    village.fails(1, decide(1, true), Reason::AlreadyExists);
    assert_eq!((view(&village).map(|view| view.upheld), village.tab(2)), (Some(1), 5_000));
    village.ok(5, decide(1, true));
    assert_eq!((view(&village), village.tab(2)), (None, 10_000));
    village.check_tabs();
}

/// Whoever gains by another decision can neither bring in voters nor change the terms.
#[test]
fn who_votes_and_how_many_is_fixed_when_a_dispute_is_opened() {
    let (mut village, readings) = contested(2);
    village.ok(2, open(&village, &readings, 1));
    let (microgrid, credit_limit) = (village.id, None);
    village.ok(3, Call::from(call::energy::LeaveMicrogrid { microgrid }));
    for n in [3, 6] {
        let account = address(n);
        village.ok(1, Call::from(call::energy::SetMember { microgrid, account, credit_limit }));
        village.fails(n, decide(1, true), Reason::NotAllowed);
    }
    // Terms under which the operator decides alone reach no dispute from before; nor do others later.
    let set = |village: &mut Village, dispute_votes| {
        let terms = Box::new(Terms { dispute_votes, ..terms() });
        village.ok(1, Call::from(call::energy::SetTerms { microgrid, terms }));
        village.world.env.time_ms = TimeMs(village.now() + 2 * 96 * QUARTER);
    };
    set(&mut village, 0);
    village.ok(1, decide(1, true));
    village.fails(1, decide(1, true), Reason::AlreadyExists);
    assert_eq!(village.dispute(1).map(|dispute| (dispute.needed, dispute.upheld)), Some((2, 1)));
    village.ok(2, open(&village, &readings, 2));
    set(&mut village, 2);
    village.fails(4, decide(2, true), Reason::NotAllowed);
    village.ok(1, decide(2, true));
    village.ok(4, decide(1, true));
    assert_eq!((village.dispute(1), village.dispute(2), village.line(2).credit), (None, None, 10_000));
    village.check_tabs();
}

#[test]
fn what_expired_is_not_decided_and_anybody_clears_it_away() {
    let (mut village, readings) = contested(2);
    let funds = village.funds(2);
    village.ok(2, open(&village, &readings, 1));
    let expires = village.now() + OPEN_MS.0;
    village.ok(2, open(&village, &readings, 2));
    village.fails(3, withdraw(1), Reason::NotAllowed);
    village.fails(1, withdraw(1), Reason::NotAllowed);
    village.ok(2, withdraw(1));
    village.fails(2, withdraw(1), Reason::UnknownDispute);
    assert_eq!((village.dispute(1), village.funds(2)), (None, funds - 7));
    village.world.env.time_ms = TimeMs(expires - 2000); // a block takes a second
    village.fails(4, withdraw(2), Reason::NotAllowed);
    village.ok(3, decide(2, true));
    assert_eq!(village.now(), expires);
    for n in [1, 4] {
        village.fails(n, decide(2, true), Reason::DisputeExpired);
    }
    village.ok(6, withdraw(2));
    let want = Event::Disputes(DisputesEvent::DisputeWithdrawn {
        dispute: dispute_id(&address(2), &Hash([2; 32])),
        microgrid: village.id,
        account: address(2),
        by: address(6),
    });
    assert!(village.events.contains(&want));
    assert_eq!((village.dispute(2), village.granted()), (None, None));
}

/// A claim is paid by the operator's tab, so somebody who was charged little cannot be granted much, nor one thing
/// twice.
#[test]
fn no_more_is_granted_than_was_charged() {
    let (mut village, readings) = contested(0);
    for reference in 1..=2 {
        village.ok(2, open(&village, &readings, reference));
        village.ok(1, decide(reference, true));
    }
    // A payout to it does not count as charged to it.
    village.settle_next();
    assert_eq!((village.tab(1), village.tab(2)), (0, 0));
    village.ok(2, open(&village, &readings, 3));
    village.ok(1, decide(3, true));
    assert_eq!((village.granted(), village.tab(2)), (Some(0), 0));
    // Of a claim for more than is left to be granted, that much is.
    village.bill(2, 3_000);
    for (reference, credit) in [(3, 3_000), (4, 0)] {
        village.ok(2, open(&village, &readings, reference));
        village.ok(1, decide(reference, true));
        assert_eq!((village.granted(), village.tab(2)), (Some(credit), 3_000));
    }
    village.check_tabs();
}

#[test]
fn a_refund_and_a_dispute_do_not_pay_twice() {
    let (mut village, readings) = contested(0);
    let refund = |village: &Village, amount| {
        Call::from(call::energy::ChargeLine {
            microgrid: village.id,
            account: address(2),
            kind: LineKind::Refund,
            amount: Amount(amount),
            reason: Hash([9; 32]),
        })
    };
    village.ok(1, refund(&village, 6_000));
    village.ok(2, open(&village, &readings, 1));
    village.ok(1, decide(1, true)); // 5,000, of which 4,000 are left
    village.fails(1, refund(&village, 1), Reason::LimitExceeded);
    assert_eq!(village.tab(2), 10_000);
    village.check_tabs();
}

/// Members 2, 3 and 4 may be one person. What is awarded comes out of the operator's wallet within its mandate, but for
/// what the claimant owes it; so member 5 is paid all that it is owed with the next settlement.
#[test]
fn an_award_is_paid_out_of_nobody_elses_money() {
    let unlimited = Some(None);
    let up_to = |amount| Some(Some(Amount(amount)));
    // The operator's mandate and money, and what the claimant owes; then what is awarded, and what the operator pays.
    let table = [
        (unlimited, 1_000_000, 0, 5_000, 5_000),
        (up_to(3_000), 1_000_000, 0, 3_000, 3_000),
        (unlimited, 3_000, 0, 3_000, 3_000),
        (unlimited, 0, 0, 0, 0),
        (None, 1_000_000, 0, 0, 0),
        (None, 1_000_000, 2_000, 2_000, 0),
        (up_to(1_000), 1_000_000, 2_000, 3_000, 1_000),
        (unlimited, 1_000_000, 2_000, 5_000, 3_000),
        (unlimited, 1_000_000, 7_000, 5_000, 0),
    ];
    for (given, money, owes, awarded, paid) in table {
        let case = format!("{given:?}, {money}, {owes}");
        let (mut village, readings) = contested(2);
        let id = village.id;
        village.owe(4, 5, 8_000);
        village.ok(4, Call::from(call::energy::PayTab { microgrid: id }));
        village.ok(1, given.map_or_else(|| no_mandate(id), |per_charge| mandate(id, per_charge)));
        let all = village.funds(1);
        village.world.ok(1, transfer(6, all.saturating_sub(money)));
        let [operator, honest] = [1, 5].map(|n| village.funds(n));
        village.owe(2, 1, owes);
        village.ok(2, open(&village, &readings, 1));
        village.ok(3, decide(1, true));
        village.ok(4, decide(1, true));
        assert_eq!(village.granted(), Some(awarded), "{case}");
        assert_eq!(village.funds(1), operator - paid, "{case}");
        let credit = awarded as i128 - owes as i128;
        assert_eq!([village.tab(2), village.tab(5)], [credit, 8_000], "{case}");
        village.check_tabs();
        village.settle_next();
        assert_eq!((village.funds(5), village.tab(5)), (honest + 8_000, 0), "{case}");
        village.check_tabs();
    }
}

/// Neither while it is only estimated, nor when readings have shown that it was not used.
#[test]
fn a_dispute_grants_no_estimate_that_readings_refund() {
    let mut village = Village::new(params(), &terms());
    let mut sim = village.meter(52, 2, MeterRole::Sub);
    let (chain, start) = (village.world.env.chain, village.first_ms);
    let readings = [(0, 0), (1, 1_000)].map(|(quarter, wh)| {
        village.go(start + quarter * QUARTER + 1000);
        sim.import += wh;
        let reading = sim.read(chain, start + quarter * QUARTER, 0, SYNCED);
        assert_eq!(village.submit(vec![reading.clone()]), [Ok(())]);
        reading
    });
    let grants = |village: &mut Village, reference, amount| {
        village.ok(2, claim(village, &readings, reference, amount));
        village.ok(1, decide(reference, true));
        village.granted()
    };
    village.go(start + QUARTER + 60_000);
    assert_eq!(village.line(2).debit, 300_000);
    assert_eq!(grants(&mut village, 1, 300_000), Some(300_000), "what it used, once");
    village.go(start + 3 * QUARTER + 60_000); // silent
    assert_eq!((village.line(2).debit, village.customer(2).estimates), (900_000, Amount(600_000)));
    assert_eq!(grants(&mut village, 2, 600_000), Some(0));
    let reading = sim.read(chain, start + 3 * QUARTER, 0, SYNCED);
    assert_eq!(village.submit(vec![reading]), [Ok(())]);
    assert_eq!((village.line(2).credit, village.customer(2).estimates), (900_000, Amount(0)));
    assert_eq!(grants(&mut village, 3, 600_000), Some(0));
    village.check_tabs();
}

#[test]
fn the_operator_grants_itself_nothing() {
    let (mut village, _) = contested(0);
    let mut sim = village.meter(51, 1, MeterRole::Sub);
    let readings = [0, 1].map(|_| sim.read(village.world.env.chain, 5, 0, SYNCED));
    village.ok(1, open(&village, &readings, 1));
    let dispute = dispute_id(&address(1), &Hash([1; 32]));
    village.ok(1, Call::from(call::disputes::DecideDispute { dispute, uphold: true }));
    let (microgrid, account) = (village.id, address(1));
    let want = Event::Disputes(DisputesEvent::DisputeDecided {
        dispute,
        microgrid,
        account,
        upheld: true,
        credit: Amount(0),
    });
    assert!(village.events.contains(&want));
}
