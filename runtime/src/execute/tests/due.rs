//! Due work: everybody's gets its turn, and nothing is forgotten.

use super::settlement::{QUARTER, Village, terms};
use super::*;
use crate::keys;
use crate::modules::ledger::posting::DEPOSITS;
use crate::modules::ledger::records::Balance;
use crate::records::{DueKind, RETRY_MS};
use wattle_primitives::call::deals::deal_id;
use wattle_primitives::call::energy::{ClearingRule, Terms};
use wattle_primitives::call::ledger::{Entry, hold_id};
use wattle_primitives::call::market::{Side, order_id};
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::units::IntervalId;

/// Room for due work that is small beside the pile: about 100 holds a block, were there nothing else.
fn narrow() -> Params {
    Params { block_weight_max: Weight(100_000), ..params() }
}

/// A pile of holds of person 2 that expire at one time.
fn pile(world: &mut World, count: u64, expires_ms: u64) {
    let state = world.state.clone();
    let mut ctx = Ctx::new(Overlay::new(&state), &world.env);
    ctx.begin(Parties::alone(address(2)), &[]);
    for n in 0..count {
        let mut reference = Hash::ZERO;
        reference.0[..8].copy_from_slice(&n.to_le_bytes());
        let entry = Entry::new(wallet(2), wallet(3), AssetId::NATIVE, Amount(1));
        let ttl_ms = TimeMs(expires_ms - world.env.time_ms.0);
        Call::from(call::ledger::Hold { reference, entry, captor: address(3), ttl_ms: Some(ttl_ms) })
            .execute(&mut ctx)
            .unwrap();
    }
    world.state = ctx.state.finish().0;
    world.tally = Tally::of(&world.state).unwrap();
}

/// Empty blocks from `at` on until an interval is settled, and how many holds are left then.
fn until_settled(village: &mut Village, at: u64) -> (u64, usize) {
    village.world.env.time_ms = TimeMs(at);
    for block in 1.. {
        let done = village.world.try_run(&[]).unwrap();
        let settled = |event: &Event| matches!(event, Event::Energy(EnergyEvent::IntervalSettled { .. }));
        if done.receipts.block.iter().any(settled) {
            return (block, village.world.state.due_in_order(DueKind::Hold).count());
        }
    }
    unreachable!("the interval is never settled")
}

/// "A pile of expiring holds does not delay a settlement by more than one block's turn", however high.
#[test]
fn a_pile_of_expiring_holds_does_not_delay_a_settlement() {
    let settle_ms = |village: &Village| village.first_ms + QUARTER + 60_000;
    let mut calm = Village::new(narrow(), &terms());
    let at = settle_ms(&calm);
    let (blocks, _) = until_settled(&mut calm, at);
    let mut village = Village::new(narrow(), &terms());
    pile(&mut village.world, 3_000, at - QUARTER);
    let (with_pile, left) = until_settled(&mut village, at);
    assert!(with_pile <= blocks + 1, "{with_pile} blocks instead of {blocks}");
    assert!(left > 2_000, "the pile was no pile: {left} left");
    // Nor does settlement hold up the pile: it goes on at its own share at least.
    let share = narrow().block_weight_max.0 / 8 / 4 / (6 * weights::KEY);
    for _ in 0..3 {
        let before = village.world.state.due_in_order(DueKind::Hold).count() as u64;
        village.world.try_run(&[]).unwrap();
        let after = village.world.state.due_in_order(DueKind::Hold).count() as u64;
        assert!(before - after >= share, "{} of {share}", before - after);
    }
}

/// Takes all deposits away, so that nothing that gives one back can end; or gives them back.
fn deposits(world: &mut World, balance: Balance) -> Balance {
    let state = world.state.clone();
    let key = keys::balance(&DEPOSITS, AssetId::NATIVE);
    let mut overlay = Overlay::new(&state);
    overlay.write(key, &balance);
    world.state = overlay.finish().0;
    state.read(key).unwrap()
}

/// An empty block, of a state that breaks a rule.
fn broken_block(world: &mut World) {
    world.state = execute_block(&world.state, &world.env, &[]).unwrap().state;
}

/// "A hold is released even when its first release failed." So ends an order or a deal, at its own time or with its
/// market.
#[test]
fn what_could_not_end_at_its_time_ends_later() {
    let clearing = Terms { clearing: ClearingRule::PayAsBid, ..terms() };
    let mut village = Village::new(Params { account_deposit: Amount(7), ..params() }, &clearing);
    village.meter(52, 2, MeterRole::Sub);
    let (id, now, reference) = (village.id, village.now(), Hash([1; 32]));
    let entry = Entry::new(wallet(2), wallet(3), AssetId::NATIVE, Amount(500));
    let ttl_ms = TimeMs(60_000);
    village
        .ok(2, Call::from(call::ledger::Hold { reference, entry, captor: address(3), ttl_ms: Some(ttl_ms) }));
    let order = |reference: u8, expires_ms| {
        Call::from(call::market::PlaceOrder {
            microgrid: id,
            reference: Hash([reference; 32]),
            interval: IntervalId(village_interval(now)),
            side: Side::Buy,
            price: Amount(100_000),
            wh: WattHours(1_000),
            partner: None,
            expires_ms,
        })
    };
    village.ok(2, order(2, Some(TimeMs(now + 60_000))));
    village.ok(2, order(3, None));
    village.ok(
        2,
        Call::from(call::deals::RequestDeal {
            microgrid: id,
            reference,
            side: Side::Buy,
            wh_max: WattHours(1_000),
            wh_min: WattHours(1_000),
            unit_wh: WattHours(1_000),
            price: Amount(1),
            expires_ms: TimeMs(now + 60_000),
        }),
    );
    let (hold, deal) = (hold_id(&address(2), &reference), deal_id(&address(2), &reference));
    let orders = [2, 3].map(|n| order_id(&address(2), &Hash([n; 32])));
    let standing = |world: &World| {
        let order = |n: usize| world.state.read(keys::order(&orders[n])).is_some();
        let (hold, deal) = (world.state.read(keys::hold(&hold)), world.state.read(keys::deal(&deal)));
        [hold.is_some(), order(0), order(1), deal.is_some()]
    };
    let all = deposits(&mut village.world, Balance::default());
    let cleared_ms = village_interval(now) * QUARTER;
    for at in [now + 60_000, cleared_ms, cleared_ms + 1_000] {
        village.world.env.time_ms = TimeMs(at);
        broken_block(&mut village.world);
        assert_eq!(standing(&village.world), [true; 4], "at {at}");
    }
    // Its owner cannot use it meanwhile: it is over.
    let late = Call::from(call::ledger::Capture { hold, amount: None, more: false });
    let tx = village.world.sign(village.world.body(3, vec![late]), &[3]);
    let done = execute_block(&village.world.state, &village.world.env, &[tx]).unwrap();
    assert_eq!(done.receipts.txs[0].outcome, Outcome::Failed { call: 0, reason: Reason::UnknownHold });
    deposits(&mut village.world, all);
    village.world.env.time_ms = TimeMs(cleared_ms + RETRY_MS);
    village.world.try_run(&[]).unwrap();
    assert_eq!(standing(&village.world), [false; 4]);
    assert_eq!(village.world.funds(2).1, 0, "something is still held");
}

/// An interval to trade in that begins more than a minute after `now`.
const fn village_interval(now: u64) -> u64 {
    now / QUARTER + 2
}
