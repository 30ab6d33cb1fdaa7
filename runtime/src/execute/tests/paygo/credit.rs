//! Credit that a gateway sets aside and reports the use of.

use super::*;

#[test]
fn two_gateways_cannot_spend_one_credit() {
    let mut shop = Shop::new();
    shop.top_up(10);
    let (one, authorise) = shop.authorise(600, 60_000);
    shop.village.fails(4, authorise.clone(), Reason::NotAllowed);
    shop.village.ok(3, authorise.clone());
    shop.village.fails(3, authorise, Reason::AlreadyExists);
    shop.set(|set| set.gateway = Some(address(4)));
    let (_, beyond) = shop.authorise(600, 60_000);
    shop.village.fails(4, beyond, Reason::InsufficientFunds);
    let (two, rest) = shop.authorise(400, 60_000);
    shop.village.ok(4, rest);
    assert_eq!(shop.credit(), (0, 1_000));
    // Each reports of its own alone, and nobody takes a hold that is not its own.
    let foreign = shop.draw(one, 1, 100);
    shop.village.fails(4, foreign, Reason::NotAllowed);
    for n in [1, 2, 3, 4] {
        let capture = call::ledger::Capture { hold: two, amount: None, more: false };
        shop.village.fails(n, capture.into(), Reason::NotAllowed);
        shop.village.fails(n, call::ledger::Void { hold: two }.into(), Reason::NotAllowed);
    }
    let (of_one, of_two) = (shop.close(one, 600), shop.close(two, 150));
    shop.village.ok(3, of_one);
    shop.village.ok(4, of_two);
    assert_eq!((shop.credit(), shop.burned(BurnCause::Use)), ((250, 0), 750));
}

#[test]
fn a_report_counts_once_and_no_further_than_was_set_aside() {
    let mut shop = Shop::new();
    shop.top_up(10);
    let (hold, authorise) = shop.authorise(300, 60_000);
    shop.village.ok(3, authorise);
    for (seq, wh, drawn) in [(1, 100, 100), (1, 100, 100), (3, 250, 250), (2, 260, 250), (4, 900, 300)] {
        let report = shop.draw(hold, seq, wh);
        shop.village.ok(3, report);
        assert_eq!(shop.burned(BurnCause::Use), drawn, "report {seq}");
        let Some(PaygoEvent::CreditUsed { cumulative_wh, remaining_wh, stop, .. }) = shop.events().pop()
        else {
            panic!("no answer")
        };
        assert_eq!((cumulative_wh.0, remaining_wh.0, stop), (drawn, 300 - drawn, drawn == 300));
    }
    let less = shop.draw(hold, 5, 299);
    shop.village.fails(3, less, Reason::RegisterDecreased);
    let close = shop.close(hold, 300);
    shop.village.ok(3, close.clone());
    shop.village.fails(3, close, Reason::UnknownHold);
    assert_eq!(shop.credit(), (700, 0));
}

#[test]
fn what_was_not_drawn_is_free_again_at_the_end() {
    let mut shop = Shop::new();
    shop.top_up(10);
    for _ in 0..AUTHORISATIONS_MAX {
        let (hold, authorise) = shop.authorise(200, 60_000);
        shop.village.ok(3, authorise);
        let report = shop.draw(hold, 1, 50);
        shop.village.ok(3, report);
    }
    let (_, fifth) = shop.authorise(10, 60_000);
    shop.village.fails(3, fifth, Reason::BookFull);
    for (ttl, reason) in [(0, Reason::BadTime), (91 * DAY, Reason::BadTime)] {
        let (_, call) = shop.authorise(10, ttl);
        shop.village.fails(3, call, reason);
    }
    shop.village.go(shop.village.now() + 70_000);
    assert_eq!(shop.credit(), (800, 0));
    let (hold, authorise) = shop.authorise(800, 60_000);
    shop.village.ok(3, authorise);
    let late = shop.draw(hold, 1, 1);
    shop.village.world.env.time_ms.0 += 60_000;
    shop.village.fails(3, late, Reason::UnknownHold);
}

#[test]
fn a_token_that_sets_the_credit_leaves_what_is_set_aside() {
    let mut shop = Shop::new();
    shop.top_up(10);
    let (hold, authorise) = shop.authorise(300, 60_000);
    shop.village.ok(3, authorise);
    let off = token(3, TokenKind::Set, 0);
    shop.give(off);
    shop.redeem(off);
    assert_eq!(shop.credit(), (0, 300));
    let close = shop.close(hold, 100);
    shop.village.ok(3, close);
    assert_eq!(shop.credit(), (200, 0));
}

#[test]
fn time_is_not_set_aside() {
    let unit = CreditUnit::Time { per_unit: TimeMs(DAY) };
    let mut shop = Shop::with(params(), &terms(), RegisterDevice { unit, ..device() });
    shop.top_up(10);
    let (_, authorise) = shop.authorise(1, 60_000);
    shop.village.fails(3, authorise, Reason::WrongDevice);
}

/// Goal: what a gateway reported and a meter shows again costs credit once, and no money.
#[test]
fn reported_use_that_the_meter_shows_is_paid_once() {
    let (mut shop, mut sim) = Shop::metered(&terms());
    shop.top_up(10);
    let (hold, authorise) = shop.authorise(400, 10 * QUARTER);
    shop.village.ok(3, authorise);
    let report = shop.draw(hold, 1, 250);
    shop.village.ok(3, report);
    shop.to_end_of(0);
    shop.read(&mut sim, 600);
    shop.settle(0);
    // 250 were paid when they were reported, 350 now; 150 are still held.
    assert_eq!((shop.burned(BurnCause::Use), shop.burned(BurnCause::Import)), (250, 350));
    assert_eq!((shop.credit(), shop.device().ahead_wh.0), ((250, 150), 0));
    assert_eq!((shop.village.billed(2).0, shop.village.line(2).debit), (600, 0));
}
